//! The loop of six verbs: wait, keep, answer, think, tell, project. One thread; the only place where inputs become
//! records. Everything it calls is a leaf. I/O.

pub mod content;
mod covering;
pub mod fold;
mod housekeeping;
mod import;
pub mod open;
mod room;
pub mod shed;
mod skip;

mod turn;

use crate::clock::{Clock, Stopwatch};
use crate::config::OnFull;
use crate::delivery::{Delivery, Record};
use crate::disk::Disk;
use crate::downlink::Downlink;
use crate::hub::health::{Component, Report};
use crate::hub::rulebook::Rules;
use crate::hub::{Hub, Versions};
use crate::inbox::{AckToken, Again, Inbox};
use crate::journal::LogError;
use crate::pace::Accepted;
use crate::telemetry::{Telemetry, Verb};
use alerting::effect::Effects;
use alerting::input::Input;
use covering::Covering;
use fold::{Fold, FoldError, KeepError, Kept};
use housekeeping::{Housekeeping, Told};
use room::{Room, Turned};
use rules::reading::{Micros, PointId, SECOND_US};
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;
use turn::{Orders, Replay, Turn, Undecoded, accept_clock};

/// Without a deadline of the state we still look up so often, for snapshots and for room on a full disk.
const IDLE_US: i64 = SECOND_US;

#[derive(Debug, Error)]
pub enum EngineError {
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// The engine with everything it leans on; `run` owns a thread until it is told to stop.
pub struct Engine<D: Disk> {
    fold: Fold<D>,
    inbox: Inbox,
    clock: Clock,
    hub: Arc<Hub>,
    downlink: Downlink,
    telemetry: Arc<Telemetry>,
    housekeeping: Housekeeping,
    covering: Covering,
    room: Room,
    /// Links and faults that found no room: few, one for each code.
    to_say: Vec<Undecoded>,
    /// Not even these had room: look again after a while, not at once.
    stuck: bool,
    /// Judged, not in the spools yet, because the disk filled up in between. Bounded: readings are held meanwhile.
    unprojected: VecDeque<(Kept, Effects)>,
}

/// What the engine leans on, made by `app`.
pub struct Surroundings {
    pub inbox: Inbox,
    pub clock: Clock,
    pub hub: Arc<Hub>,
    pub downlink: Downlink,
    pub telemetry: Arc<Telemetry>,
    pub snapshot_every_us: i64,
    pub backup_horizon_us: i64,
    pub on_full: OnFull,
}

impl<D: Disk> Engine<D> {
    pub fn new(fold: Fold<D>, around: Surroundings) -> Engine<D> {
        let Surroundings { inbox, clock, hub, downlink, telemetry, snapshot_every_us, backup_horizon_us, on_full } =
            around;
        let housekeeping = Housekeeping::new(snapshot_every_us, backup_horizon_us, on_full, clock.now());
        Engine {
            fold,
            inbox,
            clock,
            hub,
            downlink,
            telemetry,
            housekeeping,
            covering: Covering::default(),
            room: Room::default(),
            to_say: Vec::new(),
            stuck: false,
            unprojected: VecDeque::new(),
        }
    }

    /// Runs until `Stop` comes through the inbox, then leaves a snapshot behind, so that a start needs no replay.
    /// An error means that we are wrong, not the world: the process must stop.
    pub fn run(mut self) -> Result<(), EngineError> {
        let state = self.fold.state();
        self.downlink.tell_open(state.open_alarms(), state.now(), state.view().map(Arc::as_ref));
        loop {
            let Turn { now, stop, orders, deliveries, replays, imports } = self.wait();
            if !orders.inputs.is_empty() {
                let at = self.not_beyond(&orders, deliveries.first().map(|(first, _)| first.received), now);
                self.take_orders(at, orders)?;
            }
            let now = self.now();
            if let Some(last) = deliveries.last().map(|(last, _)| last.received) {
                // What still waits was received before now: no delay may end before it has been heard.
                let more = self.inbox.waiting() > 0;
                let at = if more { last.max(self.fold.last_now()).min(now) } else { now };
                self.take_deliveries(at, deliveries)?;
            }
            for replay in replays {
                self.take_replay(self.now(), replay)?;
            }
            for (import, answer) in imports {
                self.import(*import, answer)?;
            }
            self.project_waiting()?;
            let watch = Stopwatch::start();
            self.housekeeping.told(self.room.is_full(), !self.unprojected.is_empty());
            let told = self.housekeeping.look(&mut self.fold, &self.hub, self.clock.now());
            self.say(told.map_err(FoldError::from)?);
            self.covering.look(self.fold.state(), &self.hub, self.clock.now());
            self.telemetry.housekeeping(watch.seconds());
            if stop {
                self.say_last()?;
                return self.finish();
            }
        }
    }

    /// The time of a record of orders: not beyond the first delivery that is received and not judged yet. A clock that
    /// jumped is where it is.
    fn not_beyond(&self, orders: &Orders, first: Option<Micros>, now: Micros) -> Micros {
        let jumps = orders.inputs.iter().any(|input| matches!(input, Input::Resumed { .. }));
        let first = first.filter(|_| !jumps).unwrap_or(now);
        now.min(first).max(self.fold.last_now())
    }

    /// History that had to go is counted now, and its alarm is of the next turn.
    fn say(&mut self, told: Told) {
        if let Some(given_up) = told.given_up {
            self.telemetry.history_shed(given_up);
        }
        self.to_say.extend(told.fault.map(Input::SystemFault));
    }

    /// **wait**: for deliveries, commands of people, the state's own next deadline.
    fn wait(&mut self) -> Turn {
        let watch = Stopwatch::start();
        let idle_until = self.clock.now().plus(IDLE_US);
        let next = if self.stuck { idle_until } else { self.fold.state().next_deadline().unwrap_or(Micros::MAX) };
        let items = self.inbox.next(Some(next.min(idle_until)), &|| self.clock.now());
        self.telemetry.verb(Verb::Wait, watch.seconds());
        self.telemetry.waiting(self.inbox.waiting());
        self.look_for_room(self.now());
        let accepts_clock = accept_clock(&items, &|key| self.fold.state().has_answered(key));
        let (now, jumps_from) = self.foresee(accepts_clock);
        let mut turn = Turn::compose(now, items, std::mem::take(&mut self.to_say), jumps_from);
        turn.orders.accepts_clock = accepts_clock;
        turn.orders.inputs.extend(self.room.change(self.fold.quota()).map(Input::SystemFault));
        let due = self.fold.state().next_deadline().is_some_and(|deadline| deadline <= now);
        if due && turn.orders.inputs.is_empty() && turn.deliveries.is_empty() {
            turn.orders.inputs.push(Input::Tick);
        }
        turn
    }

    /// The time of the next record: never before that of the last one.
    fn now(&self) -> Micros {
        self.clock.now().max(self.fold.last_now())
    }

    /// The time of this turn's orders and, if a person's word makes the clock jump there, from where. Here and not at
    /// the edge: the jump stands in the journal, as an outage of ours, before anything else that carries a later time.
    fn foresee(&self, accepts_clock: bool) -> (Micros, Option<Micros>) {
        if accepts_clock && let (Accepted::Jumped { from }, to) = self.clock.foresee() {
            return (to.max(self.fold.last_now()), Some(from));
        }
        (self.now(), None)
    }

    fn look_for_room(&mut self, now: Micros) {
        if !self.room.is_full() {
            return;
        }
        self.fold.look_for_room();
        if self.unprojected.is_empty() && self.room.look(self.fold.quota()) == Turned::Open {
            self.inbox.hold(false);
            self.hub.report(Component::Journal, Report::up(), now);
        }
    }

    /// What people, links, faults and time say: may use the reserve.
    fn take_orders(&mut self, now: Micros, mut orders: Orders) -> Result<(), FoldError> {
        let record = orders.record(now);
        let Some(kept) = self.keep(&record)? else {
            self.stuck = true;
            self.to_say = Orders::to_say_again(record);
            return Ok(());
        };
        self.stuck = false;
        if orders.accepts_clock {
            let accepted = self.clock.accept();
            tracing::warn!(?accepted, "the wall's time was accepted");
        }
        if let Some(journal_id) = orders.fork.take() {
            self.fold.fork(&journal_id)?;
            self.hub.forked(&journal_id);
        }
        let effects = self.think(kept, &record)?;
        self.tell(kept, &record, &effects);
        if record.inputs.iter().any(|input| matches!(input, Input::AdoptedLedger(_))) {
            // What was taken over leaves no effects: whoever looks begins anew.
            self.hub.load_books(self.fold.state(), kept.seq);
        }
        orders.answer(kept.seq, &effects.outcomes);
        self.project(kept, effects)
    }

    fn take_deliveries(&mut self, now: Micros, deliveries: Vec<(Delivery, AckToken)>) -> Result<(), FoldError> {
        let (deliveries, acks): (Vec<_>, Vec<_>) = deliveries.into_iter().unzip();
        let record = Record { now, inputs: deliveries.into_iter().map(Input::Delivery).collect() };
        let Some(kept) = self.keep(&record)? else {
            self.run_out(record, acks, now);
            return Ok(());
        };
        crate::fault::point("mqtt.before_ack");
        let watch = Stopwatch::start();
        for ack in acks {
            ack.ack();
        }
        self.telemetry.verb(Verb::Answer, watch.seconds());
        let effects = self.think(kept, &record)?;
        self.tell(kept, &record, &effects);
        self.project(kept, effects)
    }

    /// Messages out of quarantine. Without room for them their answer is dropped: they lie in quarantine still.
    fn take_replay(&mut self, now: Micros, replay: Replay) -> Result<(), FoldError> {
        let Replay { messages, answer } = replay;
        let record = Record { now, inputs: messages.into_iter().map(Input::Replayed).collect() };
        let Some(kept) = self.keep(&record)? else { return Ok(()) };
        crate::fault::point("replay.kept");
        let effects = self.think(kept, &record)?;
        self.tell(kept, &record, &effects);
        // Somebody who no longer waits asks the database what is done.
        answer.send(Again::of(kept.seq, &effects)).ok();
        self.project(kept, effects)
    }

    /// No room: the deliveries go back, unacknowledged, and the lane is held. The broker keeps what comes after them.
    fn run_out(&mut self, record: Record, acks: Vec<AckToken>, now: Micros) {
        self.telemetry.held(record.inputs.len());
        let deliveries = record.inputs.into_iter().filter_map(|input| match input {
            Input::Delivery(delivery) => Some(delivery),
            _ => None,
        });
        self.inbox.put_back(deliveries.zip(acks).collect());
        self.close(now, 0);
    }

    fn close(&mut self, now: Micros, bytes: u64) {
        self.room.ran_out(bytes);
        self.inbox.hold(true);
        let report = Report::down("data directory full: readings wait at the broker");
        self.hub.report(Component::Journal, report, now);
    }

    /// **keep**: `None` = there is no room; nothing was written.
    fn keep(&mut self, record: &Record) -> Result<Option<Kept>, FoldError> {
        let watch = Stopwatch::start();
        match self.fold.keep(record) {
            Ok(kept) => {
                // Waiting for the disk is counted apart: it says nothing about us.
                self.telemetry.verb(Verb::Keep, watch.seconds() - self.fold.cost().sync_s);
                self.telemetry.kept(self.fold.cost(), self.fold.quota().used(), self.fold.quota().limit());
                Ok(Some(kept))
            }
            Err(KeepError::Full { .. }) => Ok(None),
            Err(KeepError::Log(e)) => Err(e.into()),
        }
    }

    /// **think**: a panic is remembered before the process stops.
    fn think(&mut self, kept: Kept, record: &Record) -> Result<Effects, FoldError> {
        let watch = Stopwatch::start();
        let effects = self.fold.think(kept, record);
        if let Err(FoldError::Panicked { seq, .. }) = &effects {
            self.fold.remember_panic(*seq)?;
        }
        self.telemetry.verb(Verb::Think, watch.seconds());
        effects
    }

    /// **tell**: durable and judged, so it may be shown; never waits for a listener.
    fn tell(&self, kept: Kept, record: &Record, effects: &Effects) {
        let watch = Stopwatch::start();
        let state = self.fold.state();
        let stored = &effects.readings;
        let touched: Vec<_> = (stored.fast.point.iter().chain(&stored.late.point))
            .filter_map(|&number| Some((PointId(number), state.last(PointId(number))?)))
            .collect();
        self.hub.publish(kept.seq, record.now, effects, &touched);
        let gateways = state.gateways_touched().map(|(key, gateway)| (key.clone(), gateway.clone()));
        self.hub.touch_gateways(gateways.collect());
        if Rules::change_with(effects) || state.out_of_service().was_touched() {
            self.hub.activate(state.view().cloned(), Versions::of(state.versions()));
            self.hub.load_rules(Rules::of(state));
        }
        self.downlink.tell(effects, state.view().map(Arc::as_ref));
        self.telemetry.count(effects, record.inputs.len());
        self.telemetry.verb(Verb::Tell, watch.seconds());
    }

    /// **project**: in order, so what found no room before goes first.
    fn project(&mut self, kept: Kept, effects: Effects) -> Result<(), FoldError> {
        let watch = Stopwatch::start();
        self.unprojected.push_back((kept, effects));
        self.project_waiting()?;
        self.telemetry.verb(Verb::Project, watch.seconds());
        Ok(())
    }

    /// The disk may fill up between a record and its effects: then they wait here, readings are held, and a crash
    /// loses nothing, since a replay makes them again.
    fn project_waiting(&mut self) -> Result<(), FoldError> {
        while let Some((kept, effects)) = self.unprojected.pop_front() {
            match self.fold.project(kept, &effects) {
                Ok(()) => {}
                Err(LogError::NoSpace { bytes, .. }) => {
                    self.unprojected.push_front((kept, effects));
                    self.close(self.fold.last_now(), bytes);
                    return Ok(());
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// What the stopping turn itself had to say: nobody would know of it after the next start.
    fn say_last(&mut self) -> Result<(), FoldError> {
        let inputs = std::mem::take(&mut self.to_say);
        if inputs.is_empty() {
            return Ok(());
        }
        self.take_orders(self.now(), Orders::of(inputs))?;
        if !self.to_say.is_empty() {
            tracing::error!(unsaid = ?self.to_say, "no room for the last words");
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), EngineError> {
        if self.unprojected.is_empty() {
            self.housekeeping.finish(&mut self.fold).map_err(FoldError::from)?;
        } else {
            tracing::warn!(records = self.unprojected.len(), "no room for a last snapshot: the next start replays");
        }
        Ok(())
    }
}

#[cfg(test)]
mod full;

#[cfg(test)]
mod tests;
