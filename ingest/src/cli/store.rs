//! `davy migrate` and `davy store verify`: straight to the database. I/O.

use super::{ConfigArg, bad_input, runtime};
use crate::app::projection::connection;
use crate::config::Config;
use crate::store::connection::Purpose;
use crate::store::migrate;
use crate::store::verify;
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Compare what is stored with what every transaction says it wrote; look for duplicates and broken histories.
    Verify(StoreArgs),
}

#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &StoreCommand) -> anyhow::Result<ExitCode> {
    let StoreCommand::Verify(args) = command;
    let config = args.config.load()?;
    let report = runtime()?.block_on(async {
        let mut client = connection(&config, &config.database.user)?.open(Purpose::Inspect).await?;
        anyhow::Ok(verify::verify(&mut client).await?)
    })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { bad_input() })
}

fn print(report: &verify::Report) {
    println!("{} readings stored, {} booked by their transactions", report.readings, report.readings_booked);
    println!("{} alarms ({} open), {} events", report.alarms, report.open_alarms, report.alarm_events);
    println!("{} quarantined, {} set aside, {} gaps", report.quarantined, report.rejected, report.gaps.len());
    for problem in &report.problems {
        println!("{problem}");
    }
    println!("{}", if report.is_sound() { "sound" } else { "NOT SOUND" });
}

pub(super) fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    let owner = connection(config, &config.database.owner_user)?;
    let migrated = runtime()?.block_on(migrate::migrate(&owner))?;
    if migrated.from == migrated.to {
        println!("schema is at version {}, nothing to do", migrated.to);
    } else {
        println!("schema brought from version {} to {}", migrated.from, migrated.to);
    }
    Ok(ExitCode::SUCCESS)
}
