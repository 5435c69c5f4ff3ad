//! A tank goes on receiving: its level rises over H and HH: HC-02, orange. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "tank.level";

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let until_us = from_us + 90 * SECOND_US;
    let act = move |shape| move |point| Act { point, from_us, until_us, shape };
    let level = points_of(plant, equipment, TAG).map(act(Shape::Ramp { from: 80.0, to: 96.0 }));
    // It is being filled all the while.
    let receipt = points_of(plant, equipment, "flow").map(act(Shape::Level(220.0)));
    level.chain(receipt).collect()
}
