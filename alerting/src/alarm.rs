//! The alarm (报警): one rule true on one object, and its ISA-18.2 state with all transitions. Must not know why a
//! condition holds or who asks. Pure.

use crate::slot::{Breach, Side};
use rules::reading::{Micros, Severity};
use rules::registry::Text;
use serde::{Deserialize, Serialize};

/// Unique over all journals of a district: `alarm_id_base` of the journal plus a counter. Below 2^53 for browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlarmId(pub u64);

impl AlarmId {
    /// Numbers from here on are free for whoever begins, or comes back, at `at`: its second times a million leaves a
    /// million numbers for each second of a journal's life.
    #[must_use]
    pub fn base_at(at: Micros) -> u64 {
        u64::try_from(at.0 / rules::reading::SECOND_US).unwrap_or(0).saturating_mul(1_000_000)
    }
}

/// ISA-18.2 / IEC 62682 states in use so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// A: nothing to see; an alarm in this state is closed.
    Normal,
    /// B: in breach, nobody has said that he saw it.
    Unacknowledged,
    /// C: in breach, seen.
    Acknowledged,
    /// D: no longer in breach, nobody has said that he saw it.
    ReturnedUnacknowledged,
    /// F: in breach while filed work goes on at its object; shown, and annunciated when the work is over.
    SuppressedByDesign,
}

/// What the alarm stands on; both empty for Davy's own system alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    pub enterprise: Option<String>,
    pub equipment: Option<String>,
    pub point: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub id: AlarmId,
    /// `HC-11`, or `DAVY-…` for system alarms.
    pub rule: String,
    pub name: Text,
    pub object: Object,
    pub severity: Severity,
    pub state: AlarmState,
    /// The value that last changed the alarm, the worst one so far, and the limit it is measured against.
    pub value: Option<f64>,
    pub worst: Option<f64>,
    pub limit: Option<f64>,
    /// When the breach began, before any delay.
    pub since: Micros,
    pub raised_at: Micros,
    /// The last time a reading kept or brought it in breach.
    pub last_at: Micros,
    pub acked_at: Option<Micros>,
    pub acked_by: Option<String>,
    /// When the condition was last seen to be over; of an alarm in breach only while it is latched.
    pub cleared_at: Option<Micros>,
    /// When it became normal again and closed.
    pub closed_at: Option<Micros>,
    /// How often it came into breach under this id; 1 at first.
    pub count: u32,
    /// Content hash of the rule set that raised it; empty for system alarms.
    pub rule_set: String,
    /// What to do, or what happened (system alarms).
    pub text: Text,
}

/// One immutable event in the life of an alarm, with the whole alarm as it stands after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmChange {
    pub at: Micros,
    pub from: AlarmState,
    pub to: AlarmState,
    pub cause: Cause,
    /// Who, for commands; the comment given.
    pub by: Option<String>,
    pub comment: Option<String>,
    pub alarm: Alarm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Raised,
    /// In breach again under the same id.
    BreachedAgain,
    Returned,
    Acknowledged,
    SeverityRaised,
    /// Its rule or its object is no longer in force.
    RuleRemoved,
    /// Taken over from the database, or stated again after recovery.
    Adopted,
    /// Another alarm of the same rule and object stands in its place.
    Superseded,
    /// Filed work began, or goes on, at its object.
    Suppressed,
    /// The filed work is over, and the breach is not.
    Released,
    /// The breach is over, but its rule latches: it stands until a person resets it.
    Latched,
    /// A person reset it after its breach was over.
    Reset,
}

/// What an alarm is born with besides its breach: all that its rule and object say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Birth {
    pub rule: String,
    pub name: Text,
    pub object: Object,
    pub limit: Option<f64>,
    pub rule_set: String,
    pub text: Text,
}

/// A person's word on an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    pub by: &'a str,
    pub comment: &'a str,
}

impl AlarmState {
    pub const ALL: [AlarmState; 5] = [
        AlarmState::Normal,
        AlarmState::Unacknowledged,
        AlarmState::Acknowledged,
        AlarmState::ReturnedUnacknowledged,
        AlarmState::SuppressedByDesign,
    ];

    /// States that `open_alarms` shows.
    #[must_use]
    pub fn is_open(self) -> bool {
        self != AlarmState::Normal
    }

    #[must_use]
    pub fn is_in_breach(self) -> bool {
        matches!(self, AlarmState::Unacknowledged | AlarmState::Acknowledged | AlarmState::SuppressedByDesign)
    }
}

/// The transitions of domain.md 3.5, as far as they are in use. Each gives the event that records it.
impl Alarm {
    /// A -> B. Raised at `at`, which is later than the breach's beginning by its delay.
    #[must_use]
    pub fn raise(id: AlarmId, birth: Birth, breach: &Breach, at: Micros) -> (Alarm, AlarmChange) {
        let alarm = Alarm {
            id,
            rule: birth.rule,
            name: birth.name,
            object: birth.object,
            severity: breach.severity,
            state: AlarmState::Unacknowledged,
            value: breach.value,
            worst: breach.worst,
            limit: birth.limit,
            since: breach.since,
            raised_at: at,
            last_at: breach.last_at,
            acked_at: None,
            acked_by: None,
            cleared_at: None,
            closed_at: None,
            count: 1,
            rule_set: birth.rule_set,
            text: birth.text,
        };
        let change = alarm.change(AlarmState::Normal, Cause::Raised, at);
        (alarm, change)
    }

    /// D -> B: the same alarm, once more, to be acknowledged anew.
    pub fn breach_again(&mut self, breach: &Breach, side: Side, at: Micros) -> AlarmChange {
        self.count = self.count.saturating_add(1);
        self.severity = self.severity.max(breach.severity);
        self.value = breach.value;
        self.worst = side.worse(self.worst, breach.worst);
        self.last_at = breach.last_at;
        self.cleared_at = None;
        self.ask_again();
        self.move_to(AlarmState::Unacknowledged, Cause::BreachedAgain, at)
    }

    /// Still in breach. An event only when the severity rises, which asks for a new acknowledgement, unless filed work
    /// goes on.
    pub fn hold(&mut self, severity: Severity, (at, value): (Micros, Option<f64>), side: Side) -> Option<AlarmChange> {
        self.last_at = at;
        self.value = value.or(self.value);
        self.worst = side.worse(self.worst, value);
        if severity <= self.severity {
            return None;
        }
        self.severity = severity;
        if self.state == AlarmState::SuppressedByDesign {
            return Some(self.move_to(AlarmState::SuppressedByDesign, Cause::SeverityRaised, at));
        }
        self.ask_again();
        Some(self.move_to(AlarmState::Unacknowledged, Cause::SeverityRaised, at))
    }

    /// The breach is over: B -> D, or -> A where nobody has to sign or somebody has.
    pub fn give_back(&mut self, at: Micros, value: Option<f64>) -> AlarmChange {
        self.value = value.or(self.value);
        self.cleared_at = Some(at);
        let to = match self.state {
            AlarmState::Unacknowledged if self.needs_acknowledgement() => AlarmState::ReturnedUnacknowledged,
            AlarmState::Unacknowledged
            | AlarmState::Acknowledged
            | AlarmState::ReturnedUnacknowledged
            | AlarmState::SuppressedByDesign
            | AlarmState::Normal => AlarmState::Normal,
        };
        self.move_to(to, Cause::Returned, at)
    }

    /// B -> C, D -> A. `None` when there is nothing to acknowledge.
    pub fn acknowledge(&mut self, signature: Signature<'_>, at: Micros) -> Option<AlarmChange> {
        let to = match self.state {
            AlarmState::Unacknowledged => AlarmState::Acknowledged,
            AlarmState::ReturnedUnacknowledged => AlarmState::Normal,
            AlarmState::Acknowledged | AlarmState::SuppressedByDesign | AlarmState::Normal => return None,
        };
        self.acked_at = Some(at);
        self.acked_by = Some(signature.by.to_owned());
        let change = self.move_to(to, Cause::Acknowledged, at);
        Some(signed(change, signature))
    }

    /// B, C -> F: filed work goes on at its object. `None` where nobody would be called anyway.
    pub fn suppress(&mut self, filing: u64, at: Micros) -> Option<AlarmChange> {
        if !matches!(self.state, AlarmState::Unacknowledged | AlarmState::Acknowledged) {
            return None;
        }
        let mut change = self.move_to(AlarmState::SuppressedByDesign, Cause::Suppressed, at);
        change.comment = Some(format!("filing {filing}"));
        Some(change)
    }

    /// F -> B: the filed work is over, and the breach is not.
    pub fn release(&mut self, at: Micros) -> Option<AlarmChange> {
        if self.state != AlarmState::SuppressedByDesign {
            return None;
        }
        self.ask_again();
        Some(self.move_to(AlarmState::Unacknowledged, Cause::Released, at))
    }

    /// The breach is over, and the alarm stands as it stood.
    pub fn latch(&mut self, at: Micros, value: Option<f64>) -> AlarmChange {
        self.value = value.or(self.value);
        self.cleared_at = Some(at);
        self.move_to(self.state, Cause::Latched, at)
    }

    /// B, C, F -> A, by a person: who resets it has seen it. Only of a latched alarm whose breach is over.
    pub fn reset(&mut self, signature: Signature<'_>, at: Micros) -> AlarmChange {
        if self.acked_at.is_none() {
            self.acked_at = Some(at);
            self.acked_by = Some(signature.by.to_owned());
        }
        let change = self.move_to(AlarmState::Normal, Cause::Reset, at);
        signed(change, signature)
    }

    /// Whether it is in breach by its latch alone.
    #[must_use]
    pub fn is_latched(&self) -> bool {
        self.state.is_in_breach() && self.cleared_at.is_some()
    }

    /// Closed for a reason that is not the plant's.
    pub fn close(&mut self, cause: Cause, at: Micros) -> AlarmChange {
        self.move_to(AlarmState::Normal, cause, at)
    }

    /// Said again as it stands.
    #[must_use]
    pub fn restate(&self, at: Micros) -> AlarmChange {
        self.change(self.state, Cause::Adopted, at)
    }

    /// Blue returns by itself.
    fn needs_acknowledgement(&self) -> bool {
        self.severity >= Severity::Yellow
    }

    fn ask_again(&mut self) {
        self.acked_at = None;
        self.acked_by = None;
    }

    fn move_to(&mut self, to: AlarmState, cause: Cause, at: Micros) -> AlarmChange {
        let from = std::mem::replace(&mut self.state, to);
        self.closed_at = (to == AlarmState::Normal).then_some(at);
        self.change(from, cause, at)
    }

    fn change(&self, from: AlarmState, cause: Cause, at: Micros) -> AlarmChange {
        AlarmChange { at, from, to: self.state, cause, by: None, comment: None, alarm: self.clone() }
    }
}

fn signed(mut change: AlarmChange, signature: Signature<'_>) -> AlarmChange {
    change.by = Some(signature.by.to_owned());
    change.comment = Some(signature.comment.to_owned()).filter(|comment| !comment.is_empty());
    change
}

#[cfg(test)]
mod tests;
