//! Historical findings: what readings show that came too late to warn anybody. Written by the business lane, asked
//! for by the console. Must not know how a finding is made. I/O.

use super::business::Placed;
use super::error::StoreError;
use super::query::Reader;
use super::recover::micros;
use super::stamp::Stamp;
use super::words::{clean, clean_some, from_sql, to_sql};
use alerting::alarm::Object;
use alerting::effect::Finding;
use rules::reading::{Micros, Severity};
use tokio_postgres::{Error, Row, Transaction};

/// A finding with the key of the effect that said it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFinding {
    pub journal_id: String,
    pub seq: u64,
    pub index: u64,
    pub finding: Finding,
}

/// A page of findings ends here; the next one begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingMark {
    pub at: Micros,
    pub seq: u64,
    pub index: u64,
}

/// Which findings. `None` = all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingFilter {
    pub enterprise: Option<String>,
    pub rule: Option<String>,
}

pub(super) async fn write(
    tx: &Transaction<'_>,
    journal_id: &str,
    findings: &[(&Placed, &Finding)],
) -> Result<(), Error> {
    if findings.is_empty() {
        return Ok(());
    }
    let seq: Vec<i64> = findings.iter().map(|(placed, _)| to_sql(placed.seq)).collect();
    let idx: Vec<i64> = findings.iter().map(|(placed, _)| i64::from(placed.index)).collect();
    let rule: Vec<_> = findings.iter().map(|(_, f)| clean(&f.rule)).collect();
    let severity: Vec<&str> = findings.iter().map(|(_, f)| f.severity.name()).collect();
    let enterprise: Vec<_> = findings.iter().map(|(_, f)| clean_some(f.object.enterprise.as_deref())).collect();
    let equipment: Vec<_> = findings.iter().map(|(_, f)| clean_some(f.object.equipment.as_deref())).collect();
    let point: Vec<_> = findings.iter().map(|(_, f)| clean_some(f.object.point.as_deref())).collect();
    let first: Vec<Stamp> = findings.iter().map(|(_, f)| Stamp(f.first_event.0)).collect();
    let last: Vec<Stamp> = findings.iter().map(|(_, f)| Stamp(f.last_event.0)).collect();
    let worst: Vec<Option<f64>> = findings.iter().map(|(_, f)| f.worst).collect();
    let readings: Vec<i64> = findings.iter().map(|(_, f)| i64::from(f.readings)).collect();
    let rule_set: Vec<_> = findings.iter().map(|(_, f)| clean(&f.rule_set)).collect();
    let at: Vec<Stamp> = findings.iter().map(|(_, f)| Stamp(f.at.0)).collect();
    tx.execute(
        "INSERT INTO finding (journal_id, seq, idx, rule, severity, enterprise, equipment, point, first_event, \
                              last_event, worst, readings, rule_set, at) \
         SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
                                  $9::timestamptz[], $10::timestamptz[], $11::float8[], $12::int8[], $13::text[], \
                                  $14::timestamptz[]) \
         ON CONFLICT DO NOTHING",
        &[
            &journal_id,
            &seq,
            &idx,
            &rule,
            &severity,
            &enterprise,
            &equipment,
            &point,
            &first,
            &last,
            &worst,
            &readings,
            &rule_set,
            &at,
        ],
    )
    .await?;
    Ok(())
}

impl Reader {
    /// Findings, newest first; `before` is the mark of the last one of the page before.
    pub async fn findings(
        &self,
        filter: &FindingFilter,
        before: Option<FindingMark>,
        limit: u32,
    ) -> Result<Vec<StoredFinding>, StoreError> {
        let client = self.client().await?;
        let before = before.unwrap_or(FindingMark { at: Micros::MAX, seq: u64::MAX, index: u64::MAX });
        let rows = client
            .query(
                "SELECT journal_id, seq, idx, rule, severity, enterprise, equipment, point, first_event, last_event, \
                        worst, readings, rule_set, at FROM finding \
                 WHERE (at, seq, idx) < ($1, $2, $3) AND ($4::text IS NULL OR enterprise = $4) \
                   AND ($5::text IS NULL OR rule = $5) \
                 ORDER BY at DESC, seq DESC, idx DESC LIMIT $6",
                &[
                    &Stamp(before.at.0),
                    &to_sql(before.seq),
                    &to_sql(before.index),
                    &filter.enterprise,
                    &filter.rule,
                    &i64::from(limit),
                ],
            )
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<StoredFinding, StoreError> {
    let severity: &str = row.try_get(4)?;
    let readings: i64 = row.try_get(11)?;
    Ok(StoredFinding {
        journal_id: row.try_get(0)?,
        seq: from_sql(row.try_get(1)?),
        index: from_sql(row.try_get(2)?),
        finding: Finding {
            rule: row.try_get(3)?,
            severity: Severity::parse(severity)
                .ok_or_else(|| StoreError::Wait(format!("table finding names severity {severity}")))?,
            object: Object { enterprise: row.try_get(5)?, equipment: row.try_get(6)?, point: row.try_get(7)? },
            first_event: micros(row, 8)?,
            last_event: micros(row, 9)?,
            worst: row.try_get(10)?,
            readings: u32::try_from(readings).unwrap_or(u32::MAX),
            rule_set: row.try_get(12)?,
            at: micros(row, 13)?,
        },
    })
}
