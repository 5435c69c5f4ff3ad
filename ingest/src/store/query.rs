//! Questions about the past: readings of a point, closed alarms, quarantine. Read-only role, bounded in time and rows.
//! What is live is answered from state, not from here. I/O.

use super::capability::{Capability, detect};
use super::connection::{Connection, Purpose};
use super::error::StoreError;
use super::recover::{ALARM, micros, micros_some, read_alarm};
use super::stamp::{Stamp, literal};
use super::words::{from_sql, to_sql};
use alerting::alarm::{Alarm, AlarmId};
use rules::reading::Micros;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio_postgres::{Client, Row};

/// One connection for all readers: their statements are pipelined, and the server is not flooded by browsers.
/// Reconnects when a question finds the connection gone.
pub struct Reader {
    connection: Connection,
    client: Mutex<Option<Arc<Client>>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredReading {
    pub event_time: Micros,
    /// As the device sent it; `None` when it sent none.
    pub device_time: Option<Micros>,
    pub received: Micros,
    pub value: f64,
    /// 0 good, 1 uncertain, 2 bad.
    pub quality: i16,
    /// Bits of `alerting::effect::FLAG_…`.
    pub flags: i16,
}

/// A piece of time of one point, rolled up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// Its beginning.
    pub at: Micros,
    pub count: u64,
    pub good_count: u64,
    /// Not bad: those that the figures below are of.
    pub used_count: u64,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub sum: Option<f64>,
    pub last: Option<f64>,
}

/// What the database says, and up to which record it had been told when it said so: one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct AsOf<T> {
    pub journal_id: String,
    pub applied_seq: u64,
    pub what: T,
}

/// What is asked of a point; both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Micros,
    pub to: Micros,
    /// At most so many rows.
    pub limit: u32,
}

impl Reader {
    /// Connects at the first question, not here. `connection` names the role `davy_read`.
    #[must_use]
    pub fn new(connection: Connection) -> Reader {
        Reader { connection, client: Mutex::new(None) }
    }

    pub async fn capability(&self) -> Result<Capability, StoreError> {
        detect(&*self.client().await?).await
    }

    /// Readings of a point in the order of event time; an unknown point has none. With `sample_us`, of each piece of that
    /// width only the lowest and the highest.
    pub async fn readings(
        &self,
        [enterprise, point]: [&str; 2],
        span: &Span,
        sample_us: Option<i64>,
    ) -> Result<AsOf<Vec<StoredReading>>, StoreError> {
        // Literal bounds, for the planner to leave other days alone. The position and the rows are of one snapshot, so
        // that nothing is missing and nothing twice where the spool goes on.
        let (from, to) = (literal(span.from.0), literal(span.to.0));
        let rows = format!(
            "SELECT event_time, device_time, received, value, quality, flags FROM public.reading WHERE point = \
             (SELECT id FROM point WHERE enterprise = $1 AND point = $2) AND event_time >= {from} AND event_time <= {to}"
        );
        let rows = match sample_us {
            None => rows,
            Some(width) => sampled(&rows, &from, width),
        };
        let sql = format!(
            "SELECT p.journal_id, p.applied_seq, r.* FROM projection p LEFT JOIN \
             (SELECT * FROM ({rows}) q ORDER BY event_time, received LIMIT $3) r ON true \
             WHERE p.lane = 'readings' ORDER BY r.event_time, r.received"
        );
        let client = self.client().await?;
        let rows = client.query(&sql, &[&enterprise, &point, &i64::from(span.limit)]).await?;
        as_of(&rows, read_reading)
    }

    /// A point's past in buckets of whole minutes or hours, those that `span` touches.
    pub async fn buckets(
        &self,
        [enterprise, point]: [&str; 2],
        span: &Span,
        width_us: i64,
    ) -> Result<AsOf<Vec<Bucket>>, StoreError> {
        let sql = "SELECT p.journal_id, p.applied_seq, b.* FROM projection p LEFT JOIN (SELECT b.* FROM point n, \
             davy_buckets(n.id, $3, $4, $5::int8 * interval '1 microsecond') b \
             WHERE n.enterprise = $1 AND n.point = $2 ORDER BY b.bucket LIMIT $6) b ON true \
             WHERE p.lane = 'readings' ORDER BY b.bucket";
        let client = self.client().await?;
        let (from, to, limit) = (Stamp(span.from.0), Stamp(span.to.0.saturating_add(1)), i64::from(span.limit));
        let rows = client.query(sql, &[&enterprise, &point, &from, &to, &width_us, &limit]).await?;
        as_of(&rows, read_bucket)
    }

    /// Closed alarms, newest first; `before` is the last one of the page before.
    pub async fn closed_alarms(&self, before: Option<(Micros, AlarmId)>, limit: u32) -> Result<Vec<Alarm>, StoreError> {
        let client = self.client().await?;
        let (at, id) = before.unwrap_or((Micros::MAX, AlarmId(u64::MAX)));
        let rows = client
            .query(
                &format!(
                    "{ALARM} WHERE closed_at IS NOT NULL AND (closed_at, id) < ($1, $2) \
                     ORDER BY closed_at DESC, id DESC LIMIT $3"
                ),
                &[&Stamp(at.0), &to_sql(id.0), &i64::from(limit)],
            )
            .await?;
        rows.iter().map(read_alarm).collect()
    }

    pub(super) async fn client(&self) -> Result<Arc<Client>, StoreError> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| !client.is_closed()) {
            return Ok(client.clone());
        }
        let client = Arc::new(self.connection.open(Purpose::Read).await?);
        *slot = Some(client.clone());
        Ok(client)
    }
}

/// Of each piece of `width` the lowest row and the highest; bad ones only where there is no better one.
fn sampled(rows: &str, from: &str, width_us: i64) -> String {
    let piece = format!("floor(extract(epoch FROM event_time - {from}) * 1000000 / {width_us})");
    format!(
        "SELECT event_time, device_time, received, value, quality, flags FROM (SELECT q.*, \
         row_number() OVER (PARTITION BY {piece} ORDER BY quality >= 2, value, event_time) AS low, \
         row_number() OVER (PARTITION BY {piece} ORDER BY quality >= 2, value DESC, event_time) AS high \
         FROM ({rows}) q) w WHERE low = 1 OR high = 1"
    )
}

/// Rows of (journal_id, applied_seq, a time that is null where there is nothing, ..).
fn as_of<T>(rows: &[Row], read: fn(&Row) -> Result<T, StoreError>) -> Result<AsOf<Vec<T>>, StoreError> {
    let Some(first) = rows.first() else {
        return Err(StoreError::Wait("table projection has no row for lane readings".to_owned()));
    };
    let (journal_id, applied_seq) = (first.try_get(0)?, from_sql(first.try_get(1)?));
    let mut what = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get::<_, Option<Stamp>>(2)?.is_some() {
            what.push(read(row)?);
        }
    }
    Ok(AsOf { journal_id, applied_seq, what })
}

fn read_reading(row: &Row) -> Result<StoredReading, StoreError> {
    Ok(StoredReading {
        event_time: micros(row, 2)?,
        device_time: micros_some(row, 3)?,
        received: micros(row, 4)?,
        value: row.try_get(5)?,
        quality: row.try_get(6)?,
        flags: row.try_get(7)?,
    })
}

fn read_bucket(row: &Row) -> Result<Bucket, StoreError> {
    Ok(Bucket {
        at: micros(row, 2)?,
        count: from_sql(row.try_get(3)?),
        good_count: from_sql(row.try_get(4)?),
        used_count: from_sql(row.try_get(5)?),
        min: row.try_get(6)?,
        max: row.try_get(7)?,
        sum: row.try_get(8)?,
        last: row.try_get(9)?,
    })
}
