//! What is known of each gateway: when it was heard last, whether its numbering has holes, how its clock stands, and
//! what its last will says. Completeness is measured here, not assumed. Must not know readings. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A gateway that loses more often than this within one numbering has its oldest holes forgotten: they stay missing.
const GAPS_MAX: usize = 64;
/// No outage explains a longer jump (100 messages a second for a day): the numbering began anew, nothing is missing.
const JUMP_MAX: u64 = 8_640_000;
/// A redelivery repeats what was not acknowledged, a receive window at most (65,535 messages). A number that lies
/// further back in a message without device times is a new numbering.
const REPEAT_MAX: u64 = 65_535;
const DAY_US: i64 = 86_400 * SECOND_US;
/// Asia/Shanghai has had no summer time since 1991.
const SHANGHAI_US: i64 = 8 * 3_600 * SECOND_US;

/// One gateway of one enterprise, as its topic names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GatewayKey {
    pub enterprise: String,
    pub gateway: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GatewayState {
    pub last_received: Micros,
    pub seq: SeqBook,
    /// Median of receive time - device time over its last live messages; positive = its clock is slow or the way long.
    pub offset_us: Option<i64>,
    /// What it, or its last will, said of itself, and when.
    pub status: Option<(GatewayStatus, Micros)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayStatus {
    Online,
    #[default]
    Offline,
}

/// The account of one gateway's numbered messages. Messages without a number stand in no account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeqBook {
    /// The newest number of the numbering in use.
    pub last: Option<u64>,
    pub received: u64,
    /// Numbers that never came (yet).
    pub missing: u64,
    pub duplicates: u64,
    pub restarts: u64,
    /// Since midnight in Shanghai, of the day of the newest message.
    pub received_today: u64,
    pub missing_today: u64,
    day: i64,
    /// The newest device time heard: a smaller number with a newer time is a new numbering.
    newest: Option<Micros>,
    /// Holes a late message may still fill, oldest first; each with the day it was found.
    open: VecDeque<Gap>,
}

/// Numbers that did not come; both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Gap {
    from: u64,
    to: u64,
    day: i64,
}

/// What a number was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The first one ever, or the next.
    Next,
    /// Further ahead: so many are missing.
    Ahead(u64),
    /// One that had been missing.
    Filled,
    Duplicate,
    /// The gateway has begun to count anew.
    Restarted,
}

impl SeqBook {
    /// Enters the message with number `seq`, whose newest device time is `newest`, received at `received`.
    pub fn take(&mut self, seq: u64, newest: Option<Micros>, received: Micros) -> Taken {
        self.turn_day(received);
        // A stamp from the future must not make every later numbering look old.
        let newest = newest.map(|time| time.min(received));
        let taken = self.place(seq, newest);
        self.enter(seq, taken);
        self.newest = self.newest.max(newest);
        taken
    }

    /// Holes that a late message may still fill.
    #[must_use]
    pub fn gaps_open(&self) -> usize {
        self.open.len()
    }

    /// The share of numbered messages that came; `None` before the first.
    #[must_use]
    pub fn completeness(&self) -> Option<f64> {
        share(self.received, self.missing)
    }

    /// The same for the day of the newest message.
    #[must_use]
    pub fn completeness_today(&self) -> Option<f64> {
        share(self.received_today, self.missing_today)
    }

    /// The day in Shanghai that `received_today` and `missing_today` count for, as days since 1970-01-01.
    #[must_use]
    pub fn day(&self) -> i64 {
        self.day
    }

    fn turn_day(&mut self, received: Micros) {
        let day = day_of(received);
        if day > self.day {
            (self.day, self.received_today, self.missing_today) = (day, 0, 0);
        }
    }

    fn place(&self, seq: u64, newest: Option<Micros>) -> Taken {
        let Some(last) = self.last else { return Taken::Next };
        match seq.checked_sub(last) {
            Some(1) => Taken::Next,
            Some(step) if step > JUMP_MAX => Taken::Restarted,
            Some(step) if step > 1 => Taken::Ahead(step.saturating_sub(1)),
            _ if self.open.iter().any(|gap| gap.holds(seq)) => Taken::Filled,
            _ if self.is_anew(last.saturating_sub(seq), newest) => Taken::Restarted,
            _ => Taken::Duplicate,
        }
    }

    fn is_anew(&self, back: u64, newest: Option<Micros>) -> bool {
        match (newest, self.newest) {
            (Some(newest), Some(known)) => newest > known,
            _ => back > REPEAT_MAX,
        }
    }

    fn enter(&mut self, seq: u64, taken: Taken) {
        match taken {
            Taken::Next => self.last = Some(seq),
            Taken::Ahead(missing) => {
                self.open_gap(Gap { from: seq.saturating_sub(missing), to: seq.saturating_sub(1), day: self.day });
                self.missing = self.missing.saturating_add(missing);
                self.missing_today = self.missing_today.saturating_add(missing);
                self.last = Some(seq);
            }
            Taken::Filled => self.fill(seq),
            Taken::Restarted => {
                // Its old numbers cannot be told from new ones any more: what is missing of them stays missing.
                self.open.clear();
                self.restarts = self.restarts.saturating_add(1);
                self.last = Some(seq);
            }
            Taken::Duplicate => {
                self.duplicates = self.duplicates.saturating_add(1);
                return;
            }
        }
        self.received = self.received.saturating_add(1);
        self.received_today = self.received_today.saturating_add(1);
    }

    fn open_gap(&mut self, gap: Gap) {
        self.open.push_back(gap);
        if self.open.len() > GAPS_MAX {
            self.open.pop_front();
        }
    }

    /// Takes one number out of its hole, which may fall in two.
    fn fill(&mut self, seq: u64) {
        let Some(at) = self.open.iter().position(|gap| gap.holds(seq)) else { return };
        let Some(gap) = self.open.remove(at) else { return };
        let after = Gap { from: seq.saturating_add(1), ..gap };
        let before = Gap { to: seq.saturating_sub(1), ..gap };
        for part in [(seq < gap.to).then_some(after), (seq > gap.from).then_some(before)].into_iter().flatten() {
            self.open.insert(at, part);
        }
        if self.open.len() > GAPS_MAX {
            self.open.pop_front();
        }
        self.missing = self.missing.saturating_sub(1);
        if gap.day == self.day {
            self.missing_today = self.missing_today.saturating_sub(1);
        }
    }
}

impl Gap {
    fn holds(&self, seq: u64) -> bool {
        (self.from..=self.to).contains(&seq)
    }
}

fn share(received: u64, missing: u64) -> Option<f64> {
    let all = received.saturating_add(missing);
    (all > 0).then(|| received as f64 / all as f64)
}

/// The day in Shanghai, as days since 1970-01-01.
#[must_use]
pub fn day_of(at: Micros) -> i64 {
    at.plus(SHANGHAI_US).0.div_euclid(DAY_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-25 15:00 in Shanghai.
    const T0: i64 = 1_795_590_000 * SECOND_US;

    fn at(s: i64) -> Micros {
        Micros(T0 + s * SECOND_US)
    }

    /// Numbers with their device times, each received a second after it was sent.
    fn story(steps: &[(u64, i64)]) -> (SeqBook, Vec<Taken>) {
        let mut book = SeqBook::default();
        let taken = steps.iter().map(|&(seq, s)| book.take(seq, Some(at(s)), at(s + 1))).collect();
        (book, taken)
    }

    #[test]
    fn what_a_number_is() {
        use Taken::{Ahead, Duplicate, Filled, Next, Restarted};
        type Case = (&'static str, &'static [(u64, i64)], &'static [Taken]);
        let cases: &[Case] = &[
            ("in order", &[(7, 1), (8, 2), (9, 3)], &[Next, Next, Next]),
            ("a gap", &[(1, 1), (5, 2), (6, 3)], &[Next, Ahead(3), Next]),
            ("a late arrival fills it", &[(1, 1), (4, 4), (3, 3), (2, 2)], &[Next, Ahead(2), Filled, Filled]),
            ("filled only once", &[(1, 1), (3, 3), (2, 2), (2, 2)], &[Next, Ahead(1), Filled, Duplicate]),
            ("the newest again", &[(1, 1), (2, 2), (2, 2)], &[Next, Next, Duplicate]),
            ("an old one again", &[(1, 1), (2, 2), (1, 1)], &[Next, Next, Duplicate]),
            ("counts anew", &[(90, 1), (91, 2), (0, 3), (1, 4)], &[Next, Next, Restarted, Next]),
            ("counts anew from the same number", &[(1, 1), (1, 2)], &[Next, Restarted]),
            ("a wild number, and back", &[(1, 1), (u64::MAX, 2), (2, 3)], &[Next, Restarted, Restarted]),
        ];
        for (name, steps, expected) in cases {
            assert_eq!(story(steps).1, *expected, "{name}");
        }
    }

    #[test]
    fn the_account_adds_up() {
        let (book, _) = story(&[(1, 1), (11, 2), (5, 2), (5, 2), (12, 3)]);
        assert_eq!((book.received, book.missing, book.duplicates, book.restarts), (4, 8, 1, 0));
        assert_eq!((book.received_today, book.missing_today, book.gaps_open()), (4, 8, 2));
        assert_eq!(book.completeness(), Some(4.0 / 12.0));
        assert_eq!(SeqBook::default().completeness(), None);
        let (anew, _) = story(&[(1, 1), (11, 2), (1, 3)]);
        assert_eq!((anew.missing, anew.gaps_open(), anew.restarts), (9, 0, 1));
    }

    #[test]
    fn without_device_times_only_a_far_step_back_is_a_new_numbering() {
        let mut book = SeqBook::default();
        book.take(100_000, None, at(0));
        assert_eq!(book.take(99_000, None, at(1)), Taken::Duplicate);
        assert_eq!(book.take(1, None, at(2)), Taken::Restarted);
    }

    #[test]
    fn a_stamp_from_the_future_does_not_hide_a_new_numbering() {
        let mut book = SeqBook::default();
        book.take(10, Some(at(90_000)), at(1));
        assert_eq!(book.take(1, Some(at(3)), at(4)), Taken::Restarted);
    }

    #[test]
    fn a_day_begins_at_midnight_in_shanghai_and_its_holes_are_its_own() {
        let mut book = SeqBook::default();
        book.take(1, Some(at(0)), at(0));
        book.take(4, Some(at(1)), at(1));
        // 15:00 + 9 h = midnight.
        let midnight = 9 * 3_600;
        book.take(5, Some(at(midnight - 1)), at(midnight - 1));
        assert_eq!((book.received_today, book.missing_today), (3, 2));
        book.take(8, Some(at(midnight)), at(midnight));
        assert_eq!((book.received_today, book.missing_today, book.missing), (1, 2, 4));
        book.take(2, Some(at(0)), at(midnight + 1));
        assert_eq!((book.received_today, book.missing_today, book.missing), (2, 2, 3), "yesterday's hole");
        book.take(9, Some(at(0)), at(midnight - 5));
        assert_eq!(book.received_today, 3, "the day never goes back");
    }

    #[test]
    fn holes_are_bounded_and_forgotten_ones_stay_missing() {
        let mut book = SeqBook::default();
        for n in 0..100_u64 {
            book.take(n * 2, Some(at(n as i64)), at(n as i64));
        }
        assert_eq!((book.gaps_open(), book.missing), (GAPS_MAX, 99));
        assert_eq!(book.take(1, Some(at(0)), at(200)), Taken::Duplicate, "its hole is forgotten");
        assert_eq!(book.take(197, Some(at(98)), at(201)), Taken::Filled);
        assert_eq!((book.gaps_open(), book.missing), (GAPS_MAX - 1, 98));
    }
}
