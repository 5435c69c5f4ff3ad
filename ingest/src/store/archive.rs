//! The archive in PostgreSQL: claims a lane, and applies chunks of it, each in one transaction that moves the lane's
//! position by compare-and-set. Must not know where records come from, nor when to try again. I/O.

use super::business;
use super::capability::{Capability, detect};
use super::connection::{Connection, Purpose};
use super::days::Days;
use super::error::{Fate, StoreError, describe, fate};
use super::lane::{Applied, Archive, Counts, Lane, LaneRecord, Position, READINGS_BYTES_MAX};
use super::migrate;
use super::points::PointMap;
use super::readings::{COPY, Rows, Way};
use super::recover::record_gap;
use super::refusal::{Ours, judge};
use super::words::{from_sql, to_sql};
use super::work::{Care, Work};
use crate::fault;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::{Client, Error, Row, Statement, Transaction};

/// A transaction that takes longer hangs: the connection is given up, and the next claim tells what became of it.
const APPLY_S: u64 = 600;
const CHECK_S: u64 = 5;
/// One row of `projection_batch` counts this many transactions at most, so that the table stays small at rest.
const RUN_TRANSACTIONS_MAX: u32 = 500;

/// One lane over its own connection.
pub struct PostgresArchive {
    connection: Connection,
    lane: Lane,
    session: Option<Session>,
    capability: Option<Capability>,
}

impl PostgresArchive {
    /// Connects at the first claim, not here.
    #[must_use]
    pub fn new(connection: Connection, lane: Lane) -> PostgresArchive {
        PostgresArchive { connection, lane, session: None, capability: None }
    }
}

impl Archive for PostgresArchive {
    async fn claim(&mut self, ours: &Ours<'_>) -> Result<Position, StoreError> {
        self.session = None;
        let mut client = self.connection.open(Purpose::Project(self.lane)).await?;
        migrate::require(&client).await.map_err(|e| at(&self.connection, e))?;
        let mut capability = detect(&client).await?;
        if self.lane == Lane::Readings {
            capability.prove_direct(&mut client).await;
        }
        if self.capability.as_ref() != Some(&capability) {
            tracing::info!(lane = self.lane.name(), tier = capability.tier.name(), reason = %capability.reason,
                server = %capability.server, timescaledb = capability.timescaledb.as_deref().unwrap_or("none"),
                licence = capability.licence.as_deref().unwrap_or("none"), preloaded = ?capability.preloaded,
                workers = ?capability.workers, "database found");
        }
        self.capability = Some(capability.clone());
        let position = take(&mut client, self.lane, ours).await?;
        self.session = Some(Session::open(client, self.lane, capability, &position).await?);
        Ok(position)
    }

    async fn apply(&mut self, from: &Position, chunk: &[LaneRecord]) -> Result<Applied, StoreError> {
        let Some(session) = &mut self.session else {
            return Err(StoreError::Wait(format!("lane {} is not claimed", self.lane)));
        };
        let applied = tokio::time::timeout(Duration::from_secs(APPLY_S), session.apply(from, chunk)).await;
        let applied = applied.unwrap_or_else(|_| Err(StoreError::Wait(format!("no answer within {APPLY_S} s"))));
        match applied {
            // After anything else nobody knows what the transaction did: only a new claim tells.
            Ok(_) | Err(StoreError::NotYet(_) | StoreError::Refuse(_)) => applied,
            Err(e) => {
                self.session = None;
                Err(at(&self.connection, e))
            }
        }
    }

    fn readings_bytes_max(&self) -> usize {
        self.capability.as_ref().map_or(READINGS_BYTES_MAX, Capability::readings_bytes_max)
    }

    fn capability(&self) -> Option<Capability> {
        self.capability.clone()
    }

    async fn check(&mut self) -> Result<(), StoreError> {
        let Some(session) = &self.session else { return Ok(()) };
        let answer = tokio::time::timeout(Duration::from_secs(CHECK_S), session.client.simple_query("")).await;
        let checked = match answer {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(e)) => StoreError::from(e),
            Err(_) => StoreError::Wait(format!("no answer within {CHECK_S} s")),
        };
        self.session = None;
        Err(at(&self.connection, checked))
    }
}

fn at(connection: &Connection, e: StoreError) -> StoreError {
    match e {
        StoreError::Wait(text) => StoreError::Wait(format!("{connection}: {text}")),
        other => other,
    }
}

/// The position in a row of (journal_id, applied_seq, record_crc, late_until, owner_epoch).
pub fn read_position(lane: Lane, row: &Row) -> Result<Position, Error> {
    let record_crc: Option<i64> = row.try_get(2)?;
    Ok(Position {
        lane,
        journal_id: row.try_get(0)?,
        applied_seq: from_sql(row.try_get(1)?),
        record_crc: record_crc.and_then(|crc| u32::try_from(crc).ok()),
        late_until: from_sql(row.try_get(3)?),
        owner_epoch: from_sql(row.try_get(4)?),
    })
}

/// Puts a lane where `position` says; whether it may stand there has been decided.
pub async fn write_position(tx: &Transaction<'_>, position: &Position) -> Result<(), Error> {
    tx.execute(
        "UPDATE projection SET journal_id = $2, applied_seq = $3, record_crc = $4, late_until = $5, \
                owner_epoch = $6, updated_at = now() WHERE lane = $1",
        &[
            &position.lane.name(),
            &position.journal_id,
            &to_sql(position.applied_seq),
            &position.record_crc.map(i64::from),
            &to_sql(position.late_until),
            &to_sql(position.owner_epoch),
        ],
    )
    .await?;
    Ok(())
}

/// Judges the stored position and takes the lane by raising its owner epoch. The row's lock makes a transaction of the
/// former owner that is still under way end first.
async fn take(client: &mut Client, lane: Lane, ours: &Ours<'_>) -> Result<Position, StoreError> {
    let tx = client.transaction().await?;
    let row = tx
        .query_opt(
            "SELECT journal_id, applied_seq, record_crc, late_until, owner_epoch FROM projection \
             WHERE lane = $1 FOR UPDATE",
            &[&lane.name()],
        )
        .await?;
    let Some(row) = row else {
        return Err(StoreError::Wait(format!("table projection has no row for lane {lane}")));
    };
    let stored = read_position(lane, &row)?;
    let mut position = match judge(&stored, ours) {
        Ok(position) => position,
        Err(refusal) => {
            // Said aloud, not left to the drop: the row's lock must be gone when the caller hears of it.
            tx.rollback().await?;
            return Err(StoreError::Refuse(refusal));
        }
    };
    position.owner_epoch = stored.owner_epoch.saturating_add(1);
    if position.applied_seq > stored.applied_seq {
        let given_up = [Some(stored.applied_seq.saturating_add(1)), Some(position.applied_seq)];
        record_gap(&tx, &position, given_up, "given up unprojected: the data directory was full (shed_history)")
            .await?;
        tracing::error!(
            lane = lane.name(),
            from = stored.applied_seq.saturating_add(1),
            to = position.applied_seq,
            "effects given up for want of room are recorded as a gap"
        );
    }
    write_position(&tx, &position).await?;
    tx.commit().await?;
    Ok(position)
}

/// Moves the position and books the counts; no row when the position is not the expected one any more.
/// With it go the marks of the minutes whose rollups are to be made again.
const ADVANCE: &str = "WITH moved AS (UPDATE projection SET applied_seq = $4, record_crc = $5, updated_at = now() \
     WHERE lane = $1 AND journal_id = $2 AND applied_seq = $3 AND owner_epoch = $6 RETURNING 1), \
     marked AS (INSERT INTO rollup_dirty SELECT unnest($14::timestamptz[]) FROM moved) \
     INSERT INTO projection_batch AS b (lane, journal_id, first_seq, last_seq, transactions, fast, late_inserted, \
                                   late_duplicate, duplicate, effects, rejected) \
     SELECT $1, $2, $7, $4, 1, $8, $9, $10, $11, $12, $13 FROM moved \
     ON CONFLICT (lane, journal_id, first_seq) DO UPDATE SET last_seq = excluded.last_seq, \
         transactions = b.transactions + 1, fast = b.fast + excluded.fast, \
         late_inserted = b.late_inserted + excluded.late_inserted, \
         late_duplicate = b.late_duplicate + excluded.late_duplicate, duplicate = b.duplicate + excluded.duplicate, \
         effects = b.effects + excluded.effects, rejected = b.rejected + excluded.rejected, at = now()";

struct Session {
    client: Client,
    lane: Lane,
    way: Arc<Way>,
    advance: Statement,
    points: PointMap,
    days: Days,
    /// First seq of the current row of `projection_batch`, and its transactions so far.
    run: Option<(u64, u32)>,
}

/// Why a transaction did not happen.
enum Failure {
    Statement(Error),
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Statement(e)
    }
}

impl Session {
    async fn open(
        client: Client,
        lane: Lane,
        capability: Capability,
        position: &Position,
    ) -> Result<Session, StoreError> {
        let copy = client.prepare(COPY).await?;
        let advance = client.prepare(ADVANCE).await?;
        let points = match lane {
            Lane::Readings => PointMap::load(&client, &position.journal_id).await?,
            Lane::Business => PointMap::default(),
        };
        let days = Days::new(capability.parts);
        Ok(Session { client, lane, way: Arc::new(Way { copy, capability }), advance, points, days, run: None })
    }

    async fn apply(&mut self, from: &Position, chunk: &[LaneRecord]) -> Result<Applied, StoreError> {
        let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else {
            return Err(StoreError::Wait("an empty chunk cannot be applied".to_owned()));
        };
        let work = self.prepare(from, chunk).await?;
        let to = Position { applied_seq: last.seq, record_crc: Some(last.journal_crc), ..from.clone() };
        let (run_first, run_transactions) = match self.run {
            Some((first, transactions)) if transactions < RUN_TRANSACTIONS_MAX => (first, transactions),
            _ => (first.seq, 0),
        };
        let done = match self.transact([from, &to], &work, run_first, Care::Whole).await {
            Err(Failure::Statement(e)) if fate(&e) == Fate::Poison => {
                tracing::warn!(lane = self.lane.name(), error = %describe(&e), "the database refuses an effect");
                // A partition that somebody dropped looks like a refused row; preparing again makes it anew.
                self.days.forget();
                let work = self.prepare(from, chunk).await?;
                self.transact([from, &to], &work, run_first, Care::Bisect).await
            }
            done => done,
        };
        match done {
            Ok((counts, rejected)) => {
                self.run = Some((run_first, run_transactions.saturating_add(1)));
                Ok(Applied { position: to, counts, rejected })
            }
            Err(Failure::Statement(e)) => Err(e.into()),
            Err(Failure::Store(e)) => Err(e),
        }
    }

    /// Decodes the chunk, and sees to points and partitions before the transaction begins.
    async fn prepare(&mut self, from: &Position, chunk: &[LaneRecord]) -> Result<Work, StoreError> {
        match self.lane {
            Lane::Business => Ok(Work::Business { effects: business::collect(chunk)? }),
            Lane::Readings => {
                let mut rows = Rows::collect(from, chunk)?;
                self.points.learn(&self.client, &from.journal_id, &rows.unknown(&self.points)).await?;
                rows.place(&self.points);
                self.days.ensure(&self.client, &rows.days).await?;
                self.days.summarize(&self.client, &rows.late_days).await?;
                self.days.written(&rows.days, rows.rows.len() as u64);
                Ok(Work::Readings { rows: Box::new(rows), way: self.way.clone() })
            }
        }
    }

    async fn transact(
        &mut self,
        [from, to]: [&Position; 2],
        work: &Work,
        run_first: u64,
        care: Care,
    ) -> Result<(Counts, Option<String>), Failure> {
        let tx = self.client.transaction().await?;
        let (counts, rejected) = work.write(&tx, &from.journal_id, care).await?;
        let moved = tx
            .execute(
                &self.advance,
                &[
                    &from.lane.name(),
                    &from.journal_id,
                    &to_sql(from.applied_seq),
                    &to_sql(to.applied_seq),
                    &to.record_crc.map(i64::from),
                    &to_sql(from.owner_epoch),
                    &to_sql(run_first),
                    &to_sql(counts.fast),
                    &to_sql(counts.late_inserted),
                    &to_sql(counts.late_duplicate),
                    &to_sql(counts.duplicate),
                    &to_sql(counts.effects),
                    &to_sql(counts.rejected),
                    &work.minutes(),
                ],
            )
            .await?;
        if moved == 0 {
            tx.rollback().await?;
            return self.explain(to).await;
        }
        fault::point("store.before_commit");
        tx.commit().await?;
        fault::point("store.after_commit");
        Ok((counts, rejected))
    }

    /// The position was not where it was expected. Exactly at our target under our epoch: an earlier try of ours had
    /// succeeded and only its reply was lost, and its counts are booked. Anything else is another owner.
    async fn explain(&self, to: &Position) -> Result<(Counts, Option<String>), Failure> {
        let row = self
            .client
            .query_one(
                "SELECT journal_id, applied_seq, record_crc, late_until, owner_epoch FROM projection WHERE lane = $1",
                &[&to.lane.name()],
            )
            .await?;
        let found = read_position(to.lane, &row)?;
        if found == *to {
            return Ok((Counts::default(), None));
        }
        let show = |p: &Position| format!("journal {} seq {} epoch {}", p.journal_id, p.applied_seq, p.owner_epoch);
        Err(Failure::Store(StoreError::Fenced { lane: to.lane.name(), expected: show(to), found: show(&found) }))
    }
}
