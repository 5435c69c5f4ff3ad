//! `GET /api/v1/findings`: what readings show that came too late to warn anybody, newest first. I/O: HTTP.

use super::page::{self, LIMIT_DEFAULT};
use super::replay::WORD_MAX;
use crate::console::Context;
use crate::console::history::{FindingPage, PageMark, PastFinding};
use crate::console::params::{Params, word};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use axum::Json;
use axum::extract::State;
use rules::reading::Severity;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    enterprise: Option<String>,
    rule: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
pub struct Answer {
    findings: Vec<FindingShown>,
    /// `before` of the next page; `null` at the end.
    next: Option<String>,
}

#[derive(Serialize)]
struct FindingShown {
    seq: u64,
    index: u32,
    at: Stamp,
    rule: String,
    severity: Severity,
    enterprise: Option<String>,
    equipment: Option<String>,
    point: Option<String>,
    first_event: Stamp,
    last_event: Stamp,
    worst: Option<f64>,
    readings: u32,
    rule_set: String,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<Answer>, Problem> {
    let limit = page::limit(query.limit.unwrap_or(LIMIT_DEFAULT))?;
    let before = query.before.as_deref().map(page::mark).transpose()?;
    let word = |key: &str, text: Option<String>| text.map(|t| word(key, &t, WORD_MAX)).transpose();
    let (enterprise, rule) = (word("enterprise", query.enterprise)?, word("rule", query.rule)?);
    let ask = FindingPage { enterprise, rule, before, limit };
    let found = context.leans.history.findings(ask).await?;
    let last = found.last().map(|f| PageMark { at: f.finding.at, seq: f.seq, index: f.index });
    let next = page::next(found.len(), limit, last);
    Ok(Json(Answer { findings: found.into_iter().map(show).collect(), next }))
}

fn show(past: PastFinding) -> FindingShown {
    let PastFinding { seq, index, finding } = past;
    FindingShown {
        seq,
        index,
        at: Stamp(finding.at),
        rule: finding.rule,
        severity: finding.severity,
        enterprise: finding.object.enterprise,
        equipment: finding.object.equipment,
        point: finding.object.point,
        first_event: Stamp(finding.first_event),
        last_event: Stamp(finding.last_event),
        worst: finding.worst,
        readings: finding.readings,
        rule_set: finding.rule_set,
    }
}
