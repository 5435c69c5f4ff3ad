//! The auditor's own reading of the ten rules: where each stands on its object, and what a reading or the passing of
//! time makes of it. Shares no function with what it judges. Pure.

use crate::auditor::{PointFacts, SECOND};
use std::collections::BTreeMap;

/// One rule on one object.
pub struct Watch {
    pub rule: &'static str,
    pub object: String,
    pub severity: &'static str,
    needs_ack: bool,
    count_on: u32,
    count_off: u32,
    delay_on: i64,
    delay_off: i64,
    /// So long silence says that nothing has changed.
    patience: i64,
    pub breach: Breach,
    /// The rule is in none of the packs in force.
    is_gone: bool,
    // Where it stands.
    bad_run: u32,
    good_run: u32,
    on: Option<Delay>,
    off: Option<Delay>,
    alarm: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    active: bool,
    acked: bool,
}

/// A delay that runs: event time of its beginning, the newest event since, and when silence ends it by the clock that
/// stands still while nobody hears.
#[derive(Clone, Copy)]
struct Delay {
    began: i64,
    newest: i64,
    ends: Option<i64>,
}

/// How a rule sees the world after a reading: in breach, out of it, or neither (between limit and clear limit).
pub enum Breach {
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
    /// At or above the limit at every reading for so long; since when, and the newest of them.
    Lasting {
        point: String,
        limit: f64,
        span: i64,
        stands: Option<(i64, i64)>,
    },
    /// A switch that is on for so long; the newest reading, what it was, and since when it is that.
    OnFor {
        point: String,
        span: i64,
        newest: Option<i64>,
        is: Option<(bool, i64)>,
    },
    /// Silent longer than this.
    Silence {
        point: String,
        after: i64,
    },
}

/// What a watch is told of: event time, and when it was heard by the clock that stands still.
#[derive(Clone, Copy)]
pub struct When {
    pub event: i64,
    pub heard: i64,
}

impl Watch {
    /// (in breach, clear) as the world stands after a reading of `point`; `None` when it says nothing.
    pub fn sight(
        &mut self,
        (point, value, bad): (&str, f64, bool),
        event: i64,
        held: &BTreeMap<String, f64>,
    ) -> Option<(bool, bool)> {
        if self.is_gone {
            return None;
        }
        match &mut self.breach {
            Breach::Lasting { point: own, limit, span, stands } if own == point && !bad => {
                if value < *limit {
                    *stands = None;
                } else {
                    let (since, newest) = stands.unwrap_or((event, event));
                    // A clock that goes back by more than two minutes was set back.
                    let is_back = newest - event > 120 * SECOND;
                    *stands = Some(if is_back { (event, event) } else { (since, newest.max(event)) });
                }
                let lasts = stands.is_some_and(|(since, newest)| newest - since >= *span);
                Some((lasts, !lasts))
            }
            Breach::OnFor { point: own, span, newest, is } if own == point && !bad => {
                let on = value >= 0.5;
                if newest.is_some_and(|newest| newest - event > 120 * SECOND) {
                    (*newest, *is) = (None, None);
                }
                let now = newest.map_or(event, |newest| newest.max(event));
                *newest = Some(now);
                if is.is_none_or(|(was, _)| was != on) {
                    *is = Some((on, now));
                }
                let lasts = is.is_some_and(|(on, since)| on && now - since >= *span);
                Some((lasts, !lasts))
            }
            Breach::High { point: own, limit, clear } if own == point && !bad => {
                Some((value >= *limit, value < *clear))
            }
            Breach::Switch { point: own } if own == point && !bad => Some((value >= 1.0, value < 1.0)),
            Breach::Range { point: own, low, high } if own == point => {
                let out = bad || value < *low || value > *high;
                Some((out, !out))
            }
            Breach::Both { on, off } if (on == point || off == point) && !bad => {
                let (on, off) = (held.get(on)?, held.get(off)?);
                let breach = *on == 1.0 && *off == 0.0;
                Some((breach, !breach))
            }
            _ => None,
        }
    }

    /// Other rules come into force, or the first ones again: one rule is gone, another says something else and starts
    /// clean, and the rest goes on.
    pub fn change(&mut self, is_other: bool) {
        match (self.rule, &mut self.breach) {
            ("HC-29", _) => {
                self.is_gone = is_other;
                self.alarm = None;
            }
            ("HC-10", Breach::High { limit, .. }) => *limit = if is_other { 20.0 } else { 25.0 },
            _ => return,
        }
        (self.bad_run, self.good_run, self.on, self.off) = (0, 0, None, None);
    }

    pub fn is_active(&self) -> bool {
        self.alarm.is_some_and(|alarm| alarm.active)
    }

    /// When silence ends the delay that runs.
    pub fn ends(&self) -> Option<i64> {
        self.on.or(self.off).and_then(|delay| delay.ends)
    }

    /// Up to this event what was true before it was true, as far as patience goes: does that end the delay?
    /// Nobody knows of a span that was not heard, but of points that only speak of changes.
    pub fn is_over_before(&self, when: When, unheard: Option<(i64, i64)>) -> bool {
        let (delay, span) = match (self.on, self.off) {
            (Some(delay), _) => (delay, self.delay_on),
            (None, Some(delay)) => (delay, self.delay_off),
            (None, None) => return false,
        };
        let gap = unheard.is_some_and(|(from, to)| delay.newest < to && when.event > from);
        if gap && self.patience < i64::MAX {
            return false;
        }
        let known = when.event.min(delay.newest.saturating_add(self.patience));
        known - delay.began >= span
    }

    /// A reading that says something. `true` when it completes what is under way.
    pub fn judge(&mut self, when: When, breach: bool, clear: bool) -> bool {
        let (says, run, needed, span) = if self.is_active() {
            (clear, &mut self.good_run, self.count_off, self.delay_off)
        } else {
            (breach, &mut self.bad_run, self.count_on, self.delay_on)
        };
        *run = if says { *run + 1 } else { 0 };
        let counted = *run >= needed;
        let patience = self.patience;
        let delay = if self.is_active() { &mut self.off } else { &mut self.on };
        if !says {
            *delay = None;
            return false;
        }
        if !counted {
            return false;
        }
        let running = delay.get_or_insert(Delay { began: when.event, newest: when.event, ends: None });
        running.newest = running.newest.max(when.event);
        let left = span - (running.newest - running.began);
        if left <= 0 {
            return true;
        }
        if left <= patience {
            let ends = when.heard + left;
            running.ends = Some(running.ends.map_or(ends, |known| known.min(ends)));
        }
        false
    }

    /// The alarm comes or goes. Returns the word for it.
    pub fn turn(&mut self) -> &'static str {
        self.bad_run = 0;
        self.good_run = 0;
        let was_active = self.is_active();
        (self.on, self.off) = (None, None);
        if was_active {
            let acked = self.alarm.is_some_and(|alarm| alarm.acked);
            self.alarm = (self.needs_ack && !acked).then_some(Open { active: false, acked: false });
            return "returned";
        }
        let again = self.alarm.is_some();
        self.alarm = Some(Open { active: true, acked: false });
        if again { "again" } else { "raised" }
    }

    /// Somebody signs: `false` when there is nothing to sign for.
    pub fn acknowledge(&mut self) -> bool {
        let Some(alarm) = self.alarm.filter(|alarm| !alarm.acked) else { return false };
        self.alarm = alarm.active.then_some(Open { active: true, acked: true });
        true
    }
}

/// The rules that watch a point: the auditor's own copy of the catalogue's figures.
pub fn watches_of(point: &PointFacts, all: &[PointFacts]) -> Vec<Watch> {
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
            patience: point.period.map_or(i64::MAX, |period| (3 * period).max(120 * SECOND)),
            breach,
            is_gone: false,
            bad_run: 0,
            good_run: 0,
            on: None,
            off: None,
            alarm: None,
        });
    };
    let own = || point.name.clone();
    match point.tag {
        "tank.level" => {
            add("HC-01", "yellow", (10, 0), (1, 1), Breach::High { point: own(), limit: 85.0, clear: 83.0 });
            add("HC-02", "orange", (3, 0), (1, 1), Breach::High { point: own(), limit: 90.0, clear: 88.0 });
            let lasting = Breach::Lasting { point: own(), limit: 60.0, span: 300 * SECOND, stands: None };
            add("WD-01", "yellow", (0, 0), (1, 1), lasting);
        }
        "gas.lel" => {
            add("HC-10", "yellow", (5, 10), (1, 1), Breach::High { point: own(), limit: 25.0, clear: 20.0 });
            add("HC-11", "orange", (2, 10), (1, 1), Breach::High { point: own(), limit: 50.0, clear: 45.0 });
        }
        "flame" => add("HC-29", "red", (0, 300), (1, 1), Breach::Switch { point: own() }),
        "smoke" | "bund.liquid" => add("HC-29", "orange", (30, 300), (1, 1), Breach::Switch { point: own() }),
        "prod.run" => {
            let fan = all.iter().find(|p| p.tag == "dust.fan_run" && p.equipment == point.equipment);
            let fan = fan.expect("a collector has both").name.clone();
            add("DU-10", "red", (10, 0), (1, 1), Breach::Both { on: own(), off: fan });
            let on_for = Breach::OnFor { point: own(), span: 300 * SECOND, newest: None, is: None };
            add("WD-02", "yellow", (0, 0), (1, 1), on_for);
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
