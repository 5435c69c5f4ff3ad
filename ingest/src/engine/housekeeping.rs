//! Between the turns: when a snapshot is due, who writes it, and what may be given up behind it. Snapshots are written
//! by a thread of their own, one at a time; the loop only copies the state. I/O.

use super::fold::{Fold, SnapshotJob, later};
use super::shed::{GivenUp, Shedding};
use crate::clock::Stopwatch;
use crate::codec;
use crate::config::OnFull;
use crate::disk::Disk;
use crate::hub::Hub;
use crate::journal::LogError;
use crate::journal::quota::Level;
use alerting::input::SystemFault;
use rules::reading::{Micros, SECOND_US};
use std::collections::BTreeMap;
use std::thread::JoinHandle;

/// When room is short: what is snapshotted and applied can be given up, so be quick about it.
const TIGHT_EVERY_US: i64 = 5 * SECOND_US;

/// What a look has to say.
#[derive(Default)]
pub(super) struct Told {
    pub(super) fault: Option<SystemFault>,
    pub(super) given_up: Option<GivenUp>,
}

/// Whether room is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pressure {
    Easy,
    Tight,
}

pub(super) struct Housekeeping {
    every_us: i64,
    horizon_us: i64,
    last_at: Micros,
    tidied_at: Micros,
    full: bool,
    behind: bool,
    /// The last look gave something up, a few files of it: the next one goes on.
    more: bool,
    shedding: Shedding,
    writing: Option<JoinHandle<Result<u64, LogError>>>,
    /// The newest two snapshots that are durable: the journal must reach back to the older one.
    durable: [u64; 2],
    /// Time of the first record of each journal segment.
    segment_times: BTreeMap<u64, Micros>,
}

impl Housekeeping {
    pub(super) fn new(every_us: i64, horizon_us: i64, on_full: OnFull, now: Micros) -> Housekeeping {
        Housekeeping {
            every_us,
            horizon_us,
            last_at: now,
            tidied_at: now,
            full: false,
            behind: false,
            more: false,
            shedding: Shedding::new(on_full),
            writing: None,
            durable: [0; 2],
            segment_times: BTreeMap::new(),
        }
    }

    /// `full` = readings are held for want of room, whatever the percentage says; `behind` = effects wait for room in the
    /// spools: a snapshot stands for what is in them, so there is none until everything is.
    pub(super) fn told(&mut self, full: bool, behind: bool) {
        (self.full, self.behind) = (full, behind);
    }

    fn pressure<D: Disk>(&self, fold: &Fold<D>) -> Pressure {
        let tight = self.full || fold.quota().level() >= Level::High || self.shedding.is_due(fold.quota());
        if tight { Pressure::Tight } else { Pressure::Easy }
    }

    /// Begins a snapshot if one is due; gives up old files when one has become durable. What it has to say of history that
    /// had to go is said by the caller.
    pub(super) fn look<D: Disk>(&mut self, fold: &mut Fold<D>, hub: &Hub, now: Micros) -> Result<Told, LogError> {
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.settle(fold, hub, now)?;
        }
        let tight = self.pressure(fold) == Pressure::Tight;
        let mut told = Told { fault: if tight { None } else { self.shedding.over() }, given_up: None };
        let every_us = if tight { self.every_us.min(TIGHT_EVERY_US) } else { self.every_us };
        if (tight || self.more) && now.since(self.tidied_at) >= SECOND_US {
            // The database follows also while nothing new comes in.
            self.tidied_at = now;
            self.tidy_up(fold, hub, now)?;
            let ([applied, _], [_, snapshot]) = (hub.applied(), self.durable);
            told.given_up = self.shedding.relieve(fold, applied, snapshot)?;
            if told.given_up.is_some() {
                told.fault = self.shedding.fault();
            }
        }
        let due = now.since(self.last_at) >= every_us && fold.since_snapshot() > 0;
        if due && self.writing.is_none() && !self.behind {
            self.last_at = now;
            self.begin(fold.snapshot()?);
            if tight {
                // Without room for a file's head: what is closed already can go, and then there is.
                later(fold.roll())?;
            }
        }
        Ok(told)
    }

    /// The last snapshot of a run, written before the process ends.
    pub(super) fn finish<D: Disk>(&mut self, fold: &mut Fold<D>) -> Result<(), LogError> {
        if let Some(Ok(Err(e @ LogError::SyncFailed { .. }))) = self.writing.take().map(JoinHandle::join) {
            return Err(e);
        }
        let watch = Stopwatch::start();
        match later(fold.snapshot()?.run())? {
            Some(seq) => tracing::info!(seq, seconds = watch.seconds(), "state saved"),
            None => tracing::warn!("no room for a last snapshot: the next start replays"),
        }
        Ok(())
    }

    fn begin<D: Disk>(&mut self, job: SnapshotJob<D>) {
        let thread = std::thread::Builder::new().name("davy-snapshot".into()).spawn(move || job.run());
        match thread {
            Ok(handle) => self.writing = Some(handle),
            Err(e) => tracing::warn!(error = %e, "no thread for the snapshot: tried again later"),
        }
    }

    fn settle<D: Disk>(&mut self, fold: &mut Fold<D>, hub: &Hub, now: Micros) -> Result<(), LogError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        match writing.join() {
            Ok(Ok(seq)) => {
                let [_, newer] = self.durable;
                self.durable = [newer, seq];
                let freed = self.tidy_up(fold, hub, now)?;
                // No snapshot is being written now, so every file has its length.
                fold.recount();
                tracing::debug!(seq, freed, "snapshot durable");
            }
            // The kernel may have dropped the spool's pages: the next sync would say that all is well.
            Ok(Err(e @ LogError::SyncFailed { .. })) => return Err(e),
            // A snapshot that fails costs a longer replay, nothing else: the journal goes on or says itself that it cannot.
            Ok(Err(e)) => tracing::error!(error = %e, "snapshot failed: tried again later"),
            Err(_) => tracing::error!("snapshot thread panicked: tried again later"),
        }
        Ok(())
    }

    fn tidy_up<D: Disk>(&mut self, fold: &mut Fold<D>, hub: &Hub, now: Micros) -> Result<u64, LogError> {
        let keep_from = self.keep_from(fold, now)?;
        let freed = fold.tidy_up(keep_from, hub.applied())?;
        self.more = freed > 0;
        Ok(freed)
    }

    /// The first journal record that somebody may still want: the older durable snapshot's successor, or the first one
    /// inside the backup horizon, whichever is older.
    fn keep_from<D: Disk>(&mut self, fold: &Fold<D>, now: Micros) -> Result<u64, LogError> {
        let [older, newest] = self.durable;
        let horizon = now.plus(self.horizon_us.saturating_neg());
        let mut keep_from = older.saturating_add(1);
        if self.pressure(fold) == Pressure::Tight {
            // Taking readings comes before being able to catch up a restored database.
            return Ok(newest.saturating_add(1));
        }
        let segments = fold.journal().segments();
        self.segment_times.retain(|seq, _| segments.contains(seq));
        for (&segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            // A segment may go only if the next one begins before the horizon: then all of it lies before.
            if self.time_of(fold, *next)?.is_none_or(|begins| begins >= horizon) {
                return Ok(keep_from.min(segment));
            }
        }
        keep_from = keep_from.min(segments.last().copied().unwrap_or(keep_from));
        Ok(keep_from)
    }

    fn time_of<D: Disk>(&mut self, fold: &Fold<D>, segment: u64) -> Result<Option<Micros>, LogError> {
        if let Some(&time) = self.segment_times.get(&segment) {
            return Ok(Some(time));
        }
        let Some(entry) = fold.journal().read(segment).next() else { return Ok(None) };
        let (_, _, payload) = entry?;
        let time = codec::decode_record(&payload).ok().map(|record| record.now);
        if let Some(time) = time {
            self.segment_times.insert(segment, time);
        }
        Ok(time)
    }
}
