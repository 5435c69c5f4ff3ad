//! Why an alarm was raised, told in plain words: what its rule looked at, each input, each limit and whose word it is, and
//! whether judging it again comes to the same. Must not know how it was judged again. Pure.

use super::report::local;
use super::spells::Spell;
use crate::store::happened::OnRecord;
use alerting::why::{LimitSource, Why};
use rules::reading::{Micros, SECOND_US};
use serde_json::{Value, json};
use std::fmt::Write;

/// Everything that is known of one alarm.
pub struct Explained<'a> {
    pub id: i64,
    pub record: &'a OnRecord,
    /// As it was judged again; `None` where the rule does not watch the object any more.
    pub why: Option<&'a Why>,
    /// What judging again says of this rule and object.
    pub spells: Vec<&'a Spell>,
    /// Where the rules were found.
    pub origin: &'a str,
    pub not_reproduced: Vec<String>,
}

impl Explained<'_> {
    /// Whether judging again raised it at the same microsecond.
    #[must_use]
    pub fn is_reproduced(&self) -> bool {
        self.spells.iter().any(|spell| spell.raised == self.record.raised_at)
    }

    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut say = |line: String| writeln!(text, "{line}").unwrap_or_default();
        let OnRecord { rule, name, severity, state, since, raised_at, .. } = self.record;
        let on = on(self.record);
        say(format!("告警 {}：{rule} {}，{}，{on}", self.id, name.zh, zh(severity)));
        say(format!("alarm {}: {rule} {}, {severity}, on {on}; now {state}", self.id, name.en));
        say(format!("the breach began {}, and was raised {}", exact(*since), exact(*raised_at)));
        say(format!("rules: {} ({})", short(&self.record.rule_set), self.origin));
        match self.why {
            Some(why) => tell(why, self.record, &mut say),
            None => say("the rule does not watch this object under the registry of that time".to_owned()),
        }
        if self.is_reproduced() {
            say("judged again from the readings on record: raised at the same microsecond".to_owned());
        } else {
            let other: Vec<String> = self.spells.iter().map(|spell| exact(spell.raised)).collect();
            say(match other.as_slice() {
                [] => "judged again from the readings on record: NOT raised".to_owned(),
                _ => format!("judged again from the readings on record: raised at another time: {}", other.join(", ")),
            });
        }
        say("could not be reproduced:".to_owned());
        self.not_reproduced.iter().for_each(|line| say(format!("  {line}")));
        text
    }

    #[must_use]
    pub fn json(&self) -> Value {
        let OnRecord { rule, severity, state, object, value, limit, since, raised_at, rule_set, .. } = self.record;
        let inputs = self.why.map(|why| {
            let number = |value: f64| if value.is_finite() { json!(value) } else { Value::Null };
            why.inputs.iter().map(|(name, value)| json!({ "name": name, "value": number(*value) })).collect::<Vec<_>>()
        });
        let limits = self.why.map(|why| {
            let said = why.limits.iter();
            said.map(|said| json!({ "limit": said.limit.name(), "value": said.value, "by": whose(said.source) }))
                .collect::<Vec<_>>()
        });
        json!({
            "alarm": self.id, "rule": rule, "severity": severity, "state": state, "enterprise": object.enterprise,
            "equipment": object.equipment, "point": object.point, "value": value, "limit": limit,
            "since": exact(*since), "raised_at": exact(*raised_at), "rule_set": rule_set,
            "when": self.why.map(|why| &why.when), "clear": self.why.and_then(|why| why.clear.as_ref()),
            "inputs": inputs, "limits": limits, "reproduced": self.is_reproduced(),
            "not_reproduced": self.not_reproduced,
        })
    }
}

fn tell(why: &Why, record: &OnRecord, say: &mut dyn FnMut(String)) {
    say(format!("when:  {}", one_line(&why.when)));
    if let Some(clear) = &why.clear {
        say(format!("clear: {}", one_line(clear)));
    }
    let mut terms = Vec::new();
    let mut term = |what: &str, us: i64| {
        if us > 0 {
            terms.push(format!("{what} {}", span(us)));
        }
    };
    term("for at least", why.delay_on_us);
    term("silent for longer than", why.absence_after_us.unwrap_or(0));
    term("over after", why.delay_off_us);
    term("means of", why.slot_us.unwrap_or(0));
    if why.count_on > 1 || why.count_off > 1 {
        terms.push(format!("{} in a row to raise it, {} to end it", why.count_on, why.count_off));
    }
    if !terms.is_empty() {
        say(format!("terms: {}", terms.join("; ")));
    }
    if let Some(woken) = &why.woken_by {
        say(format!("the last reading before it: {} = {} at {}", woken.point, woken.value, exact(woken.event)));
    }
    if let Some(value) = record.value {
        let limit = record.limit.map_or_else(String::new, |limit| format!(", limit {limit}"));
        say(format!("the alarm shows: value {value}{limit}"));
    }
    say("inputs at that moment:".to_owned());
    for (name, value) in &why.inputs {
        let shown = if value.is_nan() { "missing".to_owned() } else { value.to_string() };
        say(format!("  {name} = {shown}"));
    }
    for said in &why.limits {
        say(format!("  limit {} = {}, {}", said.limit.name(), said.value, whose(said.source)));
    }
}

fn whose(source: LimitSource) -> &'static str {
    match source {
        LimitSource::Ceiling => "the weakest that may stand: the point's own was weaker",
        LimitSource::People => "set by two people",
        LimitSource::Registry => "the point's own, by the registry",
        LimitSource::Rule => "the default of the rule",
    }
}

fn on(record: &OnRecord) -> String {
    let object = &record.object;
    let part = object.point.as_ref().or(object.equipment.as_ref());
    let enterprise = object.enterprise.as_deref().unwrap_or("-");
    part.map_or_else(|| enterprise.to_owned(), |part| format!("{enterprise}/{part}"))
}

fn zh(severity: &str) -> &str {
    match severity {
        "red" => "红",
        "orange" => "橙",
        "yellow" => "黄",
        "blue" => "蓝",
        other => other,
    }
}

/// Local time, to the microsecond.
fn exact(at: Micros) -> String {
    format!("{}.{:06}", local(at), at.0.rem_euclid(SECOND_US))
}

fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

fn one_line(condition: &str) -> String {
    condition.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn span(us: i64) -> String {
    let ms = us / 1_000;
    match ms {
        _ if ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        _ if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        _ if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        _ => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::alarm::Object;
    use alerting::why::{LimitSaid, WokenBy};
    use rules::reading::Severity;
    use rules::registry::{LimitName, Text};

    fn record() -> OnRecord {
        OnRecord {
            rule: "HC-02".to_owned(),
            name: Text { zh: "液位高高".to_owned(), en: "Level high-high".to_owned() },
            severity: "orange".to_owned(),
            state: "unacknowledged".to_owned(),
            object: Object {
                enterprise: Some("hc-001".to_owned()),
                equipment: Some("T-101".to_owned()),
                point: Some("T-101.level".to_owned()),
            },
            value: Some(91.0),
            limit: Some(90.0),
            since: Micros(1_793_491_200_000_000),
            raised_at: Micros(1_793_491_203_000_001),
            rule_set: "abcdefabcdefabcdef".to_owned(),
        }
    }

    fn why() -> Why {
        Why {
            when: "value >= hh\n    && true".to_owned(),
            clear: Some("value < hh - 2.0".to_owned()),
            inputs: vec![("value".to_owned(), 91.0), ("tag(\"x\")".to_owned(), f64::NAN)],
            limits: vec![LimitSaid { limit: LimitName::Hh, value: 90.0, source: LimitSource::People }],
            delay_on_us: 3 * SECOND_US,
            delay_off_us: 0,
            count_on: 1,
            count_off: 1,
            slot_us: None,
            absence_after_us: None,
            woken_by: Some(WokenBy { point: "T-101.level".to_owned(), event: record().since, value: 91.0 }),
        }
    }

    fn spell(raised: Micros) -> Spell {
        Spell {
            rule: "HC-02".to_owned(),
            object: record().object,
            raised,
            since: None,
            returned: None,
            severity: Severity::Orange,
            suppressed: false,
        }
    }

    #[test]
    fn it_is_told_in_plain_words() {
        let (record, why, same) = (record(), why(), spell(record().raised_at));
        let told = Explained {
            id: 7,
            record: &record,
            why: Some(&why),
            spells: vec![&same],
            origin: "first in force then",
            not_reproduced: vec!["this".to_owned()],
        };
        let expected = "告警 7：HC-02 液位高高，橙，hc-001/T-101.level\n\
            alarm 7: HC-02 Level high-high, orange, on hc-001/T-101.level; now unacknowledged\n\
            the breach began 2026-11-01 08:00:00.000000, and was raised 2026-11-01 08:00:03.000001\n\
            rules: abcdefabcdef (first in force then)\n\
            when:  value >= hh && true\n\
            clear: value < hh - 2.0\n\
            terms: for at least 3 s\n\
            the last reading before it: T-101.level = 91 at 2026-11-01 08:00:00.000000\n\
            the alarm shows: value 91, limit 90\n\
            inputs at that moment:\n  value = 91\n  tag(\"x\") = missing\n  limit hh = 90, set by two people\n\
            judged again from the readings on record: raised at the same microsecond\n\
            could not be reproduced:\n  this\n";
        assert_eq!(told.text(), expected);
        assert_eq!(told.json()["reproduced"], true);
        assert_eq!(told.json()["inputs"][1]["value"], Value::Null);
    }

    #[test]
    fn what_comes_out_otherwise_is_said() {
        let (record, other) = (record(), spell(record().since));
        let told =
            |spells| Explained { id: 7, record: &record, why: None, spells, origin: "-", not_reproduced: Vec::new() };
        assert!(told(vec![&other]).text().contains("raised at another time: 2026-11-01 08:00:00.000000"));
        assert!(told(Vec::new()).text().contains("NOT raised"));
        assert!(told(Vec::new()).text().contains("does not watch this object"));
    }

    #[test]
    fn spans_are_told_in_the_greatest_unit_that_is_whole() {
        for (us, said) in
            [(3_000_000, "3 s"), (600_001_000, "600001 ms"), (900_000_000, "15 min"), (86_400_000_000, "24 h")]
        {
            assert_eq!(span(us), said);
        }
    }
}
