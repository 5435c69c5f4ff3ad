//! The fan of a dust collector stops while production runs on: DU-10, red after its delay. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "dust.fan_run";

pub fn acts(plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
    let until_us = from_us + 45 * SECOND_US;
    let set = |tag: &'static str, level: f64| {
        let act = move |point| Act { point, from_us, until_us, shape: Shape::Level(level) };
        points_of(plant, equipment, tag).map(act)
    };
    set(TAG, 0.0).chain(set("dust.fan_current", 0.0)).chain(set("dust.dp", 0.0)).chain(set("prod.run", 1.0)).collect()
}
