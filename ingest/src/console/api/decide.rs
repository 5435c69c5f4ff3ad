//! What two people may decide about rules: another set, the one before, a limit of one point. Nothing that does not load
//! reaches the journal. I/O: HTTP.

use super::order::{self, Signed};
use super::rules::stored;
use crate::console::Context;
use crate::console::params::{Body, NoParams, Params, prose};
use crate::console::problem::Problem;
use crate::delivery::ContentKind;
use crate::engine::content::{RuleFile, RuleFiles};
use crate::inbox::{Brought, Import};
use alerting::command::{Actor, Command, Order, Outcome};
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rules::registry::LimitName;
use rules::set::{LoadError, RuleSet, Source, Vocabulary};
use rules::view::PointKey;
use rules::written::Differences;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// All packs of a district together are some hundred KiB.
pub const PACKS_MAX: usize = 4 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    by: String,
    approved_by: String,
    reason: String,
    files: Vec<RuleFile>,
    /// Says what would change, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    by: String,
    approved_by: String,
    reason: String,
    /// The one that was in force before this one, if it is not named.
    #[serde(default)]
    version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    by: String,
    approved_by: String,
    reason: String,
    enterprise: String,
    point: String,
    limit: LimitName,
    /// `null`: what the registry or the rule says stands again.
    value: Option<f64>,
}

#[derive(Serialize)]
struct Answer {
    version: String,
    /// What was in force before.
    base: String,
    dry_run: bool,
    rules: usize,
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    key: String,
}

/// Like a problem, with every mistake of the packs.
#[derive(Serialize)]
struct Refused {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    errors: Vec<Mistake>,
}

#[derive(Serialize)]
struct Mistake {
    file: String,
    line: usize,
    column: usize,
    rule: Option<String>,
    problem: String,
    remedy: String,
    /// As a compiler shows it.
    pointed: String,
}

/// Who decides, who agrees, and why.
struct Word {
    by: String,
    approved_by: String,
    reason: String,
}

impl Word {
    fn of(by: &str, approved_by: &str, reason: &str) -> Result<Word, Problem> {
        let reason = prose("reason", reason, order::COMMENT_MAX)?;
        if reason.is_empty() {
            return Err(Problem::bad_body("reason: why? it stands on record"));
        }
        let approver = order::who(approved_by).map_err(|_| Problem::bad_body("approved_by: another person is needed"));
        Ok(Word { by: order::who(by)?, approved_by: approver?, reason })
    }
}

pub async fn activate(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Activation>),
) -> Result<Response, Problem> {
    let (headers, Body(asked)) = request;
    let word = Word::of(&asked.by, &asked.approved_by, &asked.reason)?;
    let key = order::key(&headers, &context)?;
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let view = standing.view.ok_or_else(Problem::starting)?;
    let mut files = asked.files;
    // The canonical form: a version must not depend on the order in which files were sent.
    files.sort_by(|a, b| a.file.cmp(&b.file));
    if files.is_empty() || files.windows(2).any(|pair| matches!(pair, [a, b] if a.file == b.file)) {
        return Err(Problem::bad_body("files: at least one pack, each under a name of its own"));
    }
    let source = |file: &RuleFile| Source { file: file.file.clone(), text: file.text.clone() };
    let sources: Vec<Source> = files.iter().map(source).collect();
    let registry = view.registry().clone();
    let loaded = tokio::task::spawn_blocking(move || {
        RuleSet::load(&sources, &Vocabulary::of(&registry)).map_err(|errors| mistakes(&errors, &sources))
    });
    let set = match loaded.await {
        Ok(Ok(set)) => set,
        Ok(Err(errors)) => return Ok(refused(errors)),
        Err(_) => return Err(Problem::unavailable("busy", "davy is stopping")),
    };
    let known = context.hub().rules();
    let found = Differences::between(known.set.rules(), set.rules());
    let content = serde_json::to_vec(&RuleFiles { files, registry: view.version.clone() });
    let content = content.map_err(|e| Problem::bad_body(e.to_string()))?;
    let version = blake3::hash(&content).to_hex().to_string();
    let base = standing.versions.rules;
    if !asked.dry_run {
        let Word { by, approved_by, reason } = word;
        let order = Order::ActivateRules { version: version.clone(), approved_by, reason };
        let by = Actor { name: by, authenticated: false };
        let command = Command { key: key.clone(), received: context.now(), by, order };
        let brought = Brought::Bytes(ContentKind::Rules, content);
        order::bring(&context, Import { command, base: base.clone(), brought }).await?;
    }
    let changed = found.changed.into_iter().map(|(id, _)| id).collect();
    let Differences { added, removed, .. } = found;
    let rules = set.rules().len();
    Ok(Json(Answer { version, base, dry_run: asked.dry_run, rules, added, removed, changed, key }).into_response())
}

pub async fn rollback(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Rollback>),
) -> Result<Response, Problem> {
    let (headers, Body(asked)) = request;
    let word = Word::of(&asked.by, &asked.approved_by, &asked.reason)?;
    let key = order::key(&headers, &context)?;
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let base = standing.versions.rules;
    let known = context.hub().rules();
    let before = || known.versions.iter().rev().map(|known| &known.version).find(|version| **version != base).cloned();
    let version = asked.version.or_else(before);
    let version = version
        .ok_or_else(|| Problem::conflict("no-version-before", "no other rule set was in force before this one"))?;
    stored(&context, &version)?;
    let Word { by, approved_by, reason } = word;
    let order = Order::RollbackRules { version: version.clone(), approved_by, reason };
    let by = Actor { name: by, authenticated: false };
    let command = Command { key: key.clone(), received: context.now(), by, order };
    let brought = Brought::Stored(ContentKind::Rules, version.clone());
    order::bring(&context, Import { command, base: base.clone(), brought }).await?;
    Ok(Json(json!({ "version": version, "base": base, "key": key })).into_response())
}

pub async fn set_limit(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    request: (HeaderMap, Body<Override>),
) -> Result<Response, Problem> {
    let (headers, Body(asked)) = request;
    let Word { by, approved_by, reason } = Word::of(&asked.by, &asked.approved_by, &asked.reason)?;
    let key = order::key(&headers, &context)?;
    let point = PointKey { enterprise: asked.enterprise, point: asked.point };
    let (limit, value) = (asked.limit, asked.value);
    let order = Order::OverrideLimit { point, limit, value, approved_by, reason };
    match order::carry_out(&context, Signed { key: key.clone(), by }, order).await? {
        Outcome::Noted => Ok(Json(json!({ "outcome": "done", "key": key })).into_response()),
        Outcome::Refused(refusal) => Err(order::refused(&refusal, &key)),
        Outcome::Done { .. } | Outcome::Filed { .. } | Outcome::Judged { .. } => Err(order::unexpected()),
    }
}

fn mistakes(errors: &[LoadError], sources: &[Source]) -> Vec<Mistake> {
    let mistake = |error: &LoadError| {
        let text = sources.iter().find(|source| source.file == error.file).map_or("", |source| &source.text);
        Mistake {
            file: error.file.clone(),
            line: error.line,
            column: error.column,
            rule: error.rule.clone(),
            problem: error.problem.clone(),
            remedy: error.remedy.clone(),
            pointed: error.pointed(text),
        }
    };
    errors.iter().map(mistake).collect()
}

fn refused(errors: Vec<Mistake>) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let first = errors.first().map_or("", |first| &first.problem);
    let body = Refused {
        r#type: "urn:davy:problem:bad-rules",
        title: "nothing has changed",
        status: status.as_u16(),
        detail: format!("{} mistakes; the first: {first}", errors.len()),
        errors,
    };
    (status, [(CONTENT_TYPE, "application/problem+json")], serde_json::to_vec(&body).unwrap_or_default())
        .into_response()
}
