//! `davy rules check`: the packs of a directory, loaded, or everything that is wrong with them. Must not know what a
//! case is. I/O.

use super::PackArgs;
use crate::seeds;
use rules::bind::bind;
use rules::reading::PointId;
use rules::registry::Registry;
use rules::set::{RuleSet, Vocabulary};
use rules::view::View;
use std::cell::Cell;
use std::collections::BTreeMap;
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
    list(&rules, &registry);
    println!("{} rules in {} packs", rules.rules().len(), sources.len());
    Ok(Some(Checked { dir, rules, registry }))
}

/// Every rule with what it would watch if this rule set and this registry came into force, and what it would not.
fn list(rules: &RuleSet, registry: &Registry) {
    let next = Cell::new(0_u32);
    let number = |_: &str, _: &str| Some(PointId(next.replace(next.get().saturating_add(1))));
    let view = View::new(Arc::new(registry.clone()), String::new(), &number);
    let binding = bind(rules, &view);
    for (at, rule) in rules.rules().iter().enumerate() {
        let instances = binding.instances.iter().filter(|instance| instance.rule == at).count();
        let (least, most) = (rule.severity.name(), rule.severity_max.name());
        let severity = if least == most { least.to_owned() } else { format!("{least}-{most}") };
        let sector = rule.sector.as_deref().unwrap_or("*");
        println!("{:<8} {sector:<11} {severity:<13} {instances:>5}  {}  {}", rule.id, rule.name.zh, rule.name.en);
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for skipped in binding.skipped.iter().filter(|skipped| skipped.rule == rule.id) {
            let count = reasons.entry(skipped.reason.as_str()).or_default();
            *count = count.saturating_add(1);
        }
        for (reason, count) in reasons {
            println!("{:<8} does not watch {count}: {reason}", "");
        }
    }
}
