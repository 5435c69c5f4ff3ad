//! Nights in which an alarm stood: how often the same happened lately. A night goes from noon to noon, so that midnight
//! does not cut it. Must not know rules. Pure.

use crate::day::{DAY_US, Day};
use rules::past::NIGHTS_MAX;
use rules::reading::{Micros, PointId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nights {
    /// By point and rule: the evenings, oldest first.
    stood: BTreeMap<u32, BTreeMap<String, Vec<Day>>>,
}

impl Nights {
    pub fn note(&mut self, point: u32, rule: &str, at: Micros) {
        let night = night_of(at);
        let rules = self.stood.entry(point).or_default();
        let nights = match rules.get_mut(rule) {
            Some(nights) => nights,
            None => rules.entry(rule.to_owned()).or_default(),
        };
        if nights.last().is_none_or(|last| *last < night) {
            nights.retain(|known| is_within(*known, night, NIGHTS_MAX));
            nights.push(night);
        }
    }

    /// On how many of so many nights before the one of `at`.
    pub fn before(&self, point: u32, rule: &str, (at, count): (Micros, u32)) -> f64 {
        let night = night_of(at);
        let nights = self.stood.get(&point).and_then(|rules| rules.get(rule));
        let found = nights.into_iter().flatten().filter(|known| is_within(**known, night, count)).count();
        u32::try_from(found).map_or(f64::NAN, f64::from)
    }

    pub fn retain(&mut self, is_asked: &dyn Fn(u32, &str) -> bool) {
        for (point, rules) in &mut self.stood {
            rules.retain(|rule, _| is_asked(*point, rule));
        }
        self.stood.retain(|_, rules| !rules.is_empty());
    }

    pub fn is_whole(&self, points: usize) -> bool {
        self.stood.iter().all(|(point, rules)| {
            let are_in_order = rules.values().all(|nights| !nights.is_empty() && nights.is_sorted_by(|a, b| a < b));
            PointId(*point).index() < points && !rules.is_empty() && are_in_order
        })
    }
}

/// The day on whose evening it began.
fn night_of(at: Micros) -> Day {
    Day::of(at.plus(-DAY_US / 2))
}

fn is_within(known: Day, night: Day, count: u32) -> bool {
    known < night && night.0.saturating_sub(known.0) <= i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i32, hour: i64) -> Micros {
        Day(day).start().plus(hour * DAY_US / 24)
    }

    #[test]
    fn nights_are_counted_once_and_from_noon_to_noon() {
        let mut nights = Nights::default();
        for (day, hour) in [(10, 22), (10, 23), (11, 3), (12, 2), (14, 23)] {
            nights.note(1, "R", at(day, hour));
        }
        // The evenings of 10, 11 and 14.
        for (day, hour, count, expected) in
            [(11, 3, 6, 0.0), (12, 2, 6, 1.0), (12, 22, 6, 2.0), (15, 3, 6, 2.0), (17, 22, 6, 2.0), (17, 22, 7, 3.0)]
        {
            assert_eq!(nights.before(1, "R", (at(day, hour), count)), expected, "{count} before {day} at {hour}");
        }
        assert_eq!(nights.before(1, "S", (at(15, 0), 6)), 0.0, "of another rule");
        assert_eq!(nights.before(2, "R", (at(15, 0), 6)), 0.0, "of another point");
        nights.retain(&|_, rule| rule == "S");
        assert_eq!(nights, Nights::default());
    }

    #[test]
    fn no_more_are_kept_than_can_be_asked_for() {
        let mut nights = Nights::default();
        for day in 0..100 {
            nights.note(1, "R", at(day, 23));
        }
        assert_eq!(nights.stood[&1]["R"].len(), 15);
        assert_eq!(nights.before(1, "R", (at(99, 23), 14)), 14.0);
        assert!(nights.is_whole(2) && !nights.is_whole(1));
    }
}
