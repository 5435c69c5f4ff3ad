//! How much room the data directory has left, and the alarm that speaks of it. Decides nothing about files. Pure.

use crate::disk::Disk;
use crate::journal::quota::{Class, Level, Quota};
use alerting::input::SystemFault;
use rules::reading::Severity;

const QUOTA_CODE: &str = "DAVY-QUOTA";

/// Where we stood when we last looked.
#[derive(Default)]
pub(super) struct Room {
    /// What was said last; `None` before the first word: an alarm of the run before may still stand.
    level: Option<Level>,
    full: bool,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// Readings can be kept again.
    Open,
    /// As before.
    Not,
}

impl Room {
    /// A record of readings found no room: from now on they wait at the broker.
    pub(super) fn ran_out(&mut self, bytes: u64) {
        if !self.full {
            tracing::error!(bytes, "no room for readings: nothing is acknowledged until there is");
        }
        self.full = true;
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Readings go on only when a whole batch of them fits, so that it does not flap.
    pub(super) fn look<D: Disk>(&mut self, quota: &Quota<D>) -> Turned {
        if self.full && quota.admits(Class::Readings, quota.resume_bytes()) {
            self.full = false;
            tracing::info!("there is room for readings again");
            return Turned::Open;
        }
        Turned::Not
    }

    /// The alarm to raise, raise further, or let return, when the level has changed.
    pub(super) fn change<D: Disk>(&mut self, quota: &Quota<D>) -> Option<SystemFault> {
        let level = if self.full { Level::Full } else { quota.level() };
        if self.level == Some(level) {
            return None;
        }
        self.level = Some(level);
        Some(quota_fault(level, quota.used(), quota.limit()))
    }
}

fn quota_fault(level: Level, used: u64, limit: u64) -> SystemFault {
    let (severity, active) = match level {
        Level::Normal => (Severity::Blue, false),
        Level::Filling => (Severity::Blue, true),
        Level::High => (Severity::Yellow, true),
        Level::Critical => (Severity::Orange, true),
        Level::Full => (Severity::Red, true),
    };
    let detail = match level {
        Level::Full => format!("data directory full ({used} of {limit} bytes): readings wait at the broker"),
        _ => format!("data directory holds {used} of {limit} bytes"),
    };
    SystemFault { code: QUOTA_CODE.into(), severity, active, detail }
}
