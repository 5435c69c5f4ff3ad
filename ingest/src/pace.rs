//! How the loop's clock goes: with what has passed, gently towards the wall, never back; and what is said of a wall
//! that stands elsewhere. Readings of clocks are given to it, so that it is tested without waiting. Pure.

use alerting::input::SystemFault;
use rules::reading::{Micros, SECOND_US, Severity};

/// A wall that stands further away is not followed: somebody set a clock, and a person must look.
pub const FOLLOW_MAX_US: i64 = 3_600 * SECOND_US;
/// We move towards the wall by at most this share of the time that passed (1/20), so that no delay jumps.
const SLEW_DIVISOR: i64 = 20;
/// A wall set by a time server steps by less; more is worth an alarm.
const ALARM_US: i64 = 5 * SECOND_US;
/// Well below the alarm, so that one at the border does not come and go.
const CLEAR_US: i64 = SECOND_US;
/// One open alarm of this code.
const CODE: &str = "DAVY-CLOCK";

/// The hand of the loop's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub now: Micros,
    /// A person has said that the wall is right, however far it is.
    is_accepted: bool,
}

/// What came of a person's word that the wall is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    InStep,
    /// The wall was ahead: we are there now, in one step.
    Jumped {
        from: Micros,
    },
    /// The wall is behind: we go slower, never back, for about so long.
    Slewing {
        for_us: i64,
    },
}

/// Where the clock stands against the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub now: Micros,
    pub wall: Micros,
    pub follows: bool,
}

impl Pace {
    #[must_use]
    pub fn starting(now: Micros) -> Pace {
        Pace { now, is_accepted: false }
    }

    /// `elapsed_us` have passed by a clock that nobody sets, and the wall shows `wall`.
    pub fn pass(&mut self, elapsed_us: i64, wall: Micros) {
        let plain = self.now.plus(elapsed_us);
        let away_us = wall.since(plain);
        self.is_accepted &= is_far(away_us);
        if is_far(away_us) && !self.is_accepted {
            self.now = plain;
            return;
        }
        let step_us = (elapsed_us / SLEW_DIVISOR).max(1);
        self.now = plain.plus(away_us.clamp(-step_us, step_us)).max(self.now);
    }

    /// The wall is right. What is far behind it catches up in one step; what is ahead of it goes slower.
    pub fn accept(&mut self, wall: Micros) -> Accepted {
        let away_us = wall.since(self.now);
        if away_us > CLEAR_US {
            let from = std::mem::replace(&mut self.now, wall);
            self.is_accepted = false;
            return Accepted::Jumped { from };
        }
        if away_us < -CLEAR_US {
            self.is_accepted = is_far(away_us);
            return Accepted::Slewing { for_us: slew_us(away_us) };
        }
        Accepted::InStep
    }

    #[must_use]
    pub fn standing(&self, wall: Micros) -> Standing {
        let follows = self.is_accepted || !is_far(wall.since(self.now));
        Standing { now: self.now, wall, follows }
    }
}

impl Standing {
    /// How far the wall is ahead; negative: behind.
    #[must_use]
    pub fn away_us(&self) -> i64 {
        self.wall.since(self.now)
    }

    /// How long it takes until both agree, as things stand; `None` = it is not followed.
    #[must_use]
    pub fn slew_us(&self) -> Option<i64> {
        self.follows.then(|| slew_us(self.away_us()))
    }
}

fn is_far(away_us: i64) -> bool {
    away_us.saturating_abs() > FOLLOW_MAX_US
}

fn slew_us(away_us: i64) -> i64 {
    away_us.saturating_abs().saturating_mul(SLEW_DIVISOR)
}

/// Says when the wall is too far away, and when it is near again.
#[derive(Debug, Default)]
pub struct Watch {
    /// `None` until the first word: an alarm of the run before may still stand.
    told: Option<Option<Severity>>,
}

impl Watch {
    /// What is to be said of this standing, if that is news. An alarm never sinks while it stands.
    pub fn look(&mut self, standing: &Standing) -> Option<SystemFault> {
        let away_us = standing.away_us().saturating_abs();
        let told = self.told.flatten();
        let wanted = match away_us {
            far if far > FOLLOW_MAX_US => Some(Severity::Orange),
            far if far > ALARM_US => told.max(Some(Severity::Yellow)),
            near if near < CLEAR_US => None,
            _ if self.told.is_none() => return None,
            _ => told,
        };
        if self.told == Some(wanted) {
            return None;
        }
        self.told = Some(wanted);
        let (severity, active) = (wanted.unwrap_or(Severity::Yellow), wanted.is_some());
        Some(SystemFault { code: CODE.to_owned(), severity, active, detail: describe(standing) })
    }
}

/// One sentence for people.
#[must_use]
pub fn describe(standing: &Standing) -> String {
    let away_us = standing.away_us();
    let seconds = away_us.saturating_abs() as f64 / SECOND_US as f64;
    let side = if away_us > 0 { "ahead of" } else { "behind" };
    match standing.slew_us() {
        _ if seconds < 0.1 => "the wall and davy's clock agree".to_owned(),
        Some(slew_us) => {
            let minutes = slew_us / (60 * SECOND_US);
            format!("the wall is {seconds:.1} s {side} davy's clock, which follows it within about {minutes} min")
        }
        None => format!(
            "the wall is {seconds:.0} s {side} davy's clock, too far to be followed: set the machine's clock, or, if \
             the wall is right, run `davy clock accept`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600 * SECOND_US;

    fn passed(now: i64, elapsed: i64, wall: i64) -> i64 {
        let mut pace = Pace::starting(Micros(now));
        pace.pass(elapsed, Micros(wall));
        pace.now.0
    }

    #[test]
    fn follows_the_wall_gently_and_never_back() {
        assert_eq!(passed(0, 1_000_000, 1_000_000), 1_000_000, "in step with the wall");
        assert_eq!(passed(0, 1_000_000, 11_000_000), 1_050_000, "behind: at most a twentieth faster");
        assert_eq!(passed(20_000_000, 1_000_000, 11_000_000), 20_950_000, "ahead: slower, not back");
        assert_eq!(passed(0, 1_000_000, 7_300 * SECOND_US), 1_000_000, "a wall 2 h away is not followed");
        assert_eq!(passed(5, 1, 0), 5, "one microsecond may be swallowed, never more");
    }

    #[test]
    fn an_accepted_wall_ahead_is_reached_in_one_step() {
        let mut pace = Pace::starting(Micros(0));
        assert_eq!(pace.accept(Micros(6 * HOUR)), Accepted::Jumped { from: Micros(0) });
        assert_eq!(pace.now, Micros(6 * HOUR));
        assert_eq!(pace.accept(Micros(6 * HOUR)), Accepted::InStep);
        // Its word was for that wall: one that runs away later needs another.
        pace.pass(SECOND_US, Micros(9 * HOUR));
        assert_eq!(pace.now, Micros(6 * HOUR + SECOND_US));
        assert!(!pace.standing(Micros(9 * HOUR)).follows);
    }

    #[test]
    fn an_accepted_wall_behind_is_approached_and_never_jumped_to() {
        let mut pace = Pace::starting(Micros(3 * HOUR));
        let mut wall = HOUR;
        pace.pass(SECOND_US, Micros(wall));
        assert_eq!(pace.now, Micros(3 * HOUR + SECOND_US), "not accepted: goes its own way");
        let away = pace.now.0 - wall;
        assert_eq!(pace.accept(Micros(wall)), Accepted::Slewing { for_us: 20 * away });
        let mut elapsed = 0;
        let mut last = pace.now;
        while pace.now.0 - wall > SECOND_US {
            let step = 10 * SECOND_US;
            (wall, elapsed) = (wall + step, elapsed + step);
            pace.pass(step, Micros(wall));
            assert!(pace.now >= last, "never back");
            assert!(pace.standing(Micros(wall)).follows);
            last = pace.now;
        }
        assert!((elapsed - 20 * away).abs() < 60 * SECOND_US, "as long as was said: {elapsed} for {away}");
    }

    #[test]
    fn an_alarm_rises_and_clears_with_room_in_between() {
        let mut watch = Watch::default();
        let mut look = |wall: i64| {
            let fault = watch.look(&Pace::starting(Micros(0)).standing(Micros(wall)))?;
            Some((fault.active, fault.severity))
        };
        let s = SECOND_US;
        assert_eq!(look(3 * s), None, "neither far nor near, and nothing said yet");
        assert_eq!(look(0), Some((false, Severity::Yellow)), "an alarm of the run before ends");
        assert_eq!(look(5 * s), None);
        assert_eq!(look(-6 * s), Some((true, Severity::Yellow)));
        assert_eq!(look(7 * s), None);
        assert_eq!(look(HOUR + s), Some((true, Severity::Orange)));
        assert_eq!(look(60 * s), None, "does not sink");
        assert_eq!(look(2 * s), None, "not near yet");
        assert_eq!(look(s / 2), Some((false, Severity::Yellow)));
    }

    #[test]
    fn the_sentence_names_side_distance_and_remedy() {
        let says = |wall: i64| describe(&Pace::starting(Micros(0)).standing(Micros(wall)));
        assert_eq!(says(0), "the wall and davy's clock agree");
        assert_eq!(says(-6 * SECOND_US), "the wall is 6.0 s behind davy's clock, which follows it within about 2 min");
        assert!(says(2 * HOUR).ends_with(
            "7200 s ahead of davy's clock, too far to be followed: set the machine's \
            clock, or, if the wall is right, run `davy clock accept`"
        ));
    }
}
