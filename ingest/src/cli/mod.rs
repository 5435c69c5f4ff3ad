//! The command line: what may be asked of `davy`, and who answers. Commands that change a running instance go over
//! HTTP; those that read files work beside it. I/O.

mod alarm;
mod bench;
mod clock;
mod filing;
mod hazard;
mod http;
mod journal;
mod quarantine;
mod recover;
mod registry;
mod rules;
mod seed;
mod simulate;
mod status;
mod store;
mod tasks;

use crate::app;
use crate::config::Config;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// The input (a file, a key, a rule, a record) is wrong; what exactly is on standard error.
pub const EXIT_BAD_INPUT: u8 = 2;
/// Somebody must decide something before Davy may go on.
pub const EXIT_NEEDS_PERSON: u8 = 3;

const EXIT_CODES: &str = "Exit codes:
  0  done, and everything that was checked is in order
  1  it failed: the message says what and why
  2  the input is wrong: configuration, seed data, rules, arguments, a broken journal
  3  a person must decide: data directory in use, clock or version refused, projection refused";

#[derive(Debug, Parser)]
#[command(name = "davy", version, about = "Sees danger in the sensor streams of a district, and does not let go.")]
#[command(after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Default, Args)]
pub struct ConfigArg {
    /// Configuration file; every key is explained in deploy/davy.toml.
    #[arg(long, value_name = "FILE", env = "DAVY_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigArg {
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run: listen to the broker, judge, store, show. Ends in order on SIGINT or SIGTERM.
    #[command(after_help = "Example:\n  davy serve --config deploy/davy.toml")]
    Serve(app::ServeArgs),
    /// Bring the database schema up to this version (as its owner role).
    #[command(after_help = "Example:\n  davy migrate --config deploy/davy.toml")]
    Migrate(ConfigArg),
    /// Check the district's data and print what it holds; `serve` activates it when it has changed.
    #[command(after_help = "Examples:\n  davy seed\n  davy seed --json | jq .points")]
    Seed(seed::SeedArgs),
    /// Play the district's gateways against the broker.
    #[command(after_help = "Examples:\n  davy simulate --seed 7\n  davy simulate --scenario flame --duration 60s\n  \
                            davy simulate --rate 5000 --batch 50 --duration 2m\n  \
                            davy simulate --history 35d")]
    Simulate(simulate::SimulateArgs),
    /// Check, test and compare rule packs, try them on history, put them into force, take them back; set limits of points.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy rules check seeds/rules\n  davy rules test seeds/rules\n  \
                      davy rules backtest --rules my-rules --from 2026-10-20 --to now"
    )]
    Rules(rules::RulesCommand),
    /// Look into the journal; works beside a running Davy.
    #[command(subcommand, after_help = "Examples:\n  davy journal verify\n  davy journal dump --from 120 --limit 3")]
    Journal(journal::JournalCommand),
    /// When the database and the journal do not belong together: say why, and mend it.
    #[command(subcommand, after_help = "Examples:\n  davy recover status\n  davy recover adopt")]
    Recover(recover::RecoverCommand),
    /// Where Davy's clock stands against this machine's, and the word that the machine's is right.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy clock status\n  \
                                        davy clock accept --reason 'the machine was suspended'"
    )]
    Clock(clock::ClockCommand),
    /// What was refused, and its second chance after a change of registry or decoder.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy quarantine list --reason unknown_point\n  \
                                        davy quarantine show 4711/0\n  davy quarantine replay --dry-run"
    )]
    Quarantine(quarantine::QuarantineCommand),
    /// Planned work and stops, filed before they begin.
    #[command(subcommand, after_help = "Examples:\n  davy filing list --open\n  davy filing withdraw 12")]
    Filing(filing::FilingCommand),
    /// The registry in force as tables, tables taken into it, and signatures under connections.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy registry import points.csv --dry-run\n  \
                                        davy registry export enterprises > enterprises.csv\n  \
                                        davy registry accept hc-001 hazchem"
    )]
    Registry(registry::RegistryCommand),
    /// Open alarms of the running instance; acknowledged, and reset where they latch.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy alarm list\n  davy alarm ack 1764000000000001\n  \
                                        davy alarm reset 1764000000000001 --comment 'vent panel replaced'"
    )]
    Alarm(alarm::AlarmCommand),
    /// The hazard ledger: leads with their evidence, judged by people.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy hazard list\n  davy hazard judge 2026000001 major --comment 'seen on site'"
    )]
    Hazard(hazard::HazardCommand),
    /// The plan's task list: computed figures, and a place to file the others.
    #[command(
        subcommand,
        after_help = "Examples:\n  davy tasks list\n  davy tasks file 46 '16 of 16' --as-of 2025-12-31"
    )]
    Tasks(tasks::TasksCommand),
    /// Recount the database against what every transaction says it wrote.
    #[command(subcommand, after_help = "Example:\n  davy store verify --json")]
    Store(store::StoreCommand),
    /// Ask a running Davy how it is.
    #[command(after_help = "Examples:\n  davy status\n  davy status --wait-ready 30 --json")]
    Status(status::StatusArgs),
    /// Measure a whole Davy on this machine; needs `davy-bench` beside this program.
    #[command(after_help = "Examples:\n  davy bench e2e --quick\n  davy bench e2e --json run.json --html run.html")]
    #[command(disable_help_flag = true)]
    Bench(bench::BenchArgs),
}

/// Carries out one command line.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => app::serve(&args),
        Command::Migrate(config) => store::migrate(&config.load()?),
        Command::Seed(args) => seed::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Rules(command) => rules::run(&command),
        Command::Journal(command) => journal::run(&command),
        Command::Recover(command) => recover::run(&command),
        Command::Clock(command) => clock::run(&command),
        Command::Quarantine(command) => quarantine::run(&command),
        Command::Filing(command) => filing::run(&command),
        Command::Registry(command) => registry::run(&command),
        Command::Alarm(command) => alarm::run(&command),
        Command::Hazard(command) => hazard::run(&command),
        Command::Tasks(command) => tasks::run(&command),
        Command::Store(command) => store::run(&command),
        Command::Status(args) => status::run(&args),
        Command::Bench(args) => bench::run(&args),
    }
}

/// A small runtime for commands that speak to the database or the broker.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")
}

pub(crate) fn bad_input() -> ExitCode {
    ExitCode::from(EXIT_BAD_INPUT)
}
