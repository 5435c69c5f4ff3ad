//! What the console asks the database for, and nothing more. Must not know SQL or tables. Pure.

use alerting::command::Search;
use alerting::effect::Finding;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rules::reading::{Micros, PointId, Quality};
use thiserror::Error;

pub use crate::store::past::{Detail, Sources};

/// The past. Every call may fail while the database is away; callers say so and show what memory holds.
pub trait History: Send + Sync {
    /// One point's past with `from <= event < to`, oldest first, at most `limit` of them. An answer without the database
    /// says so in its sources; an error means that nothing can be said.
    fn readings(&self, ask: PointSpan) -> BoxFuture<'_, Result<Past, HistoryError>>;

    /// Refused messages and readings, newest first, at most `limit`, with the beginning of their bytes.
    fn quarantine(&self, ask: RefusedPage) -> BoxFuture<'_, Result<Vec<PastRefused>, HistoryError>>;

    /// One of them whole.
    fn refused(&self, seq: u64, index: u32) -> BoxFuture<'_, Result<Option<PastRefused>, HistoryError>>;

    /// Historical findings, newest first, at most `limit`.
    fn findings(&self, ask: FindingPage) -> BoxFuture<'_, Result<Vec<PastFinding>, HistoryError>>;
}

/// A page of what was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedPage {
    pub search: Search,
    /// The topic begins so.
    pub topic: Option<String>,
    /// Stands in the detail, in any case.
    pub text: Option<String>,
    /// The last one of the page before.
    pub before: Option<PageMark>,
    pub limit: u32,
}

/// A page of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingPage {
    pub enterprise: Option<String>,
    pub rule: Option<String>,
    pub before: Option<PageMark>,
    pub limit: u32,
}

/// Where a page ends: the time by which it is ordered, and the key of the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageMark {
    pub at: Micros,
    pub seq: u64,
    pub index: u32,
}

/// One finding of the past with its key.
#[derive(Clone, Debug, PartialEq)]
pub struct PastFinding {
    pub seq: u64,
    pub index: u32,
    pub finding: Finding,
}

/// A piece of a point's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointSpan {
    pub enterprise: String,
    pub point: String,
    pub from: Micros,
    pub to: Micros,
    pub limit: u32,
    /// Its number in the journal.
    pub number: PointId,
    pub detail: Detail,
}

/// What is known of the past, and from where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Unless buckets were asked for.
    pub readings: Vec<PastReading>,
    pub buckets: Vec<PastBucket>,
    pub sources: Sources,
}

/// A piece of time, rolled up. The figures are of readings that are not bad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PastBucket {
    pub at: Micros,
    pub count: u64,
    pub good_count: u64,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub avg: Option<f64>,
    pub last: Option<f64>,
}

/// One stored reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PastReading {
    /// As the device sent it; `None` when it sent none.
    pub device: Option<Micros>,
    /// The time it counts for.
    pub event: Micros,
    pub received: Micros,
    pub value: f64,
    pub quality: Quality,
}

/// One refused message or reading of the past. (`seq`, `index`) is the key of its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRefused {
    pub seq: u64,
    pub index: u32,
    pub received: Micros,
    pub topic: String,
    /// May be only the beginning; `payload_len` tells.
    pub payload: Bytes,
    pub payload_len: u64,
    pub reason: String,
    pub detail: String,
    /// Index of the reading in its message; `None` = the whole message.
    pub reading: Option<u32>,
    /// How many readings came of it after all.
    pub replayed: Option<u64>,
}

impl PastRefused {
    #[must_use]
    pub fn mark(&self) -> PageMark {
        PageMark { at: self.received, seq: self.seq, index: self.index }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// The world is wrong: again later.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// We are wrong: it answers, but not to this question.
    #[error("the database refused the question: {0}")]
    Failed(String),
}
