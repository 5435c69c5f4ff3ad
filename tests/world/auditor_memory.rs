//! What the auditor remembers of points and gateways, and what a reading is to its point in its own words: known, live or
//! history. Shares no function with what it judges. Pure.

use crate::auditor::{Message, PointFacts, SECOND, Seen};
use std::collections::{BTreeSet, VecDeque};

/// What the auditor remembers of a point.
#[derive(Default)]
pub struct Memory {
    /// The newest device time believed, and what was said at it: (device time, value, bad).
    pub newest: Option<i64>,
    pub said: BTreeSet<(i64, u64, bool)>,
    /// Which of them came last.
    pub said_last: Option<(i64, u64, bool)>,
    /// Device time of the newest reading that was live by its own clock, or by a shifted one.
    pub judged: Option<i64>,
    pub last_received: Option<i64>,
    /// By the clock that stands still.
    pub last_heard: Option<i64>,
    pub unbelieved: VecDeque<(i64, u64, bool)>,
    /// (receive time - device time, what is added to device times)
    pub anchor: Option<(i64, i64)>,
    /// The newest reading of a run of history, since nothing live came.
    pub waiting: Option<Waiting>,
}

#[derive(Clone)]
pub struct Waiting {
    pub ends: i64,
    /// When the first of the run was received.
    pub since: i64,
    pub seen: Seen,
    pub received: i64,
    /// Device and receive time of the one that came last.
    pub last: (i64, i64),
    pub heard: i64,
    pub offset: i64,
    pub enterprise: String,
}

/// What the auditor remembers of a gateway.
#[derive(Default)]
pub struct GatewayMemory {
    /// Lateness of its last twenty live messages, oldest first.
    pub late: VecDeque<i64>,
    pub live_at: Option<i64>,
    pub in_step: u32,
    pub skewed: bool,
    pub open: bool,
}

pub enum Kind {
    Known,
    /// Live, with the event time it is judged by, and whose clock that was.
    Live(i64, Whose),
    Past,
}

#[derive(PartialEq)]
pub enum Whose {
    Devices,
    Shifted,
    Ours,
}

/// A reading as it waits, if it must.
pub fn waiting(
    points: &[PointFacts],
    (message, seen): (&Message, &Seen),
    (at, heard, offset): (i64, i64, i64),
) -> Waiting {
    let period = points.iter().find(|facts| facts.name == seen.point).and_then(|facts| facts.period);
    Waiting {
        ends: heard + period.map_or(120 * SECOND, |period| (3 * period).max(120 * SECOND)),
        since: message.received,
        seen: seen.clone(),
        received: at,
        last: (seen.device, at),
        heard,
        offset,
        enterprise: message.enterprise.clone(),
    }
}

impl Memory {
    /// A reading that is not live, but may be all that comes of its point.
    pub fn wait(&mut self, reading: Waiting) {
        match &mut self.waiting {
            Some(known) if reading.seen.device >= known.seen.device => {
                *known = Waiting { ends: known.ends, since: known.since, ..reading };
            }
            Some(known) => known.last = reading.last,
            None => self.waiting = Some(reading),
        }
    }

    /// What a reading is. `at` = its receive time.
    pub fn kind(&mut self, seen: &Seen, at: i64, (offset, redelivered): (i64, bool)) -> Kind {
        let said = (seen.device, seen.value.to_bits(), seen.bad);
        if seen.device > at + 60 * SECOND || seen.device < at - 400 * 86_400 * SECOND {
            if redelivered && self.unbelieved.contains(&said) {
                return Kind::Known;
            }
            self.unbelieved.push_back(said);
            if self.unbelieved.len() > 4 {
                self.unbelieved.pop_front();
            }
            return Kind::Live(at - offset, Whose::Ours);
        }
        if self.newest == Some(seen.device) && self.said.contains(&said) {
            return Kind::Known;
        }
        if self.newest.is_none_or(|newest| seen.device > newest) {
            (self.newest, self.said) = (Some(seen.device), BTreeSet::new());
        }
        if self.newest == Some(seen.device) {
            self.said.insert(said);
            self.said_last = Some(said);
        }
        if self.judged.is_some_and(|judged| seen.device < judged) {
            return Kind::Past;
        }
        let late = at - seen.device;
        if late - offset <= 300 * SECOND {
            return Kind::Live(seen.device, Whose::Devices);
        }
        match self.anchor {
            Some((usual, shift)) if (-60 * SECOND..=300 * SECOND).contains(&(late - usual)) => {
                Kind::Live(seen.device + shift, Whose::Shifted)
            }
            _ => Kind::Past,
        }
    }
}

impl GatewayMemory {
    /// The one in the middle.
    pub fn offset(&self) -> i64 {
        let mut sorted: Vec<i64> = self.late.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }

    /// A message: how late its newest live reading was, and whether one was read with a shifted clock. `true`: the clock
    /// is found to be wrong now; `false`: right again.
    pub fn note(&mut self, late: Option<i64>, shifted: bool) -> Option<bool> {
        if shifted {
            self.in_step = 0;
            return (!std::mem::replace(&mut self.skewed, true)).then_some(true);
        }
        self.late.push_back(late?);
        if self.late.len() > 20 {
            self.late.pop_front();
        }
        self.in_step += 1;
        let offset = self.offset();
        let spread = self.late.iter().max().zip(self.late.iter().min()).map_or(0, |(most, least)| most - least);
        if !self.skewed && self.late.len() == 20 && spread <= 30 * SECOND && offset.abs() > 60 * SECOND {
            self.skewed = true;
            return Some(true);
        }
        if self.skewed && self.in_step >= 20 && offset.abs() < 30 * SECOND {
            self.skewed = false;
            return std::mem::take(&mut self.open).then_some(false);
        }
        None
    }
}
