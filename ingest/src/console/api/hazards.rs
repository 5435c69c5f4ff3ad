//! `/api/v1/hazards`: the hazard ledger, with the evidence of each lead, and a person's judgement. From memory, so the
//! database may be away. I/O: HTTP.

use super::order::{self, Signed};
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use alerting::command::{Order, Outcome};
use alerting::hazard::{Evidence, Hazard, HazardId, HazardState, Verdict};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use rules::reading::Severity;
use rules::registry::{Limits, Text};
use rules::view::View;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    #[serde(default)]
    state: Which,
    enterprise: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    /// Leads, major and general ones.
    #[default]
    Open,
    Lead,
    Major,
    General,
    NotFounded,
    All,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    by: String,
    verdict: Verdict,
    /// Why; it stands in the ledger.
    comment: String,
}

#[derive(Serialize)]
pub struct List {
    /// Newest first.
    hazards: Vec<HazardShown>,
}

#[derive(Serialize)]
pub struct HazardShown {
    id: u64,
    no: String,
    enterprise: String,
    enterprise_name: Option<Text>,
    town: Option<String>,
    equipment: Option<String>,
    ground: String,
    title: Text,
    state: HazardState,
    opened_at: Stamp,
    last_at: Stamp,
    repeats: u32,
    judged_at: Option<Stamp>,
    judged_by: Option<String>,
    comment: Option<String>,
    /// The first, and the newest after it.
    evidence: Vec<EvidenceShown>,
}

#[derive(Serialize)]
struct EvidenceShown {
    alarm: u64,
    rule: String,
    rule_set: String,
    registry: String,
    severity: Severity,
    point: Option<String>,
    value: Option<f64>,
    worst: Option<f64>,
    limit: Option<f64>,
    limits: Limits,
    since: Stamp,
    raised_at: Stamp,
    at: Stamp,
    /// The points whose readings made the alarm, and the event times between which they lie.
    points: Vec<String>,
    from: Stamp,
    to: Stamp,
}

#[derive(Serialize)]
pub struct Judged {
    outcome: &'static str,
    hazard: u64,
    key: String,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<List>, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let is_asked = |hazard: &Hazard| {
        query.state.has(hazard.state) && query.enterprise.as_ref().is_none_or(|asked| *asked == hazard.enterprise)
    };
    let hazards = context.hub().ledger(|ledger| ledger.hazards());
    let view = standing.view.as_deref();
    let shown = hazards.iter().filter(|hazard| is_asked(hazard)).map(|hazard| show_one(hazard, view));
    Ok(Json(List { hazards: shown.collect() }))
}

pub async fn show(
    State(context): State<Context>,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<HazardShown>, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let id = number(&id)?;
    let hazard = context.hub().ledger(|ledger| ledger.hazard(id)).ok_or_else(|| unknown(id))?;
    Ok(Json(show_one(&hazard, standing.view.as_deref())))
}

pub async fn judge(
    State(context): State<Context>,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Judgement>),
) -> Result<Json<Judged>, Problem> {
    let (headers, Body(judgement)) = request;
    let id = number(&id)?;
    let by = order::who(&judgement.by)?;
    let comment = prose("comment", &judgement.comment, order::COMMENT_MAX)?;
    if comment.is_empty() {
        return Err(Problem::bad_body("comment: a judgement needs its reason"));
    }
    let key = order::key(&headers, &context)?;
    let order = Order::Judge { hazard: id, verdict: judgement.verdict, comment };
    match order::carry_out(&context, Signed { key: key.clone(), by }, order).await? {
        Outcome::Judged { hazard } => Ok(Json(Judged { outcome: "judged", hazard: hazard.0, key })),
        Outcome::Refused(refusal) => Err(order::refused(&refusal, &key)),
        Outcome::Done { .. } | Outcome::Noted | Outcome::Filed { .. } => Err(order::unexpected()),
    }
}

fn number(id: &str) -> Result<HazardId, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("no-such-hazard", "the id of a hazard is a number"))?;
    Ok(HazardId(id))
}

fn unknown(id: HazardId) -> Problem {
    Problem::not_found("no-such-hazard", format!("there is no hazard {} in the ledger in force", id.0))
}

impl Which {
    fn has(self, state: HazardState) -> bool {
        match self {
            Which::All => true,
            Which::Open => state != HazardState::NotFounded,
            Which::Lead => state == HazardState::Lead,
            Which::Major => state == HazardState::Major,
            Which::General => state == HazardState::General,
            Which::NotFounded => state == HazardState::NotFounded,
        }
    }
}

fn show_one(hazard: &Hazard, view: Option<&View>) -> HazardShown {
    let enterprise = view.and_then(|view| view.enterprise(&hazard.enterprise));
    HazardShown {
        id: hazard.id.0,
        no: hazard.no.clone(),
        enterprise: hazard.enterprise.clone(),
        enterprise_name: enterprise.map(|enterprise| enterprise.name.clone()),
        town: enterprise.map(|enterprise| enterprise.town.clone()),
        equipment: hazard.equipment.clone(),
        ground: hazard.ground.clone(),
        title: hazard.title.clone(),
        state: hazard.state,
        opened_at: Stamp(hazard.opened_at),
        last_at: Stamp(hazard.last_at),
        repeats: hazard.repeats,
        judged_at: hazard.judged_at.map(Stamp),
        judged_by: hazard.judged_by.clone(),
        comment: hazard.comment.clone(),
        evidence: hazard.evidence.iter().map(show_evidence).collect(),
    }
}

fn show_evidence(evidence: &Evidence) -> EvidenceShown {
    EvidenceShown {
        alarm: evidence.alarm.0,
        rule: evidence.rule.clone(),
        rule_set: evidence.rule_set.clone(),
        registry: evidence.registry.clone(),
        severity: evidence.severity,
        point: evidence.object.point.clone(),
        value: evidence.value,
        worst: evidence.worst,
        limit: evidence.limit,
        limits: evidence.limits,
        since: Stamp(evidence.since),
        raised_at: Stamp(evidence.raised_at),
        at: Stamp(evidence.at),
        points: evidence.points.iter().map(|key| key.point.clone()).collect(),
        from: Stamp(evidence.from),
        to: Stamp(evidence.to),
    }
}
