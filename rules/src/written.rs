//! A rule as its pack writes it, key by key and in one spelling: what tells a changed rule from one that only stands
//! elsewhere, or is laid out in another way. Must not know what a key means. Pure.

use crate::fields::Fields;
use crate::rule::Rule;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

/// Keys that only people read: a rule that differs in nothing else judges as before.
const FOR_PEOPLE: [&str; 3] = ["name", "action", "basis"];

/// The keys of one rule with their values in canonical TOML.
pub type Written = BTreeMap<String, String>;

pub(crate) fn written(fields: &Fields) -> Written {
    let value = |key: &str| fields.get(key).map_or_else(String::new, |value| spelt(value.get_ref()));
    fields.keys().map(|key| (key.value.to_owned(), value(key.value))).collect()
}

fn spelt(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(whole) => number(whole.as_str()),
        DeValue::Float(float) => number(float.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| spelt(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let sorted: BTreeMap<&str, String> =
                table.iter().map(|(key, value)| (key.get_ref().as_ref(), spelt(value.get_ref()))).collect();
            let entries: Vec<String> = sorted.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// `50` and `50.0` are one number.
fn number(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
}

impl Rule {
    /// Whether it says of every reading, at every time, what `other` says.
    #[must_use]
    pub fn judges_like(&self, other: &Rule) -> bool {
        let judging = |rule: &Rule| -> BTreeMap<String, String> {
            let keys = rule.written.iter().filter(|(key, _)| !FOR_PEOPLE.contains(&key.as_str()));
            keys.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        judging(self) == judging(other)
    }
}

/// The ids of rules that both sets have and that judge in another way in `after`.
#[must_use]
pub fn changed(before: &[Rule], after: &[Rule]) -> BTreeSet<String> {
    let old: BTreeMap<&str, &Rule> = before.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let is_changed = |rule: &&Rule| old.get(rule.id.as_str()).is_some_and(|old| !old.judges_like(rule));
    after.iter().filter(is_changed).map(|rule| rule.id.clone()).collect()
}

/// What differs between two rule sets, by rule id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Each with its fields that differ.
    pub changed: Vec<(String, Vec<Field>)>,
}

/// One field of a rule, as it was and as it is; `None` where it is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub key: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Differences {
    #[must_use]
    pub fn between(before: &[Rule], after: &[Rule]) -> Differences {
        let by_id = |rules: &'_ [Rule]| -> BTreeMap<String, Written> {
            rules.iter().map(|rule| (rule.id.clone(), rule.written.clone())).collect()
        };
        let (old, new) = (by_id(before), by_id(after));
        let without = |these: &BTreeMap<String, Written>, those: &BTreeMap<String, Written>| {
            these.keys().filter(|id| !those.contains_key(*id)).cloned().collect()
        };
        let changed = new.iter().filter_map(|(id, after)| Some((id.clone(), fields_that_differ(old.get(id)?, after))));
        Differences {
            added: without(&new, &old),
            removed: without(&old, &new),
            changed: changed.filter(|(_, fields)| !fields.is_empty()).collect(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn fields_that_differ(before: &Written, after: &Written) -> Vec<Field> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let field =
        |key: &String| Field { key: key.clone(), before: before.get(key).cloned(), after: after.get(key).cloned() };
    keys.into_iter().map(field).filter(|field| field.before != field.after).collect()
}

#[cfg(test)]
mod tests {
    use super::{Differences, Field, changed};
    use crate::set::{RuleSet, Source, Vocabulary};

    fn rules(text: &str) -> RuleSet {
        let mut known = Vocabulary::default();
        known.tag_types.insert("gas.lel".to_owned(), "%LEL".to_owned());
        RuleSet::load(&[Source { file: "t.toml".to_owned(), text: text.to_owned() }], &known).unwrap()
    }

    const PLAIN: &str = "[[rule]]\nid = \"A-1\"\nname = { zh = \"试\", en = \"Trial\" }\non = [\"gas.lel\"]\n\
                         when = \"value >= h\"\nlimits = { h = 50 }\ndelay_on = \"2s\"\nseverity = \"orange\"\n\
                         action = { zh = \"查\", en = \"Look\" }\n";

    #[test]
    fn a_rule_is_changed_by_what_it_says_and_by_nothing_else() {
        let same = [
            PLAIN.to_owned(),
            format!("# a remark\n\n{PLAIN}"),
            PLAIN.replace("h = 50 ", "h   = 50.0"),
            PLAIN.replace("Trial", "Another name").replace("Look", "Look twice"),
            format!("{PLAIN}basis = [\"GB 1\"]\n"),
            PLAIN.replace("delay_on = \"2s\"\nseverity = \"orange\"", "severity = \"orange\"\ndelay_on = \"2s\""),
        ];
        for text in same {
            assert!(changed(rules(PLAIN).rules(), rules(&text).rules()).is_empty(), "{text}");
        }
        let other = [
            PLAIN.replace("h = 50 ", "h = 51"),
            PLAIN.replace("value >= h", "value > h"),
            PLAIN.replace("2s", "3s"),
            format!("{PLAIN}latch = true\n"),
            PLAIN.replace("orange", "red"),
        ];
        for text in other {
            assert_eq!(changed(rules(PLAIN).rules(), rules(&text).rules()).len(), 1, "{text}");
        }
        assert!(changed(rules(PLAIN).rules(), rules("").rules()).is_empty(), "gone is not changed");
        assert!(changed(rules("").rules(), rules(PLAIN).rules()).is_empty(), "neither is new");
    }

    #[test]
    fn differences_are_told_field_by_field() {
        let (one, other) =
            (rules(PLAIN), rules(&PLAIN.replace("50 ", "51").replace("delay_on = \"2s\"\n", "latch = true\n")));
        let found = Differences::between(one.rules(), other.rules());
        let field = |key: &str, before: Option<&str>, after: Option<&str>| Field {
            key: key.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let fields = vec![
            field("delay_on", Some("\"2s\""), None),
            field("latch", None, Some("true")),
            field("limits", Some("{ h = 50 }"), Some("{ h = 51 }")),
        ];
        assert_eq!(found.changed, [("A-1".to_owned(), fields)]);
        assert!(found.added.is_empty() && found.removed.is_empty() && !found.is_empty());
        let gone = Differences::between(one.rules(), rules("").rules());
        assert_eq!((gone.removed.as_slice(), gone.added.len()), (&["A-1".to_owned()][..], 0));
        assert!(Differences::between(one.rules(), one.rules()).is_empty());
    }
}
