//! The console's questions about the past, put to the database under the role that may only read. I/O.

use super::projection::connection;
use crate::config::Config;
use crate::console::history::{History, HistoryError, PastReading, PastRefused, PointSpan};
use crate::store::error::StoreError;
use crate::store::quarantine::{QuarantineFilter, QuarantinedMessage};
use crate::store::query::{Reader, Span, StoredReading};
use futures_util::future::BoxFuture;
use rules::reading::Quality;

/// The console shows these from memory already: so many more are asked for, and passed over.
const SHOWN_FROM_MEMORY: u32 = 200;

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

    fn quarantine(
        &self,
        before: Option<(u64, u32)>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<PastRefused>, HistoryError>> {
        Box::pin(async move {
            let asked = limit.saturating_add(SHOWN_FROM_MEMORY);
            let rows = self
                .reader
                .quarantine(&QuarantineFilter::default(), None, (asked, 4_096))
                .await
                .map_err(history_error)?;
            let older = |refused: &PastRefused| before.is_none_or(|before| (refused.seq, refused.index) < before);
            Ok(rows.into_iter().map(past_refused).filter(older).take(limit as usize).collect())
        })
    }
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
        index: u32::try_from(row.index).unwrap_or(u32::MAX),
        received: row.received,
        topic: row.topic,
        payload_len: row.payload_len,
        payload: row.payload.into(),
        reason: row.reason,
        detail: row.detail,
        reading: row.reading_index.and_then(|index| u32::try_from(index).ok()),
    }
}
