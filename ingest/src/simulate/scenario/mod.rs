//! What goes wrong: one file a scenario. Each strikes again and again, at another plant each time. Must not know how
//! messages are sent. Pure.

mod dust_collector_stops;
mod flame;
mod garbage;
mod gas_leak;

use super::SimulateError;
use super::plant::{Act, Plant};
use rules::reading::SECOND_US;
use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// A flame detector sees a flame for a minute.
    Flame,
    /// Flammable gas rises beyond 50 %LEL and falls again.
    GasLeak,
    /// A dust collector stops while production runs on.
    DustCollectorStops,
    /// A gateway sends what it must not: broken, foreign, absurd.
    Garbage,
}

impl Scenario {
    pub const ALL: [Scenario; 4] =
        [Scenario::Flame, Scenario::GasLeak, Scenario::DustCollectorStops, Scenario::Garbage];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Flame => "flame",
            Scenario::GasLeak => "gas-leak",
            Scenario::DustCollectorStops => "dust-collector-stops",
            Scenario::Garbage => "garbage",
        }
    }

    /// It strikes first so long after the beginning, a little after the others.
    pub(super) fn first_us(self) -> i64 {
        match self {
            Scenario::Garbage => 0,
            Scenario::Flame => 5 * SECOND_US,
            Scenario::GasLeak => 8 * SECOND_US,
            Scenario::DustCollectorStops => 11 * SECOND_US,
        }
    }

    /// It strikes so often.
    pub(super) fn every_us(self) -> i64 {
        match self {
            Scenario::Garbage => SECOND_US,
            Scenario::Flame | Scenario::GasLeak | Scenario::DustCollectorStops => 300 * SECOND_US,
        }
    }

    /// Where it may strike: plants, and the equipment in them.
    pub(super) fn targets(self, plants: &[Plant]) -> Result<Vec<Target>, SimulateError> {
        let tag = match self {
            Scenario::Flame => flame::TAG,
            Scenario::GasLeak => gas_leak::TAG,
            Scenario::DustCollectorStops => dust_collector_stops::TAG,
            Scenario::Garbage => return Ok(Vec::new()),
        };
        let mut targets: Vec<Target> = Vec::new();
        for (number, plant) in plants.iter().enumerate() {
            for point in plant.points.iter().filter(|point| point.tag == tag) {
                let target = Target { plant: number, equipment: point.equipment.clone() };
                if targets.last() != Some(&target) {
                    targets.push(target);
                }
            }
        }
        if targets.is_empty() { Err(SimulateError::NoTarget { scenario: self, tag }) } else { Ok(targets) }
    }

    /// What happens at a piece of equipment struck at `from_us`.
    pub(super) fn acts(self, plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
        match self {
            Scenario::Flame => flame::acts(plant, equipment, from_us),
            Scenario::GasLeak => gas_leak::acts(plant, equipment, from_us),
            Scenario::DustCollectorStops => dust_collector_stops::acts(plant, equipment, from_us),
            Scenario::Garbage => Vec::new(),
        }
    }
}

/// Topic and payload of the nth piece of garbage.
pub(super) fn garbage(nth: u64, plant: &Plant, now_ms: i64) -> (String, Vec<u8>) {
    garbage::nth(nth, plant, now_ms)
}

/// A piece of equipment that may be struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub plant: usize,
    pub equipment: String,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Scenario, String> {
        let known = Scenario::ALL.map(Scenario::name).join(", ");
        let found = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| format!("unknown scenario {name:?}; there are {known}"))
    }
}

/// The numbers of the points of one tag type at a piece of equipment.
fn points_of<'p>(plant: &'p Plant, equipment: &'p str, tag: &'p str) -> impl Iterator<Item = usize> + 'p {
    let ours = move |(_, point): &(usize, &super::plant::PlantPoint)| point.equipment == equipment && point.tag == tag;
    plant.points.iter().enumerate().filter(ours).map(|(number, _)| number)
}
