//! The worked examples of the rule language's page load as they stand, each alone and all together. I/O: reads the page.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod seeds;

use rules::set::{RuleSet, Source, Vocabulary};

fn examples() -> Vec<String> {
    let page = include_str!("../../seeds/rules/README.md");
    let blocks = page.split("```toml\n").skip(1);
    blocks.map(|block| block.split_once("```").expect("a block ends").0.to_owned()).collect()
}

#[test]
fn every_example_loads() {
    let known = Vocabulary::of(&seeds::registry());
    let examples = examples();
    assert_eq!(examples.len(), 10);
    let load = |text: &str| {
        let source = Source { file: "README.md".to_owned(), text: text.to_owned() };
        RuleSet::load(&[source], &known)
    };
    for example in &examples {
        let loaded = load(example);
        assert!(loaded.is_ok(), "{example}\n{}", loaded.unwrap_err().first().unwrap());
    }
    assert_eq!(load(&examples.join("\n")).unwrap().rules().len(), 10);
}
