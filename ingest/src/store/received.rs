//! Readings in the order in which they were received, streamed out of the archive over COPY BINARY: what a backtest
//! judges again. Windows of receive time, so that the server sorts a window at a time. Must not know who asks. I/O.

use super::error::StoreError;
use super::stamp::{Stamp, literal};
use alerting::effect::NO_TIME;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use rules::reading::Micros;
use std::pin::Pin;
use tokio_postgres::{Client, CopyOutStream};

/// One stored reading, as it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Received {
    pub received_us: i64,
    pub event_us: i64,
    /// As sent; `NO_TIME` where the device sent none.
    pub device_us: i64,
    pub value: f64,
    /// The database's number.
    pub point: i32,
    pub quality: u8,
    /// Bits of `alerting::effect::FLAG_…`.
    pub flags: u8,
}

/// What is asked for: received in `from <= t < to`, and not later than `late_us` after its event, nor earlier than
/// `ahead_us` before it. Literal bounds of event time let the planner leave other days alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Micros,
    pub to: Micros,
    pub late_us: i64,
    pub ahead_us: i64,
}

/// One window on its way.
pub struct ReceivedStream {
    stream: Pin<Box<CopyOutStream>>,
    parser: Parser,
}

/// The sort of a day stays in memory for a district.
const SETTINGS: &str = "SET work_mem = '256MB'; SET max_parallel_workers_per_gather = 0";

/// Prepares a session for it.
pub async fn settle(client: &Client) -> Result<(), StoreError> {
    Ok(client.batch_execute(SETTINGS).await?)
}

/// Begins to read a window. Receive times of one point never repeat, so the order is one and the same each time.
pub async fn received(client: &Client, window: &Window) -> Result<ReceivedStream, StoreError> {
    let event = [literal(window.from.plus(-window.late_us).0), literal(window.to.plus(window.ahead_us).0)];
    let received = [literal(window.from.0), literal(window.to.0)];
    let sql = format!(
        "COPY (SELECT point, event_time, value, quality, device_time, received, flags FROM public.reading \
         WHERE event_time >= {} AND event_time <= {} AND received >= {} AND received < {} \
         ORDER BY received, point) TO STDOUT (FORMAT binary)",
        event[0], event[1], received[0], received[1]
    );
    let stream = Box::pin(client.copy_out(sql.as_str()).await?);
    Ok(ReceivedStream { stream, parser: Parser::default() })
}

impl ReceivedStream {
    /// Appends up to about `many` rows to `rows`; false at the end of the window.
    pub async fn take(&mut self, many: usize, rows: &mut Vec<Received>) -> Result<bool, StoreError> {
        let full = rows.len().saturating_add(many);
        while rows.len() < full {
            match self.stream.next().await {
                Some(bytes) => self.parser.feed(bytes?, rows).map_err(StoreError::Unfit)?,
                None if self.parser.ended => return Ok(false),
                None => return Err(StoreError::Unfit("the readings broke off, or are not of our columns".to_owned())),
            }
        }
        Ok(true)
    }
}

/// Signature, flags, length of the header's extension.
const HEADER_BYTES: usize = 19;

/// COPY BINARY read piece by piece, wherever the pieces are cut.
#[derive(Debug, Default)]
struct Parser {
    rest: BytesMut,
    begun: bool,
    ended: bool,
}

impl Parser {
    fn feed(&mut self, piece: Bytes, rows: &mut Vec<Received>) -> Result<(), String> {
        // As a rule a piece is one row, whole.
        if self.rest.is_empty() {
            let mut piece = piece;
            self.read(&mut piece, rows)?;
            self.rest.extend_from_slice(&piece);
        } else {
            self.rest.extend_from_slice(&piece);
            let mut rest = std::mem::take(&mut self.rest);
            self.read(&mut rest, rows)?;
            self.rest = rest;
        }
        Ok(())
    }

    /// Reads what is whole, and leaves the rest in `bytes`.
    fn read<B: Buf>(&mut self, bytes: &mut B, rows: &mut Vec<Received>) -> Result<(), String> {
        if !self.begun {
            let mut header = bytes.chunk();
            if header.len() < HEADER_BYTES {
                return Ok(());
            }
            if !header.starts_with(b"PGCOPY\n\xff\r\n\0") {
                return Err("the database does not answer in COPY BINARY".to_owned());
            }
            header.advance(HEADER_BYTES - 4);
            let extension = usize::try_from(header.get_i32()).unwrap_or(0);
            if bytes.remaining() < HEADER_BYTES.saturating_add(extension) {
                return Ok(());
            }
            bytes.advance(HEADER_BYTES.saturating_add(extension));
            self.begun = true;
        }
        while !self.ended {
            let mut row = bytes.chunk();
            let before = row.len();
            match tuple(&mut row)? {
                Tuple::Cut => break,
                Tuple::End => self.ended = true,
                Tuple::Row(received) => rows.push(received),
            }
            let used = before.saturating_sub(row.len());
            bytes.advance(used);
        }
        Ok(())
    }
}

enum Tuple {
    Row(Received),
    /// It goes on in the next piece.
    Cut,
    End,
}

fn tuple(bytes: &mut &[u8]) -> Result<Tuple, String> {
    if bytes.remaining() < 2 {
        return Ok(Tuple::Cut);
    }
    let fields = bytes.get_i16();
    if fields == -1 {
        return Ok(Tuple::End);
    }
    if fields != 7 {
        return Err(format!("a reading of {fields} columns"));
    }
    let read = (|| {
        Some(Received {
            point: field(bytes, 4)??.get_i32(),
            event_us: time(field(bytes, 8)??),
            value: field(bytes, 8)??.get_f64(),
            quality: small(field(bytes, 2)??),
            device_us: field(bytes, 8)?.map_or(NO_TIME, time),
            received_us: time(field(bytes, 8)??),
            flags: small(field(bytes, 2)??),
        })
    })();
    Ok(read.map_or(Tuple::Cut, Tuple::Row))
}

/// `Some(None)`: null. `None`: cut off, or not of this length.
fn field<'a>(bytes: &mut &'a [u8], len: usize) -> Option<Option<&'a [u8]>> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let (head, rest): (i32, &'a [u8]) = (i32::from_be_bytes(*head), rest);
    if head == -1 {
        *bytes = rest;
        return Some(None);
    }
    let (value, rest) = rest.split_at_checked(len).filter(|_| usize::try_from(head) == Ok(len))?;
    *bytes = rest;
    Some(Some(value))
}

fn time(mut bytes: &[u8]) -> i64 {
    Stamp::from_wire(bytes.get_i64()).0
}

fn small(mut bytes: &[u8]) -> u8 {
    u8::try_from(bytes.get_i16()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;

    fn stream(rows: &[Received]) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_slice(b"PGCOPY\n\xff\r\n\0");
        out.put_i32(0);
        out.put_i32(0);
        for row in rows {
            out.put_i16(7);
            out.put_i32(4);
            out.put_i32(row.point);
            out.put_i32(8);
            out.put_i64(Stamp(row.event_us).wire());
            out.put_i32(8);
            out.put_f64(row.value);
            out.put_i32(2);
            out.put_i16(row.quality.into());
            if row.device_us == NO_TIME {
                out.put_i32(-1);
            } else {
                out.put_i32(8);
                out.put_i64(Stamp(row.device_us).wire());
            }
            out.put_i32(8);
            out.put_i64(Stamp(row.received_us).wire());
            out.put_i32(2);
            out.put_i16(row.flags.into());
        }
        out.put_i16(-1);
        out
    }

    #[test]
    fn rows_are_the_same_wherever_the_stream_is_cut() {
        let at = 1_763_900_000_000_000;
        let row = |n: i64, device_us: i64| Received {
            received_us: at + n,
            event_us: at - n,
            device_us,
            value: 0.5,
            point: i32::try_from(n).unwrap(),
            quality: 1,
            flags: 9,
        };
        let rows = [row(1, at), row(2, NO_TIME), row(3, 7)];
        let bytes = stream(&rows);
        for size in 1..=bytes.len() {
            let (mut parser, mut read) = (Parser::default(), Vec::new());
            for piece in bytes.chunks(size) {
                parser.feed(Bytes::copy_from_slice(piece), &mut read).unwrap();
            }
            assert_eq!(read, rows, "pieces of {size}");
            assert!(parser.ended);
        }
    }

    #[test]
    fn another_table_is_refused() {
        let mut read = Vec::new();
        assert!(Parser::default().feed(Bytes::from_static(b"1\t2\t3\n and more of such text"), &mut read).is_err());
        let mut bytes = stream(&[]);
        bytes.truncate(19);
        bytes.put_i16(6);
        assert!(Parser::default().feed(bytes.into(), &mut read).is_err());
    }
}
