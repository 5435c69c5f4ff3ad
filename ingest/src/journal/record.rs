//! How one record and one segment header lie on the disk. Must not know what a record means. Pure but for `read_at`.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::disk::DiskFile;
use std::io;

/// len u32, crc32 u32 (over seq and payload), seq u64; little endian; then the payload.
pub const RECORD_HEAD: usize = 16;
/// magic 8, format u32, crc32 u32 (over first seq), first seq u64.
pub const SEGMENT_HEAD: usize = 24;
/// No record is larger: 16 MiB of deliveries in a turn, one oversized message, and their frames.
pub const PAYLOAD_MAX: u32 = 64 << 20;
const MAGIC: &[u8; 8] = b"DAVYLOG\n";
const FORMAT: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub len: u32,
    pub crc: u32,
    pub seq: u64,
}

/// A record as read, or why there is none at that place.
#[derive(Debug)]
pub enum Found {
    Record {
        head: Head,
        payload: Vec<u8>,
    },
    /// The file ends exactly here.
    End,
    /// Bytes that are no whole and sound record.
    Broken,
}

#[must_use]
pub fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// The bytes of a record, and its checksum.
#[must_use]
pub fn encode(seq: u64, len: u32, payload: &[u8]) -> (Vec<u8>, u32) {
    let crc = checksum(seq, payload);
    let mut bytes = Vec::with_capacity(RECORD_HEAD.saturating_add(payload.len()));
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(payload);
    (bytes, crc)
}

/// Reads the record at `offset` of a file of `len` bytes.
pub fn read(file: &impl DiskFile, offset: u64, len: u64) -> io::Result<Found> {
    let left = len.saturating_sub(offset);
    if left == 0 {
        return Ok(Found::End);
    }
    if left < RECORD_HEAD as u64 {
        return Ok(Found::Broken);
    }
    let mut bytes = [0; RECORD_HEAD];
    file.read_at(offset, &mut bytes)?;
    let head = head_of(&bytes);
    if head.len > PAYLOAD_MAX || head.seq == 0 || u64::from(head.len) > left.saturating_sub(RECORD_HEAD as u64) {
        return Ok(Found::Broken);
    }
    let mut payload = vec![0; head.len as usize];
    file.read_at(offset.saturating_add(RECORD_HEAD as u64), &mut payload)?;
    if checksum(head.seq, &payload) != head.crc {
        return Ok(Found::Broken);
    }
    Ok(Found::Record { head, payload })
}

/// Where the record that begins at `offset` ends.
#[must_use]
pub fn end_of(offset: u64, head: Head) -> u64 {
    offset.saturating_add(RECORD_HEAD as u64).saturating_add(u64::from(head.len))
}

/// The highest seq that `bytes` bytes behind record `head` can hold if no seq is left out. What claims more is content
/// of a payload that looks like a record.
#[must_use]
pub fn gapless_end(head: u64, bytes: usize) -> u64 {
    head.saturating_add((bytes / RECORD_HEAD) as u64).saturating_add(1)
}

/// What `rest` is, which follows record `head` and does not begin with a sound one: damage, if it holds a sound record
/// up to `last` that was written later, else a torn tail.
#[must_use]
pub fn is_damage(rest: &[u8], head: u64, last: u64) -> bool {
    // Where the broken record has the right number, what it carried is not believed: a payload may look like anything.
    let behind = claimed_len(rest, head).unwrap_or(1);
    if (behind..rest.len()).any(|start| sound_at(rest, start, head, last).is_some()) {
        return true;
    }
    // Unless its length is what is broken: then its neighbours follow one another to the very end.
    let mut start = 1;
    while start < behind.min(rest.len()) {
        let mut at = start;
        let mut before = head;
        while let Some((seq, end)) = sound_at(rest, at, before, last) {
            (before, at) = (seq, end);
        }
        if at == rest.len() {
            return true;
        }
        start = at.max(start.saturating_add(1));
    }
    false
}

/// The sound record at `start`, if there is one with a seq after `after` and up to `last`: its seq, and where it ends.
fn sound_at(bytes: &[u8], start: usize, after: u64, last: u64) -> Option<(u64, usize)> {
    let payload_at = start.checked_add(RECORD_HEAD)?;
    let head = head_of(&bytes.get(start..payload_at)?.try_into().ok()?);
    // Cheap bounds first: a seq far beyond the last one is chance, not a record.
    if head.seq <= after || head.seq > last || head.seq.saturating_sub(after) > u64::from(u32::MAX) {
        return None;
    }
    let end = payload_at.checked_add(head.len as usize)?;
    let payload = bytes.get(payload_at..end)?;
    (checksum(head.seq, payload) == head.crc).then_some((head.seq, end))
}

/// How long the record at the beginning of `bytes` says it is, if its head is that of the record after `head`.
fn claimed_len(bytes: &[u8], head: u64) -> Option<usize> {
    let found = head_of(&bytes.get(..RECORD_HEAD)?.try_into().ok()?);
    let plausible = found.seq > head && found.seq.saturating_sub(head) <= 1 && found.len <= PAYLOAD_MAX;
    plausible.then(|| RECORD_HEAD.saturating_add(found.len as usize))
}

#[must_use]
pub fn segment_head(first: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEAD);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&first.to_le_bytes()).to_le_bytes());
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes
}

/// Whether a segment that should begin with `first` does so, in a format we read.
pub fn segment_is_sound(file: &impl DiskFile, first: u64) -> io::Result<bool> {
    if file.len()? < SEGMENT_HEAD as u64 {
        return Ok(false);
    }
    let mut bytes = vec![0; SEGMENT_HEAD];
    file.read_at(0, &mut bytes)?;
    Ok(bytes == segment_head(first))
}

fn head_of(bytes: &[u8; RECORD_HEAD]) -> Head {
    let [l0, l1, l2, l3, c0, c1, c2, c3, s0, s1, s2, s3, s4, s5, s6, s7] = *bytes;
    Head {
        len: u32::from_le_bytes([l0, l1, l2, l3]),
        crc: u32::from_le_bytes([c0, c1, c2, c3]),
        seq: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
    }
}
