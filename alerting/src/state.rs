//! The whole state of the fold, and what others may read of it. Changed by `step` alone; saved and restored by
//! `save`. Must not know where its inputs come from or where its effects go. Pure.

use crate::absence::{Absence, Start};
use crate::alarm::{Alarm, AlarmId};
use crate::anchors::Anchors;
use crate::answers::Answers;
use crate::book::{Book, Seat};
use crate::coverage::Coverage;
use crate::effect::{Business, Finding};
use crate::figures::Figures;
use crate::filings::Filings;
use crate::findings::Findings;
use crate::gateway::{GatewayKey, GatewayState};
use crate::gateways::Gateways;
use crate::hazards::Hazards;
use crate::in_force::InForce;
use crate::input::FoldLimits;
use crate::intern::Intern;
use crate::means::Means;
use crate::memory::Memory;
use crate::memory::held::Helds;
use crate::nuisance::Nuisances;
use crate::out_of_service::OutOfService;
use crate::outage::Outage;
use crate::points::Points;
use crate::redelivery::Redeliveries;
use crate::rulebook::Rulebook;
use crate::slot::Slot;
use crate::slots::Slots;
use crate::system::Systems;
use crate::usual::Usual;
use rules::bind::{Binding, ObjectKey};
use rules::reading::{Micros, PointId, SECOND_US};
use rules::set::RuleSet;
use rules::view::{PointKey, View};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use crate::points::LastValue;

/// The fold. The same journal gives the same state, byte for byte, and the same effects.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) seq: u64,
    /// How far the fold has come: never goes back.
    pub(crate) now: Micros,
    pub(crate) journal_id: Option<String>,
    pub(crate) engine: Option<u32>,
    pub(crate) versions: Versions,
    pub(crate) limits: Arc<FoldLimits>,
    pub(crate) intern: Intern,
    pub(crate) points: Points,
    pub(crate) redeliveries: Redeliveries,
    pub(crate) gateways: Gateways,
    pub(crate) anchors: Anchors,
    pub(crate) findings: Findings,
    /// Complete findings of the step at work.
    pub(crate) found: Vec<Finding>,
    pub(crate) filings: Filings,
    pub(crate) coverage: Coverage,
    pub(crate) hazards: Hazards,
    pub(crate) figures: Figures,
    /// Effects of those four in the step at work.
    pub(crate) ledger: Vec<Business>,
    pub(crate) book: Book,
    pub(crate) slots: Slots,
    /// Slots of a snapshot that no instance in force answers to: closed by the next step.
    pub(crate) orphans: Vec<(SlotKey, Slot)>,
    pub(crate) systems: Systems,
    pub(crate) answers: Answers,
    pub(crate) outage: Outage,
    pub(crate) means: Means,
    pub(crate) memory: Memory,
    pub(crate) usual: Usual,
    pub(crate) out_of_service: OutOfService,
    pub(crate) rulebook: Rulebook,
    pub(crate) helds: Helds,
    pub(crate) nuisances: Nuisances,
    /// Derived from here on.
    pub(crate) view: Option<Arc<View>>,
    pub(crate) in_force: InForce,
    pub(crate) absence: Absence,
}

/// Content hashes of what is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    pub registry: Option<String>,
    pub rules: Option<String>,
    pub limits: Option<String>,
}

/// The stable name of a slot: instance numbers change with every activation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SlotKey {
    pub rule: String,
    pub object: ObjectKey,
}

impl State {
    /// Before the first record of a journal.
    #[must_use]
    pub fn new() -> State {
        State::default()
    }

    /// The last record stepped; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    #[must_use]
    pub fn journal_id(&self) -> Option<&str> {
        self.journal_id.as_deref()
    }

    /// The fold's version that the journal last named.
    #[must_use]
    pub fn engine_version(&self) -> Option<u32> {
        self.engine
    }

    #[must_use]
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// What decoders resolve names by; `None` before a registry is active.
    #[must_use]
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// What is bound, and what a rule was meant for and could not watch.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.in_force.binding
    }

    /// The names of all points ever numbered, in the order of their numbers.
    #[must_use]
    pub fn point_keys(&self) -> &[PointKey] {
        self.intern.keys()
    }

    /// When the fold wants a `Tick`, at the latest. A tick at that time consumes it.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Micros> {
        let slot = self.slots.next_due().map(|(due, _)| due);
        let attended = [slot, self.absence.next_due()].into_iter().flatten().min();
        let attended = attended.and_then(|due| self.outage.comes(due));
        let nuisance = self.nuisances.next_due(&self.limits.nuisance);
        let received = [self.filings.next_due(), self.coverage.next_due(), self.hazards.next_due(), nuisance];
        [attended, self.next_between(), self.findings.next_due()].into_iter().chain(received).flatten().min()
    }

    /// In the order of their numbers: the order in which they were first raised.
    pub fn open_alarms(&self) -> impl Iterator<Item = &Alarm> + '_ {
        self.book.open().filter_map(|(_, seat)| self.at_seat(seat))
    }

    #[must_use]
    pub fn open_len(&self) -> usize {
        self.book.open_len()
    }

    /// What closed in the last 24 h, oldest first, at most 10,000.
    pub fn recent_closed(&self) -> impl DoubleEndedIterator<Item = &Alarm> + '_ {
        self.book.closed.iter()
    }

    /// An alarm that is open or closed lately.
    #[must_use]
    pub fn alarm(&self, id: AlarmId) -> Option<&Alarm> {
        match self.book.find(id) {
            Some(seat) => self.at_seat(seat),
            None => self.book.closed.iter().rev().find(|alarm| alarm.id == id),
        }
    }

    /// Whether a command under this idempotency key was answered: another one under it changes nothing.
    #[must_use]
    pub fn has_answered(&self, key: &str) -> bool {
        self.answers.has(key)
    }

    /// The last judged reading of a point.
    #[must_use]
    pub fn last(&self, point: PointId) -> Option<LastValue> {
        self.points.last(point)
    }

    /// Every gateway ever heard, with what is known of it.
    pub fn gateways(&self) -> impl Iterator<Item = (&GatewayKey, &GatewayState)> + '_ {
        self.gateways.iter()
    }

    /// Those that the last step heard.
    pub fn gateways_touched(&self) -> impl Iterator<Item = (&GatewayKey, &GatewayState)> + '_ {
        self.gateways.touched()
    }

    /// Filings that may still matter, by number.
    #[must_use]
    pub fn filings(&self) -> &Filings {
        &self.filings
    }

    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    #[must_use]
    pub fn hazards(&self) -> &Hazards {
        &self.hazards
    }

    /// The newest figure of each row of the task list that was filed.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.in_force.rules
    }

    /// The configuration of the fold in force.
    #[must_use]
    pub fn limits(&self) -> &FoldLimits {
        &self.limits
    }

    /// Since when the link to the broker is down.
    #[must_use]
    pub fn link_down_since(&self) -> Option<Micros> {
        self.outage.link_down_since
    }

    pub(crate) fn at_seat(&self, seat: &Seat) -> Option<&Alarm> {
        match seat {
            Seat::Slot(number) => self.slots.get(*number)?.alarm.as_deref(),
            Seat::System(code) => self.systems.codes.get(code),
            Seat::RuleError(rule) => self.systems.rule_errors.get(rule).map(|known| &known.alarm),
        }
    }

    /// What absence deadlines are counted from.
    pub(crate) fn start<'a>(points: &'a Points, limits: &FoldLimits) -> Start<'a> {
        Start { points, never_seen_grace_us: i64::from(limits.never_seen_grace_s).saturating_mul(SECOND_US) }
    }

    /// Makes the absence queue anew, after a restore or an activation. A point whose silence is a breach already does
    /// not wait for another one.
    pub(crate) fn rebuild_absence(&mut self) {
        use crate::slot::Phase;
        let slots = &self.slots;
        let waits = |number: u32| {
            !matches!(
                slots.get(number).map(|slot| &slot.phase),
                Some(Phase::Counting { .. } | Phase::Dwelling { .. } | Phase::Active { misses: 0, .. })
            )
        };
        let start = State::start(&self.points, &self.limits);
        self.absence = Absence::new(&self.in_force.binding.instances, &start, &waits);
    }

    pub(crate) fn slot_key(&self, number: u32) -> Option<SlotKey> {
        let (instance, rule) = self.in_force.instance(number)?;
        Some(SlotKey { rule: rule.id.clone(), object: instance.object.clone() })
    }
}
