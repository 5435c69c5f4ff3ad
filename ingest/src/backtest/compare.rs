//! Two accounts of the same history, spell by spell: what is the same, new, gone, or moved. Must not know where the
//! accounts come from. Pure.

use super::spells::Spell;
use rules::reading::Micros;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Same,
    /// Only with the rules that are tried.
    New,
    /// Only with the rules that are compared with.
    Gone,
    /// Same rule and object, other raise or return time, severity or silence.
    Moved,
}

impl Fate {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fate::Same => "same",
            Fate::New => "new",
            Fate::Gone => "gone",
            Fate::Moved => "moved",
        }
    }
}

/// A spell of both accounts, or of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub fate: Fate,
    pub before: Option<Spell>,
    pub after: Option<Spell>,
}

impl Pair {
    /// The one that is there; of both the new one.
    #[must_use]
    pub fn spell(&self) -> Option<&Spell> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// The figures of one rule. Pairs of numbers are (before, after).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RuleFigures {
    pub rule: String,
    /// Alarms raised within the span.
    pub raised: [usize; 2],
    /// Minutes in breach within the span, over all objects.
    pub minutes: [f64; 2],
    pub same: usize,
    pub new: usize,
    pub gone: usize,
    pub moved: usize,
}

/// Pairs up two accounts, each sorted. By object and time, in the order of their rules.
#[must_use]
pub fn compare(before: &[Spell], after: &[Spell]) -> Vec<Pair> {
    type Key<'a> = (&'a str, &'a alerting::alarm::Object);
    let mut groups: BTreeMap<Key<'_>, [Vec<&Spell>; 2]> = BTreeMap::new();
    for (side, spells) in [before, after].into_iter().enumerate() {
        for spell in spells {
            let group = groups.entry((&spell.rule, &spell.object)).or_default();
            if let Some(own) = group.get_mut(side) {
                own.push(spell);
            }
        }
    }
    groups.into_values().flat_map(|[before, after]| of_object(&before, &after)).collect()
}

/// One rule on one object.
fn of_object(before: &[&Spell], after: &[&Spell]) -> Vec<Pair> {
    let known: BTreeSet<&Spell> = before.iter().copied().collect();
    let (same, mut only_after): (Vec<&Spell>, Vec<&Spell>) = after.iter().partition(|spell| known.contains(*spell));
    let same: BTreeSet<&Spell> = same.into_iter().collect();
    let mut pairs: Vec<Pair> = Vec::new();
    for spell in before {
        if same.contains(*spell) {
            let both = Some((*spell).clone());
            pairs.push(Pair { fate: Fate::Same, before: both.clone(), after: both });
            continue;
        }
        let moved = only_after.iter().position(|other| belong_together(spell, other)).map(|at| only_after.remove(at));
        let fate = if moved.is_some() { Fate::Moved } else { Fate::Gone };
        pairs.push(Pair { fate, before: Some((*spell).clone()), after: moved.cloned() });
    }
    pairs.extend(only_after.into_iter().map(|spell| Pair {
        fate: Fate::New,
        before: None,
        after: Some(spell.clone()),
    }));
    pairs.sort_by_key(|pair| pair.spell().map(|spell| spell.raised));
    pairs
}

/// They overlap, or are of the same breach.
fn belong_together(a: &Spell, b: &Spell) -> bool {
    let end = |spell: &Spell| spell.returned.unwrap_or(Micros::MAX);
    (a.raised < end(b) && b.raised < end(a)) || (a.since.is_some() && a.since == b.since)
}

/// The figures of every rule named in `rules` or in a pair, by name.
#[must_use]
pub fn figures(pairs: &[Pair], rules: &BTreeSet<String>, [from, to]: [Micros; 2]) -> Vec<RuleFigures> {
    let mut all: BTreeMap<&str, RuleFigures> = rules
        .iter()
        .map(|rule| (rule.as_str(), RuleFigures { rule: rule.clone(), ..RuleFigures::default() }))
        .collect();
    for pair in pairs {
        let Some(spell) = pair.spell() else { continue };
        let own = all
            .entry(&spell.rule)
            .or_insert_with(|| RuleFigures { rule: spell.rule.clone(), ..RuleFigures::default() });
        let count = match pair.fate {
            Fate::Same => &mut own.same,
            Fate::New => &mut own.new,
            Fate::Gone => &mut own.gone,
            Fate::Moved => &mut own.moved,
        };
        *count = count.saturating_add(1);
        let sides = [&pair.before, &pair.after].into_iter().zip(own.raised.iter_mut().zip(&mut own.minutes));
        for (spell, (raised, minutes)) in sides {
            let Some(spell) = spell else { continue };
            *raised = raised.saturating_add(usize::from(spell.raised >= from));
            *minutes += minutes_of(spell, [from, to]);
        }
    }
    all.into_values().collect()
}

fn minutes_of(spell: &Spell, [from, to]: [Micros; 2]) -> f64 {
    let (begin, end) = (spell.raised.max(from), spell.returned.unwrap_or(to).min(to));
    end.since(begin).max(0) as f64 / 60e6
}

/// What of a spell is other in the other account, in words.
#[must_use]
pub fn what_moved(before: &Spell, after: &Spell) -> Vec<&'static str> {
    let Spell { raised, returned, severity, suppressed, .. } = before;
    let parts: [(&'static str, bool); 4] = [
        ("raised", *raised != after.raised),
        ("returned", *returned != after.returned),
        ("severity", *severity != after.severity),
        ("suppressed", *suppressed != after.suppressed),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::alarm::Object;
    use rules::reading::Severity;

    /// (point, raised, returned).
    fn spell(point: &str, raised: i64, returned: Option<i64>) -> Spell {
        Spell {
            rule: "R".to_owned(),
            object: Object { point: Some(point.to_owned()), ..Object::default() },
            raised: Micros(raised * 60_000_000),
            since: Some(Micros(raised * 60_000_000 - 1)),
            returned: returned.map(|at| Micros(at * 60_000_000)),
            severity: Severity::Yellow,
            suppressed: false,
        }
    }

    fn told(before: &[Spell], after: &[Spell]) -> Vec<&'static str> {
        compare(before, after).iter().map(|pair| pair.fate.name()).collect()
    }

    #[test]
    fn spells_are_paired_by_object_and_time() {
        let s = spell;
        type Case<'a> = (&'a str, Vec<Spell>, Vec<Spell>, &'a [&'a str]);
        let cases: [Case<'_>; 9] = [
            ("equal", vec![s("a", 1, Some(2))], vec![s("a", 1, Some(2))], &["same"]),
            ("another object", vec![s("a", 1, Some(2))], vec![s("b", 1, Some(2))], &["gone", "new"]),
            ("another time", vec![s("a", 1, Some(2))], vec![s("a", 5, Some(6))], &["gone", "new"]),
            ("sooner", vec![s("a", 3, Some(9))], vec![s("a", 1, Some(9))], &["moved"]),
            ("ends later", vec![s("a", 3, Some(9))], vec![s("a", 3, None)], &["moved"]),
            (
                "two become one",
                vec![s("a", 1, Some(2)), s("a", 4, Some(5))],
                vec![s("a", 1, Some(5))],
                &["moved", "gone"],
            ),
            (
                "one becomes two",
                vec![s("a", 1, Some(5))],
                vec![s("a", 1, Some(2)), s("a", 4, Some(5))],
                &["moved", "new"],
            ),
            (
                "between equal ones",
                vec![s("a", 1, Some(2)), s("a", 7, None)],
                vec![s("a", 1, Some(2)), s("a", 4, Some(5)), s("a", 7, None)],
                &["same", "new", "same"],
            ),
            (
                "of the same breach",
                vec![s("a", 1, Some(2))],
                vec![Spell { since: s("a", 1, None).since, ..s("a", 3, Some(4)) }],
                &["moved"],
            ),
        ];
        for (what, before, after, expected) in cases {
            assert_eq!(told(&before, &after), expected, "{what}");
        }
    }

    #[test]
    fn severity_and_silence_move_a_spell_too() {
        let before = spell("a", 1, Some(2));
        let after = Spell { severity: Severity::Red, suppressed: true, ..before.clone() };
        assert_eq!(told(std::slice::from_ref(&before), std::slice::from_ref(&after)), ["moved"]);
        assert_eq!(what_moved(&before, &after), ["severity", "suppressed"]);
        assert_eq!(what_moved(&before, &spell("a", 3, None)), ["raised", "returned"]);
    }

    #[test]
    fn figures_count_within_the_span_and_name_every_rule() {
        let before = [spell("a", 1, Some(12)), spell("a", 14, Some(15))];
        let after = [spell("a", 1, Some(12)), spell("b", 16, None)];
        let rules = ["Q".to_owned(), "R".to_owned()].into();
        let span = [Micros(10 * 60_000_000), Micros(20 * 60_000_000)];
        let figures = figures(&compare(&before, &after), &rules, span);
        assert_eq!(figures[0], RuleFigures { rule: "Q".to_owned(), ..RuleFigures::default() });
        let rule = &figures[1];
        assert_eq!(
            (rule.raised, rule.minutes),
            ([1, 1], [3.0, 6.0]),
            "what stood at the beginning was not raised in it"
        );
        assert_eq!((rule.same, rule.new, rule.gone, rule.moved), (1, 1, 1, 0));
    }
}
