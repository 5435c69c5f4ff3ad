//! What is asked of one point's past: functions that can be answered from the same memory ask for the same. Must not
//! know how it is kept. Pure.

use rules::past::{Past, What};
use rules::reading::{PointId, SECOND_US};
use rules::registry::LimitName;
use serde::{Deserialize, Serialize};

/// One memory of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub kind: Kind,
    /// 0 where the function has no window.
    pub window_us: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// `rate`, `delta`.
    Ends,
    Mean,
    /// `stddev`.
    Spread,
    Median,
    /// `min`, `max`.
    Extremes,
    Count,
    /// `prev`, `gap`, `rose`, `fell`.
    Pair,
    /// `on_for`, `off_for`, `since_on`.
    Switch,
    Events,
    /// `on_time`, and the point whose events start it anew.
    OnTime(u32),
    /// The other side of that: events of this point concern the on-time of that one.
    Restarts(u32),
    /// `over`: at or over a limit (its bits), or at or under it.
    Over(u64, Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Side {
    High,
    Low,
}

impl Ask {
    /// What a function of `points` asks of the first of them; `None` where it is not about readings, or not of one point.
    pub fn of(past: &Past, points: &[PointId]) -> Option<Ask> {
        let window_us = i64::from(past.window_s).saturating_mul(SECOND_US);
        let windowed = |kind| Some(Ask { kind, window_us });
        let plain = |kind| Some(Ask { kind, window_us: 0 });
        match past.what {
            What::Rate | What::Delta => windowed(Kind::Ends),
            What::Mean => windowed(Kind::Mean),
            What::Stddev => windowed(Kind::Spread),
            What::Median => windowed(Kind::Median),
            What::Min | What::Max => windowed(Kind::Extremes),
            What::Count => windowed(Kind::Count),
            What::Events => windowed(Kind::Events),
            What::Previous | What::Gap | What::Rose | What::Fell => plain(Kind::Pair),
            What::OnFor | What::OffFor | What::SinceOn => plain(Kind::Switch),
            What::OnTime(_) => points.get(1).and_then(|since| plain(Kind::OnTime(since.0))),
            _ => None,
        }
    }

    /// What `over` asks of a point with this limit.
    pub fn over(name: LimitName, limit: f64) -> Ask {
        let side = match name {
            LimitName::H | LimitName::Hh => Side::High,
            LimitName::L | LimitName::Ll => Side::Low,
        };
        Ask { kind: Kind::Over(limit.to_bits(), side), window_us: 0 }
    }
}
