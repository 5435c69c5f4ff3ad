//! Means of aligned slots (时段均值): what rules with a `slot` judge instead of readings. A slot is complete when a good
//! live reading of a later one comes. Sums are plain, in the order of arrival, so that every machine gives the same. Must
//! not know alarms. Pure.

use crate::day::OFFSET_US;
use crate::lens::Sample;
use rules::bind::Binding;
use rules::reading::{Micros, PointId, Quality};
use rules::set::RuleSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Sums of the slots that are not complete yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// By point and length of the slot: only where a rule in force asks.
    open: BTreeMap<(u32, i64), Sum>,
    /// Derived. By point: the lengths that are asked for.
    #[serde(skip)]
    watched: Vec<Vec<i64>>,
    /// What the last reading completed.
    #[serde(skip)]
    closed: Vec<Closed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sum {
    start: i64,
    sum: f64,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Closed {
    slot_us: i64,
    mean: f64,
    end: Micros,
}

impl Means {
    /// New rules or points: sums that nobody asks for any more are given up.
    pub fn watch(&mut self, binding: &Binding, rules: &RuleSet) {
        self.watched.clear();
        for instance in &binding.instances {
            let slot_us = rules.rule(instance.rule).and_then(|rule| rule.slot_us);
            let Some(slot_us) = slot_us.filter(|slot_us| !is_slow(instance.period_us, *slot_us)) else { continue };
            for point in &instance.trigger_points {
                if self.watched.len() <= point.index() {
                    self.watched.resize(point.index().saturating_add(1), Vec::new());
                }
                if let Some(lengths) = self.watched.get_mut(point.index())
                    && !lengths.contains(&slot_us)
                {
                    lengths.push(slot_us);
                }
            }
        }
        let watched = &self.watched;
        let is_watched = |(point, slot_us): &(u32, i64)| {
            watched.get(PointId(*point).index()).is_some_and(|lengths| lengths.contains(slot_us))
        };
        self.open.retain(|key, _| is_watched(key));
    }

    /// A good live reading of this time. One of a slot that is complete comes too late.
    pub fn take(&mut self, point: PointId, event: Micros, value: f64) {
        self.closed.clear();
        let Some(lengths) = self.watched.get(point.index()) else { return };
        for &slot_us in lengths {
            let start = start_of(event, slot_us);
            let first = Sum { start, sum: value, count: 1 };
            match self.open.entry((point.0, slot_us)) {
                Entry::Vacant(place) => {
                    place.insert(first);
                }
                Entry::Occupied(mut place) => {
                    let sum = place.get_mut();
                    if start == sum.start {
                        sum.sum += value;
                        sum.count = sum.count.saturating_add(1);
                    } else if start > sum.start {
                        self.closed.extend(sum.close(slot_us));
                        *sum = first;
                    }
                }
            }
        }
    }

    /// What a rule with such a slot is shown of the reading that was taken last.
    #[must_use]
    pub fn shown(&self, slot_us: i64, period_us: Option<i64>, now: Sample) -> Option<Sample> {
        if is_slow(period_us, slot_us) {
            return Some(Sample { about: Micros(start_of(now.event, slot_us)), ..now });
        }
        let closed = self.closed.iter().find(|closed| closed.slot_us == slot_us)?;
        let about = closed.end.plus(slot_us.saturating_neg());
        Some(Sample { value: closed.mean, quality: Quality::Good, event: closed.end, about })
    }

    /// What a snapshot must hold.
    #[must_use]
    pub fn is_whole(&self, points: usize) -> bool {
        self.open.iter().all(|((point, slot_us), sum)| {
            PointId(*point).index() < points && *slot_us > 0 && sum.count > 0 && !sum.sum.is_nan()
        })
    }
}

impl Sum {
    /// Nothing where so many huge values met that their sum is no number.
    fn close(&self, slot_us: i64) -> Option<Closed> {
        let mean = self.sum / f64::from(self.count);
        mean.is_finite().then(|| Closed { slot_us, mean, end: Micros(self.start.saturating_add(slot_us)) })
    }
}

/// A point that speaks once in a slot at most: each of its readings is one.
fn is_slow(period_us: Option<i64>, slot_us: i64) -> bool {
    period_us.is_some_and(|period_us| period_us >= slot_us)
}

/// Slots are aligned to local midnight.
fn start_of(event: Micros, slot_us: i64) -> i64 {
    let into = event.0.saturating_add(OFFSET_US).checked_rem_euclid(slot_us).unwrap_or(0);
    event.0.saturating_sub(into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::reading::SECOND_US;

    const QUARTER: i64 = 900 * SECOND_US;

    fn means() -> Means {
        Means { watched: vec![vec![], vec![QUARTER, 86_400 * SECOND_US]], ..Means::default() }
    }

    /// Readings of one point, in seconds after a local midnight, and what each completes.
    fn told(means: &mut Means, readings: &[(i64, f64)]) -> Vec<String> {
        let midnight = 1_735_660_800;
        let mut told = Vec::new();
        for (second, value) in readings {
            let event = Micros((midnight + second) * SECOND_US);
            means.take(PointId(1), event, *value);
            let sample = Sample { value: *value, quality: Quality::Good, event, about: event };
            told.push(match means.shown(QUARTER, Some(60 * SECOND_US), sample) {
                Some(Sample { value, event, .. }) => format!("{value} at {}", event.0 / SECOND_US - midnight),
                None => "-".to_owned(),
            });
        }
        told
    }

    #[test]
    fn a_slot_is_complete_when_a_later_one_begins() {
        type Row<'a> = (&'a [(i64, f64)], &'a [&'a str]);
        let table: [Row; 5] = [
            (&[(0, 10.0), (60, 20.0), (899, 30.0), (900, 99.0)], &["-", "-", "-", "20 at 900"]),
            (&[(10, 10.0), (1_799, 5.0), (1_800, 7.0), (1_801, 7.0)], &["-", "10 at 900", "5 at 1800", "-"]),
            // Empty slots are none, and what comes late is not taken.
            (&[(10, 10.0), (9_000, 1.0), (11, 50.0), (9_900, 1.0)], &["-", "10 at 900", "-", "1 at 9900"]),
            (&[(-1, 4.0), (0, 1.0)], &["-", "4 at 0"]),
            (&[(0, f64::MAX), (1, f64::MAX), (900, 1.0), (1_800, 1.0)], &["-", "-", "-", "1 at 1800"]),
        ];
        for (readings, expected) in table {
            assert_eq!(told(&mut means(), readings), expected, "{readings:?}");
        }
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let mut means = means();
        told(&mut means, &[(0, 2.0), (86_399, 4.0)]);
        assert_eq!(means.closed, [Closed { slot_us: QUARTER, mean: 2.0, end: Micros(1_735_661_700 * SECOND_US) }]);
        told(&mut means, &[(86_400, 0.0)]);
        assert_eq!(means.closed.iter().map(|closed| closed.mean).collect::<Vec<_>>(), [4.0, 3.0]);
    }

    #[test]
    fn a_point_as_slow_as_the_slot_is_judged_at_once() {
        let mut means = means();
        let now = Sample { value: 7.0, quality: Quality::Good, event: Micros(5), about: Micros(5) };
        means.take(PointId(1), now.event, 7.0);
        for (period_us, expected) in [(None, None), (Some(QUARTER - 1), None), (Some(QUARTER), Some(7.0))] {
            let shown = means.shown(QUARTER, period_us, now).map(|sample| sample.value);
            assert_eq!(shown, expected, "{period_us:?}");
        }
    }
}
