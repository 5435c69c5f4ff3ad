//! The two conditions of a rule, and what they may read given what the rule stands on. Must not know how a
//! condition is compiled. Pure.

use crate::absence::check_monotone;
use crate::check::{Fault, Gives};
use crate::condition::{Condition, compile};
use crate::fields::{Faults, Fields};
use crate::judge::Program;
use crate::over;
use crate::reading::Severity;
use crate::registry::Limits;
use crate::rule::{Column, Kind, Per};
use crate::set::Vocabulary;
use rhai::Engine;
use std::sync::Arc;

/// What the rest of the rule says, as far as it bears on its conditions.
pub(crate) struct Setting<'a> {
    pub engine: &'a Arc<Engine>,
    pub known: &'a Vocabulary,
    pub per: Per,
    pub limits: &'a Limits,
    pub severity_max: Severity,
}

#[derive(Debug)]
pub(crate) struct Conditions {
    pub kind: Kind,
    pub when: Program,
    pub clear: Option<Program>,
}

/// A condition and where it was written.
struct Written {
    key: &'static str,
    offset: usize,
    condition: Condition,
}

impl Written {
    fn reads(&self, column: &Column) -> bool {
        self.condition.program.columns().contains(column)
    }

    fn fault(&self, faults: &mut Faults, problem: impl std::fmt::Display, remedy: impl Into<String>) {
        faults.in_text(self.offset, None, format!("`{}`: {problem}", self.key), remedy);
    }
}

/// Reads `when` and `clear`; `None` if either is faulty, which has been noted then.
pub(crate) fn read(fields: &Fields, setting: &Setting, faults: &mut Faults) -> Option<Conditions> {
    let before = faults.list.len();
    if !fields.has("when") {
        fields.missing("when", "when = \"value >= hh\"", faults);
    }
    let when = written("when", fields, setting, faults);
    let clear = written("clear", fields, setting, faults);
    if let Some(clear) = &clear {
        check_clear(clear, faults);
    }
    for either in when.iter().chain(&clear) {
        check_columns(either, setting.per, faults);
    }
    if setting.per != Per::Point {
        // A condition that could not be read may have asked for them.
        let compares = when.as_ref().is_none_or(compares) || clear.as_ref().is_some_and(compares);
        refuse_limits(fields, compares, faults);
    }
    let when = when?;
    check_grades(&when, setting, faults);
    let kind = if when.reads(&Column::Age) { Kind::Absence } else { Kind::Reading };
    if kind == Kind::Absence {
        check_absence(&when, fields, setting, faults);
    }
    let conditions =
        Conditions { kind, when: when.condition.program, clear: clear.map(|clear| clear.condition.program) };
    (faults.list.len() == before).then_some(conditions)
}

fn written(key: &'static str, fields: &Fields, setting: &Setting, faults: &mut Faults) -> Option<Written> {
    let text = fields.str(key, faults)?;
    match compile(setting.engine, setting.known, text.value) {
        Ok(condition) => Some(Written { key, offset: text.offset, condition }),
        Err(list) => {
            for Fault { place, problem, remedy } in list {
                faults.in_text(text.offset, place, format!("`{key}`: {problem}"), remedy);
            }
            None
        }
    }
}

fn check_clear(clear: &Written, faults: &mut Faults) {
    if clear.condition.gives != Gives::Bool {
        clear.fault(faults, "gives a severity name", "give true or false: true when the breach is over");
    }
    if clear.reads(&Column::Age) {
        let remedy = "leave `clear` out: an absence alarm returns with the next reading";
        clear.fault(faults, "reads `age()`, which is 0 whenever a reading is judged", remedy);
    }
}

/// Equipment and enterprises have no value, limit or range of their own, and some inputs only they have.
fn check_columns(written: &Written, per: Per, faults: &mut Faults) {
    let is_absence = written.reads(&Column::Age);
    for column in written.condition.program.all_columns() {
        match column.inner() {
            Column::Tag(_) | Column::Held(_) => {}
            // What an absence condition may read is looked at apart.
            Column::Age | Column::Period if is_absence => {}
            Column::Fact(_) | Column::Past(_) | Column::Around(_) => {
                let found = match column.inner() {
                    Column::Fact(fact) => fact.is_of(per),
                    Column::Past(past) => past.is_of(per),
                    Column::Around(around) => around.is_of(per),
                    _ => Ok(()),
                };
                if let (Err(_), Per::Point) = (&found, per) {
                    let problem = format!("reads `{}`, but the rule stands on a point", column.name());
                    written.fault(faults, problem, "set `per` to \"equipment\"");
                } else if let Err(wanted) = found {
                    let problem = format!("reads `{}`, but the rule stands on more than {wanted}", column.name());
                    let remedy = if wanted == "equipment" { "\"equipment\" or \"point\"" } else { "\"point\"" };
                    written.fault(faults, problem, format!("set `per` to {remedy}"));
                }
            }
            _ if per == Per::Point => {}
            _ => {
                let problem = format!("reads `{}`, but the rule stands on more than a point", column.name());
                written.fault(faults, problem, "read other points by `tag(\"…\")`, or set `per = \"point\"`");
            }
        }
    }
}

/// Whether it compares the points of the object with limits.
fn compares(written: &Written) -> bool {
    written.condition.program.all_columns().any(|column| match column.inner() {
        Column::Past(past) => over::limit(past).is_some(),
        _ => false,
    })
}

/// Points have limits; wider objects only for those points that are compared with them.
fn refuse_limits(fields: &Fields, compares: bool, faults: &mut Faults) {
    let refused: &[&str] = if compares { &["limit"] } else { &["limit", "limits", "ceiling", "times"] };
    for key in refused {
        if let Some(value) = fields.get(key) {
            let problem = format!("`{key}` is given for a rule that stands on more than a point");
            faults.at(value.span().start, problem, "leave it out: points have limits, equipment has none");
        }
    }
}

fn check_grades(when: &Written, setting: &Setting, faults: &mut Faults) {
    let Gives::Severity(given) = &when.condition.gives else { return };
    for severity in given.iter().filter(|severity| **severity > setting.severity_max) {
        let problem = format!("gives \"{}\", above severity_max \"{}\"", severity.name(), setting.severity_max.name());
        when.fault(faults, problem, "raise `severity_max`, or give a lower severity");
    }
}

/// An absence rule is a deadline set by each reading: nothing else can take part in it.
fn check_absence(when: &Written, fields: &Fields, setting: &Setting, faults: &mut Faults) {
    let before = faults.list.len();
    if setting.per == Per::Enterprise {
        let remedy = "set `per = \"point\"` or `per = \"equipment\"`";
        when.fault(faults, "reads `age()` in a rule that stands on an enterprise", remedy);
    }
    for column in when.condition.program.columns() {
        if !matches!(column, Column::Age | Column::Period | Column::Limit(_) | Column::Fact(_)) {
            let problem = format!("reads `age()` together with `{}`", column.name());
            when.fault(faults, problem, "compare `age()` with `period`, limits, numbers and what the registry says");
        }
    }
    if when.condition.gives != Gives::Bool {
        when.fault(faults, "reads `age()` and gives a severity name", "write one rule for each severity");
    }
    for key in ["clear", "count_on", "count_off", "delay_on", "by_tag", "event", "slot"] {
        if let Some(value) = fields.get(key) {
            let problem = format!("`{key}` is given for an absence rule");
            let remedy =
                "leave it out: `age()` is the delay, and the next reading clears, at once or after `delay_off`";
            faults.at(value.span().start, problem, remedy);
        }
    }
    if faults.list.len() == before
        && let Err(reason) = check_monotone(&when.condition.program, setting.limits)
    {
        when.fault(faults, reason, "let it be false at age 0 and stay true once true, as in `age() > 3.0 * period`");
    }
}
