//! What was known of days at some record or time, what changed it later, and sealed figures; and what a recovery reads of
//! all this. Read-only. Must not know how figures are made of days. I/O.

use super::error::StoreError;
use super::query::Reader;
use super::recover::{micros, micros_some};
use super::stamp::Stamp;
use super::words::{day_to_sql, from_sql, parse_day_cause, parse_filing_kind, to_sql};
use alerting::alarm::Object;
use alerting::coverage::{AcceptanceChange, CoverageDay, DayCause, DayFigure, Minutes, Samples, SealedDay, Unit};
use alerting::day::Day;
use alerting::filings::{Filing, Planned};
use alerting::input::AdoptedLedger;
use bytes::Bytes;
use rules::reading::Micros;
use tokio_postgres::{Client, Row};

/// As of when what is known is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Newest,
    /// What was known at that time.
    At(Micros),
    /// What was known when that record of the journal had been stepped. Other journals are older ones.
    Seq {
        journal_id: String,
        seq: u64,
    },
}

/// A version of a day that is not its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayChange {
    pub unit: Unit,
    pub day: Day,
    pub seq: u64,
    pub at: Micros,
    pub cause: DayCause,
    pub before: Minutes,
    pub after: Minutes,
}

/// The key and the time of a version, in the order in which they became known.
const NEWEST_FIRST: &str = "known_at DESC, seq DESC, idx DESC";
/// Under the parameters 1 to 3 of `Known::params`.
const KNOWN: &str = "($1::text IS NULL OR journal_id <> $1 OR seq <= $2) AND known_at <= $3";
const FIGURE: &str = "enterprise, sector, town, day - date '1970-01-01', seq, known_at, in_scope, connected, simulated, \
     reported, lost, excused, system, outside, good, received, timely, expected, counted";

impl Known {
    fn params(&self) -> (Option<&str>, i64, Stamp) {
        match self {
            Known::Newest => (None, 0, Stamp(i64::MAX)),
            Known::At(at) => (None, 0, Stamp(at.0)),
            Known::Seq { journal_id, seq } => (Some(journal_id), to_sql(*seq), Stamp(i64::MAX)),
        }
    }
}

impl Reader {
    /// The days `from..=to` of all units, or of one sector, as they were known: the newest version of each, by day and
    /// unit.
    pub async fn days_known(
        &self,
        (from, to): (Day, Day),
        sector: Option<&str>,
        known: &Known,
    ) -> Result<Vec<DayFigure>, StoreError> {
        let (journal_id, seq, at) = known.params();
        let sql = format!(
            "SELECT DISTINCT ON (day, enterprise, sector) {FIGURE} FROM coverage_day \
             WHERE {KNOWN} AND day BETWEEN date '1970-01-01' + $4::int4 AND date '1970-01-01' + $5::int4 \
               AND ($6::text IS NULL OR sector = $6) ORDER BY day, enterprise, sector, {NEWEST_FIRST}"
        );
        let client = self.client().await?;
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&journal_id, &seq, &at, &day_to_sql(from), &day_to_sql(to), &sector];
        let rows = client.query(&sql, &params).await?;
        rows.iter().map(read_figure).collect()
    }

    /// One unit's day whole, as it was known, with the record that made it known.
    pub async fn day_known(
        &self,
        unit: &Unit,
        day: Day,
        known: &Known,
    ) -> Result<Option<(u64, CoverageDay)>, StoreError> {
        let (journal_id, seq, at) = known.params();
        let sql = format!(
            "SELECT {FIGURE}, {WHOLE} FROM coverage_day WHERE {KNOWN} AND day = date '1970-01-01' + $4::int4 \
             AND enterprise = $5 AND sector = $6 ORDER BY {NEWEST_FIRST} LIMIT 1"
        );
        let client = self.client().await?;
        let row =
            client.query_opt(&sql, &[&journal_id, &seq, &at, &day_to_sql(day), &unit.enterprise, &unit.sector]).await?;
        row.as_ref().map(read_whole).transpose()
    }

    /// What versions later than a day's first one changed, newest first, at most `limit`.
    pub async fn day_changes(
        &self,
        (from, to): (Day, Day),
        known: &Known,
        limit: u32,
    ) -> Result<Vec<DayChange>, StoreError> {
        let (journal_id, seq, at) = known.params();
        let sql = format!(
            "SELECT enterprise, sector, day - date '1970-01-01', seq, known_at, cause, reported, lost, excused, system, \
                    outside, was_reported, was_lost, was_excused, was_system, was_outside \
             FROM (SELECT *, row_number() OVER w AS version, lag(reported) OVER w AS was_reported, \
                          lag(lost) OVER w AS was_lost, lag(excused) OVER w AS was_excused, \
                          lag(system) OVER w AS was_system, lag(outside) OVER w AS was_outside \
                   FROM coverage_day \
                   WHERE {KNOWN} AND day BETWEEN date '1970-01-01' + $4::int4 AND date '1970-01-01' + $5::int4 \
                   WINDOW w AS (PARTITION BY day, enterprise, sector ORDER BY known_at, seq, idx)) v \
             WHERE version > 1 ORDER BY {NEWEST_FIRST} LIMIT $6"
        );
        let client = self.client().await?;
        let rows = client
            .query(&sql, &[&journal_id, &seq, &at, &day_to_sql(from), &day_to_sql(to), &i64::from(limit)])
            .await?;
        rows.iter().map(read_change).collect()
    }

    /// The newest signature of each unit, or its end.
    pub async fn acceptances(&self) -> Result<Vec<AcceptanceChange>, StoreError> {
        let client = self.client().await?;
        let rows = client
            .query(
                "SELECT DISTINCT ON (enterprise, sector) enterprise, sector, at, by, comment, accepted, permille \
                 FROM acceptance ORDER BY enterprise, sector, at DESC, seq DESC, idx DESC",
                &[],
            )
            .await?;
        rows.iter().map(read_acceptance).collect()
    }

    /// The sealed figure of a day, byte for byte.
    pub async fn sealed(&self, day: Day) -> Result<Option<SealedDay>, StoreError> {
        let client = self.client().await?;
        let sql = "SELECT at, figures FROM coverage_sealed WHERE day = date '1970-01-01' + $1::int4";
        let Some(row) = client.query_opt(sql, &[&day_to_sql(day)]).await? else { return Ok(None) };
        let figures: &[u8] = row.try_get(1)?;
        Ok(Some(SealedDay { day, at: micros(&row, 0)?, figures: Bytes::copy_from_slice(figures) }))
    }
}

/// What `davy recover adopt` reads of coverage: filings, acceptances in their order, and the newest version of
/// each day from `from` on. Hazards and figures are another table's.
pub async fn adopt_coverage(client: &Client, from: Day, ledger: &mut AdoptedLedger) -> Result<(), StoreError> {
    let rows = client
        .query(
            "SELECT id, kind, enterprise, equipment, point, from_at, to_at, reason, idle_check, filed_by, filed_at, \
                    withdrawn_at, kw FROM filing ORDER BY id",
            &[],
        )
        .await?;
    ledger.filings = rows.iter().map(read_filing).collect::<Result<_, _>>()?;
    let rows = client
        .query(
            "SELECT enterprise, sector, at, by, comment, accepted, permille FROM acceptance ORDER BY at, seq, idx",
            &[],
        )
        .await?;
    ledger.acceptances = rows.iter().map(read_acceptance).collect::<Result<_, _>>()?;
    let sql = format!(
        "SELECT DISTINCT ON (day, enterprise, sector) {FIGURE}, {WHOLE} FROM coverage_day \
         WHERE day >= date '1970-01-01' + $1::int4 ORDER BY day, enterprise, sector, {NEWEST_FIRST}"
    );
    let rows = client.query(&sql, &[&day_to_sql(from)]).await?;
    ledger.days = rows.iter().map(|row| Ok(read_whole(row)?.1)).collect::<Result<_, StoreError>>()?;
    Ok(())
}

/// Behind `FIGURE`.
const WHOLE: &str = "cause, registry, reported_map, excused_map, system_map, points::text";

fn unit(row: &Row) -> Result<Unit, StoreError> {
    Ok(Unit { enterprise: row.try_get(0)?, sector: row.try_get(1)? })
}

fn read_figure(row: &Row) -> Result<DayFigure, StoreError> {
    let count = |column: usize| row.try_get::<_, i64>(column).map(from_sql);
    Ok(DayFigure {
        unit: unit(row)?,
        town: row.try_get(2)?,
        day: Day(row.try_get(3)?),
        seq: from_sql(row.try_get(4)?),
        at: micros(row, 5)?,
        in_scope: row.try_get(6)?,
        connected: row.try_get(7)?,
        simulated: row.try_get(8)?,
        minutes: read_minutes(row, 9)?,
        samples: Samples {
            good: count(14)?,
            received: count(15)?,
            timely: count(16)?,
            expected: count(17)?,
            counted: count(18)?,
        },
    })
}

/// Reported, lost, excused, system and outside, from `column` on.
fn read_minutes(row: &Row, column: usize) -> Result<Minutes, StoreError> {
    let minutes = |n: usize| -> Result<u16, StoreError> {
        let minutes: i32 = row.try_get(column.saturating_add(n))?;
        Ok(u16::try_from(minutes).unwrap_or(0))
    };
    Ok(Minutes {
        reported: minutes(0)?,
        lost: minutes(1)?,
        excused: minutes(2)?,
        system: minutes(3)?,
        outside: minutes(4)?,
    })
}

fn read_cause(name: &str) -> Result<DayCause, StoreError> {
    parse_day_cause(name).ok_or_else(|| unknown("coverage_day", name))
}

fn unknown(table: &str, what: &str) -> StoreError {
    StoreError::Wait(format!("table {table} has {what}, which this davy does not know"))
}

fn read_whole(row: &Row) -> Result<(u64, CoverageDay), StoreError> {
    let DayFigure { unit, town, day, seq, at, in_scope, connected, simulated, minutes, samples } = read_figure(row)?;
    let map = |column: usize| row.try_get::<_, &[u8]>(column).map(Bytes::copy_from_slice);
    let points: &str = row.try_get(24)?;
    let whole = CoverageDay {
        unit,
        town,
        day,
        at,
        cause: read_cause(row.try_get(19)?)?,
        registry: row.try_get(20)?,
        in_scope,
        connected,
        simulated,
        minutes,
        samples,
        reported: map(21)?,
        excused: map(22)?,
        system: map(23)?,
        points: serde_json::from_str(points).map_err(|e| unknown("coverage_day", &format!("points ({e})")))?,
    };
    Ok((seq, whole))
}

fn read_change(row: &Row) -> Result<DayChange, StoreError> {
    Ok(DayChange {
        unit: unit(row)?,
        day: Day(row.try_get(2)?),
        seq: from_sql(row.try_get(3)?),
        at: micros(row, 4)?,
        cause: read_cause(row.try_get(5)?)?,
        after: read_minutes(row, 6)?,
        before: read_minutes(row, 11)?,
    })
}

pub(super) fn read_filing(row: &Row) -> Result<Filing, StoreError> {
    let (kind, kw): (&str, Option<i32>) = (row.try_get(1)?, row.try_get(12)?);
    Ok(Filing {
        id: from_sql(row.try_get(0)?),
        planned: Planned {
            kind: parse_filing_kind(kind, kw).ok_or_else(|| unknown("filing", kind))?,
            object: Object { enterprise: row.try_get(2)?, equipment: row.try_get(3)?, point: row.try_get(4)? },
            from: micros(row, 5)?,
            to: micros(row, 6)?,
            reason: row.try_get(7)?,
            idle_check: row.try_get(8)?,
        },
        filed_by: row.try_get(9)?,
        filed_at: micros(row, 10)?,
        withdrawn_at: micros_some(row, 11)?,
    })
}

fn read_acceptance(row: &Row) -> Result<AcceptanceChange, StoreError> {
    let permille: i32 = row.try_get(6)?;
    Ok(AcceptanceChange {
        unit: unit(row)?,
        at: micros(row, 2)?,
        by: row.try_get(3)?,
        comment: row.try_get(4)?,
        accepted: row.try_get(5)?,
        permille: u16::try_from(permille).unwrap_or(0),
    })
}
