//! One day of one unit, judged: of every minute what it was, of every point what it did. Takes as long as there are spans
//! of its points on that day. Must not know when, or what becomes of it. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::alarm::Object;
use crate::coverage::spans::{Mark, Span, common, gaps, mark_from, marks_of};
use crate::coverage::tally::{Counts, Tally};
use crate::coverage::terms::{Course, Member, Term};
use crate::coverage::{Minutes, PointDay, Samples, Unit};
use crate::day::Day;
use crate::filings::Filing;
use bytes::Bytes;
use rules::view::PointKey;
use std::collections::BTreeMap;

/// What a day is judged by.
pub struct Bench<'a> {
    pub tally: &'a Tally,
    /// By point number.
    pub names: &'a [PointKey],
    /// Those of the unit's enterprise.
    pub filings: Vec<&'a Filing>,
    /// When Davy could not hear, in order.
    pub outages: Vec<Span>,
    /// So many minutes may be excused on this day before the month has had its share.
    pub excusable: u32,
    /// Marks from here on have not come yet.
    pub until: Mark,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    pub town: String,
    /// At the end of the day, or as it stands so far.
    pub in_scope: bool,
    /// The last mark judged.
    pub last: Mark,
    pub simulated: bool,
    pub minutes: Minutes,
    pub samples: Samples,
    pub reported: Bytes,
    pub excused: Bytes,
    pub system: Bytes,
    pub points: Vec<PointDay>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Outside,
    Reported,
    Lost,
    Excused,
    System,
}

/// A member within a part of the day, and when it was missing there.
struct Seat {
    member: Member,
    within: Span,
    missing: Vec<Span>,
}

/// How many of something there are in each minute of the day: steps up and down, then their sums.
struct Steps {
    first: Mark,
    steps: Vec<i64>,
}

/// Everything of a day, minute by minute.
struct Sheet {
    within: Span,
    in_scope: Steps,
    /// Required points that do not report.
    missing: Steps,
    /// Of these the ones that no filing speaks for.
    unfiled: Steps,
    /// Nothing is required.
    idle: Steps,
    seats: Vec<Seat>,
}

/// The day as it is known now. `None` if the registry did not name the unit on that day.
pub fn judge(course: &Course, day: Day, bench: &Bench<'_>) -> Option<Judged> {
    let whole = marks_of(day);
    let within = common(whole, (0, bench.until))?;
    let (_, last_there) = course.within(within).filter(|(_, term)| term.there).last()?;
    let (_, last_term) = course.within(within).last()?;
    let sheet = Sheet::of(course, (whole, within), bench);
    let kinds = sheet.kinds(bench);
    let mut judged = Judged {
        town: last_there.town.clone(),
        in_scope: last_term.in_scope && last_term.there,
        last: within.1.saturating_sub(1),
        ..Judged::default()
    };
    for kind in &kinds {
        let Minutes { reported, lost, excused, system, outside } = &mut judged.minutes;
        let minutes = match kind {
            Kind::Outside => outside,
            Kind::Reported => reported,
            Kind::Lost => lost,
            Kind::Excused => excused,
            Kind::System => system,
        };
        *minutes = minutes.saturating_add(1);
    }
    judged.reported = bitmap(&kinds, Kind::Reported);
    judged.excused = bitmap(&kinds, Kind::Excused);
    judged.system = bitmap(&kinds, Kind::System);
    sheet.count(&kinds, (day, bench), &mut judged);
    Some(judged)
}

impl Sheet {
    fn of(course: &Course, (whole, within): (Span, Span), bench: &Bench<'_>) -> Sheet {
        let steps = || Steps::new(whole);
        let (in_scope, missing, unfiled, idle) = (steps(), steps(), steps(), steps());
        let mut sheet = Sheet { within: whole, in_scope, missing, unfiled, idle, seats: Vec::new() };
        for (span, term) in course.within(within).filter(|(_, term)| term.there && term.in_scope) {
            sheet.in_scope.add(span);
            if term.parts.is_empty() {
                sheet.idle.add(span);
            }
            sheet.seat(&course.unit, (span, term), bench);
        }
        for steps in [&mut sheet.in_scope, &mut sheet.missing, &mut sheet.unfiled, &mut sheet.idle] {
            steps.sum();
        }
        sheet
    }

    /// Looks for the gaps of all points that a term requires.
    fn seat(&mut self, unit: &Unit, (span, term): (Span, &Term), bench: &Bench<'_>) {
        for part in term.parts.iter() {
            for member in &part.members {
                let extra = Mark::from(member.extra);
                let spans = bench.tally.spans(member.point, span.0.saturating_sub(extra));
                let spans = spans.map(|(from, until)| (from, until.saturating_add(extra)));
                let mut missing = Vec::new();
                gaps(span, spans, |gap| missing.push(gap));
                if !missing.is_empty() {
                    let filed = filed(unit, &part.equipment, (member.point, bench));
                    for gap in &missing {
                        self.missing.add(*gap);
                        gaps(*gap, filed.iter().copied(), |unfiled| self.unfiled.add(unfiled));
                    }
                }
                self.seats.push(Seat { member: *member, within: span, missing });
            }
        }
    }

    fn kinds(&self, bench: &Bench<'_>) -> Vec<Kind> {
        let mut outages = Steps::new(self.within);
        bench.outages.iter().filter_map(|span| common(*span, self.within)).for_each(|span| outages.add(span));
        outages.sum();
        let mut excusable = bench.excusable;
        let mut kinds = Vec::with_capacity(outages.steps.len());
        for mark in self.within.0..self.within.1 {
            let kind = if self.in_scope.at(mark) == 0 {
                Kind::Outside
            } else if self.idle.at(mark) > 0 {
                Kind::Lost
            } else if self.missing.at(mark) == 0 {
                Kind::Reported
            } else if outages.at(mark) > 0 {
                Kind::System
            } else if self.unfiled.at(mark) == 0 && excusable > 0 {
                excusable = excusable.saturating_sub(1);
                Kind::Excused
            } else {
                Kind::Lost
            };
            kinds.push(kind);
        }
        kinds
    }

    /// What the points did, and their readings.
    fn count(&self, kinds: &[Kind], (day, bench): (Day, &Bench<'_>), judged: &mut Judged) {
        let lost = Steps::running(self.within, kinds, |kind| kind == Kind::Lost);
        let counted = Steps::running(self.within, kinds, |kind| kind == Kind::Lost || kind == Kind::Reported);
        let mut points: BTreeMap<u32, PointDay> = BTreeMap::new();
        // Minutes that count, by point and period: an activation may change it within the day.
        let mut due: BTreeMap<(u32, u32), i64> = BTreeMap::new();
        for Seat { member, within, missing } in &self.seats {
            let point = points.entry(member.point).or_insert_with(|| {
                let name = bench.names.get(member.point as usize).map(|key| key.point.clone()).unwrap_or_default();
                let Counts { good, received, timely, .. } = bench.tally.counts(member.point, day);
                PointDay { point: name, required: 0, reported: 0, lost: 0, good, received, timely, expected: 0 }
            });
            let length = |span: &Span| span.1.saturating_sub(span.0);
            let gone: u32 = missing.iter().map(length).fold(0, u32::saturating_add);
            let lost: i64 = missing.iter().map(|gap| lost.between(*gap)).fold(0, i64::saturating_add);
            point.required = point.required.saturating_add(minutes(length(within)));
            point.reported = point.reported.saturating_add(minutes(length(within).saturating_sub(gone)));
            point.lost = point.lost.saturating_add(u16::try_from(lost).unwrap_or(u16::MAX));
            let minutes = due.entry((member.point, member.period_s)).or_default();
            *minutes = minutes.saturating_add(counted.between(*within));
        }
        for ((point, period_s), minutes) in due {
            let seconds = u64::try_from(minutes).unwrap_or(0).saturating_mul(60);
            let expected = u32::try_from(seconds.checked_div(period_s.into()).unwrap_or(0)).unwrap_or(u32::MAX);
            if let Some(point) = points.get_mut(&point) {
                point.expected = point.expected.saturating_add(expected);
            }
        }
        judged.simulated = points.keys().any(|point| bench.tally.counts(*point, day).simulated);
        judged.points = points.into_values().collect();
        judged.points.sort_by(|a, b| a.point.cmp(&b.point));
        for point in &judged.points {
            judged.samples.add(point);
        }
    }
}

impl Samples {
    /// One more point of the same day.
    pub fn add(&mut self, point: &PointDay) {
        self.good = self.good.saturating_add(point.good.into());
        self.received = self.received.saturating_add(point.received.into());
        self.timely = self.timely.saturating_add(point.timely.into());
        self.expected = self.expected.saturating_add(point.expected.into());
        self.counted = self.counted.saturating_add(point.good.min(point.expected).into());
    }
}

impl Steps {
    fn new(within: Span) -> Steps {
        let len = within.1.saturating_sub(within.0).saturating_add(1) as usize;
        Steps { first: within.0, steps: vec![0; len] }
    }

    /// At each mark, how many minutes before it were `counted`.
    fn running(within: Span, kinds: &[Kind], counted: impl Fn(Kind) -> bool) -> Steps {
        let mut steps = Steps::new(within);
        for (step, kind) in steps.steps.iter_mut().skip(1).zip(kinds) {
            *step = i64::from(counted(*kind));
        }
        steps.sum();
        steps
    }

    fn add(&mut self, span: Span) {
        for (mark, by) in [(span.0, 1_i64), (span.1, -1)] {
            if let Some(step) = self.steps.get_mut(mark.saturating_sub(self.first) as usize) {
                *step = step.saturating_add(by);
            }
        }
    }

    fn sum(&mut self) {
        let mut sum = 0_i64;
        for step in &mut self.steps {
            sum = sum.saturating_add(*step);
            *step = sum;
        }
    }

    fn at(&self, mark: Mark) -> i64 {
        self.steps.get(mark.saturating_sub(self.first) as usize).copied().unwrap_or(0)
    }

    /// Of running counts: what lies within a span.
    fn between(&self, span: Span) -> i64 {
        self.at(span.1).saturating_sub(self.at(span.0))
    }
}

/// When filed work speaks for a point, in order.
fn filed(unit: &Unit, equipment: &str, (point, bench): (u32, &Bench<'_>)) -> Vec<Span> {
    if bench.filings.is_empty() {
        return Vec::new();
    }
    let object = Object {
        enterprise: Some(unit.enterprise.clone()),
        equipment: Some(equipment.to_owned()),
        point: bench.names.get(point as usize).map(|key| key.point.clone()),
    };
    let speaking = bench.filings.iter().filter(|filing| filing.planned.covers(&object));
    let lasting = speaking.map(|filing| (mark_from(filing.planned.from), mark_from(filing.end())));
    // One that was taken back before it began speaks for nobody.
    let mut spans: Vec<Span> = lasting.filter(|span| span.0 < span.1).collect();
    spans.sort_unstable();
    spans
}

fn minutes(marks: u32) -> u16 {
    u16::try_from(marks).unwrap_or(u16::MAX)
}

/// One bit a minute, the first in the lowest bit of the first byte.
fn bitmap(kinds: &[Kind], wanted: Kind) -> Bytes {
    let byte =
        |eight: &[Kind]| eight.iter().rev().fold(0_u8, |bits, kind| bits.wrapping_shl(1) | u8::from(*kind == wanted));
    kinds.chunks(8).map(byte).collect()
}
