//! A gas head is given test gas within a calibration that was filed beforehand: HC-10 and HC-11 there are suppressed by
//! design, and nothing is annunciated. Without the filing, or outside of its time, both would be. Pure.

use super::points_of;
use super::{Scenario, Target};
use crate::simulate::plant::{self, Act, Plant, Shape};
use crate::simulate::{Options, SimulateError};
use alerting::alarm::Object;
use alerting::filings::{FilingKind, Planned};
use rules::reading::{Micros, SECOND_US};

pub const TAG: &str = "gas.lel";
/// The test gas comes well within the filed time.
pub const FIRST_US: i64 = 30 * SECOND_US;
/// From the beginning of the play. A filing lies ahead when it is filed.
const FILED_FROM_US: i64 = 20 * SECOND_US;
const FILED_TO_US: i64 = 180 * SECOND_US;
const GAS_US: i64 = 60 * SECOND_US;

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    // Test gas is half the lower explosion limit and a little more, as bottles are.
    let act = |point| Act { point, from_us, until_us: from_us + GAS_US, shape: Shape::Level(60.0) };
    points_of(plant, equipment, TAG).take(1).map(act).collect()
}

/// What must be filed for the scenarios that are played, before the first message is sent.
///
/// # Errors
/// A scenario finds nowhere to strike.
pub fn filings(options: &Options, begun: Micros) -> Result<Vec<Planned>, SimulateError> {
    if !options.scenarios.contains(&Scenario::Calibration) {
        return Ok(Vec::new());
    }
    let plants = plant::plants(&options.registry, options.seed);
    let targets = Scenario::Calibration.targets(&plants)?;
    let struck = Scenario::Calibration.turn(0, targets.len()).and_then(|turn| targets.get(turn));
    Ok(struck.and_then(|target| planned(plants.get(target.plant)?, target, begun)).into_iter().collect())
}

fn planned(plant: &Plant, target: &Target, begun: Micros) -> Option<Planned> {
    let point = plant.points.get(points_of(plant, &target.equipment, TAG).next()?)?;
    let object = Object {
        enterprise: Some(plant.enterprise.clone()),
        equipment: Some(target.equipment.clone()),
        point: Some(point.id.clone()),
    };
    let (from, to) = (begun.plus(FILED_FROM_US), begun.plus(FILED_TO_US));
    let reason = "标定 / calibration with test gas".to_owned();
    Some(Planned { kind: FilingKind::Calibration, object, from, to, reason, idle_check: None })
}
