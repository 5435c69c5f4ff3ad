//! One gateway and the points behind it: what each shows at a moment, in normal operation or while something is going
//! wrong. Seeded: its own stream of numbers, drawn reading by reading. Pure.

use super::fleet::Message;
use super::habit::{Habit, Moment};
use super::load;
use super::profile::Profile;
use super::scenario::Order;
use crate::decode::topic;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rules::reading::SECOND_US;
use rules::registry::{Enterprise, Registry, Status};
use std::collections::BTreeMap;

/// The gateway `gateway` of `enterprise` with its points.
#[derive(Debug)]
pub struct Plant {
    pub enterprise: String,
    pub gateway: String,
    pub status: Status,
    /// What the enterprise says it draws in production, kW.
    pub production_kw: Option<f64>,
    pub topic: String,
    pub status_topic: String,
    pub points: Vec<PlantPoint>,
    pub habit: Habit,
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

/// A message without its number, which it gets when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    text: String,
    readings: u64,
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
    /// Says nothing: the sensor is gone.
    Silent,
    /// Rises in the first half, then holds.
    Ramp {
        from: f64,
        to: f64,
    },
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
            let plant = Plant::new(enterprise, gateway, &units, (dice, seed));
            if !plant.points.is_empty() {
                plants.push(plant);
            }
        }
    }
    plants
}

/// A number for a name: FNV-1a.
fn named(enterprise: &str, point: &str) -> u64 {
    let bytes = enterprise.bytes().chain([b'/']).chain(point.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl Plant {
    fn new(
        enterprise: &Enterprise,
        gateway: usize,
        units: &BTreeMap<&str, &str>,
        (dice, seed): (ChaCha8Rng, u64),
    ) -> Plant {
        let gateways = enterprise.gateways.len().max(1);
        let name = enterprise.gateways.get(gateway).map_or("", |gateway| gateway.id.as_str());
        let mut points = Vec::new();
        for equipment in enterprise.equipment.iter().skip(gateway).step_by(gateways) {
            for point in &equipment.points {
                let unit = units.get(point.tag.as_str()).copied().unwrap_or_default();
                // Its own, whatever other points there are: a past of fewer points is the past of this one.
                let mut own = ChaCha8Rng::seed_from_u64(seed ^ named(&enterprise.id, &point.id));
                points.push(PlantPoint {
                    id: point.id.clone(),
                    tag: point.tag.clone(),
                    equipment: equipment.id.clone(),
                    period_us: point.period_us(),
                    profile: Profile::of(point, unit, load::shown(enterprise, equipment, point), &mut || {
                        unit_interval(&mut own)
                    }),
                    last_ms: i64::MIN,
                });
            }
        }
        let topic = |format| topic::of_gateway(&enterprise.id, name, format);
        Plant {
            enterprise: enterprise.id.clone(),
            gateway: name.to_owned(),
            status: enterprise.status,
            production_kw: enterprise.declared.map(|declared| declared.production_kw),
            topic: topic(topic::FORMAT_JSON),
            status_topic: topic(topic::FORMAT_STATUS),
            points,
            habit: Habit::default(),
            dice,
            acts: Vec::new(),
            seq: 0,
        }
    }

    pub fn begin(&mut self, act: Act) {
        self.acts.push(act);
    }

    /// A number from 0 to 1, for whoever plans this gateway.
    pub fn draw(&mut self) -> f64 {
        unit_interval(&mut self.dice)
    }

    /// What is sent now that `points` are measured, `elapsed_us` after the beginning at `begun_ms`: mostly one message.
    pub fn messages(&mut self, points: &[usize], elapsed_us: i64, begun_ms: i64) -> Vec<Message> {
        if let Habit::Away(missed) = &mut self.habit {
            missed.push(Moment { at_us: elapsed_us, points: points.to_vec() });
            return Vec::new();
        }
        let body = self.measure(points, elapsed_us, begun_ms);
        let (topic, seq) = (&self.topic, &mut self.seq);
        self.habit.send(body, &mut |body| seal(topic, seq, body))
    }

    /// It comes back: what it should have measured it has measured, in time, and keeps in its buffer.
    pub fn come_back(&mut self, order: Order, before: Vec<Moment>, begun_ms: i64) {
        let Habit::Away(mut missed) = std::mem::take(&mut self.habit) else { return };
        missed.extend(before);
        missed.sort();
        let measured = missed.iter().map(|moment| self.measure(&moment.points, moment.at_us, begun_ms));
        let buffer = measured.collect();
        self.habit = Habit::Back { order, buffer };
    }

    /// The next message of its buffer.
    pub fn release(&mut self) -> Option<Message> {
        let body = self.habit.release()?;
        Some(seal(&self.topic, &mut self.seq, &body))
    }

    /// A message that names its values itself, under a stamp of its own.
    pub fn say(&mut self, point: usize, value: f64, ts_ms: i64) -> Option<Message> {
        let id = &self.points.get(point)?.id;
        let text = format!("\"ts\":{ts_ms},\"d\":[{{\"p\":\"{id}\",\"v\":{value}}}]}}");
        Some(seal(&self.topic, &mut self.seq, &Body { text, readings: 1 }))
    }

    /// A reading of each of `points`.
    fn measure(&mut self, points: &[usize], elapsed_us: i64, begun_ms: i64) -> Body {
        use std::fmt::Write;
        self.acts.retain(|act| elapsed_us < act.until_us);
        let ts = begun_ms.saturating_add(elapsed_us.div_euclid(1_000));
        // The clock may be wrong; what was measured when is not changed by that.
        let shift_ms = self.habit.shift_ms();
        let mut text = format!("\"ts\":{},\"d\":[", ts.saturating_add(shift_ms));
        let mut readings = 0;
        for &number in points {
            let tremble = unit_interval(&mut self.dice) * 2.0 - 1.0;
            let Some(point) = self.points.get_mut(number) else { continue };
            let act = self.acts.iter().rev().find(|act| act.point == number && act.from_us <= elapsed_us);
            let value = match act {
                None => {
                    let wall_us = begun_ms.saturating_mul(1_000).saturating_add(elapsed_us);
                    point.profile.value(elapsed_us, wall_us, tremble)
                }
                Some(Act { shape: Shape::Silent, .. }) => continue,
                Some(act) => act.value(elapsed_us),
            };
            let comma = if readings == 0 { "" } else { "," };
            readings += 1;
            // Writing to a string cannot fail.
            write!(text, "{comma}{{\"p\":\"{}\",\"v\":{value}", point.id).ok();
            let t = ts.max(point.last_ms.saturating_add(1));
            point.last_ms = t;
            if t != ts {
                write!(text, ",\"t\":{}", t.saturating_add(shift_ms)).ok();
            }
            text.push('}');
        }
        text.push_str("]}");
        Body { text, readings }
    }
}

/// Gives a message the gateway's next number.
fn seal(topic: &str, seq: &mut u64, body: &Body) -> Message {
    *seq = seq.saturating_add(1);
    let payload = format!("{{\"seq\":{seq},\"sim\":true,{}", body.text);
    Message { topic: topic.to_owned(), payload: payload.into(), readings: body.readings, retain: false }
}

impl Act {
    fn value(&self, elapsed_us: i64) -> f64 {
        match self.shape {
            Shape::Level(level) => level,
            Shape::Silent => f64::NAN,
            Shape::Ramp { from, to } => {
                let span = self.until_us.saturating_sub(self.from_us).max(SECOND_US) as f64;
                let part = (elapsed_us.saturating_sub(self.from_us) as f64 / span * 2.0).clamp(0.0, 1.0);
                ((from + (to - from) * part) * 10.0).round() / 10.0
            }
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
