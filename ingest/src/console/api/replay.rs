//! `/api/v1/quarantine/replay`: orders a second chance for what lies in quarantine, and says how far it is. The order
//! is journalled with its author; the work goes on in the background. I/O: HTTP.

use super::order::{self, Signed};
use crate::console::Context;
use crate::console::door::{ReplayAsk, ReplayReport, ReplayState};
use crate::console::params::{Body, NoParams, Params, prose, time};
use crate::console::problem::Problem;
use alerting::command::{Order, Outcome, Search};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Ids of the registry and reasons are shorter.
pub(super) const WORD_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    by: String,
    reason: Option<String>,
    enterprise: Option<String>,
    gateway: Option<String>,
    /// Receive times, `from <= received < to`.
    from: Option<String>,
    to: Option<String>,
    /// Only counts what would fit.
    #[serde(default)]
    dry_run: bool,
}

pub async fn order(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Ask>),
) -> Result<Response, Problem> {
    let (headers, Body(ask)) = request;
    let by = order::who(&ask.by)?;
    let word = |key: &str, text: &Option<String>| text.as_deref().map(|t| prose(key, t, WORD_MAX)).transpose();
    let search = Search {
        reason: word("reason", &ask.reason)?,
        enterprise: word("enterprise", &ask.enterprise)?,
        gateway: word("gateway", &ask.gateway)?,
        from: ask.from.as_deref().map(|t| time("from", t)).transpose()?,
        to: ask.to.as_deref().map(|t| time("to", t)).transpose()?,
    };
    let key = order::key(&headers, &context)?;
    let replay = &context.leans.replay;
    let other = |report: &ReplayReport| report.state == ReplayState::Running && !report.answers(&key, ask.dry_run);
    if replay.report().as_ref().is_some_and(other) {
        return Err(under_way());
    }
    if !ask.dry_run {
        let outcome =
            order::carry_out(&context, Signed { key: key.clone(), by }, Order::ReplayQuarantine(search.clone()));
        match outcome.await? {
            Outcome::Noted => {}
            Outcome::Refused(refusal) => return Err(order::refused(&refusal, &key)),
            Outcome::Done { .. } | Outcome::Filed { .. } | Outcome::Judged { .. } => return Err(order::unexpected()),
        }
    }
    replay.begin(ReplayAsk { key, search, is_rehearsal: ask.dry_run }).map_err(|_| under_way())?;
    Ok((StatusCode::ACCEPTED, Json(replay.report())).into_response())
}

/// The newest replay of this process.
pub async fn report(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<ReplayReport>, Problem> {
    let none = || Problem::not_found("no-replay", "nothing was replayed since this davy started");
    context.leans.replay.report().map(Json).ok_or_else(none)
}

fn under_way() -> Problem {
    Problem::conflict("replay-under-way", "another replay is at work; GET this address shows how far it is")
}
