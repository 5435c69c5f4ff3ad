//! A message out of quarantine, read once more: what could be read of it the first time is stored already, so only
//! what lay in quarantine is taken, under its old receive time and judged by nobody. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::classify::replay;
use crate::effect::{Business, FLAG_SIMULATED};
use crate::input::{Aside, Decoded, Replayed};
use crate::out::Out;
use crate::state::State;
use rules::reading::Reading;

impl State {
    /// Stores what now fits and says which rows of quarantine are done with. What still cannot be read stays there.
    pub(crate) fn replayed(&mut self, message: &Replayed<Decoded>, out: &mut Out) {
        let delivery = &message.delivery;
        let Some(rejected) = Rejected::of(delivery) else { return };
        for aside in &message.from {
            match aside.reading {
                Some(index) => {
                    if let Some(reading) = rejected.reading_at(delivery, index) {
                        self.take_again(&reading, delivery, out);
                        out.quarantined.push(done(aside, 1));
                    }
                }
                None => self.take_whole(aside, delivery, out),
            }
        }
    }

    /// Nothing of it was read the first time: all is new, and what is wrong in it has no row of its own yet.
    fn take_whole(&mut self, aside: &Aside, delivery: &Decoded, out: &mut Out) {
        for reading in &delivery.readings {
            self.take_again(reading, delivery, out);
        }
        out.quarantine(delivery);
        let readings = u32::try_from(delivery.readings.len()).unwrap_or(u32::MAX);
        out.quarantined.push(done(aside, readings));
    }

    fn take_again(&mut self, reading: &Reading, delivery: &Decoded, out: &mut Out) {
        assert!(reading.point.index() < self.points.len(), "point {} was never numbered", reading.point.0);
        let mut classified = replay(&mut self.points, reading, delivery.received, &self.limits);
        if delivery.simulated {
            classified.flags |= FLAG_SIMULATED;
        }
        out.store(reading, &classified);
        self.coverage.hear(reading, &classified, self.now);
    }
}

/// The indexes of a message that were not read, in order.
struct Rejected(Vec<u32>);

impl Rejected {
    /// `None` = nothing of the message can be read.
    fn of(delivery: &Decoded) -> Option<Rejected> {
        let mut indexes: Vec<u32> = delivery.rejects.iter().map(|reject| reject.index).collect::<Option<_>>()?;
        indexes.sort_unstable();
        indexes.dedup();
        Some(Rejected(indexes))
    }

    /// The reading with this index of the message. A decoder takes or rejects every one, in their order, so those
    /// taken have the indexes that no reject has.
    fn reading_at(&self, delivery: &Decoded, index: u32) -> Option<Reading> {
        let before = self.0.binary_search(&index).err()?;
        let place = usize::try_from(index).ok()?.checked_sub(before)?;
        delivery.readings.get(place).copied()
    }
}

fn done(aside: &Aside, readings: u32) -> Business {
    let Aside { journal_id, seq, index, .. } = aside;
    Business::Replayed { journal_id: journal_id.clone(), seq: *seq, index: *index, readings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Reason, Reject};
    use bytes::Bytes;
    use rules::reading::{Micros, PointId, Quality};

    fn message(taken: &[u32], rejected: &[Option<u32>]) -> Decoded {
        let reading =
            |n: &u32| Reading { point: PointId(*n), device_time: None, value: f64::from(*n), quality: Quality::Good };
        let reject = |index: &Option<u32>| Reject { index: *index, reason: Reason::WrongType, detail: String::new() };
        Decoded {
            received: Micros(0),
            topic: String::new(),
            payload: Bytes::new(),
            redelivered: false,
            gateway: None,
            gateway_seq: None,
            status: None,
            readings: taken.iter().map(reading).collect(),
            rejects: rejected.iter().map(reject).collect(),
            simulated: false,
        }
    }

    #[test]
    fn a_reading_is_found_between_rejects() {
        // In the message: 0 bad, 1 good, 2 good, 3 bad, 4 good; the rejects need not be in order.
        let mixed = message(&[1, 2, 4], &[Some(3), Some(0)]);
        let rejected = Rejected::of(&mixed).unwrap();
        let found: Vec<Option<f64>> = (0..7).map(|n| rejected.reading_at(&mixed, n).map(|r| r.value)).collect();
        assert_eq!(found, [None, Some(1.0), Some(2.0), None, Some(4.0), None, None]);
        assert!(Rejected::of(&message(&[], &[None])).is_none());
    }
}
