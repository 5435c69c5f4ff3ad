//! The binary `davy-bench` behind `davy bench`: the runner, and the processes it starts beside a real Davy. Flags and
//! exit codes, nothing else. I/O.

mod district;
mod generate;
mod generator;
mod ground;
mod html;
mod interval;
mod machine;
mod measure;
mod memory;
mod metrics;
mod naive;
mod payload;
mod pipeline;
mod plan;
mod plot;
mod report;
mod runner;
mod scenario;
mod stream;
mod table;
mod usage;
mod wire;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "davy-bench", version, about = "What a whole Davy takes, measured beside what one would write first.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure a whole Davy from outside: broker, database and load generator on this machine, all private.
    #[command(after_help = runner::EXAMPLES)]
    E2e(runner::E2eArgs),
    /// How much memory the seed district takes, many times over, with all its rules in force.
    Memory(memory::MemoryArgs),
    /// The load generator; the runner starts it.
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
    /// The pipeline Davy is compared with; the runner starts it.
    #[command(hide = true)]
    Naive(naive::NaiveArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::E2e(args) => runner::run(&args),
        Command::Memory(args) => memory::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Naive(args) => naive::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("davy-bench: {e:#}");
            ExitCode::FAILURE
        }
    }
}
