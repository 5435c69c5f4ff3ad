//! The real projectors between the simulated spools and the simulated database. Pure but for its runtime.

use crate::database::{Database, Session};
use davy_tests::disk::SimDisk;
use ingest::engine::fold::Fold;
use ingest::journal::{Reader, checksum_of};
use ingest::spool::SpoolTail;
use ingest::store::lane::{Backlog, Evidence, Lane, LaneRecord};
use ingest::store::memory::Memory;
use ingest::store::projector::{Advance, Doors, Projector};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

pub struct Lanes {
    projectors: Vec<Projector<Session, SpoolDoor>>,
    runtime: tokio::runtime::Runtime,
}

pub fn lanes(fold: &Fold<SimDisk>, disk: &SimDisk, database: &Database) -> Lanes {
    let evidence = Arc::new(JournalDoor { disk: disk.clone(), head: fold.head_watch() });
    // The file cannot be written there: what was applied is remembered for one life only.
    let memory = Arc::new(Memory::open(Path::new("/nowhere/projection.json")));
    let projectors = Lane::ALL.into_iter().zip(fold.spools()).map(|(lane, spool)| {
        let backlog = SpoolDoor(spool.tail());
        let doors =
            Doors { archive: database.session(lane), backlog, evidence: evidence.clone(), memory: memory.clone() };
        Projector::new(lane, doors)
    });
    let projectors = projectors.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    Lanes { projectors, runtime }
}

impl Lanes {
    /// So many tries for each lane; a lane with nothing to do ends early.
    pub fn advance(&mut self, tries: usize) {
        for projector in &mut self.projectors {
            for _ in 0..tries {
                match self.runtime.block_on(projector.advance()) {
                    Advance::Applied | Advance::Wait => {}
                    Advance::Idle => break,
                    Advance::Refused => panic!("nobody restored a backup here: {:?}", projector.progress().borrow()),
                }
            }
        }
    }
}

struct SpoolDoor(SpoolTail<SimDisk>);

impl Backlog for SpoolDoor {
    fn base(&self) -> u64 {
        self.0.base()
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.0.head()
    }

    fn read_after(&mut self, seq: u64, bytes_max: usize) -> io::Result<Vec<LaneRecord>> {
        let records = self.0.read_after(seq, bytes_max).map_err(io::Error::other)?;
        let records = records.into_iter();
        Ok(records.map(|r| LaneRecord { seq: r.seq, journal_crc: r.journal_crc, payload: r.payload }).collect())
    }

    fn release(&mut self, _seq: u64) -> io::Result<()> {
        Ok(())
    }
}

struct JournalDoor {
    disk: SimDisk,
    head: watch::Receiver<u64>,
}

impl Evidence for JournalDoor {
    fn journal_id(&self) -> String {
        "world".into()
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn checksum(&self, seq: u64) -> Option<u32> {
        let dir = PathBuf::from("/davy/journal");
        checksum_of(&mut Reader::new(self.disk.clone(), dir, seq), seq).expect("the journal is readable")
    }
}
