//! The two lanes of the projection, their records and positions, and the three doors a projector works through.
//! Must not know SQL. Pure.

use super::capability::Capability;
use super::error::StoreError;
use super::refusal::Ours;
use crate::spool::shed::Span;
use alerting::effect::{Business, StoredReadings};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use std::io;

/// Business (alarms, quarantine, registry) has its own lane, so that an alarm's row never waits behind readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    Readings,
    Business,
}

impl Lane {
    pub const ALL: [Lane; 2] = [Lane::Readings, Lane::Business];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Lane::Readings => "readings",
            Lane::Business => "business",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| lane.name() == name)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A chunk of readings is about 20,000 rows (some 40 bytes each in the spool): where COPY is at its best, and still a
/// short transaction.
pub const READINGS_BYTES_MAX: usize = 800 * 1024;

/// The effects of one journal record in one lane, as the spool holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRecord {
    pub seq: u64,
    /// Checksum of the journal's record `seq`.
    pub journal_crc: u32,
    /// Postcard: `StoredReadings` in the readings lane, `Vec<(u32, Business)>` in the business lane.
    pub payload: Vec<u8>,
}

impl LaneRecord {
    /// The record of the readings lane, decoded; columns of unequal length are an error too.
    pub fn readings(&self) -> Result<StoredReadings, String> {
        let stored: StoredReadings = postcard::from_bytes(&self.payload).map_err(|e| e.to_string())?;
        for columns in [&stored.fast, &stored.late] {
            let rows = columns.len();
            let lengths = [
                columns.event_us.len(),
                columns.value.len(),
                columns.quality.len(),
                columns.device_us.len(),
                columns.received_us.len(),
                columns.flags.len(),
            ];
            if lengths.iter().any(|length| *length != rows) {
                return Err(format!("columns of unequal length: {rows} and {lengths:?}"));
            }
        }
        Ok(stored)
    }

    /// The record of the business lane, decoded: each effect with its index.
    pub fn business(&self) -> Result<Vec<(u32, Business)>, String> {
        postcard::from_bytes(&self.payload).map_err(|e| e.to_string())
    }
}

/// Where a lane stands in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub lane: Lane,
    /// Empty: nothing was ever applied here.
    pub journal_id: String,
    /// Every effect up to this seq is applied.
    pub applied_seq: u64,
    /// Checksum of the journal's record `applied_seq`; `None` when it is not known (0, or set by a recovery).
    pub record_crc: Option<u32>,
    /// Records up to this seq were classified by a fold that did not know this archive: compare all their readings.
    pub late_until: u64,
    /// Fencing token.
    pub owner_epoch: u64,
}

/// What one transaction did; sums in `Progress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Readings copied without a look.
    pub fast: u64,
    /// Readings compared and found new.
    pub late_inserted: u64,
    /// Readings compared and found stored already.
    pub late_duplicate: u64,
    /// Readings the fold had dropped as duplicates.
    pub duplicate: u64,
    /// Effects of the business lane.
    pub effects: u64,
    /// Effects set aside in `projection_rejected`.
    pub rejected: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        self.fast = self.fast.saturating_add(other.fast);
        self.late_inserted = self.late_inserted.saturating_add(other.late_inserted);
        self.late_duplicate = self.late_duplicate.saturating_add(other.late_duplicate);
        self.duplicate = self.duplicate.saturating_add(other.duplicate);
        self.effects = self.effects.saturating_add(other.effects);
        self.rejected = self.rejected.saturating_add(other.rejected);
    }
}

/// A chunk is in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub position: Position,
    pub counts: Counts,
    /// Why an effect was set aside, the last of the chunk; for the system alarm.
    pub rejected: Option<String>,
}

/// Where effects end up: PostgreSQL, or the simulation's stand-in. One value serves one lane.
pub trait Archive: Send {
    /// Reads the lane's position, judges it with `refusal::judge`, and only if that agrees raises the owner epoch and
    /// takes the lane. A refused claim changes nothing.
    fn claim(&mut self, ours: &Ours<'_>) -> impl Future<Output = Result<Position, StoreError>> + Send;

    /// Applies `chunk` (not empty, ascending, all after `from`) in one transaction that also moves the position.
    /// After `Wait` or `Fenced` the position is not known any more: claim again.
    fn apply(
        &mut self,
        from: &Position,
        chunk: &[LaneRecord],
    ) -> impl Future<Output = Result<Applied, StoreError>> + Send;

    /// How much of the readings' spool makes a good transaction, now that the archive is known.
    fn readings_bytes_max(&self) -> usize {
        READINGS_BYTES_MAX
    }

    /// What the last claim found the archive to be; `None` before, and for archives that have nothing to say.
    fn capability(&self) -> Option<Capability> {
        None
    }

    /// Asked when there was nothing to apply for a while: is the archive still there?
    fn check(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The lane's spool, seen by its projector. Records may be sparse: a seq without effects in the lane has none.
pub trait Backlog: Send {
    /// Every effect after this seq is still here; 0 = nothing was ever dropped.
    fn base(&self) -> u64;

    /// What was given up for want of room: a hole that lies in there is known, and recorded instead of refused.
    fn shed(&self) -> io::Result<Vec<Span>> {
        Ok(Vec::new())
    }

    /// Every effect up to this seq can be read; moved by whoever appends.
    fn head(&self) -> tokio::sync::watch::Receiver<u64>;

    /// The records after `seq`, oldest first, until `bytes_max` is reached (one at least, if there is one).
    fn read_after(&mut self, seq: u64, bytes_max: usize) -> io::Result<Vec<LaneRecord>>;

    /// The archive holds everything up to `seq`: what lies before may be dropped.
    fn release(&mut self, seq: u64) -> io::Result<()>;
}

/// The journal, as far as a projector must know it.
pub trait Evidence: Send + Sync {
    fn journal_id(&self) -> String;
    /// The newest durable seq.
    fn head(&self) -> u64;
    /// Checksum of a record; `None` when the journal no longer holds it.
    fn checksum(&self, seq: u64) -> Option<u32>;
}
