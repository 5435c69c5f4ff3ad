//! The plants of the simulated world: what their sensors show, and which messages their gateways make of it. Values
//! keep clear of limits by more than any rounding, so that two judges cannot differ by a hair. Pure.

use crate::auditor::{PointFacts, SECOND};
use crate::broker::Message;
use crate::dice::Dice;
use std::collections::BTreeMap;

/// One reading as its sensor means it. Times in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub point: String,
    pub device: i64,
    pub value: f64,
    pub bad: bool,
}

impl Said {
    fn json(&self) -> String {
        let Said { point, device, value, bad } = self;
        let quality = if *bad { ",\"q\":\"bad\"" } else { "" };
        format!("{{\"p\":\"{point}\",\"v\":{value},\"t\":{}{quality}}}", device / 1_000)
    }
}

/// A gateway between sensors and broker: its clock may be wrong, and it may be cut off and buffer what it hears.
#[derive(Default)]
pub struct Gateway {
    /// Added to the device times it writes, until `clock_until`.
    shift: i64,
    clock_until: i64,
    /// Cut off until then; what it heard meanwhile.
    cut_until: Option<i64>,
    buffer: Vec<Said>,
    /// Buffered readings on their way, a message at a time, and whether live ones go between them.
    backlog: Vec<Vec<Said>>,
    mixed: bool,
}

/// Readings in a message of a backlog.
const BACKLOG_READINGS: usize = 40;

impl Gateway {
    fn change(&mut self, now: i64, dice: &mut Dice) {
        if now >= self.clock_until {
            let minute = 60 * SECOND;
            self.shift = match dice.between(0, 19) {
                // Set back, slow, a little fast, far in the future.
                0 => -8 * 60 * minute,
                1 => -dice.between(1, 9) * minute,
                2 => dice.between(1, 50) * SECOND,
                3 => 2 * 60 * minute,
                _ => 0,
            };
            self.clock_until = now + dice.between(1, 20) * minute;
        }
        match self.cut_until {
            None if self.backlog.is_empty() && dice.one_in(60) => {
                self.cut_until = Some(now + dice.between(30, 2_000) * SECOND);
            }
            Some(until) if until <= now => self.come_back(dice),
            _ => {}
        }
    }

    fn come_back(&mut self, dice: &mut Dice) {
        self.cut_until = None;
        let mut buffer = std::mem::take(&mut self.buffer);
        match dice.between(0, 2) {
            0 => buffer.sort_by_key(|said| said.device),
            1 => buffer.sort_by_key(|said| -said.device),
            _ => {}
        }
        self.mixed = dice.one_in(2);
        self.backlog = buffer.chunks(BACKLOG_READINGS).map(<[Said]>::to_vec).rev().collect();
    }

    /// What of the readings heard now goes out, one entry a message.
    fn send(&mut self, heard: Vec<Said>, dice: &mut Dice) -> Vec<Vec<Said>> {
        if self.cut_until.is_some() {
            self.buffer.extend(heard);
            return Vec::new();
        }
        let mut out = Vec::new();
        if !self.backlog.is_empty() && !self.mixed {
            // Live readings queue up behind what is older.
            self.backlog.insert(0, heard);
        } else if !heard.is_empty() {
            out.push(heard);
        }
        for _ in 0..dice.between(1, 4) {
            out.extend(self.backlog.pop().filter(|message| !message.is_empty()));
        }
        out
    }
}

/// A sensor and what is going on with it.
pub struct Sensor {
    pub facts: PointFacts,
    pub enterprise: &'static str,
    mood: Mood,
    /// When the mood changes.
    until: i64,
    next_at: i64,
    last: f64,
    last_device_ms: i64,
    healthy: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Normal,
    High,
    /// Between clear limit and limit.
    Hovering,
    OutOfRange,
    BadQuality,
    Silent,
}

impl Sensor {
    pub fn new(enterprise: &'static str, facts: PointFacts, begun: i64) -> Sensor {
        Sensor {
            facts,
            enterprise,
            mood: Mood::Normal,
            until: begun,
            next_at: begun,
            last: 0.0,
            last_device_ms: 0,
            healthy: false,
        }
    }

    /// It shows what a healthy plant shows, on time, by a clock that is right.
    pub fn stay_healthy(&mut self) {
        self.healthy = true;
    }

    /// The readings of this sensor up to `now`, as JSON elements with their device times.
    fn readings(&mut self, now: i64, shift: i64, dice: &mut Dice) -> Vec<Said> {
        let mut out = Vec::new();
        while self.next_at <= now {
            let at = self.next_at;
            if at >= self.until {
                self.mood = self.next_mood(dice);
                self.until = at + dice.between(5, 400) * SECOND;
            }
            let period = self.facts.period.unwrap_or(20 * SECOND);
            self.next_at += period / 2 + dice.between(0, period / SECOND) * SECOND;
            if self.mood == Mood::Silent {
                continue;
            }
            let value = self.value(dice);
            let unchanged = self.facts.period.is_none() && value == self.last && self.last_device_ms > 0;
            if unchanged && !dice.one_in(20) {
                continue;
            }
            self.last = value;
            // A clock that steps back now and then: such a reading is stored, not judged.
            let wrong = if !self.healthy && dice.one_in(60) { dice.between(1, 30) * SECOND } else { 0 };
            let wild = match dice.between(if self.healthy { 2 } else { 0 }, 400) {
                0 => 2 * 3_600 * SECOND,
                1 => -8 * 3_600 * SECOND,
                _ => 0,
            };
            let device_ms = (at - wrong + shift + wild) / 1_000;
            self.last_device_ms = device_ms;
            let bad = self.mood == Mood::BadQuality;
            let said = Said { point: self.facts.name.clone(), device: device_ms * 1_000, value, bad };
            if !self.healthy && self.facts.period.is_none() && dice.one_in(8) {
                // Two values under one stamp, as of a clock that only knows seconds.
                out.push(Said { value: 1.0 - value, ..said.clone() });
            }
            out.push(said);
        }
        out
    }

    fn next_mood(&self, dice: &mut Dice) -> Mood {
        if self.healthy {
            return Mood::Normal;
        }
        match dice.between(0, 11) {
            0..=4 => Mood::Normal,
            5..=6 => Mood::High,
            7 => Mood::Hovering,
            8 => Mood::OutOfRange,
            9 => Mood::BadQuality,
            _ => Mood::Silent,
        }
    }

    fn value(&self, dice: &mut Dice) -> f64 {
        let tenth = dice.between(0, 9) as f64 / 10.0;
        let (low, high) = self.facts.range;
        match (self.facts.tag, self.mood) {
            ("tank.level" | "gas.lel" | "pwr.p", Mood::OutOfRange) => high + 5.0 + tenth,
            ("tank.level", Mood::High) => 92.0 + tenth,
            ("tank.level", Mood::Hovering) => 88.5 + tenth,
            ("gas.lel", Mood::High) => 55.0 + tenth,
            ("gas.lel", Mood::Hovering) => 46.5 + tenth,
            ("flame" | "smoke" | "bund.liquid" | "prod.run", Mood::High | Mood::Hovering) => 1.0,
            ("dust.fan_run", Mood::High) => 0.0,
            ("dust.fan_run", _) => 1.0,
            ("flame" | "smoke" | "bund.liquid" | "prod.run", _) => 0.0,
            _ => low + (high - low) * 0.2 + tenth,
        }
    }
}

/// The messages of all gateways, now and then the same one twice, or broken.
pub fn messages(
    sensors: &mut [Sensor],
    gateways: &mut BTreeMap<&'static str, Gateway>,
    now: i64,
    dice: &mut Dice,
) -> Vec<Message> {
    let mut out = Vec::new();
    let mut enterprises: Vec<&'static str> = sensors.iter().map(|s| s.enterprise).collect();
    enterprises.dedup();
    for enterprise in enterprises {
        let gateway = gateways.entry(enterprise).or_default();
        gateway.change(now, dice);
        let mut heard = Vec::new();
        for sensor in sensors.iter_mut().filter(|s| s.enterprise == enterprise) {
            heard.extend(sensor.readings(now, gateway.shift, dice));
        }
        for elements in gateway.send(heard, dice) {
            out.extend(parcel(enterprise, elements, now, dice));
        }
    }
    out
}

/// One message for each enterprise and half a minute, as sound gateways send them.
pub fn healthy_messages(sensors: &mut [Sensor], until: i64, dice: &mut Dice) -> Vec<Message> {
    let mut said: Vec<(i64, &'static str, Said)> = Vec::new();
    for sensor in sensors.iter_mut() {
        let readings = sensor.readings(until, 0, dice).into_iter();
        said.extend(readings.map(|said| (said.device.div_euclid(30 * SECOND), sensor.enterprise, said)));
    }
    said.sort_by_key(|(slot, enterprise, said)| (*slot, *enterprise, said.device));
    let mut out: Vec<Message> = Vec::new();
    for of_one in said.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let elements: Vec<Said> = of_one.iter().map(|(_, _, said)| said.clone()).collect();
        let last = elements.iter().map(|said| said.device).max().unwrap_or_default();
        out.push(message(of_one[0].1, elements, last));
    }
    out
}

fn message(enterprise: &str, elements: Vec<Said>, now: i64) -> Message {
    let json: Vec<String> = elements.iter().map(Said::json).collect();
    let payload = format!("{{\"ts\":{},\"d\":[{}]}}", now / 1_000, json.join(",")).into_bytes();
    Message { topic: format!("davy/v1/{enterprise}/gw-1/json"), payload, said: Some(elements) }
}

fn parcel(enterprise: &str, elements: Vec<Said>, now: i64, dice: &mut Dice) -> Vec<Message> {
    let mut out = Vec::new();
    let message = message(enterprise, elements, now);
    if dice.one_in(15) {
        out.push(message.clone());
    }
    if dice.one_in(25) {
        let cut = message.payload.len() / 2;
        let payload = message.payload[..cut].to_vec();
        out.push(Message { topic: message.topic.clone(), payload, said: None });
    }
    out.push(message);
    out
}
