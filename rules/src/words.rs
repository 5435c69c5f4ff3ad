//! The words of a rule that say when its alarm gets worse, what silences it, what it leads to, and what wakes it.
//! Must not know conditions. Pure.

use crate::conditions::Conditions;
use crate::fields::{At, Faults, Fields};
use crate::near::did_you_mean;
use crate::reading::{SECOND_US, Severity};
use crate::rule::{Column, Lead, Only, Per, Rise, Suppress, TagOverride, Times};
use std::collections::BTreeMap;

/// Slots are aligned to the local day: each has the same ones.
const DAY_US: i64 = 86_400 * SECOND_US;
/// A ground in law is a short reference.
const GROUND_MAX: usize = 60;

#[derive(Debug, Default)]
pub(crate) struct Words {
    pub only: Only,
    pub times: Option<Times>,
    pub rise: Option<Rise>,
    pub event: bool,
    pub latch: bool,
    pub slot_us: Option<i64>,
    pub suppress: Vec<Suppress>,
    pub lead: Option<Lead>,
}

/// Reads them; `severity` and `severity_max` are those of the rule.
pub(crate) fn read(fields: &Fields, severities: (Severity, Severity), faults: &mut Faults) -> Words {
    Words {
        only: only(fields, faults),
        times: times(fields, faults),
        rise: rise(fields, severities, faults),
        event: fields.flag("event", faults),
        latch: fields.flag("latch", faults),
        slot_us: slot(fields, faults),
        suppress: suppress(fields, faults),
        lead: lead(fields, faults),
    }
}

/// One of the words a key may have; `what` names them in the remedy.
fn word<T: Copy>(key: &str, given: &At<&str>, known: &[(&str, T)], faults: &mut Faults) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == given.value);
    if found.is_none() {
        let near = did_you_mean(given.value, known.iter().map(|(name, _)| *name));
        let names: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let problem = format!("`{key}` names an unknown \"{}\"{near}", given.value);
        faults.at(given.offset, problem, format!("use {}", names.join(" or ")));
    }
    found.map(|(_, value)| *value)
}

/// A text, or a list of texts.
fn one_or_many<'t>(key: &str, fields: &Fields<'t>, faults: &mut Faults) -> Vec<At<&'t str>> {
    let Some(value) = fields.get(key) else { return Vec::new() };
    if value.get_ref().as_str().is_some() {
        return fields.str(key, faults).into_iter().collect();
    }
    let list = fields.strs(key, faults).map(|list| list.value);
    if list.as_ref().is_some_and(Vec::is_empty) {
        faults.at(value.span().start, format!("`{key}` is empty"), "name something, or leave it out");
    }
    list.unwrap_or_default()
}

fn suppress(fields: &Fields, faults: &mut Faults) -> Vec<Suppress> {
    let known = [("equipment.maintenance", Suppress::Maintenance), ("point.calibration", Suppress::Calibration)];
    let mut list = Vec::new();
    for given in one_or_many("suppress", fields, faults) {
        let Some(word) = word("suppress", &given, &known, faults) else { continue };
        if list.contains(&word) {
            faults.at(given.offset, format!("`suppress` names \"{}\" twice", given.value), "name it once");
        } else {
            list.push(word);
        }
    }
    list
}

fn only(fields: &Fields, faults: &mut Faults) -> Only {
    let mut only = Only::default();
    for given in one_or_many("only", fields, faults) {
        match word("only", &given, &[("required", true), ("hazard_source", false)], faults) {
            Some(true) => only.required = true,
            Some(false) => only.hazard_source = true,
            None => {}
        }
    }
    only
}

fn times(fields: &Fields, faults: &mut Faults) -> Option<Times> {
    let given = fields.str("times", faults)?;
    let times = word(
        "times",
        &given,
        &[("oel", Times::Oel), ("rated_kw", Times::RatedKw), ("rated_a", Times::RatedA), ("mec", Times::Mec)],
        faults,
    );
    if !fields.has("limits") {
        let remedy = "add what is to be multiplied, such as `limits = { hh = 2.0 }`";
        faults.at(given.offset, "`times` is given without `limits`", remedy);
    }
    times
}

fn rise(fields: &Fields, (severity, severity_max): (Severity, Severity), faults: &mut Faults) -> Option<Rise> {
    let inner = fields.table("rise", faults)?;
    inner.refuse_unknown(&["after", "severity"], faults);
    for (key, example) in [("after", "after = \"20m\""), ("severity", "severity = \"orange\"")] {
        if !inner.has(key) {
            inner.missing(&format!("rise.{key}"), example, faults);
        }
    }
    let after_us = inner.span_us("after", faults);
    if after_us == Some(0) {
        faults.at(inner.start, "`rise.after` is no time at all", "give the rule this `severity` at once");
    }
    let given = inner.str("severity", faults)?;
    let known = Severity::ALL.map(|severity| (severity.name(), severity));
    let risen = word("rise.severity", &given, &known, faults)?;
    if risen <= severity {
        let problem = format!("`rise` to {} is none from `severity` {}", risen.name(), severity.name());
        faults.at(given.offset, problem, "name a greater severity, or lower `severity`");
    }
    if risen > severity_max {
        let problem = format!("`rise` to {} lies above `severity_max` {}", risen.name(), severity_max.name());
        faults.at(given.offset, problem, "raise `severity_max`, or let it rise less");
    }
    Some(Rise { after_us: after_us?, severity: risen })
}

fn slot(fields: &Fields, faults: &mut Faults) -> Option<i64> {
    let slot_us = fields.span_us("slot", faults)?;
    if slot_us > 0 && DAY_US.checked_rem(slot_us) == Some(0) {
        return Some(slot_us);
    }
    let at = fields.get("slot").map_or(fields.start, |value| value.span().start);
    faults.at(at, "`slot` does not divide the day", "use a slot such as \"15m\", \"1h\" or \"24h\"");
    None
}

fn lead(fields: &Fields, faults: &mut Faults) -> Option<Lead> {
    let inner = fields.table("lead", faults)?;
    inner.refuse_unknown(&["after", "ground", "title"], faults);
    for (key, example) in [("after", "after = \"24h\""), ("ground", "ground = \"121-12\"")] {
        if !inner.has(key) {
            inner.missing(&format!("lead.{key}"), example, faults);
        }
    }
    let after_us = inner.span_us("after", faults);
    let title = inner.text("title", faults);
    let ground = inner.str("ground", faults)?;
    if ground.value.trim().is_empty() || ground.value.len() > GROUND_MAX {
        let problem = format!("`lead.ground` is empty or longer than {GROUND_MAX} bytes");
        faults.at(ground.offset, problem, "name order, article and item, as in \"121-12\"");
    }
    Some(Lead { after_us: after_us?, ground: ground.value.to_owned(), title })
}

/// An event is over by itself: nothing may be asked of how long it lasts, and when it is over must be said.
pub(crate) fn check_event(
    fields: &Fields,
    (delay_on_us, delay_off_us): (i64, i64),
    by_tag: &BTreeMap<String, TagOverride>,
    faults: &mut Faults,
) {
    let at = |key: &str| fields.get(key).map_or(fields.start, |value| value.span().start);
    let needless = |faults: &mut Faults, key: &str| {
        faults.at(at(key), format!("`{key}` is given for an event"), "leave it out: an event is over by itself");
    };
    if delay_on_us > 0 {
        needless(faults, "delay_on");
    }
    for key in ["count_on", "count_off", "clear"] {
        if fields.has(key) {
            needless(faults, key);
        }
    }
    let over = "add `delay_off = \"10m\"`: so long after the last event the alarm returns";
    if delay_off_us == 0 {
        faults.at(at("event"), "`event` is given without `delay_off`", over);
    }
    if by_tag.values().any(|tag| tag.delay_on_us.is_some_and(|us| us > 0) || tag.delay_off_us == Some(0)) {
        faults.at(at("by_tag"), "`by_tag` gives an event a `delay_on`, or takes its `delay_off`", over);
    }
}

/// What is usual is so of a slot of a certain length, and the mean of that slot is what the rule sees.
pub(crate) fn check_usual(fields: &Fields, words: &Words, conditions: &Conditions, faults: &mut Faults) {
    let either = conditions.when.columns().iter().chain(conditions.clear.iter().flat_map(|clear| clear.columns()));
    let pasts = either.filter_map(|column| match column.inner() {
        Column::Past(past) => Some((past, past.what.slot_s()?)),
        _ => None,
    });
    for (past, slot_s) in pasts {
        if words.slot_us != Some(slot_s.saturating_mul(SECOND_US)) {
            let at = fields.get("slot").map_or(fields.start, |value| value.span().start);
            let (of, slot) = if slot_s < 86_400 { ("quarters of an hour", "15m") } else { ("whole days", "24h") };
            let problem = format!("reads `{}`, which is of {of}", past.name());
            faults.at(at, problem, format!("set `slot = \"{slot}\"`"));
        }
    }
}

/// A mean is of one point, and of good readings only.
pub(crate) fn check_slot(fields: &Fields, words: &Words, (per, conditions): (Per, &Conditions), faults: &mut Faults) {
    if words.slot_us.is_none() {
        return;
    }
    let at = fields.get("slot").map_or(fields.start, |value| value.span().start);
    if per != Per::Point {
        faults.at(at, "`slot` is given for a rule that stands on more than a point", "set `per = \"point\"`");
    }
    let either = conditions.when.all_columns().chain(conditions.clear.iter().flat_map(|clear| clear.all_columns()));
    if either.into_iter().any(|column| *column == Column::Bad) {
        let remedy = "judge bad readings by a rule without `slot`";
        faults.at(at, "`slot` is given for a rule that reads `bad`, but means are of good readings", remedy);
    }
}
