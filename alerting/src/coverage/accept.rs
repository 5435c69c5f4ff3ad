//! Signatures under connections (接入验收): given when the hours before were reported well enough, taken back by whoever
//! finds a reason. And what coverage takes over after a loss. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::command::{Outcome, Refusal};
use crate::coverage::fold::Known;
use crate::coverage::spans::{day_of, mark_after};
use crate::coverage::{AcceptanceChange, CoverageDay, DayCause, Unit};
use crate::day::Day;
use crate::effect::Business;
use crate::state::State;
use std::sync::Arc;

/// Of the minutes that ask for it.
struct Share {
    reported: u64,
    asked: u64,
}

impl State {
    /// The connection of a unit is accepted, or it is said why not.
    pub(crate) fn accept(&mut self, unit: Unit, word: (&str, &str)) -> Outcome {
        let course = self.coverage.find(&unit).and_then(|number| self.coverage.courses.get(number as usize));
        let Some(course) = course.filter(|course| course.terms.last().is_some_and(|term| term.there)) else {
            return Outcome::Refused(Refusal::NotInRegistry);
        };
        if course.is_connected(self.now.plus(1)) {
            return Outcome::Refused(Refusal::NothingToSign);
        }
        let share = self.share(&unit);
        let enough = share.asked.saturating_mul(self.limits.coverage.accept_min_pct.into());
        if share.asked == 0 || share.reported.saturating_mul(100) < enough {
            return Outcome::Refused(Refusal::NotReporting { permille: share.permille() });
        }
        self.sign(unit, (word, true), share.permille());
        Outcome::Noted
    }

    /// An acceptance is taken back.
    pub(crate) fn revoke(&mut self, unit: Unit, word: (&str, &str)) -> Outcome {
        let course = self.coverage.find(&unit).and_then(|number| self.coverage.courses.get(number as usize));
        let Some(course) = course else { return Outcome::Refused(Refusal::NotInRegistry) };
        if !course.is_connected(self.now.plus(1)) {
            return Outcome::Refused(Refusal::NothingToSign);
        }
        let permille = self.share(&unit).permille();
        self.sign(unit, (word, false), permille);
        Outcome::Noted
    }

    fn sign(&mut self, unit: Unit, ((by, comment), accepted): ((&str, &str), bool), permille: u16) {
        let Some(number) = self.coverage.find(&unit) else { return };
        if let Some(course) = self.coverage.courses.get_mut(number as usize) {
            course.signed.push((self.now, accepted));
        }
        let (at, by, comment) = (self.now, by.to_owned(), comment.to_owned());
        self.ledger.push(Business::Acceptance(Box::new(AcceptanceChange {
            unit,
            at,
            by,
            comment,
            accepted,
            permille,
        })));
    }

    /// What was reported in the last complete minutes, without those in which Davy could not hear.
    fn share(&self, unit: &Unit) -> Share {
        let minutes = u32::from(self.limits.coverage.accept_hours).saturating_mul(60);
        let until = mark_after(self.now).saturating_sub(1);
        let span = (until.saturating_sub(minutes), until);
        let mut share = Share { reported: 0, asked: minutes.into() };
        for day in day_of(span.0).max(self.coverage.floor()).0..=day_of(span.1).0 {
            let Some(day) = self.coverage_day(unit, Day(day)) else { continue };
            let within = CoverageDay::minutes_in(day.day, span);
            let marked = |bitmap| u64::from(CoverageDay::marked(bitmap, within));
            share.reported = share.reported.saturating_add(marked(&day.reported));
            share.asked = share.asked.saturating_sub(marked(&day.system));
        }
        share
    }

    /// From recovery: signatures and days that are not known here. A day that was closed here in Davy's absence gives way
    /// to one that had been heard.
    pub(crate) fn adopt_coverage(&mut self, acceptances: &[AcceptanceChange], days: &[CoverageDay]) {
        let limits = Arc::clone(&self.limits);
        self.coverage.set_dial(&limits.coverage);
        let mut index = self.coverage.units();
        for change in acceptances {
            let number = self.coverage.number(&mut index, change.unit.clone());
            let Some(course) = self.coverage.courses.get_mut(number as usize) else { continue };
            let place = course.signed.partition_point(|(at, _)| *at <= change.at);
            if !course.signed.iter().any(|(at, _)| *at == change.at) {
                course.signed.insert(place, (change.at, change.accepted));
            }
        }
        let today = Day::of(self.now);
        for day in days {
            if day.day >= today || day.day < self.coverage.oldest_kept(today) {
                continue;
            }
            let number = self.coverage.number(&mut index, day.unit.clone());
            if self.coverage.is_begun() && !self.coverage.is_closed(number, day.day) {
                continue;
            }
            self.coverage.keep_from(day.day);
            let known = self.coverage.known.entry(day.day).or_default();
            let own = known.get(&number).map(|known| known.figure.minutes.system);
            if own.is_some_and(|system| system <= day.minutes.system) {
                continue;
            }
            let day = CoverageDay { cause: DayCause::Adopted, ..day.clone() };
            known.to_mut().insert(number, Known::adopted(self.seq, &day));
            if own.is_some() {
                self.ledger.push(Business::CoverageDay(Box::new(CoverageDay { at: self.now, ..day })));
            }
        }
        self.coverage.rebuild();
    }
}

impl Share {
    fn permille(&self) -> u16 {
        let permille = self.reported.saturating_mul(1_000).checked_div(self.asked).unwrap_or(0);
        u16::try_from(permille).unwrap_or(u16::MAX)
    }
}
