//! `davy rules`: for rule authors. Must not know what a pack or a case holds. I/O.

mod check;
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
}

#[derive(Debug, Args)]
pub struct PackArgs {
    /// Directory of rule packs; the configured one if none is given.
    dir: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    let (RulesCommand::Check(args) | RulesCommand::Test(args)) = command;
    let Some(checked) = check::run(args)? else {
        return Ok(bad_input());
    };
    Ok(match command {
        RulesCommand::Check(_) => ExitCode::SUCCESS,
        RulesCommand::Test(_) => test::run(&checked.dir, &checked.rules, &checked.registry),
    })
}
