//! Alarms keep what they stand on from becoming usual: the only place where a baseline hears of alarms. Pure.

use super::curve::{SLOT_US, SLOTS};
use crate::day::DAY_US;
use crate::lens::Lens;
use crate::slot::Phase;
use crate::state::State;
use rules::past::What;
use rules::reading::{Micros, PointId};

impl State {
    /// When the breach began that is no alarm yet.
    pub(crate) fn counted_since(&self, number: u32) -> Option<Micros> {
        match &self.slots.get(number)?.phase {
            Phase::Counting { breach, .. } | Phase::Dwelling { breach, .. } => Some(breach.since),
            _ => None,
        }
    }

    /// What an alarm stands on does not become usual, and neither does what was counted before it was one: so many
    /// microseconds before what was judged now.
    pub(crate) fn keep_unusual(&mut self, number: u32, point: PointId, (about, counted_us): (Micros, i64)) {
        let Some((instance, rule)) = self.in_force.instance(number) else { return };
        let stands = self.slots.get(number).is_some_and(|slot| slot.phase.is_alarm());
        if stands && self.in_force.lenses.get(instance.rule).is_some_and(Lens::asks_what_is_usual) {
            let whole = rule.slot_us == Some(DAY_US);
            let slots = if whole { 0 } else { counted_us.max(0) / SLOT_US };
            for back in (0..=slots).take(SLOTS) {
                self.usual.freeze(point, about.plus(-back * SLOT_US), whole);
            }
            if rule.pasts().iter().any(|past| past.what == What::Nights) {
                self.usual.note_night(point, &rule.id, about);
            }
        }
    }
}
