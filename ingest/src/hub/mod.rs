//! What the engine told last, for everybody who only looks: open alarms, last values, quarantine, health, events.
//! Holds published copies and decides nothing. Must not know HTTP, the journal or the database. No I/O.
//!
//! The engine calls `publish` in its loop, so its cost follows the batch. Readers copy `Arc`s under a short lock
//! and render outside of it; a slow reader loses its place in the ring, it is never waited for.

pub mod alarms;
mod books;
pub mod coverage;
pub mod gateways;
pub mod health;
pub mod lasts;
pub mod ledger;
pub mod quarantine;
pub mod ring;
pub mod rulebook;

use alarms::Alarms;
use alerting::alarm::{Alarm, AlarmId};
use alerting::coverage::CoverageDay;
use alerting::effect::{Business, Effects};
use alerting::gateway::{GatewayKey, GatewayState};
use alerting::input::CoverageLimits;
use alerting::state::LastValue;
use coverage::Board;
use gateways::Gateways;
use health::{Component, Health, Healths, Report};
use lasts::Lasts;
use ledger::Ledger;
use quarantine::{Quarantine, Refused};
use ring::{Event, Mark, Overrun, Position, Ring, Why};
use rulebook::Rules;
use rules::reading::{Micros, PointId};
use rules::view::View;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Everything the hub holds, as the fold knows it after recovery.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    pub journal_id: String,
    /// The last record stepped.
    pub seq: u64,
    pub now: Micros,
    pub view: Option<Arc<View>>,
    pub versions: Versions,
    /// Open alarms and those closed within the last 24 hours, in any order.
    pub alarms: Vec<Alarm>,
    pub last: Vec<(PointId, LastValue)>,
    pub gateways: Vec<(GatewayKey, GatewayState)>,
}

/// Content hashes in force, hex; empty before the first activation.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Versions {
    pub registry: String,
    pub rules: String,
    pub limits: String,
}

impl Versions {
    #[must_use]
    pub fn of(versions: &alerting::state::Versions) -> Versions {
        Versions {
            registry: versions.registry.clone().unwrap_or_default(),
            rules: versions.rules.clone().unwrap_or_default(),
            limits: versions.limits.clone().unwrap_or_default(),
        }
    }
}

/// Where the fold stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub journal_id: Arc<str>,
    pub seq: u64,
    pub now: Micros,
    pub view: Option<Arc<View>>,
    pub versions: Versions,
}

/// All open alarms at one position of the event stream, taken in one piece.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub standing: Standing,
    pub mark: Mark,
    /// Worst first, then oldest first.
    pub open: Vec<Arc<Alarm>>,
}

/// How a stream begins. `next` is the number of the first event it has to read.
#[derive(Clone, Debug)]
pub enum Start {
    Resumed { next: u64 },
    Fresh { why: Why, snapshot: Box<Snapshot>, next: u64 },
}

/// See the file's head. Cheap to share: everybody holds an `Arc<Hub>`.
#[derive(Debug)]
pub struct Hub {
    /// `None` until the fold has recovered: before that an empty list of alarms would be a lie.
    live: RwLock<Option<Live>>,
    lasts: RwLock<Lasts>,
    gateways: RwLock<Gateways>,
    coverage: RwLock<Board>,
    ledger: RwLock<Ledger>,
    rules: RwLock<Arc<Rules>>,
    healths: RwLock<Healths>,
    wake: watch::Sender<u64>,
}

#[derive(Debug)]
struct Live {
    standing: Standing,
    alarms: Alarms,
    ring: Ring,
    quarantine: Quarantine,
}

impl Default for Hub {
    fn default() -> Hub {
        Hub::new()
    }
}

impl Hub {
    #[must_use]
    pub fn new() -> Hub {
        Hub {
            live: RwLock::new(None),
            lasts: RwLock::new(Lasts::default()),
            gateways: RwLock::new(Gateways::default()),
            coverage: RwLock::new(Board::default()),
            ledger: RwLock::new(Ledger::default()),
            rules: RwLock::new(Arc::default()),
            healths: RwLock::new(Healths::default()),
            wake: watch::Sender::new(0),
        }
    }

    /// Begins from a recovered fold. Streams that were open lose their place and begin again with a snapshot.
    pub fn load(&self, recovered: Recovered) {
        let Recovered { journal_id, seq, now, view, versions, alarms, last, gateways } = recovered;
        let lasts = Lasts::from_values(&last);
        let alarms = Alarms::from_alarms(alarms, now);
        let standing = Standing { journal_id: journal_id.into(), seq, now, view, versions };
        *write(&self.lasts) = lasts;
        *write(&self.gateways) = Gateways::from_states(gateways);
        let mut live = write(&self.live);
        let next = live.as_ref().map_or(0, |l| l.ring.end().saturating_add(1));
        *live = Some(Live { standing, alarms, ring: Ring::new(next, seq), quarantine: Quarantine::default() });
        drop(live);
        self.wake.send_replace(next);
    }

    /// Takes over what the step of record `seq` changed: `now` is the record's, `last` the value now held by every
    /// point it touched (a point may stand there more than once). Called by the engine once for every record, in
    /// order, after it is durable. Before `load` there is nobody to tell, and nothing happens.
    pub fn publish(&self, seq: u64, now: Micros, effects: &Effects, last: &[(PointId, LastValue)]) {
        // Copies are made before the lock is taken, so that readers wait for pointer work only.
        let mut events = Vec::new();
        for (index, business) in (0u32..).zip(&effects.business) {
            if let Business::Alarm(change) = business {
                events.push(Arc::new(Event::new(Position { seq, index }, (**change).clone())));
            }
        }
        let refused = Refused::of_step(seq, &effects.business);
        if !last.is_empty() {
            write(&self.lasts).touch(last);
        }
        write(&self.coverage).publish(seq, effects);
        let said = Ledger::of_step(effects);
        if !said.is_empty() {
            write(&self.ledger).publish(said);
        }
        let mut guard = write(&self.live);
        let Some(live) = guard.as_mut() else { return };
        live.standing.seq = seq;
        live.standing.now = now;
        live.quarantine.push(refused);
        live.alarms.forget_before(now);
        if events.is_empty() {
            return;
        }
        for event in events {
            live.alarms.apply(&event);
            live.ring.push(event);
        }
        let end = live.ring.end();
        drop(guard);
        self.wake.send_replace(end);
    }

    /// The registry view and versions in force from now on. Called by the engine after a step that activated content.
    pub fn activate(&self, view: Option<Arc<View>>, versions: Versions) {
        if let Some(live) = write(&self.live).as_mut() {
            live.standing.view = view;
            live.standing.versions = versions;
        }
    }

    /// The journal goes on under another name (recovery). Streams that are open begin again with a snapshot, for the
    /// names of their events are not good any more.
    pub fn forked(&self, journal_id: &str) {
        let mut guard = write(&self.live);
        let Some(live) = guard.as_mut() else { return };
        let next = live.ring.end().saturating_add(1);
        live.standing.journal_id = journal_id.into();
        live.ring = Ring::new(next, live.standing.seq);
        drop(guard);
        self.wake.send_replace(next);
    }

    /// A component says how it is. Logged when its condition changes.
    pub fn report(&self, component: Component, report: Report, now: Micros) {
        write(&self.healths).report(component, report, now);
    }

    #[must_use]
    pub fn healths(&self) -> Vec<(Component, Health)> {
        read(&self.healths).all()
    }

    /// Whether readings are accepted and judged; `Err` names the components in the way.
    pub fn ready(&self) -> Result<(), Vec<Component>> {
        read(&self.healths).ready()
    }

    /// The newest record projected into the database: readings, business. 0 while nobody knows.
    #[must_use]
    pub fn applied(&self) -> [u64; 2] {
        let healths = read(&self.healths);
        [Component::DatabaseReadings, Component::DatabaseBusiness].map(|lane| healths.done_seq(lane))
    }

    /// What is known of days, as the fold knows it after recovery.
    pub fn load_ledger(&self, ledger: Ledger) {
        *write(&self.ledger) = ledger;
    }

    /// Looks at the hazard ledger and the filed figures.
    pub fn ledger<T>(&self, take: impl FnOnce(&Ledger) -> T) -> T {
        take(&read(&self.ledger))
    }

    pub fn load_coverage(&self, board: Board) {
        *write(&self.coverage) = board;
    }

    /// Open days as they stand so far.
    pub fn coverage_stands(&self, seq: u64, days: Vec<CoverageDay>) {
        let mut board = write(&self.coverage);
        days.into_iter().for_each(|day| board.stands(seq, day));
    }

    /// Lets go of days that nobody looks back to any more.
    pub fn coverage_forget(&self, limits: &CoverageLimits, now: Micros) {
        let [_, applied] = self.applied();
        let mut board = write(&self.coverage);
        board.limit(limits);
        board.forget(now, applied);
    }

    /// Reads what is known of days: `take` is to copy pointers and no more, for the engine waits meanwhile.
    pub fn coverage<T>(&self, take: impl FnOnce(&Board) -> T) -> T {
        take(&read(&self.coverage))
    }

    /// Whether the database has applied what is known up to record `needed`. What was stated before this process began may
    /// lie before a head that the business lane never reaches: then the lane says itself that nothing waits.
    #[must_use]
    pub fn has_applied(&self, needed: u64) -> bool {
        let before_start = self.coverage(|board| board.is_before_start(needed));
        let healths = read(&self.healths);
        let lane = Component::DatabaseBusiness;
        healths.done_seq(lane) >= needed || (before_start && healths.is_up(lane))
    }

    /// Takes over how the gateways stand that a step heard of.
    pub fn touch_gateways(&self, states: Vec<(GatewayKey, GatewayState)>) {
        if !states.is_empty() {
            write(&self.gateways).touch(states);
        }
    }

    /// `None`: never heard.
    #[must_use]
    pub fn gateway(&self, key: &GatewayKey) -> Option<GatewayState> {
        read(&self.gateways).get(key)
    }

    /// Numbered messages of all gateways: received, missing.
    #[must_use]
    pub fn gateway_totals(&self) -> (u64, u64) {
        read(&self.gateways).totals()
    }

    /// `None` until `load`.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.look(|live| live.standing.clone())
    }

    /// Open alarms, worst first, then oldest first.
    #[must_use]
    pub fn open(&self) -> Option<Vec<Arc<Alarm>>> {
        self.look(|live| live.alarms.open())
    }

    /// Open alarms for each severity, blue first.
    #[must_use]
    pub fn open_counts(&self) -> [u64; 4] {
        self.look(|live| live.alarms.counts()).unwrap_or_default()
    }

    /// Alarms closed within 24 hours, newest first, at most `limit`.
    #[must_use]
    pub fn closed(&self, limit: usize) -> Option<Vec<Arc<Alarm>>> {
        self.look(|live| live.alarms.closed(limit))
    }

    /// An alarm that is open or closed not long ago.
    #[must_use]
    pub fn alarm(&self, id: AlarmId) -> Option<Arc<Alarm>> {
        self.look(|live| live.alarms.find(id)).flatten()
    }

    /// Newest first, at most `limit`.
    #[must_use]
    pub fn quarantined(&self, limit: usize) -> Option<Vec<Arc<Refused>>> {
        self.look(|live| live.quarantine.newest(limit))
    }

    /// The values held for `points`, in their order. Not one instant: the lock is given back between pieces.
    #[must_use]
    pub fn last_of(&self, points: &[PointId]) -> Vec<Option<LastValue>> {
        // 4,096 values are copied in about 20 us, so the engine never waits longer than that for a large reader.
        const PIECE: usize = 4096;
        let mut values = Vec::with_capacity(points.len());
        for piece in points.chunks(PIECE) {
            let lasts = read(&self.lasts);
            values.extend(piece.iter().map(|p| lasts.get(*p)));
        }
        values
    }

    /// Begins a stream after `mark`, or with a snapshot when that is not possible. `None` until `load`.
    #[must_use]
    pub fn subscribe(&self, after: Result<Mark, Why>) -> Option<Start> {
        self.look(|live| {
            let resumed = after.and_then(|mark| match *mark.journal_id == *live.standing.journal_id {
                true => live.ring.after(mark.position, live.standing.seq),
                false => Err(Why::OtherJournal),
            });
            match resumed {
                Ok(next) => Start::Resumed { next },
                Err(why) => Start::Fresh { why, snapshot: Box::new(live.snapshot()), next: live.ring.end() },
            }
        })
    }

    /// At most `limit` events from number `next` on; empty when there are none yet.
    pub fn events(&self, next: u64, limit: usize) -> Result<Vec<Arc<Event>>, Overrun> {
        self.look(|live| live.ring.read(next, limit)).unwrap_or(Err(Overrun))
    }

    /// Changes whenever there are new events.
    #[must_use]
    pub fn wake(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    fn look<T>(&self, take: impl FnOnce(&Live) -> T) -> Option<T> {
        read(&self.live).as_ref().map(take)
    }
}

impl Live {
    fn snapshot(&self) -> Snapshot {
        let mark = Mark { journal_id: self.standing.journal_id.clone(), position: self.ring.head(self.standing.seq) };
        Snapshot { standing: self.standing.clone(), mark, open: self.alarms.open() }
    }
}

/// A thread that panicked while it held a lock left copies behind that are at worst one step old: go on with them.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
