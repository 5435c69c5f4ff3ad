//! `davy rules check|test`: for rule authors. The runner of the cases is the one of the test suite. I/O.

use super::{ConfigArg, bad_input};
use crate::seeds;
use alerting::cases;
use clap::{Args, Subcommand};
use rules::set::{RuleSet, Vocabulary};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Load the packs of a directory and say everything that is wrong with them.
    Check(PackArgs),
    /// Check, then run every *.cases file beside the packs.
    Test(PackArgs),
}

#[derive(Debug, Args)]
pub struct PackArgs {
    /// Directory of rule packs; the configured one if none is given.
    dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    let (args, test) = match command {
        RulesCommand::Check(args) => (args, false),
        RulesCommand::Test(args) => (args, true),
    };
    let config = args.config.load()?;
    let dir = args.dir.clone().unwrap_or_else(|| config.district.rules.clone());
    let registry = match seeds::load(&config.district.seeds) {
        Ok(registry) => registry,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    let sources = match seeds::rules(&dir) {
        Ok(sources) => sources,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    let rules = match RuleSet::load(&sources, &Vocabulary::of(&registry)) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            eprintln!("{} errors in {}", errors.len(), dir.display());
            return Ok(bad_input());
        }
    };
    for rule in rules.rules() {
        println!("{:<8} {:<7} {}  {}", rule.id, rule.severity.name(), rule.name.zh, rule.name.en);
    }
    println!("{} rules in {} packs", rules.rules().len(), sources.len());
    if test { run_cases(&dir, &rules, &registry) } else { Ok(ExitCode::SUCCESS) }
}

fn run_cases(dir: &Path, rules: &Arc<RuleSet>, registry: &rules::registry::Registry) -> anyhow::Result<ExitCode> {
    let mut failed: usize = 0;
    let mut passed: usize = 0;
    let files = match seeds::case_files(dir) {
        Ok(files) => files,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    for (file, text) in files {
        for outcome in cases::run(&file, &text, rules, registry) {
            match outcome {
                Ok(_) => passed = passed.saturating_add(1),
                Err(failure) => {
                    failed = failed.saturating_add(1);
                    eprintln!("{failure}");
                }
            }
        }
    }
    println!("{passed} cases passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { bad_input() })
}
