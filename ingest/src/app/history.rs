//! The console's questions about the past: put to the database under the role that may only read, and joined by seq with
//! what is still in the spool. I/O.

use super::projection::{Projection, connection};
use crate::config::Config;
use crate::console::history::{
    FindingPage, History, HistoryError, PageMark, Past, PastBucket, PastFinding, PastReading, PastRefused, PointSpan,
    RefusedPage,
};
use crate::disk::RealDisk;
use crate::engine::fold::Fold;
use crate::store::error::StoreError;
use crate::store::findings::{FindingFilter, FindingMark, StoredFinding};
use crate::store::quarantine::{QuarantineFilter, QuarantineMark, QuarantinedMessage};
use crate::store::query::{Bucket, Reader, StoredReading};
use crate::store::seam::{Ask, Seam, Told};
use alerting::command::Search;
use futures_util::future::BoxFuture;
use rules::reading::Quality;
use std::sync::Arc;

/// As much of a payload as a list shows.
const PAYLOAD_SHOWN_MAX: u32 = 4096;

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

    pub(super) fn reader(&self) -> &Reader {
        self.seam.reader()
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

    fn quarantine(&self, ask: RefusedPage) -> BoxFuture<'_, Result<Vec<PastRefused>, HistoryError>> {
        Box::pin(async move {
            let before = ask.before.map(|mark| QuarantineMark {
                received: mark.at,
                seq: mark.seq,
                index: u64::from(mark.index),
            });
            let filter = QuarantineFilter { topic: ask.topic, text: ask.text, ..filter(ask.search) };
            let bounds = (ask.limit, PAYLOAD_SHOWN_MAX);
            let rows = self.seam.reader().quarantine(&filter, before, bounds).await.map_err(history_error)?;
            Ok(rows.into_iter().map(past_refused).collect())
        })
    }

    fn refused(&self, seq: u64, index: u32) -> BoxFuture<'_, Result<Option<PastRefused>, HistoryError>> {
        Box::pin(async move {
            let row = self.seam.reader().quarantined(seq, u64::from(index)).await.map_err(history_error)?;
            Ok(row.map(past_refused))
        })
    }

    fn findings(&self, ask: FindingPage) -> BoxFuture<'_, Result<Vec<PastFinding>, HistoryError>> {
        Box::pin(async move {
            let mark = |mark: PageMark| FindingMark { at: mark.at, seq: mark.seq, index: u64::from(mark.index) };
            let filter = FindingFilter { enterprise: ask.enterprise, rule: ask.rule };
            let found =
                self.seam.reader().findings(&filter, ask.before.map(mark), ask.limit).await.map_err(history_error)?;
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

pub(super) fn history_error(e: StoreError) -> HistoryError {
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
