//! A second, naive judge of the same world: no batches, no journal, no restart, one reading after the other.
//! Knows the six rules from its own table; shares no function with what it judges. Pure.

use std::collections::{BTreeMap, BTreeSet};

pub const SECOND: i64 = 1_000_000;

/// A reading as it was handled: in this order, at this time. Times in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub received: i64,
    pub point: String,
    pub device: i64,
    pub value: f64,
    pub bad: bool,
}

/// What can happen, in the order in which it was made durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Reading(Seen),
    /// Somebody acknowledged the open alarm of this rule and object.
    Acknowledged {
        at: i64,
        rule: &'static str,
        object: String,
    },
    LinkDown {
        at: i64,
    },
    LinkUp {
        at: i64,
    },
    /// Davy was away and is back.
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

/// The auditor's own reading of a rule on one object.
struct Watch {
    rule: &'static str,
    object: String,
    severity: &'static str,
    needs_ack: bool,
    count_on: u32,
    count_off: u32,
    delay_on: i64,
    delay_off: i64,
    breach: Breach,
    // Where it stands.
    bad_run: u32,
    good_run: u32,
    due_on: Option<i64>,
    due_off: Option<i64>,
    alarm: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    active: bool,
    acked: bool,
}

/// How a rule sees the world after a reading: in breach, out of it, or neither (between limit and clear limit).
enum Breach {
    /// (breach at or above, clear below)
    High {
        point: String,
        limit: f64,
        clear: f64,
    },
    Switch {
        point: String,
    },
    Range {
        point: String,
        low: f64,
        high: f64,
    },
    Both {
        on: String,
        off: String,
    },
    /// Silent longer than this.
    Silence {
        point: String,
        after: i64,
    },
}

pub struct Auditor {
    watches: Vec<Watch>,
    held: BTreeMap<String, f64>,
    newest: BTreeMap<String, (i64, BTreeSet<(u64, bool)>)>,
    last_seen: BTreeMap<String, i64>,
    /// Silence before this is nobody's fault.
    base: i64,
    grace: i64,
    link_down: bool,
    now: i64,
    pub rows: BTreeSet<Row>,
    pub lines: Vec<Line>,
}

impl Auditor {
    /// `begun` is when the registry came into force; a point never seen is silent from `begun + grace` on.
    pub fn new(points: &[PointFacts], begun: i64, grace: i64) -> Auditor {
        Auditor {
            watches: points.iter().flat_map(|point| watches_of(point, points)).collect(),
            held: BTreeMap::new(),
            newest: BTreeMap::new(),
            last_seen: BTreeMap::new(),
            base: begun,
            grace,
            link_down: false,
            now: begun,
            rows: BTreeSet::new(),
            lines: Vec::new(),
        }
    }

    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Reading(seen) => {
                self.run_to(seen.received);
                self.reading(seen);
            }
            Event::Acknowledged { at, rule, object } => {
                self.run_to(*at);
                self.acknowledge(self.now, rule, object);
            }
            Event::LinkDown { at } => {
                self.run_to(*at);
                self.link_down = true;
            }
            Event::LinkUp { at } => {
                self.link_down = false;
                self.base = *at;
                self.run_to(*at);
            }
            Event::Resumed { at } => {
                self.base = *at;
                self.run_to(*at);
            }
            Event::Now { at } => self.run_to(*at),
        }
    }

    fn reading(&mut self, seen: &Seen) {
        let key = (seen.value.to_bits(), seen.bad);
        let row = (seen.point.clone(), seen.device, key.0, key.1);
        let judged = match self.newest.get_mut(&seen.point) {
            Some((device, values)) if *device == seen.device => {
                if !values.insert(key) {
                    return;
                }
                true
            }
            Some((device, _)) if *device > seen.device => false,
            _ => {
                self.newest.insert(seen.point.clone(), (seen.device, BTreeSet::from([key])));
                true
            }
        };
        self.rows.insert(row);
        // Receive times of a point differ, if only by a microsecond.
        let received = self.last_seen.get(&seen.point).map_or(seen.received, |last| seen.received.max(last + 1));
        self.last_seen.insert(seen.point.clone(), received);
        let seen = Seen { received: received.max(self.now), ..seen.clone() };
        self.run_to(seen.received);
        for index in 0..self.watches.len() {
            // Whatever comes is a sign of life; only what is new is judged.
            let silence = matches!(&self.watches[index].breach, Breach::Silence { point, .. } if *point == seen.point);
            if silence {
                self.judge(index, seen.received, false, true);
            }
        }
        if !judged {
            return;
        }
        if !seen.bad {
            self.held.insert(seen.point.clone(), seen.value);
        }
        for index in 0..self.watches.len() {
            self.look(index, &seen);
        }
    }

    /// Lets one rule look at the world after a reading of `seen.point`.
    fn look(&mut self, index: usize, seen: &Seen) {
        let watch = &self.watches[index];
        let (breach, clear) = match &watch.breach {
            Breach::High { point, limit, clear } if *point == seen.point && !seen.bad => {
                (seen.value >= *limit, seen.value < *clear)
            }
            Breach::Switch { point } if *point == seen.point && !seen.bad => (seen.value >= 1.0, seen.value < 1.0),
            Breach::Range { point, low, high } if *point == seen.point => {
                let out = seen.bad || seen.value < *low || seen.value > *high;
                (out, !out)
            }
            Breach::Both { on, off } if (*on == seen.point || *off == seen.point) && !seen.bad => {
                let (Some(on), Some(off)) = (self.held.get(on), self.held.get(off)) else { return };
                let breach = *on == 1.0 && *off == 0.0;
                (breach, !breach)
            }
            _ => return,
        };
        self.judge(index, seen.received, breach, clear);
    }

    fn judge(&mut self, index: usize, at: i64, breach: bool, clear: bool) {
        let watch = &mut self.watches[index];
        let active = watch.alarm.is_some_and(|alarm| alarm.active);
        if active {
            watch.good_run = if clear { watch.good_run + 1 } else { 0 };
            if !clear {
                watch.due_off = None;
            } else if watch.good_run >= watch.count_off && watch.due_off.is_none() {
                watch.due_off = Some(at + watch.delay_off);
            }
        } else {
            watch.bad_run = if breach { watch.bad_run + 1 } else { 0 };
            if !breach {
                watch.due_on = None;
            } else if watch.bad_run >= watch.count_on && watch.due_on.is_none() {
                watch.due_on = Some(at + watch.delay_on);
            }
        }
        self.fire(index, at);
    }

    /// Everything that falls due up to `to`, in the order of its time.
    fn run_to(&mut self, to: i64) {
        let to = to.max(self.now);
        loop {
            let mut next: Option<(i64, usize)> = None;
            for index in 0..self.watches.len() {
                let due = self.due(index);
                if due.is_some_and(|due| due <= to && next.is_none_or(|(soonest, _)| due < soonest)) {
                    next = due.map(|due| (due, index));
                }
            }
            let Some((due, index)) = next else { break };
            self.fire(index, due.max(self.now));
            self.now = self.now.max(due);
        }
        self.now = to;
    }

    fn due(&self, index: usize) -> Option<i64> {
        let watch = &self.watches[index];
        if let Breach::Silence { point, after } = &watch.breach
            && !watch.alarm.is_some_and(|alarm| alarm.active)
        {
            let from = self.last_seen.get(point);
            let due = from.map_or(self.base + self.grace, |seen| (*seen).max(self.base) + after);
            return (!self.link_down).then_some(due);
        }
        watch.due_on.or(watch.due_off)
    }

    fn fire(&mut self, index: usize, at: i64) {
        let silent = matches!(self.watches[index].breach, Breach::Silence { .. });
        let due = self.due(index);
        if due.is_none_or(|due| due > at) {
            return;
        }
        let watch = &mut self.watches[index];
        let active = watch.alarm.is_some_and(|alarm| alarm.active);
        let what = if active {
            watch.due_off = None;
            let acked = watch.alarm.is_some_and(|alarm| alarm.acked);
            watch.alarm = (watch.needs_ack && !acked).then_some(Open { active: false, acked: false });
            "returned"
        } else {
            watch.due_on = None;
            let again = watch.alarm.is_some();
            watch.alarm = Some(Open { active: true, acked: false });
            if again { "again" } else { "raised" }
        };
        watch.bad_run = 0;
        watch.good_run = 0;
        debug_assert!(!silent || watch.delay_on == 0, "silence has no delay of its own");
        let line = Line { at, rule: watch.rule.into(), object: watch.object.clone(), what, severity: watch.severity };
        self.lines.push(line);
    }

    fn acknowledge(&mut self, at: i64, rule: &str, object: &str) {
        for watch in self.watches.iter_mut().filter(|w| w.rule == rule && w.object == object) {
            let Some(alarm) = watch.alarm.filter(|alarm| !alarm.acked) else { continue };
            watch.alarm = alarm.active.then_some(Open { active: true, acked: true });
            self.lines.push(Line {
                at,
                rule: watch.rule.into(),
                object: watch.object.clone(),
                what: "acknowledged",
                severity: watch.severity,
            });
        }
    }
}

/// The rules that watch a point: the auditor's own copy of the catalogue's figures.
fn watches_of(point: &PointFacts, all: &[PointFacts]) -> Vec<Watch> {
    let name = point.name.clone();
    let mut watches = Vec::new();
    let mut add = |rule, severity, delays: (i64, i64), counts: (u32, u32), breach| {
        watches.push(Watch {
            rule,
            object: if rule == "DU-10" { point.equipment.clone() } else { name.clone() },
            severity,
            needs_ack: severity != "blue",
            count_on: counts.0,
            count_off: counts.1,
            delay_on: delays.0 * SECOND,
            delay_off: delays.1 * SECOND,
            breach,
            bad_run: 0,
            good_run: 0,
            due_on: None,
            due_off: None,
            alarm: None,
        });
    };
    let own = || point.name.clone();
    match point.tag {
        "tank.level" => add("HC-02", "orange", (3, 0), (1, 1), Breach::High { point: own(), limit: 90.0, clear: 88.0 }),
        "gas.lel" => add("HC-11", "orange", (2, 10), (1, 1), Breach::High { point: own(), limit: 50.0, clear: 45.0 }),
        "flame" => add("HC-29", "red", (0, 300), (1, 1), Breach::Switch { point: own() }),
        "smoke" | "bund.liquid" => add("HC-29", "orange", (30, 300), (1, 1), Breach::Switch { point: own() }),
        "prod.run" => {
            let fan = all.iter().find(|p| p.tag == "dust.fan_run" && p.equipment == point.equipment);
            let fan = fan.expect("a collector has both").name.clone();
            add("DU-10", "red", (10, 0), (1, 1), Breach::Both { on: own(), off: fan });
        }
        _ => {}
    }
    let (low, high) = point.range;
    add("HC-25", "blue", (0, 0), (3, 3), Breach::Range { point: own(), low, high });
    if let Some(period) = point.period {
        // "Longer than": the first millisecond after the bound.
        let after = (3 * period).max(120 * SECOND) + 1_000;
        add("HC-23", "blue", (0, 0), (1, 1), Breach::Silence { point: own(), after });
    }
    watches
}
