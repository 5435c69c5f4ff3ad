//! `/api/v1/registry`: which one is in force and where it comes from, written out as tables, and tables taken into it.
//! What is taken is journalled with its author and comes into force at once. I/O: HTTP.

use super::order;
use crate::console::Context;
use crate::console::params::{NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::delivery::ContentKind;
use crate::inbox::{Brought, Import};
use crate::registry::{self, Change, Imported, Kind, RowError};
use crate::seeds::canonical;
use alerting::command::{Actor, Command, Order};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rules::view::View;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// 100,000 points are some 6 MiB.
pub const TABLE_MAX: usize = 16 << 20;
/// More lines than a person reads; the numbers say how many there are.
const CHANGES_SHOWN_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    by: String,
    #[serde(default)]
    comment: String,
    /// Says what would change, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsQuery {
    enterprise: Option<String>,
}

#[derive(Serialize)]
pub struct Answer {
    /// The registry with the rows taken in; in force now unless this is a dry run.
    version: String,
    /// The one they were taken into.
    base: String,
    kind: Kind,
    dry_run: bool,
    added: usize,
    changed: usize,
    unchanged: usize,
    /// At most 1,000 of the rows that add or change something.
    changes: Vec<Change>,
    key: String,
}

#[derive(Serialize)]
pub struct InForce {
    version: String,
    /// `seeds`, or `import`.
    from: &'static str,
    /// The seed directory has changed and is not in force, because rows were imported.
    seeds_ignored: bool,
    enterprises: usize,
    points: usize,
}

/// Like a problem, with every mistake by row and column.
#[derive(Serialize)]
struct Refused {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    errors: Vec<RowError>,
}

pub async fn show(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<InForce>, Problem> {
    let view = view(&context)?;
    let is_seeds = view.version == context.leans.seeds.version;
    Ok(Json(InForce {
        version: view.version.clone(),
        from: if is_seeds { "seeds" } else { "import" },
        seeds_ignored: context.leans.seeds.is_ignored && !is_seeds,
        enterprises: view.registry().enterprises.len(),
        points: view.points().count(),
    }))
}

pub async fn enterprises(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let view = view(&context)?;
    Ok(table("enterprises.csv", registry::enterprises_csv(view.registry())))
}

pub async fn points(State(context): State<Context>, Params(query): Params<PointsQuery>) -> Result<Response, Problem> {
    let view = view(&context)?;
    if let Some(id) = &query.enterprise
        && view.enterprise(id).is_none()
    {
        return Err(Problem::not_found("no-such-enterprise", format!("there is no enterprise \"{id}\"")));
    }
    Ok(table("points.csv", registry::points_csv(view.registry(), query.enterprise.as_deref())))
}

fn table(name: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename={name}")),
    ];
    (headers, bytes).into_response()
}

fn view(context: &Context) -> Result<Arc<View>, Problem> {
    context.hub().standing().and_then(|standing| standing.view).ok_or_else(Problem::starting)
}

pub async fn import(
    State(context): State<Context>,
    Params(query): Params<Query>,
    request: (HeaderMap, Result<Bytes, BytesRejection>),
) -> Result<Response, Problem> {
    let (headers, text) = request;
    let text = text.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("at most {TABLE_MAX} bytes; split the table");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the table is too large", detail)
        }
        _ => Problem::bad_body("the table ended early"),
    })?;
    let by = order::who(&query.by)?;
    let comment = prose("comment", &query.comment, order::COMMENT_MAX)?;
    let key = order::key(&headers, &context)?;
    // Tables are large, and each is taken into what the one before left.
    let Ok(_one_at_a_time) = context.imports.try_acquire() else {
        return Err(Problem::conflict("import-under-way", "another table is being taken in; repeat it in a moment"));
    };
    let view = view(&context)?;
    let base = view.version.clone();
    let made = tokio::task::spawn_blocking(move || {
        registry::import(view.registry(), &text).map(|imported| {
            let content = canonical(&imported.registry);
            (imported, content)
        })
    });
    let (imported, content) = match made.await {
        Ok(Ok(made)) => made,
        Ok(Err(errors)) => return Ok(refused(errors)),
        Err(_) => return Err(Problem::unavailable("busy", "davy is stopping")),
    };
    let version = blake3::hash(&content).to_hex().to_string();
    if !query.dry_run {
        let order = Order::ImportRegistry { version: version.clone(), comment };
        let by = Actor { name: by, authenticated: false };
        let command = Command { key: key.clone(), received: context.now(), by, order };
        let brought = Brought::Bytes(ContentKind::Registry, content);
        order::bring(&context, Import { command, base: base.clone(), brought }).await?;
    }
    let Imported { kind, mut changes, unchanged, .. } = imported;
    let added = changes.iter().filter(|change| change.added).count();
    let changed = changes.len().saturating_sub(added);
    changes.truncate(CHANGES_SHOWN_MAX);
    let answer = Answer { version, base, kind, dry_run: query.dry_run, added, changed, unchanged, changes, key };
    Ok(Json(answer).into_response())
}

fn refused(errors: Vec<RowError>) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let more = if errors.len() >= registry::ERRORS_MAX { " or more" } else { "" };
    let first = errors.first().map(ToString::to_string).unwrap_or_default();
    let body = Refused {
        r#type: "urn:davy:problem:bad-rows",
        title: "nothing was taken",
        status: status.as_u16(),
        detail: format!("{}{more} mistakes; the first: {first}", errors.len()),
        errors,
    };
    (status, [(CONTENT_TYPE, "application/problem+json")], serde_json::to_vec(&body).unwrap_or_default())
        .into_response()
}
