//! The baseline of one point. A day takes no part in it before the next one's first slot is complete: by then every rule
//! has judged it, and what an alarm stood on is known. Must not know rules. Pure.

use super::curve::{Curve, SLOT_US, SLOTS, SLOTS_MIN, slot_of};
use super::days::{DAYS_MIN, Days};
use super::numbers::{correlation, mad, median};
use crate::day::Day;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};

/// So many days of a type make what is usual in a slot.
const DEPTH: usize = 10;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The slot that is not complete yet.
    open: Option<Open>,
    /// Days that are not in `history` yet, oldest first: the one that goes on, and the one that has just ended.
    curves: Vec<Curve>,
    /// Of working days and of the others, by slot: the last means, newest last, NaN where there are fewer. Empty before
    /// the first day of the type.
    history: [Vec<f32>; 2],
    days: Days,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    start: Micros,
    sum: f64,
    count: u32,
}

impl Baseline {
    pub fn take(&mut self, event: Micros, value: f64, is_workday: &dyn Fn(Day) -> bool) {
        let day = Day::of(event);
        let into = i64::try_from(slot_of(event)).unwrap_or(0).saturating_mul(SLOT_US);
        let start = day.start().plus(into);
        match &mut self.open {
            Some(open) if start < open.start => return,
            Some(open) if start == open.start => {
                open.sum += value;
                open.count = open.count.saturating_add(1);
                return;
            }
            Some(_) | None => {}
        }
        if let Some(open) = self.open.replace(Open { start, sum: value, count: 1 }) {
            self.close(open);
            if Day::of(open.start) < day {
                self.end_day();
            }
        }
        if self.curves.last().is_none_or(|last| last.day < day) {
            self.curves.push(Curve::new(day, is_workday(day)));
        }
    }

    /// A slot is complete, and with it what had ended before its day.
    fn close(&mut self, open: Open) {
        let day = Day::of(open.start);
        while let Some(first) = self.curves.first()
            && first.day < day
        {
            let ended = self.curves.remove(0);
            self.remember(&ended);
        }
        let mean = (open.sum / f64::from(open.count)) as f32;
        if mean.is_finite()
            && let Some(curve) = self.curves.last_mut()
        {
            curve.put(slot_of(open.start), mean);
        }
    }

    fn end_day(&mut self) {
        let Some(curve) = self.curves.last_mut() else { return };
        let Some(mean) = curve.mean() else { return };
        if self.days.is_standstill(curve.day, mean) {
            curve.freeze_all();
        }
        self.days.push(curve.day, mean, curve.is_workday, curve.counts());
    }

    fn remember(&mut self, curve: &Curve) {
        let Some(history) = self.history.get_mut(usize::from(!curve.is_workday)) else { return };
        if history.is_empty() {
            history.resize(SLOTS.saturating_mul(DEPTH), f32::NAN);
        }
        for (slot, (means, mean)) in history.chunks_exact_mut(DEPTH).zip(&curve.means).enumerate() {
            if !mean.is_nan() && !curve.is_frozen(slot) {
                means.rotate_left(1);
                if let Some(newest) = means.last_mut() {
                    *newest = *mean;
                }
            }
        }
    }

    pub fn freeze(&mut self, about: Micros, whole: bool) {
        let day = Day::of(about);
        let Some(curve) = self.curves.iter_mut().find(|curve| curve.day == day) else { return };
        if whole {
            curve.freeze_all();
        } else {
            curve.freeze(slot_of(about));
        }
        if !curve.counts() {
            self.days.exclude(day);
        }
    }

    pub fn days(&self) -> &Days {
        &self.days
    }

    /// The means that make what is usual in a slot of such a day; `None` of too few.
    fn means(&self, is_workday: bool, slot: usize) -> Option<Vec<f64>> {
        let history = self.history.get(usize::from(!is_workday))?;
        let means = history.chunks_exact(DEPTH).nth(slot)?;
        let means: Vec<f64> = means.iter().filter(|mean| !mean.is_nan()).map(|mean| f64::from(*mean)).collect();
        (means.len() >= DAYS_MIN).then_some(means)
    }

    fn curve(&self, day: Day) -> Option<&Curve> {
        self.curves.iter().find(|curve| curve.day == day)
    }

    fn means_at(&self, about: Micros) -> Option<Vec<f64>> {
        self.means(self.curve(Day::of(about))?.is_workday, slot_of(about))
    }

    pub fn usual(&self, about: Micros) -> Option<f64> {
        median(&mut self.means_at(about)?)
    }

    pub fn usual_mad(&self, about: Micros) -> Option<f64> {
        mad(&mut self.means_at(about)?)
    }

    /// The medians of a day of that type, by slot.
    fn usual_curve(&self, is_workday: bool) -> impl Iterator<Item = Option<f64>> + '_ {
        (0..SLOTS).map(move |slot| median(&mut self.means(is_workday, slot)?))
    }

    pub fn usual_max(&self, day: Day) -> Option<f64> {
        let known: Vec<f64> = self.usual_curve(self.curve(day)?.is_workday).flatten().collect();
        if known.len() < SLOTS_MIN { None } else { known.into_iter().max_by(f64::total_cmp) }
    }

    pub fn curve_corr(&self, day: Day) -> Option<f64> {
        let curve = self.curve(day)?;
        let means = curve.means.iter().map(|mean| (!mean.is_nan()).then(|| f64::from(*mean)));
        let both = means.zip(self.usual_curve(curve.is_workday)).filter_map(|(now, usual)| now.zip(usual));
        let pairs: Vec<(f64, f64)> = both.collect();
        if pairs.len() < SLOTS_MIN { None } else { correlation(&pairs) }
    }

    pub fn is_whole(&self) -> bool {
        let lengths = [0, SLOTS.saturating_mul(DEPTH)];
        self.open.is_none_or(|open| open.count > 0 && !open.sum.is_nan())
            && self.open.is_some() == self.curves.last().is_some()
            && self.curves.len() <= 2
            && self.curves.is_sorted_by(|a, b| a.day < b.day)
            && self.curves.iter().all(Curve::is_whole)
            && self.history.iter().all(|history| lengths.contains(&history.len()))
            && self.days.is_whole()
    }
}
