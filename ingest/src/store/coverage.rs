//! What was known when of each enterprise's days, acceptances, filings and sealed figures: written as the fold says it,
//! every version kept. Must not know how a day is judged. I/O.

use super::business::Placed;
use super::stamp::Stamp;
use super::words::{clean, clean_some, day_cause_name, day_to_sql, to_sql};
use alerting::coverage::{AcceptanceChange, CoverageDay, PointDay, SealedDay};
use alerting::effect::Business;
use alerting::filings::{Filing, FilingChange};
use std::borrow::Cow;
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Transaction};

pub async fn write(tx: &Transaction<'_>, journal_id: &str, effects: &[&Placed]) -> Result<(), Error> {
    let (mut days, mut acceptances, mut filings, mut sealed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for placed in effects {
        match &placed.effect {
            Business::CoverageDay(day) => days.push((*placed, day.as_ref())),
            Business::Acceptance(change) => acceptances.push((*placed, change.as_ref())),
            Business::Filing(change) => filings.push((*placed, change.as_ref())),
            Business::Sealed(day) => sealed.push((*placed, day.as_ref())),
            _ => {}
        }
    }
    write_days(tx, journal_id, &days).await?;
    write_acceptances(tx, journal_id, &acceptances).await?;
    write_filing_events(tx, journal_id, &filings).await?;
    write_filings(tx, journal_id, &filings).await?;
    write_sealed(tx, journal_id, &sealed).await
}

type Column<'a> = Box<dyn ToSql + Sync + Send + 'a>;
type Said<'a, T> = (&'a Placed, &'a T);

/// The keys of effects, as the first two columns after the journal.
fn keys<T>(said: &[Said<'_, T>]) -> [Vec<i64>; 2] {
    let seq = said.iter().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx = said.iter().map(|(placed, _)| i64::from(placed.index)).collect();
    [seq, idx]
}

/// The columns of `coverage_day` after its key, in the order of `day_columns`, with their array types.
const DAY_COLUMNS: &[(&str, &str)] = &[
    ("enterprise", "text"),
    ("sector", "text"),
    ("town", "text"),
    ("day", "int4"),
    ("known_at", "timestamptz"),
    ("cause", "text"),
    ("registry", "text"),
    ("in_scope", "bool"),
    ("connected", "bool"),
    ("simulated", "bool"),
    ("reported", "int4"),
    ("lost", "int4"),
    ("excused", "int4"),
    ("system", "int4"),
    ("outside", "int4"),
    ("good", "int8"),
    ("received", "int8"),
    ("timely", "int8"),
    ("expected", "int8"),
    ("counted", "int8"),
    ("reported_map", "bytea"),
    ("excused_map", "bytea"),
    ("system_map", "bytea"),
    ("points", "text"),
];

fn day_columns<'a>(days: &[Said<'a, CoverageDay>]) -> Vec<Column<'a>> {
    fn column<'a, T: ToSql + Sync + Send + 'a>(
        days: &[Said<'a, CoverageDay>],
        get: impl Fn(&'a CoverageDay) -> T,
    ) -> Column<'a> {
        Box::new(days.iter().map(|(_, day)| get(day)).collect::<Vec<T>>())
    }
    vec![
        column(days, |d| clean(&d.unit.enterprise)),
        column(days, |d| clean(&d.unit.sector)),
        column(days, |d| clean(&d.town)),
        column(days, |d| day_to_sql(d.day)),
        column(days, |d| Stamp(d.at.0)),
        column(days, |d| day_cause_name(d.cause)),
        column(days, |d| clean(&d.registry)),
        column(days, |d| d.in_scope),
        column(days, |d| d.connected),
        column(days, |d| d.simulated),
        column(days, |d| i32::from(d.minutes.reported)),
        column(days, |d| i32::from(d.minutes.lost)),
        column(days, |d| i32::from(d.minutes.excused)),
        column(days, |d| i32::from(d.minutes.system)),
        column(days, |d| i32::from(d.minutes.outside)),
        column(days, |d| to_sql(d.samples.good)),
        column(days, |d| to_sql(d.samples.received)),
        column(days, |d| to_sql(d.samples.timely)),
        column(days, |d| to_sql(d.samples.expected)),
        column(days, |d| to_sql(d.samples.counted)),
        column(days, |d| &d.reported[..]),
        column(days, |d| &d.excused[..]),
        column(days, |d| &d.system[..]),
        column(days, |d| points_text(&d.points)),
    ]
}

/// `jsonb` refuses NUL as `text` does; numbers and plain structs cannot fail to become JSON.
fn points_text(points: &[PointDay]) -> String {
    let cleaned: Vec<PointDay> =
        points.iter().map(|point| PointDay { point: clean(&point.point).into_owned(), ..point.clone() }).collect();
    serde_json::to_string(&cleaned).unwrap_or_else(|_| "[]".to_owned())
}

fn day_statement() -> String {
    let names: Vec<&str> = DAY_COLUMNS.iter().map(|(name, _)| *name).collect();
    let arrays: Vec<String> =
        (4_u32..).zip(DAY_COLUMNS).map(|(number, (_, kind))| format!("${number}::{kind}[]")).collect();
    let picked: Vec<String> = DAY_COLUMNS
        .iter()
        .map(|(name, _)| match *name {
            "day" => "date '1970-01-01' + n.day".to_owned(),
            "points" => "n.points::jsonb".to_owned(),
            name => format!("n.{name}"),
        })
        .collect();
    let names = names.join(", ");
    format!(
        "INSERT INTO coverage_day (journal_id, seq, idx, {names}) SELECT $1, n.seq, n.idx, {} \
         FROM unnest($2::int8[], $3::int8[], {}) AS n (seq, idx, {names}) ON CONFLICT DO NOTHING",
        picked.join(", "),
        arrays.join(", ")
    )
}

async fn write_days(tx: &Transaction<'_>, journal_id: &str, days: &[Said<'_, CoverageDay>]) -> Result<(), Error> {
    if days.is_empty() {
        return Ok(());
    }
    let [seq, idx] = keys(days);
    let columns = day_columns(days);
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&journal_id, &seq, &idx];
    params.extend(columns.iter().map(|column| column.as_ref() as &(dyn ToSql + Sync)));
    tx.execute(&day_statement(), &params).await?;
    Ok(())
}

async fn write_acceptances(
    tx: &Transaction<'_>,
    journal_id: &str,
    changes: &[Said<'_, AcceptanceChange>],
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let [seq, idx] = keys(changes);
    let enterprise: Vec<_> = changes.iter().map(|(_, c)| clean(&c.unit.enterprise)).collect();
    let sector: Vec<_> = changes.iter().map(|(_, c)| clean(&c.unit.sector)).collect();
    let at: Vec<Stamp> = changes.iter().map(|(_, c)| Stamp(c.at.0)).collect();
    let by: Vec<_> = changes.iter().map(|(_, c)| clean(&c.by)).collect();
    let comment: Vec<_> = changes.iter().map(|(_, c)| clean(&c.comment)).collect();
    let accepted: Vec<bool> = changes.iter().map(|(_, c)| c.accepted).collect();
    let permille: Vec<i32> = changes.iter().map(|(_, c)| i32::from(c.permille)).collect();
    tx.execute(
        "INSERT INTO acceptance (journal_id, seq, idx, enterprise, sector, at, by, comment, accepted, permille) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], \
                                  $8::text[], $9::bool[], $10::int4[]) \
         ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &enterprise, &sector, &at, &by, &comment, &accepted, &permille],
    )
    .await?;
    Ok(())
}

async fn write_filing_events(
    tx: &Transaction<'_>,
    journal_id: &str,
    changes: &[Said<'_, FilingChange>],
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let [seq, idx] = keys(changes);
    let filing: Vec<i64> = changes.iter().map(|(_, c)| to_sql(c.filing.id)).collect();
    let at: Vec<Stamp> = changes.iter().map(|(_, c)| Stamp(c.at.0)).collect();
    let by: Vec<_> = changes.iter().map(|(_, c)| clean(&c.by)).collect();
    let comment: Vec<_> = changes.iter().map(|(_, c)| clean(&c.comment)).collect();
    let withdrawn: Vec<bool> = changes.iter().map(|(_, c)| c.filing.withdrawn_at.is_some()).collect();
    tx.execute(
        "INSERT INTO filing_event (journal_id, seq, idx, filing, at, by, comment, withdrawn) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::timestamptz[], $6::text[], $7::text[], \
                                  $8::bool[]) \
         ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &filing, &at, &by, &comment, &withdrawn],
    )
    .await?;
    Ok(())
}

/// The row of each filing as its last change left it; an older effect of the same journal never overwrites a newer one.
async fn write_filings(
    tx: &Transaction<'_>,
    journal_id: &str,
    changes: &[Said<'_, FilingChange>],
) -> Result<(), Error> {
    // A statement may touch a row once: the last change of each filing stands.
    let last: BTreeMap<u64, Said<'_, FilingChange>> =
        changes.iter().map(|change| (change.1.filing.id, *change)).collect();
    if last.is_empty() {
        return Ok(());
    }
    let last: Vec<Said<'_, FilingChange>> = last.into_values().collect();
    let [seq, idx] = keys(&last);
    let filings: Vec<&Filing> = last.iter().map(|(_, change)| &change.filing).collect();
    let id: Vec<i64> = filings.iter().map(|f| to_sql(f.id)).collect();
    let kind: Vec<&str> = filings.iter().map(|f| f.planned.kind.name()).collect();
    let enterprise: Vec<Option<Cow<'_, str>>> =
        filings.iter().map(|f| clean_some(f.planned.object.enterprise.as_deref())).collect();
    let equipment: Vec<_> = filings.iter().map(|f| clean_some(f.planned.object.equipment.as_deref())).collect();
    let point: Vec<_> = filings.iter().map(|f| clean_some(f.planned.object.point.as_deref())).collect();
    let from: Vec<Stamp> = filings.iter().map(|f| Stamp(f.planned.from.0)).collect();
    let to: Vec<Stamp> = filings.iter().map(|f| Stamp(f.planned.to.0)).collect();
    let reason: Vec<_> = filings.iter().map(|f| clean(&f.planned.reason)).collect();
    let idle_check: Vec<_> = filings.iter().map(|f| clean_some(f.planned.idle_check.as_deref())).collect();
    let by: Vec<_> = filings.iter().map(|f| clean(&f.filed_by)).collect();
    let at: Vec<Stamp> = filings.iter().map(|f| Stamp(f.filed_at.0)).collect();
    let withdrawn: Vec<Option<Stamp>> = filings.iter().map(|f| f.withdrawn_at.map(|at| Stamp(at.0))).collect();
    let whole = |kw: u32| i32::try_from(kw).unwrap_or(i32::MAX);
    let kw: Vec<Option<i32>> = filings.iter().map(|f| f.planned.kind.ordered_kw().map(whole)).collect();
    tx.execute(
        "INSERT INTO filing (journal_id, seq, idx, id, kind, enterprise, equipment, point, from_at, to_at, reason, \
                             idle_check, filed_by, filed_at, withdrawn_at, kw) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], \
                                  $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], \
                                  $14::timestamptz[], $15::timestamptz[], $16::int4[]) \
         ON CONFLICT (id) DO UPDATE SET journal_id = excluded.journal_id, seq = excluded.seq, idx = excluded.idx, \
            kind = excluded.kind, enterprise = excluded.enterprise, equipment = excluded.equipment, \
            point = excluded.point, from_at = excluded.from_at, to_at = excluded.to_at, reason = excluded.reason, \
            idle_check = excluded.idle_check, filed_by = excluded.filed_by, filed_at = excluded.filed_at, \
            withdrawn_at = excluded.withdrawn_at, kw = excluded.kw \
         WHERE filing.journal_id <> excluded.journal_id OR (filing.seq, filing.idx) < (excluded.seq, excluded.idx)",
        &[
            &journal_id,
            &seq,
            &idx,
            &id,
            &kind,
            &enterprise,
            &equipment,
            &point,
            &from,
            &to,
            &reason,
            &idle_check,
            &by,
            &at,
            &withdrawn,
            &kw,
        ],
    )
    .await?;
    Ok(())
}

async fn write_sealed(tx: &Transaction<'_>, journal_id: &str, sealed: &[Said<'_, SealedDay>]) -> Result<(), Error> {
    if sealed.is_empty() {
        return Ok(());
    }
    let [seq, idx] = keys(sealed);
    let day: Vec<i32> = sealed.iter().map(|(_, s)| day_to_sql(s.day)).collect();
    let at: Vec<Stamp> = sealed.iter().map(|(_, s)| Stamp(s.at.0)).collect();
    let figures: Vec<&[u8]> = sealed.iter().map(|(_, s)| &s.figures[..]).collect();
    tx.execute(
        "INSERT INTO coverage_sealed (journal_id, seq, idx, day, at, figures) \
         SELECT $1, n.seq, n.idx, date '1970-01-01' + n.day, n.at, n.figures \
         FROM unnest($2::int8[], $3::int8[], $4::int4[], $5::timestamptz[], $6::bytea[]) \
              AS n (seq, idx, day, at, figures) ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &day, &at, &figures],
    )
    .await?;
    Ok(())
}
