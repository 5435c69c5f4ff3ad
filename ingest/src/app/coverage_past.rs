//! The console's questions about coverage, put to the database under the role that may only read. I/O.

use super::history::{Database, history_error};
use crate::console::coverage_past::{CoveragePast, DayChange, DaysAsk, Known};
use crate::console::history::HistoryError;
use alerting::coverage::{AcceptanceChange, CoverageDay, DayFigure, SealedDay, Unit};
use alerting::day::Day;
use futures_util::future::BoxFuture;

impl CoveragePast for Database {
    fn days(&self, ask: DaysAsk) -> BoxFuture<'_, Result<Vec<DayFigure>, HistoryError>> {
        Box::pin(async move {
            let DaysAsk { from, to, sector, known } = ask;
            self.reader().days_known((from, to), sector.as_deref(), &known).await.map_err(history_error)
        })
    }

    fn day(
        &self,
        unit: Unit,
        day: Day,
        known: Known,
    ) -> BoxFuture<'_, Result<Option<(u64, CoverageDay)>, HistoryError>> {
        Box::pin(async move { self.reader().day_known(&unit, day, &known).await.map_err(history_error) })
    }

    fn changes(&self, ask: DaysAsk, limit: u32) -> BoxFuture<'_, Result<Vec<DayChange>, HistoryError>> {
        Box::pin(async move {
            self.reader().day_changes((ask.from, ask.to), &ask.known, limit).await.map_err(history_error)
        })
    }

    fn acceptances(&self) -> BoxFuture<'_, Result<Vec<AcceptanceChange>, HistoryError>> {
        Box::pin(async move { self.reader().acceptances().await.map_err(history_error) })
    }

    fn sealed(&self, day: Day) -> BoxFuture<'_, Result<Option<SealedDay>, HistoryError>> {
        Box::pin(async move { self.reader().sealed(day).await.map_err(history_error) })
    }
}
