//! The small district of one case, and its lines as inputs to the fold. Must not know what the case expects. Pure.

use super::parse::{Case, CasePoint, Device, Event, Fault, What};
use crate::alarm::AlarmId;
use crate::command::{Actor, Command, Order};
use crate::input::{Batch, Content, Decoded, FoldLimits, Input, Link};
use crate::state::State;
use bytes::Bytes;
use rules::reading::{Micros, Reading, SECOND_US};
use rules::registry::{Enterprise, Equipment, Gateway, Point, Region, Registry, Sector, Status, Text};
use rules::rule::Rule;
use rules::set::RuleSet;
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
        Input::Activate(Content::Limits { version: version(), limits: Arc::new(FoldLimits::default()) }),
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
        What::Ack(object) => Input::Command(Command {
            key: format!("line {}", event.line),
            received: at,
            by: Actor { name: "case".to_owned(), authenticated: false },
            order: Order::Acknowledge { alarm: alarm(object.as_deref()).map_err(fault)?, comment: String::new() },
        }),
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
                gateway_seq: None,
                status: None,
                readings: vec![Reading { point, device_time, value: *value, quality: *quality }],
                rejects: Vec::new(),
            })
        }
    })
}

fn district(case: &Case, rule: &Rule, real: &Registry) -> Registry {
    let sector = rule.sector.clone().unwrap_or_else(|| "hazchem".to_owned());
    let mut equipment: Vec<Equipment> = Vec::new();
    for point in &case.points {
        match equipment.iter_mut().find(|known| known.id == point.equipment) {
            Some(known) => known.points.push(point_of(point)),
            None => equipment.push(Equipment {
                id: point.equipment.clone(),
                name: Text::default(),
                kind: "case".to_owned(),
                hazard_level: None,
                circuit_role: None,
                points: vec![point_of(point)],
                national_code: None,
            }),
        }
    }
    let enterprise = Enterprise {
        id: ENTERPRISE.to_owned(),
        credit_code: String::new(),
        name: Text::default(),
        sectors: vec![sector.clone()],
        town: ENTERPRISE.to_owned(),
        industry: String::new(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "g".to_owned() }],
        equipment,
        national_code: None,
    };
    let region = || Region { code: ENTERPRISE.to_owned(), name: Text::default() };
    Registry {
        district: region(),
        towns: vec![region()],
        sectors: vec![Sector { id: sector, name: Text::default() }],
        tag_types: real.tag_types.clone(),
        enterprises: vec![enterprise],
    }
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
        required: true,
        national_code: None,
    }
}
