//! What must come of a scenario: the alarms that its first strike raises, and no other of orange or red. Data for
//! whoever compares. Pure.

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
        all.extend(struck.and_then(|(plant, target)| of(scenario, plant, target)));
    }
    Ok(all)
}

fn of(scenario: Scenario, plant: &Plant, target: &Target) -> Option<Expected> {
    let (rule, severity) = match scenario {
        Scenario::Garbage => return None,
        Scenario::Flame | Scenario::SameSecondValues => ("HC-29", Severity::Red),
        Scenario::DustCollectorStops => ("DU-10", Severity::Red),
        Scenario::Overfill => ("HC-02", Severity::Orange),
        Scenario::GasLeak | Scenario::GatewayOutage { .. } | Scenario::ClockSkew(_) | Scenario::Duplicates => {
            ("HC-11", Severity::Orange)
        }
    };
    let point = match scenario {
        Scenario::DustCollectorStops => None,
        _ => Some(plant.points.get(scenario.point(plant, &target.equipment)?)?.id.clone()),
    };
    Some(Expected {
        scenario: scenario.name(),
        rule,
        severity,
        enterprise: plant.enterprise.clone(),
        gateway: plant.gateway.clone(),
        equipment: target.equipment.clone(),
        point,
        within_s: scenario.within_s(),
    })
}
