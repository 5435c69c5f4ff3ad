//! How much the data directory may hold, and what may still be written when little is left. I/O: asks the disk.

use super::error::LogError;
use super::small_file;
use crate::disk::{Disk, DiskFile};
use std::path::{Path, PathBuf};

/// What 72 h at the planned 500 readings/s need: raw bytes in the journal and both spools, about 200 bytes a reading
/// for messages of a few readings each (measured on the seed district's traffic).
const PLANNED_BYTES: u64 = 72 * 3_600 * 500 * 200;
/// Commands, ticks and outcomes are small: this much serves them for days.
const RESERVE_MIN: u64 = 256 << 20;
/// Between two looks at the disk itself we may write this much.
const LOOK_AGAIN_BYTES: u64 = 16 << 20;
/// The largest batch of deliveries, with what lies around it.
const RESUME_BYTES: u64 = 18 << 20;

/// Who wants to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Readings,
    /// Commands, ticks, faults: may use the reserve.
    Essential,
}

/// How full it is: alarms at 70, 85 and 95 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Normal,
    Filling,
    High,
    Critical,
    /// Readings are no longer taken.
    Full,
}

pub struct Quota<D: Disk> {
    disk: D,
    dir: PathBuf,
    limit: u64,
    used: u64,
    free: u64,
    unlooked: u64,
}

impl<D: Disk> Quota<D> {
    /// `limit_bytes` 0 = min(72 h at the planned rate, half of the space that was free at the first start).
    pub fn open(disk: D, dir: PathBuf, limit_bytes: u64) -> Result<Quota<D>, LogError> {
        let free = disk.free_bytes(&dir).map_err(|e| LogError::io(&dir, e))?;
        let used = used_below(&disk, &dir)?;
        let limit = if limit_bytes == 0 { default_limit(&disk, &dir, free)? } else { limit_bytes };
        Ok(Quota { disk, dir, limit, used, free, unlooked: 0 })
    }

    /// Whether `bytes` may be written now. Checked before the append: afterwards it would be too late.
    #[must_use]
    pub fn admits(&self, class: Class, bytes: u64) -> bool {
        // The effects of a record go to the spools: count them in before they are known.
        let needed = bytes.saturating_mul(2);
        let free = self.free.saturating_sub(self.unlooked);
        match class {
            Class::Readings => needed.saturating_add(self.reserve()) <= self.limit.saturating_sub(self.used).min(free),
            // People and time are heard as long as the disk has any room at all: a quota is there to be kept by readings.
            Class::Essential => needed <= free,
        }
    }

    /// The last 5 %, at least 256 MiB, but never more than half of a small quota.
    #[must_use]
    pub fn reserve(&self) -> u64 {
        (self.limit / 20).max(RESERVE_MIN).min(self.limit / 2)
    }

    /// What must fit before readings are taken again: a whole batch, so that it does not flap; less for small quotas.
    #[must_use]
    pub fn resume_bytes(&self) -> u64 {
        RESUME_BYTES.min(self.limit / 16)
    }

    pub fn wrote(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        self.unlooked = self.unlooked.saturating_add(bytes);
        if self.unlooked >= LOOK_AGAIN_BYTES {
            self.look();
        }
    }

    pub fn freed(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        self.look();
    }

    /// Adds up the files again: between two counts heads, notes and snapshots are not counted in. When they cannot be read
    /// the last count stands. Only while no other thread writes or removes any.
    pub fn recount(&mut self) {
        if let Ok(used) = used_below(&self.disk, &self.dir) {
            self.used = used;
        }
    }

    /// Asks the disk how much room there really is. When it does not answer the last answer stands.
    pub fn look(&mut self) {
        if let Ok(free) = self.disk.free_bytes(&self.dir) {
            self.free = free;
            self.unlooked = 0;
        }
    }

    #[must_use]
    pub fn level(&self) -> Level {
        if !self.admits(Class::Readings, 0) {
            return Level::Full;
        }
        let percent = self.used.saturating_mul(100).checked_div(self.limit).unwrap_or(100);
        match percent {
            95.. => Level::Critical,
            85.. => Level::High,
            70.. => Level::Filling,
            _ => Level::Normal,
        }
    }

    pub fn used(&self) -> u64 {
        self.used
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }
}

/// The directories Davy writes to, below its data directory.
const PARTS: [&str; 5] = ["journal", "journal/blobs", "spool/readings", "spool/business", "snapshots"];

/// Fixed at the first start: what other programs do to the disk later must not turn a restart into a refusal.
fn default_limit<D: Disk>(disk: &D, dir: &Path, free: u64) -> Result<u64, LogError> {
    let path = dir.join("quota");
    let known = small_file::read(disk, &path)?.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    if let Some(limit) = known {
        return Ok(limit);
    }
    let limit = PLANNED_BYTES.min(free / 2);
    small_file::replace(disk, &path, limit.to_string().as_bytes(), &|| ())?;
    Ok(limit)
}

fn used_below<D: Disk>(disk: &D, dir: &Path) -> Result<u64, LogError> {
    let mut used: u64 = 0;
    for part in PARTS.map(|part| dir.join(part)) {
        for name in disk.list(&part).map_err(|e| LogError::io(&part, e))? {
            let path = part.join(name);
            let file = disk.open(&path).map_err(|e| LogError::io(&path, e))?;
            used = used.saturating_add(file.len().map_err(|e| LogError::io(&path, e))?);
        }
    }
    Ok(used)
}
