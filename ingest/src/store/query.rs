//! Questions about the past: readings of a point, closed alarms, quarantine. Read-only role, bounded in time and rows.
//! What is live is answered from state, not from here. I/O.

use super::capability::{Capability, detect};
use super::connection::{Connection, Purpose};
use super::error::StoreError;
use super::recover::{ALARM, micros, micros_some, read_alarm};
use super::stamp::{Stamp, literal};
use super::words::to_sql;
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

    /// Readings of a point in the order of event time; an unknown point has none.
    pub async fn readings(&self, enterprise: &str, point: &str, span: &Span) -> Result<Vec<StoredReading>, StoreError> {
        let client = self.client().await?;
        let found = client
            .query_opt("SELECT id FROM point WHERE enterprise = $1 AND point = $2", &[&enterprise, &point])
            .await?;
        let Some(found) = found else { return Ok(Vec::new()) };
        let id: i32 = found.try_get(0)?;
        // Literal bounds, for the planner to leave other days alone.
        let sql = format!(
            "SELECT event_time, device_time, received, value, quality, flags FROM public.reading \
             WHERE point = $1 AND event_time >= {} AND event_time <= {} ORDER BY event_time, received LIMIT $2",
            literal(span.from.0),
            literal(span.to.0)
        );
        let rows = client.query(&sql, &[&id, &i64::from(span.limit)]).await?;
        rows.iter().map(read_reading).collect()
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

fn read_reading(row: &Row) -> Result<StoredReading, StoreError> {
    Ok(StoredReading {
        event_time: micros(row, 0)?,
        device_time: micros_some(row, 1)?,
        received: micros(row, 2)?,
        value: row.try_get(3)?,
        quality: row.try_get(4)?,
        flags: row.try_get(5)?,
    })
}
