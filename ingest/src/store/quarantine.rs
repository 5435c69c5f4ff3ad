//! What was refused: searched, shown whole, and read again in its order when it may fit after all; which rows are done
//! with is written beside them, since they are evidence and never change. Must not know formats. I/O.

use super::business::Placed;
use super::error::StoreError;
use super::query::Reader;
use super::recover::micros;
use super::stamp::Stamp;
use super::words::{clean, from_sql, to_sql};
use rules::reading::Micros;
use serde::Serialize;
use std::borrow::Cow;
use tokio_postgres::{Error, Row, Transaction};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantinedMessage {
    pub journal_id: String,
    pub seq: u64,
    pub index: u64,
    pub received: Micros,
    pub topic: String,
    /// As much of it as was asked for.
    pub payload: Vec<u8>,
    pub payload_len: u64,
    /// Which reading of the message; `None` = the whole message.
    pub reading_index: Option<u64>,
    pub reason: String,
    pub detail: String,
    /// How many readings came of it after all; `None` = it still lies there.
    pub replayed: Option<u64>,
}

/// A page of quarantine ends here; the next one begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QuarantineMark {
    pub received: Micros,
    pub seq: u64,
    pub index: u64,
}

/// Which rows. `None` = all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    pub reason: Option<String>,
    /// The topic begins so.
    pub topic: Option<String>,
    pub enterprise: Option<String>,
    pub gateway: Option<String>,
    /// `from <= received < to`.
    pub from: Option<Micros>,
    pub to: Option<Micros>,
    /// Stands somewhere in the detail, in any case.
    pub text: Option<String>,
}

/// A row of quarantine that has been read after all, and the effect that says so.
pub(super) struct Done<'a> {
    pub placed: &'a Placed,
    pub journal_id: &'a str,
    pub seq: u64,
    pub index: u32,
    pub readings: u32,
}

impl QuarantinedMessage {
    #[must_use]
    pub fn mark(&self) -> QuarantineMark {
        QuarantineMark { received: self.received, seq: self.seq, index: self.index }
    }
}

pub(super) async fn write_done(tx: &Transaction<'_>, journal_id: &str, done: &[Done<'_>]) -> Result<(), Error> {
    if done.is_empty() {
        return Ok(());
    }
    let of: Vec<Cow<'_, str>> = done.iter().map(|d| clean(d.journal_id)).collect();
    let seq: Vec<i64> = done.iter().map(|d| to_sql(d.seq)).collect();
    let idx: Vec<i64> = done.iter().map(|d| i64::from(d.index)).collect();
    let readings: Vec<i64> = done.iter().map(|d| i64::from(d.readings)).collect();
    let by_seq: Vec<i64> = done.iter().map(|d| to_sql(d.placed.seq)).collect();
    let by_idx: Vec<i64> = done.iter().map(|d| i64::from(d.placed.index)).collect();
    tx.execute(
        "INSERT INTO quarantine_replay (by_journal, journal_id, seq, idx, readings, by_seq, by_idx) \
         SELECT $1, * FROM unnest($2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[]) \
         ON CONFLICT DO NOTHING",
        &[&journal_id, &of, &seq, &idx, &readings, &by_seq, &by_idx],
    )
    .await?;
    Ok(())
}

/// Rows with their replay, under the filter's seven parameters.
const FILTERED: &str = "\
    FROM quarantine q LEFT JOIN quarantine_replay r USING (journal_id, seq, idx) \
    WHERE ($1::text IS NULL OR reason = $1) AND ($2::text IS NULL OR starts_with(topic, $2)) \
      AND ($3::text IS NULL OR split_part(topic, '/', 3) = $3) \
      AND ($4::text IS NULL OR split_part(topic, '/', 4) = $4) \
      AND received >= $5 AND received < $6 \
      AND ($7::text IS NULL OR position(lower($7) IN lower(detail)) > 0)";

const COLUMNS: &str = "journal_id, seq, idx, received, topic, octet_length(payload), reading_index, reason, detail, \
    r.readings";

impl Reader {
    /// Rows of quarantine, newest first, with the beginning of their payload; `before` is the mark of the last one of
    /// the page before.
    pub async fn quarantine(
        &self,
        filter: &QuarantineFilter,
        before: Option<QuarantineMark>,
        (limit, payload_max): (u32, u32),
    ) -> Result<Vec<QuarantinedMessage>, StoreError> {
        let client = self.client().await?;
        let before = before.unwrap_or(QuarantineMark { received: Micros::MAX, seq: u64::MAX, index: u64::MAX });
        let sql = format!(
            "SELECT {COLUMNS}, substring(payload FROM 1 FOR $12) {FILTERED} \
             AND (received, seq, idx) < ($8, $9, $10) ORDER BY received DESC, seq DESC, idx DESC LIMIT $11"
        );
        let (from, to) = span(filter);
        let payload_max = i32::try_from(payload_max).unwrap_or(i32::MAX);
        let rows = client
            .query(
                &sql,
                &[
                    &filter.reason,
                    &filter.topic,
                    &filter.enterprise,
                    &filter.gateway,
                    &from,
                    &to,
                    &filter.text,
                    &Stamp(before.received.0),
                    &to_sql(before.seq),
                    &to_sql(before.index),
                    &i64::from(limit),
                    &payload_max,
                ],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// One row with the whole bytes of its message. Where several journals have the key, the one received last.
    pub async fn quarantined(&self, seq: u64, index: u64) -> Result<Option<QuarantinedMessage>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "SELECT {COLUMNS}, payload FROM quarantine q LEFT JOIN quarantine_replay r USING (journal_id, seq, idx) \
             WHERE seq = $1 AND idx = $2 ORDER BY received DESC LIMIT 1"
        );
        let Some(row) = client.query_opt(&sql, &[&to_sql(seq), &to_sql(index)]).await? else { return Ok(None) };
        let mut message = read(&row)?;
        message.payload = self.bytes_of(&message).await?;
        message.payload_len = message.payload.len() as u64;
        Ok(Some(message))
    }

    /// The bytes of a row's message. One full of mistakes carries them in its first row, not in each.
    pub async fn bytes_of(&self, row: &QuarantinedMessage) -> Result<Vec<u8>, StoreError> {
        if row.reading_index.is_none() || !row.payload.is_empty() {
            return Ok(row.payload.clone());
        }
        let carrier = self
            .client()
            .await?
            .query_opt(
                "SELECT payload FROM quarantine WHERE journal_id = $1 AND seq = $2 AND idx < $3 AND topic = $4 \
                 AND received = $5 AND payload <> '' ORDER BY idx DESC LIMIT 1",
                &[&row.journal_id, &to_sql(row.seq), &to_sql(row.index), &row.topic, &Stamp(row.received.0)],
            )
            .await?;
        Ok(carrier.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    /// Rows that were not read after all yet, whole and oldest first, after `after`; nothing from later records of the
    /// journal in use than `until`, so that what a replay puts aside itself does not come round again.
    pub async fn waiting(
        &self,
        filter: &QuarantineFilter,
        after: Option<QuarantineMark>,
        (journal_id, until, limit): (&str, u64, u32),
    ) -> Result<Vec<QuarantinedMessage>, StoreError> {
        let client = self.client().await?;
        let after = after.unwrap_or(QuarantineMark { received: Micros::MIN, seq: 0, index: 0 });
        let sql = format!(
            "SELECT {COLUMNS}, payload {FILTERED} AND r.readings IS NULL AND (received, seq, idx) > ($8, $9, $10) \
             AND NOT (journal_id = $11 AND seq > $12) ORDER BY received, seq, idx LIMIT $13"
        );
        let (from, to) = span(filter);
        let rows = client
            .query(
                &sql,
                &[
                    &filter.reason,
                    &filter.topic,
                    &filter.enterprise,
                    &filter.gateway,
                    &from,
                    &to,
                    &filter.text,
                    &Stamp(after.received.0),
                    &to_sql(after.seq),
                    &to_sql(after.index),
                    &journal_id,
                    &to_sql(until),
                    &i64::from(limit),
                ],
            )
            .await?;
        rows.iter().map(read).collect()
    }
}

fn span(filter: &QuarantineFilter) -> (Stamp, Stamp) {
    (Stamp(filter.from.unwrap_or(Micros::MIN).0), Stamp(filter.to.unwrap_or(Micros::MAX).0))
}

fn read(row: &Row) -> Result<QuarantinedMessage, StoreError> {
    let payload_len: i32 = row.try_get(5)?;
    let reading_index: Option<i64> = row.try_get(6)?;
    let replayed: Option<i64> = row.try_get(9)?;
    Ok(QuarantinedMessage {
        journal_id: row.try_get(0)?,
        seq: from_sql(row.try_get(1)?),
        index: from_sql(row.try_get(2)?),
        received: micros(row, 3)?,
        topic: row.try_get(4)?,
        payload_len: from_sql(payload_len.into()),
        reading_index: reading_index.map(from_sql),
        reason: row.try_get(7)?,
        detail: row.try_get(8)?,
        replayed: replayed.map(from_sql),
        payload: row.try_get(10)?,
    })
}
