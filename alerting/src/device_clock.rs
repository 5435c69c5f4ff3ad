//! How far a gateway's clock, and the way from it, is off: the median over its last live messages; and whether that is
//! to be said aloud (SY-02). Must not know readings. Pure.

use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The median of so many messages is the offset (domain.md, SY-02).
const SAMPLES_MAX: usize = 20;
/// Further off than this is a wrong clock. Microseconds.
const SKEW_ON_US: i64 = 60 * SECOND_US;
/// Nearer than this it is right again. Microseconds.
const SKEW_OFF_US: i64 = 30 * SECOND_US;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClock {
    /// Receive time minus the newest device time of each message, oldest first.
    samples: VecDeque<i64>,
    offset_us: i64,
    /// Messages in a row whose times were followed as they came.
    followed: usize,
    /// When it was last live by its own clock; `None` before.
    live_at: Option<Micros>,
    /// SY-02 stands.
    is_skewed: bool,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    Same,
    Found,
    Gone,
}

impl DeviceClock {
    /// 0 before the first message.
    #[must_use]
    pub fn offset_us(&self) -> i64 {
        self.offset_us
    }

    /// A live message whose newest reading was so late.
    pub fn hear(&mut self, lag_us: i64) -> Skew {
        self.samples.push_back(lag_us);
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        let mut sorted: Vec<i64> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        self.offset_us = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        self.followed = self.followed.saturating_add(1);
        // A gateway that comes back with some minutes of buffer is late and catches up: its clock is not wrong. A wrong
        // clock is off by the same for all messages.
        let spread_us = sorted.last().zip(sorted.first()).map_or(0, |(most, least)| most.saturating_sub(*least));
        let is_steady = self.samples.len() == SAMPLES_MAX && spread_us <= SKEW_OFF_US;
        if !self.is_skewed && is_steady && self.offset_us.abs() > SKEW_ON_US {
            self.is_skewed = true;
            return Skew::Found;
        }
        if self.is_skewed && self.followed >= SAMPLES_MAX && self.offset_us.abs() < SKEW_OFF_US {
            self.is_skewed = false;
            return Skew::Gone;
        }
        Skew::Same
    }

    /// A reading was live by its device's own clock.
    pub fn live(&mut self, at: Micros) {
        self.live_at = self.live_at.max(Some(at));
    }

    /// A reading was live by a shifted clock only: its device goes on by a wrong one.
    pub fn distrust(&mut self) -> Skew {
        self.followed = 0;
        if std::mem::replace(&mut self.is_skewed, true) { Skew::Same } else { Skew::Found }
    }

    /// A point of this gateway was re-anchored, after nothing but history since `since`. That alone is no wrong clock: a
    /// point that only speaks of changes has only its history to tell after an outage. If the whole gateway has not been
    /// live meanwhile, it is.
    pub fn anchor(&mut self, since: Micros) -> Skew {
        if self.live_at.is_some_and(|live_at| live_at >= since) { Skew::Same } else { self.distrust() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(clock: &mut DeviceClock, lags_s: impl IntoIterator<Item = i64>) -> Vec<Skew> {
        let heard = lags_s.into_iter().map(|lag| clock.hear(lag * SECOND_US));
        heard.filter(|skew| *skew != Skew::Same).collect()
    }

    #[test]
    fn the_offset_is_the_median_of_the_last_twenty() {
        let mut clock = DeviceClock::default();
        assert_eq!(clock.offset_us(), 0);
        hear(&mut clock, [5; 20]);
        assert_eq!(clock.offset_us(), 5 * SECOND_US);
        hear(&mut clock, [500; 10]);
        hear(&mut clock, [7]);
        assert_eq!(clock.offset_us(), 500 * SECOND_US, "10 of 20 and the one in the middle");
        hear(&mut clock, [7; 19]);
        assert_eq!(clock.offset_us(), 7 * SECOND_US);
    }

    #[test]
    fn a_wrong_clock_is_found_after_twenty_messages_and_gone_after_twenty() {
        let mut clock = DeviceClock::default();
        assert_eq!(hear(&mut clock, [-61; 19]), []);
        assert_eq!(hear(&mut clock, [-61]), [Skew::Found]);
        assert_eq!(hear(&mut clock, [-61; 40]), []);
        assert_eq!(hear(&mut clock, [29; 30]), [Skew::Gone]);
    }

    #[test]
    fn a_burst_of_buffered_messages_is_no_wrong_clock() {
        let mut clock = DeviceClock::default();
        assert_eq!(hear(&mut clock, (0..24).map(|n| 240 - 10 * n)), []);
    }

    #[test]
    fn an_anchored_gateway_is_right_after_twenty_messages_that_could_be_followed() {
        let mut clock = DeviceClock::default();
        hear(&mut clock, [1; 20]);
        assert_eq!((clock.anchor(Micros(5)), clock.anchor(Micros(5))), (Skew::Found, Skew::Same));
        assert_eq!(hear(&mut clock, [1; 19]), []);
        clock.distrust();
        assert_eq!(hear(&mut clock, [1; 19]), []);
        assert_eq!(hear(&mut clock, [1]), [Skew::Gone]);
    }

    #[test]
    fn a_point_with_only_history_is_no_wrong_clock_while_its_gateway_is_live() {
        let mut clock = DeviceClock::default();
        clock.live(Micros(7));
        assert_eq!(clock.anchor(Micros(5)), Skew::Same);
        assert_eq!(clock.distrust(), Skew::Found, "but if it goes on like that");
    }
}
