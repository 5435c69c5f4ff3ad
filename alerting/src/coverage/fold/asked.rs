//! What the registry in force asks for becomes part of the fold: units get their numbers and terms, points their
//! windows; and what is derived of that. Pure.

use super::{Coverage, Dial, Index, KEPT_DAYS_MIN};
use crate::coverage::Unit;
use crate::coverage::spans::mark_from;
use crate::coverage::terms::{Asking, Course, Term};
use crate::day::{Day, MINUTE_US};
use crate::input::CoverageLimits;
use rules::reading::{Micros, SECOND_US};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Coverage {
    pub(in crate::coverage) fn set_dial(&mut self, limits: &CoverageLimits) {
        let seconds = |span_s: u32| i64::from(span_s).saturating_mul(SECOND_US);
        self.dial = Dial {
            timely_us: seconds(limits.timely_s),
            timely_slow_us: seconds(limits.timely_slow_s),
            settle_us: seconds(limits.settle_s),
            close_after_us: i64::from(limits.close_after_min).saturating_mul(MINUTE_US),
            kept_days: limits.kept_days.max(limits.mean_days).max(KEPT_DAYS_MIN),
        };
    }

    /// A registry or limits are in force from `now` on.
    pub(in crate::coverage) fn ask(&mut self, asking: Asking, (points, version): (usize, &str), now: Micros) {
        if !self.begun {
            self.begun = true;
            self.tally.today = Day::of(now);
            self.closing = (self.tally.today, 0);
            let oldest = self.known.keys().next().copied();
            self.floor = oldest.map_or(self.tally.today, |day| day.min(self.tally.today));
        }
        let from = mark_from(now);
        self.registries.pop_if(|last| last.0 >= from);
        if self.registries.last().is_none_or(|last| last.1 != version) {
            self.registries.push((from, version.to_owned()));
        }
        self.tally.points.resize_with(points, Default::default);
        for (number, hot) in (0_u32..).zip(&mut self.tally.points) {
            let asked = asking.points.get(&number).copied().unwrap_or_default();
            (hot.window, hot.slow) = (asked.window, asked.slow);
        }
        let mut named: BTreeSet<u32> = BTreeSet::new();
        let mut index = self.units();
        for (unit, term) in asking.units {
            named.insert(self.begin(&mut index, unit, term));
        }
        for (_, course) in (0_u32..).zip(&mut self.courses).filter(|(number, _)| !named.contains(number)) {
            course.end(from);
        }
        self.rebuild();
    }

    fn begin(&mut self, index: &mut BTreeMap<Unit, u32>, unit: Unit, term: Term) -> u32 {
        let number = self.number(index, unit);
        if let Some(course) = self.courses.get_mut(number as usize) {
            course.begin(term);
        }
        number
    }

    /// The number of a unit, given now if it has none.
    pub(in crate::coverage) fn number(&mut self, index: &mut BTreeMap<Unit, u32>, unit: Unit) -> u32 {
        let next = u32::try_from(self.courses.len()).unwrap_or(u32::MAX);
        let number = *index.entry(unit.clone()).or_insert(next);
        if number == next {
            self.courses.push(Course::new(unit));
        }
        number
    }

    pub(in crate::coverage) fn units(&self) -> BTreeMap<Unit, u32> {
        (0_u32..).zip(&self.courses).map(|(number, course)| (course.unit.clone(), number)).collect()
    }

    /// Makes the derived parts anew.
    pub(in crate::coverage) fn rebuild(&mut self) {
        let mut of_point: BTreeMap<u32, BTreeMap<u32, u16>> = BTreeMap::new();
        for (number, course) in (0_u32..).zip(&self.courses) {
            for member in course.members() {
                let extra = of_point.entry(member.point).or_default().entry(number).or_default();
                *extra = member.extra.max(*extra);
            }
        }
        self.index = Arc::new(Index { units: self.units(), of_point });
        self.queue = self.dirty.iter().map(|((number, day), dirty)| (dirty.due, *day, *number)).collect();
        self.plan();
    }

    pub(in crate::coverage) fn find(&self, unit: &Unit) -> Option<u32> {
        self.index.units.get(unit).copied()
    }

    /// The units of an enterprise.
    pub(in crate::coverage) fn units_of(&self, enterprise: &str) -> Vec<u32> {
        let first = Unit { enterprise: enterprise.to_owned(), sector: String::new() };
        let own = self.index.units.range(first..).take_while(|(unit, _)| unit.enterprise == enterprise);
        own.map(|(_, number)| *number).collect()
    }
}
