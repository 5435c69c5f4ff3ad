//! Weeks of the district's past, played in virtual time: gateways that report, fail, catch up and are mended, people who
//! sign and file. Every reading says that it is simulated. What happens is here, how it is driven in `play`. Pure.

pub mod play;
mod story;

use super::fleet::Fleet;
use super::{Options, SimulateError};
use crate::delivery::Delivery;
use alerting::command::Command;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use story::{Fate, Story};

const DAY_US: i64 = 86_400 * SECOND_US;
/// Periods of the past, by what a sector's window allows: a past at full speed would be a billion readings.
const PERIOD_S: u32 = 600;
const PERIOD_ELECTRICITY_S: u32 = 1_800;

/// The registry of the past: only what coverage requires, and slower.
#[must_use]
pub fn registry_of_the_past(registry: &Registry) -> Registry {
    let mut past = registry.clone();
    for enterprise in &mut past.enterprises {
        let slow = if enterprise.sectors.iter().any(|sector| sector == "electricity") {
            PERIOD_ELECTRICITY_S
        } else {
            PERIOD_S
        };
        for equipment in &mut enterprise.equipment {
            equipment.points.retain(|point| point.required && point.period_s.is_some());
            for point in &mut equipment.points {
                point.period_s = point.period_s.map(|own| own.max(slow));
            }
        }
        enterprise.equipment.retain(|equipment| !equipment.points.is_empty());
    }
    past
}

/// What comes to Davy next.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    Delivery(Delivery),
    Command(Box<Command>),
}

impl Happening {
    #[must_use]
    pub fn at(&self) -> Micros {
        match self {
            Happening::Delivery(delivery) => delivery.received,
            Happening::Command(command) => command.received,
        }
    }
}

/// The past as it unrolls, in the order of receive times.
pub struct Past {
    fleet: Fleet,
    story: Story,
    begun: Micros,
    end: Micros,
    /// What a gateway kept back, until it is delivered; the number keeps the order of equals.
    late: BinaryHeap<Reverse<(Micros, u64, Kept)>>,
    kept: u64,
    /// The next message of the fleet, if it was looked at already.
    ahead: Option<(Micros, Vec<super::fleet::Message>)>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    topic: String,
    payload: Vec<u8>,
}

impl Past {
    /// `days` of the district of `registry` (that of the past) until `end`.
    ///
    /// # Errors
    /// The registry has no gateway with points.
    pub fn new(registry: &Arc<Registry>, (end, days): (Micros, u16), seed: u64) -> Result<Past, SimulateError> {
        let begun = end.plus(-i64::from(days).saturating_mul(DAY_US));
        let options = Options {
            registry: Arc::clone(registry),
            host: String::new(),
            port: 0,
            rate: None,
            batch: 50,
            scenarios: Vec::new(),
            seed,
            duration: None,
            connections: 1,
            log: None,
        };
        let mut fleet = Fleet::muster(&options)?.pop().ok_or(SimulateError::NoGateways)?;
        let story = Story::of(registry, (begun, end));
        for plant in &mut fleet.plants {
            for act in story.acts(plant, begun) {
                plant.begin(act);
            }
        }
        Ok(Past { fleet, story, begun, end, late: BinaryHeap::new(), kept: 0, ahead: None })
    }

    #[must_use]
    pub fn begun(&self) -> Micros {
        self.begun
    }

    /// The message of the fleet that is due next, unless it is all over.
    fn look_ahead(&mut self) {
        while self.ahead.is_none() {
            let Some((at_us, due)) = self.fleet.schedule.next() else { return };
            let at = self.begun.plus(at_us);
            if at >= self.end {
                return;
            }
            let messages = self.fleet.messages(at_us, due, self.begun.0 / 1_000);
            self.ahead = Some((at, messages)).filter(|(_, messages)| !messages.is_empty());
        }
    }

    fn keep_back(&mut self, until: Micros, message: super::fleet::Message) {
        self.kept = self.kept.saturating_add(1);
        let kept = Kept { topic: message.topic, payload: message.payload.to_vec() };
        self.late.push(Reverse((until, self.kept, kept)));
    }
}

impl Iterator for Past {
    type Item = Happening;

    fn next(&mut self) -> Option<Happening> {
        loop {
            self.look_ahead();
            let message_at = self.ahead.as_ref().map(|(at, _)| *at);
            let late_at = self.late.peek().map(|Reverse((at, ..))| *at);
            let command_at = self.story.next_command();
            let first = [command_at, late_at, message_at].into_iter().flatten().min()?;
            if first >= self.end {
                return None;
            }
            if command_at == Some(first) {
                return self.story.take_command().map(|command| Happening::Command(Box::new(command)));
            }
            if late_at == Some(first) {
                let Reverse((at, _, Kept { topic, payload })) = self.late.pop()?;
                return Some(delivery(at, topic, payload.into()));
            }
            let (at, messages) = self.ahead.as_mut()?;
            let at = *at;
            let Some(message) = messages.pop() else {
                self.ahead = None;
                continue;
            };
            match self.story.fate(&message.topic, at) {
                Fate::Arrives => return Some(delivery(at, message.topic, message.payload)),
                Fate::Lost => {}
                Fate::Late(until) => self.keep_back(until, message),
            }
        }
    }
}

fn delivery(received: Micros, topic: String, payload: bytes::Bytes) -> Happening {
    Happening::Delivery(Delivery { received, topic, payload, redelivered: false })
}
