//! One gateway and the points behind it: what each shows at a moment, in normal operation or while something is going
//! wrong. Seeded: its own stream of numbers, drawn reading by reading. Pure.

use super::profile::Profile;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rules::reading::SECOND_US;
use rules::registry::{Enterprise, Registry};
use std::collections::BTreeMap;

/// The gateway `gateway` of `enterprise` with its points.
#[derive(Debug)]
pub struct Plant {
    pub topic: String,
    pub points: Vec<PlantPoint>,
    dice: ChaCha8Rng,
    acts: Vec<Act>,
    seq: u64,
}

#[derive(Debug)]
pub struct PlantPoint {
    pub id: String,
    pub tag: String,
    pub equipment: String,
    pub period_us: Option<i64>,
    profile: Profile,
    /// Device time of the newest reading; the next is always later. Milliseconds.
    last_ms: i64,
}

/// Something that goes wrong at one point for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Act {
    /// Number of the point in its plant.
    pub point: usize,
    pub from_us: i64,
    pub until_us: i64,
    pub shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Level(f64),
    /// Rises to the peak in the first quarter, holds, and falls in the last.
    Swell(f64),
}

/// Every gateway of the registry that has points. Equipment is dealt out to the gateways of its enterprise in turn.
pub fn plants(registry: &Registry, seed: u64) -> Vec<Plant> {
    let units: BTreeMap<&str, &str> = registry.tag_types.iter().map(|t| (t.id.as_str(), t.unit.as_str())).collect();
    let mut plants = Vec::new();
    for enterprise in &registry.enterprises {
        for gateway in 0..enterprise.gateways.len() {
            let mut dice = ChaCha8Rng::seed_from_u64(seed);
            // A stream of its own for each gateway, so that none depends on how many others there are.
            dice.set_stream(plants.len() as u64);
            let plant = Plant::new(enterprise, gateway, &units, dice);
            if !plant.points.is_empty() {
                plants.push(plant);
            }
        }
    }
    plants
}

impl Plant {
    fn new(enterprise: &Enterprise, gateway: usize, units: &BTreeMap<&str, &str>, mut dice: ChaCha8Rng) -> Plant {
        let gateways = enterprise.gateways.len().max(1);
        let name = enterprise.gateways.get(gateway).map_or("", |gateway| gateway.id.as_str());
        let mut points = Vec::new();
        for equipment in enterprise.equipment.iter().skip(gateway).step_by(gateways) {
            for point in &equipment.points {
                let unit = units.get(point.tag.as_str()).copied().unwrap_or_default();
                points.push(PlantPoint {
                    id: point.id.clone(),
                    tag: point.tag.clone(),
                    equipment: equipment.id.clone(),
                    period_us: point.period_us(),
                    profile: Profile::of(point, unit, &mut || unit_interval(&mut dice)),
                    last_ms: i64::MIN,
                });
            }
        }
        let topic = crate::decode::topic::of_gateway(&enterprise.id, name, crate::decode::topic::FORMAT_JSON);
        Plant { topic, points, dice, acts: Vec::new(), seq: 0 }
    }

    pub fn begin(&mut self, act: Act) {
        self.acts.push(act);
    }

    /// A number from 0 to 1, for whoever plans this gateway.
    pub fn draw(&mut self) -> f64 {
        unit_interval(&mut self.dice)
    }

    /// One message with a reading of each of `points`, `elapsed_us` after the beginning at `begun_ms`.
    pub fn message(&mut self, points: &[usize], elapsed_us: i64, begun_ms: i64) -> String {
        use std::fmt::Write;
        self.acts.retain(|act| elapsed_us < act.until_us);
        self.seq = self.seq.saturating_add(1);
        let ts = begun_ms.saturating_add(elapsed_us / 1_000);
        let mut text = format!("{{\"seq\":{},\"ts\":{ts},\"d\":[", self.seq);
        for (n, &number) in points.iter().enumerate() {
            let tremble = unit_interval(&mut self.dice) * 2.0 - 1.0;
            let Some(point) = self.points.get_mut(number) else { continue };
            let act = self.acts.iter().rev().find(|act| act.point == number && act.from_us <= elapsed_us);
            let value = act.map_or_else(|| point.profile.value(elapsed_us, tremble), |act| act.value(elapsed_us));
            let comma = if n == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            write!(text, "{comma}{{\"p\":\"{}\",\"v\":{value}", point.id).ok();
            let t = ts.max(point.last_ms.saturating_add(1));
            point.last_ms = t;
            if t != ts {
                write!(text, ",\"t\":{t}").ok();
            }
            text.push('}');
        }
        text.push_str("]}");
        text
    }
}

impl Act {
    fn value(&self, elapsed_us: i64) -> f64 {
        match self.shape {
            Shape::Level(level) => level,
            Shape::Swell(peak) => {
                let span = self.until_us.saturating_sub(self.from_us).max(SECOND_US) as f64;
                let part = elapsed_us.saturating_sub(self.from_us) as f64 / span;
                let height = (part * 4.0).min((1.0 - part) * 4.0).clamp(0.0, 1.0);
                (peak * height * 10.0).round() / 10.0
            }
        }
    }
}

fn unit_interval(dice: &mut ChaCha8Rng) -> f64 {
    f64::from(dice.next_u32()) / f64::from(u32::MAX)
}
