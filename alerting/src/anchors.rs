//! Points whose device's clock is not to be followed. A point that has had only historical readings for too long is
//! judged on receive time again (re-anchored), and from then on its device's clock is read with that shift: so no clock
//! that is set back mutes a detector. Must not know rules. Pure.

use crate::gateway::GatewayKey;
use rules::reading::{Micros, Quality};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A reading that waits: if nothing live comes of its point, it will be judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// When its point has been without anything live for too long, in attended time.
    pub due: i64,
    /// When the first of this run of history was received.
    pub since: Micros,
    pub device: Micros,
    pub received: Micros,
    /// Device and receive time of the one that came last: the clock that its next readings will go by.
    pub last: (Micros, Micros),
    /// The attended time at `received`.
    pub heard: i64,
    pub value: f64,
    pub quality: Quality,
    /// What its gateway's clock was off by when it came.
    pub offset_us: i64,
    /// The gateway that sent it, for the alarm.
    pub gateway: Option<GatewayKey>,
}

/// How the clock of a re-anchored point is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Receive time minus device time of the reading that anchored it: what its readings are late by.
    pub lag_us: i64,
    /// Added to device times, so that they go on where the point's time had been.
    pub shift_us: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Anchors {
    /// By point number.
    waiting: BTreeMap<u32, Waiting>,
    anchored: BTreeMap<u32, Anchor>,
    /// Derived: exactly the waiting ones.
    #[serde(skip)]
    queue: BTreeSet<(i64, u32)>,
}

impl Anchors {
    #[must_use]
    pub fn of(&self, point: u32) -> Option<Anchor> {
        if self.anchored.is_empty() { None } else { self.anchored.get(&point).copied() }
    }

    /// Whether a reading of this device time would wait for its point.
    #[must_use]
    pub fn wants(&self, point: u32, device: Micros) -> bool {
        self.waiting.get(&point).is_none_or(|known| device >= known.device)
    }

    /// One came that is older than the one that waits.
    pub fn came(&mut self, point: u32, device: Micros, received: Micros) {
        if let Some(known) = self.waiting.get_mut(&point) {
            known.last = (device, received);
        }
    }

    /// A reading that is wanted waits for its point: the newest by its device's clock, and of equals the later one. How
    /// long is counted from the first of them.
    pub fn wait(&mut self, point: u32, reading: Waiting) {
        match self.waiting.get_mut(&point) {
            Some(known) => *known = Waiting { due: known.due, since: known.since, ..reading },
            None => {
                self.queue.insert((reading.due, point));
                self.waiting.insert(point, reading);
            }
        }
    }

    #[must_use]
    pub fn is_waiting(&self, point: u32) -> bool {
        self.waiting.contains_key(&point)
    }

    /// A live reading came: nothing waits any more.
    pub fn spoke(&mut self, point: u32) {
        if !self.waiting.is_empty()
            && let Some(waiting) = self.waiting.remove(&point)
        {
            self.queue.remove(&(waiting.due, point));
        }
    }

    /// The device's clock is to be followed again.
    pub fn release(&mut self, point: u32) {
        if !self.anchored.is_empty() {
            self.anchored.remove(&point);
        }
    }

    /// The attended time at which the next point is re-anchored.
    #[must_use]
    pub fn next_due(&self) -> Option<i64> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// Takes the first point that is due at `attended`, and anchors it to its newest reading.
    pub fn pop(&mut self, attended: i64) -> Option<(u32, Waiting)> {
        let (due, point) = *self.queue.first()?;
        if due > attended {
            return None;
        }
        self.queue.pop_first();
        let waiting = self.waiting.remove(&point)?;
        let (device, received) = waiting.last;
        let lag_us = received.since(device);
        self.anchored.insert(point, Anchor { lag_us, shift_us: lag_us.saturating_sub(waiting.offset_us) });
        Some((point, waiting))
    }

    /// Puts the queue right after a restore.
    pub fn rebuild(&mut self) {
        self.queue = self.waiting.iter().map(|(point, waiting)| (waiting.due, *point)).collect();
    }

    /// Whether all points are among the first `len`.
    #[must_use]
    pub fn is_whole(&self, len: usize) -> bool {
        self.waiting.keys().chain(self.anchored.keys()).all(|&point| (point as usize) < len)
    }
}
