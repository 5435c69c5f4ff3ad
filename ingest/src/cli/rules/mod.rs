//! `davy rules`: for rule authors. Must not know what a pack or a case holds. I/O.

mod backtest;
mod check;
mod progress;
mod test;

use super::{ConfigArg, bad_input};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Load the packs of a directory and say everything that is wrong with them.
    Check(PackArgs),
    /// Check, then run every *.cases file beside the packs.
    Test(PackArgs),
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
        RulesCommand::Check(args) => Ok(if check::run(args)?.is_some() { ExitCode::SUCCESS } else { bad_input() }),
        RulesCommand::Test(args) => Ok(match check::run(args)? {
            Some(checked) => test::run(&checked.dir, &checked.rules, &checked.registry),
            None => bad_input(),
        }),
        RulesCommand::Backtest(args) => backtest::run(args),
    }
}
