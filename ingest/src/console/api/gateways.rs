//! `GET /api/v1/gateways?enterprise=`: every gateway of the registry in force: when it was heard last, whether its
//! numbering is complete, how its clock stands, what its last will says. From memory. I/O: HTTP.

use crate::console::Context;
use crate::console::params::Params;
use crate::console::problem::Problem;
use crate::console::shown::{Stamp, age_s};
use alerting::gateway::{GatewayKey, GatewayState, GatewayStatus, SeqBook, day_of};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use rules::reading::Micros;
use rules::registry::{Enterprise, Text};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    enterprise: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    gateways: Vec<GatewayShown<'a>>,
}

#[derive(Serialize)]
struct GatewayShown<'a> {
    enterprise: &'a str,
    enterprise_name: &'a Text,
    gateway: &'a str,
    /// `null`: never heard.
    last_received: Option<Stamp>,
    silent_s: Option<f64>,
    /// `null` while none of its messages carries a number.
    seq: Option<SeqShown>,
    /// Receive time - device time, median of its last live messages.
    clock_offset_s: Option<f64>,
    /// What it, or its last will, said of itself.
    status: Option<GatewayStatus>,
    status_since: Option<Stamp>,
}

#[derive(Serialize)]
struct SeqShown {
    last: u64,
    received: u64,
    missing: u64,
    /// received / (received + missing)
    completeness: Option<f64>,
    duplicates: u64,
    restarts: u64,
    /// Holes that a late message may still fill.
    gaps_open: usize,
    /// Since midnight in Shanghai.
    received_today: u64,
    missing_today: u64,
    completeness_today: Option<f64>,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Response, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let view = standing.view.as_deref().ok_or_else(Problem::starting)?;
    if let Some(id) = query.enterprise.as_deref().filter(|id| view.enterprise(id).is_none()) {
        return Err(Problem::not_found("no-such-enterprise", format!("there is no enterprise \"{id}\"")));
    }
    let now = context.now();
    let wanted = |e: &&Enterprise| query.enterprise.as_deref().is_none_or(|id| id == e.id);
    let mut gateways = Vec::new();
    for enterprise in view.registry().enterprises.iter().filter(wanted) {
        for gateway in &enterprise.gateways {
            let key = GatewayKey { enterprise: enterprise.id.clone(), gateway: gateway.id.clone() };
            gateways.push(show(enterprise, &gateway.id, (context.hub().gateway(&key), now)));
        }
    }
    Ok(Json(Answer { gateways }).into_response())
}

fn show<'a>(
    enterprise: &'a Enterprise,
    gateway: &'a str,
    (state, now): (Option<GatewayState>, Micros),
) -> GatewayShown<'a> {
    let heard = state.as_ref().map(|state| state.last_received);
    let status = state.as_ref().and_then(|state| state.status);
    GatewayShown {
        enterprise: &enterprise.id,
        enterprise_name: &enterprise.name,
        gateway,
        last_received: heard.map(Stamp),
        silent_s: heard.map(|at| age_s(now, at)),
        clock_offset_s: state.as_ref().and_then(|state| state.offset_us).map(|us| (us / 1000) as f64 / 1000.0),
        seq: state.and_then(|state| seq_shown(&state.seq, now)),
        status: status.map(|(status, _)| status),
        status_since: status.map(|(_, since)| Stamp(since)),
    }
}

fn seq_shown(book: &SeqBook, now: Micros) -> Option<SeqShown> {
    // The account of a day stands until the next message: on another day nothing has come yet.
    let is_today = book.day() == day_of(now);
    let today = |count: u64| if is_today { count } else { 0 };
    Some(SeqShown {
        last: book.last?,
        received: book.received,
        missing: book.missing,
        completeness: book.completeness(),
        duplicates: book.duplicates,
        restarts: book.restarts,
        gaps_open: book.gaps_open(),
        received_today: today(book.received_today),
        missing_today: today(book.missing_today),
        completeness_today: book.completeness_today().filter(|_| is_today),
    })
}
