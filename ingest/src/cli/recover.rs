//! `davy recover`: why the database is refused, and the remedy. The running instance does it; judging goes on. I/O.

use super::http::Running;
use super::{ConfigArg, EXIT_NEEDS_PERSON};
use clap::Subcommand;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum RecoverCommand {
    /// Is the projection refused, by which of the four names, and what would `adopt` do?
    Status(ConfigArg),
    /// Let this journal go on with this database: point times, open alarms and the alarm numbers are taken over from
    /// it, what the journal still holds is projected, gaps are recorded.
    Adopt(ConfigArg),
}

pub(super) fn run(command: &RecoverCommand) -> anyhow::Result<ExitCode> {
    match command {
        RecoverCommand::Status(config) => {
            let answer = Running::at(&config.load()?).get("/api/v1/recover")?;
            if answer.status != 200 {
                anyhow::bail!("not known: {}", answer.problem());
            }
            println!("{}", serde_json::to_string_pretty(&answer.body)?);
            let refused = answer.body.get("refused").and_then(Value::as_bool).unwrap_or(false);
            Ok(if refused { ExitCode::from(EXIT_NEEDS_PERSON) } else { ExitCode::SUCCESS })
        }
        RecoverCommand::Adopt(config) => {
            let answer = Running::at(&config.load()?).post("/api/v1/recover/adopt", &json!({}))?;
            if answer.status != 200 {
                anyhow::bail!("not adopted: {}", answer.problem());
            }
            println!("{}", serde_json::to_string_pretty(&answer.body)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
