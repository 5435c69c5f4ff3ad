//! `davy rules`: for rule authors. Must not know what a pack or a case holds. I/O.

mod backtest;
mod check;
mod decide;
mod diff;
mod explain;
mod progress;
mod test;

use super::{ConfigArg, bad_input};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Load the packs of a directory and say everything that is wrong with them.
    #[command(after_help = "Examples:\n  davy rules check seeds/rules\n  davy rules check my-rules --json")]
    Check(check::CheckArgs),
    /// Check, then run every *.cases file beside the packs.
    Test(PackArgs),
    /// Compare two rule sets, rule by rule and field by field. Exit codes: 0 the same, 1 they differ.
    #[command(after_help = "Examples:\n  davy rules diff seeds/rules my-rules\n  davy rules diff in-force my-rules")]
    Diff(diff::DiffArgs),
    /// Rule sets that were in force in the running instance, the newest first, with whose word they stand on.
    Versions(decide::ListArgs),
    /// Put the packs of a directory into force in the running instance; two people stand under it.
    #[command(after_help = "Example:\n  davy rules activate my-rules --by wang --approved-by li --reason 'less noise'")]
    Activate(decide::ActivateArgs),
    /// Go back to the rule set that was in force before, or to a named one.
    #[command(after_help = "Example:\n  davy rules rollback --by wang --approved-by li --reason 'false alarms'")]
    Rollback(decide::RollbackArgs),
    /// Limits of single points that people set in the running instance.
    Overrides(decide::ListArgs),
    /// Set a limit of one point, or take it back; two people stand under it.
    #[command(
        after_help = "Examples:\n  davy rules override hc-001 T-101.lel h 20 --by wang --approved-by li --reason 'new \
                      detector'\n  davy rules override hc-001 T-101.lel h none --by wang --approved-by li --reason 'done'"
    )]
    Override(decide::OverrideArgs),
    /// Why an alarm was raised: condition, inputs, limits and times, judged again from the readings on record.
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Try other rules on history: which alarms would be new, gone or moved.
    #[command(after_help = backtest::EXAMPLES)]
    Backtest(backtest::BacktestArgs),
}

#[derive(Debug, Args)]
pub struct PackArgs {
    /// Directory of rule packs; the configured one if none is given.
    dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RulesCommand::Check(args) => check::run(args),
        RulesCommand::Test(args) => Ok(match check::load(args)? {
            Some(checked) => test::run(&checked.dir, &checked.rules, &checked.registry),
            None => bad_input(),
        }),
        RulesCommand::Diff(args) => diff::run(args),
        RulesCommand::Versions(args) => decide::versions(args),
        RulesCommand::Activate(args) => decide::activate(args),
        RulesCommand::Rollback(args) => decide::rollback(args),
        RulesCommand::Overrides(args) => decide::overrides(args),
        RulesCommand::Override(args) => decide::set_limit(args),
        RulesCommand::Explain(args) => explain::run(args),
        RulesCommand::Backtest(args) => backtest::run(args),
    }
}
