//! Marks, the whole minutes at which coverage is judged, and spans of them. A point that reports without a break is one
//! span, however long it does: nothing is kept per minute. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::coverage::shared::Shared;
use crate::day::{DAY_MINUTES, Day, MINUTE_US};
use rules::reading::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Minutes since 1970-01-01T00:00Z. The mark of a minute is its first instant.
pub type Mark = u32;
/// From the first mark up to but without the second.
pub type Span = (Mark, Mark);

/// The first mark at or after an instant.
pub fn mark_from(at: Micros) -> Mark {
    to_mark(at.0.saturating_add(MINUTE_US.saturating_sub(1)).div_euclid(MINUTE_US))
}

/// The first mark after an instant: those before it have come.
pub fn mark_after(at: Micros) -> Mark {
    to_mark(at.0.div_euclid(MINUTE_US).saturating_add(1))
}

pub fn first_mark(day: Day) -> Mark {
    mark_from(day.start())
}

/// All marks of a day.
pub fn marks_of(day: Day) -> Span {
    let first = first_mark(day);
    (first, first.saturating_add(u32::from(DAY_MINUTES)))
}

/// The day that a mark belongs to.
pub fn day_of(mark: Mark) -> Day {
    Day::of(Micros(i64::from(mark).saturating_mul(MINUTE_US)))
}

pub fn common((a, b): Span, (c, d): Span) -> Option<Span> {
    let span = (a.max(c), b.min(d));
    (span.0 < span.1).then_some(span)
}

fn to_mark(minutes: i64) -> Mark {
    Mark::try_from(minutes).unwrap_or(if minutes < 0 { 0 } else { Mark::MAX })
}

/// Puts a span among others, in order, and makes one of those that touch.
pub fn insert(list: &mut Vec<Span>, span: Span) {
    if span.0 >= span.1 {
        return;
    }
    let from = list.partition_point(|known| known.1 < span.0);
    let until = list.partition_point(|known| known.0 <= span.1).max(from);
    let touching = list.get(from..until).unwrap_or_default().iter();
    let whole = touching.fold(span, |whole, known| (whole.0.min(known.0), whole.1.max(known.1)));
    list.splice(from..until, [whole]);
}

/// Each is a span, and they are in order and do not touch.
pub fn is_tidy(list: &[Span]) -> bool {
    list.iter().all(|span| span.0 < span.1) && list.is_sorted_by(|a, b| a.1 < b.0)
}

/// What of `within` lies in none of `spans`, which are in the order of their beginnings and may overlap.
pub fn gaps(within: Span, spans: impl Iterator<Item = Span>, mut each: impl FnMut(Span)) {
    let mut open = within.0;
    for (from, until) in spans {
        if open >= within.1 {
            return;
        }
        if let Some(gap) = common(within, (open, from)) {
            each(gap);
        }
        open = open.max(until);
    }
    if open < within.1 {
        each((open, within.1));
    }
}

/// Points that share a part of the snapshot.
const TOGETHER: u32 = 256;

/// The earlier spans of points that had gaps, by point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier(BTreeMap<u32, Shared<BTreeMap<u32, Vec<Span>>>>);

impl Earlier {
    pub fn of(&self, point: u32) -> &[Span] {
        let part = self.0.get(&point.wrapping_div(TOGETHER));
        part.and_then(|part| part.get(&point)).map_or(&[], Vec::as_slice)
    }

    pub fn insert(&mut self, point: u32, span: Span) {
        let part = self.0.entry(point.wrapping_div(TOGETHER)).or_default();
        insert(part.to_mut().entry(point).or_default(), span);
    }

    /// Takes out what touches a span that begins at `from` and is not earlier than any of these; gives its beginning then.
    pub fn join(&mut self, point: u32, mut from: Mark) -> Mark {
        let Some(part) = self.0.get_mut(&point.wrapping_div(TOGETHER)) else { return from };
        if part.get(&point).and_then(|list| list.last()).is_none_or(|last| last.1 < from) {
            return from;
        }
        let part = part.to_mut();
        if let Some(list) = part.get_mut(&point) {
            while let Some(last) = list.pop_if(|last| last.1 >= from) {
                from = from.min(last.0);
            }
            if list.is_empty() {
                part.remove(&point);
            }
        }
        from
    }

    /// What ends before `floor` is forgotten.
    pub fn prune(&mut self, floor: Mark) {
        for part in self.0.values_mut() {
            if part.values().flatten().any(|span| span.1 <= floor) {
                part.to_mut().retain(|_, list| {
                    list.retain(|span| span.1 > floor);
                    !list.is_empty()
                });
            }
        }
        self.0.retain(|_, part| !part.is_empty());
    }

    /// Every list tidy and of a point below `points`, and where its part says.
    pub fn is_whole(&self, points: usize) -> bool {
        let in_place = |(number, part): (&u32, &Shared<BTreeMap<u32, Vec<Span>>>)| {
            part.keys().all(|point| point.wrapping_div(TOGETHER) == *number && (*point as usize) < points)
                && part.values().all(|list| is_tidy(list))
        };
        self.0.iter().all(in_place)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Vec<Span>)> {
        self.0.values().flat_map(|part| part.iter().map(|(point, list)| (*point, list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::reading::SECOND_US;

    #[test]
    fn marks_are_exact() {
        for (us, from, after) in [
            (0, 0, 1),
            (1, 1, 1),
            (60 * SECOND_US, 1, 2),
            (60 * SECOND_US - 1, 1, 1),
            (60 * SECOND_US + 1, 2, 2),
            (-1, 0, 0),
            (i64::MIN, 0, 0),
        ] {
            assert_eq!((mark_from(Micros(us)), mark_after(Micros(us))), (from, after), "{us}");
        }
        let day: Day = "2025-12-31".parse().unwrap();
        assert_eq!((day_of(first_mark(day)), day_of(first_mark(day) - 1)), (day, day.plus(-1)));
        assert_eq!(first_mark(day.plus(1)) - first_mark(day), 1_440);
    }

    #[test]
    fn spans_join_where_they_touch() {
        let table: [(&[Span], Span, &[Span]); 7] = [
            (&[], (3, 5), &[(3, 5)]),
            (&[], (5, 5), &[]),
            (&[(1, 2), (8, 9)], (4, 5), &[(1, 2), (4, 5), (8, 9)]),
            (&[(1, 4), (8, 9)], (4, 5), &[(1, 5), (8, 9)]),
            (&[(1, 4), (8, 9)], (4, 8), &[(1, 9)]),
            (&[(1, 4), (8, 9)], (2, 3), &[(1, 4), (8, 9)]),
            (&[(3, 4), (8, 9), (20, 21)], (0, 10), &[(0, 10), (20, 21)]),
        ];
        for (before, span, after) in table {
            let mut list = before.to_vec();
            insert(&mut list, span);
            assert_eq!(list, after, "{span:?} into {before:?}");
            assert!(is_tidy(&list));
        }
    }

    #[test]
    fn gaps_are_what_is_left() {
        let table: [(&[Span], &[Span]); 6] = [
            (&[], &[(10, 20)]),
            (&[(0, 30)], &[]),
            (&[(0, 10), (20, 30)], &[(10, 20)]),
            (&[(5, 12), (11, 14), (18, 25)], &[(14, 18)]),
            (&[(12, 14), (16, 17)], &[(10, 12), (14, 16), (17, 20)]),
            (&[(10, 11), (25, 30)], &[(11, 20)]),
        ];
        for (spans, expected) in table {
            let mut found = Vec::new();
            gaps((10, 20), spans.iter().copied(), |gap| found.push(gap));
            assert_eq!(found, expected, "{spans:?}");
        }
    }

    #[test]
    fn earlier_spans_are_found_joined_and_forgotten() {
        let mut earlier = Earlier::default();
        for span in [(30, 40), (10, 20), (50, 60)] {
            earlier.insert(300, span);
        }
        assert_eq!(earlier.of(300), [(10, 20), (30, 40), (50, 60)]);
        assert_eq!((earlier.join(300, 61), earlier.join(300, 60)), (61, 50));
        assert_eq!(earlier.join(300, 35), 30);
        assert_eq!(earlier.of(300), [(10, 20)]);
        earlier.prune(19);
        assert_eq!(earlier.of(300), [(10, 20)]);
        earlier.prune(20);
        assert_eq!(earlier, Earlier::default());
    }
}
