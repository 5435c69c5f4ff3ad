//! Two folds side by side over one stream: what a record would have been live becomes one step of each. Effects are
//! counted and thrown away. Must not know where history comes from. Pure but for the stopwatch.

use super::messages::Message;
use super::source_store::Catalog;
use super::spells::{Spell, Spells};
use super::version::Tried;
use super::{Course, Named, Portion, Thing};
use crate::clock::Stopwatch;
use crate::decode::decode;
use crate::delivery::Delivery;
use crate::store::happened::Signed;
use alerting::alarm::{AlarmId, Cause};
use alerting::command::{Actor, Command, Order};
use alerting::effect::{Business, Effects, FLAG_NOT_JUDGED};
use alerting::filings::Filing;
use alerting::input::{AdoptedLedger, Batch, Content, Decoded, FoldLimits, Input, Replayed};
use alerting::state::State;
use alerting::system::RULE_ERROR;
use alerting::why::Why;
use rules::bind::ObjectKey;
use rules::reading::{Micros, PointId, SECOND_US};
use rules::registry::Registry;
use std::collections::BTreeSet;
use std::sync::Arc;

/// As many readings a step as live under load.
const STEP_READINGS: usize = 4_096;
/// And so much time at most.
const STEP_US: i64 = 10 * SECOND_US;

/// One rule set at work.
pub struct Side {
    pub tried: Tried,
    state: State,
    seq: u64,
    spells: Spells,
    /// Judging alone. Seconds.
    pub seconds: f64,
    /// Rules that could not be evaluated, each with what was said first.
    pub failures: BTreeSet<String>,
    pub leads: u64,
    pub findings: u64,
    /// Signatures that found no open alarm.
    pub unsigned: u64,
}

/// What was met on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub readings: u64,
    pub messages: u64,
    /// Of points that the registry of that time does not name.
    pub unknown: u64,
    /// Of messages that the decoder refuses.
    pub rejects: u64,
    /// Judged then and history here, and the reverse.
    pub became_history: u64,
    pub became_live: u64,
    /// Stored then, and known already here.
    pub duplicates: u64,
}

/// What both begin with.
pub struct Ground {
    pub registry: Arc<Named<Registry>>,
    pub limits: Arc<Named<FoldLimits>>,
    pub catalog: Catalog,
}

/// Both rule sets on their way through history.
pub struct Trial {
    pub sides: [Side; 2],
    pub counts: Counts,
    /// Decoding, or putting messages together: part of reading. Seconds.
    pub prepare_s: f64,
    catalog: Catalog,
    /// The fold's numbers of the database's points.
    numbers: Vec<Option<PointId>>,
    waiting: Vec<Input<Decoded, Content>>,
    waiting_readings: usize,
    /// Stored without being judged: (point, receive time), of what waits.
    unjudged: Vec<(u32, i64)>,
    first: Micros,
    now: Micros,
}

impl Side {
    fn begin(tried: Tried, course: &Course, ground: &Ground) -> Side {
        let mut side = Side {
            tried,
            state: State::new(),
            seq: 0,
            spells: Spells::default(),
            seconds: 0.0,
            failures: BTreeSet::new(),
            leads: 0,
            findings: 0,
            unsigned: 0,
        };
        let at = course.begin;
        let genesis = Input::Genesis { journal_id: "backtest".to_owned(), alarm_id_base: AlarmId::base_at(at) };
        let rules = Content::Rules { version: side.tried.version.clone(), rules: Arc::clone(&side.tried.rules) };
        for input in [genesis, limits(&ground.limits), registry(&ground.registry), Input::Activate(rules)] {
            side.step(&Batch { now: at, inputs: vec![input] });
        }
        side
    }

    fn step(&mut self, batch: &Batch<Decoded, Content>) -> Effects {
        let watch = Stopwatch::start();
        self.seq = self.seq.saturating_add(1);
        let effects = self.state.step(self.seq, batch);
        self.seconds += watch.seconds();
        for effect in &effects.business {
            match effect {
                Business::Alarm(change) => {
                    self.spells.take(change);
                    if change.alarm.rule == RULE_ERROR && change.cause == Cause::Raised {
                        self.failures.insert(change.alarm.text.en.clone());
                    }
                }
                Business::Hazard(_) => self.leads = self.leads.saturating_add(1),
                Business::Finding(_) => self.findings = self.findings.saturating_add(1),
                _ => {}
            }
        }
        effects
    }

    /// Wakes the fold when it wants to be woken, up to `until`.
    fn wake(&mut self, until: Micros) {
        let mut last = None;
        while let Some(due) = self.state.next_deadline().filter(|due| *due <= until && Some(*due) != last) {
            last = Some(due);
            self.step(&Batch { now: due.max(self.state.now()), inputs: vec![Input::Tick] });
        }
    }

    fn sign(&mut self, signed: &Signed) {
        let Some(alarm) = self.spells.alarm_of(&signed.rule, &signed.object) else {
            self.unsigned = self.unsigned.saturating_add(1);
            return;
        };
        let order = Order::Acknowledge { alarm, comment: signed.comment.clone() };
        let command = command(order, &signed.by, (signed.at, self.seq));
        self.step(&Batch { now: signed.at, inputs: vec![Input::Command(command)] });
    }
}

impl Trial {
    #[must_use]
    pub fn begin(tried: [Tried; 2], course: &Course, ground: Ground) -> Trial {
        let sides = tried.map(|tried| Side::begin(tried, course, &ground));
        let mut trial = Trial {
            sides,
            counts: Counts::default(),
            prepare_s: 0.0,
            catalog: ground.catalog,
            numbers: Vec::new(),
            waiting: Vec::new(),
            waiting_readings: 0,
            unjudged: Vec::new(),
            first: course.begin,
            now: course.begin,
        };
        trial.number_points();
        trial
    }

    /// After a registry came into force: the same points have the same numbers on both sides, because both number them in
    /// the order of the same registries.
    fn number_points(&mut self) {
        let [before, after] = &self.sides;
        assert_eq!(before.state.point_keys(), after.state.point_keys(), "both sides number points alike");
        let end = self.catalog.points.keys().next_back().map_or(0, |id| id.saturating_add(1));
        self.numbers = vec![None; usize::try_from(end).unwrap_or(0)];
        let Some(view) = before.state.view() else { return };
        for (id, (_, key)) in &self.catalog.points {
            if let Some(slot) = usize::try_from(*id).ok().and_then(|place| self.numbers.get_mut(place)) {
                *slot = view.find(&key.enterprise, &key.point);
            }
        }
    }

    /// Lets both sides live through a piece of history.
    pub fn take(&mut self, portion: Portion) {
        for (at, thing) in portion.things {
            match thing {
                Thing::Message(message) => {
                    let watch = Stopwatch::start();
                    let (decoded, unjudged) = self.put_together(&message);
                    self.prepare_s += watch.seconds();
                    self.hear(at, decoded);
                    self.unjudged.extend(unjudged);
                }
                Thing::Delivery(delivery) => {
                    let decoded = self.decoded(&delivery);
                    self.counts.rejects = self.counts.rejects.saturating_add(decoded.rejects.len() as u64);
                    self.hear(at, decoded);
                }
                Thing::Replayed(message) => {
                    let delivery = self.decoded(&message.delivery);
                    self.both(at, &Input::Replayed(Replayed { delivery, from: message.from }));
                }
                Thing::Registry(named) => {
                    self.both(at, &registry(&named));
                    self.number_points();
                }
                Thing::Limits(named) => self.both(at, &limits(&named)),
                Thing::Filed(filing) => self.both(at, &filed(*filing)),
                Thing::Withdrawn { filing, by } => {
                    let order = Order::Withdraw { filing, comment: String::new() };
                    self.both(at, &Input::Command(command(order, &by, (at, filing))));
                }
                Thing::Signed(signed) => {
                    self.flush();
                    for side in &mut self.sides {
                        side.wake(at);
                        side.sign(&signed);
                    }
                }
                Thing::Command(command) => self.both(at, &Input::Command(*command)),
                Thing::Link(link) => self.both(at, &Input::Link(link)),
                Thing::Back { down_since } => {
                    // The last that was heard before: Davy wrote no more then.
                    let down_since = down_since.unwrap_or(self.now).min(at);
                    self.flush();
                    for side in &mut self.sides {
                        // Nothing fell due while it was away.
                        side.wake(down_since);
                        let resumed = Input::Resumed { down_since };
                        side.step(&Batch { now: at.max(side.state.now()), inputs: vec![resumed] });
                    }
                }
            }
            self.now = self.now.max(at);
        }
    }

    /// And which of its readings were stored without being judged.
    fn put_together(&mut self, message: &Message) -> (Decoded, Vec<(u32, i64)>) {
        let Trial { sides: [side, _], catalog, numbers, counts, .. } = self;
        let number = |id: i32| usize::try_from(id).ok().and_then(|place| numbers.get(place)).copied().flatten();
        let enterprise = catalog.enterprises.get(message.enterprise as usize).map_or("", String::as_str);
        let (decoded, unknown) = match side.state.view() {
            Some(view) => message.decoded(enterprise, view, number),
            None => unreachable!("a registry came into force at the beginning"),
        };
        counts.unknown = counts.unknown.saturating_add(unknown);
        let unjudged = message.unjudged().filter_map(|(id, received)| Some((number(id)?.0, received)));
        (decoded, unjudged.collect())
    }

    fn decoded(&mut self, delivery: &Delivery) -> Decoded {
        let watch = Stopwatch::start();
        let decoded = match self.sides[0].state.view() {
            Some(view) => decode(delivery, view),
            None => unreachable!("a registry came into force at the beginning"),
        };
        self.prepare_s += watch.seconds();
        decoded
    }

    fn hear(&mut self, at: Micros, decoded: Decoded) {
        let is_full = self.waiting_readings >= STEP_READINGS || at.since(self.first) >= STEP_US;
        if is_full {
            self.flush();
        }
        if self.waiting.is_empty() {
            self.first = at;
        }
        let readings = decoded.readings.len();
        self.counts.readings = self.counts.readings.saturating_add(readings as u64);
        self.counts.messages = self.counts.messages.saturating_add(1);
        self.waiting_readings = self.waiting_readings.saturating_add(readings);
        self.waiting.push(Input::Delivery(decoded));
    }

    /// What waits becomes a step of each side.
    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let batch = Batch { now: self.now, inputs: std::mem::take(&mut self.waiting) };
        self.waiting_readings = 0;
        let from_store = !self.catalog.points.is_empty();
        let mut unjudged = std::mem::take(&mut self.unjudged);
        for (side, first) in self.sides.iter_mut().zip([true, false]) {
            side.wake(self.first);
            let effects = side.step(&batch);
            if first && from_store {
                self.counts.compare(&effects, &mut unjudged);
            }
        }
    }

    fn both(&mut self, at: Micros, input: &Input<Decoded, Content>) {
        self.flush();
        for side in &mut self.sides {
            side.wake(at);
            side.step(&Batch { now: at.max(side.state.now()), inputs: vec![input.clone()] });
        }
    }

    /// What the first side's rule says of an object now, and by what.
    #[must_use]
    pub fn why(&self, rule: &str, object: &ObjectKey) -> Option<Why> {
        self.sides[0].state.why(rule, object)
    }

    /// Up to the end, and what both say of it.
    #[must_use]
    pub fn finish(mut self, course: &Course) -> (Trial, [Vec<Spell>; 2]) {
        self.flush();
        for side in &mut self.sides {
            side.wake(course.to);
            side.step(&Batch { now: course.to.max(side.state.now()), inputs: vec![Input::Tick] });
        }
        let spells = self.sides.each_mut().map(|side| std::mem::take(&mut side.spells).finish(course.from));
        (self, spells)
    }
}

impl Counts {
    /// Whether the fold has judged what was judged then.
    fn compare(&mut self, effects: &Effects, then: &mut [(u32, i64)]) {
        let stored = &effects.readings;
        self.duplicates = self.duplicates.saturating_add(stored.duplicates.into());
        let mut now: Vec<(u32, i64)> = Vec::new();
        for columns in [&stored.fast, &stored.late] {
            let rows = columns.point.iter().zip(&columns.received_us).zip(&columns.flags);
            now.extend(rows.filter(|(_, flags)| *flags & FLAG_NOT_JUDGED != 0).map(|((point, at), _)| (*point, *at)));
        }
        if now.is_empty() && then.is_empty() {
            return;
        }
        now.sort_unstable();
        then.sort_unstable();
        let only = |these: &[(u32, i64)], those: &[(u32, i64)]| {
            these.iter().filter(|row| those.binary_search(row).is_err()).count() as u64
        };
        self.became_history = self.became_history.saturating_add(only(&now, then));
        self.became_live = self.became_live.saturating_add(only(then, &now));
    }
}

fn registry(named: &Arc<Named<Registry>>) -> Input<Decoded, Content> {
    let registry = Arc::new(named.content.clone());
    Input::Activate(Content::Registry { version: named.version.clone(), registry })
}

fn limits(named: &Arc<Named<FoldLimits>>) -> Input<Decoded, Content> {
    let limits = Arc::new(named.content.clone());
    Input::Activate(Content::Limits { version: named.version.clone(), limits })
}

/// A filing keeps its number, and may have been made before history begins.
fn filed(filing: Filing) -> Input<Decoded, Content> {
    Input::AdoptedLedger(Box::new(AdoptedLedger { filings: vec![filing], ..AdoptedLedger::default() }))
}

fn command(order: Order, by: &str, (received, number): (Micros, u64)) -> Command {
    let by = Actor { name: by.to_owned(), authenticated: false };
    Command { key: format!("backtest-{}-{number}", received.0), received, by, order }
}
