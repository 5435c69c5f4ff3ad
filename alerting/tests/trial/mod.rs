//! One rule against its cases, in the sectors and tag types of the small district. Pure.

use crate::district::text;
use alerting::cases::run;
use rules::registry::{Registry, Sector};
use rules::set::{RuleSet, Source, Vocabulary};
use std::sync::Arc;

/// Tag types of the small district, in three sectors.
fn registry() -> Registry {
    let mut registry = crate::district::registry();
    let sector = |id: &str| Sector { id: id.to_owned(), name: text(id) };
    registry.sectors = ["hazchem", "dust", "electricity"].map(sector).into();
    registry
}

/// A rule of the given lines, and what does not go as its cases say.
fn failures(lines: &str, cases: &str) -> Vec<String> {
    let head =
        "[[rule]]\nid = \"W-1\"\nname = { zh = \"试\", en = \"Trial\" }\naction = { zh = \"查\", en = \"Look\" }\n";
    let source = Source { file: "t.toml".to_owned(), text: format!("{head}{lines}\n") };
    let rules = RuleSet::load(&[source], &Vocabulary::of(&registry()));
    let rules = Arc::new(rules.unwrap_or_else(|errors| panic!("{lines}: {errors:?}")));
    let results = run("w.cases", &format!("rule W-1\n{cases}"), &rules, &registry());
    results.into_iter().filter_map(Result::err).map(|failure| failure.to_string()).collect()
}

/// Every case must do as it says.
pub fn hold(lines: &str, cases: &str) {
    let failed = failures(lines, cases);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
