//! What a transaction has to write, in either lane, and how a poisoned effect in it is found and set aside.
//! Must not move the position. I/O.

use super::business::{self, Placed};
use super::capability::Rollups;
use super::error::{Fate, describe, fate, sqlstate};
use super::lane::{Counts, Lane};
use super::readings::{Rows, Way};
use super::stamp::Stamp;
use super::words::{clean, to_sql};
use std::ops::Range;
use std::sync::Arc;
use tokio_postgres::{Error, Transaction};

pub enum Work {
    Readings { rows: Box<Rows>, way: Arc<Way> },
    Business { effects: Vec<Placed> },
}

/// An effect that PostgreSQL will never take.
struct SetAside {
    seq: u64,
    index: u32,
    sqlstate: String,
    message: String,
    payload: Vec<u8>,
}

/// How the transaction goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// All at once; an error ends the transaction.
    Whole,
    /// Halving behind savepoints, after `Whole` met poison.
    Bisect,
}

impl Work {
    fn lane(&self) -> Lane {
        match self {
            Work::Readings { .. } => Lane::Readings,
            Work::Business { .. } => Lane::Business,
        }
    }

    /// The minutes whose rollups are to be made again.
    pub fn minutes(&self) -> Vec<Stamp> {
        match self {
            Work::Readings { rows, way } if way.capability.rollups == Rollups::Davy => {
                rows.minutes.iter().map(|minute| Stamp(*minute)).collect()
            }
            Work::Readings { .. } | Work::Business { .. } => Vec::new(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Work::Readings { rows, .. } => rows.rows.len(),
            Work::Business { effects } => effects.len(),
        }
    }

    /// Writes everything, and returns what was written and why an effect was set aside, if one was.
    pub async fn write(
        &self,
        tx: &Transaction<'_>,
        journal_id: &str,
        care: Care,
    ) -> Result<(Counts, Option<String>), Error> {
        let (mut counts, mut aside) = match care {
            Care::Whole => (self.write_range(tx, journal_id, 0..self.len()).await?, Vec::new()),
            Care::Bisect => self.bisect(tx, journal_id).await?,
        };
        if let Work::Readings { rows, .. } = self {
            counts.duplicate = rows.duplicate;
            aside.extend(rows.doomed.iter().map(|(row, reason)| SetAside {
                seq: row.seq,
                index: row.index,
                sqlstate: String::new(),
                message: (*reason).to_owned(),
                payload: row.bytes(),
            }));
        }
        counts.rejected = aside.len() as u64;
        self.record(tx, journal_id, &aside).await?;
        let last = aside.last().map(|a| format!("effect {}.{}: {}", a.seq, a.index, a.message));
        Ok((counts, last))
    }

    async fn write_range(&self, tx: &Transaction<'_>, journal_id: &str, range: Range<usize>) -> Result<Counts, Error> {
        match self {
            Work::Readings { rows, way } => rows.write(tx, way, range).await,
            Work::Business { effects } => {
                let effects = effects.get(range).unwrap_or_default();
                business::write(tx, journal_id, effects).await?;
                Ok(Counts { effects: effects.len() as u64, ..Counts::default() })
            }
        }
    }

    /// Halves whatever is refused until single effects are left, and writes all others in their order.
    async fn bisect(&self, tx: &Transaction<'_>, journal_id: &str) -> Result<(Counts, Vec<SetAside>), Error> {
        let mut counts = Counts::default();
        let mut aside = Vec::new();
        let mut open = Vec::new();
        open.push(0..self.len());
        while let Some(range) = open.pop() {
            tx.batch_execute("SAVEPOINT effects").await?;
            match self.write_range(tx, journal_id, range.clone()).await {
                Ok(written) => {
                    tx.batch_execute("RELEASE SAVEPOINT effects").await?;
                    counts.add(&written);
                }
                Err(e) if fate(&e) == Fate::Poison => {
                    tx.batch_execute("ROLLBACK TO SAVEPOINT effects; RELEASE SAVEPOINT effects").await?;
                    if range.len() > 1 {
                        let middle = range.start.saturating_add(range.len() / 2);
                        open.push(middle..range.end);
                        open.push(range.start..middle);
                    } else if let Some(effect) = self.set_aside(range.start, &e) {
                        self.give_up(tx, journal_id, range.start).await?;
                        aside.push(effect);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok((counts, aside))
    }

    fn set_aside(&self, at: usize, e: &Error) -> Option<SetAside> {
        let (seq, index, payload) = match self {
            Work::Readings { rows, .. } => {
                let row = rows.rows.get(at)?;
                (row.seq, row.index, row.bytes())
            }
            Work::Business { effects } => {
                let placed = effects.get(at)?;
                (placed.seq, placed.index, postcard::to_stdvec(&placed.effect).unwrap_or_default())
            }
        };
        Some(SetAside { seq, index, sqlstate: sqlstate(e).to_owned(), message: describe(e), payload })
    }

    async fn give_up(&self, tx: &Transaction<'_>, journal_id: &str, at: usize) -> Result<(), Error> {
        match self {
            Work::Business { effects } => match effects.get(at) {
                Some(placed) => business::give_up_point(tx, journal_id, placed).await,
                None => Ok(()),
            },
            Work::Readings { .. } => Ok(()),
        }
    }

    async fn record(&self, tx: &Transaction<'_>, journal_id: &str, aside: &[SetAside]) -> Result<(), Error> {
        if aside.is_empty() {
            return Ok(());
        }
        let seq: Vec<i64> = aside.iter().map(|a| to_sql(a.seq)).collect();
        let idx: Vec<i64> = aside.iter().map(|a| i64::from(a.index)).collect();
        let state: Vec<&str> = aside.iter().map(|a| a.sqlstate.as_str()).collect();
        let message: Vec<_> = aside.iter().map(|a| clean(&a.message)).collect();
        let payload: Vec<&[u8]> = aside.iter().map(|a| &a.payload[..]).collect();
        tx.execute(
            "INSERT INTO projection_rejected (lane, journal_id, seq, idx, sqlstate, message, payload) \
             SELECT $1, $2, * FROM unnest($3::int8[], $4::int8[], $5::text[], $6::text[], $7::bytea[])",
            &[&self.lane().name(), &journal_id, &seq, &idx, &state, &message, &payload],
        )
        .await?;
        Ok(())
    }
}
