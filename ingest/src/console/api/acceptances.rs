//! `/api/v1/acceptances`: signatures under connections (验收): listed, signed, revoked. Only who reported well for the
//! hours before can be accepted. I/O: HTTP.

use super::order::{self, Signed};
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use alerting::command::{Order, Outcome};
use alerting::coverage::{AcceptanceChange, Unit};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Ids of the registry are shorter.
const WORD_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    enterprise: Option<String>,
    sector: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    enterprise: String,
    sector: String,
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Serialize)]
pub struct List {
    /// The newest word on each unit.
    acceptances: Vec<AcceptanceShown>,
}

#[derive(Serialize)]
pub struct Signature {
    acceptance: Option<AcceptanceShown>,
    key: String,
}

#[derive(Serialize)]
pub(super) struct AcceptanceShown {
    enterprise: String,
    sector: String,
    /// False when it was taken back.
    accepted: bool,
    at: Stamp,
    /// Who signed, why, and the share of minutes reported in the hours before, in thousandths: `null` while the database is
    /// away, for what was signed before this Davy began.
    by: Option<String>,
    comment: Option<String>,
    permille: Option<u16>,
}

impl AcceptanceShown {
    pub(super) fn of(change: AcceptanceChange) -> AcceptanceShown {
        let AcceptanceChange { unit, at, by, comment, accepted, permille } = change;
        let Unit { enterprise, sector } = unit;
        let known = !by.is_empty();
        let (by, comment) = (known.then_some(by), known.then_some(comment));
        AcceptanceShown {
            enterprise,
            sector,
            accepted,
            at: Stamp(at),
            by,
            comment,
            permille: known.then_some(permille),
        }
    }
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<List>, Problem> {
    context.hub().standing().ok_or_else(Problem::starting)?;
    let is_asked = |change: &AcceptanceChange| {
        query.enterprise.as_ref().is_none_or(|asked| change.unit.enterprise == *asked)
            && query.sector.as_ref().is_none_or(|asked| change.unit.sector == *asked)
    };
    let acceptances = complete(&context, context.hub().coverage(|board| board.acceptances())).await;
    Ok(Json(List { acceptances: acceptances.into_iter().filter(is_asked).map(AcceptanceShown::of).collect() }))
}

/// Who signed before this process began stands in the database; without it that much is left out.
pub(super) async fn complete(context: &Context, mut acceptances: Vec<AcceptanceChange>) -> Vec<AcceptanceChange> {
    if acceptances.iter().any(|change| change.by.is_empty())
        && let Ok(stored) = context.leans.coverage.acceptances().await
    {
        for change in acceptances.iter_mut().filter(|change| change.by.is_empty()) {
            let same = stored.iter().find(|stored| stored.unit == change.unit && stored.at == change.at);
            *change = same.cloned().unwrap_or_else(|| change.clone());
        }
    }
    acceptances
}

pub async fn accept(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ask>),
) -> Result<Json<Signature>, Problem> {
    sign(&context, request, |Unit { enterprise, sector }, comment| Order::Accept { enterprise, sector, comment }).await
}

pub async fn revoke(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ask>),
) -> Result<Json<Signature>, Problem> {
    sign(&context, request, |Unit { enterprise, sector }, comment| Order::Revoke { enterprise, sector, comment }).await
}

async fn sign(
    context: &Context,
    (headers, Body(ask)): (HeaderMap, Body<Ask>),
    order: impl FnOnce(Unit, String) -> Order,
) -> Result<Json<Signature>, Problem> {
    let by = order::who(&ask.by)?;
    let unit = Unit {
        enterprise: prose("enterprise", &ask.enterprise, WORD_MAX)?,
        sector: prose("sector", &ask.sector, WORD_MAX)?,
    };
    let comment = prose("comment", &ask.comment, order::COMMENT_MAX)?;
    let key = order::key(&headers, context)?;
    match order::carry_out(context, Signed { key: key.clone(), by }, order(unit.clone(), comment)).await? {
        Outcome::Noted => {
            let acceptance = context.hub().coverage(|board| board.acceptance(&unit)).map(AcceptanceShown::of);
            Ok(Json(Signature { acceptance, key }))
        }
        Outcome::Refused(refusal) => Err(order::refused(&refusal, &key)),
        Outcome::Done { .. } | Outcome::Filed { .. } | Outcome::Judged { .. } => Err(order::unexpected()),
    }
}
