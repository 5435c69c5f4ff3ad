//! `/api/v1/filings`: planned work and stops, filed before they begin: listed, filed, withdrawn. While one lasts, alarms of
//! its objects that say so are suppressed by design, and minutes not reported are excused. I/O: HTTP.

use super::order::{self, Signed};
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose, time};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use alerting::alarm::Object;
use alerting::command::{Order, Outcome};
use alerting::filings::{Filing, FilingKind, Planned};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Ids of the registry are shorter.
const WORD_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    enterprise: Option<String>,
    /// Only those that are on now, or still to come.
    #[serde(default)]
    open: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    kind: String,
    /// Of a limit_order: the load it allows, kW.
    kw: Option<f64>,
    enterprise: String,
    equipment: Option<String>,
    point: Option<String>,
    from: String,
    to: String,
    reason: String,
    /// Of a stop: who found the plant idle, and how.
    idle_check: Option<String>,
    by: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Serialize)]
pub struct List {
    /// Newest first, as far back as minutes of points are kept.
    filings: Vec<FilingShown>,
}

#[derive(Serialize)]
pub struct Filed {
    filing: u64,
    key: String,
}

#[derive(Serialize)]
pub(super) struct FilingShown {
    id: u64,
    kind: &'static str,
    kw: Option<u32>,
    enterprise: Option<String>,
    equipment: Option<String>,
    point: Option<String>,
    from: Stamp,
    to: Stamp,
    reason: String,
    idle_check: Option<String>,
    filed_by: String,
    filed_at: Stamp,
    withdrawn_at: Option<Stamp>,
}

impl FilingShown {
    pub(super) fn of(filing: Filing) -> FilingShown {
        let Filing { id, planned, filed_by, filed_at, withdrawn_at } = filing;
        let Planned { kind, object, from, to, reason, idle_check } = planned;
        FilingShown {
            id,
            kind: kind.name(),
            kw: kind.ordered_kw(),
            enterprise: object.enterprise,
            equipment: object.equipment,
            point: object.point,
            from: Stamp(from),
            to: Stamp(to),
            reason,
            idle_check,
            filed_by,
            filed_at: Stamp(filed_at),
            withdrawn_at: withdrawn_at.map(Stamp),
        }
    }
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<List>, Problem> {
    context.hub().standing().ok_or_else(Problem::starting)?;
    let now = context.now();
    let filings = context.hub().coverage(|board| board.filings());
    let is_asked = |filing: &Filing| {
        query.enterprise.as_ref().is_none_or(|asked| filing.planned.object.enterprise.as_ref() == Some(asked))
            && (!query.open || filing.end() > now)
    };
    Ok(Json(List { filings: filings.into_iter().filter(is_asked).map(FilingShown::of).collect() }))
}

pub async fn file(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ask>),
) -> Result<Json<Filed>, Problem> {
    let (headers, Body(ask)) = request;
    let by = order::who(&ask.by)?;
    let word = |key: &str, text: &str, max: usize| match prose(key, text, max)? {
        text if text.is_empty() => Err(Problem::bad_body(format!("{key}: it is needed"))),
        text => Ok(text),
    };
    let some = |key: &str, text: &Option<String>| text.as_deref().map(|text| word(key, text, WORD_MAX)).transpose();
    let object = Object {
        enterprise: Some(word("enterprise", &ask.enterprise, WORD_MAX)?),
        equipment: some("equipment", &ask.equipment)?,
        point: some("point", &ask.point)?,
    };
    let planned = Planned {
        kind: FilingKind::parse(&ask.kind, ask.kw.map(whole_kw).transpose()?).map_err(Problem::bad_body)?,
        object,
        from: time("from", &ask.from)?,
        to: time("to", &ask.to)?,
        reason: word("reason", &ask.reason, order::COMMENT_MAX)?,
        idle_check: ask.idle_check.as_deref().map(|t| prose("idle_check", t, order::COMMENT_MAX)).transpose()?,
    };
    let key = order::key(&headers, &context)?;
    filed(&context, Signed { key, by }, Order::File(planned)).await
}

/// JSON knows one kind of number: 300 and 300.0 are the same.
fn whole_kw(kw: f64) -> Result<u32, Problem> {
    if kw.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&kw) {
        return Ok(kw as u32);
    }
    Err(Problem::bad_body(format!("kw: whole kW, not {kw}")))
}

pub async fn withdraw(
    State(context): State<Context>,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Withdrawal>),
) -> Result<Json<Filed>, Problem> {
    let (headers, Body(withdrawal)) = request;
    let id = id.parse().map_err(|_| Problem::not_found("no-such-filing", "the id of a filing is a number"))?;
    let by = order::who(&withdrawal.by)?;
    let comment = prose("comment", &withdrawal.comment, order::COMMENT_MAX)?;
    let key = order::key(&headers, &context)?;
    filed(&context, Signed { key, by }, Order::Withdraw { filing: id, comment }).await
}

async fn filed(context: &Context, signed: Signed, order: Order) -> Result<Json<Filed>, Problem> {
    let key = signed.key.clone();
    match order::carry_out(context, signed, order).await? {
        Outcome::Filed { filing } => Ok(Json(Filed { filing, key })),
        Outcome::Refused(refusal) => Err(order::refused(&refusal, &key)),
        Outcome::Done { .. } | Outcome::Noted | Outcome::Judged { .. } => Err(order::unexpected()),
    }
}
