//! Spells: from the moment an alarm is raised, or is in breach again, to the moment its breach is over. What is compared
//! between rule sets, because how soon people sign changes how spells are told as alarms, and not when they are. Must not
//! know rules. Pure.

use alerting::alarm::{AlarmChange, AlarmId, AlarmState, Object};
use rules::reading::{Micros, Severity};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spell {
    pub rule: String,
    pub object: Object,
    pub raised: Micros,
    /// When the breach began, before any delay; not told of an alarm that is in breach again.
    pub since: Option<Micros>,
    /// `None`: not before the end of what was looked at.
    pub returned: Option<Micros>,
    /// The worst it came to.
    pub severity: Severity,
    /// Filed work silenced it from its beginning to its end.
    pub suppressed: bool,
}

/// Spells as they come and go.
#[derive(Debug, Default)]
pub struct Spells {
    done: Vec<Spell>,
    running: BTreeMap<AlarmId, Spell>,
    /// The open alarm of each rule and object, in breach or not.
    open: BTreeMap<(String, Object), AlarmId>,
}

impl Spells {
    pub fn take(&mut self, change: &AlarmChange) {
        let alarm = &change.alarm;
        // Davy's own alarms are no rule's.
        if alarm.rule_set.is_empty() {
            return;
        }
        let key = (alarm.rule.clone(), alarm.object.clone());
        if alarm.state.is_open() {
            self.open.insert(key, alarm.id);
        } else {
            self.open.remove(&key);
        }
        if !alarm.state.is_in_breach() {
            if let Some(spell) = self.running.remove(&alarm.id) {
                self.done.push(Spell { returned: Some(change.at), ..spell });
            }
            return;
        }
        let is_silent = alarm.state == AlarmState::SuppressedByDesign;
        let spell = self.running.entry(alarm.id).or_insert_with(|| Spell {
            rule: alarm.rule.clone(),
            object: alarm.object.clone(),
            raised: change.at,
            since: (change.from == AlarmState::Normal).then_some(alarm.since),
            returned: None,
            severity: alarm.severity,
            suppressed: is_silent,
        });
        spell.severity = spell.severity.max(alarm.severity);
        // What is silenced at the moment it is raised has called nobody.
        spell.suppressed = is_silent && (spell.suppressed || spell.raised == change.at);
    }

    /// The open alarm of a rule on an object.
    #[must_use]
    pub fn alarm_of(&self, rule: &str, object: &Object) -> Option<AlarmId> {
        self.open.get(&(rule.to_owned(), object.clone())).copied()
    }

    /// Those that lasted into the time from `from` on, by rule, object and time.
    #[must_use]
    pub fn finish(self, from: Micros) -> Vec<Spell> {
        let mut spells: Vec<Spell> = self.done.into_iter().chain(self.running.into_values()).collect();
        spells.retain(|spell| spell.returned.is_none_or(|returned| returned > from) || spell.raised >= from);
        spells.sort();
        spells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::alarm::{Alarm, AlarmState as S, Cause};
    use rules::registry::Text;

    /// What became of the one alarm, at a time: its severity and the state it is in then.
    type Told = (i64, Cause, Severity, S);

    fn change(rule_set: &str, (at, cause, severity, state): Told) -> AlarmChange {
        let at = Micros(at);
        let alarm = Alarm {
            id: AlarmId(7),
            rule: "R".to_owned(),
            name: Text::default(),
            object: Object { point: Some("P".to_owned()), ..Object::default() },
            severity,
            state,
            value: None,
            worst: None,
            limit: None,
            since: Micros(10),
            raised_at: Micros(15),
            last_at: at,
            acked_at: None,
            acked_by: None,
            cleared_at: None,
            closed_at: None,
            count: 1,
            rule_set: rule_set.to_owned(),
            text: Text::default(),
        };
        let from = if cause == Cause::BreachedAgain { S::ReturnedUnacknowledged } else { S::Normal };
        AlarmChange { at, from, to: state, cause, by: None, comment: None, alarm }
    }

    type Shown = (Option<i64>, i64, Option<i64>, Severity, bool);

    fn told(rule_set: &str, changes: &[Told], from: i64) -> Vec<Shown> {
        let mut spells = Spells::default();
        for told in changes {
            spells.take(&change(rule_set, *told));
        }
        let show = |s: Spell| (s.since.map(|at| at.0), s.raised.0, s.returned.map(|at| at.0), s.severity, s.suppressed);
        spells.finish(Micros(from)).into_iter().map(show).collect()
    }

    use Severity::{Red, Yellow};

    #[test]
    fn one_alarm_may_have_several_spells() {
        let changes = [
            (15, Cause::Raised, Yellow, S::Unacknowledged),
            (18, Cause::SeverityRaised, Red, S::Unacknowledged),
            (20, Cause::Returned, Red, S::ReturnedUnacknowledged),
            (31, Cause::BreachedAgain, Red, S::Unacknowledged),
            (32, Cause::Acknowledged, Red, S::Acknowledged),
        ];
        assert_eq!(told("v", &changes, 0), [(Some(10), 15, Some(20), Red, false), (None, 31, None, Red, false)]);
        assert_eq!(told("v", &changes, 25), [(None, 31, None, Red, false)], "what ended before the span is not told");
        assert_eq!(told("", &changes, 0), [], "nor what is no rule's");
    }

    #[test]
    fn an_alarm_is_found_until_it_is_closed() {
        let mut spells = Spells::default();
        let raised = change("v", (15, Cause::Raised, Yellow, S::Unacknowledged));
        let found = |spells: &Spells| spells.alarm_of("R", &raised.alarm.object);
        assert_eq!(found(&spells), None);
        spells.take(&raised);
        assert_eq!(found(&spells), Some(AlarmId(7)));
        spells.take(&change("v", (20, Cause::Returned, Yellow, S::ReturnedUnacknowledged)));
        assert_eq!(found(&spells), Some(AlarmId(7)), "nobody has signed");
        spells.take(&change("v", (22, Cause::Acknowledged, Yellow, S::Normal)));
        assert_eq!(found(&spells), None);
    }

    #[test]
    fn silenced_by_filed_work_is_not_the_same_as_called_out() {
        let raised = (15, Cause::Raised, Yellow, S::Unacknowledged);
        let silenced = |at| (at, Cause::Suppressed, Yellow, S::SuppressedByDesign);
        let released = (17, Cause::Released, Yellow, S::Unacknowledged);
        let over = (20, Cause::Returned, Yellow, S::Normal);
        let born = (15, Cause::Suppressed, Yellow, S::SuppressedByDesign);
        let cases: [(&[Told], bool); 4] = [
            (&[born, over], true),
            (&[raised, silenced(15), over], true),
            (&[raised, silenced(15), released, over], false),
            (&[raised, silenced(16), over], false),
        ];
        for (changes, suppressed) in cases {
            assert_eq!(told("v", changes, 0), [(Some(10), 15, Some(20), Yellow, suppressed)]);
        }
    }
}
