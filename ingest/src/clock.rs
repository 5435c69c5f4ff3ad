//! The only place where Davy reads a clock. The loop's time never goes back and follows the wall gently. I/O.
//!
//! Everything else is given its time; `clippy.toml` forbids the clock elsewhere.
#![allow(clippy::disallowed_methods)]

use rules::reading::{Micros, SECOND_US};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall that stands this far from us is not followed: somebody set a clock, and a person must look. Microseconds.
const FOLLOW_MAX_US: i64 = 3_600 * SECOND_US;
/// We move towards the wall by at most this share of the time that passed (1/20), so that no delay jumps.
const SLEW_DIVISOR: i64 = 20;

/// Davy's clock: cheap to clone, the same time for all clones.
#[derive(Clone, Debug)]
pub struct Clock {
    hand: Arc<Mutex<Hand>>,
}

#[derive(Debug)]
struct Hand {
    read_at: Instant,
    now: Micros,
}

/// The machine's wall clock, for the one decision before the loop's clock exists: is the journal ahead of the wall?
#[must_use]
pub fn wall() -> Micros {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

impl Clock {
    /// Starts at the wall, or at `not_before` where that is later: the newest time in the journal.
    #[must_use]
    pub fn starting(not_before: Micros) -> Clock {
        let now = wall().max(not_before);
        Clock { hand: Arc::new(Mutex::new(Hand { read_at: Instant::now(), now })) }
    }

    #[must_use]
    pub fn now(&self) -> Micros {
        let mut hand = self.hand();
        let read_at = Instant::now();
        let elapsed_us = i64::try_from(read_at.duration_since(hand.read_at).as_micros()).unwrap_or(i64::MAX);
        if elapsed_us > 0 {
            hand.now = follow(hand.now, elapsed_us, wall());
            hand.read_at = read_at;
        }
        hand.now
    }

    /// How long to wait, at most, until `deadline`.
    #[must_use]
    pub fn until(&self, deadline: Micros) -> Duration {
        let left_us = deadline.since(self.now()).max(0);
        Duration::from_micros(left_us.unsigned_abs())
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        // A panic while holding it leaves a valid time behind: go on with it.
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Times one verb of the loop. Seconds.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// The next time: what has passed, plus a little towards the wall; never back.
fn follow(last: Micros, elapsed_us: i64, wall: Micros) -> Micros {
    let plain = last.plus(elapsed_us);
    let away_us = wall.since(plain);
    if away_us.saturating_abs() > FOLLOW_MAX_US {
        return plain;
    }
    let step_us = (elapsed_us / SLEW_DIVISOR).max(1);
    plain.plus(away_us.clamp(-step_us, step_us)).max(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_wall_gently_and_never_back() {
        let at = |us| Micros(us);
        assert_eq!(follow(at(0), 1_000_000, at(1_000_000)), at(1_000_000), "in step with the wall");
        assert_eq!(follow(at(0), 1_000_000, at(11_000_000)), at(1_050_000), "behind: at most a twentieth faster");
        assert_eq!(follow(at(20_000_000), 1_000_000, at(11_000_000)), at(20_950_000), "ahead: slower, not back");
        assert_eq!(follow(at(0), 1_000_000, at(7_300 * SECOND_US)), at(1_000_000), "a wall 2 h away is not followed");
        assert_eq!(follow(at(5), 1, at(0)), at(5), "one microsecond may be swallowed, never more");
    }
}
