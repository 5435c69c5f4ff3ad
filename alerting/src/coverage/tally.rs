//! What is counted of each point: the span of minutes it reports in, and its readings of each day. A reading of today
//! that follows the last one costs one look into one column; everything else may search. Must not know units. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::coverage::shared::Shared;
use crate::coverage::spans::{Earlier, Mark, Span};
use crate::day::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Points that share a part of the snapshot.
const TOGETHER: usize = 256;

/// Readings of one point on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub good: u32,
    pub received: u32,
    pub timely: u32,
    pub simulated: bool,
}

/// How one reading is counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub good: bool,
    pub timely: bool,
    pub simulated: bool,
}

/// One point, as far as its next reading needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hot {
    /// For so many minutes it counts as reporting after a good reading, at least; 0 = nobody requires it.
    pub window: u16,
    /// Speaks every 15 minutes or less often.
    pub slow: bool,
    /// The newest span of marks it covers; empty before the first.
    pub span: Span,
    /// Of today.
    pub counts: Counts,
}

/// All points. For the minutes of a point only spans are kept, for its days only counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub points: Vec<Hot>,
    earlier: Earlier,
    /// The day that is counted in `points`.
    pub today: Day,
    /// Other days, by day and part of the points.
    days: BTreeMap<(Day, u32), Shared<Vec<Counts>>>,
}

impl Counts {
    pub fn count(&mut self, one: Counted) {
        self.received = self.received.saturating_add(1);
        self.good = self.good.saturating_add(u32::from(one.good));
        self.timely = self.timely.saturating_add(u32::from(one.timely));
        self.simulated |= one.simulated;
    }
}

impl Tally {
    /// A reading of a day that is not today.
    pub fn count_elsewhere(&mut self, point: usize, day: Day, one: Counted) {
        let part = self.days.entry((day, part_of(point))).or_default().to_mut();
        let place = point.wrapping_rem(TOGETHER);
        if part.len() <= place {
            part.resize(place.saturating_add(1), Counts::default());
        }
        if let Some(counts) = part.get_mut(place) {
            counts.count(one);
        }
    }

    pub fn counts(&self, point: u32, day: Day) -> Counts {
        let point = point as usize;
        if day == self.today {
            return self.points.get(point).map(|hot| hot.counts).unwrap_or_default();
        }
        let part = self.days.get(&(day, part_of(point)));
        part.and_then(|part| part.get(point.wrapping_rem(TOGETHER))).copied().unwrap_or_default()
    }

    /// A good reading whose first mark is `mark`. The minutes it covers are joined to what is known.
    pub fn cover(&mut self, point: usize, mark: Mark) {
        let Some(hot) = self.points.get_mut(point) else { return };
        let until = mark.saturating_add(u32::from(hot.window));
        let (known_from, known_until) = hot.span;
        if (known_from..=known_until).contains(&mark) && known_from < known_until {
            hot.span.1 = known_until.max(until);
            return;
        }
        let number = u32::try_from(point).unwrap_or(u32::MAX);
        if known_from >= known_until {
            hot.span = (mark, until);
        } else if mark > known_until {
            hot.span = (mark, until);
            self.earlier.insert(number, (known_from, known_until));
        } else if until >= known_from {
            hot.span = (self.earlier.join(number, mark), known_until.max(until));
        } else {
            self.earlier.insert(number, (mark, until));
        }
    }

    /// The spans that may reach behind `from`, in order.
    pub fn spans(&self, point: u32, from: Mark) -> impl Iterator<Item = Span> + '_ {
        let earlier = self.earlier.of(point);
        let begin = earlier.partition_point(|span| span.1 <= from);
        let newest = self.points.get(point as usize).map(|hot| hot.span).filter(|span| span.0 < span.1);
        earlier.get(begin..).unwrap_or_default().iter().copied().chain(newest)
    }

    /// Today's counts are put away, and those of another day are taken up.
    pub fn turn_to(&mut self, day: Day) {
        let today = std::mem::replace(&mut self.today, day);
        for (number, points) in (0_u32..).zip(self.points.chunks_mut(TOGETHER)) {
            let done: Vec<Counts> = points.iter_mut().map(|hot| std::mem::take(&mut hot.counts)).collect();
            if done.iter().any(|counts| counts.received > 0) {
                self.days.insert((today, number), Shared::new(done));
            }
            if let Some(begun) = self.days.remove(&(day, number)) {
                for (hot, counts) in points.iter_mut().zip(begun.iter()) {
                    hot.counts = *counts;
                }
            }
        }
    }

    /// Days before `day`, whose first mark is `floor`, are forgotten.
    pub fn prune(&mut self, day: Day, floor: Mark) {
        self.days = self.days.split_off(&(day, 0));
        self.earlier.prune(floor);
    }

    pub fn is_whole(&self, points: usize) -> bool {
        self.points.len() <= points
            && self.earlier.is_whole(self.points.len())
            && self.earlier.iter().all(|(point, list)| {
                let newest = self.points.get(point as usize).map(|hot| hot.span.0);
                list.last().map(|last| last.1) < newest
            })
            && self.days.values().all(|part| part.len() <= TOGETHER)
    }
}

fn part_of(point: usize) -> u32 {
    u32::try_from(point.wrapping_div(TOGETHER)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Counted = Counted { good: true, timely: true, simulated: false };

    fn tally(window: u16) -> Tally {
        let points = vec![Hot { window, ..Hot::default() }; 300];
        Tally { points, today: Day(7), ..Tally::default() }
    }

    #[test]
    fn good_readings_cover_their_window_in_any_order() {
        for order in [[100, 103, 120, 200], [200, 120, 103, 100], [120, 100, 200, 103], [103, 200, 100, 120]] {
            let mut tally = tally(10);
            for mark in order {
                tally.cover(299, mark);
            }
            let spans: Vec<Span> = tally.spans(299, 0).collect();
            assert_eq!(spans, [(100, 113), (120, 130), (200, 210)], "{order:?}");
            assert!(tally.is_whole(300));
            assert_eq!(tally.spans(299, 113).next(), Some((120, 130)));
            tally.cover(299, 112);
            assert_eq!(tally.spans(299, 0).next(), Some((100, 130)));
            tally.cover(299, 192);
            assert_eq!(tally.spans(299, 0).nth(1), Some((192, 210)));
        }
    }

    #[test]
    fn the_window_in_force_is_the_one_that_counts() {
        let mut tally = tally(10);
        tally.cover(0, 100);
        tally.points[0].window = 3;
        tally.cover(0, 105);
        assert_eq!(tally.points[0].span, (100, 110));
        tally.cover(0, 109);
        assert_eq!(tally.points[0].span, (100, 112));
    }

    #[test]
    fn days_are_counted_apart() {
        let mut tally = tally(10);
        tally.points[299].counts.count(GOOD);
        tally.count_elsewhere(299, Day(8), GOOD);
        tally.count_elsewhere(299, Day(8), Counted { good: false, timely: false, simulated: true });
        let of = |tally: &Tally, day| tally.counts(299, Day(day)).received;
        assert_eq!([7, 8, 9].map(|day| of(&tally, day)), [1, 2, 0]);
        tally.turn_to(Day(8));
        assert_eq!([7, 8, 9].map(|day| of(&tally, day)), [1, 2, 0]);
        assert_eq!(tally.counts(299, Day(8)), Counts { good: 1, received: 2, timely: 1, simulated: true });
        tally.turn_to(Day(9));
        assert_eq!([7, 8, 9].map(|day| of(&tally, day)), [1, 2, 0]);
        tally.prune(Day(8), 0);
        assert_eq!([7, 8, 9].map(|day| of(&tally, day)), [0, 2, 0]);
    }
}
