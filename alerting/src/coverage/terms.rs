//! What is asked of each unit, since when: a timeline with an entry for each activation that changed it, so that a minute
//! is judged by the registry that was in force then. Must not know readings. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::coverage::Unit;
use crate::coverage::shared::Shared;
use crate::coverage::spans::{Mark, Span, common};
use crate::input::CoverageLimits;
use rules::reading::Micros;
use rules::registry::{Enterprise, Status};
use rules::view::View;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// From this period on a point is a slow one. Seconds.
const SLOW_FROM_S: u32 = 900;

/// One unit through time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    pub unit: Unit,
    /// In order, each from another mark on.
    pub terms: Vec<Term>,
    /// When its connection was accepted, and when that was taken back; in order.
    pub signed: Vec<(Micros, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The first mark that is judged by it.
    pub from: Mark,
    /// The registry names it at all.
    pub there: bool,
    pub in_scope: bool,
    pub town: String,
    /// Required points, by their equipment.
    pub parts: Shared<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub equipment: String,
    pub members: Vec<Member>,
}

/// A required point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub point: u32,
    /// Its window is so much longer here than the point's own, which is that of the strictest unit that asks for it. Minutes.
    pub extra: u16,
    pub period_s: u32,
}

/// How a point that somebody requires is taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Minutes.
    pub window: u16,
    pub slow: bool,
}

/// What a registry asks for.
#[derive(Debug, Default)]
pub struct Asking {
    /// In the order of the registry.
    pub units: Vec<(Unit, Term)>,
    pub points: BTreeMap<u32, Asked>,
}

impl Course {
    pub fn new(unit: Unit) -> Course {
        Course { unit, terms: Vec::new(), signed: Vec::new() }
    }

    /// Another term begins, if it is another. One that begins with the last takes its place.
    pub fn begin(&mut self, term: Term) {
        self.terms.pop_if(|last| last.from >= term.from);
        let is_same = |last: &Term| {
            let Term { from: _, there, in_scope, town, parts } = last;
            (*there, *in_scope, town, parts) == (term.there, term.in_scope, &term.town, &term.parts)
        };
        if !self.terms.last().is_some_and(is_same) {
            self.terms.push(term);
        }
    }

    /// The registry names it no more.
    pub fn end(&mut self, from: Mark) {
        if self.terms.last().is_some_and(|last| last.there) {
            let town = self.terms.last().map(|last| last.town.clone()).unwrap_or_default();
            self.begin(Term { from, there: false, in_scope: false, town, parts: Shared::default() });
        }
    }

    /// The terms that hold within a span, each with its part of it.
    pub fn within(&self, span: Span) -> impl Iterator<Item = (Span, &Term)> {
        let ends = self.terms.iter().skip(1).map(|next| next.from).chain([Mark::MAX]);
        let each = self.terms.iter().zip(ends).map(|(term, end)| ((term.from, end), term));
        each.filter_map(move |(lasts, term)| Some((common(lasts, span)?, term)))
    }

    pub fn is_there(&self, span: Span) -> bool {
        self.within(span).any(|(_, term)| term.there)
    }

    /// Whether an acceptance stands before an instant.
    pub fn is_connected(&self, before: Micros) -> bool {
        self.signed.iter().rev().find(|(at, _)| *at < before).is_some_and(|(_, accepted)| *accepted)
    }

    /// Terms that ended up to `floor` are forgotten.
    pub fn prune(&mut self, floor: Mark) {
        let over = self.terms.iter().skip(1).take_while(|next| next.from <= floor).count();
        self.terms.drain(..over.min(self.terms.len()));
    }

    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.terms.iter().flat_map(|term| term.parts.iter()).flat_map(|part| &part.members)
    }

    pub fn is_whole(&self, points: usize) -> bool {
        self.terms.is_sorted_by(|a, b| a.from < b.from)
            && self.signed.is_sorted_by_key(|(at, _)| *at)
            && self.members().all(|member| (member.point as usize) < points)
    }
}

impl Asking {
    /// What `view` asks for from the mark `from` on.
    pub fn of(view: &View, limits: &CoverageLimits, from: Mark) -> Asking {
        let mut asking = Asking::default();
        for enterprise in &view.registry().enterprises {
            asking.add(enterprise, view, (limits, from));
        }
        asking
    }

    fn add(&mut self, enterprise: &Enterprise, view: &View, (limits, from): (&CoverageLimits, Mark)) {
        let begin = self.units.len();
        let sectors: BTreeSet<&String> = enterprise.sectors.iter().collect();
        for sector in sectors {
            let least = limits.window_min_of.get(sector).copied().unwrap_or(limits.window_min).max(1);
            let mut parts = Vec::new();
            for equipment in &enterprise.equipment {
                if equipment.sector.as_ref().is_some_and(|only| only != sector) {
                    continue;
                }
                let required = equipment.points.iter().filter(|point| point.required);
                let timed =
                    required.filter_map(|point| Some((point, point.period_s.filter(|period_s| *period_s > 0)?)));
                let numbered = timed.filter_map(|(point, period_s)| {
                    let extra = window(least, period_s);
                    Some(Member { point: view.find(&enterprise.id, &point.id)?.0, extra, period_s })
                });
                let members: Vec<Member> = numbered.collect();
                if !members.is_empty() {
                    parts.push(Part { equipment: equipment.id.clone(), members });
                }
            }
            let unit = Unit { enterprise: enterprise.id.clone(), sector: sector.clone() };
            let (town, in_scope) = (enterprise.town.clone(), is_in_scope(enterprise));
            self.units.push((unit, Term { from, there: true, in_scope, town, parts: Shared::new(parts) }));
        }
        self.ask_the_points(begin);
    }

    /// A point's own window is the shortest that is asked of it; where more is allowed, the rest stays with the unit. Until
    /// here `extra` has held all of it.
    fn ask_the_points(&mut self, begin: usize) {
        let new = self.units.get_mut(begin..).unwrap_or_default();
        for member in new.iter().flat_map(|(_, term)| term.parts.iter()).flat_map(|part| &part.members) {
            let slow = member.period_s >= SLOW_FROM_S;
            let asked = self.points.entry(member.point).or_insert(Asked { window: member.extra, slow });
            asked.window = asked.window.min(member.extra);
        }
        for member in new.iter_mut().flat_map(|(_, term)| term.parts.to_mut()).flat_map(|part| &mut part.members) {
            let own = self.points.get(&member.point).map_or(0, |asked| asked.window);
            member.extra = member.extra.saturating_sub(own);
        }
    }
}

/// What the sector allows, and at least three periods. Minutes.
fn window(least: u16, period_s: u32) -> u16 {
    let three = period_s.saturating_mul(3).div_ceil(60);
    least.max(u16::try_from(three).unwrap_or(u16::MAX))
}

fn is_in_scope(enterprise: &Enterprise) -> bool {
    match enterprise.status {
        Status::Producing => true,
        Status::Stopped | Status::OrderedToStop => enterprise.stock,
        Status::Disused | Status::Closed | Status::Banned => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(from: Mark, town: &str) -> Term {
        Term { from, there: true, in_scope: true, town: town.to_owned(), parts: Shared::default() }
    }

    fn course() -> Course {
        Course::new(Unit { enterprise: "e".to_owned(), sector: "s".to_owned() })
    }

    #[test]
    fn only_what_changes_begins_a_term() {
        let mut course = course();
        course.end(5);
        for (from, town) in [(10, "a"), (20, "a"), (30, "b"), (40, "c"), (40, "b"), (50, "d"), (50, "e")] {
            course.begin(term(from, town));
        }
        course.end(60);
        course.end(70);
        let told = |span| {
            let each = course.within(span).map(|(part, term)| (part, term.town.as_str(), term.there));
            each.collect::<Vec<_>>()
        };
        assert_eq!(told((0, 35)), [((10, 30), "a", true), ((30, 35), "b", true)]);
        assert_eq!(told((45, 90)), [((45, 50), "b", true), ((50, 60), "e", true), ((60, 90), "e", false)]);
        assert!(course.is_there((0, 11)) && !course.is_there((0, 10)) && !course.is_there((60, 90)));
        course.prune(30);
        assert_eq!(course.terms.first().map(|term| term.from), Some(30));
        course.prune(1_000);
        assert_eq!(course.terms.len(), 1);
    }

    #[test]
    fn the_last_signature_stands() {
        let mut course = course();
        course.signed = vec![(Micros(10), true), (Micros(20), false), (Micros(30), true)];
        let stands = [10, 11, 20, 21, 30, 31].map(|at| course.is_connected(Micros(at)));
        assert_eq!(stands, [false, true, true, false, false, true]);
    }
}
