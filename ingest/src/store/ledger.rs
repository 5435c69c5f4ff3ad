//! The hazard ledger and the figures people file: every event as it was, each hazard as its last event left it, and what
//! a recovery reads back. Must not know when a hazard is one. I/O.

use super::business::Placed;
use super::error::StoreError;
use super::recover::micros;
use super::stamp::Stamp;
use super::words::{clean, clean_some, from_sql, to_sql};
use alerting::effect::Business;
use alerting::figures::FigureFiled;
use alerting::hazard::{Hazard, HazardCause, HazardChange, HazardState};
use rules::reading::Micros;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error, Transaction};

type Change<'a> = (&'a Placed, &'a HazardChange);
type Filed<'a> = (&'a Placed, &'a FigureFiled);

pub async fn write(tx: &Transaction<'_>, journal_id: &str, effects: &[&Placed]) -> Result<(), Error> {
    let (mut changes, mut filed) = (Vec::new(), Vec::new());
    for placed in effects {
        match &placed.effect {
            Business::Hazard(change) => changes.push((*placed, change.as_ref())),
            Business::Figure(figure) => filed.push((*placed, figure.as_ref())),
            _ => {}
        }
    }
    write_events(tx, journal_id, &changes).await?;
    write_hazards(tx, journal_id, &changes).await?;
    write_figures(tx, journal_id, &filed).await
}

async fn write_events(tx: &Transaction<'_>, journal_id: &str, changes: &[Change<'_>]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let seq: Vec<i64> = changes.iter().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx: Vec<i64> = changes.iter().map(|(placed, _)| i64::from(placed.index)).collect();
    let hazard: Vec<i64> = changes.iter().map(|(_, c)| to_sql(c.hazard.id.0)).collect();
    let at: Vec<Stamp> = changes.iter().map(|(_, c)| Stamp(c.at.0)).collect();
    let from: Vec<Option<&str>> = changes.iter().map(|(_, c)| c.from.map(hazard_state_name)).collect();
    let to: Vec<&str> = changes.iter().map(|(_, c)| hazard_state_name(c.hazard.state)).collect();
    let cause: Vec<&str> = changes.iter().map(|(_, c)| hazard_cause_name(c.cause)).collect();
    let by: Vec<Option<Cow<'_, str>>> = changes.iter().map(|(_, c)| clean_some(c.by.as_deref())).collect();
    let comment: Vec<Option<Cow<'_, str>>> = changes.iter().map(|(_, c)| clean_some(c.comment.as_deref())).collect();
    let whole: Vec<String> = changes.iter().map(|(_, c)| json(&c.hazard)).collect();
    tx.execute(
        "INSERT INTO hazard_event (journal_id, seq, idx, hazard, at, from_state, to_state, cause, by, comment, whole) \
         SELECT $1, n.seq, n.idx, n.hazard, n.at, n.from_state, n.to_state, n.cause, n.by, n.comment, n.whole::jsonb \
         FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], \
                     $9::text[], $10::text[], $11::text[]) \
              AS n (seq, idx, hazard, at, from_state, to_state, cause, by, comment, whole) ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &hazard, &at, &from, &to, &cause, &by, &comment, &whole],
    )
    .await?;
    Ok(())
}

/// The row of each hazard as its last event left it; an older effect of the same journal never overwrites a newer one.
async fn write_hazards(tx: &Transaction<'_>, journal_id: &str, changes: &[Change<'_>]) -> Result<(), Error> {
    let last: BTreeMap<u64, Change<'_>> = changes.iter().map(|change| (change.1.hazard.id.0, *change)).collect();
    for (placed, change) in last.into_values() {
        let hazard = &change.hazard;
        let stamp = |at: Micros| Stamp(at.0);
        tx.execute(
            "INSERT INTO hazard (id, journal_id, seq, idx, no, enterprise, equipment, ground, title_zh, title_en, state, \
                                 opened_at, last_at, repeats, judged_at, judged_by, whole) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::text::jsonb) \
             ON CONFLICT (id) DO UPDATE SET journal_id = excluded.journal_id, seq = excluded.seq, idx = excluded.idx, \
                 no = excluded.no, enterprise = excluded.enterprise, equipment = excluded.equipment, \
                 ground = excluded.ground, title_zh = excluded.title_zh, title_en = excluded.title_en, \
                 opened_at = excluded.opened_at, state = excluded.state, last_at = excluded.last_at, repeats = excluded.repeats, \
                 judged_at = excluded.judged_at, judged_by = excluded.judged_by, whole = excluded.whole \
             WHERE hazard.journal_id <> excluded.journal_id OR (hazard.seq, hazard.idx) < (excluded.seq, excluded.idx)",
            &[
                &to_sql(hazard.id.0),
                &journal_id,
                &to_sql(placed.seq),
                &i64::from(placed.index),
                &clean(&hazard.no),
                &clean(&hazard.enterprise),
                &clean_some(hazard.equipment.as_deref()),
                &clean(&hazard.ground),
                &clean(&hazard.title.zh),
                &clean(&hazard.title.en),
                &hazard_state_name(hazard.state),
                &stamp(hazard.opened_at),
                &stamp(hazard.last_at),
                &i64::from(hazard.repeats),
                &hazard.judged_at.map(stamp),
                &clean_some(hazard.judged_by.as_deref()),
                &json(hazard),
            ],
        )
        .await?;
    }
    Ok(())
}

async fn write_figures(tx: &Transaction<'_>, journal_id: &str, filed: &[Filed<'_>]) -> Result<(), Error> {
    if filed.is_empty() {
        return Ok(());
    }
    let seq: Vec<i64> = filed.iter().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx: Vec<i64> = filed.iter().map(|(placed, _)| i64::from(placed.index)).collect();
    let row: Vec<i64> = filed.iter().map(|(_, f)| i64::from(f.row)).collect();
    let figure: Vec<Cow<'_, str>> = filed.iter().map(|(_, f)| clean(&f.figure)).collect();
    let as_of: Vec<Stamp> = filed.iter().map(|(_, f)| Stamp(f.as_of.0)).collect();
    let comment: Vec<Cow<'_, str>> = filed.iter().map(|(_, f)| clean(&f.comment)).collect();
    let by: Vec<Cow<'_, str>> = filed.iter().map(|(_, f)| clean(&f.by)).collect();
    let at: Vec<Stamp> = filed.iter().map(|(_, f)| Stamp(f.at.0)).collect();
    tx.execute(
        "INSERT INTO task_figure (journal_id, seq, idx, task_row, figure, as_of, comment, by, at) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::text[], $6::timestamptz[], $7::text[], \
                                  $8::text[], $9::timestamptz[]) ON CONFLICT DO NOTHING",
        &[&journal_id, &seq, &idx, &row, &figure, &as_of, &comment, &by, &at],
    )
    .await?;
    Ok(())
}

/// Every hazard that may still matter, in the order of their numbers: all but those that were not founded, and the last
/// one in any case, so that its number is not given again.
pub async fn hazards(client: &Client) -> Result<Vec<Hazard>, StoreError> {
    let rows = client.query("SELECT whole::text FROM hazard WHERE state <> 'not_founded' OR id = (SELECT max(id) FROM hazard) ORDER BY id", &[]).await?;
    let mut hazards = Vec::new();
    for row in rows {
        let whole: String = row.try_get(0)?;
        let hazard =
            serde_json::from_str(&whole).map_err(|e| StoreError::Wait(format!("a hazard does not read back: {e}")))?;
        hazards.push(hazard);
    }
    Ok(hazards)
}

/// The newest figure of each row.
pub async fn figures(client: &Client) -> Result<Vec<FigureFiled>, StoreError> {
    let rows = client
        .query(
            "SELECT DISTINCT ON (task_row) task_row, figure, as_of, comment, by, at FROM task_figure \
             ORDER BY task_row, at DESC, seq DESC, idx DESC",
            &[],
        )
        .await?;
    let mut figures = Vec::new();
    for row in rows {
        figures.push(FigureFiled {
            row: u16::try_from(from_sql(row.try_get(0)?)).unwrap_or(u16::MAX),
            figure: row.try_get(1)?,
            as_of: micros(&row, 2)?,
            comment: row.try_get(3)?,
            by: row.try_get(4)?,
            at: micros(&row, 5)?,
        });
    }
    Ok(figures)
}

/// Plain data can always be written down; a NUL, which the database cannot hold, is shown instead.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default().replace("\\u0000", "\u{2400}")
}

#[must_use]
pub fn hazard_state_name(state: HazardState) -> &'static str {
    match state {
        HazardState::Lead => "lead",
        HazardState::Major => "major",
        HazardState::General => "general",
        HazardState::NotFounded => "not_founded",
    }
}

#[must_use]
pub fn hazard_cause_name(cause: HazardCause) -> &'static str {
    match cause {
        HazardCause::Opened => "opened",
        HazardCause::Repeated => "repeated",
        HazardCause::Judged => "judged",
        HazardCause::Adopted => "adopted",
    }
}
