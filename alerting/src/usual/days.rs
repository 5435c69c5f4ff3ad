//! The means of a point's whole days: what a day usually is, and how long it has been far below. A day of which too
//! little is known is not among them. Must not know slots. Pure.

use super::numbers::median;
use crate::day::Day;
use serde::{Deserialize, Serialize};

/// So many of the newest days are kept for what is below.
const RECENT_MAX: usize = 35;
/// So many of the days that may be usual make what is usual, working days or not.
const USUAL_MAX: usize = 28;
const KEPT_MAX: usize = RECENT_MAX + USUAL_MAX + 2;
/// With fewer nothing is usual.
pub const DAYS_MIN: usize = 3;
/// A day below that part of the usual one is a standstill, which never becomes usual.
const STANDSTILL: f64 = 0.1;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Days {
    /// Oldest first.
    days: Vec<Known>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    day: Day,
    mean: f64,
    is_workday: bool,
    /// It may be usual.
    counts: bool,
}

impl Days {
    pub fn push(&mut self, day: Day, mean: f64, is_workday: bool, counts: bool) {
        if self.days.last().is_some_and(|last| last.day >= day) {
            return;
        }
        self.days.push(Known { day, mean, is_workday, counts });
        // One more of each: the newest may be the day that is judged.
        let recent_from = self.days.len().saturating_sub(RECENT_MAX.saturating_add(1));
        let mut counting = self.days.iter().filter(|known| known.counts).count();
        let mut at = 0;
        self.days.retain(|known| {
            let is_kept = at >= recent_from || (known.counts && counting <= USUAL_MAX.saturating_add(1));
            at = at.saturating_add(1);
            counting = counting.saturating_sub(usize::from(known.counts));
            is_kept
        });
    }

    /// An alarm stands on that day.
    pub fn exclude(&mut self, day: Day) {
        if let Some(known) = self.days.iter_mut().rev().find(|known| known.day == day) {
            known.counts = false;
        }
    }

    /// The median of the last 28 days before `day` that may be usual.
    pub fn usual(&self, day: Day) -> Option<f64> {
        let before = self.days.iter().rev().filter(|known| known.day < day && known.counts);
        let mut means: Vec<f64> = before.take(USUAL_MAX).map(|known| known.mean).collect();
        if means.len() < DAYS_MIN { None } else { median(&mut means) }
    }

    /// How many days in a row before `day` lay below that part of what is usual, at most as many as are kept. Days of
    /// which too little is known are passed over.
    pub fn below(&self, day: Day, part: f64, workdays_only: bool) -> Option<f64> {
        let bound = self.usual(day)? * part;
        let before = self.days.iter().rev().filter(|known| known.day < day);
        let meant = before.filter(|known| known.is_workday || !workdays_only);
        let count = meant.take(RECENT_MAX).take_while(|known| known.mean < bound).count();
        u32::try_from(count).ok().map(f64::from)
    }

    /// Whether a day of that mean is a standstill.
    pub fn is_standstill(&self, day: Day, mean: f64) -> bool {
        self.usual(day).is_some_and(|usual| mean < usual * STANDSTILL)
    }

    pub fn is_whole(&self) -> bool {
        self.days.len() <= KEPT_MAX
            && self.days.is_sorted_by(|a, b| a.day < b.day)
            && self.days.iter().all(|known| known.mean.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(means: &[f64]) -> Days {
        let mut days = Days::default();
        for (day, mean) in (0_i32..).zip(means) {
            let counts = !days.is_standstill(Day(day), *mean);
            // Day 4 and 5 of each week are no working days.
            days.push(Day(day), *mean, day % 7 < 4 || day % 7 > 5, counts);
        }
        days
    }

    #[test]
    fn the_usual_day_needs_three() {
        assert_eq!(days(&[10.0, 20.0]).usual(Day(2)), None);
        assert_eq!(days(&[10.0, 20.0, 90.0]).usual(Day(3)), Some(20.0));
        assert_eq!(days(&[10.0, 20.0, 90.0, 1e6]).usual(Day(3)), Some(20.0), "the day judged takes no part");
    }

    #[test]
    fn a_standstill_never_becomes_usual_and_is_counted() {
        let mut means = vec![100.0; 7];
        means.extend([1.0; 60]);
        let days = days(&means);
        assert_eq!(days.usual(Day(67)), Some(100.0));
        assert_eq!(days.below(Day(67), 0.1, false), Some(35.0), "no further back than is kept");
        assert_eq!(days.below(Day(10), 0.1, false), Some(0.0), "no longer known");
        assert!(days.is_whole());
        assert_eq!(days.days.len(), 43);
    }

    #[test]
    fn days_in_a_row() {
        let days = days(&[100.0, 100.0, 100.0, 5.0, 100.0, 5.0, 5.0, 5.0]);
        for (day, all, working) in [(3, 0.0, 0.0), (4, 1.0, 1.0), (5, 0.0, 1.0), (7, 2.0, 2.0), (8, 3.0, 3.0)] {
            let found = (days.below(Day(day), 0.1, false), days.below(Day(day), 0.1, true));
            assert_eq!(found, (Some(all), Some(working)), "day {day}");
        }
        assert_eq!(days.below(Day(8), 0.05, false), Some(0.0), "at the bound is not below");
    }

    #[test]
    fn twenty_eight_days_are_usual_and_an_excluded_one_is_not() {
        let mut means = vec![50.0; 28];
        means.extend([100.0; 15]);
        let mut days = days(&means);
        assert_eq!(days.usual(Day(43)), Some(100.0));
        days.exclude(Day(42));
        days.exclude(Day(41));
        assert_eq!(days.usual(Day(43)), Some(50.0));
    }
}
