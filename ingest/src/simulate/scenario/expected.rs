//! What must come of a scenario: the alarms that its first strike raises, and no other. Data for whoever compares. Pure.

use super::{Scenario, Target};
use crate::simulate::plant::{self, Plant};
use crate::simulate::{Options, SimulateError};
use rules::reading::Severity;
use serde::Serialize;

/// One alarm that must be raised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Expected {
    pub scenario: &'static str,
    pub rule: &'static str,
    pub severity: Severity,
    pub enterprise: String,
    /// That of the object; an alarm does not name it.
    pub gateway: String,
    pub equipment: String,
    /// None where the whole equipment is the alarm's object.
    pub point: Option<String>,
    /// Filed work suppresses it by design: it is there to see, and nobody is called.
    pub suppressed: bool,
    /// At the latest so long after the beginning, for a judge who must stop waiting.
    pub within_s: u32,
}

/// The alarms of the first strikes of all scenarios that are played.
///
/// # Errors
/// A scenario finds nowhere to strike.
pub fn expected(options: &Options) -> Result<Vec<Expected>, SimulateError> {
    let plants = plant::plants(&options.registry, options.seed);
    let mut all = Vec::new();
    for &scenario in &options.scenarios {
        let targets = scenario.targets(&plants)?;
        let struck = scenario.turn(0, targets.len()).and_then(|turn| targets.get(turn));
        let struck = struck.and_then(|target| Some((plants.get(target.plant)?, target)));
        all.extend(struck.into_iter().flat_map(|(plant, target)| of(scenario, plant, target)));
    }
    Ok(all)
}

/// (rule, severity) of every alarm of a strike.
fn rules(scenario: Scenario) -> &'static [(&'static str, Severity)] {
    match scenario {
        Scenario::Garbage => &[],
        Scenario::Flame | Scenario::SameSecondValues => &[("HC-29", Severity::Red)],
        Scenario::DustCollectorStops => &[("DU-10", Severity::Red)],
        // On its way to the second limit it passes the first.
        Scenario::Overfill => &[
            ("HC-01", Severity::Yellow),
            ("HC-02", Severity::Orange),
            ("HC-19", Severity::Red),
            ("HC-21", Severity::Orange),
        ],
        Scenario::GasLeak
        | Scenario::GatewayOutage { .. }
        | Scenario::ClockSkew(_)
        | Scenario::Duplicates
        | Scenario::Calibration => &[("HC-10", Severity::Yellow), ("HC-11", Severity::Orange)],
        Scenario::SuspendedPlantProduces => &[("EL-01", Severity::Red)],
    }
}

fn of(scenario: Scenario, plant: &Plant, target: &Target) -> Vec<Expected> {
    let point = match scenario {
        Scenario::DustCollectorStops => None,
        _ => scenario.point(plant, &target.equipment).and_then(|point| plant.points.get(point)),
    };
    let one = |(rule, severity): &(&'static str, Severity)| Expected {
        scenario: scenario.name(),
        rule,
        severity: *severity,
        enterprise: plant.enterprise.clone(),
        gateway: plant.gateway.clone(),
        equipment: target.equipment.clone(),
        point: point.map(|point| point.id.clone()),
        suppressed: scenario == Scenario::Calibration,
        within_s: scenario.within_s(),
    };
    rules(scenario).iter().map(one).collect()
}
