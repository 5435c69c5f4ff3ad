//! A plant under a stop order draws six tenths of its load in production for most of an hour: EL-01, red when two whole
//! quarter hours of it are over. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;
use rules::registry::Status;

/// Only the incomer has one.
pub const TAG: &str = "pwr.demand";
/// Wherever in a quarter hour it begins: what is left of it, two whole ones, and the reading that closes the second.
pub const WITHIN_S: u32 = 47 * 60;
const LASTS_US: i64 = 50 * 60 * SECOND_US;
/// Of the load in production: more than a pump, less than a full shift.
const PART: f64 = 0.6;

pub fn may_strike(plant: &Plant) -> bool {
    plant.status == Status::OrderedToStop && plant.production_kw.is_some()
}

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let load = plant.production_kw.unwrap_or_default() * PART;
    let act = |point| Act { point, from_us, until_us: from_us + LASTS_US, shape: Shape::Level(load) };
    points_of(plant, equipment, TAG).chain(points_of(plant, equipment, "pwr.p")).map(act).collect()
}

/// The power of the incomer.
pub fn point(plant: &Plant, equipment: &str) -> Option<usize> {
    points_of(plant, equipment, "pwr.p").next()
}
