//! `GET /api/v1/points/{enterprise}/{point}/readings?from&to&limit&max_points`: the past of one point, from the database
//! and, behind what that has applied, from the spool. `sources` says which is which; while the database is away the spool
//! has the newest hours. I/O: HTTP.

use crate::console::Context;
use crate::console::history::{Detail, PastBucket, PastReading, PointSpan, Sources};
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
/// With `max_points` there are: longer than anything is kept.
const SPAN_THINNED_MAX_US: i64 = 800 * 24 * 3600 * SECOND_US;
/// A screen has a few thousand columns.
const POINTS_MAX: u32 = 10_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const LIMIT_DEFAULT: u32 = 10_000;
/// About 15 MB of JSON.
const LIMIT_MAX: u32 = 100_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    from: Option<String>,
    to: Option<String>,
    limit: Option<u32>,
    /// Thinned out to at most so many: extremes stay, gaps stay gaps.
    max_points: Option<u32>,
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
    /// `every` reading, `sampled` (of each piece the lowest and the highest), or `buckets` from rollups.
    resolution: &'static str,
    /// Width of a piece or bucket; null for `every`.
    width_s: Option<f64>,
    readings: Vec<ReadingShown>,
    buckets: Vec<BucketShown>,
    sources: Sources,
}

#[derive(Serialize)]
struct BucketShown {
    from: Stamp,
    count: u64,
    good_count: u64,
    min: Option<f64>,
    max: Option<f64>,
    avg: Option<f64>,
    last: Option<f64>,
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
    let Some((id, found)) = id.and_then(|id| Some((id, view.point(id)?))) else {
        let detail = format!("there is no point \"{point}\" of enterprise \"{enterprise}\"");
        return Err(Problem::not_found("no-such-point", detail));
    };
    let to = query.to.as_deref().map_or_else(|| Ok(context.now()), |t| time("to", t))?;
    let from = query.from.as_deref().map_or_else(|| Ok(to.plus(-SPAN_DEFAULT_US)), |t| time("from", t))?;
    let span_max = if query.max_points.is_some() { SPAN_THINNED_MAX_US } else { SPAN_MAX_US };
    if from >= to || to.since(from) > span_max {
        let detail = "from must lie before to, by at most 31 days, or 800 days with max_points";
        return Err(Problem::bad_query(detail));
    }
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::bad_query(format!("limit: 1 to {LIMIT_MAX}")));
    }
    if query.max_points.is_some_and(|points| !(4..=POINTS_MAX).contains(&points)) {
        return Err(Problem::bad_query(format!("max_points: 4 to {POINTS_MAX}")));
    }
    let detail = query.max_points.map_or(Detail::Every, |points| detail(to.since(from), points));
    // One more than wanted tells whether there are more.
    let ask = PointSpan { enterprise, point, from, to, limit: limit.saturating_add(1), number: id, detail };
    let mut past = context.leans.history.readings(ask.clone()).await?;
    let truncated = past.readings.len().max(past.buckets.len()) > limit as usize;
    past.readings.truncate(limit as usize);
    past.buckets.truncate(limit as usize);
    let (resolution, width_us) = match detail {
        Detail::Every => ("every", None),
        Detail::Sampled(width_us) => ("sampled", Some(width_us)),
        Detail::Buckets(width_us) => ("buckets", Some(width_us)),
    };
    let answer = Answer {
        enterprise: &ask.enterprise,
        point: &ask.point,
        unit: view.registry().tag_types.iter().find(|t| t.id == found.tag).map(|t| t.unit.as_str()),
        from: Stamp(from),
        to: Stamp(to),
        truncated,
        resolution,
        width_s: width_us.map(|us| us as f64 / SECOND_US as f64),
        readings: past.readings.into_iter().map(show).collect(),
        buckets: past.buckets.into_iter().map(show_bucket).collect(),
        sources: past.sources,
    };
    Ok(Json(answer).into_response())
}

/// Readings as they are while two of them a piece still show less than a minute each; rollups beyond that.
fn detail(span_us: i64, points: u32) -> Detail {
    let up = |us: i64, unit: i64| us.saturating_add(unit.saturating_sub(1)).div_euclid(unit).saturating_mul(unit);
    // Whole buckets from the first touched to the last: one more than the span divided by the width.
    let bucket_us = span_us.div_euclid(i64::from(points).saturating_sub(1)).saturating_add(1);
    match bucket_us {
        ..=MINUTE_US => Detail::Sampled(span_us.div_euclid(i64::from(points) / 2).saturating_add(1)),
        us if us <= HOUR_US => Detail::Buckets(up(us, MINUTE_US)),
        us => Detail::Buckets(up(us, HOUR_US)),
    }
}

fn show_bucket(past: PastBucket) -> BucketShown {
    let PastBucket { at, count, good_count, min, max, avg, last } = past;
    BucketShown { from: Stamp(at), count, good_count, min, max, avg, last }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_looked_at_as_closely_as_so_many_points_allow() {
        let hours = |n: i64| n * HOUR_US;
        assert_eq!(detail(hours(2), 1_000), Detail::Sampled(hours(2) / 500 + 1));
        assert_eq!(detail(hours(24), 1_000), Detail::Buckets(2 * MINUTE_US));
        assert_eq!(detail(hours(24 * 31), 500), Detail::Buckets(hours(2)));
        for span in [1, 59, 3_600, 86_400, 86_400 * 31, 86_400 * 800].map(|s| s * SECOND_US) {
            for points in [4, 5, 333, 10_000] {
                let most = match detail(span, points) {
                    Detail::Sampled(width) => 2 * (span / width + 1),
                    Detail::Buckets(width) => span / width + 2,
                    Detail::Every => unreachable!("max_points was given"),
                };
                // A span that does not begin with a bucket touches one more than fits into it.
                assert!(most <= i64::from(points), "{span} us, {points} points: {most}");
            }
        }
    }
}
