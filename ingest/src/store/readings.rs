//! The readings lane: rows of a chunk, and the fast path, COPY BINARY without a look at what is stored.
//! Must not decide what is late: the fold said so, or the position's `late_until`. I/O.

use super::capability::Capability;
use super::days::day_of;
use super::error::StoreError;
use super::lane::{Counts, LaneRecord, Position};
use super::late;
use super::points::{PointMap, Slot};
use super::refusal::Refusal;
use super::stamp::Stamp;
use alerting::effect::{Columns, NO_TIME};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, pin_mut};
use std::collections::BTreeSet;
use std::ops::Range;
use tokio_postgres::{Error, Statement, Transaction};

pub const COPY: &str = "COPY public.reading (point, event_time, value, quality, device_time, received, flags) \
                        FROM STDIN (FORMAT binary)";

/// One reading on its way; 64 bytes, copied by value, so that a chunk is one allocation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub seq: u64,
    /// Place in its record: fast ones first, then late ones.
    pub index: u32,
    /// The journal's number of the point, and the database's.
    pub number: u32,
    pub point: i32,
    pub event_us: i64,
    pub value: f64,
    pub device_us: i64,
    pub received_us: i64,
    pub quality: u8,
    pub flags: u8,
}

impl Row {
    /// As it is set aside when PostgreSQL refuses it: one row of `Columns`, postcard.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let columns = Columns {
            point: vec![self.number],
            event_us: vec![self.event_us],
            value: vec![self.value],
            quality: vec![self.quality],
            device_us: vec![self.device_us],
            received_us: vec![self.received_us],
            flags: vec![self.flags],
        };
        postcard::to_stdvec(&columns).unwrap_or_default()
    }
}

/// How rows are copied: the statement, and what the database can do with it.
pub struct Way {
    pub copy: Statement,
    pub capability: Capability,
}

/// The rows of a chunk: `rows[..fast]` are copied, the rest is compared.
#[derive(Debug, Default)]
pub struct Rows {
    pub rows: Vec<Row>,
    pub fast: usize,
    /// Rows that cannot have a place, with the reason.
    pub doomed: Vec<(Row, &'static str)>,
    /// Dropped by the fold as duplicates.
    pub duplicate: u64,
    /// Of the rows that have a place: all of them, and the late ones.
    pub days: BTreeSet<i64>,
    pub late_days: BTreeSet<i64>,
    /// The minutes whose rollups these rows change, as their beginnings in microseconds since 1970.
    pub minutes: BTreeSet<i64>,
}

const MINUTE_US: i64 = 60_000_000;

impl Rows {
    /// Decodes a chunk. Points have no numbers of the database yet.
    pub fn collect(from: &Position, chunk: &[LaneRecord]) -> Result<Rows, StoreError> {
        let mut rows = Rows::default();
        let mut late = Vec::new();
        for record in chunk {
            let stored = record
                .readings()
                .map_err(|detail| StoreError::Refuse(Refusal::Unreadable { seq: record.seq, detail }))?;
            rows.duplicate = rows.duplicate.saturating_add(u64::from(stored.duplicates));
            let fast_rows = u32::try_from(stored.fast.len()).unwrap_or(u32::MAX);
            let fast = if record.seq <= from.late_until { &mut late } else { &mut rows.rows };
            push(fast, record.seq, 0, &stored.fast);
            push(&mut late, record.seq, fast_rows, &stored.late);
        }
        rows.fast = rows.rows.len();
        rows.rows.append(&mut late);
        Ok(rows)
    }

    /// The journal's numbers that the map does not know.
    #[must_use]
    pub fn unknown(&self, points: &PointMap) -> BTreeSet<u32> {
        self.rows.iter().map(|row| row.number).filter(|number| points.get(*number) == Slot::Unknown).collect()
    }

    /// Gives every row its point, and takes out those that have no place; notes the days of the rest.
    pub fn place(&mut self, points: &PointMap) {
        let (mut days, mut late_days, mut minutes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut last_day, mut last_minute) = (None, None);
        let mut fast = self.fast;
        let mut at = 0_usize;
        let doomed = &mut self.doomed;
        let fast_end = self.fast;
        self.rows.retain_mut(|row| {
            let is_fast = at < fast_end;
            at = at.saturating_add(1);
            let reason = match (points.get(row.number), day_of(row.event_us)) {
                (Slot::Placed(point), Some(day)) => {
                    row.point = point;
                    // Nearly all rows of a chunk are of one day: ask the set only when the day changes.
                    if last_day != Some((day, is_fast)) {
                        days.insert(day);
                        if !is_fast {
                            late_days.insert(day);
                        }
                        last_day = Some((day, is_fast));
                    }
                    let minute = row.event_us.div_euclid(MINUTE_US).saturating_mul(MINUTE_US);
                    if last_minute != Some(minute) {
                        minutes.insert(minute);
                        last_minute = Some(minute);
                    }
                    return true;
                }
                (Slot::Placed(_), None) => "event time beyond the years kept",
                (Slot::Unplaceable | Slot::Unknown, _) => "the key of its point could not be stored",
            };
            doomed.push((*row, reason));
            if is_fast {
                fast = fast.saturating_sub(1);
            }
            false
        });
        (self.fast, self.days, self.late_days, self.minutes) = (fast, days, late_days, minutes);
    }

    /// Writes the rows of `range`: the fast ones of it by COPY, then the late ones by comparison.
    pub async fn write(&self, tx: &Transaction<'_>, way: &Way, range: Range<usize>) -> Result<Counts, Error> {
        let split = self.fast.clamp(range.start, range.end);
        let fast = self.rows.get(range.start..split).unwrap_or_default();
        let late = self.rows.get(split..range.end).unwrap_or_default();
        let mut counts = Counts::default();
        if !fast.is_empty() {
            way.capability.before_copy(tx, fast.len()).await?;
            counts.fast = copy(tx, &way.copy, fast).await?;
        }
        if !late.is_empty() {
            counts.late_inserted = late::insert(tx, late).await?;
            counts.late_duplicate = (late.len() as u64).saturating_sub(counts.late_inserted);
        }
        Ok(counts)
    }
}

fn push(rows: &mut Vec<Row>, seq: u64, index: u32, columns: &Columns) {
    rows.reserve(columns.len());
    let times = columns.event_us.iter().zip(&columns.device_us).zip(&columns.received_us);
    let marks = columns.value.iter().zip(&columns.quality).zip(&columns.flags);
    for (i, ((number, times), marks)) in (0_u32..).zip(columns.point.iter().zip(times).zip(marks)) {
        let ((event_us, device_us), received_us) = times;
        let ((value, quality), flags) = marks;
        rows.push(Row {
            seq,
            index: index.saturating_add(i),
            number: *number,
            point: 0,
            event_us: *event_us,
            value: *value,
            device_us: *device_us,
            received_us: *received_us,
            quality: *quality,
            flags: *flags,
        });
    }
}

/// The most a row takes in COPY BINARY: a field count and seven fields, each with its length.
const ROW_BYTES_MAX: usize = 2 + 7 * 4 + 4 + 8 + 8 + 2 + 8 + 8 + 2;
/// Sent in blocks of about this size, so that encoding, sending and the server's work overlap.
const BLOCK_ROWS: usize = 4_096;
/// Signature, flags, length of the header's extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// COPY BINARY of `rows` by the prepared statement `COPY`.
pub async fn copy(tx: &Transaction<'_>, statement: &Statement, rows: &[Row]) -> Result<u64, Error> {
    let sink = tx.copy_in::<Statement, Bytes>(statement).await?;
    pin_mut!(sink);
    let mut buffer = BytesMut::with_capacity(BLOCK_ROWS.saturating_mul(ROW_BYTES_MAX));
    buffer.put_slice(HEADER);
    for block in rows.chunks(BLOCK_ROWS) {
        buffer.reserve(block.len().saturating_mul(ROW_BYTES_MAX));
        for row in block {
            encode(row, &mut buffer);
        }
        sink.send(buffer.split().freeze()).await?;
    }
    buffer.put_i16(-1);
    sink.send(buffer.freeze()).await?;
    sink.finish().await
}

fn encode(row: &Row, out: &mut BytesMut) {
    out.put_i16(7);
    out.put_i32(4);
    out.put_i32(row.point);
    out.put_i32(8);
    out.put_i64(Stamp(row.event_us).wire());
    out.put_i32(8);
    out.put_f64(row.value);
    out.put_i32(2);
    out.put_i16(i16::from(row.quality));
    if row.device_us == NO_TIME {
        out.put_i32(-1);
    } else {
        out.put_i32(8);
        out.put_i64(Stamp(row.device_us).wire());
    }
    out.put_i32(8);
    out.put_i64(Stamp(row.received_us).wire());
    out.put_i32(2);
    out.put_i16(i16::from(row.flags));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lane::Lane;
    use alerting::effect::StoredReadings;

    fn columns(points: &[u32]) -> Columns {
        Columns {
            point: points.to_vec(),
            event_us: vec![1_763_900_000_000_000; points.len()],
            value: vec![0.5; points.len()],
            quality: vec![0; points.len()],
            device_us: vec![NO_TIME; points.len()],
            received_us: vec![1_763_900_000_000_001; points.len()],
            flags: vec![1; points.len()],
        }
    }

    fn record(seq: u64, fast: &[u32], late: &[u32]) -> LaneRecord {
        let stored = StoredReadings { fast: columns(fast), late: columns(late), duplicates: 1 };
        LaneRecord { seq, journal_crc: 0, payload: postcard::to_stdvec(&stored).unwrap() }
    }

    fn from(late_until: u64) -> Position {
        let journal_id = "j".to_owned();
        Position { lane: Lane::Readings, journal_id, applied_seq: 0, record_crc: None, late_until, owner_epoch: 1 }
    }

    #[test]
    fn fast_rows_come_first_and_old_records_go_late_entirely() {
        let chunk = [record(1, &[1, 2], &[3]), record(2, &[4], &[5])];
        let rows = Rows::collect(&from(0), &chunk).unwrap();
        assert_eq!(rows.rows.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 2, 4, 3, 5]);
        assert_eq!((rows.fast, rows.duplicate), (3, 2));
        assert_eq!(rows.rows.iter().map(|r| r.index).collect::<Vec<_>>(), [0, 1, 0, 2, 1]);
        let rows = Rows::collect(&from(1), &chunk).unwrap();
        assert_eq!(rows.rows.iter().map(|r| r.number).collect::<Vec<_>>(), [4, 1, 2, 3, 5]);
        assert_eq!(rows.fast, 1);
    }

    #[test]
    fn a_record_of_another_shape_is_refused_not_guessed() {
        let mut stored = StoredReadings { fast: columns(&[1, 2]), ..StoredReadings::default() };
        stored.fast.value.pop();
        let record = LaneRecord { seq: 9, journal_crc: 0, payload: postcard::to_stdvec(&stored).unwrap() };
        let refused = Rows::collect(&from(0), &[record]);
        assert!(matches!(refused, Err(StoreError::Refuse(Refusal::Unreadable { seq: 9, .. }))));
    }

    #[test]
    fn a_row_takes_the_bytes_of_copy_binary() {
        let mut out = BytesMut::new();
        let rows = Rows::collect(&from(0), &[record(1, &[7], &[])]).unwrap();
        let row = Row { point: 7, ..rows.rows[0] };
        encode(&row, &mut out);
        assert_eq!(out.len(), ROW_BYTES_MAX - 8, "a null takes its length only");
        assert_eq!(&out[..10], [0, 7, 0, 0, 0, 4, 0, 0, 0, 7]);
        out.clear();
        encode(&Row { device_us: 5, ..row }, &mut out);
        assert_eq!(out.len(), ROW_BYTES_MAX);
        assert_eq!(HEADER.len(), 19);
    }
}
