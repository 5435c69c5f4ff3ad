//! The oldest and the newest reading of a window: what rates and differences are made of. Both are readings that came;
//! of a point faster than the cells the oldest may be up to 1/255 of the window later than the true one. Pure.

use super::window::{Cell, Window, is_spanned};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ends {
    firsts: Window<First>,
    newest: f64,
}

/// The reading that began a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct First(f64);

impl Cell for First {
    fn of(value: f64) -> First {
        First(value)
    }

    fn add(&mut self, _: f64) {}

    fn is_whole(&self) -> bool {
        self.0.is_finite()
    }
}

impl Ends {
    pub fn take(&mut self, at: i64, value: f64, window_us: i64) {
        self.firsts.take(at, value, window_us);
        self.newest = value;
    }

    /// The difference, and the seconds it took; `None` until half the window is spanned.
    pub fn change(&self, newest: i64, now: i64, window_us: i64) -> Option<(f64, f64)> {
        let (first, oldest) = self.firsts.after(now.saturating_sub(window_us)).next()?;
        let seconds = newest.saturating_sub(*first) as f64 / 1e6;
        is_spanned(*first, newest, window_us).then_some((self.newest - oldest.0, seconds))
    }

    pub fn is_whole(&self, newest: i64, window_us: i64) -> bool {
        self.firsts.is_whole(newest, window_us) && self.newest.is_finite()
    }

    #[cfg(test)]
    pub fn heap(&self) -> usize {
        self.firsts.heap()
    }
}
