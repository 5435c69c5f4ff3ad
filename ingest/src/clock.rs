//! The only place where Davy reads a clock. The loop's time never goes back and follows the wall gently. I/O.
//!
//! Everything else is given its time; `clippy.toml` forbids the clock elsewhere.
#![allow(clippy::disallowed_methods)]

use crate::pace::{Accepted, Pace, Standing};
use rules::reading::Micros;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Davy's clock: cheap to clone, the same time for all clones.
#[derive(Clone, Debug)]
pub struct Clock {
    hand: Arc<Mutex<Hand>>,
}

#[derive(Debug)]
struct Hand {
    read_at: Instant,
    pace: Pace,
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
        Clock { hand: Arc::new(Mutex::new(Hand { read_at: Instant::now(), pace: Pace::starting(now) })) }
    }

    #[must_use]
    pub fn now(&self) -> Micros {
        self.moved().pace.now
    }

    /// Where it stands against the wall.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.moved().pace.standing(wall())
    }

    /// What `accept` would do now: its record is kept before anybody lives by the new time.
    #[must_use]
    pub fn foresee(&self) -> (Accepted, Micros) {
        let mut pace = self.moved().pace;
        let accepted = pace.accept(wall());
        (accepted, pace.now)
    }

    /// A person says that the wall is right. Only the engine may call this while it runs: a jump must reach the
    /// journal before any other input that carries a later time.
    pub fn accept(&self) -> Accepted {
        self.moved().pace.accept(wall())
    }

    /// How long to wait, at most, until `deadline`.
    #[must_use]
    pub fn until(&self, deadline: Micros) -> Duration {
        let left_us = deadline.since(self.now()).max(0);
        Duration::from_micros(left_us.unsigned_abs())
    }

    /// The hand, moved by what has passed.
    fn moved(&self) -> MutexGuard<'_, Hand> {
        let mut hand = self.hand();
        let read_at = Instant::now();
        let elapsed_us = i64::try_from(read_at.duration_since(hand.read_at).as_micros()).unwrap_or(i64::MAX);
        if elapsed_us > 0 {
            hand.pace.pass(elapsed_us, wall());
            hand.read_at = read_at;
        }
        hand
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
