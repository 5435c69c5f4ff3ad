//! The gateways that share one connection, and what they will send when. Pure.

use super::plant::{self, Plant};
use super::scenario::{self, Scenario, Target};
use super::schedule::{Chunk, Due, Schedule};
use super::{Options, SimulateError};
use bytes::Bytes;

/// One connection's share of the district.
#[derive(Debug)]
pub struct Fleet {
    pub number: usize,
    pub plants: Vec<Plant>,
    pub schedule: Schedule,
    /// Where each scenario may strike in the whole district, with the places of this fleet's plants in it.
    pub scripts: Vec<Script>,
}

#[derive(Clone, Debug)]
pub struct Script {
    pub scenario: Scenario,
    /// `None` = a plant of another fleet.
    pub targets: Vec<Option<Target>>,
}

/// What goes to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Bytes,
    /// Good readings in it.
    pub readings: u64,
}

impl Fleet {
    /// Deals the gateways of the district out to the connections.
    pub fn muster(options: &Options) -> Result<Vec<Fleet>, SimulateError> {
        let plants = plant::plants(&options.registry, options.seed);
        if plants.is_empty() {
            return Err(SimulateError::NoGateways);
        }
        let fleets = options.connections.clamp(1, plants.len());
        let mut scripts = Vec::new();
        for &scenario in &options.scenarios {
            scripts.push((scenario, scenario.targets(&plants)?));
        }
        let points = |plants: &[Plant]| plants.iter().map(|plant| plant.points.len()).sum::<usize>();
        let all = points(&plants);
        let mut dealt: Vec<Vec<Plant>> = Vec::new();
        dealt.resize_with(fleets, Vec::new);
        for (n, plant) in plants.into_iter().enumerate() {
            if let Some(hand) = dealt.get_mut(n % fleets) {
                hand.push(plant);
            }
        }
        let muster = |(number, mut plants): (usize, Vec<Plant>)| {
            let share = points(&plants) as f64 / all as f64;
            let chunks = chunks(&mut plants, options);
            let schedule = Schedule::new(chunks, options.rate.map(|rate| rate * share), &options.scenarios);
            let scripts = scripts.iter().map(|(scenario, targets)| {
                let own = |target: &Target| Target { plant: target.plant / fleets, ..target.clone() };
                let is_own = |target: &&Target| target.plant % fleets == number;
                let targets = targets.iter().map(|target| Some(target).filter(is_own).map(own)).collect();
                Script { scenario: *scenario, targets }
            });
            Fleet { number, plants, schedule, scripts: scripts.collect() }
        };
        Ok(dealt.into_iter().enumerate().map(muster).collect())
    }
}

impl Fleet {
    /// What is to be sent for something that is due `at` microseconds after the beginning. A strike of a scenario
    /// sends nothing itself: the points it struck do.
    pub fn message(&mut self, at: i64, due: Due, begun_ms: i64) -> Option<Message> {
        match due {
            Due::Chunk(number) => {
                let chunk = self.schedule.chunk(number)?;
                let plant = self.plants.get_mut(chunk.plant)?;
                let payload = plant.message(&chunk.points, at, begun_ms);
                Some(Message::new(plant.topic.clone(), payload.into_bytes(), chunk.points.len()))
            }
            Due::Struck { plant, point, .. } => {
                let plant = self.plants.get_mut(plant)?;
                let payload = plant.message(&[point], at, begun_ms);
                Some(Message::new(plant.topic.clone(), payload.into_bytes(), 1))
            }
            Due::Strike { scenario: Scenario::Garbage, nth } => {
                // One connection alone sends it.
                let plant = self.plants.first().filter(|_| self.number == 0)?;
                let (topic, payload) = scenario::garbage(nth, plant, begun_ms.saturating_add(at / 1_000));
                Some(Message::new(topic, payload, 0))
            }
            Due::Strike { scenario, nth } => {
                self.strike(scenario, nth, at);
                None
            }
        }
    }

    /// The nth strike of a scenario, if it hits a plant of this fleet.
    fn strike(&mut self, scenario: Scenario, nth: u64, at: i64) -> Option<()> {
        let script = self.scripts.iter().find(|script| script.scenario == scenario)?;
        let turn = usize::try_from(nth).ok()?.checked_rem(script.targets.len())?;
        let target = script.targets.get(turn)?.clone()?;
        let plant = self.plants.get_mut(target.plant)?;
        for act in scenario.acts(plant, &target.equipment, at) {
            plant.begin(act);
            self.schedule.strike(target.plant, act.point, act.from_us, act.until_us);
        }
        Some(())
    }
}

impl Message {
    fn new(topic: String, payload: Vec<u8>, readings: usize) -> Message {
        Message { topic, payload: payload.into(), readings: readings as u64 }
    }
}

/// What is sent together: points of one gateway and, at own periods, of one period, at most a batch.
fn chunks(plants: &mut [Plant], options: &Options) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for (number, plant) in plants.iter_mut().enumerate() {
        let mut periodic: Vec<(i64, usize)> =
            plant.points.iter().enumerate().filter_map(|(n, point)| Some((point.period_us?, n))).collect();
        if options.rate.is_some() {
            // All at one pace: the periods do not matter any more.
            periodic.iter_mut().for_each(|(period_us, _)| *period_us = 0);
        }
        periodic.sort_by_key(|(period_us, _)| *period_us);
        for same in periodic.chunk_by(|a, b| a.0 == b.0) {
            let phase = plant.draw();
            for part in same.chunks(options.batch) {
                let period_us = part.first().map_or(0, |(period_us, _)| *period_us);
                let points = part.iter().map(|(_, point)| *point).collect();
                chunks.push(Chunk { plant: number, points, period_us, phase_us: (period_us as f64 * phase) as i64 });
            }
        }
    }
    chunks
}
