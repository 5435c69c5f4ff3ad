//! What a projector sees of spool and journal: read from outside, beside the engine, on whatever disk they lie. Must
//! not write there. I/O through `Disk`.

use super::lane::{Backlog, Evidence, LaneRecord};
use crate::disk::Disk;
use crate::journal::{Reader, checksum_of, identity};
use crate::spool::shed::Span;
use crate::spool::{SpoolRecord, SpoolTail};
use std::io;
use std::path::PathBuf;
use tokio::sync::watch;

/// The records are given up by the engine's housekeeping, which asks how far the lanes are.
impl<D: Disk> Backlog for SpoolTail<D> {
    fn base(&self) -> u64 {
        SpoolTail::base(self)
    }

    fn shed(&self) -> io::Result<Vec<Span>> {
        SpoolTail::shed(self).map_err(io::Error::other)
    }

    fn head(&self) -> watch::Receiver<u64> {
        SpoolTail::head(self)
    }

    fn read_after(&mut self, seq: u64, bytes_max: usize) -> io::Result<Vec<LaneRecord>> {
        let records = SpoolTail::read_after(self, seq, bytes_max).map_err(io::Error::other)?;
        let lane_record = |r: SpoolRecord| LaneRecord { seq: r.seq, journal_crc: r.journal_crc, payload: r.payload };
        Ok(records.into_iter().map(lane_record).collect())
    }

    fn release(&mut self, _seq: u64) -> io::Result<()> {
        Ok(())
    }
}

/// The journal beside the engine that writes it.
pub struct JournalEvidence<D: Disk> {
    disk: D,
    dir: PathBuf,
    head: watch::Receiver<u64>,
}

impl<D: Disk> JournalEvidence<D> {
    #[must_use]
    pub fn new(disk: D, dir: PathBuf, head: watch::Receiver<u64>) -> JournalEvidence<D> {
        JournalEvidence { disk, dir, head }
    }
}

impl<D: Disk> Evidence for JournalEvidence<D> {
    fn journal_id(&self) -> String {
        match identity::read(&self.disk, &self.dir) {
            Ok(Some(identity)) => identity.journal_id,
            Ok(None) => String::new(),
            Err(e) => {
                tracing::error!(error = %e, "journal identity unreadable");
                String::new()
            }
        }
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn checksum(&self, seq: u64) -> Option<u32> {
        let found = checksum_of(&mut Reader::new(self.disk.clone(), self.dir.clone(), seq), seq);
        found.unwrap_or_else(|e| {
            tracing::error!(seq, error = %e, "journal record unreadable");
            None
        })
    }
}
