//! What conditions see beside the reading itself, as it stands at that moment: values held by other points, the past
//! of points, filings and the calendar. Must not know rules or alarms. Pure.

use crate::filings::Filings;
use crate::memory::Memory;
use crate::points::Points;
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
    pub filings: &'a Filings,
    pub view: Option<&'a View>,
}

impl Surroundings<'_> {
    /// A function over the past of `points` (each with its limit where it is compared with one), at the time of the
    /// reading that asks; NaN where there is not enough of it.
    pub(crate) fn past(&self, past: &Past, points: (&[PointId], &[f64]), event: Micros) -> f64 {
        self.memory.look(past, points, event)
    }

    /// What lies around an object; NaN where there is nothing.
    pub(crate) fn around(
        &self,
        around: &Around,
        points: &[(PointId, f64)],
        (_object, event): (&ObjectKey, Micros),
    ) -> f64 {
        match around {
            Around::TagAge(_) => {
                let last = points.first().and_then(|(point, _)| self.points.last(*point));
                // Whole microseconds of a few days are exact.
                last.map_or(f64::NAN, |last| event.since(last.event).max(0) as f64 / 1e6)
            }
            Around::Site(_) => match points {
                [(point, _)] => self.points.held(*point),
                _ => f64::NAN,
            },
            _ => f64::NAN,
        }
    }
}
