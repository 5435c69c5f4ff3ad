//! A simulated disk: what was not synced may be lost in a crash, whole or in part, names as well as contents. All
//! chance comes from the seed of the crash. Pure.

use ingest::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// A crash loses and tears in units of this size, as a real disk does.
const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    files: BTreeMap<u64, Content>,
    /// The names as programs see them, and as they are after a crash.
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    next: u64,
    /// Handles of an earlier life write nowhere.
    life: u64,
    free: Option<u64>,
    fail_sync: bool,
    /// So many changes happen before the power goes.
    changes_left: Option<u64>,
}

#[derive(Default, Clone)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

pub struct SimFile {
    disk: SimDisk,
    id: u64,
    life: u64,
}

impl SimDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("one thread at a time")
    }

    /// Power off and on: `chance` decides for each unsynced sector and name whether it survived.
    pub fn crash(&self, chance: &mut dyn FnMut() -> bool) {
        let mut inner = self.inner();
        let Inner { files, names, durable_names, life, changes_left, .. } = &mut *inner;
        *life += 1;
        *changes_left = None;
        let mut after = durable_names.clone();
        for (path, id) in names.iter() {
            if durable_names.get(path) != Some(id) && chance() {
                after.insert(path.clone(), *id);
            }
        }
        for path in durable_names.keys() {
            if !names.contains_key(path) && chance() {
                after.remove(path);
            }
        }
        for content in files.values_mut() {
            content.durable = survivors(content, chance);
            content.now = content.durable.clone();
        }
        *names = after.clone();
        *durable_names = after;
    }

    /// Bytes that may still be written; `None` = plenty.
    pub fn set_free(&self, free: Option<u64>) {
        self.inner().free = free;
    }

    /// The power goes after so many changing operations: that one and everything after it fails, until `crash`.
    pub fn cut_power_after(&self, changes: u64) {
        self.inner().changes_left = Some(changes);
    }

    /// From now on every sync fails, until the next crash.
    pub fn fail_syncs(&self, fail: bool) {
        self.inner().fail_sync = fail;
    }
}

/// What is found after the power comes back: synced bytes, and of the others what chance left, sector by sector.
fn survivors(content: &Content, chance: &mut dyn FnMut() -> bool) -> Vec<u8> {
    if content.now == content.durable {
        return content.durable.clone();
    }
    let grew = content.now.len() >= content.durable.len();
    let keep_len = if chance() { content.now.len() } else { content.durable.len() };
    let mut after = content.durable.clone();
    after.resize(keep_len, 0);
    for start in (0..keep_len).step_by(SECTOR) {
        let end = (start + SECTOR).min(keep_len).min(content.now.len());
        if start < end && (grew || chance()) && content.now[start..end] != after[start..end] && chance() {
            after[start..end].copy_from_slice(&content.now[start..end]);
        }
    }
    after
}

impl Disk for SimDisk {
    type File = SimFile;

    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<SimFile> {
        let mut inner = self.inner();
        inner.change()?;
        if inner.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = inner.next;
        inner.next += 1;
        inner.files.insert(id, Content::default());
        inner.names.insert(path.into(), id);
        Ok(SimFile { disk: self.clone(), id, life: inner.life })
    }

    fn open(&self, path: &Path) -> io::Result<SimFile> {
        let inner = self.inner();
        let id = *inner.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimFile { disk: self.clone(), id, life: inner.life })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.change()?;
        let id = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.into(), id);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.change()?;
        let id = inner.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        let gone = inner.files.get(&id).map_or(0, |content| content.now.len() as u64);
        inner.free = inner.free.map(|free| free + gone);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner();
        let names = inner.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.change()?;
        if inner.fail_sync {
            return Err(io::Error::other("simulated: sync of a directory failed"));
        }
        let Inner { names, durable_names, .. } = &mut *inner;
        durable_names.retain(|path, _| path.parent() != Some(dir));
        let here = names.iter().filter(|(path, _)| path.parent() == Some(dir));
        durable_names.extend(here.map(|(path, id)| (path.clone(), *id)));
        Ok(())
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.inner().free.unwrap_or(1 << 40))
    }
}

impl Inner {
    fn change(&mut self) -> io::Result<()> {
        match &mut self.changes_left {
            Some(0) => Err(io::Error::other("simulated: the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl SimFile {
    fn change(&self) -> io::Result<()> {
        self.disk.inner().change()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Content, &mut Option<u64>, bool) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.disk.inner();
        if inner.life != self.life {
            return Err(io::Error::other("simulated: this process is dead"));
        }
        let Inner { files, free, fail_sync, .. } = &mut *inner;
        act(files.get_mut(&self.id).expect("files stay"), free, *fail_sync)
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|content, _, _| Ok(content.now.len() as u64))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.with(|content, _, _| {
            let start = usize::try_from(offset).expect("fits");
            let from = content.now.get(start..start + buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            buf.copy_from_slice(from);
            Ok(())
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change()?;
        self.with(|content, free, _| {
            let start = usize::try_from(offset).expect("fits");
            let room = free.map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).expect("fits")));
            let end = start + room;
            if content.now.len() < end {
                content.now.resize(end, 0);
            }
            content.now[start..end].copy_from_slice(&bytes[..room]);
            *free = free.map(|left| left - room as u64);
            if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change()?;
        self.with(|content, free, _| {
            *free = free.map(|free| free + (content.now.len() as u64).saturating_sub(len));
            content.now.resize(usize::try_from(len).expect("fits"), 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change()?;
        self.with(|content, _, fail_sync| {
            if fail_sync {
                return Err(io::Error::other("simulated: fdatasync failed"));
            }
            content.durable = content.now.clone();
            Ok(())
        })
    }
}
