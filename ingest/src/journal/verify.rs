//! `davy journal verify`: every record read once, without the lock, beside a running Davy. I/O through `Disk`.

use super::error::LogError;
use super::identity;
use super::log::segments_in;
use super::reader::Reader;
use crate::disk::Disk;
use serde::Serialize;
use std::fmt;
use std::path::Path;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub journal_id: String,
    pub segments: usize,
    pub first: u64,
    pub last: u64,
    pub records: u64,
    pub bytes: u64,
    /// What is wrong, in the order it was met; empty for a sound journal.
    pub problems: Vec<String>,
}

impl Report {
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { journal_id, segments, first, last, records, bytes, problems } = self;
        write!(f, "journal {journal_id}: {records} records ({first} to {last}), {bytes} bytes, {segments} segments")?;
        for problem in problems {
            write!(f, "\n{problem}")?;
        }
        write!(f, "\n{}", if self.is_sound() { "sound" } else { "NOT SOUND" })
    }
}

/// Says what is wrong with the payload of a record.
pub type Judge<'a> = dyn FnMut(u64, &[u8]) -> Result<(), String> + 'a;

/// `content` judges the payload of each record.
pub fn verify<D: Disk>(disk: &D, dir: &Path, content: &mut Judge<'_>) -> Result<Report, LogError> {
    let mut report = Report { segments: segments_in(disk, dir)?.len(), ..Report::default() };
    match identity::read(disk, dir)? {
        Some(identity) => report.journal_id = identity.journal_id,
        None => report.problems.push(format!("no journal in {}", dir.display())),
    }
    for entry in Reader::new(disk.clone(), dir.into(), 0) {
        let (seq, _, payload) = match entry {
            Ok(record) => record,
            Err(e) => {
                report.problems.push(e.to_string());
                break;
            }
        };
        if report.records > 0 && seq != report.last.saturating_add(1) {
            if segments_in(disk, dir)?.first().is_some_and(|first| *first > report.last) {
                // The owner gave up what was read so far, and more: what is left begins here.
                report = Report { records: 0, bytes: 0, ..report };
            } else {
                report.problems.push(format!("record {seq} follows {}: a gap", report.last));
            }
        }
        if report.records == 0 {
            report.first = seq;
        }
        report.last = seq;
        report.records = report.records.saturating_add(1);
        report.bytes = report.bytes.saturating_add(payload.len() as u64);
        if let Err(problem) = content(seq, &payload) {
            report.problems.push(problem);
        }
    }
    Ok(report)
}
