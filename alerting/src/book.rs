//! The book of alarms: numbers given, who sits where, what closed lately, and the changes of the step at work. Each
//! change of an alarm goes through `enter`: so none is lost and the index is never wrong. Pure.

use crate::alarm::{Alarm, AlarmChange, AlarmId, AlarmState};
use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What closed stays for the console's look back and for a late projection.
const CLOSED_US: i64 = 86_400 * SECOND_US;
/// A flood of short alarms must not fill the memory; the database has the rest.
const CLOSED_MAX: usize = 10_000;

/// Where an open alarm lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The instance of the binding in force.
    Slot(u32),
    /// A system alarm, by its code.
    System(String),
    /// The system alarm that says that a rule fails, by the rule.
    RuleError(String),
}

impl Seat {
    /// The instance, where it is one's.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        match self {
            Seat::Slot(number) => Some(*number),
            Seat::System(_) | Seat::RuleError(_) => None,
        }
    }
}

#[derive(Debug, Default)]
pub struct Book {
    /// The last number given.
    pub(crate) last_id: u64,
    /// Oldest first.
    pub(crate) closed: VecDeque<Alarm>,
    /// Derived: every open alarm and where it lives.
    open: BTreeMap<AlarmId, Seat>,
    /// The changes of the step at work, in their order.
    changes: Vec<AlarmChange>,
    /// So many of them the ledger has looked at.
    noted: usize,
}

/// What of the book goes into a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedBook {
    pub last_id: u64,
    pub closed: VecDeque<Alarm>,
}

impl Book {
    /// A number nobody had before.
    pub fn next_id(&mut self) -> AlarmId {
        self.last_id = self.last_id.saturating_add(1);
        AlarmId(self.last_id)
    }

    /// Numbers up to this one are taken.
    pub fn reserve(&mut self, id: u64) {
        self.last_id = self.last_id.max(id);
    }

    /// Records a change of the alarm that lives at `seat`.
    pub fn enter(&mut self, change: AlarmChange, seat: Seat) {
        if change.to == AlarmState::Normal {
            return self.end(change);
        }
        self.open.insert(change.alarm.id, seat);
        self.changes.push(change);
    }

    /// Records the end of an alarm, wherever it lived, if anywhere.
    pub fn end(&mut self, change: AlarmChange) {
        self.open.remove(&change.alarm.id);
        self.closed.push_back(change.alarm.clone());
        if self.closed.len() > CLOSED_MAX {
            self.closed.pop_front();
        }
        self.changes.push(change);
    }

    /// An open alarm has another seat, or is there again after a restore. No change of the alarm.
    pub fn seat(&mut self, id: AlarmId, seat: Seat) {
        self.open.insert(id, seat);
    }

    /// Where an open alarm lives.
    #[must_use]
    pub fn find(&self, id: AlarmId) -> Option<&Seat> {
        self.open.get(&id)
    }

    /// Every open alarm's seat, in the order of the numbers.
    pub fn open(&self) -> impl Iterator<Item = (AlarmId, &Seat)> + '_ {
        self.open.iter().map(|(id, seat)| (*id, seat))
    }

    pub fn open_len(&self) -> usize {
        self.open.len()
    }

    pub fn forget_seats(&mut self) {
        self.open.clear();
    }

    pub fn forget_old(&mut self, now: Micros) {
        while let Some(oldest) = self.closed.front() {
            if oldest.closed_at.is_some_and(|at| now.since(at) < CLOSED_US) {
                break;
            }
            self.closed.pop_front();
        }
    }

    /// The next change that the ledger has not looked at.
    pub fn next_unnoted(&mut self) -> Option<&AlarmChange> {
        let change = self.changes.get(self.noted)?;
        self.noted = self.noted.saturating_add(1);
        Some(change)
    }

    /// The changes since the last call.
    pub fn take_changes(&mut self) -> Vec<AlarmChange> {
        self.noted = 0;
        std::mem::take(&mut self.changes)
    }

    #[must_use]
    pub fn save(&self) -> SavedBook {
        assert!(self.changes.is_empty(), "a snapshot is taken between steps");
        SavedBook { last_id: self.last_id, closed: self.closed.clone() }
    }

    #[must_use]
    pub fn restore(saved: SavedBook) -> Book {
        Book { last_id: saved.last_id, closed: saved.closed, ..Book::default() }
    }
}
