//! What is usual of a point's load (基线): the 15-minute slots of its days by day type, and the means of its days. Kept
//! only where a rule in force asks, bounded for each point, and frozen while an alarm of such a rule stands. Must not know
//! rules' conditions or alarms. Pure.

mod baseline;
mod curve;
mod days;
mod frozen;
mod nights;
mod numbers;

use crate::day::{DAY_US, Day};
use baseline::Baseline;
use nights::Nights;
use rules::bind::Binding;
use rules::past::{Past, What};
use rules::reading::{Micros, PointId};
use rules::rule::Rule;
use rules::set::RuleSet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    points: BTreeMap<u32, Baseline>,
    nights: Nights,
    /// Derived. By point: whether a rule in force asks.
    #[serde(skip)]
    watched: Vec<bool>,
    /// The newest half of a day of each point that rules were shown and have not judged yet.
    #[serde(skip)]
    unjudged: BTreeMap<u32, i64>,
}

/// Whether a rule asks what is usual: then its alarms keep what it judges from becoming so.
pub(crate) fn asks(rule: &Rule) -> bool {
    rule.pasts().iter().any(|past| past.what.is_usual())
}

/// From midnight and from noon.
fn half_day(at: Micros) -> i64 {
    at.since(Day(0).start()).div_euclid(DAY_US / 2)
}

impl Usual {
    /// New rules or points: what nobody asks for any more is forgotten, the rest is kept.
    pub fn watch(&mut self, binding: &Binding, rules: &RuleSet) {
        let asking: Vec<bool> = rules.rules().iter().map(asks).collect();
        self.watched.clear();
        for instance in &binding.instances {
            if !asking.get(instance.rule).copied().unwrap_or_default() {
                continue;
            }
            for point in &instance.trigger_points {
                if self.watched.len() <= point.index() {
                    self.watched.resize(point.index().saturating_add(1), false);
                }
                if let Some(watched) = self.watched.get_mut(point.index()) {
                    *watched = true;
                }
            }
        }
        let watched = &self.watched;
        let is_watched = |point: u32| watched.get(PointId(point).index()).copied().unwrap_or_default();
        self.points.retain(|point, _| is_watched(*point));
        self.nights.retain(&|point, rule| is_watched(point) && rules.rules().iter().any(|known| known.id == rule));
    }

    /// Whether a day or a night of the point is over of which rules have not said yet what they were shown: only then is
    /// it known what of it may become usual.
    pub fn must_wait(&self, point: PointId, event: Micros) -> bool {
        self.unjudged.get(&point.0).is_some_and(|half| *half < half_day(event))
    }

    /// Rules were shown a slot or a day that began then.
    pub fn show(&mut self, point: PointId, about: Micros) {
        let half = half_day(about);
        let newest = self.unjudged.entry(point.0).or_insert(half);
        *newest = half.max(*newest);
    }

    /// Rules have judged everything that they were shown.
    pub fn judged(&mut self) {
        self.unjudged.clear();
    }

    /// A good live reading of this time.
    pub fn take(&mut self, point: PointId, event: Micros, value: f64, is_workday: &dyn Fn(Day) -> bool) {
        if self.watched.get(point.index()).copied().unwrap_or_default() {
            self.points.entry(point.0).or_default().take(event, value, is_workday);
        }
    }

    /// An alarm stands on what was judged then: it does not become usual. `whole` = all of that day.
    pub fn freeze(&mut self, point: PointId, about: Micros, whole: bool) {
        if let Some(baseline) = self.points.get_mut(&point.0) {
            baseline.freeze(about, whole);
        }
    }

    /// An alarm of a rule that counts nights stands on what was judged then.
    pub fn note_night(&mut self, point: PointId, rule: &str, about: Micros) {
        self.nights.note(point.0, rule, about);
    }

    /// What is usual for the slot or the day that began then; NaN where too little is known.
    #[must_use]
    pub fn look(&self, past: &Past, points: &[PointId], (about, rule): (Micros, &str)) -> f64 {
        if past.what == What::Nights {
            return points.first().map_or(f64::NAN, |point| self.nights.before(point.0, rule, (about, past.window_s)));
        }
        let baseline = points.first().and_then(|point| self.points.get(&point.0));
        let Some(baseline) = baseline else { return f64::NAN };
        let day = Day::of(about);
        // Whole thousandths, as they are written.
        let part = f64::from(past.window_s) / 1_000.0;
        let found = match past.what {
            What::Usual => baseline.usual(about),
            What::UsualMad => baseline.usual_mad(about),
            What::UsualMax => baseline.usual_max(day),
            What::UsualDay => baseline.days().usual(day),
            What::DaysBelow => baseline.days().below(day, part, false),
            What::WorkdaysBelow => baseline.days().below(day, part, true),
            What::CurveCorr => baseline.curve_corr(day),
            _ => None,
        };
        found.unwrap_or(f64::NAN)
    }

    /// What a snapshot must hold.
    #[must_use]
    pub fn is_whole(&self, points: usize) -> bool {
        self.points.iter().all(|(point, baseline)| PointId(*point).index() < points && baseline.is_whole())
            && self.nights.is_whole(points)
    }
}

#[cfg(test)]
mod tests;
