//! The proof of direct-to-columnstore COPY: one batch, a look at the chunk it made, and back again.
//! Must not decide what follows from it. I/O.

use super::readings::{COPY, Row, copy};
use super::stamp::DAY_US;
use alerting::effect::NO_TIME;
use tokio_postgres::{Client, Error, Statement, Transaction};

/// `client_sorted` stays off: TimescaleDB would believe it, and our rows are in no order of points.
pub const DIRECT_ON: &str = "SET LOCAL timescaledb.enable_direct_compress_copy = on; \
                             SET LOCAL timescaledb.enable_direct_compress_copy_client_sorted = off";
pub const DIRECT_OFF: &str = "SET LOCAL timescaledb.enable_direct_compress_copy = off";

/// A day on which no reading can lie (1970-01-02): its chunk is new, and nobody waits for its lock.
const DAY: i64 = 1;
/// The rows are of so many points, as in real traffic.
const POINTS: i32 = 500;

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landed {
    Columnstore,
    /// So many of it, or all, lie in the row store.
    Rows {
        rows: i64,
    },
}

/// Copies `rows` rows into a day of their own and looks. Always rolled back.
pub async fn direct_copy(client: &mut Client, rows: usize) -> Result<Landed, Error> {
    let statement = client.prepare(COPY).await?;
    let tx = client.transaction().await?;
    let landed = copy_and_look(&tx, &statement, rows).await;
    tx.rollback().await?;
    landed
}

async fn copy_and_look(tx: &Transaction<'_>, statement: &Statement, rows: usize) -> Result<Landed, Error> {
    tx.batch_execute(DIRECT_ON).await?;
    let batch: Vec<Row> = (0..POINTS).cycle().zip(0_i64..).take(rows).map(|(point, i)| row(point, i)).collect();
    copy(tx, statement, &batch).await?;
    look(tx, rows).await
}

/// Where the `rows` rows of that day lie.
pub async fn look(tx: &Transaction<'_>, rows: usize) -> Result<Landed, Error> {
    let chunk = tx
        .query_opt(
            "SELECT format('%I.%I', chunk_schema, chunk_name), is_compressed FROM timescaledb_information.chunks \
             WHERE hypertable_schema = 'public' AND hypertable_name = 'reading' \
               AND range_start <= timestamptz '1970-01-02 12:00+00' AND range_end > timestamptz '1970-01-02 12:00+00'",
            &[],
        )
        .await?;
    let all = i64::try_from(rows).unwrap_or(i64::MAX);
    let Some(chunk) = chunk else { return Ok(Landed::Rows { rows: all }) };
    let (name, compressed): (String, bool) = (chunk.try_get(0)?, chunk.try_get(1)?);
    if !compressed {
        return Ok(Landed::Rows { rows: all });
    }
    // ONLY leaves the columns out: what is left are rows.
    let left: i64 = tx.query_one(&format!("SELECT count(*) FROM ONLY {name}"), &[]).await?.try_get(0)?;
    Ok(if left == 0 { Landed::Columnstore } else { Landed::Rows { rows: left } })
}

fn row(point: i32, i: i64) -> Row {
    // Twelve o'clock and a few seconds: within the day, whatever the number of rows.
    let event_us = DAY * DAY_US + DAY_US / 2 + i.saturating_mul(1_000);
    Row {
        seq: 0,
        index: 0,
        number: 0,
        point,
        event_us,
        value: 1.0,
        device_us: NO_TIME,
        received_us: event_us,
        quality: 0,
        flags: 1,
    }
}
