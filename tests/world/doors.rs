//! The real projectors between the simulated spools and the simulated database. Pure but for its runtime.

use crate::database::{Database, Session};
use davy_tests::disk::SimDisk;
use ingest::engine::fold::Fold;
use ingest::spool::SpoolTail;
use ingest::store::doors::JournalEvidence;
use ingest::store::lane::Lane;
use ingest::store::memory::Memory;
use ingest::store::projector::{Advance, Doors, Projector};
use std::path::Path;
use std::sync::Arc;

pub struct Lanes {
    projectors: Vec<Projector<Session, SpoolTail<SimDisk>>>,
    runtime: tokio::runtime::Runtime,
}

pub fn lanes(fold: &Fold<SimDisk>, disk: &SimDisk, database: &Database) -> Lanes {
    let evidence = Arc::new(JournalEvidence::new(disk.clone(), "/davy/journal".into(), fold.head_watch()));
    // The file cannot be written there: what was applied is remembered for one life only.
    let memory = Arc::new(Memory::open(Path::new("/nowhere/projection.json")));
    let projectors = Lane::ALL.into_iter().zip(fold.spools()).map(|(lane, spool)| {
        let backlog = spool.tail();
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
