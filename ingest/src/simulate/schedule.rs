//! What is due next on one connection: chunks of readings at their own periods or at one pace, and the strikes of
//! scenarios. Times are microseconds since the beginning. Pure.

use super::habit::Moment;
use super::scenario::Scenario;
use rules::reading::SECOND_US;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Readings that are sent together.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub plant: usize,
    pub points: Vec<usize>,
    /// 0 at one pace for all.
    pub period_us: i64,
    pub phase_us: i64,
}

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Chunk(usize),
    /// One reading of a point that a scenario has struck, until the given moment.
    Struck {
        plant: usize,
        point: usize,
        until_us: i64,
    },
    /// The next message out of a gateway's buffer.
    Release {
        plant: usize,
    },
    /// The nth strike of a scenario.
    Strike {
        scenario: Scenario,
        nth: u64,
    },
}

#[derive(Debug)]
pub struct Schedule {
    chunks: Vec<Chunk>,
    heap: BinaryHeap<Reverse<(i64, Due)>>,
    pace: Option<Pace>,
}

/// One pace for all: the chunks in turn, as many readings a second as asked for.
#[derive(Debug)]
struct Pace {
    rate: f64,
    readings: f64,
}

/// A point is heard of so soon, whatever its period: a newcomer wants to see it.
const FIRST_US: i64 = 5 * SECOND_US;
/// A buffer is sent at so many messages a second as this allows: 200.
const RELEASE_EVERY_US: i64 = SECOND_US / 200;
/// A struck point speaks so often.
const STRUCK_EVERY_US: i64 = SECOND_US;

impl Schedule {
    pub fn new(chunks: Vec<Chunk>, rate: Option<f64>, scenarios: &[Scenario]) -> Schedule {
        let mut heap = BinaryHeap::new();
        match rate {
            Some(_) if chunks.is_empty() => {}
            Some(_) => heap.push(Reverse((0, Due::Chunk(0)))),
            None => {
                for (number, chunk) in chunks.iter().enumerate() {
                    let first = if chunk.period_us > 0 { chunk.phase_us % FIRST_US.min(chunk.period_us) } else { 0 };
                    heap.push(Reverse((first, Due::Chunk(number))));
                }
            }
        }
        for &scenario in scenarios {
            heap.push(Reverse((scenario.first_us(), Due::Strike { scenario, nth: 0 })));
        }
        Schedule { chunks, heap, pace: rate.map(|rate| Pace { rate, readings: 0.0 }) }
    }

    pub fn chunk(&self, number: usize) -> Option<&Chunk> {
        self.chunks.get(number)
    }

    /// A point was struck: it speaks at once, then every second, and once more when it is over.
    pub fn strike(&mut self, plant: usize, point: usize, from_us: i64, until_us: i64) {
        self.heap.push(Reverse((from_us, Due::Struck { plant, point, until_us })));
    }

    /// There is something in a gateway's buffer.
    pub fn release(&mut self, plant: usize, at: i64) {
        self.heap.push(Reverse((at.saturating_add(RELEASE_EVERY_US), Due::Release { plant })));
    }

    /// The moments of a gateway's chunks from `from_us` until the beginning.
    pub fn before(&self, plant: usize, from_us: i64) -> Vec<Moment> {
        let mut moments = Vec::new();
        for chunk in self.chunks.iter().filter(|chunk| chunk.plant == plant) {
            let period_us = if chunk.period_us > 0 { chunk.period_us } else { SECOND_US };
            let mut at_us = chunk.phase_us.rem_euclid(period_us).saturating_sub(period_us);
            while at_us >= from_us {
                moments.push(Moment { at_us, points: chunk.points.clone() });
                at_us = at_us.saturating_sub(period_us);
            }
        }
        moments
    }

    /// What is due next, and when. `None` when nothing ever is.
    pub fn next(&mut self) -> Option<(i64, Due)> {
        let Reverse((at, due)) = self.heap.pop()?;
        let after = match due {
            Due::Chunk(number) => self.after_chunk(number, at),
            Due::Struck { until_us, .. } if at < until_us => {
                Some((at.saturating_add(STRUCK_EVERY_US).min(until_us), due))
            }
            // Asked for again while there is more.
            Due::Struck { .. } | Due::Release { .. } => None,
            Due::Strike { scenario, nth } => {
                let next = Due::Strike { scenario, nth: nth.saturating_add(1) };
                scenario.every_us().map(|every_us| (at.saturating_add(every_us), next))
            }
        };
        self.heap.extend(after.map(Reverse));
        Some((at, due))
    }

    fn after_chunk(&mut self, number: usize, at: i64) -> Option<(i64, Due)> {
        let chunk = self.chunks.get(number)?;
        match &mut self.pace {
            Some(pace) => {
                pace.readings += chunk.points.len() as f64;
                let next = number.saturating_add(1) % self.chunks.len().max(1);
                Some(((pace.readings / pace.rate * SECOND_US as f64) as i64, Due::Chunk(next)))
            }
            None => {
                // The next moment of its phase that lies after this one.
                let period_us = chunk.period_us.max(1);
                let passed = at.saturating_sub(chunk.phase_us).div_euclid(period_us).saturating_add(1);
                Some((chunk.phase_us.saturating_add(passed.saturating_mul(period_us)), Due::Chunk(number)))
            }
        }
    }
}
