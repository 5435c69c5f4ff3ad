//! `davy bench`: hands over to `davy-bench`, which is built from the crate benches. The product does not depend on what
//! measures it. I/O.

use super::bad_input;
use anyhow::Context;
use clap::Args;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Passed on as they are: `e2e --help` says what there is.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    args: Vec<OsString>,
}

/// Becomes `davy-bench`, which lies beside this program.
pub(super) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("where is this program?")?.with_file_name("davy-bench");
    if !program.is_file() {
        eprintln!(
            "davy: {} is not there; build it with: cargo build --release -p davy-benches --bin davy-bench",
            program.display()
        );
        return Ok(bad_input());
    }
    let error = Command::new(&program).args(&args.args).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
