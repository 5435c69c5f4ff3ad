//! Coverage: by tables, after losses, and by random tales that a naive oracle counts again. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod plant;
mod recovery;
mod stories;
mod tables;

use alerting::coverage::Minutes;
use alerting::input::CoverageLimits;

const DAY: i64 = 1_440;

fn minutes(of: [u16; 5]) -> Minutes {
    let [reported, lost, excused, system, outside] = of;
    Minutes { reported, lost, excused, system, outside }
}

fn three_hours() -> CoverageLimits {
    CoverageLimits { accept_hours: 3, mean_days: 3, ..CoverageLimits::default() }
}
