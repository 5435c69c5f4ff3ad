//! A flame detector sees a flame for a minute: HC-29, red at once. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "flame";

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let act = |point| Act { point, from_us, until_us: from_us + 60 * SECOND_US, shape: Shape::Level(1.0) };
    points_of(plant, equipment, TAG).map(act).collect()
}
