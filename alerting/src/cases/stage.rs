//! The small district of one case, and its lines as inputs to the fold. Must not know what the case expects. Pure.

use super::parse::{Case, Device, Event, Fault, What};
use super::plant::{CasePoint, Plant};
use crate::alarm::{AlarmId, Object};
use crate::command::{Actor, Command, Order};
use crate::filings::Planned;
use crate::gateway::GatewayKey;
use crate::input::{Batch, Content, Decoded, FoldLimits, Input, Link};
use crate::state::State;
use bytes::Bytes;
use rules::reading::{Micros, Reading, SECOND_US};
use rules::registry::{
    DeclaredLoad, Enterprise, Equipment, Gateway, Point, Region, Registry, Sector, Status, Substance, Text,
};
use rules::rule::Rule;
use rules::set::RuleSet;
use rules::view::PointKey;
use std::sync::Arc;

/// Cases begin at 2025-01-01T00:00:00+08:00.
pub const START: Micros = Micros(1_735_660_800 * SECOND_US);
const ENTERPRISE: &str = "case";

/// The first record: the case's points and all rules.
#[must_use]
pub fn opening(case: &Case, rule: &Rule, rules: &Arc<RuleSet>, real: &Registry) -> Batch<Decoded, Content> {
    let registry = Arc::new(district(case, rule, real));
    let version = || "case".to_owned();
    let inputs = vec![
        Input::Genesis { journal_id: version(), alarm_id_base: 0 },
        Input::Activate(Content::Limits { version: version(), limits: Arc::new(FoldLimits::of_rules_alone()) }),
        Input::Activate(Content::Registry { version: version(), registry }),
        Input::Activate(Content::Rules { version: version(), rules: Arc::clone(rules) }),
    ];
    Batch { now: START, inputs }
}

/// One line as an input. `alarm` finds the alarm that a person signs for.
///
/// # Errors
/// The point or the alarm that the line speaks of is not there.
pub fn input(
    event: &Event,
    state: &State,
    alarm: &dyn Fn(Option<&str>) -> Result<AlarmId, String>,
) -> Result<Input<Decoded, Content>, Fault> {
    let at = START.plus(event.at_us);
    let fault = |problem| Fault { line: event.line, problem };
    Ok(match &event.what {
        What::LinkDown => Input::Link(Link::Down),
        What::LinkUp => Input::Link(Link::Up),
        What::Ack(object) => {
            let alarm = alarm(object.as_deref()).map_err(fault)?;
            ordered(event, Order::Acknowledge { alarm, comment: String::new() })
        }
        What::Reset(object) => {
            let alarm = alarm(object.as_deref()).map_err(fault)?;
            ordered(event, Order::ResetAlarm { alarm, comment: String::new() })
        }
        What::Override { point, limit, value } => ordered(
            event,
            Order::OverrideLimit {
                point: PointKey { enterprise: ENTERPRISE.to_owned(), point: point.clone() },
                limit: *limit,
                value: *value,
                approved_by: "approver".to_owned(),
                reason: "case".to_owned(),
            },
        ),
        What::File { kind, object, from_us, to_us } => ordered(
            event,
            Order::File(Planned {
                kind: *kind,
                object: object_of(state, object.as_deref()),
                from: START.plus(*from_us),
                to: START.plus(*to_us),
                reason: "case".to_owned(),
                idle_check: Some("case".to_owned()),
            }),
        ),
        What::Reading { point, value, quality, device } => {
            let number = state.view().and_then(|view| view.find(ENTERPRISE, point));
            let point = number.ok_or_else(|| fault(format!("the point `{point}` got no number")))?;
            let device_time = match device {
                Device::AsReceived => Some(at),
                Device::At(us) => Some(START.plus(*us)),
                Device::None => None,
            };
            Input::Delivery(Decoded {
                received: at,
                topic: format!("davy/v1/{ENTERPRISE}/g/json"),
                payload: Bytes::from(format!("line {}", event.line)),
                redelivered: false,
                gateway: Some(GatewayKey { enterprise: ENTERPRISE.to_owned(), gateway: "g".to_owned() }),
                gateway_seq: None,
                simulated: false,
                status: None,
                readings: vec![Reading { point, device_time, value: *value, quality: *quality }],
                rejects: Vec::new(),
            })
        }
    })
}

/// The order of a line, signed by the case.
fn ordered(event: &Event, order: Order) -> Input<Decoded, Content> {
    Input::Command(Command {
        key: format!("line {}", event.line),
        received: START.plus(event.at_us),
        by: Actor { name: "case".to_owned(), authenticated: false },
        order,
    })
}

/// What a name of the case means: a point where there is one of that name, else some equipment.
fn object_of(state: &State, name: Option<&str>) -> Object {
    let is_point = |name: &&str| state.view().is_some_and(|view| view.find(ENTERPRISE, name).is_some());
    let (point, equipment) = (name.filter(is_point), name.filter(|name| !is_point(name)));
    let owned = |name: Option<&str>| name.map(str::to_owned);
    Object { enterprise: owned(Some(ENTERPRISE)), equipment: owned(equipment), point: owned(point) }
}

fn district(case: &Case, rule: &Rule, real: &Registry) -> Registry {
    let plant = &case.plant;
    let own = rule.sector.clone().unwrap_or_else(|| "hazchem".to_owned());
    let said = &plant.enterprise;
    let mut equipment: Vec<Equipment> = Vec::new();
    for point in &plant.points {
        match equipment.iter_mut().find(|known| known.id == point.equipment) {
            Some(known) => known.points.push(point_of(point)),
            None => equipment.push(equipment_of(point, plant)),
        }
    }
    let declared = said.idle_kw.zip(said.production_kw);
    let enterprise = Enterprise {
        id: ENTERPRISE.to_owned(),
        credit_code: String::new(),
        name: Text::default(),
        sectors: if said.sectors.is_empty() { vec![own.clone()] } else { said.sectors.clone() },
        town: ENTERPRISE.to_owned(),
        industry: String::new(),
        status: said.status.unwrap_or(Status::Producing),
        people: Vec::new(),
        gateways: vec![Gateway { id: "g".to_owned() }],
        equipment,
        national_code: None,
        declared: declared.map(|(idle_kw, production_kw)| DeclaredLoad { idle_kw, production_kw }),
        stock: false,
        site: said.site.clone(),
    };
    let region = || Region { code: ENTERPRISE.to_owned(), name: Text::default() };
    Registry {
        district: region(),
        towns: vec![region()],
        sectors: if real.sectors.is_empty() {
            vec![Sector { id: own, name: Text::default() }]
        } else {
            real.sectors.clone()
        },
        tag_types: real.tag_types.clone(),
        enterprises: vec![enterprise],
        substances: substances(plant),
        calendar: said.calendar.clone(),
    }
}

fn equipment_of(point: &CasePoint, plant: &Plant) -> Equipment {
    let said = plant.equipment.iter().find(|said| said.id == point.equipment);
    Equipment {
        id: point.equipment.clone(),
        name: Text::default(),
        kind: "case".to_owned(),
        hazard_level: said.and_then(|said| said.hazard_level),
        circuit_role: said.and_then(|said| said.role.clone()),
        points: vec![point_of(point)],
        national_code: None,
        rated_kw: said.and_then(|said| said.rated_kw),
        sector: said.and_then(|said| said.sector.clone()),
        design: said.map(|said| said.design.clone()).unwrap_or_default(),
    }
}

/// One for each name; points that share one say the same of it.
fn substances(plant: &Plant) -> Vec<Substance> {
    let mut list: Vec<Substance> = Vec::new();
    for point in &plant.points {
        let Some(id) = point.substance.clone() else { continue };
        if !list.iter().any(|known| known.id == id) {
            list.push(Substance { id, name: Text::default(), oel: point.oel, highly_toxic: point.toxic });
        }
    }
    list
}

fn point_of(point: &CasePoint) -> Point {
    Point {
        id: point.id.clone(),
        tag: point.tag.clone(),
        range_lo: point.range.0,
        range_hi: point.range.1,
        period_s: point.period_s,
        limits: point.limits,
        dead_band: point.dead_band,
        required: point.required.unwrap_or(point.period_s.is_some()),
        national_code: None,
        substance: point.substance.clone(),
    }
}
