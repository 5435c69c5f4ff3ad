//! Means, standard deviations and short medians of a window, from sums of each cell that are put together whenever
//! somebody asks: nothing is ever taken off a sum, so that none drifts. The median is that of the means of the cells. Pure.

use super::window::{Cell, Window, is_spanned};
use serde::{Deserialize, Serialize};

/// Sum and number of the readings of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    sum: f64,
    count: u32,
}

impl Cell for Sum {
    fn of(value: f64) -> Sum {
        Sum { sum: value, count: 1 }
    }

    fn add(&mut self, value: f64) {
        // So many huge values have no sum: it stays without end, and the answer is missing.
        self.sum = if self.sum.is_finite() { self.sum + value } else { self.sum };
        self.count = self.count.saturating_add(1);
    }

    fn is_whole(&self) -> bool {
        self.count > 0 && !self.sum.is_nan()
    }
}

/// How the readings of a cell, or of several, lie around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    mean: f64,
    /// The sum of squared distances from it.
    squares: f64,
    count: u32,
}

impl Cell for Spread {
    fn of(value: f64) -> Spread {
        Spread { mean: value, squares: 0.0, count: 1 }
    }

    fn add(&mut self, value: f64) {
        self.join(&Spread::of(value));
    }

    fn is_whole(&self) -> bool {
        self.count > 0 && self.mean.is_finite() && self.squares >= 0.0
    }
}

impl Spread {
    fn join(&mut self, other: &Spread) {
        let (a, b) = (f64::from(self.count), f64::from(other.count));
        let apart = other.mean - self.mean;
        let mean = self.mean + apart * (b / (a + b));
        let squares = self.squares + other.squares + apart * apart * (a * b / (a + b));
        self.count = self.count.saturating_add(other.count);
        // Values too far apart have no spread: it is without end from here on, and the answer is missing.
        if mean.is_finite() && squares.is_finite() {
            (self.mean, self.squares) = (mean, squares);
        } else {
            self.squares = f64::INFINITY;
        }
    }
}

/// NaN until the readings span half the window; or where so many huge values met that there is no such number.
pub(crate) fn mean(window: &Window<Sum>, newest: i64, now: i64, window_us: i64) -> f64 {
    let (mut sum, mut count, mut oldest) = (0.0, 0_u64, None);
    for (first, cell) in window.after(now.saturating_sub(window_us)) {
        oldest = oldest.or(Some(*first));
        sum += cell.sum;
        count = count.saturating_add(u64::from(cell.count));
    }
    // So many readings do not fit into a window.
    let mean = sum / count as f64;
    let is_known = oldest.is_some_and(|oldest| is_spanned(oldest, newest, window_us)) && mean.is_finite();
    if is_known { mean } else { f64::NAN }
}

/// The same of the median.
pub(crate) fn median(window: &Window<Sum>, newest: i64, now: i64, window_us: i64) -> f64 {
    let cells: Vec<&(i64, Sum)> = window.after(now.saturating_sub(window_us)).collect();
    let is_known = cells.first().is_some_and(|(first, _)| is_spanned(*first, newest, window_us));
    let mut means: Vec<f64> = cells.iter().map(|(_, cell)| cell.sum / f64::from(cell.count)).collect();
    means.sort_by(f64::total_cmp);
    let middle = means.len() / 2;
    let median = match (means.get(middle), middle.checked_sub(1).and_then(|below| means.get(below))) {
        (Some(above), Some(below)) if means.len().is_multiple_of(2) => below + (above - below) / 2.0,
        (Some(median), _) => *median,
        (None, _) => f64::NAN,
    };
    if is_known && median.is_finite() { median } else { f64::NAN }
}

/// The same of the standard deviation (of a sample: divided by one less than there are readings).
pub(crate) fn deviation(window: &Window<Spread>, newest: i64, now: i64, window_us: i64) -> f64 {
    let mut cells = window.after(now.saturating_sub(window_us));
    let Some((oldest, first)) = cells.next() else { return f64::NAN };
    let mut all = *first;
    cells.for_each(|(_, cell)| all.join(cell));
    let deviation = (all.squares / f64::from(all.count.saturating_sub(1))).sqrt();
    let is_known = all.count > 1 && is_spanned(*oldest, newest, window_us) && deviation.is_finite();
    if is_known { deviation } else { f64::NAN }
}
