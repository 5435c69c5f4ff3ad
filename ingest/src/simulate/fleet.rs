//! The gateways that share one connection, and what they will send when. Pure.

use super::habit::{Habit, Moment};
use super::plant::{self, Plant};
use super::scenario::{self, Scenario, Target};
use super::schedule::{Chunk, Due, Schedule};
use super::{Options, SimulateError};
use bytes::Bytes;
use rules::reading::SECOND_US;

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
    /// The status of a gateway: the broker remembers it. Neither counted nor logged.
    pub retain: bool,
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
            let mut fleet = Fleet { number, plants, schedule, scripts: scripts.collect() };
            fleet.prepare();
            fleet
        };
        Ok(dealt.into_iter().enumerate().map(muster).collect())
    }
}

impl Fleet {
    /// What must be so before the first strike.
    fn prepare(&mut self) {
        for script in &self.scripts {
            if let Some(target) = script.target(0)
                && let Some(plant) = self.plants.get_mut(target.plant)
            {
                script.scenario.prepare(plant);
            }
        }
    }

    /// What its gateways say of themselves when the connection is there.
    pub fn hello(&self) -> Vec<Message> {
        self.plants.iter().map(|plant| status(plant, !matches!(plant.habit, Habit::Away(_)))).collect()
    }

    /// What they say when they leave in order.
    pub fn goodbye(&self) -> Vec<Message> {
        self.plants.iter().map(|plant| status(plant, false)).collect()
    }

    /// What is to be sent for something that is due `at` microseconds after the beginning. Most strikes send nothing
    /// themselves: the points they struck do.
    pub fn messages(&mut self, at: i64, due: Due, begun_ms: i64) -> Vec<Message> {
        match due {
            Due::Chunk(number) => {
                let Some(chunk) = self.schedule.chunk(number) else { return Vec::new() };
                let Some(plant) = self.plants.get_mut(chunk.plant) else { return Vec::new() };
                plant.messages(&chunk.points, at, begun_ms)
            }
            Due::Struck { plant, point, .. } => {
                let Some(plant) = self.plants.get_mut(plant) else { return Vec::new() };
                plant.messages(&[point], at, begun_ms)
            }
            Due::Release { plant: number } => {
                let released = self.plants.get_mut(number).and_then(Plant::release);
                if released.is_some() {
                    self.schedule.release(number, at);
                }
                released.into_iter().collect()
            }
            Due::Strike { scenario: Scenario::Garbage, nth } => {
                // One connection alone sends it.
                let Some(plant) = self.plants.first().filter(|_| self.number == 0) else { return Vec::new() };
                let (topic, payload) = scenario::garbage(nth, plant, begun_ms.saturating_add(at / 1_000));
                vec![Message { topic, payload: payload.into(), readings: 0, retain: false }]
            }
            Due::Strike { scenario, nth } => self.strike(scenario, nth, (at, begun_ms)).unwrap_or_default(),
        }
    }

    /// The nth strike of a scenario, if it hits a plant of this fleet.
    fn strike(&mut self, scenario: Scenario, nth: u64, (at, begun_ms): (i64, i64)) -> Option<Vec<Message>> {
        let script = self.scripts.iter().find(|script| script.scenario == scenario)?;
        let Target { plant: number, equipment } = script.target(nth)?;
        let plant = self.plants.get_mut(number)?;
        let mut past = Vec::new();
        for act in scenario.acts(plant, &equipment, at) {
            plant.begin(act);
            if act.until_us > at {
                self.schedule.strike(number, act.point, act.from_us.max(at), act.until_us);
            } else {
                past.extend([act.from_us, act.until_us].map(|at_us| Moment { at_us, points: vec![act.point] }));
            }
        }
        match scenario {
            Scenario::GatewayOutage { order, away_s } => {
                let away_us = i64::from(away_s).saturating_mul(SECOND_US);
                past.extend(self.schedule.before(number, -away_us));
                plant.come_back(order, past, begun_ms);
                self.schedule.release(number, at);
                Some(vec![status(plant, true)])
            }
            Scenario::ClockSkew(skew) => {
                plant.habit = skew.habit();
                // The wild stamp, if it is one alone, is that of a reading of the point that is struck.
                Some(plant.messages(&[scenario.point(plant, &equipment)?], at, begun_ms))
            }
            Scenario::SameSecondValues => {
                let point = scenario.point(plant, &equipment)?;
                let second_ms = begun_ms.saturating_add(at / 1_000).div_euclid(1_000).saturating_mul(1_000);
                // A minute later it says that the flame is out.
                let over_us = at.saturating_add(60 * SECOND_US);
                self.schedule.strike(number, point, over_us, over_us);
                Some(scenario::SAME_SECOND.iter().filter_map(|value| plant.say(point, *value, second_ms)).collect())
            }
            _ => None,
        }
    }
}

impl Script {
    /// Where the nth strike hits, if in this fleet.
    fn target(&self, nth: u64) -> Option<Target> {
        self.targets.get(self.scenario.turn(nth, self.targets.len())?)?.clone()
    }
}

fn status(plant: &Plant, is_there: bool) -> Message {
    let payload = Bytes::from_static(if is_there { b"online" } else { b"offline" });
    Message { topic: plant.status_topic.clone(), payload, readings: 0, retain: true }
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
