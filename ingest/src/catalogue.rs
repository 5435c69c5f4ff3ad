//! Which of the rules that the district wants are there: in the packs as rhai, in the fold as native ones, or missing, and why.
//! Must not know where packs and objects come from. Pure.

use crate::seeds::catalogue::Listed;
use alerting::system::NATIVE_RULES;
use rules::reading::Severity;
use rules::registry::Text;
use rules::rule::Rule;
use serde::Serialize;

/// How a rule is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Rhai,
    Native,
    Missing,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    pub id: String,
    /// `None` watches every sector.
    pub sector: Option<String>,
    pub name: Text,
    pub kind: Kind,
    /// The list of wanted rules has it.
    pub wanted: bool,
    pub severity: Option<Severity>,
    pub severity_max: Option<Severity>,
    /// On so many objects; only of those in packs.
    pub watches: Option<usize>,
    /// What a missing one waits for.
    pub lacks: Option<Text>,
}

/// The catalogue in the order of the list, with the rules of packs that are not on it behind. `packs` are rules, each with
/// the number of objects that it watches.
#[must_use]
pub fn catalogue(listed: &[Listed], packs: &[(&Rule, usize)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = listed
        .iter()
        .map(|one| match packs.iter().find(|(rule, _)| rule.id == one.id) {
            Some((rule, watches)) => of_pack(rule, *watches, true),
            None => of_list(one),
        })
        .collect();
    let is_unlisted = |rule: &Rule| !listed.iter().any(|one| one.id == rule.id);
    let unlisted = packs.iter().filter(|(rule, _)| is_unlisted(rule));
    entries.extend(unlisted.map(|(rule, watches)| of_pack(rule, *watches, false)));
    entries
}

fn of_pack(rule: &Rule, watches: usize, wanted: bool) -> Entry {
    Entry {
        id: rule.id.clone(),
        sector: rule.sector.clone(),
        name: rule.name.clone(),
        kind: Kind::Rhai,
        wanted,
        severity: Some(rule.severity),
        severity_max: Some(rule.severity_max),
        watches: Some(watches),
        lacks: None,
    }
}

fn of_list(listed: &Listed) -> Entry {
    let is_there = listed.native && NATIVE_RULES.contains(&listed.id.as_str());
    let nobody = || Text { zh: "规则包中没有这条规则".to_owned(), en: "no pack has it".to_owned() };
    Entry {
        id: listed.id.clone(),
        sector: Some(listed.sector.clone()),
        name: listed.name.clone(),
        kind: if is_there { Kind::Native } else { Kind::Missing },
        wanted: true,
        severity: None,
        severity_max: None,
        watches: None,
        lacks: (!is_there).then(|| listed.lacks.clone().unwrap_or_else(nobody)),
    }
}

/// So many of each kind, in one line.
#[must_use]
pub fn totals(entries: &[Entry]) -> String {
    let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
    let [rhai, native, missing] = [Kind::Rhai, Kind::Native, Kind::Missing].map(count);
    format!("{} rules: {rhai} rhai, {native} native, {missing} missing", entries.len())
}

/// The catalogue as a table for a document.
#[must_use]
pub fn markdown(entries: &[Entry]) -> String {
    let mut text = "| Rule | Sector | Name | 名称 | Severity | Kind |\n|---|---|---|---|---|---|\n".to_owned();
    for entry in entries {
        let severity = match (entry.severity, entry.severity_max) {
            (Some(least), Some(most)) if least == most => least.name().to_owned(),
            (Some(least), Some(most)) => format!("{} to {}", least.name(), most.name()),
            _ => "-".to_owned(),
        };
        let kind = match (&entry.kind, &entry.lacks) {
            (Kind::Rhai, _) => "rhai".to_owned(),
            (Kind::Native, _) => "native".to_owned(),
            (Kind::Missing, lacks) => format!("missing: {}", lacks.as_ref().map_or("", |lacks| &lacks.en)),
        };
        let sector = entry.sector.as_deref().unwrap_or("all");
        text += &format!("| {} | {sector} | {} | {} | {severity} | {kind} |\n", entry.id, entry.name.en, entry.name.zh);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;
    use rules::set::{RuleSet, Vocabulary};
    use std::path::Path;

    fn seeded() -> Vec<Entry> {
        let dir = Path::new("../seeds");
        let registry = seeds::load(dir).unwrap();
        let packs = RuleSet::load(&seeds::rules(&dir.join("rules")).unwrap(), &Vocabulary::of(&registry)).unwrap();
        let rules: Vec<(&Rule, usize)> = packs.rules().iter().map(|rule| (rule, 0)).collect();
        catalogue(&seeds::catalogue(dir).unwrap(), &rules)
    }

    #[test]
    fn the_seeds_have_every_rule_of_the_field() {
        let entries = seeded();
        assert_eq!(entries.len(), 85);
        assert!(entries.iter().all(|entry| entry.wanted));
        let of = |kind| {
            let of_kind = entries.iter().filter(move |entry| entry.kind == kind);
            of_kind.map(|entry| entry.id.as_str())
        };
        assert_eq!(of(Kind::Rhai).count(), 77);
        assert_eq!(of(Kind::Native).collect::<Vec<_>>(), NATIVE_RULES);
        assert!(of(Kind::Missing).all(|id| id.starts_with("SY-")));
    }

    #[test]
    fn the_table_of_the_readme_is_that_of_the_packs() {
        let readme = std::fs::read_to_string("../seeds/rules/README.md").unwrap();
        let (_, rest) = readme.split_once("<!-- catalogue -->\n").expect("the table has its mark");
        let (table, _) = rest.split_once("<!-- end of catalogue -->").expect("the table ends");
        assert_eq!(
            table,
            markdown(&seeded()),
            "run `davy rules check --markdown` and put what it says between the marks"
        );
    }

    #[test]
    fn a_rule_that_nobody_has_listed_is_listed_behind() {
        let listed = |id: &str, native| Listed {
            id: id.to_owned(),
            sector: "dust".to_owned(),
            name: Text::default(),
            native,
            lacks: None,
        };
        let entries = catalogue(&[listed("DU-99", false), listed("SY-02", true)], &[]);
        assert_eq!(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [Kind::Missing, Kind::Native]);
        assert_eq!(totals(&entries), "2 rules: 0 rhai, 1 native, 1 missing");
        assert_eq!(entries.first().and_then(|entry| entry.lacks.clone()).unwrap().en, "no pack has it");
    }
}
