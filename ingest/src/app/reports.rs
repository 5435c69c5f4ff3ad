//! Who tells the hub what: the recovered state at start, the lanes of the projection while it runs. I/O.

use super::Shared;
use crate::disk::RealDisk;
use crate::engine::fold::Fold;
use crate::hub::health::{Component, Condition, Report};
use crate::hub::rulebook::Rules;
use crate::hub::{Recovered, Versions};
use crate::mqtt::Standing;
use crate::pace::Watch;
use crate::store::lane::Lane;
use crate::store::progress::{LaneState, Progress};
use alerting::input::SystemFault;
use rules::reading::{Micros, Severity};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::watch;

/// A wall that is set is noticed within this.
const CLOCK_LOOK: Duration = Duration::from_secs(1);
/// The database does not follow: shown on the alarm list, for it means that the record of the day is behind.
const DATABASE_CODE: &str = "DAVY-DATABASE";
/// The database refuses this journal: nobody but a person can mend that.
const REFUSED_CODE: &str = "DAVY-PROJECTION-REFUSED";
const READINGS_REFUSED_CODE: &str = "DAVY-READINGS-REFUSED";
/// Effects were set aside in `projection_rejected`.
const REJECTED_CODE: &str = "DAVY-PROJECTION-REJECTED";

/// Shows what the fold knows after recovery.
pub(super) fn load(shared: &Shared, fold: &Fold<RealDisk>) {
    let state = fold.state();
    let view = state.view().cloned();
    let numbers = view.iter().flat_map(|view| view.points()).map(|(id, _)| id);
    shared.hub.load(Recovered {
        journal_id: fold.journal().identity().journal_id.clone(),
        seq: fold.journal().head(),
        now: state.now(),
        versions: Versions::of(state.versions()),
        alarms: state.open_alarms().chain(state.recent_closed()).cloned().collect(),
        gateways: state.gateways().map(|(key, gateway)| (key.clone(), gateway.clone())).collect(),
        last: numbers.filter_map(|id| Some((id, state.last(id)?))).collect(),
        view,
    });
    shared.hub.load_books(state, fold.journal().head());
    shared.hub.load_rules(Rules::of(state));
    let now = shared.clock.now();
    shared.hub.report(Component::Engine, Report::up(), now);
    shared.hub.report(Component::Journal, Report::up(), now);
    shared.hub.report(Component::Broker, Report::down("not connected yet"), now);
}

/// How far the wall is from the loop's clock, looked at once a second until the stop.
pub(super) async fn clock(shared: Shared, mut stopped: watch::Receiver<bool>) {
    let mut watch = Watch::default();
    loop {
        let standing = shared.clock.standing();
        shared.telemetry.clock_away(standing.away_us());
        if let Some(fault) = watch.look(&standing) {
            shared.sender.fault(fault);
        }
        tokio::select! {
            biased;
            // An error means that the sender is gone, which is a stop too.
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(CLOCK_LOOK) => {}
        }
    }
}

/// Follows one lane until the stop.
pub(super) async fn lane(mut progress: watch::Receiver<Progress>, shared: Shared, mut stopped: watch::Receiver<bool>) {
    let mut told = LaneState::Starting;
    let mut aside = Aside::default();
    let mut age = Age::default();
    loop {
        let now = progress.borrow_and_update().clone();
        let component = component(now.lane);
        let at = shared.clock.now();
        let lag_us = age.of(&now, at);
        shared.hub.report(component, Report { lag_us, ..report(&now) }, at);
        if told.name() != now.state.name() {
            for fault in faults(&now) {
                shared.sender.fault(fault);
            }
            told = now.state.clone();
        }
        shared.telemetry.rejected(now.counts.rejected.saturating_sub(aside.rejected));
        if let Some(fault) = aside.look(&now) {
            shared.sender.fault(fault);
        }
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            changed = progress.changed() => if changed.is_err() { return },
        }
    }
}

/// What was set aside, and what is to be said of it.
#[derive(Default)]
struct Aside {
    rejected: u64,
    /// How many transactions there were when something was last set aside.
    transactions: u64,
    /// The last word; `None` before the first: an alarm of the run before may still stand.
    told: Option<bool>,
}

impl Aside {
    /// It returns, and waits for its signature, once a later transaction went in whole; what changes besides is no sign
    /// of that.
    fn look(&mut self, progress: &Progress) -> Option<SystemFault> {
        let (rejected, transactions) = (progress.counts.rejected, progress.transactions);
        if rejected > self.rejected {
            (self.rejected, self.transactions, self.told) = (rejected, transactions, Some(true));
            let why = progress.rejected.clone().unwrap_or_default();
            return Some(fault(REJECTED_CODE, Severity::Orange, true, why));
        }
        let is_over = self.told.is_none() || (self.told == Some(true) && transactions > self.transactions);
        is_over.then(|| {
            self.told = Some(false);
            fault(REJECTED_CODE, Severity::Orange, false, String::new())
        })
    }
}

/// When the spool's head was first seen where it is: tells how old the oldest record is that is not applied.
#[derive(Default)]
struct Age {
    /// (head, when), one entry a look; as many as looks fit into a backlog, bounded below.
    seen: VecDeque<(u64, Micros)>,
}

/// A look comes with every transaction, and every 5 s while the database is away: this covers days of that, and when it
/// is full the oldest stays.
const LOOKS_MAX: usize = 65_536;

impl Age {
    fn of(&mut self, progress: &Progress, at: Micros) -> i64 {
        while self.seen.front().is_some_and(|(head, _)| *head <= progress.applied_seq) {
            self.seen.pop_front();
        }
        let newer = self.seen.back().is_none_or(|(head, _)| *head < progress.head);
        if newer && progress.head > progress.applied_seq && self.seen.len() < LOOKS_MAX {
            self.seen.push_back((progress.head, at));
        }
        self.seen.front().map_or(0, |(_, since)| at.since(*since))
    }
}

/// Follows the link to the broker until the stop.
pub(super) async fn broker(
    mut standing: watch::Receiver<Standing>,
    shared: Shared,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let report = match &*standing.borrow_and_update() {
            Standing::Up => Report::up(),
            Standing::Down(why) => Report::down(why.clone()),
        };
        shared.hub.report(Component::Broker, report, shared.clock.now());
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            changed = standing.changed() => if changed.is_err() { return },
        }
    }
}

fn component(lane: Lane) -> Component {
    match lane {
        Lane::Readings => Component::DatabaseReadings,
        Lane::Business => Component::DatabaseBusiness,
    }
}

fn report(progress: &Progress) -> Report {
    let (condition, detail) = match &progress.state {
        LaneState::Starting => (Condition::Down, "not claimed yet".to_owned()),
        LaneState::Up => (Condition::Up, String::new()),
        LaneState::CatchingUp => (Condition::CatchingUp, format!("{} records behind", progress.lag)),
        LaneState::Down { reason } => (Condition::Down, reason.clone()),
        LaneState::Refused { name, text } => (Condition::Refused, format!("{name}: {text}")),
    };
    Report { condition, detail, lag_records: progress.lag, lag_us: 0, done_seq: Some(progress.applied_seq) }
}

/// The business lane speaks for the database being away: both lanes fall and rise with it, and one alarm is enough.
/// A refusal may be one lane's alone.
fn faults(progress: &Progress) -> Vec<SystemFault> {
    let (down, refused) = match &progress.state {
        LaneState::Starting => return Vec::new(),
        LaneState::Down { reason } => (Some(reason.clone()), None),
        LaneState::Refused { name, text } => (None, Some(format!("{name}: {text}; see `davy recover status`"))),
        LaneState::Up | LaneState::CatchingUp => (None, None),
    };
    let refusal = |code| fault(code, Severity::Orange, refused.is_some(), refused.clone().unwrap_or_default());
    match progress.lane {
        Lane::Readings => vec![refusal(READINGS_REFUSED_CODE)],
        Lane::Business => {
            let away = fault(DATABASE_CODE, Severity::Yellow, down.is_some(), down.unwrap_or_default());
            vec![away, refusal(REFUSED_CODE)]
        }
    }
}

fn fault(code: &str, severity: Severity, active: bool, detail: String) -> SystemFault {
    SystemFault { code: code.into(), severity, active, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_stands_until_a_later_transaction_goes_in_whole() {
        let mut aside = Aside::default();
        let mut progress = Progress::new(Lane::Business);
        let mut look = |rejected, transactions, applied_seq| {
            progress.counts.rejected = rejected;
            progress.transactions = transactions;
            progress.applied_seq = applied_seq;
            progress.rejected = (rejected > 0).then(|| "22003".to_owned());
            aside.look(&progress).map(|fault| (fault.active, fault.detail))
        };
        let (raised, over) = (Some((true, "22003".to_owned())), Some((false, String::new())));
        assert_eq!(look(0, 0, 0), over, "one of the run before, if there is one");
        assert_eq!(look(0, 1, 4), None);
        assert_eq!(look(2, 2, 4), raised);
        assert_eq!(look(2, 2, 5), None, "the position of the very transaction that set aside");
        assert_eq!(look(3, 3, 6), raised, "again, and other ones");
        assert_eq!(look(3, 4, 7), over);
        assert_eq!(look(3, 5, 8), None);
    }
}
