//! Journal, state and spools as one thing: the verbs keep, think and project, and the snapshot they allow.
//! Synchronous and generic over the disk, so that the world simulation drives the very code that runs live. I/O.

use super::content::{self, ContentError};
use crate::clock::Stopwatch;
use crate::codec;
use crate::decode::decode;
use crate::delivery::{ContentKind, ContentRef, Delivery, Record, Step};
use crate::disk::Disk;
use crate::journal::blobs::Blobs;
use crate::journal::quota::{Class, Quota};
use crate::journal::{Journal, LogError};
use crate::snapshot::{self, SnapshotMeta};
use crate::spool::{Shed, Spool, SyncHandle};
use alerting::effect::Effects;
use alerting::input::{Batch, Content, Decoded, Input, Reason, Reject};
use alerting::save::Frozen;
use alerting::state::State;
use rules::reading::Micros;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokio::sync::watch;

/// One data directory in use: everything that must survive, and the state folded from it.
pub struct Fold<D: Disk> {
    pub(super) disk: D,
    pub(super) dir: PathBuf,
    pub(super) journal: Journal<D>,
    pub(super) readings: Spool<D>,
    pub(super) business: Spool<D>,
    pub(super) blobs: Blobs<D>,
    pub(super) quota: Quota<D>,
    pub(super) state: State,
    /// The newest `now` in the journal.
    pub(super) last_now: Micros,
    /// Head of the journal when the newest snapshot was begun.
    pub(super) snapshot_seq: u64,
    /// The newest durable record, for those who look from outside.
    pub(super) head: watch::Sender<u64>,
    pub(super) cost: Cost,
}

/// A record that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub seq: u64,
    pub crc: u32,
}

/// What keeping a record cost, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub bytes: u64,
    pub append_s: f64,
    pub sync_s: f64,
}

#[derive(Debug, Error)]
pub enum FoldError {
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("the fold panicked at seq {seq}: {message}")]
    Panicked { seq: u64, message: String },
}

/// Why a record was not kept.
#[derive(Debug, Error)]
pub enum KeepError {
    /// Quota or disk: nothing was written, the same record may be tried again later.
    #[error("no room for {bytes} bytes")]
    Full { bytes: u64 },
    #[error(transparent)]
    Log(#[from] LogError),
}

impl<D: Disk> Fold<D> {
    /// **keep**: durable before anything else happens.
    pub fn keep(&mut self, record: &Record) -> Result<Kept, KeepError> {
        let payload = codec::encode_record(record);
        let bytes = payload.len() as u64;
        if !self.quota.admits(class_of(record), bytes) {
            return Err(KeepError::Full { bytes });
        }
        let seq = self.journal.head().saturating_add(1);
        let watch = Stopwatch::start();
        let crc = match self.journal.append(seq, &payload) {
            Ok(crc) => crc,
            Err(LogError::NoSpace { .. }) => return Err(KeepError::Full { bytes }),
            Err(e) => return Err(e.into()),
        };
        let append_s = watch.seconds();
        self.journal.sync()?;
        self.cost = Cost { bytes, append_s, sync_s: watch.seconds() - append_s };
        self.quota.wrote(bytes);
        self.last_now = self.last_now.max(record.now);
        self.head.send_replace(seq);
        Ok(Kept { seq, crc })
    }

    /// **think**: pure and deterministic; the only time is the record's own.
    pub fn think(&mut self, kept: Kept, record: &Record) -> Result<Effects, FoldError> {
        let step = self.prepare(record)?;
        let state = &mut self.state;
        let run = std::panic::AssertUnwindSafe(|| state.step(kept.seq, &step));
        // A panic leaves a state nobody may use: the caller stops, and start-up decides about the record.
        std::panic::catch_unwind(run)
            .map_err(|panic| FoldError::Panicked { seq: kept.seq, message: panic_message(panic.as_ref()) })
    }

    /// **project**: the effects go to the spools, in order; the projectors take them from there at their own pace. May be
    /// called again after a lack of room: a spool that has its part already is passed over.
    pub fn project(&mut self, kept: Kept, effects: &Effects) -> Result<(), LogError> {
        if !effects.business.is_empty() && self.business.written() < kept.seq {
            let indexed: Vec<_> = (0u32..).zip(&effects.business).collect();
            let payload = codec::encode_business(&indexed);
            self.quota.wrote(payload.len() as u64);
            self.business.append(kept.seq, kept.crc, &payload)?;
        }
        if !effects.readings.is_empty() && self.readings.written() < kept.seq {
            let payload = codec::encode_readings(&effects.readings);
            self.quota.wrote(payload.len() as u64);
            self.readings.append(kept.seq, kept.crc, &payload)?;
        }
        Ok(())
    }

    /// Decodes deliveries under the registry in force and loads content by its hash. An activation inside a record
    /// stands alone in it (`compose` sees to that), so one view serves the whole record.
    fn prepare(&self, record: &Record) -> Result<Step, FoldError> {
        self.prepare_under(&self.state, record)
    }

    /// The same for a state of somebody who follows the journal by himself, for example to compare.
    pub fn prepare_under(&self, state: &State, record: &Record) -> Result<Step, FoldError> {
        let decoded = |delivery: &Delivery| match state.view() {
            Some(view) => decode(delivery, view),
            None => before_any_registry(delivery),
        };
        let inputs: Result<Vec<_>, _> =
            record.inputs.iter().map(|input| input.try_map(decoded, |named| self.content(named))).collect();
        let inputs = inputs?;
        Ok(Batch { now: record.now, inputs })
    }

    pub(super) fn content(&self, reference: &ContentRef) -> Result<Content, ContentError> {
        content::load(reference, &|hash| self.blobs.get(hash).ok().flatten())
    }

    /// Stores canonical bytes and names them. Durable when it returns.
    pub fn store_content(&self, kind: ContentKind, bytes: &[u8]) -> Result<ContentRef, LogError> {
        Ok(ContentRef { kind, hash: self.blobs.put(bytes)? })
    }

    /// A snapshot of the state as it is now, to be written by `SnapshotJob::run` on another thread.
    pub fn snapshot(&mut self) -> Result<SnapshotJob<D>, LogError> {
        let seq = self.journal.head();
        self.snapshot_seq = seq;
        Ok(SnapshotJob {
            disk: self.disk.clone(),
            dir: snapshot_dir(&self.dir),
            meta: SnapshotMeta {
                seq,
                journal_crc: self.journal.checksum(seq)?.unwrap_or_default(),
                engine_version: alerting::ENGINE_VERSION,
                journal_id: self.journal.identity().journal_id.clone(),
                spool_heads: [self.readings.head(), self.business.head()],
            },
            state: self.state.freeze(),
            spools: [self.readings.sync_handle()?, self.business.sync_handle()?],
        })
    }

    /// Closes every file being written, so that it can be given up once it is snapshotted and applied.
    pub(super) fn roll(&mut self) -> Result<(), LogError> {
        self.journal.roll()?;
        self.readings.roll()?;
        self.business.roll()
    }

    /// Gives up what nobody needs any more: journal before the oldest snapshot and older than the backup horizon,
    /// spool records that are applied and older than it. Returns the bytes freed. A spool on a disk without any room, not
    /// even for the note that comes first, waits for the next time: the journal needs no note, and makes room for it.
    pub fn tidy_up(&mut self, keep_from: u64, applied: [u64; 2]) -> Result<u64, LogError> {
        let [readings, business] = applied.map(|applied| applied.min(keep_from.saturating_sub(1)));
        let freed = [
            self.journal.drop_before(keep_from)?,
            later(self.readings.drop_through(readings))?.unwrap_or(0),
            later(self.business.drop_through(business))?.unwrap_or(0),
        ];
        let freed = freed.into_iter().fold(0, u64::saturating_add);
        self.quota.freed(freed);
        Ok(freed)
    }

    /// For want of room: gives up the oldest readings that are not applied, if a snapshot stands for them, and if there
    /// is room to note it first.
    pub fn shed_readings(&mut self, applied_seq: u64, snapshot_seq: u64) -> Result<Option<Shed>, LogError> {
        let shed = later(self.readings.shed(applied_seq, snapshot_seq))?.flatten();
        if let Some(shed) = &shed {
            self.quota.freed(shed.bytes);
        }
        Ok(shed)
    }

    /// For whoever reads stored content beside the loop.
    pub fn blobs(&self) -> Blobs<D>
    where
        D: Clone,
    {
        self.blobs.clone()
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn journal(&self) -> &Journal<D> {
        &self.journal
    }

    pub fn head_watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// What the newest record cost to keep.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Asks the disk again how much room there is.
    pub fn look_for_room(&mut self) {
        self.quota.look();
    }

    /// Adds up again what is used.
    pub fn recount(&mut self) {
        self.quota.recount();
    }

    pub fn quota(&self) -> &Quota<D> {
        &self.quota
    }

    /// The spools, in the order readings, business.
    pub fn spools(&self) -> [&Spool<D>; 2] {
        [&self.readings, &self.business]
    }

    pub fn last_now(&self) -> Micros {
        self.last_now
    }

    /// Records that a crash now would have to replay.
    pub fn since_snapshot(&self) -> u64 {
        self.journal.head().saturating_sub(self.snapshot_seq)
    }

    /// Recovery: the journal goes on under a new name, so that its effects cannot be mistaken for another's.
    pub fn fork(&mut self, journal_id: &str) -> Result<(), LogError> {
        self.journal.fork(journal_id)
    }

    /// All verbs for one record, for what does not come through the inbox: start-up and activation.
    pub fn commit(&mut self, record: &Record) -> Result<(Kept, Effects), FoldError> {
        let kept = self.keep(record)?;
        let effects = self.think(kept, record)?;
        self.project(kept, &effects)?;
        Ok((kept, effects))
    }
}

/// A snapshot ready to be written: valid only once the spools are durable through its seq, so that comes first.
pub struct SnapshotJob<D: Disk> {
    disk: D,
    dir: PathBuf,
    meta: SnapshotMeta,
    state: Frozen,
    spools: [SyncHandle<D>; 2],
}

impl<D: Disk> SnapshotJob<D> {
    /// Returns the snapshot's seq once it is durable.
    pub fn run(self) -> Result<u64, LogError> {
        for spool in &self.spools {
            spool.sync()?;
        }
        snapshot::write(&self.disk, &self.dir, &self.meta, &self.state.bytes())?;
        Ok(self.meta.seq)
    }
}

pub(super) fn snapshot_dir(dir: &Path) -> PathBuf {
    dir.join("snapshots")
}

/// `None`: no room now.
pub(super) fn later<T>(done: Result<T, LogError>) -> Result<Option<T>, LogError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(LogError::NoSpace { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Readings may be refused when the quota is near; what people and time say may not.
fn class_of(record: &Record) -> Class {
    let has_delivery = record.inputs.iter().any(|i| matches!(i, Input::Delivery(_) | Input::Replayed(_)));
    if has_delivery { Class::Readings } else { Class::Essential }
}

fn before_any_registry(delivery: &Delivery) -> Decoded {
    Decoded {
        received: delivery.received,
        topic: delivery.topic.clone(),
        payload: delivery.payload.clone(),
        redelivered: delivery.redelivered,
        gateway: None,
        gateway_seq: None,
        status: None,
        readings: Vec::new(),
        rejects: vec![Reject {
            index: None,
            reason: Reason::UnknownEnterprise,
            detail: "no registry is in force yet".into(),
        }],
        simulated: false,
    }
}

pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
