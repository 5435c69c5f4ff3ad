//! The least and the greatest reading of a window, each as a queue of those that may yet become it: what is beaten by a
//! later reading never can. Readings less than 1/63 of the window after a better one are passed over, so that a queue has
//! 64 places at most: it is long only while a value rises or falls all the time. What is told is the extreme of a window
//! that is shorter by less than that, and never longer. Pure.

use super::window::{is_spanned, part_us};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extremes {
    /// Oldest first, each beaten by those before it.
    least: VecDeque<(i64, f64)>,
    most: VecDeque<(i64, f64)>,
    seen: Seen,
}

/// So many readings of a queue begin within a window, and one more.
const PLACES: i64 = 63;

/// As many as there are bits, but one.
const PARTS: i64 = 127;

/// Where readings lie, in 1/127 of the window: the oldest reading is long gone from the queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// The newest part, and one bit for it and each of those before it.
    part: i64,
    bits: u128,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Least,
    Most,
}

impl Extremes {
    pub fn take(&mut self, at: i64, value: f64, window_us: i64) {
        push(&mut self.least, (at, value), window_us, |kept, new| new <= kept);
        push(&mut self.most, (at, value), window_us, |kept, new| new >= kept);
        self.seen.take(at, window_us);
    }

    /// NaN until the readings span half the window, by the parts they lie in.
    pub fn look(&self, which: Which, newest: i64, now: i64, window_us: i64) -> f64 {
        let until = now.saturating_sub(window_us);
        let oldest = self.seen.oldest_after(until, window_us);
        if !oldest.is_some_and(|oldest| is_spanned(oldest, newest, window_us)) {
            return f64::NAN;
        }
        let queue = if which == Which::Least { &self.least } else { &self.most };
        let at = queue.partition_point(|(at, _)| *at <= until);
        queue.get(at).map_or(f64::NAN, |(_, value)| *value)
    }

    pub fn is_whole(&self, newest: i64, window_us: i64) -> bool {
        let is_sound = |queue: &VecDeque<(i64, f64)>, beats: fn(f64, f64) -> bool| {
            let mut pairs = queue.iter().zip(queue.iter().skip(1));
            pairs.all(|(a, b)| beats(a.1, b.1) && b.0.saturating_sub(a.0) >= part_us(window_us, PLACES))
                && queue.front().is_none_or(|(at, _)| newest.saturating_sub(*at) < window_us)
                && queue.back().is_none_or(|(at, _)| *at <= newest)
                && queue.iter().all(|(_, value)| value.is_finite())
        };
        is_sound(&self.least, |a, b| a < b) && is_sound(&self.most, |a, b| a > b)
    }

    #[cfg(test)]
    pub fn heap(&self) -> usize {
        (self.least.capacity() + self.most.capacity()) * size_of::<(i64, f64)>()
    }
}

fn push(queue: &mut VecDeque<(i64, f64)>, (at, value): (i64, f64), window_us: i64, beats: impl Fn(f64, f64) -> bool) {
    let until = at.saturating_sub(window_us);
    while queue.front().is_some_and(|(at, _)| *at <= until) {
        queue.pop_front();
    }
    while queue.back().is_some_and(|(_, kept)| beats(*kept, value)) {
        queue.pop_back();
    }
    if queue.back().is_none_or(|(last, _)| at.saturating_sub(*last) >= part_us(window_us, PLACES)) {
        queue.push_back((at, value));
    }
}

impl Seen {
    fn take(&mut self, at: i64, window_us: i64) {
        let part = at.div_euclid(part_us(window_us, PARTS));
        let past = u32::try_from(part.saturating_sub(self.part)).ok().filter(|_| self.bits != 0);
        self.bits = past.and_then(|past| self.bits.checked_shl(past)).unwrap_or(0) | 1;
        self.part = part;
    }

    /// The beginning of the oldest part that begins after this time and has readings in it.
    fn oldest_after(&self, until: i64, window_us: i64) -> Option<i64> {
        let part_us = part_us(window_us, PARTS);
        let first = until.div_euclid(part_us).saturating_add(1);
        let back = u32::try_from(self.part.saturating_sub(first)).ok()?.min(127);
        let bits = self.bits & (u128::MAX >> 127_u32.saturating_sub(back));
        let oldest = 127_u32.checked_sub(bits.leading_zeros())?;
        Some(self.part.saturating_sub(i64::from(oldest)).saturating_mul(part_us))
    }
}
