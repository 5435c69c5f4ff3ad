//! What the console asks the database for about coverage: days as they were known, what changed them, sealed figures.
//! Must not know SQL or tables. Pure.

use super::history::HistoryError;
use alerting::coverage::{AcceptanceChange, CoverageDay, DayFigure, SealedDay, Unit};
use alerting::day::Day;
use futures_util::future::BoxFuture;

pub use crate::store::coverage_past::{DayChange, Known};

/// Known days of the past. Every call may fail while the database is away; callers say so and show what memory holds.
pub trait CoveragePast: Send + Sync {
    /// The newest version of each unit's days `from..=to` that was known then.
    fn days(&self, ask: DaysAsk) -> BoxFuture<'_, Result<Vec<DayFigure>, HistoryError>>;

    /// One unit's day whole, with the record that made it known.
    fn day(
        &self,
        unit: Unit,
        day: Day,
        known: Known,
    ) -> BoxFuture<'_, Result<Option<(u64, CoverageDay)>, HistoryError>>;

    /// What versions later than the first changed, newest first, at most `limit`.
    fn changes(&self, ask: DaysAsk, limit: u32) -> BoxFuture<'_, Result<Vec<DayChange>, HistoryError>>;

    /// The newest signature of each unit, or its end.
    fn acceptances(&self) -> BoxFuture<'_, Result<Vec<AcceptanceChange>, HistoryError>>;

    fn sealed(&self, day: Day) -> BoxFuture<'_, Result<Option<SealedDay>, HistoryError>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaysAsk {
    pub from: Day,
    pub to: Day,
    /// `None`: all of them.
    pub sector: Option<String>,
    pub known: Known,
}
