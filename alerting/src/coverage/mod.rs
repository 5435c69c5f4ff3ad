//! Coverage (domain.md 5.2): which minutes of which day each enterprise reported, as a fold over readings, registry,
//! filings and our own outages. A day is closed after its end, and stated again when it is known better. Pure.

mod accept;
mod days;
mod figures;
mod fold;
mod judge;
mod shared;
mod spans;
mod tally;
mod terms;

pub use figures::{DayFigure, Figures, Mean, Measures, Ratio, Reason, SectorFigures, TownFigures, UnitFigure, figures};
pub use fold::Coverage;

use crate::day::Day;
use bytes::Bytes;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};

/// What is measured: one enterprise in one of its sectors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unit {
    pub enterprise: String,
    pub sector: String,
}

/// Every minute of a day is exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minutes {
    /// Every required point reported.
    pub reported: u16,
    /// Some did not, and nobody is excused.
    pub lost: u16,
    /// Those that did not are at filed work (as far as the month has room for it).
    pub excused: u16,
    /// Those that did not could not be heard: Davy or the broker was away.
    pub system: u16,
    /// Not in scope, or nothing required of it.
    pub outside: u16,
}

/// Counts of readings of required points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    pub good: u64,
    pub received: u64,
    /// Received in time.
    pub timely: u64,
    /// By the points' periods, over the minutes that count.
    pub expected: u64,
    /// Good ones, at most as many as expected of each point: what completeness counts.
    pub counted: u64,
}

/// Why a day is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayCause {
    Closed,
    LateReadings,
    Filing,
    Adopted,
}

/// One required point on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointDay {
    /// Its name within the enterprise.
    pub point: String,
    /// Minutes in which it was required, and of these those it reported.
    pub required: u16,
    pub reported: u16,
    /// Of the day's lost minutes those in which it was missing.
    pub lost: u16,
    pub good: u32,
    pub received: u32,
    pub timely: u32,
    pub expected: u32,
}

/// What is known of one unit's day, whole: replaces what was known of it before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageDay {
    pub unit: Unit,
    pub town: String,
    pub day: Day,
    /// Known since.
    pub at: Micros,
    pub cause: DayCause,
    /// Content hash of the registry in force when the day ended.
    pub registry: String,
    /// At the end of the day.
    pub in_scope: bool,
    pub connected: bool,
    /// Some of its readings were simulated.
    pub simulated: bool,
    pub minutes: Minutes,
    pub samples: Samples,
    /// Bitmaps of 1,440 bits, minute 0 of the local day in the lowest bit of the first byte: reported, excused, system.
    pub reported: Bytes,
    pub excused: Bytes,
    pub system: Bytes,
    pub points: Vec<PointDay>,
}

/// A signature under a connection, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceChange {
    pub unit: Unit,
    pub at: Micros,
    pub by: String,
    pub comment: String,
    /// False when it is taken back.
    pub accepted: bool,
    /// The share of minutes reported in the hours before, in thousandths.
    pub permille: u16,
}

/// The figures of a day, sealed when they were known first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedDay {
    pub day: Day,
    pub at: Micros,
    /// Figures of all sectors and towns, canonical JSON.
    pub figures: Bytes,
}
