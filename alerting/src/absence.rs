//! Silence: when each watched point has been silent for too long. One entry a point and rule in the queue, looked at
//! again only when it comes up, so that a reading costs one write. All times here are attended time (`outage`): what Davy
//! did not hear is nobody's silence. Must not know alarms. Pure.

use crate::points::{NEVER, Points};
use rules::bind::Instance;
use rules::reading::{PointId, SECOND_US};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An entry that is out of date is put right when it is this near, so that nobody is woken for nothing.
const SLACK_US: i64 = SECOND_US;

const NOT_WAITING: i64 = i64::MAX;

/// Deadlines of all absence instances. Derived from the points and the slots.
#[derive(Debug, Default)]
pub struct Absence {
    queue: BinaryHeap<Reverse<(i64, u32)>>,
    /// By instance: its entry in the queue, never later than its true deadline; `NOT_WAITING` when it has none. What
    /// lies in the queue beside it is void.
    entry: Vec<i64>,
    /// By point: when its last reading was heard, and its last good one, as far as transitions have come.
    seen: Vec<i64>,
    good: Vec<i64>,
}

/// What deadlines are counted from.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    pub points: &'a Points,
    pub never_seen_grace_us: i64,
}

/// Which of the waiting ones has come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silent {
    pub number: u32,
    pub since: i64,
}

impl Absence {
    /// For a new binding; `waits` says of each absence instance whether it is not in breach yet.
    #[must_use]
    pub fn new(instances: &[Instance], start: &Start<'_>, waits: &dyn Fn(u32) -> bool) -> Absence {
        let mut absence = Absence {
            queue: BinaryHeap::new(),
            entry: vec![NOT_WAITING; instances.len()],
            seen: start.points.heard.clone(),
            good: start.points.good.clone(),
        };
        for (number, instance) in (0_u32..).zip(instances) {
            if instance.absence_after_us.is_some() && waits(number) {
                absence.wait(number, instance, start);
            }
        }
        absence
    }

    /// New points came into being.
    pub fn grow(&mut self, len: usize) {
        self.seen.resize(len, NEVER);
        self.good.resize(len, NEVER);
    }

    /// A reading of the point arrived that ends the silence of this instance.
    pub fn see(&mut self, instance: &Instance, point: PointId, heard: i64) {
        let column = if instance.hears_good_only() { &mut self.good } else { &mut self.seen };
        if let Some(seen) = column.get_mut(point.index()) {
            *seen = heard;
        }
    }

    /// Makes sure that an instance comes up in time. A first reading brings the deadline forward: the grace of a point
    /// never seen is longer than most thresholds. Later ones only move it back, which costs nothing here.
    pub fn wait(&mut self, number: u32, instance: &Instance, start: &Start<'_>) {
        let Some(deadline) = self.deadline(instance, start) else { return };
        if let Some(entry) = self.entry.get_mut(number as usize)
            && deadline < *entry
        {
            *entry = deadline;
            self.queue.push(Reverse((deadline, number)));
        }
    }

    /// The first entry. May be early, never late.
    #[must_use]
    pub fn next_due(&self) -> Option<i64> {
        self.queue.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the first entry if it is due at `until` and true; one that is out of date is put right and not given.
    pub fn pop(&mut self, until: i64, instances: &[Instance], start: &Start<'_>) -> Option<Silent> {
        let Reverse((due, number)) = *self.queue.peek()?;
        if due > until {
            return None;
        }
        self.queue.pop();
        let entry = self.entry.get(number as usize).copied().filter(|entry| *entry == due)?;
        let deadline = instances.get(number as usize).and_then(|instance| self.deadline(instance, start))?;
        if deadline > entry {
            self.put_back(number, deadline);
            return None;
        }
        if let Some(entry) = self.entry.get_mut(number as usize) {
            *entry = NOT_WAITING;
        }
        Some(Silent { number, since: deadline })
    }

    /// Puts right what would come up soon for nothing.
    pub fn tidy(&mut self, now: i64, instances: &[Instance], start: &Start<'_>) {
        while let Some(Reverse((due, number))) = self.queue.peek().copied() {
            if due > now.saturating_add(SLACK_US) {
                break;
            }
            if self.entry.get(number as usize) != Some(&due) {
                self.queue.pop();
                continue;
            }
            let deadline = instances.get(number as usize).and_then(|instance| self.deadline(instance, start));
            match deadline {
                Some(deadline) if deadline > due => {
                    self.queue.pop();
                    self.put_back(number, deadline);
                }
                Some(_) | None => break,
            }
        }
    }

    fn put_back(&mut self, number: u32, deadline: i64) {
        if let Some(entry) = self.entry.get_mut(number as usize) {
            *entry = deadline;
            self.queue.push(Reverse((deadline, number)));
        }
    }

    /// When silence becomes a breach: the threshold after the last reading, or the grace after the point came into
    /// service if it has not said anything since.
    fn deadline(&self, instance: &Instance, start: &Start<'_>) -> Option<i64> {
        let after = instance.absence_after_us?;
        let of = |column: &[i64], point: &PointId| column.get(point.index()).copied().unwrap_or(NEVER);
        let column = if instance.hears_good_only() { &self.good } else { &self.seen };
        let seen = instance.trigger_points.iter().map(|point| of(column, point)).max()?;
        let activated = instance.trigger_points.iter().map(|point| of(&start.points.activated, point)).max()?;
        let (from, span) =
            if seen == NEVER || seen < activated { (activated, start.never_seen_grace_us) } else { (seen, after) };
        Some(from.saturating_add(span))
    }
}
