//! `GET /api/v1/points/{enterprise}/{point}/readings?from&to`: the past of one point, from the database. While that
//! is away the answer says so; `/api/v1/points` still has the value held now. I/O: HTTP.

use crate::console::Context;
use crate::console::history::{PastReading, PointSpan};
use crate::console::params::{Params, time};
use crate::console::problem::Problem;
use crate::console::shown::{Stamp, quality_name};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use rules::reading::SECOND_US;
use serde::{Deserialize, Serialize};

/// What an officer looks at first (domain: the trend of the last two hours).
const SPAN_DEFAULT_US: i64 = 2 * 3600 * SECOND_US;
/// Longer spans want aggregates, not raw rows.
const SPAN_MAX_US: i64 = 31 * 24 * 3600 * SECOND_US;
const LIMIT_DEFAULT: u32 = 10_000;
/// About 15 MB of JSON.
const LIMIT_MAX: u32 = 100_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    from: Option<String>,
    to: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Answer<'a> {
    enterprise: &'a str,
    point: &'a str,
    unit: Option<&'a str>,
    from: Stamp,
    to: Stamp,
    /// There are more: ask again with `from` = the last `event_time`.
    truncated: bool,
    readings: Vec<ReadingShown>,
}

#[derive(Serialize)]
struct ReadingShown {
    device_time: Option<Stamp>,
    event_time: Stamp,
    received: Stamp,
    value: f64,
    quality: &'static str,
}

pub async fn list(
    State(context): State<Context>,
    Path((enterprise, point)): Path<(String, String)>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let view = standing.view.as_deref().ok_or_else(Problem::starting)?;
    let id = view.find(&enterprise, &point);
    let Some(found) = id.and_then(|id| view.point(id)) else {
        let detail = format!("there is no point \"{point}\" of enterprise \"{enterprise}\"");
        return Err(Problem::not_found("no-such-point", detail));
    };
    let to = query.to.as_deref().map_or_else(|| Ok(context.now()), |t| time("to", t))?;
    let from = query.from.as_deref().map_or_else(|| Ok(to.plus(-SPAN_DEFAULT_US)), |t| time("from", t))?;
    if from >= to || to.since(from) > SPAN_MAX_US {
        return Err(Problem::bad_query("from must lie before to, by at most 31 days"));
    }
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::bad_query(format!("limit: 1 to {LIMIT_MAX}")));
    }
    // One more than wanted tells whether there are more.
    let ask = PointSpan { enterprise, point, from, to, limit: limit.saturating_add(1) };
    let mut past = context.leans.history.readings(ask.clone()).await?;
    let truncated = past.len() > limit as usize;
    past.truncate(limit as usize);
    let answer = Answer {
        enterprise: &ask.enterprise,
        point: &ask.point,
        unit: view.registry().tag_types.iter().find(|t| t.id == found.tag).map(|t| t.unit.as_str()),
        from: Stamp(from),
        to: Stamp(to),
        truncated,
        readings: past.into_iter().map(show).collect(),
    };
    Ok(Json(answer).into_response())
}

fn show(past: PastReading) -> ReadingShown {
    ReadingShown {
        device_time: past.device.map(Stamp),
        event_time: Stamp(past.event),
        received: Stamp(past.received),
        value: past.value,
        quality: quality_name(past.quality),
    }
}
