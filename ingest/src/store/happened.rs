//! What happened beside readings, as far as the database tells: registries and rule sets that came into force, filings,
//! signatures under alarms, times in which Davy could not hear. For backtests. Must not know what becomes of it. I/O.

use super::coverage_past::read_filing;
use super::error::StoreError;
use super::recover::micros;
use super::stamp::Stamp;
use alerting::alarm::Object;
use alerting::filings::Filing;
use alerting::system::{AWAY, BROKER_LINK};
use rules::reading::Micros;
use rules::registry::Text;
use rules::view::PointKey;
use tokio_postgres::{Client, Row};

/// A version that came into force; `content` are its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub version: String,
    pub at: Micros,
    pub content: Vec<u8>,
}

/// A person signed for the alarm that a rule had on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub at: Micros,
    pub by: String,
    pub comment: String,
    pub rule: String,
    pub object: Object,
    /// As `alarm_event.cause` spells it.
    pub cause: String,
}

/// What the record has of an alarm of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct OnRecord {
    pub rule: String,
    pub name: Text,
    pub severity: String,
    pub state: String,
    pub object: Object,
    pub value: Option<f64>,
    pub limit: Option<f64>,
    /// When the breach began, and when that became an alarm.
    pub since: Micros,
    pub raised_at: Micros,
    /// Content hash of the rule set; empty for Davy's own alarms.
    pub rule_set: String,
}

/// Davy could not hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deaf {
    LinkDown,
    LinkUp,
    /// It came back then.
    WasAway,
}

/// Every registry that came into force, in the order of their first time.
pub async fn registries(client: &Client) -> Result<Vec<Registered>, StoreError> {
    let rows = client.query("SELECT version, at, content FROM registry ORDER BY at, version", &[]).await?;
    let read = |row: &Row| {
        Ok(Registered { version: row.try_get(0)?, at: micros(row, 1)?, content: row.try_get::<_, Vec<u8>>(2)? })
    };
    rows.iter().map(read).collect()
}

/// The rule sets that came into force, in the order of their first time: (version, when).
pub async fn rule_sets(client: &Client) -> Result<Vec<(String, Micros)>, StoreError> {
    let rows = client.query("SELECT version, at FROM rule_set ORDER BY at, version", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, micros(row, 1)?))).collect()
}

/// The database's point numbers and names.
pub async fn points(client: &Client) -> Result<Vec<(i32, PointKey)>, StoreError> {
    let rows = client.query("SELECT id, enterprise, point FROM point ORDER BY id", &[]).await?;
    let read = |row: &Row| Ok((row.try_get(0)?, PointKey { enterprise: row.try_get(1)?, point: row.try_get(2)? }));
    rows.iter().map(read).collect()
}

/// Filings made before `to` that end after `from`, in the order in which they were made.
pub async fn filings(client: &Client, [from, to]: [Micros; 2]) -> Result<Vec<Filing>, StoreError> {
    let rows = client
        .query(
            "SELECT id, kind, enterprise, equipment, point, from_at, to_at, reason, idle_check, filed_by, filed_at, \
                    withdrawn_at, kw FROM filing WHERE filed_at < $2 AND to_at >= $1 ORDER BY filed_at, id",
            &[&Stamp(from.0), &Stamp(to.0)],
        )
        .await?;
    rows.iter().map(read_filing).collect()
}

/// What people said of alarms of rules in `from <= t < to`, in that order.
pub async fn signatures(client: &Client, [from, to]: [Micros; 2]) -> Result<Vec<Signed>, StoreError> {
    let rows = client
        .query(
            "SELECT e.at, coalesce(e.by, ''), coalesce(e.comment, ''), a.rule, a.enterprise, a.equipment, a.point, \
                    e.cause FROM alarm_event e JOIN alarm a ON a.id = e.alarm \
             WHERE e.at >= $1 AND e.at < $2 AND e.cause IN ('acknowledged', 'reset') AND a.rule_set <> '' \
             ORDER BY e.at, e.seq, e.idx",
            &[&Stamp(from.0), &Stamp(to.0)],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Signed {
            at: micros(row, 0)?,
            by: row.try_get(1)?,
            comment: row.try_get(2)?,
            rule: row.try_get(3)?,
            object: Object { enterprise: row.try_get(4)?, equipment: row.try_get(5)?, point: row.try_get(6)? },
            cause: row.try_get(7)?,
        })
    };
    rows.iter().map(read).collect()
}

/// When the link to the broker went and came, and when Davy came back after an absence of a minute or more: shorter ones
/// leave no trace in the database.
pub async fn outages(client: &Client, [from, to]: [Micros; 2]) -> Result<Vec<(Micros, Deaf)>, StoreError> {
    let rows = client
        .query(
            "SELECT e.at, a.rule, e.cause FROM alarm_event e JOIN alarm a ON a.id = e.alarm \
             WHERE e.at >= $1 AND e.at < $2 AND a.rule IN ($3, $4) \
               AND e.cause IN ('raised', 'breached_again', 'returned') ORDER BY e.at, e.seq, e.idx",
            &[&Stamp(from.0), &Stamp(to.0), &BROKER_LINK, &AWAY],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let (rule, cause): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
        let what = match (rule == AWAY, cause == "returned") {
            (true, false) => Deaf::WasAway,
            // The fold finds out by itself when it has caught up.
            (true, true) => continue,
            (false, false) => Deaf::LinkDown,
            (false, true) => Deaf::LinkUp,
        };
        found.push((micros(row, 0)?, what));
    }
    Ok(found)
}

/// An alarm by its number.
pub async fn alarm(client: &Client, id: i64) -> Result<Option<OnRecord>, StoreError> {
    let row = client
        .query_opt(
            "SELECT rule, name_zh, name_en, severity, state, enterprise, equipment, point, value, limit_value, since, \
                    raised_at, rule_set FROM alarm WHERE id = $1",
            &[&id],
        )
        .await?;
    let read = |row: Row| {
        Ok(OnRecord {
            rule: row.try_get(0)?,
            name: Text { zh: row.try_get(1)?, en: row.try_get(2)? },
            severity: row.try_get(3)?,
            state: row.try_get(4)?,
            object: Object { enterprise: row.try_get(5)?, equipment: row.try_get(6)?, point: row.try_get(7)? },
            value: row.try_get(8)?,
            limit: row.try_get(9)?,
            since: micros(&row, 10)?,
            raised_at: micros(&row, 11)?,
            rule_set: row.try_get(12)?,
        })
    };
    row.map(read).transpose()
}

/// How far the database has been told of readings: (applied record, rows refused for ever, recorded gaps).
pub async fn completeness(client: &Client) -> Result<[i64; 3], StoreError> {
    let row = client
        .query_one(
            "SELECT (SELECT applied_seq FROM projection WHERE lane = 'readings'), \
                    (SELECT count(*) FROM projection_rejected WHERE lane = 'readings'), \
                    (SELECT count(*) FROM projection_gap WHERE lane = 'readings')",
            &[],
        )
        .await?;
    Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])
}
