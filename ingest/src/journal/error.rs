//! What can go wrong with journal, spool and snapshots, and which fate it has. Pure.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum LogError {
    /// Wait: nothing was written.
    #[error("no space left for {bytes} bytes in {path}")]
    NoSpace { path: PathBuf, bytes: u64 },
    /// Stop: the kernel may have dropped the pages.
    #[error("fdatasync failed in {dir}: {source}; nothing more is written, restart after the disk is in order")]
    SyncFailed { dir: PathBuf, source: io::Error },
    #[error("not used any more after a failed fdatasync")]
    Poisoned,
    #[error(
        "{path} is damaged at byte {offset} (record {seq}), and sound records follow: this is no crash; restore the \
         file from a backup, or move the data directory away and run `davy recover adopt` after the next start"
    )]
    Corrupt { path: PathBuf, offset: u64, seq: u64 },
    #[error("{path} is no segment of this version; move it away if it does not belong here")]
    BadSegment { path: PathBuf },
    #[error("a record of {bytes} bytes is too large")]
    TooLarge { bytes: u64 },
    #[error("{path} does not match its checksum; restore it from a backup")]
    BadChecksum { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl LogError {
    #[must_use]
    pub fn io(path: &Path, source: io::Error) -> LogError {
        LogError::Io { path: path.into(), source }
    }

    /// A failed write: waiting helps if there was no room.
    #[must_use]
    pub fn writing(path: &Path, source: io::Error, bytes: u64) -> LogError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::NoSpace { path: path.into(), bytes },
            _ => LogError::io(path, source),
        }
    }
}
