//! Historical findings (补录): what rules would have said of readings that came too late to be judged. A finding gathers
//! all readings in breach of one rule on one object that come in together, in whatever order they come, and leaves
//! when no more have come for a while. Never an alarm. Pure.

use crate::effect::Finding;
use crate::in_force::object_of;
use crate::state::State;
use rules::reading::{Micros, SECOND_US, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// When nothing more has come for so long, a finding is complete.
const QUIET_US: i64 = 60 * SECOND_US;

/// A finding that grows, by instance number of the binding in force.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    growing: BTreeMap<u32, Growing>,
    /// One entry for each, never later than its end.
    queue: BTreeSet<(Micros, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growing {
    pub severity: Severity,
    /// Event times of the first and the last reading in breach.
    pub first_event: Micros,
    pub last_event: Micros,
    /// On the side where worse lies.
    pub worst: f64,
    pub readings: u32,
    /// When its last reading came.
    pub at: Micros,
}

impl Findings {
    /// A historical reading in breach. `worse` chooses between two values.
    pub fn note(&mut self, number: u32, seen: Growing, worse: impl FnOnce(f64, f64) -> f64) {
        match self.growing.get_mut(&number) {
            Some(known) => {
                *known = Growing {
                    severity: known.severity.max(seen.severity),
                    first_event: known.first_event.min(seen.first_event),
                    last_event: known.last_event.max(seen.last_event),
                    worst: worse(known.worst, seen.worst),
                    readings: known.readings.saturating_add(seen.readings),
                    at: known.at.max(seen.at),
                };
            }
            None => self.put(number, seen),
        }
    }

    pub fn put(&mut self, number: u32, growing: Growing) {
        self.queue.insert((growing.at.plus(QUIET_US), number));
        self.growing.insert(number, growing);
    }

    /// When the next one may be complete: never late.
    #[must_use]
    pub fn next_due(&self) -> Option<Micros> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// Takes the first one that is complete at `now`; one that has grown since waits on.
    pub fn pop(&mut self, now: Micros) -> Option<(u32, Growing)> {
        while let Some((due, number)) = self.queue.first().copied().filter(|(due, _)| *due <= now) {
            self.queue.pop_first();
            let Some(growing) = self.growing.get(&number).copied() else { continue };
            let end = growing.at.plus(QUIET_US);
            if end > due {
                self.queue.insert((end, number));
                continue;
            }
            self.growing.remove(&number);
            return Some((number, growing));
        }
        None
    }

    /// Everything, taken out.
    pub fn drain(&mut self) -> BTreeMap<u32, Growing> {
        self.queue.clear();
        std::mem::take(&mut self.growing)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, Growing)> + '_ {
        self.growing.iter().map(|(number, growing)| (*number, *growing))
    }
}

impl State {
    /// The first finding may be complete at `due`.
    pub(crate) fn finding_due(&mut self, due: Micros) {
        self.now = self.now.max(due);
        if let Some((number, growing)) = self.findings.pop(due) {
            self.find(number, growing);
        }
    }

    /// All findings are complete as they stand: their rules change.
    pub(crate) fn close_findings(&mut self) {
        for (number, growing) in self.findings.drain() {
            self.find(number, growing);
        }
    }

    /// Leaves the fold unless a rule asks for more readings, or for longer than its readings reach.
    fn find(&mut self, number: u32, growing: Growing) {
        let (Some((instance, rule)), Some(view)) = (self.in_force.instance(number), &self.view) else { return };
        let span_us = growing.last_event.since(growing.first_event);
        if growing.readings < rule.count_on || span_us < instance.delay_on_us {
            return;
        }
        self.found.push(Finding {
            rule: rule.id.clone(),
            severity: growing.severity,
            object: object_of(&instance.object, view),
            first_event: growing.first_event,
            last_event: growing.last_event,
            worst: Some(growing.worst),
            readings: growing.readings,
            rule_set: self.in_force.version.clone(),
            at: self.now,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(event: i64, worst: f64, at: i64) -> Growing {
        let event = Micros(event * SECOND_US);
        let at = Micros(at * SECOND_US);
        Growing { severity: Severity::Orange, first_event: event, last_event: event, worst, readings: 1, at }
    }

    #[test]
    fn the_order_of_readings_does_not_matter() {
        let story = [seen(10, 55.0, 100), seen(30, 70.0, 101), seen(20, 60.0, 102)];
        let mut found = Vec::new();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut findings = Findings::default();
            for n in order {
                findings.note(7, seen(story[n].first_event.0 / SECOND_US, story[n].worst, 102), f64::max);
            }
            assert!(findings.pop(Micros(161 * SECOND_US)).is_none());
            found.push(findings.pop(Micros(162 * SECOND_US)).expect("complete"));
            assert!(findings.next_due().is_none());
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
        let (number, one) = found[0];
        assert_eq!((number, one.readings, one.worst), (7, 3, 70.0));
        assert_eq!((one.first_event, one.last_event), (Micros(10 * SECOND_US), Micros(30 * SECOND_US)));
    }

    #[test]
    fn one_that_grows_waits_on() {
        let mut findings = Findings::default();
        findings.note(1, seen(0, 1.0, 0), f64::max);
        findings.note(1, seen(1, 2.0, 50), f64::max);
        assert!(findings.pop(Micros(60 * SECOND_US)).is_none());
        assert_eq!(findings.next_due(), Some(Micros(110 * SECOND_US)));
        assert!(findings.pop(Micros(110 * SECOND_US)).is_some());
    }
}
