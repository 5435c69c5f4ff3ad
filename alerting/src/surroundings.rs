//! What conditions see beside the reading itself, as it stands at that moment: values held by other points, the past
//! of points, filings and the calendar. Must not know rules or alarms. Pure.

use crate::day::{Day, MINUTE_US};
use crate::filings::{Filing, Filings};
use crate::in_force::object_of;
use crate::lens::Sample;
use crate::memory::Memory;
use crate::points::Points;
use crate::usual::Usual;
use rules::around::Around;
use rules::bind::ObjectKey;
use rules::past::Past;
use rules::reading::{Micros, PointId, SECOND_US};
use rules::site::{Calendar, Site};
use rules::view::View;

/// Everything that a row may be made of.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub points: &'a Points,
    pub memory: &'a Memory,
    pub usual: &'a Usual,
    pub filings: &'a Filings,
    pub view: Option<&'a View>,
}

impl Surroundings<'_> {
    /// A function over the past of `points` (each with its limit where it is compared with one), at the time of the
    /// reading that asks; NaN where there is not enough of it.
    pub(crate) fn past(&self, past: &Past, points: (&[PointId], &[f64]), (sample, rule): (Sample, &str)) -> f64 {
        if past.what.is_usual() {
            return self.usual.look(past, points.0, (sample.about, rule));
        }
        self.memory.look(past, points, sample.event)
    }

    /// What lies around an object; NaN where there is nothing.
    pub(crate) fn around(
        &self,
        around: &Around,
        points: &[(PointId, f64)],
        (object, sample): (&ObjectKey, Sample),
    ) -> f64 {
        match around {
            Around::TagAge(_) => {
                let last = points.first().and_then(|(point, _)| self.points.last(*point));
                // Whole microseconds of a few days are exact.
                last.map_or(f64::NAN, |last| sample.event.since(last.event).max(0) as f64 / 1e6)
            }
            Around::Site(_) => match points {
                [(point, _)] => self.points.held(*point),
                _ => f64::NAN,
            },
            Around::InHours(from, to) => said(contains((*from, *to), sample.about)),
            Around::Workday => {
                self.view.map_or(f64::NAN, |view| said(view.registry().calendar.is_workday(Day::of(sample.about).0)))
            }
            Around::InShift => self.at_work(object, sample, |site, calendar, (day, minute)| {
                Some(said(site.is_in_shift(calendar, day, minute)))
            }),
            Around::SinceShiftEnd => {
                let into_minute_us = sample.event.since(Day::of(sample.event).start()).rem_euclid(MINUTE_US);
                let into_minute_s = into_minute_us as f64 / SECOND_US as f64;
                self.at_work(object, sample, |site, calendar, (day, minute)| {
                    let minutes = site.since_shift_end(calendar, day, minute)?;
                    Some(minutes as f64 * 60.0 + into_minute_s)
                })
            }
            Around::Other(_) => points.first().map_or(f64::NAN, |(point, _)| self.points.held(*point)),
            // One of them that says nothing makes the sum NaN.
            Around::SiteLoad(_) if points.is_empty() => f64::NAN,
            Around::SiteLoad(_) => points.iter().map(|(point, rated)| self.points.held(*point) / rated).sum(),
            Around::LeeTargets(within_deg) => {
                let wind_deg = points.first().map_or(f64::NAN, |(point, _)| self.points.held(*point));
                let site = self.site(object).filter(|_| !wind_deg.is_nan());
                // So few are exact.
                site.map_or(f64::NAN, |site| site.lee_targets(wind_deg, *within_deg) as f64)
            }
            Around::OrderedKw => self.ordered_kw(object, sample),
            Around::Filed(kind) => said(self.is_filed(kind, object, sample)),
        }
    }

    fn site(&self, object: &ObjectKey) -> Option<&Site> {
        self.view?.enterprise(object.enterprise()?).map(|enterprise| &enterprise.site)
    }

    /// What its shifts say of an enterprise at the time of a reading: the local day and the minute of it.
    fn at_work(
        &self,
        object: &ObjectKey,
        sample: Sample,
        of: impl Fn(&Site, &Calendar, (i32, u16)) -> Option<f64>,
    ) -> f64 {
        let found = self.view.zip(self.site(object)).and_then(|(view, site)| {
            let day = Day::of(sample.event);
            let minute = u16::try_from(sample.event.since(day.start()) / MINUTE_US).ok()?;
            of(site, &view.registry().calendar, (day.0, minute))
        });
        found.unwrap_or(f64::NAN)
    }

    /// The least load that an order allows at any time of what is judged.
    fn ordered_kw(&self, object: &ObjectKey, sample: Sample) -> f64 {
        let orders = self.filed(object, sample).filter_map(|filing| filing.planned.kind.ordered_kw());
        orders.min().map_or(f64::MAX, f64::from)
    }

    /// Whether a filing of that kind was on at any time of what is judged.
    fn is_filed(&self, kind: &str, object: &ObjectKey, sample: Sample) -> bool {
        self.filed(object, sample).any(|filing| filing.planned.kind.name() == kind)
    }

    /// The filings that were on for an object at any time of what is judged.
    fn filed(&self, object: &ObjectKey, sample: Sample) -> impl Iterator<Item = &Filing> {
        let object = self.view.map(|view| object_of(object, view));
        self.filings.iter().filter(move |filing| {
            let is_on = filing.planned.from <= sample.event && sample.about < filing.end();
            is_on && object.as_ref().is_some_and(|object| filing.planned.covers(object))
        })
    }
}

fn said(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Hours of the local day, in minutes; they may go over midnight, and the end is not in them.
fn contains((from, to): (u16, u16), at: Micros) -> bool {
    let into = at.since(Day::of(at).start()) / MINUTE_US;
    let (from, to) = (i64::from(from), i64::from(to));
    if from <= to { (from..to).contains(&into) } else { into >= from || into < to }
}
