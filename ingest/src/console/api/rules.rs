//! `/api/v1/rules`: which rules judge, in which version and by whose word, what people set of them, and where they are
//! out of service; and the packs of any version. I/O: HTTP.

use crate::catalogue::{self, Entry};
use crate::console::Context;
use crate::console::params::{NoParams, Params};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use crate::engine::content::{RuleFile, RuleFiles};
use crate::hub::rulebook::Rules;
use alerting::rulebook::{How, Signed};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use rules::bind::ObjectKey;
use rules::reading::Severity;
use rules::registry::{LimitName, Text};
use rules::rule::Rule;
use serde::Serialize;

#[derive(Serialize)]
struct Shown<'a> {
    /// Content hash of the set in force.
    version: &'a str,
    /// The files have changed since they were taken, but a set was ordered since: that one stays in force.
    seeds_ignored: bool,
    rules: Vec<RuleShown<'a>>,
    /// The newest first.
    versions: Vec<VersionShown<'a>>,
    overrides: Vec<OverrideShown<'a>>,
    /// At most 1,000.
    out_of_service: Vec<OutShown<'a>>,
    out_of_service_count: usize,
}

#[derive(Serialize)]
struct RuleShown<'a> {
    id: &'a str,
    name: &'a Text,
    sector: Option<&'a str>,
    severity: Severity,
    severity_max: Severity,
    latch: bool,
    /// On so many objects.
    watches: u32,
}

#[derive(Serialize)]
struct VersionShown<'a> {
    version: &'a str,
    since: Stamp,
    how: How,
    by: Option<&'a str>,
    approved_by: Option<&'a str>,
    reason: Option<&'a str>,
    rules: u32,
    in_force: bool,
}

#[derive(Serialize)]
struct OverrideShown<'a> {
    enterprise: &'a str,
    point: &'a str,
    limit: LimitName,
    value: f64,
    /// What the registry says.
    design: Option<f64>,
    by: &'a str,
    approved_by: &'a str,
    reason: &'a str,
    at: Stamp,
}

#[derive(Serialize)]
struct OutShown<'a> {
    rule: &'a str,
    enterprise: Option<&'a str>,
    equipment: Option<&'a str>,
    point: Option<&'a str>,
    error: &'a str,
    since: Option<Stamp>,
}

#[derive(Serialize)]
struct Catalogue {
    rules: Vec<Entry>,
}

#[derive(Serialize)]
struct Packs {
    version: String,
    files: Vec<RuleFile>,
}

pub async fn show(State(context): State<Context>, Params(NoParams {}): Params<NoParams>) -> Result<Response, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let known = context.hub().rules();
    let version = standing.versions.rules.as_str();
    let design = |enterprise: &str, point: &str, limit| {
        let view = standing.view.as_deref()?;
        view.point(view.find(enterprise, point)?)?.limits.get(limit)
    };
    let overrides = known.overrides.iter().map(|(point, limit, set)| OverrideShown {
        enterprise: &point.enterprise,
        point: &point.point,
        limit: *limit,
        value: set.value,
        design: design(&point.enterprise, &point.point, *limit),
        by: &set.signed.by,
        approved_by: &set.signed.approved_by,
        reason: &set.signed.reason,
        at: Stamp(set.at),
    });
    let seeds = &context.leans.seeds;
    let shown = Shown {
        version,
        seeds_ignored: seeds.rules_ignored && seeds.rules != version,
        rules: rules_shown(&known),
        versions: versions_shown(&known),
        overrides: overrides.collect(),
        out_of_service: out_shown(&known),
        out_of_service_count: known.out_of_service_count,
    };
    Ok(Json(shown).into_response())
}

/// The rules that the district wants, and how each of them is there.
pub async fn catalogue(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    context.hub().standing().ok_or_else(Problem::starting)?;
    let known = context.hub().rules();
    let watched = known.watched.iter().map(|watches| *watches as usize);
    let packs: Vec<(&Rule, usize)> = known.set.rules().iter().zip(watched).collect();
    Ok(Json(Catalogue { rules: catalogue::catalogue(&context.leans.listed, &packs) }).into_response())
}

fn rules_shown(known: &Rules) -> Vec<RuleShown<'_>> {
    let shown = known.set.rules().iter().zip(&known.watched).map(|(rule, watches)| RuleShown {
        id: &rule.id,
        name: &rule.name,
        sector: rule.sector.as_deref(),
        severity: rule.severity,
        severity_max: rule.severity_max,
        latch: rule.latch,
        watches: *watches,
    });
    shown.collect()
}

fn versions_shown(known: &Rules) -> Vec<VersionShown<'_>> {
    fn part(signed: Option<&Signed>, take: fn(&Signed) -> &String) -> Option<&str> {
        signed.map(|signed| take(signed).as_str())
    }
    let newest = known.versions.iter().rev().enumerate();
    let shown = newest.map(|(n, version)| VersionShown {
        version: &version.version,
        since: Stamp(version.since),
        how: version.how,
        by: part(version.signed.as_ref(), |signed| &signed.by),
        approved_by: part(version.signed.as_ref(), |signed| &signed.approved_by),
        reason: part(version.signed.as_ref(), |signed| &signed.reason),
        rules: version.rules,
        in_force: n == 0,
    });
    shown.collect()
}

fn out_shown(known: &Rules) -> Vec<OutShown<'_>> {
    let shown = known.out_of_service.iter().map(|(key, trouble)| {
        let (equipment, point) = match &key.object {
            ObjectKey::Point(point) => (None, Some(point.point.as_str())),
            ObjectKey::Equipment { equipment, .. } => (Some(equipment.as_str()), None),
            ObjectKey::Enterprise(_) | ObjectKey::System(_) => (None, None),
        };
        OutShown {
            rule: &key.rule,
            enterprise: key.object.enterprise(),
            equipment,
            point,
            error: &trouble.error,
            since: trouble.out_since.map(Stamp),
        }
    });
    shown.collect()
}

/// The packs of a version: as it stands in the list of versions, or any that was in force once.
pub async fn packs(
    State(context): State<Context>,
    Path(version): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let files = stored(&context, &version)?.files;
    Ok(Json(Packs { version, files }).into_response())
}

/// What is stored of a version.
pub(super) fn stored(context: &Context, version: &str) -> Result<RuleFiles, Problem> {
    let is_hash = version.len() == 64 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = is_hash.then(|| (context.leans.packs)(version)).flatten();
    let files = bytes.and_then(|bytes| serde_json::from_slice::<RuleFiles>(&bytes).ok());
    files.ok_or_else(|| Problem::not_found("no-such-version", "no rule set of this version was ever in force here"))
}
