//! The journal: every input, in order, durable before anything else happens. One record = one batch = one seq.
//! Must not know what a record means. I/O through `Disk`.

pub mod blobs;
mod error;
pub mod identity;
pub mod lock;
mod log;
pub mod quota;
mod reader;
mod record;
pub mod small_file;
pub mod verify;

pub use error::LogError;
pub use identity::Identity;
pub use log::{Log, Tail};
pub use reader::Reader;

use crate::disk::Disk;
use rules::reading::Micros;
use std::path::{Path, PathBuf};

pub struct Journal<D: Disk> {
    log: Log<D>,
    dir: PathBuf,
    identity: Identity,
    /// Checksum of the newest record.
    head_crc: u32,
}

/// For a journal that is begun now.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    pub segment_bytes: u64,
    pub new_journal_id: String,
    pub created: Micros,
}

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of a record that a crash left unfinished; nobody was told that it was kept.
    pub torn_bytes: u64,
}

impl<D: Disk> Journal<D> {
    pub fn open(disk: D, dir: PathBuf, options: JournalOptions) -> Result<(Journal<D>, Opened), LogError> {
        disk.create_dir_all(&dir).map_err(|e| LogError::io(&dir, e))?;
        let identity = match identity::read(&disk, &dir)? {
            Some(identity) => identity,
            None => {
                let created = options.created;
                let identity = Identity { journal_id: options.new_journal_id, created, forked_from: None };
                identity::write(&disk, &dir, &identity)?;
                identity
            }
        };
        let (log, torn_bytes) = Log::open(disk, &dir, options.segment_bytes, Tail::LastRecord)?;
        let mut journal = Journal { log, dir, identity, head_crc: 0 };
        journal.head_crc = journal.find_checksum(journal.head())?.unwrap_or_default();
        Ok((journal, Opened { torn_bytes }))
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The newest record, or 0 if there is none.
    pub fn head(&self) -> u64 {
        self.log.head()
    }

    /// The oldest record still held, or 1 if there is none.
    pub fn first(&self) -> u64 {
        self.log.segments().first().copied().unwrap_or(1)
    }

    /// The first seqs of the segments, ascending.
    pub fn segments(&self) -> &[u64] {
        self.log.segments()
    }

    /// Writes record `seq`, which must be the next one; durable after `sync`. Returns its checksum.
    pub fn append(&mut self, seq: u64, payload: &[u8]) -> Result<u32, LogError> {
        assert_eq!(seq, self.head().saturating_add(1), "the journal has no gaps");
        self.head_crc = self.log.append(seq, payload)?;
        Ok(self.head_crc)
    }

    pub fn sync(&mut self) -> Result<(), LogError> {
        self.log.sync()?;
        crate::fault::point("journal.synced");
        Ok(())
    }

    /// Checksum of record `seq`; `None` if the journal does not hold it (any more).
    pub fn checksum(&self, seq: u64) -> Result<Option<u32>, LogError> {
        if seq == self.head() && seq > 0 { Ok(Some(self.head_crc)) } else { self.find_checksum(seq) }
    }

    fn find_checksum(&self, seq: u64) -> Result<Option<u32>, LogError> {
        checksum_of(&mut self.read(seq), seq)
    }

    /// The records from `seq` on: (seq, checksum, payload).
    pub fn read(&self, seq: u64) -> Reader<D> {
        self.log.read(seq)
    }

    /// Closes the segment being written, so that it can be given up.
    pub fn roll(&mut self) -> Result<(), LogError> {
        self.log.roll()
    }

    pub fn drop_before(&mut self, seq: u64) -> Result<u64, LogError> {
        self.log.drop_before(seq)
    }

    /// Recovery: from the next record on the journal bears another name.
    pub fn fork(&mut self, journal_id: &str) -> Result<(), LogError> {
        let forked_from = Some((self.identity.journal_id.clone(), self.head()));
        let identity = Identity { journal_id: journal_id.into(), created: self.identity.created, forked_from };
        identity::write(self.log.disk(), &self.dir, &identity)?;
        self.identity = identity;
        Ok(())
    }
}

/// The segments of a log, seen from outside: their first seqs and where they lie, ascending.
pub fn segments<D: Disk>(disk: &D, dir: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let firsts = log::segments_in(disk, dir)?;
    Ok(firsts.into_iter().map(|first| (first, log::segment_path(dir, first))).collect())
}

/// The checksum of record `seq`, from a reader that begins there.
pub fn checksum_of<D: Disk>(reader: &mut Reader<D>, seq: u64) -> Result<Option<u32>, LogError> {
    match reader.next() {
        Some(Ok((found, crc, _))) if found == seq => Ok(Some(crc)),
        Some(Err(e)) => Err(e),
        _ => Ok(None),
    }
}
