//! The console's questions about the past: put to the database under the role that may only read, and joined by seq with
//! what is still in the spool. I/O.

use super::projection::{Projection, connection};
use crate::config::Config;
use crate::console::history::{History, HistoryError, Past, PastBucket, PastReading, PastRefused, PointSpan};
use crate::disk::RealDisk;
use crate::engine::fold::Fold;
use crate::store::error::StoreError;
use crate::store::query::{Bucket, QuarantinedMessage, StoredReading};
use crate::store::seam::{Ask, Seam, Told};
use futures_util::future::BoxFuture;
use rules::reading::Quality;
use std::sync::Arc;

/// The console shows these from memory already: so many more are asked for, and passed over.
const SHOWN_FROM_MEMORY: u32 = 200;

pub(super) struct Database {
    seam: Seam<RealDisk>,
}

impl Database {
    pub(super) fn new(config: &Config, fold: &Fold<RealDisk>, projection: &Projection) -> anyhow::Result<Database> {
        let [readings, _] = fold.spools();
        let projection = projection.clone();
        let journal_id = Arc::new(move || projection.journal_id());
        Ok(Database { seam: Seam::new(connection(config, &config.database.read_user)?, readings.tail(), journal_id) })
    }
}

fn past_bucket(bucket: &Bucket) -> PastBucket {
    let Bucket { at, count, good_count, used_count, min, max, sum, last } = *bucket;
    let avg = sum.filter(|_| used_count > 0).map(|sum| sum / used_count as f64);
    PastBucket { at, count, good_count, min, max, avg, last }
}

impl History for Database {
    fn readings(&self, ask: PointSpan) -> BoxFuture<'_, Result<Past, HistoryError>> {
        Box::pin(async move {
            let PointSpan { enterprise, point, from, to, limit, number, detail } = ask;
            let ask = Ask { enterprise, point, number: number.0, from, to, limit, detail };
            let Told { rows, buckets, sources } = self.seam.past(&ask).await.map_err(history_error)?;
            let readings = rows.into_iter().map(past_reading).collect();
            Ok(Past { readings, buckets: buckets.iter().map(past_bucket).collect(), sources })
        })
    }

    fn quarantine(
        &self,
        before: Option<(u64, u32)>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<PastRefused>, HistoryError>> {
        Box::pin(async move {
            let asked = limit.saturating_add(SHOWN_FROM_MEMORY);
            let rows = self.seam.reader().quarantine(None, asked).await.map_err(history_error)?;
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
        payload_len: row.payload.len() as u64,
        payload: row.payload.into(),
        reason: row.reason,
        detail: row.detail,
        reading: row.reading_index.and_then(|index| u32::try_from(index).ok()),
    }
}
