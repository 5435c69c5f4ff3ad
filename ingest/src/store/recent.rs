//! The newest readings of one point out of the spool: what the database does not have yet, or all that is still held
//! when it does not answer. Must not know the database. I/O through `Disk`.

use super::lane::LaneRecord;
use super::query::StoredReading;
use crate::disk::{Disk, DiskFile};
use crate::journal::LogError;
use crate::journal::segments;
use crate::spool::SpoolTail;
use alerting::effect::{Columns, NO_TIME};
use rules::reading::Micros;

/// The newest so many bytes of the spool are looked through, at about 40 a reading: 2 h at 900 readings/s, in half a
/// second.
pub const BYTES_MAX: u64 = 256 << 20;
/// Read in pieces of this size, so that memory stays small.
const PIECE: usize = 4 << 20;

/// What was looked through, and what of the point was in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub rows: Vec<StoredReading>,
    /// Records after this one were looked through.
    pub after_seq: u64,
    /// Up to this one.
    pub to_seq: u64,
    /// Nothing between what was asked for and `after_seq` was left out.
    pub complete: bool,
}

/// The rows of point `number` in the records after `after_seq`, with `from <= event < to`. The spool is read beside the
/// engine and the projector; neither is waited for.
pub fn read<D: Disk>(
    tail: &mut SpoolTail<D>,
    number: u32,
    after_seq: u64,
    span: [Micros; 2],
) -> Result<Found, LogError> {
    let asked = after_seq.max(tail.base());
    let begins = newest(tail, asked, BYTES_MAX)?;
    let mut found = Found { rows: Vec::new(), after_seq: begins, to_seq: begins, complete: begins <= asked };
    loop {
        let records = tail.read_after(found.to_seq, PIECE)?;
        let Some(last) = records.last() else { break };
        found.to_seq = last.seq;
        for record in records {
            let path = || tail.dir().to_owned();
            let record = LaneRecord { seq: record.seq, journal_crc: record.journal_crc, payload: record.payload };
            // The projector refuses such a record by name; here it is as good as a broken file.
            let stored = record.readings().map_err(|_| LogError::BadChecksum { path: path() })?;
            collect(&mut found.rows, &stored.fast, number, span);
            collect(&mut found.rows, &stored.late, number, span);
        }
    }
    Ok(found)
}

fn collect(rows: &mut Vec<StoredReading>, columns: &Columns, number: u32, [from, to]: [Micros; 2]) {
    let times = columns.event_us.iter().zip(&columns.device_us).zip(&columns.received_us);
    let marks = columns.value.iter().zip(&columns.quality).zip(&columns.flags);
    for ((point, ((event, device), received)), ((value, quality), flags)) in columns.point.iter().zip(times).zip(marks)
    {
        if *point == number && (from.0..to.0).contains(event) {
            rows.push(StoredReading {
                event_time: Micros(*event),
                device_time: (*device != NO_TIME).then_some(Micros(*device)),
                received: Micros(*received),
                value: *value,
                quality: i16::from(*quality),
                flags: i16::from(*flags),
            });
        }
    }
}

/// Where to begin after `asked`, so that no more than `bytes_max` are to be read; whole segments, one at least.
fn newest<D: Disk>(tail: &SpoolTail<D>, asked: u64, bytes_max: u64) -> Result<u64, LogError> {
    let (disk, dir) = (tail.disk(), tail.dir());
    let mut begins = u64::MAX;
    let mut bytes: u64 = 0;
    for (first, path) in segments(disk, dir)?.into_iter().rev() {
        let len = match disk.open(&path).and_then(|file| file.len()) {
            Ok(len) => len,
            // Given up meanwhile: what is left begins with the segment before this one in our order.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => break,
            Err(e) => return Err(LogError::io(&path, e)),
        };
        bytes = bytes.saturating_add(len);
        if bytes > bytes_max && begins != u64::MAX {
            break;
        }
        begins = first.saturating_sub(1);
        if begins <= asked {
            break;
        }
    }
    Ok(if begins == u64::MAX { asked } else { begins.max(asked) })
}
