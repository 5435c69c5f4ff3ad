//! One lane's way from the spool into the archive: claim, apply, wait, refuse. Said once, then a gauge.
//! Must not know SQL, nor what the effects mean. I/O.

use super::error::StoreError;
use super::lane::{Archive, Backlog, Evidence, Lane, Position};
use super::memory::Memory;
use super::progress::{LaneState, Progress};
use super::refusal::Ours;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Business effects are few; a burst of 1,000 alarms fits.
const BUSINESS_BYTES_MAX: usize = 1024 * 1024;
/// Without jitter: there is one of us, and a test wants to know when.
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// More records behind than this is a backlog; once it is down to `CAUGHT_UP`, it is none.
const BACKLOG: u64 = 1_000;
const CAUGHT_UP: u64 = 50;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// A chunk is in the archive; there may be more.
    Applied,
    /// Nothing to do until the spool grows.
    Idle,
    /// Try again later.
    Wait,
    /// A person must decide; asked again later, since he may have.
    Refused,
}

/// Everything a projector works with.
pub struct Doors<A, B> {
    pub archive: A,
    pub backlog: B,
    pub evidence: Arc<dyn Evidence>,
    pub memory: Arc<Memory>,
}

pub struct Projector<A, B> {
    lane: Lane,
    doors: Doors<A, B>,
    /// `None`: to be claimed (again).
    position: Option<Position>,
    progress: watch::Sender<Progress>,
    nudge: Arc<Notify>,
}

impl<A: Archive, B: Backlog> Projector<A, B> {
    #[must_use]
    pub fn new(lane: Lane, doors: Doors<A, B>) -> Projector<A, B> {
        let progress = watch::Sender::new(Progress::new(lane));
        Projector { lane, doors, position: None, progress, nudge: Arc::new(Notify::new()) }
    }

    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Notified, a projector that waits tries again at once, and claims anew: after a recovery.
    #[must_use]
    pub fn nudge(&self) -> Arc<Notify> {
        self.nudge.clone()
    }

    /// Projects until `stop` is true or its sender is gone. Dropped in the middle of a transaction: what becomes of it
    /// is found out by the next claim, so a stop never waits for the database.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let nudge = self.nudge.clone();
        let mut head = self.doors.backlog.head();
        let mut backoff = BACKOFF_MIN;
        let mut quiet = false;
        loop {
            let advance = tokio::select! {
                biased;
                () = ended(&mut stop) => return,
                advance = self.turn(quiet) => advance,
            };
            quiet = false;
            let pause = match advance {
                Advance::Applied => {
                    backoff = BACKOFF_MIN;
                    continue;
                }
                Advance::Idle => {
                    backoff = BACKOFF_MIN;
                    BACKOFF_MAX
                }
                Advance::Wait => {
                    let pause = backoff;
                    backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
                    pause
                }
                Advance::Refused => BACKOFF_MAX,
            };
            let grown = async {
                // Waiting for the world is not cut short by new records; a spool whose writer is gone never grows.
                if advance != Advance::Idle || head.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = ended(&mut stop) => return,
                () = nudge.notified() => self.position = None,
                () = grown => {}
                () = tokio::time::sleep(pause) => quiet = true,
            }
        }
    }

    /// An idle lane notices a dead database as well, so that readiness tells the truth.
    async fn turn(&mut self, quiet: bool) -> Advance {
        if quiet
            && self.position.is_some()
            && let Err(e) = self.doors.archive.check().await
        {
            self.position = None;
            return self.failed(e);
        }
        self.advance().await
    }

    /// One step: claims if need be, then applies one chunk.
    pub async fn advance(&mut self) -> Advance {
        match self.step().await {
            Ok(advance) => advance,
            Err(e) => self.failed(e),
        }
    }

    async fn step(&mut self) -> Result<Advance, StoreError> {
        let position = match self.position.take() {
            Some(position) => position,
            None => self.claim().await?,
        };
        // Asked before reading: what is appended in between is found next time.
        let head = *self.doors.backlog.head().borrow();
        let bytes_max = match self.lane {
            Lane::Readings => self.doors.archive.readings_bytes_max(),
            Lane::Business => BUSINESS_BYTES_MAX,
        };
        let chunk = self.doors.backlog.read_after(position.applied_seq, bytes_max);
        let chunk = chunk.map_err(|e| StoreError::Wait(format!("spool {}: {e}", self.lane)))?;
        // Given up meanwhile, for want of room: the claim records the gap, so that nothing is passed over in silence.
        if self.doors.backlog.base() > position.applied_seq {
            return Ok(Advance::Applied);
        }
        if chunk.is_empty() {
            self.report(&position, head.max(position.applied_seq), 0);
            self.position = Some(position);
            return Ok(Advance::Idle);
        }
        let applied = match self.doors.archive.apply(&position, &chunk).await {
            Err(StoreError::NotYet(text)) => {
                self.position = Some(position);
                return Err(StoreError::NotYet(text));
            }
            applied => applied?,
        };
        self.doors.memory.note(&applied.position);
        if let Err(e) = self.doors.backlog.release(applied.position.applied_seq) {
            tracing::warn!(lane = self.lane.name(), error = %e, "the spool could not let go of what is applied");
        }
        if let Some(text) = &applied.rejected {
            let (lane, rejected) = (self.lane.name(), applied.counts.rejected);
            tracing::error!(lane, rejected, last = %text, "effects set aside");
        }
        self.progress.send_modify(|p| {
            p.transactions = p.transactions.saturating_add(1);
            p.counts.add(&applied.counts);
            if applied.rejected.is_some() {
                p.rejected = applied.rejected.clone();
            }
        });
        let lag = head.saturating_sub(applied.position.applied_seq);
        self.report(&applied.position, head, lag);
        self.position = Some(applied.position);
        Ok(Advance::Applied)
    }

    async fn claim(&mut self) -> Result<Position, StoreError> {
        // The base first: whatever it says by now has been noted before.
        let base = self.doors.backlog.base();
        let evidence = self.doors.evidence.clone();
        let journal_id = evidence.journal_id();
        if journal_id.is_empty() {
            // An empty name means "never claimed" in the archive: nothing may be written under it.
            return Err(StoreError::Wait("the name of the journal cannot be read".to_owned()));
        }
        let shed = self.doors.backlog.shed();
        let shed = shed.map_err(|e| StoreError::Wait(format!("spool {}: {e}", self.lane)))?;
        let ours = Ours {
            journal_id: &journal_id,
            head: evidence.head(),
            base,
            shed: &shed,
            remembered: self.doors.memory.remembered(&journal_id, self.lane),
            checksum: &|seq| evidence.checksum(seq),
        };
        let position = self.doors.archive.claim(&ours).await?;
        let (lane, applied, epoch) = (self.lane.name(), position.applied_seq, position.owner_epoch);
        tracing::info!(lane, applied, epoch, "lane claimed");
        self.doors.memory.note(&position);
        let capability = self.doors.archive.capability();
        self.progress.send_modify(|p| p.capability = capability);
        Ok(position)
    }

    fn failed(&mut self, e: StoreError) -> Advance {
        let (state, advance) = match e {
            // Normal while the business lane is on its way; shown as being behind.
            StoreError::NotYet(_) => (LaneState::CatchingUp, Advance::Wait),
            StoreError::Wait(reason) => (LaneState::Down { reason }, Advance::Wait),
            StoreError::Fenced { .. } | StoreError::Unfit(_) => {
                (LaneState::Down { reason: e.to_string() }, Advance::Wait)
            }
            StoreError::Refuse(refusal) => {
                (LaneState::Refused { name: refusal.name(), text: refusal.to_string() }, Advance::Refused)
            }
        };
        let head = *self.doors.backlog.head().borrow();
        self.progress.send_modify(|p| {
            p.head = head;
            p.lag = head.saturating_sub(p.applied_seq);
        });
        self.set(state);
        advance
    }

    fn report(&self, position: &Position, head: u64, lag: u64) {
        self.progress.send_modify(|p| {
            p.applied_seq = position.applied_seq;
            p.head = head;
            p.lag = lag;
        });
        let behind = match self.progress.borrow().state {
            LaneState::CatchingUp => lag > CAUGHT_UP,
            _ => lag > BACKLOG,
        };
        self.set(if behind { LaneState::CatchingUp } else { LaneState::Up });
    }

    /// A change of kind is said once; the same kind with another text only shows.
    fn set(&self, state: LaneState) {
        let former = self.progress.borrow().state.clone();
        if former == state {
            return;
        }
        if former.name() != state.name() {
            let (lane, from) = (self.lane.name(), former.name());
            match &state {
                LaneState::Down { reason } => tracing::warn!(lane, from, reason = %reason, "projection is down"),
                LaneState::Refused { name, text } => {
                    tracing::error!(lane, from, name, text = %text, "projection refused; run davy recover");
                }
                other => tracing::info!(lane, from, state = other.name(), "projection changed its state"),
            }
        }
        self.progress.send_modify(|p| p.state = state);
    }
}

/// True was sent, or nobody is left to send it.
async fn ended(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
