//! Who a journal is: its name travels into the database, so that another journal is never mistaken for it. I/O.

use super::error::LogError;
use super::small_file;
use crate::disk::Disk;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Random, 32 hex digits.
    pub journal_id: String,
    pub created: Micros,
    /// The name it bore before a recovery, and its head then.
    pub forked_from: Option<(String, u64)>,
}

fn path(dir: &Path) -> PathBuf {
    dir.join("identity")
}

/// The identity in `dir`, or `None` if there is no journal yet.
pub fn read<D: Disk>(disk: &D, dir: &Path) -> Result<Option<Identity>, LogError> {
    let path = path(dir);
    let Some(bytes) = small_file::read(disk, &path)? else { return Ok(None) };
    // The checksum stands behind the JSON: nobody is meant to edit this file.
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| LogError::BadChecksum { path: path.clone() })?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(LogError::BadChecksum { path });
    }
    serde_json::from_slice(body).map(Some).map_err(|_| LogError::BadChecksum { path })
}

pub fn write<D: Disk>(disk: &D, dir: &Path, identity: &Identity) -> Result<(), LogError> {
    let path = path(dir);
    let mut bytes = serde_json::to_vec(identity).map_err(|e| LogError::io(&path, e.into()))?;
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    small_file::replace(disk, &path, &bytes, &|| ())
}
