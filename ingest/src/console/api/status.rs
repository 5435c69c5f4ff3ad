//! `/healthz`, `/readyz`, `/metrics` and `/api/v1/status`: how Davy is, for machines and for the page. I/O: HTTP.

use crate::console::params::{NoParams, Params};
use crate::console::problem::Problem;
use crate::console::shown::{Stamp, age_s};
use crate::console::{Context, STREAMS_MAX};
use crate::hub::Versions;
use crate::hub::health::{Component, Condition, Health};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use rules::reading::Severity;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct ComponentShown {
    /// `up`, `catching-up` or `down`.
    state: &'static str,
    /// It stands by its own decision until a person mends it; `text` names the refusal.
    refused: bool,
    text: String,
    /// The newest record it has done.
    seq: u64,
    lag_records: u64,
    lag_s: f64,
    since: Option<Stamp>,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    /// What keeps Davy from accepting and judging readings.
    in_the_way: Vec<Component>,
    components: BTreeMap<&'static str, ComponentShown>,
}

#[derive(Serialize)]
struct Status {
    version: &'static str,
    engine_version: u32,
    now: Stamp,
    started: Stamp,
    uptime_s: f64,
    ready: bool,
    journal: Option<JournalShown>,
    versions: Versions,
    /// The seed directory has changed and is not in force, because rows were imported; how it can be.
    seeds_ignored: Option<&'static str>,
    enterprises: usize,
    points: usize,
    /// On so many objects a rule is out of service, because it failed three times in a row there.
    rules_out_of_service: usize,
    /// By severity.
    open_alarms: BTreeMap<&'static str, u64>,
    streams: usize,
    /// What the database was found to be, and how it is cared for.
    archive: serde_json::Value,
    components: BTreeMap<&'static str, ComponentShown>,
}

#[derive(Serialize)]
struct JournalShown {
    id: String,
    head_seq: u64,
    /// The time of the newest record.
    now: Stamp,
}

/// The process runs and answers; nothing more.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// 200 while readings are accepted and judged, with the database away too; else 503.
pub async fn readyz(State(context): State<Context>) -> Response {
    let in_the_way = context.hub().ready().err().unwrap_or_default();
    let ready = in_the_way.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, in_the_way, components: components(&context) })).into_response()
}

/// Prometheus text format.
pub async fn metrics(State(context): State<Context>) -> Result<Response, Problem> {
    let page = context.leans.telemetry.page(context.hub()).map_err(|e| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics", "the metrics cannot be written", e.to_string())
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}

pub async fn status(State(context): State<Context>, Params(NoParams {}): Params<NoParams>) -> Response {
    let now = context.now();
    let standing = context.hub().standing();
    let view = standing.as_ref().and_then(|s| s.view.as_deref());
    let open = Severity::ALL.into_iter().zip(context.hub().open_counts());
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        engine_version: alerting::ENGINE_VERSION,
        now: Stamp(now),
        started: Stamp(context.started),
        uptime_s: age_s(now, context.started),
        ready: context.hub().ready().is_ok(),
        journal: standing.as_ref().map(|s| JournalShown {
            id: s.journal_id.to_string(),
            head_seq: s.seq,
            now: Stamp(s.now),
        }),
        versions: standing.as_ref().map(|s| s.versions.clone()).unwrap_or_default(),
        seeds_ignored: seeds_ignored(&context),
        enterprises: view.map_or(0, |v| v.registry().enterprises.len()),
        points: view.map_or(0, |v| v.points().count()),
        rules_out_of_service: context.hub().rules().out_of_service_count,
        open_alarms: open.map(|(severity, n)| (severity.name(), n)).collect(),
        streams: STREAMS_MAX.saturating_sub(context.streams.available_permits()),
        archive: (context.leans.archive)(),
        components: components(&context),
    };
    Json(status).into_response()
}

fn seeds_ignored(context: &Context) -> Option<&'static str> {
    let seeds = &context.leans.seeds;
    let in_force = context.hub().standing()?.versions.registry;
    (seeds.is_ignored && in_force != seeds.version).then_some(
        "the seed directory has changed since it was taken, but rows were imported: these stay in force; davy serve \
         --take-seeds takes the seed directory and drops the import",
    )
}

fn components(context: &Context) -> BTreeMap<&'static str, ComponentShown> {
    context.hub().healths().into_iter().map(|(component, health)| (component.name(), show(health))).collect()
}

fn show(health: Health) -> ComponentShown {
    let Health { report, done_seq, since } = health;
    ComponentShown {
        state: match report.condition {
            Condition::Up => "up",
            Condition::CatchingUp => "catching-up",
            Condition::Refused | Condition::Down => "down",
        },
        refused: report.condition == Condition::Refused,
        text: report.detail,
        seq: done_seq,
        lag_records: report.lag_records,
        lag_s: (report.lag_us.max(0) / 1000) as f64 / 1000.0,
        since: since.map(Stamp),
    }
}
