//! A gateway that sends everything three times: again as it was, without the mark of a repetition, and again under the
//! next number. Gas leaks behind it: one alarm, and each reading stored once. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "gas.lel";

/// At its first detector.
pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let act = |point| Act { point, from_us, until_us: from_us + 60 * SECOND_US, shape: Shape::Swell(65.0) };
    points_of(plant, equipment, TAG).take(1).map(act).collect()
}
