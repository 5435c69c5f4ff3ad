//! One case through the fold, once line by line and once in one record, and the comparison with what it expects.
//! Must not know the text it was read from. Pure.

use super::parse::{Case, Event, Expect, Expects, Fault, Field, What};
use super::plant::Plant;
use super::stage::{START, input, opening};
use crate::alarm::{Alarm, AlarmChange, AlarmId, AlarmState, Cause};
use crate::command::{Command, Order, Outcome};
use crate::effect::{Business, Effects};
use crate::input::{Batch, Input};
use crate::state::State;
use crate::system::RULE_ERROR;
use rules::reading::Micros;
use rules::registry::Registry;
use rules::rule::Rule;
use rules::set::RuleSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which alarm was signed for, by line.
type Signed = BTreeMap<usize, AlarmId>;

/// A case whose deadlines do not end is not run for ever.
const TICKS_MAX: usize = 100_000;

/// # Errors
/// The case cannot be played, or something else happened than it expects.
pub fn play(case: &Case, id: &str, rules: &Arc<RuleSet>, registry: &Registry) -> Result<(), Fault> {
    let fault = |problem| Fault { line: case.line, problem };
    let rule = rules.rules().iter().find(|rule| rule.id == id);
    let rule = rule.ok_or_else(|| fault(format!("no pack has a rule `{id}`")))?;
    check_words(&case.plant, registry)?;
    let play = Play { case, rule, end: end_of(case, rule) };
    let mut state = State::new();
    state.step(1, &opening(case, rule, rules, registry));
    play.check_bound(&state, rules)?;
    let (changes, signed) = play.line_by_line(&mut state)?;
    play.compare(&changes, "one record a line")?;
    if case.events.iter().any(|event| matches!(event.what, What::LinkDown | What::LinkUp)) {
        // The link carries no time of its own: within one record it would be another story.
        return Ok(());
    }
    let mut state = State::new();
    state.step(1, &opening(case, rule, rules, registry));
    play.compare(&play.at_once(&mut state, &signed)?, "all in one record")
}

/// Tag types and sectors are those of the registry.
fn check_words(plant: &Plant, registry: &Registry) -> Result<(), Fault> {
    if let Some(point) = plant.points.iter().find(|point| registry.tag_types.iter().all(|tag| tag.id != point.tag)) {
        return Err(Fault { line: point.line, problem: format!("there is no tag type `{}`", point.tag) });
    }
    let of_enterprise = plant.enterprise.sectors.iter().map(|sector| (plant.enterprise.line, sector));
    let of_equipment = plant.equipment.iter().filter_map(|known| Some((known.line, known.sector.as_ref()?)));
    let is_unknown = |(_, id): &(usize, &String)| registry.sectors.iter().all(|sector| sector.id != **id);
    match of_enterprise.chain(of_equipment).find(is_unknown) {
        Some((line, sector)) => Err(Fault { line, problem: format!("there is no sector `{sector}`") }),
        None => Ok(()),
    }
}

struct Play<'a> {
    case: &'a Case,
    rule: &'a Rule,
    end: Micros,
}

fn end_of(case: &Case, rule: &Rule) -> Micros {
    let lines = case.events.iter().map(|event| event.at_us);
    let expected = match &case.expects {
        Expects::These(list) => list.iter().map(|expect| expect.at_us).max(),
        Expects::Unsaid | Expects::None | Expects::Unbound => None,
    };
    let last = lines.chain(expected).max().unwrap_or(0);
    let of_tags = rule.by_tag.values().flat_map(|tag| [tag.delay_on_us, tag.delay_off_us]).flatten();
    let delay = of_tags.chain([rule.delay_on_us, rule.delay_off_us]).max().unwrap_or(0);
    START.plus(case.until_us.unwrap_or(last.saturating_add(delay)))
}

impl Play<'_> {
    /// A rule that watches nothing would pass every `expect none`.
    fn check_bound(&self, state: &State, rules: &RuleSet) -> Result<(), Fault> {
        let binding = state.binding();
        let mut instances = binding.instances.iter().filter_map(|instance| rules.rule(instance.rule));
        let is_bound = instances.any(|rule| rule.id == self.rule.id);
        let wants_bound = !matches!(self.case.expects, Expects::Unbound);
        let problem = match (is_bound, wants_bound) {
            (true, false) => "the rule does watch these points".to_owned(),
            (false, true) => {
                let reason = binding.skipped.iter().find(|skipped| skipped.rule == self.rule.id);
                let reason = reason.map_or("none of them is of its tag types", |skipped| skipped.reason.as_str());
                format!("the rule does not watch these points: {reason}")
            }
            (true, true) | (false, false) => return Ok(()),
        };
        Err(Fault { line: self.case.line, problem })
    }

    /// As it happens live: a record for each line, and a tick whenever the fold asked for one. Returns also which
    /// alarm was signed for on which line.
    fn line_by_line(&self, state: &mut State) -> Result<(Vec<AlarmChange>, Signed), Fault> {
        let (mut changes, mut signed) = (Vec::new(), Signed::new());
        for event in &self.case.events {
            let at = START.plus(event.at_us);
            self.tick(state, at, &mut changes)?;
            let input = input(event, state, &|object| self.open_alarm(state, object))?;
            if let Input::Command(Command {
                order: Order::Acknowledge { alarm, .. } | Order::ResetAlarm { alarm, .. },
                ..
            }) = &input
            {
                signed.insert(event.line, *alarm);
            }
            let effects = state.step(state.seq().saturating_add(1), &Batch { now: at, inputs: vec![input] });
            if let (What::Override { .. }, Some(Outcome::Refused(why))) = (&event.what, effects.outcomes.first()) {
                return Err(Fault { line: event.line, problem: format!("the limit is refused: {why:?}") });
            }
            self.keep(&effects, &mut changes);
        }
        self.tick(state, self.end, &mut changes)?;
        let last = state.step(state.seq().saturating_add(1), &Batch { now: self.end, inputs: vec![Input::Tick] });
        self.keep(&last, &mut changes);
        Ok((changes, signed))
    }

    fn tick(&self, state: &mut State, until: Micros, changes: &mut Vec<AlarmChange>) -> Result<(), Fault> {
        for _ in 0..TICKS_MAX {
            let Some(due) = state.next_deadline().filter(|due| *due <= until) else { return Ok(()) };
            let now = due.max(state.now());
            let effects = state.step(state.seq().saturating_add(1), &Batch { now, inputs: vec![Input::Tick] });
            self.keep(&effects, changes);
        }
        Err(Fault { line: self.case.line, problem: "its deadlines do not end".to_owned() })
    }

    /// As after an outage: everything in one record, signed for under the same numbers.
    fn at_once(&self, state: &mut State, signed: &Signed) -> Result<Vec<AlarmChange>, Fault> {
        let mut changes = Vec::new();
        let number = |event: &Event| signed.get(&event.line).copied().ok_or_else(String::new);
        let inputs: Result<Vec<_>, Fault> =
            self.case.events.iter().map(|event| input(event, state, &|_| number(event))).collect();
        let effects = state.step(state.seq().saturating_add(1), &Batch { now: self.end, inputs: inputs? });
        self.keep(&effects, &mut changes);
        Ok(changes)
    }

    fn open_alarm(&self, state: &State, object: Option<&str>) -> Result<AlarmId, String> {
        let is_meant =
            |alarm: &&Alarm| alarm.rule == self.rule.id && object.is_none_or(|object| label(alarm) == object);
        let mut open = state.open_alarms().filter(is_meant);
        match (open.next(), open.next()) {
            (Some(alarm), None) => Ok(alarm.id),
            (None, _) => Err("there is no open alarm to acknowledge or reset".to_owned()),
            (Some(_), Some(_)) => Err("several alarms are open: name the object".to_owned()),
        }
    }

    /// The changes that are about the rule; its failing is one.
    fn keep(&self, effects: &Effects, changes: &mut Vec<AlarmChange>) {
        let fails = format!("{} on ", self.rule.id);
        for business in &effects.business {
            if let Business::Alarm(change) = business
                && (change.alarm.rule == self.rule.id
                    || (change.alarm.rule == RULE_ERROR && change.alarm.text.en.starts_with(&fails)))
            {
                changes.push((**change).clone());
            }
        }
    }

    fn compare(&self, changes: &[AlarmChange], how: &str) -> Result<(), Fault> {
        let mut expected: Vec<&Expect> = match &self.case.expects {
            Expects::These(list) => list.iter().collect(),
            Expects::Unsaid | Expects::None | Expects::Unbound => Vec::new(),
        };
        expected.sort_by_key(|expect| (expect.at_us, expect.object.clone()));
        let mut seen: Vec<&AlarmChange> = changes.iter().collect();
        seen.sort_by_key(|change| (change.at, label(&change.alarm).to_owned()));
        let fits =
            expected.len() == seen.len() && expected.iter().zip(&seen).all(|(expect, change)| fits(expect, change));
        if fits {
            return Ok(());
        }
        let list = |lines: Vec<String>| if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n    ") };
        let wanted = list(expected.iter().map(|expect| told_expect(expect)).collect());
        let got = list(seen.iter().map(|change| told(change)).collect());
        let problem = format!("with {how}, expected\n    {wanted}\n  but saw\n    {got}");
        Err(Fault { line: self.case.line, problem })
    }
}

fn fits(expect: &Expect, change: &AlarmChange) -> bool {
    let alarm = &change.alarm;
    let shows =
        |(field, value): &(Field, f64)| shown(alarm, *field).is_some_and(|shown| shown.to_bits() == value.to_bits());
    START.plus(expect.at_us) == change.at
        && expect.what == what(change)
        && expect.object.as_ref().is_none_or(|object| label(alarm) == object)
        && expect.shows.iter().all(shows)
}

fn shown(alarm: &Alarm, field: Field) -> Option<f64> {
    match field {
        Field::Value => alarm.value,
        Field::Worst => alarm.worst,
        Field::Limit => alarm.limit,
        Field::Count => Some(f64::from(alarm.count)),
        Field::Since => Some(alarm.since.since(START) as f64),
    }
}

/// What an alarm stands on, by the shortest name a case knows it by.
fn label(alarm: &Alarm) -> &str {
    let object = &alarm.object;
    let name = object.point.as_ref().or(object.equipment.as_ref()).or(object.enterprise.as_ref());
    name.map_or("", String::as_str)
}

fn what(change: &AlarmChange) -> String {
    let severity = change.alarm.severity.name();
    if change.alarm.rule == RULE_ERROR {
        return format!("fails ({:?}): {}", change.cause, change.alarm.text.en);
    }
    let closed = if change.to == AlarmState::Normal { " closed" } else { "" };
    match change.cause {
        Cause::Raised => format!("raise {severity}"),
        Cause::BreachedAgain => format!("again {severity}"),
        Cause::SeverityRaised => format!("severity {severity}"),
        Cause::Returned => format!("return{closed}"),
        Cause::Acknowledged => format!("ack{closed}"),
        Cause::Suppressed => format!("suppress {severity}"),
        Cause::Released => format!("release {severity}"),
        Cause::Latched => "latch".to_owned(),
        Cause::Reset => "reset".to_owned(),
        Cause::RuleRemoved | Cause::Adopted | Cause::Superseded => format!("{:?}", change.cause),
    }
}

fn told(change: &AlarmChange) -> String {
    let alarm = &change.alarm;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
    format!(
        "{} {} on {} value={} worst={} limit={} count={} since={}",
        seconds(change.at.since(START)),
        what(change),
        label(alarm),
        number(alarm.value),
        number(alarm.worst),
        number(alarm.limit),
        alarm.count,
        seconds(alarm.since.since(START)),
    )
}

fn told_expect(expect: &Expect) -> String {
    let mut told = format!("{} {}", seconds(expect.at_us), expect.what);
    if let Some(object) = &expect.object {
        told.push_str(&format!(" on {object}"));
    }
    for (field, value) in &expect.shows {
        told.push_str(&match field {
            Field::Value => format!(" value={value}"),
            Field::Worst => format!(" worst={value}"),
            Field::Limit => format!(" limit={value}"),
            Field::Count => format!(" count={value}"),
            Field::Since => format!(" since={}", seconds(*value as i64)),
        });
    }
    told
}

fn seconds(us: i64) -> String {
    format!("{}s", us as f64 / 1e6)
}
