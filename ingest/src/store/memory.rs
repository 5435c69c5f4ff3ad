//! What Davy remembers having applied, in a small file of the data directory, so that a database restored from a
//! backup is noticed. Best effort: a file that is lost or broken only means that nothing is remembered. I/O.

use super::lane::{Lane, Position};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

/// Shared by the lanes of one data directory; the file is `projection.json`.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    journal_id: String,
    applied: BTreeMap<Lane, u64>,
}

impl Memory {
    /// Reads the file, if there is one that can be read.
    #[must_use]
    pub fn open(path: &Path) -> Memory {
        let kept = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|e| {
                tracing::warn!(path = %path.display(), error = %e, "what was applied is not remembered");
                Kept::default()
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(e) => {
                tracing::warn!(path = %path.display(), error = %e, "what was applied is not remembered");
                Kept::default()
            }
        };
        Memory { path: path.to_owned(), kept: Mutex::new(kept) }
    }

    /// The newest seq of this journal that was applied in this lane.
    #[must_use]
    pub fn remembered(&self, journal_id: &str, lane: Lane) -> Option<u64> {
        let kept = self.lock();
        if kept.journal_id != journal_id {
            return None;
        }
        kept.applied.get(&lane).copied()
    }

    /// A commit was confirmed. Written without a sync: after a power cut it may lag behind, never run ahead.
    pub fn note(&self, position: &Position) {
        let mut kept = self.lock();
        if kept.journal_id != position.journal_id {
            *kept = Kept { journal_id: position.journal_id.clone(), applied: BTreeMap::new() };
        }
        kept.applied.insert(position.lane, position.applied_seq);
        if let Err(e) = self.write(&kept) {
            tracing::debug!(path = %self.path.display(), error = %e, "what was applied could not be written down");
        }
    }

    /// A recovery was confirmed: from now on the database is right.
    pub fn forget(&self) -> io::Result<()> {
        let mut kept = self.lock();
        *kept = Kept::default();
        self.write(&kept)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // The value is replaced as a whole: a thread that panicked cannot have left half of it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let bytes = serde_json::to_vec(kept)?;
        let fresh = self.path.with_extension("json.new");
        fs::write(&fresh, bytes)?;
        fs::rename(&fresh, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(journal_id: &str, lane: Lane, applied_seq: u64) -> Position {
        let journal_id = journal_id.to_owned();
        Position { lane, journal_id, applied_seq, record_crc: None, late_until: 0, owner_epoch: 1 }
    }

    #[test]
    fn remembers_over_a_restart_and_only_its_journal() {
        let dir = std::env::temp_dir().join(format!("davy-memory-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("projection.json");
        let memory = Memory::open(&path);
        assert_eq!(memory.remembered("j", Lane::Readings), None);
        memory.note(&at("j", Lane::Readings, 7));
        memory.note(&at("j", Lane::Business, 5));
        let memory = Memory::open(&path);
        assert_eq!(memory.remembered("j", Lane::Readings), Some(7));
        assert_eq!(memory.remembered("k", Lane::Readings), None);
        memory.note(&at("k", Lane::Business, 1));
        assert_eq!(memory.remembered("k", Lane::Readings), None);
        memory.forget().unwrap();
        assert_eq!(Memory::open(&path).remembered("k", Lane::Business), None);
        fs::write(&path, b"{").unwrap();
        assert_eq!(Memory::open(&path).remembered("k", Lane::Business), None);
        fs::remove_dir_all(&dir).unwrap();
    }
}
