//! A gateway comes back that was away since long before the beginning, with everything it measured meanwhile in its
//! buffer. At one detector gas leaked and was gone again while it was away, and a flame was seen: nothing live may come
//! of either. At another gas still leaks when the gateway is back: HC-11 there, orange, once. Pure.

use super::points_of;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "gas.lel";
/// Twice as long as a reading may be old and still be judged live.
pub const AWAY_S: u32 = 600;

/// In which order it sends its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// First in, first out; what is measured meanwhile waits behind it.
    OldestFirst,
    /// Last in, first out; what is measured meanwhile comes first of all.
    NewestFirst,
    /// First in, first out, between what is measured meanwhile.
    Mixed,
}

impl Order {
    pub const ALL: [Order; 3] = [Order::OldestFirst, Order::NewestFirst, Order::Mixed];
}

/// What happened behind the gateway in the `away_s` before the beginning, and until a minute after it is back.
pub fn acts(plant: &Plant, equipment: &str, (away_s, back_us): (u32, i64)) -> Vec<Act> {
    let away_us = i64::from(away_s) * SECOND_US;
    let mut detectors = points_of(plant, equipment, TAG);
    let (over, still) = (detectors.next(), detectors.next());
    let over = over.map(|point| Act {
        point,
        from_us: -away_us / 10 * 9,
        until_us: -away_us / 10 * 8,
        shape: Shape::Level(65.0),
    });
    let still = still.map(|point| Act {
        point,
        from_us: -away_us / 10,
        until_us: back_us + 60 * SECOND_US,
        shape: Shape::Level(65.0),
    });
    // Red without a delay, and of a point that says nothing else: old data could not be taken for live more easily.
    let flame = plant.points.iter().position(|point| point.tag == "flame");
    let flame = flame.map(|point| Act {
        point,
        from_us: -away_us / 10 * 9,
        until_us: -away_us / 10 * 8,
        shape: Shape::Level(1.0),
    });
    over.into_iter().chain(flame).chain(still).collect()
}

/// The detector at which it still leaks.
pub fn point(plant: &Plant, equipment: &str) -> Option<usize> {
    points_of(plant, equipment, TAG).nth(1)
}
