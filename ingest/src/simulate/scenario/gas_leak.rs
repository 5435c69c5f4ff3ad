//! Gas leaks at one detector, and a little of it reaches its neighbours: HC-11, orange. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "gas.lel";

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let act = |(n, point)| {
        let peak = if n == 0 { 65.0 } else { 15.0 };
        Act { point, from_us, until_us: from_us + 120 * SECOND_US, shape: Shape::Swell(peak) }
    };
    points_of(plant, equipment, TAG).enumerate().map(act).collect()
}
