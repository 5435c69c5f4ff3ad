//! `GET /api/v1/points?tag_type=&enterprise=`: points in service with limits and the value held now. From memory, so
//! the database may be away. I/O: HTTP.

use crate::console::Context;
use crate::console::params::Params;
use crate::console::problem::Problem;
use crate::console::shown::{Stamp, age_s, quality_name};
use alerting::state::LastValue;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use rules::reading::{Micros, PointId};
use rules::registry::{Enterprise, Equipment, Limits, Point};
use rules::view::View;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// About 20 MB of JSON. A district has fewer points; whoever asks for a country must filter.
const POINTS_MAX: usize = 50_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    tag_type: Option<String>,
    enterprise: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    now: Stamp,
    registry: &'a str,
    /// Points that fit the question; more than are listed when `truncated`.
    count: usize,
    truncated: bool,
    points: Vec<PointShown<'a>>,
}

#[derive(Serialize)]
struct PointShown<'a> {
    enterprise: &'a str,
    /// The gateway that may send it; any gateway of the enterprise may.
    gateway: Option<&'a str>,
    point: &'a str,
    equipment: &'a str,
    tag_type: &'a str,
    unit: Option<&'a str>,
    range: [f64; 2],
    period_s: Option<u32>,
    required: bool,
    limits: &'a Limits,
    /// The value held now; `null` while the point has never been seen.
    value: Option<f64>,
    quality: Option<&'static str>,
    event_time: Option<Stamp>,
    received: Option<Stamp>,
    /// Seconds since it was received.
    age_s: Option<f64>,
}

/// A point in service with what it belongs to.
struct Found<'a> {
    id: PointId,
    enterprise: &'a Enterprise,
    equipment: &'a Equipment,
    point: &'a Point,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Response, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let view = standing.view.as_deref().ok_or_else(Problem::starting)?;
    check_names(&query, view)?;
    let mut found = find(&query, view);
    let count = found.len();
    found.truncate(POINTS_MAX);
    let ids: Vec<PointId> = found.iter().map(|f| f.id).collect();
    let last = context.hub().last_of(&ids);
    let now = context.now();
    let units: BTreeMap<&str, &str> =
        view.registry().tag_types.iter().map(|t| (t.id.as_str(), t.unit.as_str())).collect();
    let points: Vec<_> = found.iter().zip(last).map(|(f, last)| show(f, last, &units, now)).collect();
    let truncated = count > points.len();
    Ok(Json(Answer { now: Stamp(now), registry: &view.version, count, truncated, points }).into_response())
}

/// A name that does not exist is a mistake of the asker, not an empty list.
fn check_names(query: &Query, view: &View) -> Result<(), Problem> {
    if let Some(enterprise) = &query.enterprise
        && view.enterprise(enterprise).is_none()
    {
        return Err(Problem::not_found("no-such-enterprise", format!("there is no enterprise \"{enterprise}\"")));
    }
    if let Some(tag_type) = &query.tag_type
        && !view.registry().tag_types.iter().any(|t| t.id == *tag_type)
    {
        return Err(Problem::not_found("no-such-tag-type", format!("there is no tag type \"{tag_type}\"")));
    }
    Ok(())
}

fn find<'a>(query: &Query, view: &'a View) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let enterprises = view.registry().enterprises.iter();
    for enterprise in enterprises.filter(|e| query.enterprise.as_ref().is_none_or(|id| e.id == *id)) {
        for equipment in &enterprise.equipment {
            let points = equipment.points.iter().filter(|p| query.tag_type.as_ref().is_none_or(|t| p.tag == *t));
            for point in points {
                let Some(id) = view.find(&enterprise.id, &point.id) else { continue };
                found.push(Found { id, enterprise, equipment, point });
            }
        }
    }
    found
}

fn show<'a>(
    found: &Found<'a>,
    last: Option<LastValue>,
    units: &BTreeMap<&str, &'a str>,
    now: Micros,
) -> PointShown<'a> {
    let Found { enterprise, equipment, point, .. } = found;
    PointShown {
        enterprise: &enterprise.id,
        gateway: enterprise.gateways.first().map(|g| g.id.as_str()),
        point: &point.id,
        equipment: &equipment.id,
        tag_type: &point.tag,
        unit: units.get(point.tag.as_str()).copied(),
        range: [point.range_lo, point.range_hi],
        period_s: point.period_s,
        required: point.required,
        limits: &point.limits,
        value: last.map(|l| l.value),
        quality: last.map(|l| quality_name(l.quality)),
        event_time: last.map(|l| Stamp(l.event)),
        received: last.map(|l| Stamp(l.received)),
        age_s: last.map(|l| age_s(now, l.received)),
    }
}
