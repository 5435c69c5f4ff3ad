//! `GET /api/v1/alarms`: open ones, worst first; those closed within 24 hours, newest first. From memory, so the
//! database may be away. I/O: HTTP.

use crate::console::Context;
use crate::console::params::Params;
use crate::console::problem::Problem;
use crate::console::shown::{AlarmShown, Stamp};
use crate::hub::Standing;
use alerting::alarm::Alarm;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Closed alarms in one answer, where the question names no limit.
const CLOSED_DEFAULT: usize = 500;
/// More than a district ever has open at once.
const LIMIT_MAX: usize = 100_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    #[serde(default)]
    state: Which,
    /// At most so many alarms, after ordering. Open ones are not cut unless it is given.
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    Open,
    Closed,
    All,
}

#[derive(Serialize)]
struct Answer<'a> {
    now: Stamp,
    journal: &'a str,
    /// The record this answer holds everything of.
    seq: u64,
    alarms: Vec<AlarmShown<'a>>,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Response, Problem> {
    if query.limit.is_some_and(|limit| limit > LIMIT_MAX) {
        return Err(Problem::bad_query(format!("limit: at most {LIMIT_MAX}")));
    }
    let hub = context.hub();
    let standing = hub.standing().ok_or_else(Problem::starting)?;
    let mut alarms = Vec::new();
    if query.state != Which::Closed {
        alarms.extend(hub.open().ok_or_else(Problem::starting)?);
    }
    if query.state != Which::Open {
        let room = query.limit.unwrap_or(CLOSED_DEFAULT).saturating_sub(alarms.len());
        alarms.extend(hub.closed(room).ok_or_else(Problem::starting)?);
    }
    alarms.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(render(&standing, &alarms, &context))
}

fn render(standing: &Standing, alarms: &[Arc<Alarm>], context: &Context) -> Response {
    let view = standing.view.as_deref();
    let alarms = alarms.iter().map(|a| AlarmShown::new(a, view)).collect();
    let answer = Answer { now: Stamp(context.now()), journal: &standing.journal_id, seq: standing.seq, alarms };
    Json(answer).into_response()
}
