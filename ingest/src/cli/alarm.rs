//! `davy alarm`: the open alarms of the running instance, and a person's word on one. I/O.

use super::ConfigArg;
use super::filing::refused;
use super::http::Running;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum AlarmCommand {
    /// Open ones, worst first.
    #[command(after_help = "Examples:\n  davy alarm list\n  davy alarm list --json | jq '.alarms[].rule'")]
    List(ListArgs),
    /// Somebody has seen it.
    #[command(after_help = "Example:\n  davy alarm ack 1764000000000001 --comment 'on site'")]
    Ack(SignArgs),
    /// A latched alarm whose condition is over is closed.
    #[command(after_help = "Example:\n  davy alarm reset 1764000000000001 --comment 'vent panel replaced, inspected'")]
    Reset(SignArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable: the body of /api/v1/alarms.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct SignArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Its number, as `list` shows it.
    alarm: u64,
    /// Who says so; journalled.
    #[arg(long, env = "USER")]
    by: String,
    #[arg(long, default_value = "")]
    comment: String,
}

pub(super) fn run(command: &AlarmCommand) -> anyhow::Result<ExitCode> {
    match command {
        AlarmCommand::List(args) => list(args),
        AlarmCommand::Ack(args) => sign(args, "ack"),
        AlarmCommand::Reset(args) => sign(args, "reset"),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let answer = Running::at(&args.config.load()?).get("/api/v1/alarms")?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    for alarm in answer.body.get("alarms").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| alarm.get(key).and_then(Value::as_str).unwrap_or("-");
        let id = alarm.get("id").and_then(Value::as_u64).unwrap_or(0);
        // Only a latched alarm is in breach and over at once.
        let latched =
            alarm.get("cleared_at").is_some_and(Value::is_string) && text("state") != "returned_unacknowledged";
        println!(
            "{id}  {:<6}  {:<8} {} {} {}  {}{}  {}",
            text("severity"),
            text("rule"),
            text("enterprise"),
            text("equipment"),
            text("point"),
            text("state"),
            if latched { ", over, to be reset" } else { "" },
            text("raised_at"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn sign(args: &SignArgs, verb: &str) -> anyhow::Result<ExitCode> {
    let body = json!({ "by": args.by, "comment": args.comment });
    let answer = Running::at(&args.config.load()?).post(&format!("/api/v1/alarms/{}/{verb}", args.alarm), &body)?;
    if answer.status != 200 {
        return refused(&answer);
    }
    println!("{verb}: {}", args.alarm);
    Ok(ExitCode::SUCCESS)
}
