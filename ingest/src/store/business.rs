//! The business lane: points' numbers, alarms and their events, quarantine and what was read of it after all,
//! findings, registry and rule set versions.
//! Written in bulk, a handful of statements for a chunk, so that a burst of alarms is not a burst of round trips. I/O.

use super::coverage;
use super::decisions;
use super::error::StoreError;
use super::findings;
use super::lane::LaneRecord;
use super::ledger;
use super::quarantine;
use super::refusal::Refusal;
use super::stamp::Stamp;
use super::words::{cause_name, clean, clean_some, state_name, to_sql};
use alerting::alarm::{Alarm, AlarmChange};
use alerting::effect::{Business, Quarantined};
use rules::reading::Micros;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Transaction};

/// An effect with its key in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub seq: u64,
    pub index: u32,
    pub effect: Business,
}

/// Decodes a chunk.
pub fn collect(chunk: &[LaneRecord]) -> Result<Vec<Placed>, StoreError> {
    let mut effects = Vec::new();
    for record in chunk {
        let decoded =
            record.business().map_err(|detail| StoreError::Refuse(Refusal::Unreadable { seq: record.seq, detail }))?;
        effects.extend(decoded.into_iter().map(|(index, effect)| Placed { seq: record.seq, index, effect }));
    }
    Ok(effects)
}

/// Writes `effects`, which are in the order of (seq, index).
pub async fn write(tx: &Transaction<'_>, journal_id: &str, effects: &[Placed]) -> Result<(), Error> {
    let mut numbered = Vec::new();
    let mut changes = Vec::new();
    let mut quarantined = Vec::new();
    let mut replayed = Vec::new();
    let mut findings = Vec::new();
    let (mut covered, mut ledger, mut decided) = (Vec::new(), Vec::new(), Vec::new());
    for placed in effects {
        match &placed.effect {
            Business::PointNumbered { point, key } => numbered.push(Numbered {
                number: i64::from(point.0),
                enterprise: clean(&key.enterprise),
                point: clean(&key.point),
                seq: to_sql(placed.seq),
            }),
            Business::Alarm(change) => changes.push((placed, change.as_ref())),
            Business::Quarantined(message) => quarantined.push((placed, message)),
            Business::Registered { version, at, content } => {
                tx.execute(
                    "INSERT INTO registry (version, at, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    &[&clean(version), &Stamp(at.0), &&content[..]],
                )
                .await?;
            }
            Business::RulesActivated { version, at, rules } => {
                let rules: Vec<Cow<'_, str>> = rules.iter().map(|rule| clean(rule)).collect();
                tx.execute(
                    "INSERT INTO rule_set (version, at, rules) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    &[&clean(version), &Stamp(at.0), &rules],
                )
                .await?;
            }
            Business::Replayed { journal_id, seq, index, readings } => {
                replayed.push(quarantine::Done { placed, journal_id, seq: *seq, index: *index, readings: *readings });
            }
            Business::Finding(finding) => findings.push((placed, finding.as_ref())),
            Business::Filing(_) | Business::Acceptance(_) | Business::CoverageDay(_) | Business::Sealed(_) => {
                covered.push(placed);
            }
            Business::Hazard(_) | Business::Figure(_) => ledger.push(placed),
            Business::RuleDecision(_) => decided.push(placed),
        }
    }
    number_points(tx, journal_id, &numbered).await?;
    write_events(tx, journal_id, &changes).await?;
    write_alarms(tx, journal_id, &changes).await?;
    write_quarantine(tx, journal_id, &quarantined).await?;
    quarantine::write_done(tx, journal_id, &replayed).await?;
    findings::write(tx, journal_id, &findings).await?;
    coverage::write(tx, journal_id, &covered).await?;
    ledger::write(tx, journal_id, &ledger).await?;
    decisions::write(tx, journal_id, &decided).await
}

/// After a point's key was refused for ever: its readings must not wait for it.
pub async fn give_up_point(tx: &Transaction<'_>, journal_id: &str, placed: &Placed) -> Result<(), Error> {
    let Business::PointNumbered { point, .. } = &placed.effect else { return Ok(()) };
    tx.execute(
        "INSERT INTO point_number (journal_id, number, point_id, seq) VALUES ($1, $2, NULL, $3) ON CONFLICT DO NOTHING",
        &[&journal_id, &i64::from(point.0), &to_sql(placed.seq)],
    )
    .await?;
    Ok(())
}

/// A point's number in the journal and its key.
pub struct Numbered<'a> {
    pub number: i64,
    pub enterprise: Cow<'a, str>,
    pub point: Cow<'a, str>,
    pub seq: i64,
}

/// Gives points their row where they have none, and the journal's numbers their points.
pub async fn number_points(tx: &Transaction<'_>, journal_id: &str, numbered: &[Numbered<'_>]) -> Result<(), Error> {
    if numbered.is_empty() {
        return Ok(());
    }
    let number: Vec<i64> = numbered.iter().map(|n| n.number).collect();
    let enterprise: Vec<&str> = numbered.iter().map(|n| n.enterprise.as_ref()).collect();
    let point: Vec<&str> = numbered.iter().map(|n| n.point.as_ref()).collect();
    let seq: Vec<i64> = numbered.iter().map(|n| n.seq).collect();
    // Looked up first: ON CONFLICT would burn an id for every point known already.
    tx.execute(
        "INSERT INTO point (enterprise, point) \
         SELECT DISTINCT n.enterprise, n.point FROM unnest($1::text[], $2::text[]) AS n (enterprise, point) \
         WHERE NOT EXISTS (SELECT FROM point p WHERE p.enterprise = n.enterprise AND p.point = n.point) \
         ON CONFLICT DO NOTHING",
        &[&enterprise, &point],
    )
    .await?;
    // A number is never reused within a journal; what the newest record says stands.
    tx.execute(
        "INSERT INTO point_number (journal_id, number, point_id, seq) \
         SELECT DISTINCT ON (n.number) $1, n.number, p.id, n.seq \
         FROM unnest($2::int8[], $3::text[], $4::text[], $5::int8[]) AS n (number, enterprise, point, seq) \
         JOIN point p ON p.enterprise = n.enterprise AND p.point = n.point ORDER BY n.number, n.seq DESC \
         ON CONFLICT (journal_id, number) DO UPDATE SET point_id = excluded.point_id, seq = excluded.seq",
        &[&journal_id, &number, &enterprise, &point, &seq],
    )
    .await?;
    Ok(())
}

type Change<'a> = (&'a Placed, &'a AlarmChange);

async fn write_events(tx: &Transaction<'_>, journal_id: &str, changes: &[Change<'_>]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let seq: Vec<i64> = changes.iter().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx: Vec<i64> = changes.iter().map(|(placed, _)| i64::from(placed.index)).collect();
    let alarm: Vec<i64> = changes.iter().map(|(_, c)| to_sql(c.alarm.id.0)).collect();
    let at: Vec<Stamp> = changes.iter().map(|(_, c)| Stamp(c.at.0)).collect();
    let from: Vec<&str> = changes.iter().map(|(_, c)| state_name(c.from)).collect();
    let to: Vec<&str> = changes.iter().map(|(_, c)| state_name(c.to)).collect();
    let cause: Vec<&str> = changes.iter().map(|(_, c)| cause_name(c.cause)).collect();
    let by: Vec<Option<Cow<'_, str>>> = changes.iter().map(|(_, c)| clean_some(c.by.as_deref())).collect();
    let comment: Vec<Option<Cow<'_, str>>> = changes.iter().map(|(_, c)| clean_some(c.comment.as_deref())).collect();
    let severity: Vec<&str> = changes.iter().map(|(_, c)| c.alarm.severity.name()).collect();
    let value: Vec<Option<f64>> = changes.iter().map(|(_, c)| c.alarm.value).collect();
    let worst: Vec<Option<f64>> = changes.iter().map(|(_, c)| c.alarm.worst).collect();
    let count: Vec<i64> = changes.iter().map(|(_, c)| i64::from(c.alarm.count)).collect();
    tx.execute(
        "INSERT INTO alarm_event (journal_id, seq, idx, alarm, at, from_state, to_state, cause, by, comment, \
                                  severity, value, worst, count) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::timestamptz[], $6::text[], $7::text[], \
                                  $8::text[], $9::text[], $10::text[], $11::text[], $12::float8[], $13::float8[], \
                                  $14::int8[]) \
         ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &alarm, &at, &from, &to, &cause, &by, &comment, &severity, &value, &worst, &count],
    )
    .await?;
    Ok(())
}

/// The columns of `alarm` after `id`, in the order of `alarm_columns`, with their array types.
const ALARM_COLUMNS: &[(&str, &str)] = &[
    ("rule", "text"),
    ("severity", "text"),
    ("state", "text"),
    ("enterprise", "text"),
    ("equipment", "text"),
    ("point", "text"),
    ("value", "float8"),
    ("worst", "float8"),
    ("limit_value", "float8"),
    ("since", "timestamptz"),
    ("raised_at", "timestamptz"),
    ("last_at", "timestamptz"),
    ("acked_at", "timestamptz"),
    ("acked_by", "text"),
    ("cleared_at", "timestamptz"),
    ("closed_at", "timestamptz"),
    ("count", "int8"),
    ("rule_set", "text"),
    ("name_zh", "text"),
    ("name_en", "text"),
    ("text_zh", "text"),
    ("text_en", "text"),
];

type Column<'a> = Box<dyn ToSql + Sync + Send + 'a>;

fn alarm_columns<'a>(alarms: &[&'a Alarm]) -> Vec<Column<'a>> {
    fn column<'a, T: ToSql + Sync + Send + 'a>(alarms: &[&'a Alarm], get: impl Fn(&'a Alarm) -> T) -> Column<'a> {
        Box::new(alarms.iter().map(|alarm| get(alarm)).collect::<Vec<T>>())
    }
    let stamp = |at: Option<Micros>| at.map(|at| Stamp(at.0));
    vec![
        column(alarms, |a| clean(&a.rule)),
        column(alarms, |a| a.severity.name()),
        column(alarms, |a| state_name(a.state)),
        column(alarms, |a| clean_some(a.object.enterprise.as_deref())),
        column(alarms, |a| clean_some(a.object.equipment.as_deref())),
        column(alarms, |a| clean_some(a.object.point.as_deref())),
        column(alarms, |a| a.value),
        column(alarms, |a| a.worst),
        column(alarms, |a| a.limit),
        column(alarms, |a| Stamp(a.since.0)),
        column(alarms, |a| Stamp(a.raised_at.0)),
        column(alarms, |a| Stamp(a.last_at.0)),
        column(alarms, |a| stamp(a.acked_at)),
        column(alarms, |a| clean_some(a.acked_by.as_deref())),
        column(alarms, |a| stamp(a.cleared_at)),
        column(alarms, |a| stamp(a.closed_at)),
        column(alarms, |a| i64::from(a.count)),
        column(alarms, |a| clean(&a.rule_set)),
        column(alarms, |a| clean(&a.name.zh)),
        column(alarms, |a| clean(&a.name.en)),
        column(alarms, |a| clean(&a.text.zh)),
        column(alarms, |a| clean(&a.text.en)),
    ]
}

/// The row of each alarm as its last change left it; an older effect of the same journal never overwrites a newer one.
async fn write_alarms(tx: &Transaction<'_>, journal_id: &str, changes: &[Change<'_>]) -> Result<(), Error> {
    // A statement may touch a row once: the last change of each alarm stands.
    let last: BTreeMap<u64, Change<'_>> = changes.iter().map(|change| (change.1.alarm.id.0, *change)).collect();
    if last.is_empty() {
        return Ok(());
    }
    let id: Vec<i64> = last.keys().map(|id| to_sql(*id)).collect();
    let seq: Vec<i64> = last.values().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx: Vec<i64> = last.values().map(|(placed, _)| i64::from(placed.index)).collect();
    let alarms: Vec<&Alarm> = last.values().map(|(_, change)| &change.alarm).collect();
    let columns = alarm_columns(&alarms);
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&journal_id, &id, &seq, &idx];
    params.extend(columns.iter().map(|column| column.as_ref() as &(dyn ToSql + Sync)));
    tx.execute(&alarm_statement(), &params).await?;
    Ok(())
}

fn alarm_statement() -> String {
    let names: Vec<&str> = ALARM_COLUMNS.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let arrays: Vec<String> =
        (5_u32..).zip(ALARM_COLUMNS).map(|(number, (_, kind))| format!("${number}::{kind}[]")).collect();
    let updates: Vec<String> = ALARM_COLUMNS.iter().map(|(name, _)| format!("{name} = excluded.{name}")).collect();
    format!(
        "INSERT INTO alarm (journal_id, id, seq, idx, {names}) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], {}) \
         ON CONFLICT (id) DO UPDATE SET journal_id = excluded.journal_id, seq = excluded.seq, idx = excluded.idx, {} \
         WHERE alarm.journal_id <> excluded.journal_id OR (alarm.seq, alarm.idx) < (excluded.seq, excluded.idx)",
        arrays.join(", "),
        updates.join(", ")
    )
}

async fn write_quarantine(
    tx: &Transaction<'_>,
    journal_id: &str,
    quarantined: &[(&Placed, &Quarantined)],
) -> Result<(), Error> {
    if quarantined.is_empty() {
        return Ok(());
    }
    let seq: Vec<i64> = quarantined.iter().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx: Vec<i64> = quarantined.iter().map(|(placed, _)| i64::from(placed.index)).collect();
    let received: Vec<Stamp> = quarantined.iter().map(|(_, q)| Stamp(q.received.0)).collect();
    let topic: Vec<Cow<'_, str>> = quarantined.iter().map(|(_, q)| clean(&q.topic)).collect();
    let payload: Vec<&[u8]> = quarantined.iter().map(|(_, q)| &q.payload[..]).collect();
    let reading: Vec<Option<i64>> = quarantined.iter().map(|(_, q)| q.reject.index.map(i64::from)).collect();
    let reason: Vec<&str> = quarantined.iter().map(|(_, q)| q.reject.reason.name()).collect();
    let detail: Vec<Cow<'_, str>> = quarantined.iter().map(|(_, q)| clean(&q.reject.detail)).collect();
    tx.execute(
        "INSERT INTO quarantine (journal_id, seq, idx, received, topic, payload, reading_index, reason, detail) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::timestamptz[], $5::text[], $6::bytea[], $7::int8[], \
                                  $8::text[], $9::text[]) \
         ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &received, &topic, &payload, &reading, &reason, &detail],
    )
    .await?;
    Ok(())
}
