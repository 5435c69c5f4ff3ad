//! When Davy itself did not hear. Such time counts for nobody: silence and delays are measured in attended time, which
//! stands still while the broker's link is down, while Davy was away, and until the backlog of either is drained. A
//! deadline in attended time moves by the whole gap without being touched. Pure.

use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};

/// After an outage attended time stands still for so long at most: what a broker kept for us is through by then.
const CATCH_UP_US: i64 = 120 * SECOND_US;
/// A message that is no older than this, by its gateway's clock, ends a backlog: the broker keeps the order.
pub const FRESH_US: i64 = 10 * SECOND_US;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Since when the broker's link is down.
    pub link_down_since: Option<Micros>,
    /// The last span without ears, from and to.
    pub last: Option<(Micros, Micros)>,
    /// What was lost before `standing`: the receive clock minus this is attended time. Microseconds.
    lost_us: i64,
    standing: Option<Standing>,
}

/// Attended time stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    since: Micros,
    /// Goes on at the latest then; `None` while the link is down.
    until: Option<Micros>,
    /// What is left of the time a backlog is given: a link that goes up and down is not given it anew each time.
    left_us: i64,
}

impl Outage {
    /// The attended time at `at`, which is not before anything this knows of.
    #[must_use]
    pub fn attended(&self, at: Micros) -> i64 {
        let at = self.standing.map_or(at, |standing| at.min(standing.since));
        at.0.saturating_sub(self.lost_us)
    }

    /// When an attended time comes, by the receive clock; `None` while nobody knows.
    #[must_use]
    pub fn comes(&self, attended: i64) -> Option<Micros> {
        if self.standing.is_some() { None } else { Some(Micros(attended.saturating_add(self.lost_us))) }
    }

    #[must_use]
    pub fn is_standing(&self) -> bool {
        self.standing.is_some()
    }

    /// When attended time goes on by itself.
    #[must_use]
    pub fn goes_on_at(&self) -> Option<Micros> {
        self.standing.and_then(|standing| standing.until)
    }

    /// Whether a backlog may be coming in: the link is up, and time stands still yet.
    #[must_use]
    pub fn is_catching_up(&self) -> bool {
        self.goes_on_at().is_some()
    }

    pub fn link_down(&mut self, at: Micros) {
        self.link_down_since.get_or_insert(at);
        self.standing = Some(match self.standing {
            None => Standing { since: at, until: None, left_us: CATCH_UP_US },
            Some(standing) => {
                let left_us = standing.until.map_or(standing.left_us, |until| until.since(at).max(0));
                Standing { until: None, left_us, ..standing }
            }
        });
    }

    pub fn link_up(&mut self, at: Micros) {
        let Some(from) = self.link_down_since.take() else { return };
        self.last = Some((from, at));
        if let Some(standing) = &mut self.standing {
            if at.since(from) >= CATCH_UP_US {
                standing.left_us = CATCH_UP_US;
            }
            standing.until = Some(at.plus(standing.left_us));
        }
    }

    /// Davy was away from `from` until `at`.
    pub fn resumed(&mut self, from: Micros, at: Micros) {
        self.last = Some((from, at));
        let since = self.standing.map_or(from, |standing| standing.since);
        let until = if self.link_down_since.is_some() { None } else { Some(at.plus(CATCH_UP_US)) };
        self.standing = Some(Standing { since, until, left_us: CATCH_UP_US });
    }

    /// Attended time goes on.
    pub fn go_on(&mut self, at: Micros) {
        if let Some(standing) = self.standing.take() {
            self.lost_us = self.lost_us.saturating_add(at.since(standing.since).max(0));
        }
    }

    /// Moves nothing back: what a snapshot must hold.
    #[must_use]
    pub fn is_whole(&self, now: Micros) -> bool {
        self.lost_us >= 0 && self.standing.is_none_or(|standing| standing.since <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: i64) -> Micros {
        Micros(seconds * SECOND_US)
    }

    #[test]
    fn deadlines_move_by_the_gap() {
        let mut outage = Outage::default();
        let deadline = s(100).0;
        assert_eq!(outage.comes(deadline), Some(s(100)));
        outage.link_down(s(40));
        assert_eq!((outage.comes(deadline), outage.goes_on_at()), (None, None));
        assert_eq!(outage.attended(s(90)), s(40).0);
        outage.link_up(s(1_000));
        assert_eq!((outage.comes(deadline), outage.goes_on_at()), (None, Some(s(1_120))));
        outage.go_on(s(1_010));
        assert_eq!(outage.comes(deadline), Some(s(1_070)), "60 s were left, and are left");
        assert_eq!(outage.attended(s(1_070)), deadline);
        assert_eq!(outage.last, Some((s(40), s(1_000))));
    }

    #[test]
    fn a_link_that_flaps_is_given_two_minutes_in_all() {
        let mut outage = Outage::default();
        let mut at = 0;
        for _ in 0..6 {
            outage.link_down(s(at));
            outage.link_up(s(at + 10));
            at += 30;
        }
        assert_eq!(outage.goes_on_at(), Some(s(180)), "100 of the 120 s are gone");
        outage.link_down(s(200));
        outage.link_up(s(400));
        assert_eq!(outage.goes_on_at(), Some(s(520)), "a long cut has a backlog of its own");
    }

    #[test]
    fn an_absence_of_davy_within_a_cut_of_the_link_is_one_gap() {
        let mut outage = Outage::default();
        outage.link_down(s(10));
        outage.resumed(s(20), s(500));
        assert_eq!(outage.goes_on_at(), None, "the link is still down");
        outage.link_up(s(600));
        outage.go_on(s(700));
        assert_eq!(outage.attended(s(700)), s(10).0);
        outage.resumed(s(800), s(900));
        outage.go_on(s(900));
        assert_eq!(outage.attended(s(900)), s(110).0);
    }
}
