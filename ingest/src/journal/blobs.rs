//! Content named by its hash: registries, rule packs, limits, as they were when they came into force. I/O.

use super::error::LogError;
use super::small_file;
use crate::disk::Disk;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Blobs<D: Disk> {
    disk: D,
    dir: PathBuf,
}

impl<D: Disk> Blobs<D> {
    pub fn open(disk: D, dir: PathBuf) -> Result<Blobs<D>, LogError> {
        small_file::make_dir(&disk, &dir)?;
        Ok(Blobs { disk, dir })
    }

    /// Stores `bytes` durably, and returns their name: BLAKE3, hex.
    pub fn put(&self, bytes: &[u8]) -> Result<String, LogError> {
        let hash = blake3::hash(bytes).to_hex().to_string();
        match self.get(&hash) {
            // Its name may be as young as the kill that ended the process before us.
            Ok(Some(_)) => self.disk.sync_dir(&self.dir).map_err(|e| LogError::io(&self.dir, e))?,
            // A damaged one is mended by the same bytes.
            Ok(None) | Err(LogError::BadChecksum { .. }) => {
                small_file::replace(&self.disk, &self.dir.join(&hash), bytes, &|| ())?;
            }
            Err(e) => return Err(e),
        }
        Ok(hash)
    }

    /// The bytes of that name, checked; `None` if they are not here.
    pub fn get(&self, hash: &str) -> Result<Option<Vec<u8>>, LogError> {
        let path = self.dir.join(hash);
        let Some(bytes) = small_file::read(&self.disk, &path)? else { return Ok(None) };
        if blake3::hash(&bytes).to_hex().as_str() == hash {
            Ok(Some(bytes))
        } else {
            Err(LogError::BadChecksum { path })
        }
    }
}
