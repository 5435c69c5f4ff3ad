//! `davy rules check`: the packs of a directory, loaded, or everything that is wrong with them. Must not know what a
//! case is. I/O.

use super::PackArgs;
use crate::seeds;
use rules::registry::Registry;
use rules::set::{RuleSet, Vocabulary};
use std::path::PathBuf;
use std::sync::Arc;

/// What was loaded, for the commands that go on from there.
pub(super) struct Checked {
    pub dir: PathBuf,
    pub rules: Arc<RuleSet>,
    pub registry: Registry,
}

/// Loads and lists the rules; nothing if the input is wrong, which has then been said.
pub(super) fn run(args: &PackArgs) -> anyhow::Result<Option<Checked>> {
    let config = args.config.load()?;
    let dir = args.dir.clone().unwrap_or_else(|| config.district.rules.clone());
    let registry = match seeds::load(&config.district.seeds) {
        Ok(registry) => registry,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(None);
        }
    };
    let sources = match seeds::rules(&dir) {
        Ok(sources) => sources,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(None);
        }
    };
    let rules = match RuleSet::load(&sources, &Vocabulary::of(&registry)) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => {
            for error in &errors {
                let text = sources.iter().find(|source| source.file == error.file).map_or("", |source| &source.text);
                eprintln!("{}\n", error.pointed(text));
            }
            eprintln!("{} errors in {}", errors.len(), dir.display());
            return Ok(None);
        }
    };
    for rule in rules.rules() {
        println!("{:<8} {:<7} {}  {}", rule.id, rule.severity.name(), rule.name.zh, rule.name.en);
    }
    println!("{} rules in {} packs", rules.rules().len(), sources.len());
    Ok(Some(Checked { dir, rules, registry }))
}
