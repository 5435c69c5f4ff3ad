//! A spool: the effects of one lane on their way to the database, keyed by seq. Written by the engine without waiting,
//! read by the projector at its own pace, made durable before a snapshot. I/O through `Disk`.

pub mod shed;

use crate::disk::{Disk, DiskFile};
use crate::journal::{Log, LogError, Reader, Tail, small_file};
use shed::Span;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// The effects of one record in one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolRecord {
    pub seq: u64,
    pub journal_crc: u32,
    pub payload: Vec<u8>,
}

pub struct Spool<D: Disk> {
    log: Log<D>,
    dir: PathBuf,
    /// Every effect after this seq is still here.
    base: Arc<AtomicU64>,
    /// Every effect up to this seq can be read; also moved by records without effects in this lane.
    head: watch::Sender<u64>,
}

impl<D: Disk> Spool<D> {
    /// `synced` = everything up to this seq was durable when the newest snapshot became valid.
    pub fn open(disk: D, dir: PathBuf, segment_bytes: u64, synced: u64) -> Result<Spool<D>, LogError> {
        if let Some(parent) = dir.parent() {
            small_file::make_dir(&disk, parent)?;
        }
        let (log, _) = Log::open(disk.clone(), &dir, segment_bytes, Tail::After(synced))?;
        let base = read_base(&disk, &dir)?;
        shed::forget_after(&disk, &dir, base)?;
        // A spool whose segments were all given up, or cut off behind what was given up, still stands at its base.
        let head = log.head().max(base);
        Ok(Spool { log, dir, base: Arc::new(AtomicU64::new(base)), head: watch::Sender::new(head) })
    }

    pub fn append(&mut self, seq: u64, journal_crc: u32, payload: &[u8]) -> Result<(), LogError> {
        let mut bytes = Vec::with_capacity(payload.len().saturating_add(4));
        bytes.extend_from_slice(&journal_crc.to_le_bytes());
        bytes.extend_from_slice(payload);
        self.log.append(seq, &bytes)?;
        crate::fault::point("spool.append");
        self.head.send_replace(seq);
        Ok(())
    }

    /// Drops every record after `seq`: the replay writes them again.
    pub fn cut_back_to(&mut self, seq: u64) -> Result<(), LogError> {
        self.log.cut_back_to(seq)?;
        self.head.send_replace(self.log.head().max(self.base()));
        Ok(())
    }

    /// Gives up whole segments whose records all lie at or before `seq`. Returns the bytes freed.
    pub fn drop_through(&mut self, seq: u64) -> Result<u64, LogError> {
        let before = self.log.segments().first().copied();
        // Said before it is done: a base that is too high hides records, a base that is too low promises lost ones.
        let begins = self.log.segments().iter().copied().take_while(|first| *first <= seq.saturating_add(1)).last();
        let base = begins.unwrap_or(0).saturating_sub(1);
        if base > self.base.load(Ordering::Acquire) && before != begins {
            let path = base_path(&self.dir);
            small_file::replace(self.log.disk(), &path, base.to_string().as_bytes(), &|| ())?;
            self.base.store(base, Ordering::Release);
        }
        self.log.drop_before(seq.saturating_add(1))
    }

    /// For want of room: gives up the oldest closed segment though not all of it is applied, noted durably before it is
    /// done. Only what a snapshot stands for may go, or a replay would write it again. `None`: there is none.
    pub fn shed(&mut self, applied_seq: u64, snapshot_seq: u64) -> Result<Option<Shed>, LogError> {
        let [_, next, ..] = self.log.segments() else { return Ok(None) };
        let to_seq = next.saturating_sub(1);
        if to_seq > snapshot_seq {
            return Ok(None);
        }
        let from_seq = self.base().max(applied_seq).saturating_add(1);
        let span = Span { from_seq, to_seq };
        if from_seq <= to_seq {
            shed::add(self.log.disk(), &self.dir, span, applied_seq)?;
        }
        crate::fault::point("spool.shed");
        let bytes = self.drop_through(to_seq)?;
        Ok(Some(Shed { span: (from_seq <= to_seq).then_some(span), bytes }))
    }

    /// Closes the segment being written, so that it can be given up.
    pub fn roll(&mut self) -> Result<(), LogError> {
        self.log.roll()
    }

    /// Makes durable what is in the spool now; may be used from another thread.
    pub fn sync_handle(&self) -> Result<SyncHandle<D>, LogError> {
        Ok(SyncHandle { file: self.log.file_to_sync()? })
    }

    pub fn tail(&self) -> SpoolTail<D> {
        SpoolTail {
            reader: self.log.read(0),
            last: 0,
            waiting: None,
            base: self.base.clone(),
            head: self.head.subscribe(),
            make: (self.log.disk().clone(), self.dir.clone()),
        }
    }

    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// The newest record in the files; unlike the head no base lifts it.
    pub fn written(&self) -> u64 {
        self.log.head()
    }

    pub fn base(&self) -> u64 {
        self.base.load(Ordering::Acquire)
    }

    /// Tells the base also later, from anywhere.
    pub fn base_reader(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let base = self.base.clone();
        move || base.load(Ordering::Acquire)
    }
}

/// What giving up a segment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shed {
    /// `None`: all of it was applied already.
    pub span: Option<Span>,
    pub bytes: u64,
}

pub struct SyncHandle<D: Disk> {
    file: Option<(PathBuf, D::File)>,
}

impl<D: Disk> SyncHandle<D> {
    pub fn sync(&self) -> Result<(), LogError> {
        match &self.file {
            Some((path, file)) => file.sync_data().map_err(|source| LogError::SyncFailed { dir: path.clone(), source }),
            None => Ok(()),
        }
    }
}

/// The projector's end of a spool.
pub struct SpoolTail<D: Disk> {
    reader: Reader<D>,
    /// The last seq given out.
    last: u64,
    /// Read already, but after the bytes asked for were full.
    waiting: Option<SpoolRecord>,
    base: Arc<AtomicU64>,
    head: watch::Receiver<u64>,
    make: (D, PathBuf),
}

impl<D: Disk> SpoolTail<D> {
    /// The records after `seq`, oldest first, until `bytes_max` is reached; one at least, if there is one.
    pub fn read_after(&mut self, seq: u64, bytes_max: usize) -> Result<Vec<SpoolRecord>, LogError> {
        if seq != self.last {
            let (disk, dir) = self.make.clone();
            self.reader = Reader::new(disk, dir, seq.saturating_add(1));
            self.waiting = None;
            self.last = seq;
        }
        // What is behind the head is being written: not ours to read yet.
        let head = *self.head.borrow();
        let mut records: Vec<SpoolRecord> = Vec::new();
        let mut bytes: usize = 0;
        self.reader.again();
        while bytes < bytes_max {
            let record = match self.waiting.take() {
                Some(record) => record,
                None if self.last_read(&records) >= head => break,
                None => match self.reader.next() {
                    Some(Ok(entry)) => unpack(entry),
                    Some(Err(e)) => {
                        // The reader is past what was read in this call: begin anew the next time, skip nothing.
                        self.last = u64::MAX;
                        return Err(e);
                    }
                    None => break,
                },
            };
            if record.seq > head {
                self.waiting = Some(record);
                break;
            }
            bytes = bytes.saturating_add(record.payload.len());
            records.push(record);
        }
        self.last = self.last_read(&records);
        Ok(records)
    }

    /// The same spool for another reader.
    #[must_use]
    pub fn another(&self) -> SpoolTail<D> {
        let (disk, dir) = self.make.clone();
        let (base, head) = (self.base.clone(), self.head.clone());
        let reader = Reader::new(disk.clone(), dir.clone(), 0);
        SpoolTail { reader, last: 0, waiting: None, base, head, make: (disk, dir) }
    }

    pub fn disk(&self) -> &D {
        &self.make.0
    }

    pub fn dir(&self) -> &Path {
        &self.make.1
    }

    /// Every effect after this seq is still here.
    pub fn base(&self) -> u64 {
        self.base.load(Ordering::Acquire)
    }

    /// What was given up for want of room.
    pub fn shed(&self) -> Result<Vec<Span>, LogError> {
        let (disk, dir) = &self.make;
        shed::read(disk, dir)
    }

    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn last_read(&self, records: &[SpoolRecord]) -> u64 {
        records.last().map_or(self.last, |record| record.seq)
    }
}

fn unpack((seq, _, mut payload): (u64, u32, Vec<u8>)) -> SpoolRecord {
    // The log has checked the bytes; four of them are always there, since `append` put them there.
    let body = payload.split_off(payload.len().min(4));
    let journal_crc = payload.try_into().map_or(0, u32::from_le_bytes);
    SpoolRecord { seq, journal_crc, payload: body }
}

fn base_path(dir: &Path) -> PathBuf {
    dir.join("base")
}

fn read_base<D: Disk>(disk: &D, dir: &Path) -> Result<u64, LogError> {
    let path = base_path(dir);
    let Some(bytes) = small_file::read(disk, &path)? else { return Ok(0) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.parse().map_err(|_| LogError::BadChecksum { path })
}
