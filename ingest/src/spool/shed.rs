//! The note beside a spool of what was given up for want of room, so that a hole in the archive has a reason that
//! survives us. Must not know why room was short. I/O through `Disk`.

use crate::disk::Disk;
use crate::journal::{LogError, small_file};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Effects of these records, both ends included, were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub from_seq: u64,
    pub to_seq: u64,
}

/// The spans of a note, ascending.
pub fn read<D: Disk>(disk: &D, dir: &Path) -> Result<Vec<Span>, LogError> {
    let path = path(dir);
    let Some(bytes) = small_file::read(disk, &path)? else { return Ok(Vec::new()) };
    serde_json::from_slice(&bytes).map_err(|_| LogError::BadChecksum { path })
}

/// Adds a span, durably. Those that the archive is past are forgotten, neighbours become one: a note stays small.
pub fn add<D: Disk>(disk: &D, dir: &Path, span: Span, applied_seq: u64) -> Result<(), LogError> {
    let mut spans = read(disk, dir)?;
    spans.retain(|known| known.to_seq > applied_seq);
    match spans.last_mut() {
        Some(last) if last.to_seq.saturating_add(1) >= span.from_seq => last.to_seq = last.to_seq.max(span.to_seq),
        _ => spans.push(span),
    }
    write(disk, dir, &spans)
}

/// What was noted but not done when a crash came, is not so: the records are still there.
pub fn forget_after<D: Disk>(disk: &D, dir: &Path, base: u64) -> Result<(), LogError> {
    let mut spans = read(disk, dir)?;
    let before = spans.clone();
    for span in &mut spans {
        span.to_seq = span.to_seq.min(base);
    }
    spans.retain(|span| span.from_seq <= span.to_seq);
    if spans == before { Ok(()) } else { write(disk, dir, &spans) }
}

/// Whether every record from `from_seq` to `to_seq` lies in one of the spans.
#[must_use]
pub fn covers(spans: &[Span], from_seq: u64, to_seq: u64) -> bool {
    let mut next = from_seq;
    for span in spans {
        if span.from_seq <= next && next <= span.to_seq {
            next = span.to_seq.saturating_add(1);
        }
    }
    next > to_seq
}

fn write<D: Disk>(disk: &D, dir: &Path, spans: &[Span]) -> Result<(), LogError> {
    // Plain data of numbers: it cannot fail to encode, and an empty note would only be refused as a hole later.
    let bytes = serde_json::to_vec(spans).unwrap_or_default();
    small_file::replace(disk, &path(dir), &bytes, &|| ())
}

fn path(dir: &Path) -> PathBuf {
    dir.join("shed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_covered_whole_or_not_at_all() {
        let spans =
            [Span { from_seq: 5, to_seq: 9 }, Span { from_seq: 10, to_seq: 12 }, Span { from_seq: 20, to_seq: 30 }];
        assert!(covers(&spans, 5, 12) && covers(&spans, 7, 11) && covers(&spans, 20, 30));
        assert!(!covers(&spans, 4, 9) && !covers(&spans, 5, 13) && !covers(&spans, 12, 20) && !covers(&[], 1, 1));
    }
}
