//! Format `json`, ours: `{"seq":17,"ts":ms,"d":[{"p":"T-101.level","v":78.2,"t":ms,"q":"bad"}]}`, with
//! `"sim":true` where a simulator wrote it. One bad reading does
//! not spoil its message, and the good path builds no tree. Must not know points or enterprises. Pure.

mod element;

use super::intake::Intake;
use super::loose::{self, Loose, Time};
use super::{READINGS_MAX, Whole};
use alerting::input::Reason;
use element::{Element, Fields};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads a whole message, or says why it cannot be read at all.
pub fn read<'v>(payload: &[u8], intake: Intake<'v>) -> Result<Intake<'v>, Whole> {
    let mut message = Message { intake, leaning: Vec::new(), too_many: false };
    let mut json = serde_json::Deserializer::from_slice(payload);
    let outcome = (&mut message).deserialize(&mut json).and_then(|ts| json.end().map(|()| ts));
    match outcome {
        Ok(ts) => {
            message.lean_on(ts);
            Ok(message.intake)
        }
        Err(_) if message.too_many => {
            Err((Reason::TooManyReadings, format!("more than {READINGS_MAX} readings in one message")))
        }
        Err(error) => Err((Reason::Malformed, format!("not a message in our JSON: {error}"))),
    }
}

/// The message being read. `ts` may stand after the readings that lean on it, so these are put right at the end.
struct Message<'v> {
    intake: Intake<'v>,
    /// Index in the message of each reading taken, and whether it has no time of its own.
    leaning: Vec<(u32, bool)>,
    too_many: bool,
}

impl Message<'_> {
    /// Gives the readings without a time of their own that of the message.
    fn lean_on(&mut self, ts: Time) {
        match ts {
            Ok(None) => {}
            Ok(time) => {
                for reading in &mut self.intake.readings {
                    reading.device_time = reading.device_time.or(time);
                }
            }
            Err(problem) => {
                let leaning = std::mem::take(&mut self.leaning);
                let mut own = leaning.iter().map(|(_, leans)| !leans);
                self.intake.readings.retain(|_| own.next().unwrap_or(true));
                for (index, _) in leaning.iter().filter(|(_, leans)| *leans) {
                    self.intake.reject(*index, Reason::WrongType, &format!("ts {problem}"));
                }
            }
        }
    }

    fn reading(&mut self, index: u32, fields: &Fields<'_>) {
        let claim = match fields.claim() {
            Ok(claim) => claim,
            Err(problem) => return self.intake.reject(index, Reason::WrongType, &problem),
        };
        let before = self.intake.readings.len();
        self.intake.take(index, &claim);
        if self.intake.readings.len() > before {
            self.leaning.push((index, claim.device_time.is_none()));
        }
    }
}

/// Reads the message, and gives back its `ts`.
impl<'de> DeserializeSeed<'de> for &mut Message<'_> {
    type Value = Time;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Time, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Message<'_> {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the field d")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
        let (mut ts, mut seq, mut sim, mut has_readings) = (None, None, None, false);
        while let Some(key) = map.next_key::<Loose<'de>>()? {
            let twice = match key.text() {
                Some("d") => {
                    map.next_value_seed(Readings { message: self })?;
                    std::mem::replace(&mut has_readings, true)
                }
                Some("ts") => ts.replace(map.next_value::<Loose<'de>>()?).is_some(),
                Some("sim") => sim.replace(map.next_value::<Loose<'de>>()?).is_some(),
                Some("seq") => seq.replace(map.next_value::<Loose<'de>>()?).is_some(),
                _ => map.next_value::<Loose<'de>>().map(|_| false)?,
            };
            if twice {
                return Err(de::Error::custom("a field is given twice"));
            }
        }
        if !has_readings {
            return Err(de::Error::missing_field("d"));
        }
        // A gap in a sequence is a hint for people; a bad number is no reason to lose readings.
        self.intake.gateway_seq = seq.and_then(|seq| seq.natural());
        // Whatever it is but a plain no: simulated readings must never pass for real ones.
        self.intake.simulated = sim.is_some_and(|sim| sim.number() != Some(0.0));
        Ok(ts.map_or(Ok(None), |ts| loose::time(&ts)))
    }
}

/// The array `d`.
struct Readings<'m, 'v> {
    message: &'m mut Message<'v>,
}

impl<'de> DeserializeSeed<'de> for Readings<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Readings<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of readings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0u32;
        while let Some(element) = seq.next_element::<Element<'de>>()? {
            if index as usize >= READINGS_MAX {
                self.message.too_many = true;
                return Err(de::Error::custom("too many readings"));
            }
            match element {
                Element::Object(fields) => self.message.reading(index, &fields),
                Element::Other(kind) => {
                    let detail = format!("the reading is {kind}, expected an object");
                    self.message.intake.reject(index, Reason::WrongType, &detail);
                }
            }
            index = index.saturating_add(1);
        }
        Ok(())
    }
}
