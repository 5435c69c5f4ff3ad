//! The console's questions about the past, put to the database under the role that may only read. I/O.

use super::projection::connection;
use crate::config::Config;
use crate::console::history::{
    FindingPage, History, HistoryError, PageMark, PastFinding, PastReading, PastRefused, PointSpan, RefusedPage,
};
use crate::store::error::StoreError;
use crate::store::findings::{FindingFilter, FindingMark, StoredFinding};
use crate::store::quarantine::{QuarantineFilter, QuarantineMark, QuarantinedMessage};
use crate::store::query::{Reader, Span, StoredReading};
use alerting::command::Search;
use futures_util::future::BoxFuture;
use rules::reading::Quality;

/// As much of a payload as a list shows.
const PAYLOAD_SHOWN_MAX: u32 = 4096;

pub(super) struct Database {
    reader: Reader,
}

impl Database {
    pub(super) fn new(config: &Config) -> anyhow::Result<Database> {
        Ok(Database { reader: Reader::new(connection(config, &config.database.read_user)?) })
    }
}

impl History for Database {
    fn readings(&self, ask: PointSpan) -> BoxFuture<'_, Result<Vec<PastReading>, HistoryError>> {
        Box::pin(async move {
            // The console asks for `event < to`; the store's bounds are both included.
            let span = Span { from: ask.from, to: ask.to.plus(-1), limit: ask.limit };
            let rows = self.reader.readings(&ask.enterprise, &ask.point, &span).await.map_err(history_error)?;
            Ok(rows.into_iter().map(past_reading).collect())
        })
    }

    fn quarantine(&self, ask: RefusedPage) -> BoxFuture<'_, Result<Vec<PastRefused>, HistoryError>> {
        Box::pin(async move {
            let before = ask.before.map(|mark| QuarantineMark {
                received: mark.at,
                seq: mark.seq,
                index: u64::from(mark.index),
            });
            let filter = QuarantineFilter { topic: ask.topic, text: ask.text, ..filter(ask.search) };
            let bounds = (ask.limit, PAYLOAD_SHOWN_MAX);
            let rows = self.reader.quarantine(&filter, before, bounds).await.map_err(history_error)?;
            Ok(rows.into_iter().map(past_refused).collect())
        })
    }

    fn refused(&self, seq: u64, index: u32) -> BoxFuture<'_, Result<Option<PastRefused>, HistoryError>> {
        Box::pin(async move {
            let row = self.reader.quarantined(seq, u64::from(index)).await.map_err(history_error)?;
            Ok(row.map(past_refused))
        })
    }

    fn findings(&self, ask: FindingPage) -> BoxFuture<'_, Result<Vec<PastFinding>, HistoryError>> {
        Box::pin(async move {
            let mark = |mark: PageMark| FindingMark { at: mark.at, seq: mark.seq, index: u64::from(mark.index) };
            let filter = FindingFilter { enterprise: ask.enterprise, rule: ask.rule };
            let found = self.reader.findings(&filter, ask.before.map(mark), ask.limit).await.map_err(history_error)?;
            let past = |f: StoredFinding| PastFinding { seq: f.seq, index: narrow(f.index), finding: f.finding };
            Ok(found.into_iter().map(past).collect())
        })
    }
}

/// A search of people as the store filters.
pub(super) fn filter(search: Search) -> QuarantineFilter {
    let Search { reason, enterprise, gateway, from, to } = search;
    QuarantineFilter { reason, enterprise, gateway, from, to, ..QuarantineFilter::default() }
}

/// Indexes are given as `u32` by the fold.
fn narrow(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn history_error(e: StoreError) -> HistoryError {
    match e {
        StoreError::Wait(text) => HistoryError::Unavailable(text),
        other => HistoryError::Failed(other.to_string()),
    }
}

fn past_reading(row: StoredReading) -> PastReading {
    let quality = match row.quality {
        0 => Quality::Good,
        1 => Quality::Uncertain,
        _ => Quality::Bad,
    };
    PastReading { device: row.device_time, event: row.event_time, received: row.received, value: row.value, quality }
}

fn past_refused(row: QuarantinedMessage) -> PastRefused {
    PastRefused {
        seq: row.seq,
        index: narrow(row.index),
        received: row.received,
        topic: row.topic,
        payload_len: row.payload_len,
        payload: row.payload.into(),
        reason: row.reason,
        detail: row.detail,
        reading: row.reading_index.and_then(|index| u32::try_from(index).ok()),
        replayed: row.replayed,
    }
}
