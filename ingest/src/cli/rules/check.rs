//! `davy rules check`: the packs of a directory, loaded, or everything that is wrong with them; and which of the rules that
//! the district wants are there. Must not know what a case is. I/O.

use super::PackArgs;
use crate::catalogue::{Entry, Kind, catalogue, markdown, totals};
use crate::cli::bad_input;
use crate::seeds;
use clap::Args;
use rules::bind::{Binding, bind};
use rules::reading::PointId;
use rules::registry::Registry;
use rules::rule::Rule;
use rules::set::{RuleSet, Vocabulary};
use rules::view::View;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    packs: PackArgs,
    /// Machine-readable.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a table for a document.
    #[arg(long)]
    markdown: bool,
}

/// What was loaded, for the commands that go on from there.
pub(super) struct Checked {
    pub dir: PathBuf,
    pub rules: Arc<RuleSet>,
    pub registry: Registry,
    seeds: PathBuf,
    packs: usize,
}

/// Loads and lists the rules.
pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let Some(checked) = load(&args.packs)? else { return Ok(bad_input()) };
    let listed = match seeds::catalogue(&checked.seeds) {
        Ok(listed) => listed,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    let binding = bound(&checked);
    let watches = |at: usize| binding.instances.iter().filter(|instance| instance.rule == at).count();
    let rules: Vec<(&Rule, usize)> =
        checked.rules.rules().iter().enumerate().map(|(at, rule)| (rule, watches(at))).collect();
    let entries = catalogue(&listed, &rules);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&entries)?);
    } else if args.markdown {
        print!("{}", markdown(&entries));
    } else {
        for entry in &entries {
            tell(entry, &binding);
        }
        println!("{}; {} packs", totals(&entries), checked.packs);
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads the rules; nothing if the input is wrong, which has then been said.
pub(super) fn load(args: &PackArgs) -> anyhow::Result<Option<Checked>> {
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
    Ok(Some(Checked { dir, rules, registry, seeds: config.district.seeds, packs: sources.len() }))
}

/// What the rules would watch if they and this registry came into force, and what they would not.
fn bound(checked: &Checked) -> Binding {
    let next = Cell::new(0_u32);
    let number = |_: &str, _: &str| Some(PointId(next.replace(next.get().saturating_add(1))));
    let view = View::new(Arc::new(checked.registry.clone()), String::new(), &number);
    bind(&checked.rules, &view)
}

fn tell(entry: &Entry, binding: &Binding) {
    let severity = match (entry.severity, entry.severity_max) {
        (Some(least), Some(most)) if least != most => format!("{}-{}", least.name(), most.name()),
        (Some(least), _) => least.name().to_owned(),
        (None, _) => String::new(),
    };
    let kind = match entry.kind {
        Kind::Rhai => "rhai",
        Kind::Native => "native",
        Kind::Missing => "missing",
    };
    let sector = entry.sector.as_deref().unwrap_or("*");
    let watches = entry.watches.map_or_else(String::new, |watches| watches.to_string());
    let Entry { id, name, .. } = entry;
    println!("{id:<8} {kind:<7} {sector:<11} {severity:<13} {watches:>5}  {}  {}", name.zh, name.en);
    if let Some(lacks) = &entry.lacks {
        println!("{:<8} missing: {}  {}", "", lacks.zh, lacks.en);
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for skipped in binding.skipped.iter().filter(|skipped| skipped.rule == entry.id) {
        let count = reasons.entry(skipped.reason.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    for (reason, count) in reasons {
        println!("{:<8} does not watch {count}: {reason}", "");
    }
}
