//! Snapshots of the state: whole or not at all, named by the seq they stand at, the newest two kept. Must not know
//! what is in a state. I/O through `Disk`.

use crate::disk::Disk;
use crate::journal::{LogError, small_file};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// So many are kept: if the newest turns out unreadable, the one before it and the journal serve.
const KEPT: usize = 2;
const MAGIC: &[u8; 8] = b"DAVYSNAP";
const FORMAT: u32 = 1;
const SUFFIX: &str = "snapshot";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    pub seq: u64,
    /// Checksum of the journal's record `seq`.
    pub journal_crc: u32,
    pub engine_version: u32,
    pub journal_id: String,
    /// Newest record of each spool (readings, business) when the snapshot was begun: they are durable that far.
    pub spool_heads: [u64; 2],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub meta: SnapshotMeta,
    pub state: Vec<u8>,
}

/// Durable when it returns; older ones beyond the kept two are removed.
pub fn write<D: Disk>(disk: &D, dir: &Path, meta: &SnapshotMeta, state: &[u8]) -> Result<(), LogError> {
    small_file::make_dir(disk, dir)?;
    let path = dir.join(format!("{:020}.{SUFFIX}", meta.seq));
    let mut body = postcard::to_allocvec(meta).map_err(|e| LogError::io(&path, std::io::Error::other(e)))?;
    body.extend_from_slice(state);
    let mut bytes = Vec::with_capacity(body.len().saturating_add(16));
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.append(&mut body);
    small_file::replace(disk, &path, &bytes, &|| crate::fault::point("snapshot.before_rename"))?;
    crate::fault::point("snapshot.after_rename");
    let old = names(disk, dir, SUFFIX)?.into_iter().rev().skip(KEPT);
    // Nobody else writes here: what is unfinished now was left by a crash, as large as a state.
    for name in old.chain(names(disk, dir, small_file::UNFINISHED)?) {
        let path = dir.join(name);
        disk.remove(&path).map_err(|e| LogError::io(&path, e))?;
    }
    Ok(())
}

/// Every readable snapshot, newest first; unreadable ones are passed over and told in the log.
pub fn valid<D: Disk>(disk: &D, dir: &Path) -> Result<Vec<Snapshot>, LogError> {
    let mut found = Vec::new();
    for name in names(disk, dir, SUFFIX)?.iter().rev() {
        let path = dir.join(name);
        let Some(bytes) = small_file::read(disk, &path)? else { continue };
        match decode(&bytes) {
            Some(snapshot) => found.push(snapshot),
            None => tracing::error!(path = %path.display(), "snapshot unreadable: passed over"),
        }
    }
    Ok(found)
}

fn names<D: Disk>(disk: &D, dir: &Path, suffix: &str) -> Result<Vec<String>, LogError> {
    let mut names = disk.list(dir).map_err(|e| LogError::io(dir, e))?;
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == suffix));
    Ok(names)
}

fn decode(bytes: &[u8]) -> Option<Snapshot> {
    let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
    let (format, rest) = rest.split_first_chunk::<4>()?;
    let (crc, body) = rest.split_first_chunk::<4>()?;
    let sound =
        magic == MAGIC && u32::from_le_bytes(*format) == FORMAT && u32::from_le_bytes(*crc) == crc32fast::hash(body);
    if !sound {
        return None;
    }
    let (meta, state) = postcard::take_from_bytes(body).ok()?;
    Some(Snapshot { meta, state: state.to_vec() })
}
