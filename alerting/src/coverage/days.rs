//! The days of units: closed after their end, stated again when they are known better, shown as they stand so far; and
//! the figure of a day that is sealed. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::coverage::fold::{Known, Task};
use crate::coverage::judge::{Bench, Judged, judge};
use crate::coverage::shared::Shared;
use crate::coverage::spans::{Mark, common, mark_after, mark_from, marks_of};
use crate::coverage::terms::Asking;
use crate::coverage::{CoverageDay, DayCause, DayFigure, SealedDay, Unit, figures};
use crate::day::Day;
use crate::effect::Business;
use crate::filings::Filing;
use crate::state::State;
use bytes::Bytes;
use rules::reading::Micros;
use std::sync::Arc;

impl State {
    /// What is known of the days `from..=to`: closed ones as they were stated last, open ones as they stand so far. An open
    /// day is judged for this, in some microseconds for each point.
    #[must_use]
    pub fn coverage_figures(&self, from: Day, to: Day) -> Vec<DayFigure> {
        if from > to {
            return Vec::new();
        }
        let closed = self.coverage.known.range(from..=to);
        let mut found: Vec<DayFigure> =
            closed.flat_map(|(_, units)| units.values()).map(|known| known.figure.clone()).collect();
        if self.coverage.is_begun() {
            for day in from.max(self.coverage.open_from()).0..=to.min(self.coverage.today()).0 {
                let open = (0_u32..).zip(&self.coverage.courses).map(|(number, _)| number);
                let open = open.filter(|number| !self.coverage.is_closed(*number, Day(day)));
                let as_it_stands = |number| self.day_so_far(number, Day(day));
                found.extend(open.filter_map(as_it_stands).map(|day| DayFigure::from((self.seq, &day))));
            }
        }
        found
    }

    /// The newest word on each unit's connection: since when it is accepted, or is not any more.
    pub fn acceptances(&self) -> impl Iterator<Item = (&Unit, Micros, bool)> + '_ {
        self.coverage.courses.iter().filter_map(|course| {
            let (at, accepted) = course.signed.last()?;
            Some((&course.unit, *at, *accepted))
        })
    }

    /// One unit's day in full: a closed one as its readings stand now, which may be a settling time ahead of what was stated
    /// of it; an open one as it stands so far.
    #[must_use]
    pub fn coverage_day(&self, unit: &Unit, day: Day) -> Option<CoverageDay> {
        let number = self.coverage.find(unit)?;
        match self.coverage.known.get(&day).and_then(|units| units.get(&number)) {
            Some(Known { adopted: Some(day), .. }) => Some((**day).clone()),
            Some(known) => {
                let stated = (known.figure.at, known.cause);
                self.judged(number, day, Mark::MAX).map(|judged| self.told((number, day), judged, stated))
            }
            None if self.coverage.is_closed(number, day) || day > self.coverage.today() => None,
            None => self.day_so_far(number, day),
        }
    }

    fn day_so_far(&self, number: u32, day: Day) -> Option<CoverageDay> {
        let judged = self.judged(number, day, mark_after(self.now))?;
        Some(self.told((number, day), judged, (self.now, DayCause::Closed)))
    }

    /// A day as it is known now, of the marks before `until`.
    fn judged(&self, number: u32, day: Day, until: Mark) -> Option<Judged> {
        let course = self.coverage.courses.get(number as usize)?;
        let excuses = |filing: &&Filing| {
            filing.planned.kind.excuses() && filing.planned.object.enterprise.as_ref() == Some(&course.unit.enterprise)
        };
        let deaf = self.outage.link_down_since.map(|since| (mark_from(since), Mark::MAX));
        let outages = self.coverage.outages.iter().copied().chain(deaf);
        let mut bench = Bench {
            tally: &self.coverage.tally,
            names: self.intern.keys(),
            filings: self.filings.iter().filter(excuses).collect(),
            outages: outages.collect(),
            excusable: u32::from(self.limits.coverage.excused_max_h).saturating_mul(60),
            until,
        };
        // What of the month has had its share: nothing can be excused without a filing.
        if !bench.filings.is_empty() {
            for before in day.month_start().0..day.0 {
                let before = Day(before);
                let known = self.coverage.known.get(&before).and_then(|units| units.get(&number));
                let excused = match known {
                    Some(known) => known.figure.minutes.excused,
                    None if self.coverage.is_closed(number, before) => 0,
                    None => judge(course, before, &bench).map_or(0, |judged| judged.minutes.excused),
                };
                bench.excusable = bench.excusable.saturating_sub(excused.into());
            }
        }
        judge(course, day, &bench)
    }

    fn told(&self, (number, day): (u32, Day), judged: Judged, (at, cause): (Micros, DayCause)) -> CoverageDay {
        let course = self.coverage.courses.get(number as usize);
        // A signature of this very instant counts.
        let before = day.end().min(self.now.plus(1));
        let unit = course.map(|course| course.unit.clone());
        CoverageDay {
            unit: unit.unwrap_or_else(|| Unit { enterprise: String::new(), sector: String::new() }),
            town: judged.town,
            day,
            at,
            cause,
            registry: self.coverage.registry_at(judged.last).to_owned(),
            in_scope: judged.in_scope,
            connected: course.is_some_and(|course| course.is_connected(before)),
            simulated: judged.simulated,
            minutes: judged.minutes,
            samples: judged.samples,
            reported: judged.reported,
            excused: judged.excused,
            system: judged.system,
            points: judged.points,
        }
    }

    /// A day begins, or is to be closed, or looked at again.
    pub(crate) fn coverage_due(&mut self, due: Micros) {
        self.now = self.now.max(due);
        if !self.coverage.turn(self.now) {
            match self.coverage.task(self.now) {
                Some(Task::Close(number, day)) => self.state_day(number, day, DayCause::Closed),
                Some(Task::Restate(number, day, cause)) => self.state_day(number, day, cause),
                Some(Task::Finish(day)) => {
                    self.seal(day);
                    self.look_at_nuisances();
                }
                None => {}
            }
            self.coverage.plan();
        }
    }

    /// States a day, if it is not what was stated of it last.
    fn state_day(&mut self, number: u32, day: Day, cause: DayCause) {
        let before = self.coverage.known.get(&day).and_then(|units| units.get(&number));
        if before.is_some_and(|known| known.adopted.is_some()) {
            return;
        }
        let before = before.map(|known| (known.fingerprint, known.figure.minutes.excused));
        let Some(judged) = self.judged(number, day, Mark::MAX) else { return };
        let stated = self.told((number, day), judged, (self.now, cause));
        let fingerprint = fingerprint(&stated);
        if before.is_some_and(|(known, _)| known == fingerprint) {
            return;
        }
        let figure = DayFigure::from((self.seq, &stated));
        let known = Known { figure, cause, fingerprint, adopted: None };
        self.coverage.known.entry(day).or_default().to_mut().insert(number, known);
        let excused = stated.minutes.excused;
        self.nuisances.take_day(&stated, &self.limits.nuisance);
        self.ledger.push(Business::CoverageDay(Box::new(stated)));
        // The rest of the month has another share left.
        if before.is_some_and(|(_, before)| before != excused) {
            let month_end = day.month_start().plus(31).month_start();
            for later in day.plus(1).0..month_end.0 {
                self.coverage.touch(number, Day(later), (self.now, cause));
            }
        }
    }

    fn seal(&mut self, day: Day) {
        let name = day.to_string();
        let limits = &self.limits.coverage;
        if !limits.sealed.contains(&name) || !self.coverage.known.contains_key(&day) {
            return;
        }
        let days = self.coverage_figures(day.plus(1_i32.saturating_sub(limits.mean_days.max(1).into())), day);
        let figures = figures(&days, day, limits);
        // Plain data whose floats are finite: it can always be written down.
        let figures = serde_json::to_vec(&figures).map_or_else(|_| Bytes::new(), Bytes::from);
        self.ledger.push(Business::Sealed(Box::new(SealedDay { day, at: self.now, figures })));
    }

    /// A registry or limits came into force.
    pub(crate) fn coverage_changes(&mut self) {
        let limits = Arc::clone(&self.limits);
        self.coverage.set_dial(&limits.coverage);
        match &self.view {
            Some(view) => {
                let asking = Asking::of(view, &limits.coverage, mark_from(self.now));
                self.coverage.ask(asking, (self.intern.len(), &view.version), self.now);
            }
            None => self.coverage.rebuild(),
        }
    }

    /// Derived parts, after a restore. A snapshot that knows nothing of coverage begins with it where it stands.
    pub(crate) fn rebuild_coverage(&mut self) {
        if self.coverage.is_begun() {
            let limits = Arc::clone(&self.limits);
            self.coverage.set_dial(&limits.coverage);
            self.coverage.rebuild();
        } else {
            self.coverage_changes();
        }
    }

    /// A filing came, or was taken back: days that are closed already, and that it bears on, are looked at again.
    pub(crate) fn coverage_filing(&mut self, filing: &Filing) {
        let Some(enterprise) = &filing.planned.object.enterprise else { return };
        if !filing.planned.kind.excuses() {
            return;
        }
        let from = filing.withdrawn_at.map_or(filing.planned.from, |at| at.max(filing.planned.from));
        let (from, to) = (Day::of(from).max(self.coverage.floor()), Day::of(filing.planned.to));
        let to = to.min(self.coverage.open_from());
        for number in self.coverage.units_of(enterprise) {
            for day in from.0..=to.0 {
                self.coverage.touch(number, Day(day), (self.now, DayCause::Filing));
            }
        }
    }
}

impl CoverageDay {
    /// How many of the minutes `from..until` of the day are marked in one of its bitmaps.
    pub(super) fn marked(bitmap: &Bytes, (from, until): (usize, usize)) -> u32 {
        let is_marked = |minute: &usize| {
            let byte = bitmap.get(minute.wrapping_div(8)).copied().unwrap_or(0);
            byte.wrapping_shr(u32::try_from(minute.wrapping_rem(8)).unwrap_or(0)) & 1 == 1
        };
        u32::try_from((from..until).filter(is_marked).count()).unwrap_or(u32::MAX)
    }

    /// The minutes of a span that lie on this day, counted from its beginning.
    pub(super) fn minutes_in(day: Day, span: (Mark, Mark)) -> (usize, usize) {
        let whole = marks_of(day);
        let place = |mark: Mark| mark.saturating_sub(whole.0) as usize;
        common(whole, span).map_or((0, 0), |(from, until)| (place(from), place(until)))
    }
}

/// FNV-1a, 64 bit, of everything but the time and the cause of the statement.
fn fingerprint(stated: &CoverageDay) -> u64 {
    let stated = CoverageDay { at: Micros(0), cause: DayCause::Closed, ..stated.clone() };
    let bytes = postcard::to_stdvec(&stated).unwrap_or_default();
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

impl Known {
    /// A day that somebody else judged.
    pub(super) fn adopted(seq: u64, day: &CoverageDay) -> Known {
        let figure = DayFigure::from((seq, day));
        Known { figure, cause: day.cause, fingerprint: 0, adopted: Some(Shared::new(day.clone())) }
    }
}
