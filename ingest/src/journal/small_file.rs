//! Small files that must be there whole or not at all: written beside, synced, renamed over. I/O through `Disk`.

use super::error::LogError;
use crate::disk::{Disk, DiskFile};
use std::io;
use std::path::Path;

/// Ends the name of a file that is being written, or was when a crash came.
pub const UNFINISHED: &str = "new";

/// Replaces the file at `path` by `bytes`, durably. `before_rename` is a place for fault points.
pub fn replace<D: Disk>(disk: &D, path: &Path, bytes: &[u8], before_rename: &dyn Fn()) -> Result<(), LogError> {
    let aside = path.with_extension(UNFINISHED);
    let dir = path.parent().unwrap_or(Path::new("."));
    let done = (|| {
        let file = match disk.create(&aside) {
            // Left over from a crash.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => disk.open(&aside)?,
            other => other?,
        };
        file.set_len(0)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        before_rename();
        disk.rename(&aside, path)?;
        disk.sync_dir(dir)
    })();
    done.map_err(|e| {
        // Half a file would only take the room that is missing; the first error is the one to tell.
        drop(disk.remove(&aside));
        LogError::writing(path, e, bytes.len() as u64)
    })
}

/// A directory whose name is durable: else the files in it would be lost with it.
pub fn make_dir<D: Disk>(disk: &D, dir: &Path) -> Result<(), LogError> {
    disk.create_dir_all(dir).map_err(|e| LogError::io(dir, e))?;
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => disk.sync_dir(parent).map_err(|e| LogError::io(parent, e)),
        None => Ok(()),
    }
}

/// The whole file; `None` if there is none.
pub fn read<D: Disk>(disk: &D, path: &Path) -> Result<Option<Vec<u8>>, LogError> {
    let read = || {
        let file = disk.open(path)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(usize::MAX)];
        file.read_at(0, &mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if io::Error::kind(&e) == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(LogError::io(path, e)),
    }
}
