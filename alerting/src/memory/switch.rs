//! Switches and events: a reading of 0.5 or more is on. The last two readings, how long a switch has been on or off, how
//! long one was on since the last event of another, and when a point last stood at a limit. Must not know windows. Pure.

use serde::{Deserialize, Serialize};

/// A reading that is on.
pub(crate) fn is_on(value: f64) -> bool {
    value >= 0.5
}

/// The last two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pair {
    last: Option<(i64, f64)>,
    before: Option<(i64, f64)>,
}

impl Pair {
    pub fn take(&mut self, at: i64, value: f64) {
        self.before = self.last.replace((at, value));
    }

    /// The one before, then the last.
    pub fn both(&self) -> Option<((i64, f64), (i64, f64))> {
        self.before.zip(self.last)
    }

    pub fn is_whole(&self) -> bool {
        let readings = [self.before, self.last];
        readings.iter().flatten().all(|(_, value)| value.is_finite())
            && (self.before.is_none() || self.before.zip(self.last).is_some_and(|(a, b)| a.0 <= b.0))
    }
}

/// Since when a switch is what it is, and when it was last on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Switch {
    /// Since when there is a memory of it: its first reading, or when it was first asked for.
    begin: i64,
    /// What it is, and since when: `None` before the first reading.
    is: Option<(bool, i64)>,
    last_on: Option<i64>,
}

impl Switch {
    pub fn of(begin: i64) -> Switch {
        Switch { begin, is: None, last_on: None }
    }

    pub fn take(&mut self, at: i64, value: f64) {
        let on = is_on(value);
        if self.is.is_none() {
            self.begin = at;
        }
        if self.is.is_none_or(|(was, _)| was != on) {
            self.is = Some((on, at));
        }
        if on {
            self.last_on = Some(at);
        }
    }

    /// Seconds for which it has been on (or off); 0 in the other state, NaN before the first reading.
    pub fn lasts(&self, on: bool, now: i64) -> f64 {
        match self.is {
            Some((is, since)) if is == on => seconds(since, now),
            Some(_) => 0.0,
            None => f64::NAN,
        }
    }

    pub fn since_on(&self, now: i64) -> f64 {
        seconds(self.last_on.unwrap_or(self.begin), now)
    }
}

/// For how long a switch has been on since the last event of another point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OnTime {
    is: Option<bool>,
    /// Up to the last reading or event; what came before that is in the total.
    since: i64,
    total_us: i64,
}

impl OnTime {
    pub fn take(&mut self, at: i64, value: f64) {
        self.total_us = self.total(at);
        self.is = Some(is_on(value));
        self.since = at;
    }

    pub fn restart(&mut self, at: i64) {
        self.total_us = 0;
        self.since = self.since.max(at);
    }

    fn total(&self, now: i64) -> i64 {
        let lasts = if self.is == Some(true) { now.saturating_sub(self.since).max(0) } else { 0 };
        self.total_us.saturating_add(lasts)
    }

    /// Seconds; NaN before the first reading.
    pub fn look(&self, now: i64) -> f64 {
        self.is.map_or(f64::NAN, |_| self.total(now) as f64 / 1e6)
    }

    pub fn is_whole(&self) -> bool {
        self.total_us >= 0
    }
}

/// When a point last stood at a limit, or beyond.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Over {
    /// Its last reading did.
    is: bool,
    last: Option<i64>,
    /// So long its silence says that nothing has changed.
    pub patience_us: i64,
}

impl Over {
    pub fn of(patience_us: i64) -> Over {
        Over { is: false, last: None, patience_us }
    }

    pub fn take(&mut self, at: i64, is_over: bool) {
        self.is = is_over;
        if is_over {
            self.last = Some(at);
        }
    }

    /// Whether it stood there at some time after `until`.
    pub fn was(&self, until: i64, now: i64) -> bool {
        self.last.is_some_and(|last| last > until || (self.is && now.saturating_sub(last) <= self.patience_us))
    }
}

/// Whole microseconds of a few years are exact.
pub(crate) fn seconds(from: i64, to: i64) -> f64 {
    to.saturating_sub(from).max(0) as f64 / 1e6
}
