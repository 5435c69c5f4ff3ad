//! Alarms keep what they stand on from becoming usual: the only place where a baseline hears of alarms. Pure.

use crate::day::DAY_US;
use crate::lens::Lens;
use crate::state::State;
use rules::reading::{Micros, PointId};

impl State {
    /// What an alarm stands on does not become usual.
    pub(crate) fn keep_unusual(&mut self, number: u32, point: PointId, about: Micros) {
        let Some((instance, rule)) = self.in_force.instance(number) else { return };
        let stands = self.slots.get(number).is_some_and(|slot| slot.phase.is_alarm());
        if stands && self.in_force.lenses.get(instance.rule).is_some_and(Lens::asks_what_is_usual) {
            self.usual.freeze(point, about, rule.slot_us == Some(DAY_US));
        }
    }
}
