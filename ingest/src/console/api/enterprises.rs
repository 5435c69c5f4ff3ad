//! `GET /api/v1/enterprises`: who is in the district, with the worst open alarm of each. From memory. I/O: HTTP.

use crate::console::Context;
use crate::console::params::{NoParams, Params};
use crate::console::problem::Problem;
use alerting::alarm::Alarm;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use rules::reading::Severity;
use rules::registry::{Enterprise, Registry, Status, Text};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize)]
struct Answer<'a> {
    registry: &'a str,
    district: &'a Text,
    enterprises: Vec<EnterpriseShown<'a>>,
}

#[derive(Serialize)]
struct EnterpriseShown<'a> {
    id: &'a str,
    name: &'a Text,
    credit_code: &'a str,
    sectors: &'a [String],
    town: &'a str,
    town_name: Option<&'a Text>,
    industry: &'a str,
    status: Status,
    gateways: Vec<&'a str>,
    equipment: usize,
    points: usize,
    open_alarms: u64,
    /// Of its open alarms.
    worst: Option<Severity>,
}

/// Open alarms of one enterprise, and the worst of them.
type Open = (u64, Option<Severity>);

pub async fn list(State(context): State<Context>, Params(NoParams {}): Params<NoParams>) -> Result<Response, Problem> {
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    let view = standing.view.as_ref().ok_or_else(Problem::starting)?;
    let open = context.hub().open().ok_or_else(Problem::starting)?;
    let open = by_enterprise(&open);
    let registry: &Registry = view.registry();
    let towns: BTreeMap<&str, &Text> = registry.towns.iter().map(|t| (t.code.as_str(), &t.name)).collect();
    let show = |e| show(e, &towns, &open);
    let enterprises = registry.enterprises.iter().map(show).collect();
    let answer = Answer { registry: &view.version, district: &registry.district.name, enterprises };
    Ok(Json(answer).into_response())
}

fn show<'a>(
    enterprise: &'a Enterprise,
    towns: &BTreeMap<&str, &'a Text>,
    open: &BTreeMap<&str, Open>,
) -> EnterpriseShown<'a> {
    let (open_alarms, worst) = open.get(enterprise.id.as_str()).copied().unwrap_or_default();
    EnterpriseShown {
        id: &enterprise.id,
        name: &enterprise.name,
        credit_code: &enterprise.credit_code,
        sectors: &enterprise.sectors,
        town: &enterprise.town,
        town_name: towns.get(enterprise.town.as_str()).copied(),
        industry: &enterprise.industry,
        status: enterprise.status,
        gateways: enterprise.gateways.iter().map(|g| g.id.as_str()).collect(),
        equipment: enterprise.equipment.len(),
        points: enterprise.equipment.iter().map(|q| q.points.len()).sum(),
        open_alarms,
        worst,
    }
}

/// Alarms come worst first, so the first of an enterprise is its worst.
fn by_enterprise(alarms: &[Arc<Alarm>]) -> BTreeMap<&str, Open> {
    let mut all: BTreeMap<&str, Open> = BTreeMap::new();
    for alarm in alarms {
        let Some(enterprise) = alarm.object.enterprise.as_deref() else { continue };
        let (count, worst) = all.entry(enterprise).or_default();
        *count = count.saturating_add(1);
        worst.get_or_insert(alarm.severity);
    }
    all
}
