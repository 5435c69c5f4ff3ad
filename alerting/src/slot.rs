//! One rule on one object between readings: has the condition been true often and long enough to be an alarm, and
//! false often and long enough to be over? Counts and dwells only; the alarm itself is in `alarm`. Pure.
//!
//! A dwell is measured in event time: each slot has a frontier, its newest event time, which the receive clock moves on
//! while the points are silent, but only so far. So it does not matter how a gateway cut its readings into messages.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::alarm::Alarm;
use rules::reading::{Micros, Severity};
use rules::registry::LimitName;
use serde::{Deserialize, Serialize};

/// Owns the one alarm that may be open for its rule and object: hence never two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    pub phase: Phase,
    pub alarm: Option<Box<Alarm>>,
}

/// Where the condition stands, before anybody's acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Not in breach.
    #[default]
    Quiet,
    /// In breach for fewer readings than asked.
    Counting { breach: Box<Breach>, hits: u32 },
    /// In breach for enough readings; becomes an alarm when the dwell is over, unless a reading says otherwise before.
    Dwelling { breach: Box<Breach>, dwell: Dwell },
    /// An alarm stands; so many readings in a row said that it is over. At `rises`, in attended time, it gets worse by
    /// itself.
    Active { misses: u32, rises: Option<i64> },
    /// An alarm stands, but is over when the dwell is, unless a reading says otherwise before.
    Returning { value: Option<f64>, dwell: Dwell, rises: Option<i64> },
    /// An alarm stands although its breach is over: a person has to reset it.
    Latched,
}

/// A delay that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dwell {
    /// Event time of the reading that began it.
    pub since: Micros,
    /// The newest event time seen since.
    pub frontier: Micros,
    /// When silence alone completes it, in attended time; `None` when silence does not reach so far.
    pub due: Option<i64>,
}

/// A breach from its first reading on, until it is an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    pub since: Micros,
    pub last_at: Micros,
    pub value: Option<f64>,
    pub worst: Option<f64>,
    /// As the last reading graded it.
    pub severity: Severity,
}

/// What one reading says of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Breach(Severity),
    /// Neither in breach nor far enough out of it: within the dead-band.
    Between,
    Over,
}

/// When it was said, and the value that said it (none for silence).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Davy's time: alarms change at it.
    pub at: Micros,
    /// The device's time, or what stands for it: breaches begin and last by it.
    pub event: Micros,
    /// When the reading was received, in attended time (`outage`): silence is counted from it.
    pub heard: i64,
    pub value: Option<f64>,
}

/// What the rule asks for on this object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    pub count_on: u32,
    pub count_off: u32,
    pub delay_on_us: i64,
    pub delay_off_us: i64,
    /// So far the receive clock moves the frontier while the points are silent. Without end for points that only speak
    /// when something changes: their silence says that nothing did.
    pub silence_max_us: i64,
    /// A breach is over by itself: the way back begins with it.
    pub is_event: bool,
    pub side: Side,
}

/// Where worse lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    High,
    Low,
    /// No limit: the last value is as bad as any.
    Unknown,
}

/// What the alarm has to do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    Stay,
    /// The breach has become an alarm.
    Enter(Breach),
    /// The alarm is still in breach.
    Hold(Severity, Moment),
    /// The alarm has stood for so long that it gets worse.
    Rise,
    /// The breach is over, at that time, on that value.
    Leave(Micros, Option<f64>),
}

impl Side {
    #[must_use]
    pub fn of(limit: Option<LimitName>) -> Side {
        match limit {
            Some(LimitName::H | LimitName::Hh) => Side::High,
            Some(LimitName::L | LimitName::Ll) => Side::Low,
            None => Side::Unknown,
        }
    }

    /// The worse of the worst so far and a new value.
    #[must_use]
    pub fn worse(self, worst: Option<f64>, value: Option<f64>) -> Option<f64> {
        match (worst, value, self) {
            (worst, None, _) => worst,
            (None, value, _) | (Some(_), value, Side::Unknown) => value,
            (Some(worst), Some(value), Side::High) => Some(worst.max(value)),
            (Some(worst), Some(value), Side::Low) => Some(worst.min(value)),
        }
    }
}

impl Breach {
    #[must_use]
    pub fn new(severity: Severity, moment: Moment) -> Breach {
        let Moment { at, event, value, .. } = moment;
        Breach { since: event, last_at: at, value, worst: value, severity }
    }

    /// Of something that has no reading.
    #[must_use]
    pub fn plain(severity: Severity, at: Micros) -> Breach {
        Breach { since: at, last_at: at, value: None, worst: None, severity }
    }

    fn goes_on(&mut self, severity: Severity, moment: Moment, side: Side) {
        self.last_at = moment.at;
        self.value = moment.value.or(self.value);
        self.worst = side.worse(self.worst, moment.value);
        self.severity = severity;
    }
}

impl Slot {
    /// The rule, or what is known of it, is another one: nothing counts that was counted for the old one. An alarm stands
    /// and is judged anew; one that is latched was over, and stays so.
    #[must_use]
    pub fn start_clean(self) -> Slot {
        let phase = match self.phase {
            Phase::Quiet | Phase::Counting { .. } | Phase::Dwelling { .. } => Phase::Quiet,
            Phase::Active { rises, .. } | Phase::Returning { rises, .. } => Phase::Active { misses: 0, rises },
            Phase::Latched => Phase::Latched,
        };
        Slot { phase, ..self }
    }
}

impl Phase {
    /// When time alone will change it, in attended time.
    #[must_use]
    pub fn due(&self) -> Option<i64> {
        match self {
            Phase::Dwelling { dwell, .. } => dwell.due,
            Phase::Returning { dwell, rises, .. } => [dwell.due, *rises].into_iter().flatten().min(),
            Phase::Active { rises, .. } => *rises,
            Phase::Quiet | Phase::Counting { .. } | Phase::Latched => None,
        }
    }

    /// When its alarm gets worse by itself, in attended time.
    #[must_use]
    pub fn rises(&self) -> Option<i64> {
        match self {
            Phase::Active { rises, .. } | Phase::Returning { rises, .. } => *rises,
            Phase::Quiet | Phase::Counting { .. } | Phase::Dwelling { .. } | Phase::Latched => None,
        }
    }

    /// Says when its alarm gets worse by itself; what has no alarm does not.
    pub fn rise_at(&mut self, due: Option<i64>) {
        if let Phase::Active { rises, .. } | Phase::Returning { rises, .. } = self {
            *rises = due;
        }
    }

    /// Whether its alarm, if it has one, is in breach.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(self, Phase::Active { .. } | Phase::Returning { .. } | Phase::Latched)
    }

    /// Time has gone on to a reading's event, and until then what was true before it was true: a dwell that this
    /// completes is complete, whatever the reading itself says. Asked before `see`. Not over a span in which Davy did not
    /// hear (`unheard`): what a point said then may be lost, unless it only speaks of changes.
    pub fn pass(&mut self, moment: Moment, terms: &Terms, unheard: Option<(Micros, Micros)>) -> Turn {
        let (dwell, delay_us) = match self {
            Phase::Dwelling { dwell, .. } => (dwell, terms.delay_on_us),
            Phase::Returning { dwell, .. } => (dwell, terms.delay_off_us),
            Phase::Quiet | Phase::Counting { .. } | Phase::Active { .. } | Phase::Latched => return Turn::Stay,
        };
        let is_gap = |(from, to): (Micros, Micros)| dwell.frontier < to && moment.event > from;
        if terms.silence_max_us < i64::MAX && unheard.is_some_and(is_gap) {
            return Turn::Stay;
        }
        let reach = moment.event.min(dwell.frontier.plus(terms.silence_max_us));
        if reach < dwell.since.plus(delay_us) {
            return Turn::Stay;
        }
        self.complete(moment.at)
    }

    /// A reading that spoke.
    pub fn see(&mut self, sight: Sight, moment: Moment, terms: &Terms) -> Turn {
        match sight {
            Sight::Breach(severity) => self.see_breach(severity, moment, terms),
            Sight::Over => self.see_over(moment, terms),
            // What is not in breach is no event.
            Sight::Between if terms.is_event => self.see_over(moment, terms),
            Sight::Between if *self == Phase::Latched => Turn::Stay,
            Sight::Between => {
                let active = Phase::Active { misses: 0, rises: self.rises() };
                *self = if self.is_alarm() { active } else { Phase::Quiet };
                Turn::Stay
            }
        }
    }

    /// Silence became a breach: there are no readings to count.
    pub fn fall_silent(&mut self, severity: Severity, moment: Moment, terms: &Terms) -> Turn {
        self.see_breach(severity, moment, &Terms { count_on: 1, ..*terms })
    }

    /// Its own `due` has come, at `at`.
    pub fn come_due(&mut self, at: Micros) -> Turn {
        match self {
            Phase::Active { rises, .. } if rises.is_some() => {
                *rises = None;
                Turn::Rise
            }
            // Of two that are due at once the way back goes first: what is over does not get worse.
            Phase::Returning { rises: rises @ Some(_), dwell, .. }
                if dwell.due.is_none_or(|due| *rises < Some(due)) =>
            {
                *rises = None;
                Turn::Rise
            }
            _ if self.due().is_none() => Turn::Stay,
            _ => self.complete(at),
        }
    }

    /// The dwell is over.
    fn complete(&mut self, at: Micros) -> Turn {
        match std::mem::take(self) {
            Phase::Dwelling { breach, .. } => {
                *self = Phase::Active { misses: 0, rises: None };
                Turn::Enter(*breach)
            }
            Phase::Returning { value, .. } => Turn::Leave(at, value),
            other @ (Phase::Quiet | Phase::Counting { .. } | Phase::Active { .. } | Phase::Latched) => {
                *self = other;
                Turn::Stay
            }
        }
    }

    fn see_breach(&mut self, severity: Severity, moment: Moment, terms: &Terms) -> Turn {
        let rises = self.rises();
        match std::mem::take(self) {
            Phase::Quiet => self.count(Box::new(Breach::new(severity, moment)), 1, (moment, terms)),
            Phase::Counting { mut breach, hits } => {
                breach.goes_on(severity, moment, terms.side);
                self.count(breach, hits.saturating_add(1), (moment, terms))
            }
            Phase::Dwelling { mut breach, dwell } => {
                breach.goes_on(severity, moment, terms.side);
                let dwell = dwell.goes_on(moment, terms.delay_on_us, terms.silence_max_us);
                *self = Phase::Dwelling { breach, dwell };
                if dwell.is_over(terms.delay_on_us) { self.complete(moment.at) } else { Turn::Stay }
            }
            Phase::Active { .. } | Phase::Returning { .. } => {
                *self = Phase::in_breach(rises, moment, terms);
                Turn::Hold(severity, moment)
            }
            // What was once found to be an alarm is not counted again.
            Phase::Latched => {
                *self = Phase::in_breach(None, moment, terms);
                Turn::Enter(Breach::new(severity, moment))
            }
        }
    }

    fn count(&mut self, breach: Box<Breach>, hits: u32, (moment, terms): (Moment, &Terms)) -> Turn {
        if hits < terms.count_on {
            *self = Phase::Counting { breach, hits };
            Turn::Stay
        } else if terms.delay_on_us > 0 {
            let dwell = Dwell::begin(moment, terms.delay_on_us, terms.silence_max_us);
            *self = Phase::Dwelling { breach, dwell };
            Turn::Stay
        } else {
            *self = Phase::in_breach(None, moment, terms);
            Turn::Enter(*breach)
        }
    }

    /// Of an alarm whose breach was seen at this moment.
    fn in_breach(rises: Option<i64>, moment: Moment, terms: &Terms) -> Phase {
        if terms.is_event {
            let dwell = Dwell::begin(moment, terms.delay_off_us, terms.silence_max_us);
            Phase::Returning { value: moment.value, dwell, rises }
        } else {
            Phase::Active { misses: 0, rises }
        }
    }

    fn see_over(&mut self, moment: Moment, terms: &Terms) -> Turn {
        match *self {
            Phase::Quiet | Phase::Counting { .. } | Phase::Dwelling { .. } => {
                *self = Phase::Quiet;
                Turn::Stay
            }
            Phase::Latched => Turn::Stay,
            Phase::Active { misses, rises } if misses.saturating_add(1) < terms.count_off => {
                *self = Phase::Active { misses: misses.saturating_add(1), rises };
                Turn::Stay
            }
            Phase::Active { rises, .. } if terms.delay_off_us > 0 => {
                let dwell = Dwell::begin(moment, terms.delay_off_us, terms.silence_max_us);
                *self = Phase::Returning { value: moment.value, dwell, rises };
                Turn::Stay
            }
            Phase::Active { .. } => {
                *self = Phase::Quiet;
                Turn::Leave(moment.at, moment.value)
            }
            Phase::Returning { dwell, rises, .. } => {
                let dwell = dwell.goes_on(moment, terms.delay_off_us, terms.silence_max_us);
                *self = Phase::Returning { value: moment.value, dwell, rises };
                if dwell.is_over(terms.delay_off_us) { self.complete(moment.at) } else { Turn::Stay }
            }
        }
    }
}

impl Dwell {
    fn begin(moment: Moment, delay_us: i64, silence_max_us: i64) -> Dwell {
        let due = (delay_us <= silence_max_us).then(|| moment.heard.saturating_add(delay_us));
        Dwell { since: moment.event, frontier: moment.event, due }
    }

    /// A reading moves the frontier on, never back, and the end never further away.
    fn goes_on(self, moment: Moment, delay_us: i64, silence_max_us: i64) -> Dwell {
        let frontier = self.frontier.max(moment.event);
        let left_us = delay_us.saturating_sub(frontier.since(self.since));
        let silent = (left_us <= silence_max_us).then(|| moment.heard.saturating_add(left_us));
        let due = [self.due, silent].into_iter().flatten().min();
        Dwell { since: self.since, frontier, due }
    }

    fn is_over(self, delay_us: i64) -> bool {
        self.frontier.since(self.since) >= delay_us
    }
}

#[cfg(test)]
mod tests;
