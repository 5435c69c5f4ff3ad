//! What conditions see beside the reading itself, as it stands at that moment: values held by other points, the past
//! of points, filings and the calendar. Must not know rules or alarms. Pure.

use crate::day::{Day, MINUTE_US};
use crate::filings::Filings;
use crate::in_force::object_of;
use crate::lens::Sample;
use crate::memory::Memory;
use crate::points::Points;
use crate::usual::{Usual, is_weekday};
use rules::around::Around;
use rules::bind::ObjectKey;
use rules::past::Past;
use rules::reading::{Micros, PointId};
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
            Around::Workday => said(is_weekday(Day::of(sample.about))),
            Around::Filed(kind) => said(self.is_filed(kind, object, sample)),
            _ => f64::NAN,
        }
    }

    /// Whether a filing of that kind was on at any time of what is judged.
    fn is_filed(&self, kind: &str, object: &ObjectKey, sample: Sample) -> bool {
        let Some(view) = self.view else { return false };
        let object = object_of(object, view);
        self.filings.iter().any(|filing| {
            let is_on = filing.planned.from <= sample.event && sample.about < filing.end();
            is_on && filing.planned.kind.name() == kind && filing.planned.covers(&object)
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
