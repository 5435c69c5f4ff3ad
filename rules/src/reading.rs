//! Readings as columns, and the small words every crate shares about them: points, times, quality, severity.
//! Must not know where a reading came from or what becomes of it. Pure.

use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z. Shown in Asia/Shanghai, computed in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Micros(pub i64);

impl Micros {
    pub const MIN: Micros = Micros(i64::MIN);
    pub const MAX: Micros = Micros(i64::MAX);

    /// `self + span_us`, held at the ends of the range instead of wrapping.
    #[must_use]
    pub fn plus(self, span_us: i64) -> Micros {
        Micros(self.0.saturating_add(span_us))
    }

    /// Microseconds from `earlier` to `self`; negative if `self` is the earlier one.
    #[must_use]
    pub fn since(self, earlier: Micros) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Microseconds in a second: spans are `i64` microseconds and named `*_us`.
pub const SECOND_US: i64 = 1_000_000;

/// A measuring point (测点), interned to a dense number. Numbers are journalled by the fold and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PointId(pub u32);

impl PointId {
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the gateway says of a value. Only good and uncertain values are judged against limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Quality {
    #[default]
    Good = 0,
    Uncertain = 1,
    Bad = 2,
}

/// 蓝黄橙红. The order is the order of danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Blue,
    Yellow,
    Orange,
    Red,
}

impl Severity {
    pub const ALL: [Severity; 4] = [Severity::Blue, Severity::Yellow, Severity::Orange, Severity::Red];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Blue => "blue",
            Severity::Yellow => "yellow",
            Severity::Orange => "orange",
            Severity::Red => "red",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// One reading as the decoder hands it over, before the fold has decided what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    pub point: PointId,
    /// The device's own time as sent, believed or not; `None` when the message carried none.
    pub device_time: Option<Micros>,
    /// Always finite: decoders refuse anything else. Booleans are 0 and 1.
    pub value: f64,
    pub quality: Quality,
}
