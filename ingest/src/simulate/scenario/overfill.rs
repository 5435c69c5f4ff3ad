//! A tank goes on receiving: its level rises over H and HH, and its inlet valve does not close by itself: HC-02 and HC-21,
//! orange, and HC-19, red. Afterwards somebody closes it by hand. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "tank.level";
/// The valve says once a minute what it is.
const CLOSED_US: i64 = 120 * SECOND_US;

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let until_us = from_us + 90 * SECOND_US;
    let act = move |shape| move |point| Act { point, from_us, until_us, shape };
    let level = points_of(plant, equipment, TAG).map(act(Shape::Ramp { from: 80.0, to: 96.0 }));
    // It is being filled all the while.
    let receipt = points_of(plant, equipment, "flow.in").map(act(Shape::Level(220.0)));
    let closed =
        move |point| Act { point, from_us: until_us, until_us: until_us + CLOSED_US, shape: Shape::Level(1.0) };
    level.chain(receipt).chain(points_of(plant, equipment, "esd.valve").map(closed)).collect()
}
