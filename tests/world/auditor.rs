//! A second, naive judge of the same world: no batches, no journal, no restart, one reading after the other.
//! Decides in its own words what is live and what is history, and keeps two clocks: the receive clock, and one that
//! stands still while Davy could not hear. Shares no function with what it judges. Pure.

use crate::auditor_memory::{GatewayMemory, Kind, Memory, Waiting, Whose, waiting};
use crate::auditor_watch::{Breach, Watch, When, watches_of};
use std::collections::{BTreeMap, BTreeSet};

pub const SECOND: i64 = 1_000_000;

/// A message as it was handled: in this order, at this time. Times in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub received: i64,
    pub enterprise: String,
    pub redelivered: bool,
    pub readings: Vec<Seen>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub point: String,
    pub device: i64,
    pub value: f64,
    pub bad: bool,
}

/// What can happen, in the order in which it was made durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Message(Message),
    /// Somebody acknowledged the open alarm of this rule and object.
    Acknowledged {
        at: i64,
        rule: &'static str,
        object: String,
    },
    /// The other rules come into force, or the first ones again.
    Rules {
        at: i64,
        is_other: bool,
    },
    LinkDown {
        at: i64,
    },
    LinkUp {
        at: i64,
    },
    /// Davy was away since the last thing that happened, and is back.
    Resumed {
        at: i64,
    },
    /// Davy's time has come this far.
    Now {
        at: i64,
    },
}

/// A point of the world as the auditor was told of it.
#[derive(Clone, Debug)]
pub struct PointFacts {
    pub name: String,
    pub equipment: String,
    pub tag: &'static str,
    pub period: Option<i64>,
    pub range: (f64, f64),
}

/// One line of an alarm's history: what, on what, how, when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub at: i64,
    pub rule: String,
    pub object: String,
    /// `raised`, `again`, `returned`, `acknowledged`.
    pub what: &'static str,
    pub severity: &'static str,
}

/// What must be in the database at the end: (point, device time, value bits, bad).
pub type Row = (String, i64, u64, bool);

pub struct Auditor {
    watches: Vec<Watch>,
    points: Vec<PointFacts>,
    memory: BTreeMap<String, Memory>,
    gateways: BTreeMap<String, GatewayMemory>,
    held: BTreeMap<String, f64>,
    begun: i64,
    grace: i64,
    /// What was not heard so far, and since when nothing is heard and until when at most.
    lost: i64,
    deaf_since: Option<i64>,
    deaf_until: Option<i64>,
    link_down: bool,
    cut_at: i64,
    /// Of the time that a backlog is given.
    patience_left: i64,
    /// The last span in which nothing was heard.
    unheard: Option<(i64, i64)>,
    now: i64,
    pub rows: BTreeSet<Row>,
    pub lines: Vec<Line>,
}

impl Auditor {
    /// `begun` is when the registry came into force; a point never seen is silent from `begun + grace` on.
    pub fn new(points: &[PointFacts], begun: i64, grace: i64) -> Auditor {
        Auditor {
            watches: points.iter().flat_map(|point| watches_of(point, points)).collect(),
            points: points.to_vec(),
            memory: points.iter().map(|point| (point.name.clone(), Memory::default())).collect(),
            gateways: BTreeMap::new(),
            held: BTreeMap::new(),
            begun,
            grace,
            lost: 0,
            deaf_since: None,
            deaf_until: None,
            link_down: false,
            cut_at: begun,
            patience_left: 120 * SECOND,
            unheard: None,
            now: begun,
            rows: BTreeSet::new(),
            lines: Vec::new(),
        }
    }

    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Message(message) => self.message(message),
            Event::Acknowledged { at, rule, object } => {
                self.run_to(*at);
                let signed = self.watches.iter_mut().filter(|watch| watch.rule == *rule && watch.object == *object);
                let lines = signed.filter_map(|watch| watch.acknowledge().then_some(watch.severity));
                for severity in lines.collect::<Vec<_>>() {
                    self.write(self.now, rule, object.clone(), ("acknowledged", severity));
                }
            }
            Event::Rules { at, is_other } => {
                self.run_to(*at);
                self.watches.iter_mut().for_each(|watch| watch.change(*is_other));
            }
            Event::LinkDown { at } => {
                self.run_to(*at);
                self.link_down = true;
                self.cut_at = self.now;
                self.patience_left = match (self.deaf_since, self.deaf_until) {
                    (None, _) => 120 * SECOND,
                    (Some(_), Some(until)) => (until - self.now).max(0),
                    (Some(_), None) => self.patience_left,
                };
                self.deaf_since.get_or_insert(self.now);
                self.deaf_until = None;
            }
            Event::LinkUp { at } => {
                self.run_to(*at);
                if std::mem::replace(&mut self.link_down, false) {
                    self.unheard = Some((self.cut_at, self.now));
                    if self.now - self.cut_at >= 120 * SECOND {
                        self.patience_left = 120 * SECOND;
                    }
                    self.deaf_until = self.deaf_since.map(|_| self.now + self.patience_left);
                }
            }
            Event::Resumed { at } => {
                self.deaf_since.get_or_insert(self.now);
                self.unheard = Some((self.now, *at));
                self.patience_left = 120 * SECOND;
                self.deaf_until = (!self.link_down).then_some(at + 120 * SECOND);
                self.now = *at;
            }
            Event::Now { at } => self.run_to(*at),
        }
    }

    /// The clock that stands still while nobody hears.
    fn heard_at(&self, at: i64) -> i64 {
        self.deaf_since.map_or(at, |since| at.min(since)) - self.lost
    }

    fn hear_again(&mut self, at: i64) {
        if let Some(since) = self.deaf_since.take() {
            self.lost += at - since;
        }
        self.deaf_until = None;
    }

    fn message(&mut self, message: &Message) {
        let received = message.received;
        if self.next_between().is_some_and(|due| due <= received) {
            self.run_to(received);
        }
        let (heard, was_deaf) = (self.heard_at(received), self.deaf_since.is_some());
        let offset = self.gateways.get(&message.enterprise).map_or(0, GatewayMemory::offset);
        let (mut followed, mut newest, mut shifted) = (Vec::new(), None, false);
        for seen in &message.readings {
            let own = self.memory.get(&seen.point).and_then(|memory| memory.last_received);
            let at = own.map_or(received, |last| received.max(last + 1));
            self.rows.insert((seen.point.clone(), seen.device, seen.value.to_bits(), seen.bad));
            let memory = self.memory.get_mut(&seen.point).expect("a point of ours");
            let kind = memory.kind(seen, at, (offset, message.redelivered));
            let waiting = waiting(&self.points, (message, seen), (at, heard, offset));
            let said = (seen.device, seen.value.to_bits(), seen.bad);
            let event = match kind {
                Kind::Known => {
                    let is_news = memory.waiting.is_some() || memory.said_last != Some(said);
                    if is_news && !message.redelivered && memory.said.contains(&said) {
                        memory.wait(waiting);
                    }
                    continue;
                }
                Kind::Live(event, whose) => {
                    memory.waiting = None;
                    if whose == Whose::Devices {
                        memory.anchor = None;
                        newest = newest.max(Some(seen.device));
                    }
                    if whose != Whose::Ours {
                        memory.judged = Some(seen.device);
                    }
                    shifted |= whose == Whose::Shifted;
                    if !seen.bad {
                        self.held.insert(seen.point.clone(), seen.value);
                    }
                    Some(event)
                }
                Kind::Past => {
                    if !message.redelivered {
                        memory.wait(waiting);
                    }
                    None
                }
            };
            memory.last_received = Some(at);
            followed.push((seen, at, event, self.held.clone()));
        }
        for (seen, at, event, held) in followed {
            self.run_watches_to(at.max(self.now));
            self.hears(seen, heard);
            if let Some(event) = event {
                self.looks(seen, When { event, heard }, &held);
            }
        }
        let late = newest.map(|newest: i64| received - newest);
        if late.is_some() {
            let gateway = self.gateways.entry(message.enterprise.clone()).or_default();
            gateway.live_at = gateway.live_at.max(Some(received));
        }
        self.note_gateway(message, late.filter(|_| !was_deaf), shifted);
        let fresh = !message.redelivered && late.is_some_and(|late| late - offset <= 10 * SECOND);
        if was_deaf && fresh && self.deaf_until.is_some() {
            self.now = self.now.max(received);
            self.hear_again(self.now);
        }
    }

    /// Whatever comes is a sign of life.
    fn hears(&mut self, seen: &Seen, heard: i64) {
        self.memory.get_mut(&seen.point).expect("a point of ours").last_heard = Some(heard);
        for index in 0..self.watches.len() {
            let own = matches!(&self.watches[index].breach, Breach::Silence { point, .. } if *point == seen.point);
            if own && self.watches[index].judge(When { event: self.now, heard }, false, true) {
                self.turn(index, self.now);
            }
        }
    }

    /// Every rule looks at the world after a live reading.
    fn looks(&mut self, seen: &Seen, when: When, held: &BTreeMap<String, f64>) {
        for index in 0..self.watches.len() {
            let sight = self.watches[index].sight((&seen.point, seen.value, seen.bad), when.event, held);
            let Some((breach, clear)) = sight else { continue };
            if self.watches[index].is_over_before(when, self.unheard) {
                self.turn(index, self.now);
            }
            if self.watches[index].judge(when, breach, clear) {
                self.turn(index, self.now);
            }
        }
    }

    fn turn(&mut self, index: usize, at: i64) {
        let watch = &mut self.watches[index];
        let what = watch.turn();
        let (rule, object, severity) = (watch.rule, watch.object.clone(), watch.severity);
        self.write(at, rule, object, (what, severity));
    }

    fn write(&mut self, at: i64, rule: &str, object: String, (what, severity): (&'static str, &'static str)) {
        self.lines.push(Line { at, rule: rule.into(), object, what, severity });
    }

    /// What a message says of its gateway's clock.
    fn note_gateway(&mut self, message: &Message, late: Option<i64>, shifted: bool) {
        let late = late.filter(|_| !message.redelivered);
        let gateway = self.gateways.entry(message.enterprise.clone()).or_default();
        let at = message.received.max(self.now);
        match gateway.note(late, shifted) {
            Some(true) => self.skew_found(&message.enterprise, at),
            Some(false) => self.write(at, "SY-02", message.enterprise.clone(), ("returned", "blue")),
            None => {}
        }
    }

    fn skew_found(&mut self, enterprise: &str, at: i64) {
        let gateway = self.gateways.entry(enterprise.to_owned()).or_default();
        if !std::mem::replace(&mut gateway.open, true) {
            self.write(at, "SY-02", enterprise.to_owned(), ("raised", "blue"));
        }
    }

    /// When something happens that no message may pass by: hearing begins again, or history is judged after all.
    fn next_between(&self) -> Option<i64> {
        if self.deaf_since.is_some() {
            return self.deaf_until;
        }
        let waiting = self.memory.values().filter_map(|memory| memory.waiting.as_ref());
        waiting.map(|waiting| waiting.ends + self.lost).min()
    }

    /// Everything that falls due up to `to`, in the order of its time.
    fn run_to(&mut self, to: i64) {
        while let Some(due) = self.next_between().filter(|due| *due <= to) {
            let at = due.max(self.now);
            self.run_watches_to(at);
            if self.deaf_since.is_some() {
                self.hear_again(at);
            } else {
                self.judge_history(at);
            }
        }
        self.run_watches_to(to);
    }

    /// Points of which only history came are judged by the newest of it, on receive time.
    fn judge_history(&mut self, at: i64) {
        let mut due: Vec<(i64, usize, Waiting)> = Vec::new();
        for (number, facts) in self.points.iter().enumerate() {
            let memory = self.memory.get_mut(&facts.name).expect("a point of ours");
            if let Some(waiting) = memory.waiting.take_if(|waiting| waiting.ends + self.lost <= at) {
                due.push((waiting.ends, number, waiting));
            }
        }
        due.sort_by_key(|(ends, number, _)| (*ends, *number));
        let mut looks = Vec::new();
        for (_, _, Waiting { since, seen, received, last, heard, offset, enterprise, .. }) in due {
            let memory = self.memory.get_mut(&seen.point).expect("a point of ours");
            let late = last.1 - last.0;
            memory.anchor = Some((late, late - offset));
            memory.judged = Some(last.0);
            if !seen.bad {
                self.held.insert(seen.point.clone(), seen.value);
            }
            let gateway = self.gateways.entry(enterprise.clone()).or_default();
            let wrong = gateway.live_at.is_none_or(|live_at| live_at < since);
            if wrong {
                (gateway.in_step, gateway.skewed) = (0, true);
            }
            looks.push((seen, When { event: received - offset, heard }, enterprise, wrong));
        }
        let held = self.held.clone();
        for (seen, when, enterprise, wrong) in looks {
            if wrong {
                self.skew_found(&enterprise, at);
            }
            self.looks(&seen, when, &held);
        }
    }

    /// Delays and silences that end up to `to`.
    fn run_watches_to(&mut self, to: i64) {
        let to = to.max(self.now);
        while self.deaf_since.is_none() {
            let dues = (0..self.watches.len()).filter_map(|index| Some((self.due(index)?, index)));
            let Some((due, index)) = dues.min().filter(|(due, _)| *due <= to) else { break };
            self.now = self.now.max(due);
            let silence = matches!(self.watches[index].breach, Breach::Silence { .. });
            let when = When { event: self.now, heard: self.heard_at(due) };
            if !silence || self.watches[index].is_active() || self.watches[index].judge(when, true, false) {
                self.turn(index, self.now);
            }
        }
        self.now = to;
    }

    /// When time alone changes a watch, by the receive clock.
    fn due(&self, index: usize) -> Option<i64> {
        let watch = &self.watches[index];
        if let Breach::Silence { point, after } = &watch.breach
            && !watch.is_active()
        {
            let heard = self.memory.get(point).and_then(|memory| memory.last_heard);
            return Some(heard.map_or(self.begun + self.grace, |heard| heard + after) + self.lost);
        }
        watch.ends().map(|ends| ends + self.lost)
    }
}
