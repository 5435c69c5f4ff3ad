//! Readings of the last so many seconds, in at most 256 cells. A cell begins with the first reading that comes 1/255 of
//! the window or more after the one that began the last cell, and leaves the window with its first reading. So nothing
//! is lost of a point whose readings lie that far apart; of a faster one the window is never longer than asked, and
//! shorter by less than 1/255. Must not know what cells are for. Pure.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// So many cells begin within a window, and one more.
const CELLS: i64 = 255;

/// What is kept of the readings of one cell.
pub(crate) trait Cell {
    fn of(value: f64) -> Self;
    fn add(&mut self, value: f64);
    /// Whether it can be what readings left behind.
    fn is_whole(&self) -> bool;
}

/// Cells by the time of their first reading, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window<C> {
    cells: VecDeque<(i64, C)>,
}

impl<C> Default for Window<C> {
    fn default() -> Window<C> {
        Window { cells: VecDeque::new() }
    }
}

/// The least time between two cells.
pub(crate) fn cell_us(window_us: i64) -> i64 {
    part_us(window_us, CELLS)
}

/// One of so many parts of a window, rounded up.
pub(crate) fn part_us(window_us: i64, parts: i64) -> i64 {
    window_us.saturating_add(parts - 1).div_euclid(parts).max(1)
}

/// Whether a window of this length is at least half spanned.
pub(crate) fn is_spanned(from: i64, to: i64, window_us: i64) -> bool {
    to.saturating_sub(from).saturating_mul(2) >= window_us
}

impl<C: Cell> Window<C> {
    /// A reading, no older than those before it.
    pub fn take(&mut self, at: i64, value: f64, window_us: i64) {
        self.forget(at.saturating_sub(window_us));
        match self.cells.back_mut() {
            Some((first, cell)) if at.saturating_sub(*first) < cell_us(window_us) => cell.add(value),
            _ => self.cells.push_back((at, C::of(value))),
        }
    }

    /// Nothing up to this time is in the window any more.
    pub fn forget(&mut self, until: i64) {
        while self.cells.front().is_some_and(|(first, _)| *first <= until) {
            self.cells.pop_front();
        }
    }

    /// The cells that began after this time, oldest first.
    pub fn after(&self, until: i64) -> impl Iterator<Item = &(i64, C)> + '_ {
        self.cells.range(self.cells.partition_point(|(first, _)| *first <= until)..)
    }

    pub fn is_whole(&self, newest: i64, window_us: i64) -> bool {
        let apart = |(a, _): &(i64, C), (b, _): &(i64, C)| b.saturating_sub(*a) >= cell_us(window_us);
        self.cells.iter().zip(self.cells.iter().skip(1)).all(|(a, b)| apart(a, b))
            && self.cells.front().is_none_or(|(first, _)| newest.saturating_sub(*first) < window_us)
            && self.cells.back().is_none_or(|(first, _)| *first <= newest)
            && self.cells.iter().all(|(_, cell)| cell.is_whole())
    }

    /// Bytes beside the value itself.
    #[cfg(test)]
    pub fn heap(&self) -> usize {
        self.cells.capacity() * size_of::<(i64, C)>()
    }
}
