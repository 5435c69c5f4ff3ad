//! Open alarms in the order people want them, and those that closed within the last day. Must not know who reads. Pure.

use super::ring::Event;
use alerting::alarm::{Alarm, AlarmId, AlarmState};
use rules::reading::{Micros, SECOND_US, Severity};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What closed stays so long, then the database answers for it.
pub const CLOSED_KEPT_US: i64 = 24 * 3600 * SECOND_US;
/// A flood that raises and clears all day must not fill the memory: about 10 MB of alarms, as in the fold.
pub const CLOSED_MAX: usize = 10_000;

/// Worst first, then oldest first; the id makes it unique.
type Order = (Reverse<Severity>, Micros, AlarmId);

#[derive(Debug, Default)]
pub struct Alarms {
    open: BTreeMap<Order, Arc<Alarm>>,
    /// Where each open alarm stands: its severity may have risen since.
    order: BTreeMap<AlarmId, Order>,
    closed: BTreeMap<(Micros, AlarmId), Arc<Alarm>>,
    /// Those that call somebody by severity, blue first.
    counts: [u64; 4],
}

impl Alarms {
    #[must_use]
    pub fn from_alarms(alarms: Vec<Alarm>, now: Micros) -> Alarms {
        let mut all = Alarms::default();
        for alarm in alarms {
            all.put(Arc::new(alarm));
        }
        all.forget_before(now);
        all
    }

    /// Takes over the alarm as it stands after the event.
    pub fn apply(&mut self, event: &Event) {
        self.put(Arc::clone(&event.alarm));
    }

    /// Drops what closed more than a day before `now`, and the oldest beyond the bound.
    pub fn forget_before(&mut self, now: Micros) {
        let horizon = now.plus(-CLOSED_KEPT_US);
        while let Some(oldest) = self.closed.first_entry() {
            if oldest.key().0 >= horizon && self.closed.len() <= CLOSED_MAX {
                break;
            }
            self.closed.pop_first();
        }
    }

    #[must_use]
    pub fn open(&self) -> Vec<Arc<Alarm>> {
        self.open.values().cloned().collect()
    }

    #[must_use]
    pub fn counts(&self) -> [u64; 4] {
        self.counts
    }

    #[must_use]
    pub fn closed(&self, limit: usize) -> Vec<Arc<Alarm>> {
        self.closed.values().rev().take(limit).cloned().collect()
    }

    #[must_use]
    pub fn find(&self, id: AlarmId) -> Option<Arc<Alarm>> {
        match self.order.get(&id) {
            Some(order) => self.open.get(order).cloned(),
            None => self.closed.values().rev().find(|a| a.id == id).cloned(),
        }
    }

    fn put(&mut self, alarm: Arc<Alarm>) {
        if let Some(old) = self.order.remove(&alarm.id)
            && let Some(before) = self.open.remove(&old)
            && is_called(&before)
        {
            self.count(old.0.0, |n| n.saturating_sub(1));
        }
        if alarm.state == AlarmState::Normal {
            let closed_at = alarm.closed_at.unwrap_or(alarm.last_at);
            self.closed.insert((closed_at, alarm.id), alarm);
            return;
        }
        let order = (Reverse(alarm.severity), alarm.raised_at, alarm.id);
        if is_called(&alarm) {
            self.count(alarm.severity, |n| n.saturating_add(1));
        }
        self.order.insert(alarm.id, order);
        self.open.insert(order, alarm);
    }

    fn count(&mut self, severity: Severity, change: impl FnOnce(u64) -> u64) {
        if let Some(n) = self.counts.get_mut(severity as usize) {
            *n = change(*n);
        }
    }
}

/// What filed work suppresses stands on the list and calls nobody.
fn is_called(alarm: &Alarm) -> bool {
    alarm.state != AlarmState::SuppressedByDesign
}
