//! The fold of coverage: takes readings in, and knows which day is to be closed or stated again next, and when. One of
//! them at a time, so that no step does much. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::classify::{Class, Classified};
use crate::coverage::shared::Shared;
use crate::coverage::spans::{Mark, Span, day_of, first_mark, insert, is_tidy, mark_from, marks_of};
use crate::coverage::tally::{Counted, Tally};
use crate::coverage::terms::Course;
use crate::coverage::{CoverageDay, DayCause, DayFigure, Unit};
use crate::day::{DAY_US, Day};
use crate::effect::FLAG_SIMULATED;
use rules::reading::{Micros, Quality, Reading};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod asked;

/// Between two days that are judged. One takes some microseconds for each of its points; so readings come through.
const BREATH_US: i64 = 20_000;
/// Days are kept for as long at least: a calendar month's share of excused minutes is counted from them.
const KEPT_DAYS_MIN: u16 = 32;

/// No journal is this old: what says so is no snapshot.
const DAYS_MAX: i32 = 100_000;

/// Everything that coverage remembers. Nothing is asked of it before the first registry comes into force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    begun: bool,
    pub(super) tally: Tally,
    /// By the numbers of units, given in the order in which they were first named.
    pub(super) courses: Vec<Course>,
    /// Content hashes of registries, and the first mark judged by each.
    registries: Vec<(Mark, String)>,
    /// When Davy could not hear, as far as it is over.
    pub(super) outages: Vec<Span>,
    /// The first day that is not closed for everybody, and the first unit for which it is not.
    closing: (Day, u32),
    /// Nothing is judged before.
    pace: Micros,
    /// Closed days that may have changed.
    dirty: BTreeMap<(u32, Day), Dirty>,
    /// Closed days as they were last stated.
    pub(super) known: BTreeMap<Day, Shared<BTreeMap<u32, Known>>>,
    /// What is older is forgotten, and not touched any more.
    floor: Day,
    /// Derived from here on.
    #[serde(skip)]
    queue: BTreeSet<(Micros, Day, u32)>,
    #[serde(skip)]
    next: Option<Micros>,
    #[serde(skip)]
    dial: Dial,
    #[serde(skip)]
    index: Arc<Index>,
}

/// A closed day that changed: looked at when nothing more has come for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dirty {
    /// When the queue has it; the last change may be later.
    due: Micros,
    last: Micros,
    cause: DayCause,
}

/// A closed day as it was last stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub figure: DayFigure,
    pub cause: DayCause,
    /// Of all that was stated: says whether it would be stated otherwise now.
    pub fingerprint: u64,
    /// Taken over from the database: its readings are not known here, so it stays as it is.
    pub adopted: Option<Shared<CoverageDay>>,
}

/// The limits, as readings and days ask for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dial {
    timely_us: i64,
    timely_slow_us: i64,
    settle_us: i64,
    close_after_us: i64,
    kept_days: u16,
}

#[derive(Debug, Default, PartialEq)]
struct Index {
    units: BTreeMap<Unit, u32>,
    /// The units that ever required a point, and how much longer than its own their window is.
    of_point: BTreeMap<u32, BTreeMap<u32, u16>>,
}

/// What is to be done next.
pub enum Task {
    Close(u32, Day),
    /// Nobody is left for whom the day would have to be closed.
    Finish(Day),
    Restate(u32, Day, DayCause),
}

impl Coverage {
    /// A reading as it is stored. The next one of a point today costs a look into one column.
    pub(crate) fn take(&mut self, reading: &Reading, classified: &Classified) {
        if classified.class != Class::Duplicate {
            self.hear(reading, classified, classified.received);
        }
    }

    /// The same, heard of at another time than it was received.
    pub(crate) fn hear(&mut self, reading: &Reading, classified: &Classified, heard: Micros) {
        let point = reading.point.index();
        let Some(hot) = self.tally.points.get_mut(point).filter(|hot| hot.window > 0) else { return };
        let Classified { event, received, flags, .. } = *classified;
        let patience_us = if hot.slow { self.dial.timely_slow_us } else { self.dial.timely_us };
        let one = Counted {
            good: reading.quality == Quality::Good,
            timely: received.since(event) <= patience_us,
            simulated: flags & FLAG_SIMULATED != 0,
        };
        let into_day_us = event.since(self.tally.today.start());
        if (0..DAY_US).contains(&into_day_us) {
            hot.counts.count(one);
            if one.good {
                self.tally.cover(point, mark_from(event));
            }
        } else {
            self.hear_elsewhere(reading.point.0, (one, event), heard);
        }
    }

    /// A reading of another day: what was closed without it is looked at again.
    fn hear_elsewhere(&mut self, point: u32, (one, event): (Counted, Micros), heard: Micros) {
        let day = Day::of(event);
        if day < self.floor {
            return;
        }
        self.tally.count_elsewhere(point as usize, day, one);
        let mark = mark_from(event);
        if one.good {
            self.tally.cover(point as usize, mark);
        }
        let window = self.tally.points.get(point as usize).map_or(0, |hot| hot.window);
        let index = Arc::clone(&self.index);
        for (number, extra) in index.of_point.get(&point).into_iter().flatten() {
            let covered = Mark::from(window).saturating_add(Mark::from(*extra));
            let last = if one.good { day_of(mark.saturating_add(covered)).min(self.closing.0).max(day) } else { day };
            for day in day.0..=last.0 {
                self.touch(*number, Day(day), (heard, DayCause::LateReadings));
            }
        }
    }

    /// Something of a day has changed: if it is closed, it is looked at when nothing more has come for a while.
    pub(super) fn touch(&mut self, number: u32, day: Day, (at, cause): (Micros, DayCause)) {
        if day < self.floor || (day, number) >= self.closing {
            return;
        }
        if let Some(dirty) = self.dirty.get_mut(&(number, day)) {
            (dirty.last, dirty.cause) = (dirty.last.max(at), cause);
            return;
        }
        if self.is_adopted(number, day) {
            return;
        }
        let due = at.plus(self.dial.settle_us);
        self.dirty.insert((number, day), Dirty { due, last: at, cause });
        self.queue.insert((due, day, number));
        self.plan();
    }

    fn is_adopted(&self, number: u32, day: Day) -> bool {
        let known = self.known.get(&day).and_then(|units| units.get(&number));
        known.is_some_and(|known| known.adopted.is_some())
    }

    /// When a day begins, or is to be closed or stated again. Known beforehand: it is asked for on every row.
    #[must_use]
    pub fn next_due(&self) -> Option<Micros> {
        self.next
    }

    /// Says anew what is due next.
    pub(super) fn plan(&mut self) {
        let judging = self.queue.first().map_or(self.closes_at(), |(due, ..)| self.closes_at().min(*due));
        self.next = self.begun.then(|| judging.max(self.pace).min(self.tally.today.end()));
    }

    fn closes_at(&self) -> Micros {
        self.closing.0.end().plus(self.dial.close_after_us)
    }

    /// A new day has begun: it is counted from here on, and the oldest is forgotten.
    pub(super) fn turn(&mut self, now: Micros) -> bool {
        if !self.begun || now < self.tally.today.end() {
            return false;
        }
        self.tally.turn_to(Day::of(now));
        self.forget();
        self.plan();
        true
    }

    fn forget(&mut self) {
        self.floor = self.oldest_kept(self.tally.today).min(self.closing.0).max(self.floor);
        let floor = first_mark(self.floor);
        self.tally.prune(self.floor, floor);
        self.courses.iter_mut().for_each(|course| course.prune(floor));
        let over = self.registries.iter().skip(1).take_while(|(from, _)| *from <= floor).count();
        self.registries.drain(..over.min(self.registries.len()));
        self.outages.retain(|span| span.1 > floor);
        self.known = self.known.split_off(&self.floor);
        let floor = self.floor;
        self.dirty.retain(|(_, day), _| *day >= floor);
        self.queue.retain(|(_, day, _)| *day >= floor);
    }

    /// Takes what is due at `now`, if anything is.
    pub(super) fn task(&mut self, now: Micros) -> Option<Task> {
        if !self.begun || now < self.pace {
            return None;
        }
        let closes_at = self.closes_at();
        if let Some((due, day, number)) =
            self.queue.first().copied().filter(|(due, ..)| *due <= now && *due < closes_at)
        {
            self.queue.pop_first();
            let dirty = self.dirty.remove(&(number, day))?;
            let settled = dirty.last.plus(self.dial.settle_us);
            if settled > due {
                self.dirty.insert((number, day), Dirty { due: settled, ..dirty });
                self.queue.insert((settled, day, number));
                return None;
            }
            self.pace = now.plus(BREATH_US);
            return Some(Task::Restate(number, day, dirty.cause));
        }
        if closes_at > now {
            return None;
        }
        let (day, from) = self.closing;
        let Some(number) = self.next_to_close(from) else {
            self.closing = (day.plus(1), 0);
            return Some(Task::Finish(day));
        };
        self.pace = now.plus(BREATH_US);
        self.closing.1 = number.saturating_add(1);
        Some(Task::Close(number, day))
    }

    /// The first unit from this one on that was there on the day that is being closed.
    fn next_to_close(&self, from: u32) -> Option<u32> {
        let whole = marks_of(self.closing.0);
        let each = (0_u32..).zip(&self.courses).skip(from as usize);
        each.filter(|(_, course)| course.is_there(whole)).map(|(number, _)| number).next()
    }

    /// Davy could not hear for a while. What fell due meanwhile is judged now, one after the other.
    pub(crate) fn was_deaf(&mut self, span: Option<(Micros, Micros)>) {
        if let Some((from, until)) = span.filter(|(_, until)| mark_from(*until) > first_mark(self.floor)) {
            insert(&mut self.outages, (mark_from(from), mark_from(until)));
            self.pace = self.pace.max(until);
            self.plan();
        }
    }

    /// Days from here on are kept from now on.
    pub(super) fn keep_from(&mut self, day: Day) {
        self.floor = self.floor.min(day);
    }

    /// The first day that is kept, on a day.
    pub(super) fn oldest_kept(&self, today: Day) -> Day {
        today.plus(i32::from(self.dial.kept_days).saturating_neg())
    }

    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn today(&self) -> Day {
        self.tally.today
    }

    pub(super) fn floor(&self) -> Day {
        self.floor
    }

    pub(super) fn is_closed(&self, number: u32, day: Day) -> bool {
        (day, number) < self.closing
    }

    /// The first day that is not closed for everybody.
    pub(super) fn open_from(&self) -> Day {
        self.closing.0
    }

    /// The registry in force at a mark.
    pub(super) fn registry_at(&self, mark: Mark) -> &str {
        let before = self.registries.iter().rev().find(|(from, _)| *from <= mark);
        before.map(|(_, version)| version.as_str()).unwrap_or_default()
    }

    /// What a snapshot must hold: points and units that there are, and everything in its order.
    #[must_use]
    pub fn is_whole(&self, points: usize) -> bool {
        let is_unit = |number: &u32| (*number as usize) < self.courses.len();
        let units: BTreeSet<&Unit> = self.courses.iter().map(|course| &course.unit).collect();
        units.len() == self.courses.len()
            && self.tally.is_whole(points)
            && self.courses.iter().all(|course| course.is_whole(points))
            && is_tidy(&self.outages)
            && self.registries.is_sorted_by(|a, b| a.0 < b.0)
            && self.known.values().all(|units| units.keys().all(is_unit))
            && self.dirty.keys().all(|(number, _)| is_unit(number))
            && self.floor <= self.closing.0
            && self.closing.0 <= self.tally.today
            && self.tally.today.0.saturating_sub(self.floor.0) <= DAYS_MAX
    }
}
