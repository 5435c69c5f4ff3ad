//! Where the past of a point is in two places: the database, up to the record it has applied, and behind that the spool.
//! Joined by seq in one answer. Must not know HTTP. I/O.

use super::connection::Connection;
use super::error::StoreError;
use super::past::{self, Detail, Sources};
use super::query::{AsOf, Bucket, Reader, Span, StoredReading};
use super::recent::{self, Found};
use crate::disk::Disk;
use crate::spool::SpoolTail;
use rules::reading::Micros;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// So many questions look through the spool at a time: each may read 256 MiB from the page cache.
const LOOKING_MAX: usize = 2;
/// A statement is cut off by the server after 5 s, a connection attempt by us.
const ANSWER_S: u64 = 12;
/// The spool may let go of what is applied between the two looks; then the database has it, and is asked again.
const TRIES: usize = 3;

/// What is asked: `from <= event < to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub enterprise: String,
    pub point: String,
    /// The point's number in the journal.
    pub number: u32,
    pub from: Micros,
    pub to: Micros,
    /// At most so many rows or buckets.
    pub limit: u32,
    pub detail: Detail,
}

/// Rows or buckets, as was asked, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub rows: Vec<StoredReading>,
    pub buckets: Vec<Bucket>,
    pub sources: Sources,
}

pub type Name = Arc<dyn Fn() -> String + Send + Sync>;

pub struct Seam<D: Disk> {
    reader: Reader,
    /// The readings' spool, to read from beside the projector.
    spool: Mutex<SpoolTail<D>>,
    journal_id: Name,
    looking: Semaphore,
}

impl<D: Disk> Seam<D> {
    /// `connection` names the role that may only read, `journal_id` the journal that fills the spool.
    #[must_use]
    pub fn new(connection: Connection, spool: SpoolTail<D>, journal_id: Name) -> Seam<D> {
        let (reader, spool) = (Reader::new(connection), Mutex::new(spool));
        Seam { reader, spool, journal_id, looking: Semaphore::new(LOOKING_MAX) }
    }

    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What the database says, if it says anything in time: a frozen one must not hold up what the spool can tell.
    async fn asked(&self, ask: &Ask) -> Result<AsOf<Stored>, StoreError> {
        let late = || StoreError::Wait(format!("no answer within {ANSWER_S} s"));
        tokio::time::timeout(Duration::from_secs(ANSWER_S), self.stored(ask)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn stored(&self, ask: &Ask) -> Result<AsOf<Stored>, StoreError> {
        let point = [ask.enterprise.as_str(), ask.point.as_str()];
        // Asked for is `event < to`; the reader's bounds are both included.
        let span = Span { from: ask.from, to: ask.to.plus(-1), limit: ask.limit };
        let sample_us = match ask.detail {
            Detail::Buckets(width_us) => {
                let found = self.reader.buckets(point, &whole(&span, width_us), width_us).await?;
                return Ok(AsOf {
                    journal_id: found.journal_id,
                    applied_seq: found.applied_seq,
                    what: Stored { rows: Vec::new(), buckets: found.what },
                });
            }
            Detail::Sampled(width_us) => Some(width_us),
            Detail::Every => None,
        };
        let found = self.reader.readings(point, &span, sample_us).await?;
        let what = Stored { rows: found.what, buckets: Vec::new() };
        Ok(AsOf { journal_id: found.journal_id, applied_seq: found.applied_seq, what })
    }

    /// The rows behind `after_seq`, read on a thread that may wait for the disk.
    async fn waiting(&self, ask: &Ask, after_seq: u64) -> Result<Found, StoreError> {
        let failed = |e: String| StoreError::Wait(format!("the spool cannot be read: {e}"));
        let _one_of_few = self.looking.acquire().await.map_err(|e| failed(e.to_string()))?;
        let mut tail = self.spool.lock().unwrap_or_else(PoisonError::into_inner).another();
        let span = match ask.detail {
            Detail::Buckets(width_us) => {
                let whole = whole(&Span { from: ask.from, to: ask.to.plus(-1), limit: 0 }, width_us);
                [whole.from, whole.to.plus(1)]
            }
            Detail::Every | Detail::Sampled(_) => [ask.from, ask.to],
        };
        let number = ask.number;
        let found = tokio::task::spawn_blocking(move || recent::read(&mut tail, number, after_seq, span)).await;
        found.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))
    }

    /// The past of a point. Without the database it is what the spool still holds, and `sources` says so; an error means
    /// that not even the spool can be read.
    pub async fn past(&self, ask: &Ask) -> Result<Told, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let stored = self.asked(ask).await;
            let (stored, applied_seq, problem) = match stored {
                // Another journal's position says nothing about our spool: all of it is looked at, and what the database has
                // as well is told once.
                Ok(found) if found.journal_id != (self.journal_id)() => {
                    let problem = match found.journal_id.as_str() {
                        "" => "the database has not been written to yet".to_owned(),
                        other => format!("the database was filled from journal {other}"),
                    };
                    (found.what, None, problem)
                }
                Ok(found) => (found.what, Some(found.applied_seq), String::new()),
                Err(e) => (Stored::default(), None, e.to_string()),
            };
            let found = self.waiting(ask, applied_seq.unwrap_or(0)).await?;
            let base = self.spool.lock().unwrap_or_else(PoisonError::into_inner).base();
            let whole = applied_seq.is_none_or(|applied| base <= applied);
            if !whole && tries < TRIES {
                continue;
            }
            let complete = found.complete && whole && applied_seq.is_some();
            let (spool_after_seq, spool_to_seq) = (found.after_seq, found.to_seq);
            let sources = Sources { applied_seq, problem, spool_after_seq, spool_to_seq, complete };
            return Ok(told(ask, stored, found, sources));
        }
    }
}

/// From the database: rows or buckets, as was asked.
#[derive(Default)]
struct Stored {
    rows: Vec<StoredReading>,
    buckets: Vec<Bucket>,
}

/// Both parts as one, each reading once.
fn told(ask: &Ask, stored: Stored, found: Found, sources: Sources) -> Told {
    let mut rows = match ask.detail {
        Detail::Every => past::join(stored.rows, found.rows),
        Detail::Sampled(width_us) => past::sample(past::join(stored.rows, found.rows), ask.from, width_us),
        Detail::Buckets(width_us) => {
            let mut buckets = past::add(stored.buckets, &found.rows, width_us);
            buckets.truncate(ask.limit as usize);
            return Told { rows: Vec::new(), buckets, sources };
        }
    };
    rows.truncate(ask.limit as usize);
    Told { rows, buckets: Vec::new(), sources }
}

/// The span of all buckets that are touched, both ends included.
fn whole(span: &Span, width_us: i64) -> Span {
    let down = |at: Micros| at.plus(at.since(Micros(past::ORIGIN_US)).rem_euclid(width_us).saturating_neg());
    Span { from: down(span.from), to: down(span.to).plus(width_us.saturating_sub(1)), limit: span.limit }
}
