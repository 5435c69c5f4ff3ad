//! A flame detector whose stamps are whole seconds says 0 and then 1 within one second: HC-29, red at once. Pure.

use super::points_of;
use crate::simulate::plant::Plant;

pub const TAG: &str = "flame";

/// The detector.
pub fn point(plant: &Plant, equipment: &str) -> Option<usize> {
    points_of(plant, equipment, TAG).next()
}

/// What it says, one message each, all under the same second.
pub const VALUES: [f64; 2] = [0.0, 1.0];
