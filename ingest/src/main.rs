//! The binary `davy`: flags and exit codes, nothing else. I/O.

use clap::Parser;
use ingest::cli::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("davy: {e:#}");
            ExitCode::FAILURE
        }
    }
}
