//! Recovery after the database and the data directory have come apart: what the database knows, and how a person's
//! decision is written into it. Must not decide anything by itself. I/O.

use super::archive::{read_position, write_position};
use super::business::{Numbered, number_points};
use super::coverage_past;
use super::error::StoreError;
use super::lane::{Lane, Position};
use super::ledger;
use super::migrate;
use super::stamp::Stamp;
use super::words::{clean, from_sql, parse_state, to_sql};
use alerting::alarm::{Alarm, AlarmId, Object};
use alerting::day::Day;
use alerting::input::{Adopted, AdoptedLedger};
use rules::reading::{Micros, PointId, Severity};
use rules::registry::Text;
use rules::view::PointKey;
use serde::Serialize;
use tokio_postgres::{Client, Error, Row, Transaction};

/// What the database says of itself, to be shown before anybody decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Survey {
    pub lanes: Vec<Position>,
    pub gaps: Vec<Gap>,
    pub points: u64,
    pub open_alarms: u64,
    pub rejected: u64,
}

/// Effects that were given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub lane: Lane,
    pub journal_id: String,
    pub from_seq: u64,
    /// `None`: the end died with the lost journal.
    pub to_seq: Option<u64>,
    pub reason: String,
}

pub async fn survey(client: &Client) -> Result<Survey, StoreError> {
    migrate::require(client).await?;
    let mut lanes = Vec::new();
    for lane in Lane::ALL {
        let row = client
            .query_one(
                "SELECT journal_id, applied_seq, record_crc, late_until, owner_epoch FROM projection WHERE lane = $1",
                &[&lane.name()],
            )
            .await?;
        lanes.push(read_position(lane, &row)?);
    }
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM point), (SELECT count(*) FROM alarm WHERE closed_at IS NULL), \
                    (SELECT count(*) FROM projection_rejected)",
            &[],
        )
        .await?;
    Ok(Survey {
        lanes,
        gaps: gaps(client).await?,
        points: from_sql(row.try_get(0)?),
        open_alarms: from_sql(row.try_get(1)?),
        rejected: from_sql(row.try_get(2)?),
    })
}

/// Every gap, oldest first.
pub async fn gaps(client: &Client) -> Result<Vec<Gap>, StoreError> {
    let rows =
        client.query("SELECT lane, journal_id, from_seq, to_seq, reason FROM projection_gap ORDER BY id", &[]).await?;
    let mut gaps = Vec::new();
    for row in rows {
        let lane: &str = row.try_get(0)?;
        let to_seq: Option<i64> = row.try_get(3)?;
        gaps.push(Gap {
            lane: Lane::parse(lane).ok_or_else(|| StoreError::Wait(format!("projection_gap names lane {lane}")))?,
            journal_id: row.try_get(1)?,
            from_seq: from_sql(row.try_get(2)?),
            to_seq: to_seq.map(from_sql),
            reason: row.try_get(4)?,
        });
    }
    Ok(gaps)
}

/// What a journal that takes this database over must know. Reads every reading once: minutes on a large archive.
pub async fn adopted(client: &Client) -> Result<Adopted, StoreError> {
    let rows = client
        .query(
            "SELECT p.enterprise, p.point, n.newest \
             FROM (SELECT point, max(event_time) AS newest FROM public.reading GROUP BY point) n \
             JOIN point p ON p.id = n.point ORDER BY p.enterprise, p.point",
            &[],
        )
        .await?;
    let mut newest = Vec::with_capacity(rows.len());
    for row in rows {
        let key = PointKey { enterprise: row.try_get(0)?, point: row.try_get(1)? };
        newest.push((key, micros(&row, 2)?));
    }
    let rows = client.query(&format!("{ALARM} WHERE closed_at IS NULL ORDER BY id"), &[]).await?;
    let open_alarms = rows.iter().map(read_alarm).collect::<Result<Vec<Alarm>, StoreError>>()?;
    let alarm_id_max: Option<i64> = client.query_one("SELECT max(id) FROM alarm", &[]).await?.try_get(0)?;
    Ok(Adopted { newest, open_alarms, alarm_id_max: alarm_id_max.map(|id| AlarmId(from_sql(id))) })
}

/// What a journal that takes this database over must know beside points and alarms: days of coverage from `from` on.
pub async fn ledger(client: &Client, from: Day) -> Result<AdoptedLedger, StoreError> {
    let mut ledger = AdoptedLedger::default();
    coverage_past::adopt_coverage(client, from, &mut ledger).await?;
    ledger.hazards = ledger::hazards(client).await?;
    ledger.figures = ledger::figures(client).await?;
    Ok(ledger)
}

/// A person's decision, made after the fold has journalled what was adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Another journal, beyond the head, wrong checksum: this journal takes the database over. Its readings up to
    /// `late_until`, the seq of the `Adopted` input, were classified without knowledge of the database.
    TakeOver { late_until: u64 },
    /// Rewound, hole: the same journal goes on from what the spool still holds, and what lies between is a gap.
    GoOn,
}

pub struct Reset<'a> {
    pub remedy: Remedy,
    /// The journal from now on.
    pub journal_id: &'a str,
    /// For each lane the base of its spool: every effect after it is still there.
    pub bases: [(Lane, u64); 2],
    /// Every number the fold has given, in service or not: the effects that gave them may be among the lost.
    pub points: &'a [(PointId, PointKey)],
    /// Why, for the record; shown by `davy store verify`.
    pub reason: &'a str,
}

/// Writes the decision, in one transaction; both lanes' owners are fenced off and claim anew. Needs the writer role.
/// Afterwards: `Memory::forget`, then nudge the projectors.
pub async fn reset(client: &mut Client, reset: &Reset<'_>) -> Result<Vec<Position>, StoreError> {
    let tx = client.transaction().await?;
    let numbered: Vec<Numbered<'_>> = reset
        .points
        .iter()
        .map(|(point, key)| Numbered {
            number: i64::from(point.0),
            enterprise: clean(&key.enterprise),
            point: clean(&key.point),
            seq: 0,
        })
        .collect();
    number_points(&tx, reset.journal_id, &numbered).await?;
    let mut positions = Vec::new();
    for (lane, base) in reset.bases {
        positions.push(reset_lane(&tx, reset, lane, base).await?);
    }
    tx.commit().await?;
    Ok(positions)
}

async fn reset_lane(tx: &Transaction<'_>, reset: &Reset<'_>, lane: Lane, base: u64) -> Result<Position, StoreError> {
    let row = tx
        .query_one(
            "SELECT journal_id, applied_seq, record_crc, late_until, owner_epoch FROM projection \
             WHERE lane = $1 FOR UPDATE",
            &[&lane.name()],
        )
        .await?;
    let former = read_position(lane, &row)?;
    let mut position = Position { owner_epoch: former.owner_epoch.saturating_add(1), ..former.clone() };
    position.journal_id = reset.journal_id.to_owned();
    match reset.remedy {
        // Effects are keyed by (journal, seq): under the same name those of two histories could not be told apart.
        Remedy::TakeOver { .. } if former.journal_id == reset.journal_id => {
            return Err(StoreError::Unfit(format!(
                "journal {} wrote this database and has forked from what it wrote: it needs a new journal id first",
                reset.journal_id
            )));
        }
        Remedy::TakeOver { late_until } => {
            (position.applied_seq, position.record_crc, position.late_until) = (base, None, late_until);
            if !former.journal_id.is_empty() {
                let lost = [Some(former.applied_seq.saturating_add(1)), None];
                record_gap(tx, &former, lost, reset.reason).await?;
            }
            if base > 0 {
                // Given up by our spool: applied to another archive, or shed for want of room.
                record_gap(tx, &position, [Some(1), Some(base)], reset.reason).await?;
            }
        }
        Remedy::GoOn if base > former.applied_seq => {
            (position.applied_seq, position.record_crc) = (base, None);
            let lost = [Some(former.applied_seq.saturating_add(1)), Some(base)];
            record_gap(tx, &position, lost, reset.reason).await?;
        }
        // Nothing is missing: the spool reaches back to where the database stands.
        Remedy::GoOn => {}
    }
    write_position(tx, &position).await?;
    Ok(position)
}

/// Books effects that this archive will never have.
pub async fn record_gap(
    tx: &Transaction<'_>,
    of: &Position,
    [from_seq, to_seq]: [Option<u64>; 2],
    reason: &str,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO projection_gap (lane, journal_id, from_seq, to_seq, reason) VALUES ($1, $2, $3, $4, $5)",
        &[&of.lane.name(), &of.journal_id, &from_seq.map(to_sql), &to_seq.map(to_sql), &clean(reason)],
    )
    .await?;
    Ok(())
}

/// All columns of an alarm, for `read_alarm`.
pub const ALARM: &str = "SELECT id, rule, severity, state, enterprise, equipment, point, value, worst, limit_value, \
     since, raised_at, last_at, acked_at, acked_by, cleared_at, closed_at, count, rule_set, name_zh, name_en, \
     text_zh, text_en FROM alarm";

/// An alarm as it was projected.
pub fn read_alarm(row: &Row) -> Result<Alarm, StoreError> {
    let id = AlarmId(from_sql(row.try_get(0)?));
    let (severity, state): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
    let unknown = |what: &str| StoreError::Wait(format!("alarm {} has {what}, which this davy does not know", id.0));
    let count: i64 = row.try_get(17)?;
    Ok(Alarm {
        id,
        rule: row.try_get(1)?,
        severity: Severity::parse(severity).ok_or_else(|| unknown(severity))?,
        state: parse_state(state).ok_or_else(|| unknown(state))?,
        object: Object { enterprise: row.try_get(4)?, equipment: row.try_get(5)?, point: row.try_get(6)? },
        value: row.try_get(7)?,
        worst: row.try_get(8)?,
        limit: row.try_get(9)?,
        since: micros(row, 10)?,
        raised_at: micros(row, 11)?,
        last_at: micros(row, 12)?,
        acked_at: micros_some(row, 13)?,
        acked_by: row.try_get(14)?,
        cleared_at: micros_some(row, 15)?,
        closed_at: micros_some(row, 16)?,
        count: u32::try_from(count).unwrap_or(u32::MAX),
        rule_set: row.try_get(18)?,
        name: Text { zh: row.try_get(19)?, en: row.try_get(20)? },
        text: Text { zh: row.try_get(21)?, en: row.try_get(22)? },
    })
}

/// The instant in a column.
pub fn micros(row: &Row, column: usize) -> Result<Micros, Error> {
    let stamp: Stamp = row.try_get(column)?;
    Ok(Micros(stamp.0))
}

/// The instant in a column that may be null.
pub fn micros_some(row: &Row, column: usize) -> Result<Option<Micros>, Error> {
    let stamp: Option<Stamp> = row.try_get(column)?;
    Ok(stamp.map(|stamp| Micros(stamp.0)))
}
