//! Reads a log from some seq on, segment by segment, also while it grows: at the growing end it simply stops.
//! Must not write. I/O through `Disk`.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::error::LogError;
use super::log::{segment_path, segments_in};
use super::record::{self, Found, SEGMENT_HEAD};
use crate::disk::{Disk, DiskFile};
use std::path::PathBuf;

/// Records in order: (seq, checksum, payload). After an error it ends.
pub struct Reader<D: Disk> {
    disk: D,
    dir: PathBuf,
    from: u64,
    last: u64,
    open: Option<Open<D>>,
    ended: bool,
}

struct Open<D: Disk> {
    first: u64,
    path: PathBuf,
    file: D::File,
    offset: u64,
}

impl<D: Disk> Reader<D> {
    #[must_use]
    pub fn new(disk: D, dir: PathBuf, from: u64) -> Reader<D> {
        Reader { disk, dir, from, last: 0, open: None, ended: false }
    }

    /// Goes on from where the end was met: for a log that has grown since.
    pub fn again(&mut self) {
        self.ended = false;
    }

    fn step(&mut self) -> Result<Option<(u64, u32, Vec<u8>)>, LogError> {
        loop {
            if self.open.is_none() && !self.open_segment()? {
                return Ok(None);
            }
            let Some(open) = &mut self.open else { return Ok(None) };
            let io = |e| LogError::io(&open.path, e);
            let len = open.file.len().map_err(io)?;
            match record::read(&open.file, open.offset, len).map_err(io)? {
                Found::Record { head, payload } => {
                    open.offset = record::end_of(open.offset, head);
                    self.last = head.seq;
                    if head.seq >= self.from {
                        return Ok(Some((head.seq, head.crc, payload)));
                    }
                }
                found => {
                    let first = open.first;
                    let next = segments_in(&self.disk, &self.dir)?.into_iter().find(|next| *next > first);
                    let Some(next) = next else {
                        return if matches!(found, Found::Broken) { self.end_or_damage(len) } else { Ok(None) };
                    };
                    // It may have grown between the two looks; only then is there a next one, and it is closed.
                    if open.file.len().map_err(io)? != len {
                        continue;
                    }
                    if matches!(found, Found::Broken) {
                        let (path, offset) = (open.path.clone(), open.offset);
                        return Err(LogError::Corrupt { path, offset, seq: self.last.saturating_add(1) });
                    }
                    self.from = self.from.max(next);
                    self.open = None;
                }
            }
        }
    }

    /// The last segment does not go on with a sound record within its first `len` bytes. Being written or torn: the
    /// end. With sound records behind it: damage, whoever reads it.
    fn end_or_damage<T>(&self, len: u64) -> Result<Option<T>, LogError> {
        let Some(open) = &self.open else { return Ok(None) };
        let left = len.saturating_sub(open.offset);
        let mut rest = vec![0; usize::try_from(left).unwrap_or(usize::MAX)];
        match open.file.read_at(open.offset, &mut rest) {
            // Cut off by its owner meanwhile, who had found no room.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other.map_err(|e| LogError::io(&open.path, e))?,
        }
        let before = self.last.max(open.first.saturating_sub(1));
        let sound_up_to = record::gapless_end(before, rest.len());
        if record::is_damage(&rest, before, sound_up_to) {
            return Err(LogError::Corrupt {
                path: open.path.clone(),
                offset: open.offset,
                seq: before.saturating_add(1),
            });
        }
        Ok(None)
    }

    /// Opens the segment that may hold `from`; false if there is none.
    fn open_segment(&mut self) -> Result<bool, LogError> {
        let segments = segments_in(&self.disk, &self.dir)?;
        let holding = segments.iter().rev().find(|first| **first <= self.from.max(1)).or(segments.first());
        let Some(&first) = holding else { return Ok(false) };
        let path = segment_path(&self.dir, first);
        let file = match self.disk.open(&path) {
            // Given up by its owner between the two looks: another one is the first now.
            Err(e)
                if e.kind() == std::io::ErrorKind::NotFound
                    && !segments_in(&self.disk, &self.dir)?.contains(&first) =>
            {
                return self.open_segment();
            }
            other => other.map_err(|e| LogError::io(&path, e))?,
        };
        let len = file.len().map_err(|e| LogError::io(&path, e))?;
        if !record::segment_is_sound(&file, first).map_err(|e| LogError::io(&path, e))? {
            // The newest one may be just being created, or be left like that by a crash: no record is in it.
            let unborn = len <= SEGMENT_HEAD as u64 && segments.last() == Some(&first);
            return if unborn { Ok(false) } else { Err(LogError::BadSegment { path }) };
        }
        self.open = Some(Open { first, path, file, offset: SEGMENT_HEAD as u64 });
        Ok(true)
    }
}

impl<D: Disk> Iterator for Reader<D> {
    type Item = Result<(u64, u32, Vec<u8>), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.step().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}
