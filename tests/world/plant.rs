//! The plants of the simulated world: what their sensors show, and which messages their gateways make of it. Values
//! keep clear of limits by more than any rounding, so that two judges cannot differ by a hair. Pure.

use crate::auditor::{PointFacts, SECOND};
use crate::broker::Message;
use crate::dice::Dice;

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
        Sensor { facts, enterprise, mood: Mood::Normal, until: begun, next_at: begun, last: 0.0, last_device_ms: 0 }
    }

    /// The readings of this sensor up to `now`, as JSON elements with their device times.
    fn readings(&mut self, now: i64, dice: &mut Dice) -> Vec<Said> {
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
            let wrong = if dice.one_in(60) { dice.between(1, 30) * SECOND } else { 0 };
            let device_ms = (at - wrong) / 1_000;
            self.last_device_ms = device_ms;
            let bad = self.mood == Mood::BadQuality;
            out.push(Said { point: self.facts.name.clone(), device: device_ms * 1_000, value, bad });
        }
        out
    }

    fn next_mood(&self, dice: &mut Dice) -> Mood {
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

/// One message for each enterprise that has something to say, now and then the same message twice, or broken.
pub fn messages(sensors: &mut [Sensor], now: i64, dice: &mut Dice) -> Vec<Message> {
    let mut out = Vec::new();
    let mut enterprises: Vec<&'static str> = sensors.iter().map(|s| s.enterprise).collect();
    enterprises.dedup();
    for enterprise in enterprises {
        let mut elements = Vec::new();
        for sensor in sensors.iter_mut().filter(|s| s.enterprise == enterprise) {
            elements.extend(sensor.readings(now, dice));
        }
        if elements.is_empty() {
            continue;
        }
        let json: Vec<String> = elements.iter().map(Said::json).collect();
        let payload = format!("{{\"ts\":{},\"d\":[{}]}}", now / 1_000, json.join(",")).into_bytes();
        let message = Message { topic: format!("davy/v1/{enterprise}/gw-1/json"), payload, said: Some(elements) };
        if dice.one_in(15) {
            out.push(message.clone());
        }
        if dice.one_in(25) {
            let cut = message.payload.len() / 2;
            let payload = message.payload[..cut].to_vec();
            out.push(Message { topic: message.topic.clone(), payload, said: None });
        }
        out.push(message);
    }
    out
}
