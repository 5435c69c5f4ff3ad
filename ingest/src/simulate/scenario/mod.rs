//! What goes wrong: one file a scenario. Each strikes again and again, at another plant each time. Must not know how
//! messages are sent. Pure.

pub mod calibration;
mod clock_skew;
mod duplicates;
mod dust_collector_stops;
pub mod expected;
mod flame;
mod garbage;
mod gas_leak;
mod gateway_outage;
mod overfill;
mod same_second_values;
mod suspended_plant;

use super::SimulateError;
use super::habit::Habit;
use super::plant::{Act, Plant};
pub use clock_skew::Skew;
pub use gateway_outage::{AWAY_S, Order};
use rules::reading::SECOND_US;
pub use same_second_values::VALUES as SAME_SECOND;
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
    /// A gateway comes back with its buffer, after so many seconds.
    GatewayOutage { order: Order, away_s: u32 },
    /// A gateway's clock is wrong while gas leaks.
    ClockSkew(Skew),
    /// A gateway sends everything three times while gas leaks.
    Duplicates,
    /// A flame detector says 0 and 1 within one second.
    SameSecondValues,
    /// A tank is filled over H and HH.
    Overfill,
    /// A plant under a stop order draws the load of production.
    SuspendedPlantProduces,
    /// A gas head is given test gas within a calibration that was filed.
    Calibration,
}

const fn outage(order: Order) -> Scenario {
    Scenario::GatewayOutage { order, away_s: AWAY_S }
}

impl Scenario {
    pub const ALL: [Scenario; 17] = [
        Scenario::Flame,
        Scenario::GasLeak,
        Scenario::DustCollectorStops,
        Scenario::Garbage,
        outage(Order::OldestFirst),
        outage(Order::NewestFirst),
        outage(Order::Mixed),
        Scenario::ClockSkew(Skew::Slow),
        Scenario::ClockSkew(Skew::Fast),
        Scenario::ClockSkew(Skew::SetBack),
        Scenario::ClockSkew(Skew::WildFuture),
        Scenario::ClockSkew(Skew::WildPast),
        Scenario::Duplicates,
        Scenario::SameSecondValues,
        Scenario::Overfill,
        Scenario::SuspendedPlantProduces,
        Scenario::Calibration,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Flame => "flame",
            Scenario::GasLeak => "gas-leak",
            Scenario::DustCollectorStops => "dust-collector-stops",
            Scenario::Garbage => "garbage",
            Scenario::GatewayOutage { order: Order::OldestFirst, .. } => "gateway-outage:oldest-first",
            Scenario::GatewayOutage { order: Order::NewestFirst, .. } => "gateway-outage:newest-first",
            Scenario::GatewayOutage { order: Order::Mixed, .. } => "gateway-outage:mixed",
            Scenario::ClockSkew(Skew::Slow) => "clock-skew:slow",
            Scenario::ClockSkew(Skew::Fast) => "clock-skew:fast",
            Scenario::ClockSkew(Skew::SetBack) => "clock-skew:set-back",
            Scenario::ClockSkew(Skew::WildFuture) => "clock-skew:wild-future",
            Scenario::ClockSkew(Skew::WildPast) => "clock-skew:wild-past",
            Scenario::Duplicates => "duplicates",
            Scenario::SameSecondValues => "same-second-values",
            Scenario::Overfill => "overfill",
            Scenario::SuspendedPlantProduces => "suspended-plant-produces",
            Scenario::Calibration => "calibration",
        }
    }

    /// It strikes first so long after the beginning, a little after the others.
    pub(super) fn first_us(self) -> i64 {
        match self {
            Scenario::Garbage => 0,
            Scenario::Flame => 5 * SECOND_US,
            Scenario::GasLeak => 8 * SECOND_US,
            Scenario::DustCollectorStops => 11 * SECOND_US,
            Scenario::SameSecondValues | Scenario::Overfill => 6 * SECOND_US,
            Scenario::SuspendedPlantProduces => 10 * SECOND_US,
            Scenario::Calibration => calibration::FIRST_US,
            // The gateway is heard before its clock goes wrong, and before it repeats itself.
            Scenario::GatewayOutage { .. } | Scenario::ClockSkew(_) | Scenario::Duplicates => 12 * SECOND_US,
        }
    }

    /// It strikes so often; one that changes a gateway's habits strikes once.
    pub(super) fn every_us(self) -> Option<i64> {
        match self {
            Scenario::Garbage => Some(SECOND_US),
            Scenario::Flame
            | Scenario::GasLeak
            | Scenario::DustCollectorStops
            | Scenario::SameSecondValues
            | Scenario::Overfill => Some(300 * SECOND_US),
            // A filing is for one time, and a shift lasts longer than a play.
            Scenario::Calibration | Scenario::SuspendedPlantProduces => None,
            Scenario::GatewayOutage { .. } | Scenario::ClockSkew(_) | Scenario::Duplicates => None,
        }
    }

    /// Its alarm is there at the latest so long after the beginning. A clock set back may mute a point for 120 s.
    pub(super) fn within_s(self) -> u32 {
        match self {
            Scenario::ClockSkew(Skew::SetBack) => 170,
            Scenario::SuspendedPlantProduces => suspended_plant::WITHIN_S,
            // A minute of receiving beyond H, and what it takes to get there.
            Scenario::Overfill => 110,
            _ => 75,
        }
    }

    /// Which of `targets` places the nth strike hits. Scenarios that are played together begin at different ones.
    pub(super) fn turn(self, nth: u64, targets: usize) -> Option<usize> {
        let first = match self {
            Scenario::Flame | Scenario::GasLeak | Scenario::DustCollectorStops | Scenario::Garbage => 0,
            Scenario::Overfill => 18,
            Scenario::SuspendedPlantProduces => 0,
            Scenario::Calibration => 80,
            Scenario::SameSecondValues => 10,
            Scenario::Duplicates => 20,
            Scenario::GatewayOutage { order, .. } => 30 + 4 * order as usize,
            Scenario::ClockSkew(skew) => 50 + 4 * skew as usize,
        };
        usize::try_from(nth).ok()?.checked_add(first)?.checked_rem(targets)
    }

    /// Where it may strike: plants, and the equipment in them.
    pub(super) fn targets(self, plants: &[Plant]) -> Result<Vec<Target>, SimulateError> {
        let Some(tag) = self.tag() else { return Ok(Vec::new()) };
        let mut targets: Vec<Target> = Vec::new();
        for (number, plant) in plants.iter().enumerate().filter(|(_, plant)| self.may_strike(plant)) {
            for point in plant.points.iter().filter(|point| point.tag == tag) {
                let target = Target { plant: number, equipment: point.equipment.clone() };
                if targets.last() != Some(&target) {
                    targets.push(target);
                }
            }
        }
        if targets.is_empty() { Err(SimulateError::NoTarget { scenario: self, tag }) } else { Ok(targets) }
    }

    fn may_strike(self, plant: &Plant) -> bool {
        self != Scenario::SuspendedPlantProduces || suspended_plant::may_strike(plant)
    }

    fn tag(self) -> Option<&'static str> {
        match self {
            Scenario::Flame => Some(flame::TAG),
            Scenario::GasLeak => Some(gas_leak::TAG),
            Scenario::DustCollectorStops => Some(dust_collector_stops::TAG),
            Scenario::Garbage => None,
            Scenario::GatewayOutage { .. } => Some(gateway_outage::TAG),
            Scenario::ClockSkew(_) => Some(clock_skew::TAG),
            Scenario::Duplicates => Some(duplicates::TAG),
            Scenario::SameSecondValues => Some(same_second_values::TAG),
            Scenario::Overfill => Some(overfill::TAG),
            Scenario::SuspendedPlantProduces => Some(suspended_plant::TAG),
            Scenario::Calibration => Some(calibration::TAG),
        }
    }

    /// What is so before it strikes, at the gateway that it will strike first.
    pub(super) fn prepare(self, plant: &mut Plant) {
        match self {
            Scenario::GatewayOutage { .. } => plant.habit = Habit::Away(Vec::new()),
            Scenario::ClockSkew(skew) if skew.is_from_the_beginning() => plant.habit = skew.habit(),
            Scenario::Duplicates => plant.habit = Habit::Repeating,
            _ => {}
        }
    }

    /// What happens at a piece of equipment struck at `from_us`.
    pub(super) fn acts(self, plant: &Plant, equipment: &str, from_us: i64) -> Vec<Act> {
        match self {
            Scenario::Flame => flame::acts(plant, equipment, from_us),
            Scenario::GasLeak => gas_leak::acts(plant, equipment, from_us),
            Scenario::DustCollectorStops => dust_collector_stops::acts(plant, equipment, from_us),
            Scenario::GatewayOutage { away_s, .. } => gateway_outage::acts(plant, equipment, (away_s, from_us)),
            Scenario::ClockSkew(_) => clock_skew::acts(plant, equipment, from_us),
            Scenario::Duplicates => duplicates::acts(plant, equipment, from_us),
            Scenario::Overfill => overfill::acts(plant, equipment, from_us),
            Scenario::SuspendedPlantProduces => suspended_plant::acts(plant, equipment, from_us),
            Scenario::Calibration => calibration::acts(plant, equipment, from_us),
            Scenario::Garbage | Scenario::SameSecondValues => Vec::new(),
        }
    }

    /// The point whose alarm it is about.
    pub(super) fn point(self, plant: &Plant, equipment: &str) -> Option<usize> {
        match self {
            Scenario::GatewayOutage { .. } => gateway_outage::point(plant, equipment),
            Scenario::SameSecondValues => same_second_values::point(plant, equipment),
            Scenario::SuspendedPlantProduces => suspended_plant::point(plant, equipment),
            _ => points_of(plant, equipment, self.tag()?).next(),
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
        // `gateway-outage:mixed:900` is away for 900 s; without an order or a kind it is the first of its name.
        let (plain, away_s) = match name.rsplit_once(':').map(|(plain, last)| (plain, last.parse())) {
            Some((plain, Ok(away_s))) if plain.starts_with("gateway-outage") => (plain, away_s),
            _ => (name, AWAY_S),
        };
        let is_it = |scenario: &Scenario| scenario.name() == plain || scenario.name().split(':').next() == Some(plain);
        let found = Scenario::ALL.into_iter().find(is_it);
        let known = || Scenario::ALL.map(Scenario::name).join(", ");
        match found.ok_or_else(|| format!("unknown scenario {name:?}; there are {}", known()))? {
            Scenario::GatewayOutage { order, .. } if (60..=86_400).contains(&away_s) => {
                Ok(Scenario::GatewayOutage { order, away_s })
            }
            Scenario::GatewayOutage { .. } => Err(format!("{away_s} s away is not between 60 and 86400")),
            other => Ok(other),
        }
    }
}

/// The numbers of the points of one tag type at a piece of equipment.
fn points_of<'p>(plant: &'p Plant, equipment: &'p str, tag: &'p str) -> impl Iterator<Item = usize> + 'p {
    let ours = move |(_, point): &(usize, &super::plant::PlantPoint)| point.equipment == equipment && point.tag == tag;
    plant.points.iter().enumerate().filter(ours).map(|(number, _)| number)
}

#[cfg(test)]
mod tests;
