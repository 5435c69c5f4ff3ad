//! One day of a point in slots of 15 minutes: their means, and which of them do not become usual. Pure.

use crate::day::{DAY_US, Day};
use rules::reading::Micros;
use serde::{Deserialize, Serialize};

pub const SLOTS: usize = 96;
pub const SLOT_US: i64 = DAY_US / 96;
/// With fewer a day is not known.
pub const SLOTS_MIN: usize = 90;
/// A day of which more was out of the usual is not a usual day.
const FROZEN_MAX: u32 = 24;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    pub day: Day,
    pub is_workday: bool,
    /// By slot; NaN where nothing came.
    pub means: Vec<f32>,
    /// By slot, as bits.
    frozen: u128,
}

impl Curve {
    pub fn new(day: Day, is_workday: bool) -> Curve {
        Curve { day, is_workday, means: vec![f32::NAN; SLOTS], frozen: 0 }
    }

    pub fn put(&mut self, slot: usize, mean: f32) {
        if let Some(place) = self.means.get_mut(slot) {
            *place = mean;
        }
    }

    pub fn freeze(&mut self, slot: usize) {
        if slot < SLOTS {
            self.frozen |= 1 << slot;
        }
    }

    pub fn freeze_all(&mut self) {
        self.frozen = u128::MAX;
    }

    pub fn is_frozen(&self, slot: usize) -> bool {
        slot < SLOTS && self.frozen & (1 << slot) != 0
    }

    /// Whether as a whole it may become usual.
    pub fn counts(&self) -> bool {
        self.frozen.count_ones() <= FROZEN_MAX
    }

    /// `None` where the day is not known.
    pub fn mean(&self) -> Option<f64> {
        let mut sum = 0.0;
        let mut count = 0_u32;
        for mean in self.means.iter().filter(|mean| !mean.is_nan()) {
            sum += f64::from(*mean);
            count = count.saturating_add(1);
        }
        (count as usize >= SLOTS_MIN).then(|| sum / f64::from(count))
    }

    pub fn is_whole(&self) -> bool {
        self.means.len() == SLOTS
    }
}

/// The slot of its day that holds a moment.
pub fn slot_of(at: Micros) -> usize {
    let into = at.since(Day::of(at).start());
    usize::try_from(into / SLOT_US).unwrap_or(usize::MAX)
}
