//! A gateway whose clock is wrong while gas leaks behind it: whatever its stamps say, HC-11 must be raised, orange, and
//! no silence of the gateway's. Pure.

use super::points_of;
use crate::simulate::habit::Habit;
use crate::simulate::plant::{Act, Plant, Shape};
use rules::reading::SECOND_US;

pub const TAG: &str = "gas.lel";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skew {
    /// Behind by less than what is live.
    Slow,
    /// Ahead by more than is believed.
    Fast,
    /// Right at first, then set back by eight hours for good.
    SetBack,
    /// One stamp a month in the future, then right again.
    WildFuture,
    /// One stamp eight hours in the past, then right again.
    WildPast,
}

const MINUTE_MS: i64 = 60_000;

impl Skew {
    pub fn ms(self) -> i64 {
        match self {
            Skew::Slow => -200_000,
            Skew::Fast => 200_000,
            Skew::SetBack | Skew::WildPast => -8 * 60 * MINUTE_MS,
            Skew::WildFuture => 30 * 24 * 60 * MINUTE_MS,
        }
    }

    /// Whether the clock is wrong before anything happens.
    pub fn is_from_the_beginning(self) -> bool {
        matches!(self, Skew::Slow | Skew::Fast)
    }

    /// How the gateway sends from the strike on.
    pub fn habit(self) -> Habit {
        match self {
            Skew::Slow | Skew::Fast | Skew::SetBack => Habit::Shifted(self.ms()),
            Skew::WildFuture | Skew::WildPast => Habit::ShiftedOnce(self.ms()),
        }
    }
}

/// At its first detector, soon after the clock has gone wrong and for longer than a re-anchoring takes.
pub fn acts(plant: &Plant, equipment: &str, struck_us: i64) -> Vec<Act> {
    let from_us = struck_us + 5 * SECOND_US;
    let act = |point| Act { point, from_us, until_us: from_us + 240 * SECOND_US, shape: Shape::Level(65.0) };
    points_of(plant, equipment, TAG).take(1).map(act).collect()
}
