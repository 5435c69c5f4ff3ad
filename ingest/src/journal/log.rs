//! A segmented, checksummed log of records with rising seqs: the ground of journal and spool. Writes at the end only.
//! Must not know what a record means, nor when it may be forgotten. I/O through `Disk`.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::error::LogError;
use super::reader::Reader;
use super::record::{self, Found, SEGMENT_HEAD};
use super::small_file;
use crate::disk::{Disk, DiskFile};
use std::path::{Path, PathBuf};

/// So many segments are given up in one call: each costs a sync, and nothing is judged meanwhile.
const DROPS_MAX: usize = 8;

/// How much of a log's end a crash may have damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Every record was synced before the next was written: only the last may be torn.
    LastRecord,
    /// Records through this seq were synced; what lies behind them may be torn, in any order, and is given up.
    After(u64),
}

pub struct Log<D: Disk> {
    disk: D,
    dir: PathBuf,
    segment_bytes: u64,
    /// First seqs, ascending; the last one is open for writing.
    segments: Vec<u64>,
    writing: Option<Writing<D>>,
    head: u64,
    /// After a failed sync nothing is known about the file: no further use.
    poisoned: bool,
}

struct Writing<D: Disk> {
    file: D::File,
    len: u64,
    dirty: bool,
    /// A write that found no room left bytes behind `len` which could not be cut off yet.
    ragged: bool,
}

impl<D: Disk> Writing<D> {
    fn new(file: D::File, len: u64) -> Writing<D> {
        Writing { file, len, dirty: false, ragged: false }
    }

    /// A closed segment with half a record at its end would pass for damage.
    fn cut_ragged_end(&mut self) -> std::io::Result<()> {
        if self.ragged {
            self.file.set_len(self.len)?;
            self.ragged = false;
            self.dirty = true;
        }
        Ok(())
    }
}

#[must_use]
pub fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.log"))
}

/// The first seqs of the segments in `dir`, ascending.
pub fn segments_in<D: Disk>(disk: &D, dir: &Path) -> Result<Vec<u64>, LogError> {
    let names = disk.list(dir).map_err(|e| LogError::io(dir, e))?;
    Ok(names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect())
}

impl<D: Disk> Log<D> {
    /// Opens or begins the log in `dir`; cuts a torn tail off and says how many bytes that were.
    pub fn open(disk: D, dir: &Path, segment_bytes: u64, tail: Tail) -> Result<(Log<D>, u64), LogError> {
        small_file::make_dir(&disk, dir)?;
        // A killed process may have left names that only the kernel knows: from here on they count.
        disk.sync_dir(dir).map_err(|e| LogError::io(dir, e))?;
        let mut segments = segments_in(&disk, dir)?;
        let mut torn: u64 = 0;
        // A crash between creating a segment and syncing its header leaves a stump behind.
        while let Some(&last) = segments.last() {
            let path = segment_path(dir, last);
            let file = disk.open(&path).map_err(|e| LogError::io(&path, e))?;
            if record::segment_is_sound(&file, last).map_err(|e| LogError::io(&path, e))? {
                break;
            }
            if file.len().map_err(|e| LogError::io(&path, e))? > SEGMENT_HEAD as u64 {
                return Err(LogError::BadSegment { path });
            }
            torn = torn.saturating_add(1);
            disk.remove(&path).map_err(|e| LogError::io(&path, e))?;
            disk.sync_dir(dir).map_err(|e| LogError::io(dir, e))?;
            segments.pop();
        }
        let mut log = Log { disk, dir: dir.into(), segment_bytes, segments, writing: None, head: 0, poisoned: false };
        if let Some(&last) = log.segments.last() {
            torn = torn.saturating_add(log.open_last(last, tail)?);
        }
        Ok((log, torn))
    }

    /// Walks the last segment to its sound end and cuts off what lies behind.
    fn open_last(&mut self, first: u64, tail: Tail) -> Result<u64, LogError> {
        let path = segment_path(&self.dir, first);
        let io = |e| LogError::io(&path, e);
        let file = self.disk.open(&path).map_err(io)?;
        let len = file.len().map_err(io)?;
        let mut offset = SEGMENT_HEAD as u64;
        let mut head = first.saturating_sub(1);
        let broken = loop {
            match record::read(&file, offset, len).map_err(io)? {
                Found::Record { head: found, .. } if found.seq > head => {
                    head = found.seq;
                    offset = record::end_of(offset, found);
                }
                Found::End => break false,
                Found::Record { .. } | Found::Broken => break true,
            }
        };
        if broken {
            let mut rest = vec![0; usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX)];
            file.read_at(offset, &mut rest).map_err(io)?;
            let sound_up_to = match tail {
                Tail::LastRecord => record::gapless_end(head, rest.len()),
                Tail::After(synced) => synced,
            };
            if record::is_damage(&rest, head, sound_up_to) {
                return Err(LogError::Corrupt { path, offset, seq: head.saturating_add(1) });
            }
            file.set_len(offset).map_err(io)?;
        }
        // What a killed process had written but not synced is acted upon from here on, so it has to be durable too.
        file.sync_data().map_err(io)?;
        self.head = head;
        self.writing = Some(Writing::new(file, offset));
        Ok(len.saturating_sub(offset))
    }

    /// Writes one record behind the others; durable only after `sync`. When there is no room nothing is left behind.
    pub fn append(&mut self, seq: u64, payload: &[u8]) -> Result<u32, LogError> {
        self.refuse_if_poisoned()?;
        assert!(seq > self.head, "records rise: {seq} after {}", self.head);
        let len = u32::try_from(payload.len()).ok().filter(|len| *len <= record::PAYLOAD_MAX);
        let len = len.ok_or(LogError::TooLarge { bytes: payload.len() as u64 })?;
        let full = self.writing.as_ref().is_none_or(|w| w.len >= self.segment_bytes);
        if full {
            self.begin_segment(seq)?;
        }
        let (bytes, crc) = record::encode(seq, len, payload);
        let path = segment_path(&self.dir, self.segments.last().copied().unwrap_or(seq));
        let Some(writing) = &mut self.writing else { return Err(LogError::Poisoned) };
        writing.cut_ragged_end().map_err(|e| LogError::io(&path, e))?;
        if let Err(e) = write(&writing.file, writing.len, &bytes) {
            // What was written of it is no record: cut off now, or before the next use if that fails.
            writing.ragged = true;
            drop(writing.cut_ragged_end());
            let error = LogError::writing(&path, e, bytes.len() as u64);
            // Waiting helps against a lack of room only.
            self.poisoned = !matches!(error, LogError::NoSpace { .. });
            return Err(error);
        }
        writing.len = writing.len.saturating_add(bytes.len() as u64);
        writing.dirty = true;
        self.head = seq;
        Ok(crc)
    }

    /// Makes everything appended so far durable. A failure is final.
    pub fn sync(&mut self) -> Result<(), LogError> {
        self.refuse_if_poisoned()?;
        let Some(writing) = self.writing.as_mut().filter(|w| w.dirty) else { return Ok(()) };
        if let Err(e) = writing.file.sync_data() {
            self.poisoned = true;
            return Err(LogError::SyncFailed { dir: self.dir.clone(), source: e });
        }
        writing.dirty = false;
        Ok(())
    }

    /// A second handle on the segment being written, so that another thread can sync it.
    pub fn file_to_sync(&self) -> Result<Option<(PathBuf, D::File)>, LogError> {
        let Some(&last) = self.segments.last() else { return Ok(None) };
        let path = segment_path(&self.dir, last);
        let file = self.disk.open(&path).map_err(|e| LogError::io(&path, e))?;
        Ok(Some((path, file)))
    }

    /// Drops every record after `seq`, durably.
    pub fn cut_back_to(&mut self, seq: u64) -> Result<(), LogError> {
        while let Some(&last) = self.segments.last().filter(|first| **first > seq) {
            self.writing = None;
            self.remove_segment(last)?;
            self.segments.pop();
        }
        self.head = 0;
        let Some(&last) = self.segments.last() else { return Ok(()) };
        let path = segment_path(&self.dir, last);
        let io = |e| LogError::io(&path, e);
        let file = self.disk.open(&path).map_err(io)?;
        let len = file.len().map_err(io)?;
        let mut offset = SEGMENT_HEAD as u64;
        let mut head = last.saturating_sub(1);
        while let Found::Record { head: found, .. } = record::read(&file, offset, len).map_err(io)? {
            if found.seq > seq {
                break;
            }
            head = found.seq;
            offset = record::end_of(offset, found);
        }
        file.set_len(offset).map_err(io)?;
        file.sync_data().map_err(io)?;
        self.head = head;
        self.writing = Some(Writing::new(file, offset));
        Ok(())
    }

    /// Gives up whole segments that hold no record from `seq` on, a few of them in one call. Returns the bytes freed.
    pub fn drop_before(&mut self, seq: u64) -> Result<u64, LogError> {
        let mut freed: u64 = 0;
        for _ in 0..DROPS_MAX {
            let &[first, next, ..] = self.segments.as_slice() else { break };
            if next > seq {
                break;
            }
            let path = segment_path(&self.dir, first);
            let file = self.disk.open(&path).map_err(|e| LogError::io(&path, e))?;
            freed = freed.saturating_add(file.len().map_err(|e| LogError::io(&path, e))?);
            self.remove_segment(first)?;
            self.segments.remove(0);
        }
        Ok(freed)
    }

    /// Only closed segments can be given up: closes this one, if there is anything in it.
    pub fn roll(&mut self) -> Result<(), LogError> {
        self.refuse_if_poisoned()?;
        let begun = self.writing.as_ref().is_some_and(|w| w.len > SEGMENT_HEAD as u64);
        if begun { self.begin_segment(self.head.saturating_add(1)) } else { Ok(()) }
    }

    /// Reads from `seq` on, beside the writing.
    pub fn read(&self, from: u64) -> Reader<D> {
        Reader::new(self.disk.clone(), self.dir.clone(), from)
    }

    /// The last seq written, or 0 if there is none.
    pub fn head(&self) -> u64 {
        self.head
    }

    pub fn segments(&self) -> &[u64] {
        &self.segments
    }

    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// A new segment whose name says that no record before `seq` is in it. Durable before its first record.
    fn begin_segment(&mut self, seq: u64) -> Result<(), LogError> {
        if let Some(writing) = &mut self.writing {
            writing.cut_ragged_end().map_err(|e| LogError::io(&self.dir, e))?;
        }
        self.sync()?;
        let path = segment_path(&self.dir, seq);
        let head = record::segment_head(seq);
        let begun = (|| {
            let file = match self.disk.create(&path) {
                // Left over from an attempt that found no room.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => self.disk.open(&path)?,
                other => other?,
            };
            file.set_len(0)?;
            file.write_at(0, &head)?;
            file.sync_data()?;
            self.disk.sync_dir(&self.dir)?;
            Ok(file)
        })();
        let file = begun.map_err(|e| LogError::writing(&path, e, head.len() as u64))?;
        self.segments.push(seq);
        self.writing = Some(Writing::new(file, head.len() as u64));
        Ok(())
    }

    /// Durable before the next one is removed, so that a crash leaves no hole between segments.
    fn remove_segment(&self, first: u64) -> Result<(), LogError> {
        let path = segment_path(&self.dir, first);
        self.disk.remove(&path).map_err(|e| LogError::io(&path, e))?;
        self.disk.sync_dir(&self.dir).map_err(|e| LogError::io(&self.dir, e))
    }

    fn refuse_if_poisoned(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }
}

/// One write; in two halves where a test may want to kill us in between.
fn write(file: &impl DiskFile, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    if !cfg!(feature = "faults") {
        return file.write_at(offset, bytes);
    }
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_at(offset, first)?;
    crate::fault::point("journal.append.torn");
    file.write_at(offset.saturating_add(first.len() as u64), second)
}
