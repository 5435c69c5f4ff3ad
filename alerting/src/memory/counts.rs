//! How many readings, or how many events, a window has. An event is a switch that goes on; of a point without a period,
//! which speaks only of events, each reading that is on. Pure.

use super::window::{Cell, Window};
use serde::{Deserialize, Serialize};

/// Readings of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally(u32);

impl Cell for Tally {
    fn of(_: f64) -> Tally {
        Tally(1)
    }

    fn add(&mut self, _: f64) {
        self.0 = self.0.saturating_add(1);
    }

    fn is_whole(&self) -> bool {
        self.0 > 0
    }
}

/// Never missing: nothing that came is none.
pub(crate) fn count(window: &Window<Tally>, now: i64, window_us: i64) -> f64 {
    let cells = window.after(now.saturating_sub(window_us));
    // Whole numbers of that size are exact.
    cells.map(|(_, Tally(count))| u64::from(*count)).fold(0, u64::saturating_add) as f64
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Events {
    /// Only where it goes on counts, not each reading that is on.
    pub edges: bool,
    pub window: Window<Tally>,
    was_on: Option<bool>,
}

impl Events {
    pub fn of(edges: bool) -> Events {
        Events { edges, ..Events::default() }
    }

    pub fn take(&mut self, at: i64, value: f64, window_us: i64) {
        let is_on = value >= 0.5;
        // A switch that was on when it was first heard of has not been seen to go on.
        let counts = if self.edges { is_on && self.was_on == Some(false) } else { is_on };
        if counts {
            self.window.take(at, value, window_us);
        } else {
            self.window.forget(at.saturating_sub(window_us));
        }
        self.was_on = Some(is_on);
    }
}
