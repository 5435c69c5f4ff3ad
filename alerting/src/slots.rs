//! Every rule on every object in force, one slot each, and the queue of those that wait for a time. Must not know
//! what a rule reads. Pure.

use crate::alarm::{Alarm, AlarmChange, AlarmState, Birth, Cause, Signature};
use crate::book::{Book, Seat};
use crate::slot::{Phase, Side, Slot, Turn};
use rules::reading::{Micros, Severity};
use std::collections::BTreeSet;

/// By instance number of the binding in force.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
    /// Exactly the slots with a due time, in attended time. Derived.
    due: BTreeSet<(i64, u32)>,
}

/// What a turn needs to become an alarm; the birth is only asked for when one is born.
pub struct Stage<'a> {
    pub number: u32,
    pub side: Side,
    /// What is over stands until a person resets it.
    pub latch: bool,
    pub at: Micros,
    /// When an alarm raised now gets worse by itself, in attended time, and how bad.
    pub rise: Option<(i64, Severity)>,
    pub birth: &'a dyn Fn() -> Birth,
    /// The filing that silences the slot's alarms now; only asked for when one would speak.
    pub silenced: &'a dyn Fn() -> Option<u64>,
}

impl Slots {
    /// `len` quiet slots.
    #[must_use]
    pub fn new(len: usize) -> Slots {
        Slots { slots: vec![Slot::default(); len], due: BTreeSet::new() }
    }

    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Slot> {
        self.slots.get(number as usize)
    }

    /// By instance number.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> + '_ {
        self.slots.iter()
    }

    #[must_use]
    pub fn is_busy(&self, number: u32) -> bool {
        self.get(number).is_some_and(|slot| slot.phase != Phase::Quiet)
    }

    /// Puts a slot's whole state in its place, as after a restore or a change of rules.
    pub fn place(&mut self, number: u32, slot: Slot) {
        let due = slot.phase.due();
        if let Some(place) = self.slots.get_mut(number as usize) {
            if let Some(before) = place.phase.due() {
                self.due.remove(&(before, number));
            }
            *place = slot;
            if let Some(due) = due {
                self.due.insert((due, number));
            }
        }
    }

    /// Everything that is not quiet, taken out.
    pub fn drain(&mut self) -> impl Iterator<Item = (u32, Slot)> {
        self.due.clear();
        (0_u32..).zip(std::mem::take(&mut self.slots)).filter(|(_, slot)| *slot != Slot::default())
    }

    /// Whether a delay of this slot runs.
    #[must_use]
    pub fn is_dwelling(&self, number: u32) -> bool {
        self.get(number).is_some_and(|slot| matches!(slot.phase, Phase::Dwelling { .. } | Phase::Returning { .. }))
    }

    /// When the next slot changes by time alone, in attended time, and which.
    #[must_use]
    pub fn next_due(&self) -> Option<(i64, u32)> {
        self.due.first().copied()
    }

    /// Moves a slot's phase and records what its alarm makes of it.
    pub fn turn(&mut self, stage: &Stage<'_>, book: &mut Book, step: impl FnOnce(&mut Phase) -> Turn) {
        let number = stage.number;
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let before = slot.phase.due();
        let turn = step(&mut slot.phase);
        if stage.latch && matches!(turn, Turn::Leave(..)) {
            slot.phase = Phase::Latched;
        }
        if let Turn::Enter(_) = turn {
            slot.phase.rise_at(stage.rise.map(|(due, _)| due));
        }
        let after = slot.phase.due();
        if before != after {
            if let Some(before) = before {
                self.due.remove(&(before, number));
            }
            if let Some(after) = after {
                self.due.insert((after, number));
            }
        }
        if let Some(change) = follow(slot, &turn, stage, book) {
            book.enter(change, Seat::Slot(number));
        }
    }

    /// Lets a person or recovery touch the alarm of a slot; a closed alarm leaves it.
    pub fn touch(
        &mut self,
        number: u32,
        book: &mut Book,
        change: impl FnOnce(&mut Alarm) -> Option<AlarmChange>,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(number as usize) else { return false };
        let Some(change) = slot.alarm.as_deref_mut().and_then(change) else { return false };
        slot.drop_closed();
        book.enter(change, Seat::Slot(number));
        true
    }
}

impl Slots {
    /// A person resets a latched alarm whose breach is over. `None` while it is not, or nothing stands here.
    pub fn reset(&mut self, number: u32, book: &mut Book, (by, at): (Signature<'_>, Micros)) -> Option<()> {
        let slot = self.slots.get_mut(number as usize).filter(|slot| slot.phase == Phase::Latched)?;
        let change = slot.alarm.as_deref_mut()?.reset(by, at);
        *slot = Slot::default();
        book.enter(change, Seat::Slot(number));
        Some(())
    }
}

impl Slot {
    fn drop_closed(&mut self) {
        if self.alarm.as_ref().is_some_and(|alarm| !alarm.state.is_open()) {
            self.alarm = None;
        }
    }
}

/// What a slot's alarm makes of a turn: the only place where an alarm of a rule is born.
fn follow(slot: &mut Slot, turn: &Turn, stage: &Stage<'_>, book: &mut Book) -> Option<AlarmChange> {
    let change = match (turn, slot.alarm.as_deref_mut()) {
        (Turn::Stay, _) | (Turn::Hold(..) | Turn::Rise | Turn::Leave(..), None) => None,
        (Turn::Enter(breach), Some(alarm)) => Some(alarm.breach_again(breach, stage.side, stage.at)),
        (Turn::Enter(breach), None) => {
            let (alarm, change) = Alarm::raise(book.next_id(), (stage.birth)(), breach, stage.at);
            slot.alarm = Some(Box::new(alarm));
            Some(change)
        }
        (Turn::Hold(severity, moment), Some(alarm)) => alarm.hold(*severity, (moment.at, moment.value), stage.side),
        (Turn::Rise, Some(alarm)) => {
            stage.rise.and_then(|(_, severity)| alarm.hold(severity, (stage.at, None), stage.side))
        }
        (Turn::Leave(at, value), Some(alarm)) if stage.latch => Some(alarm.latch(*at, *value)),
        (Turn::Leave(at, value), Some(alarm)) => Some(alarm.give_back(*at, *value)),
    };
    let change = change.map(|change| match slot.alarm.as_deref_mut() {
        Some(alarm) if change.to == AlarmState::Unacknowledged && change.cause != Cause::Latched => {
            silence(alarm, change, stage)
        }
        Some(_) | None => change,
    });
    slot.drop_closed();
    change
}

/// While filed work goes on nobody is called: what would have been said becomes one event, that it is suppressed.
fn silence(alarm: &mut Alarm, said: AlarmChange, stage: &Stage<'_>) -> AlarmChange {
    match (stage.silenced)().and_then(|filing| alarm.suppress(filing, stage.at)) {
        Some(suppressed) => AlarmChange { from: said.from, ..suppressed },
        None => said,
    }
}
