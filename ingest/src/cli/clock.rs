//! `davy clock`: where the loop's clock stands against the wall, and a person's word that the wall is right. The
//! running instance does it. I/O.

use super::http::Running;
use super::{ConfigArg, EXIT_BAD_INPUT, EXIT_NEEDS_PERSON};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Wall, loop and their difference.
    #[command(after_help = "Exit codes: 0 the wall is followed, 3 it is too far away and a person must decide")]
    Status(StatusArgs),
    /// The wall is right. One that is ahead is reached in one step, which counts as nobody's silence; one that is
    /// behind is approached slowly, for Davy's time never goes back.
    #[command(after_help = "Example:\n  davy clock accept --reason 'the machine was suspended for a day'")]
    Accept(AcceptArgs),
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable: the body of /api/v1/clock.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct AcceptArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Why the wall is right; journalled.
    #[arg(long)]
    reason: String,
    /// Who says so; journalled.
    #[arg(long, env = "USER")]
    by: String,
}

pub(super) fn run(command: &ClockCommand) -> anyhow::Result<ExitCode> {
    match command {
        ClockCommand::Status(args) => status(args),
        ClockCommand::Accept(args) => accept(args),
    }
}

fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let answer = Running::at(&args.config.load()?).get("/api/v1/clock")?;
    if answer.status != 200 {
        anyhow::bail!("not known: {}", answer.problem());
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
    } else {
        print(&answer.body);
    }
    let follows = answer.body.get("follows").and_then(Value::as_bool).unwrap_or(false);
    Ok(if follows { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NEEDS_PERSON) })
}

fn accept(args: &AcceptArgs) -> anyhow::Result<ExitCode> {
    let body = json!({ "by": args.by, "reason": args.reason });
    let answer = Running::at(&args.config.load()?).post("/api/v1/clock/accept", &body)?;
    if answer.status == 400 {
        eprintln!("davy: {}", answer.problem());
        return Ok(ExitCode::from(EXIT_BAD_INPUT));
    }
    if answer.status != 200 {
        anyhow::bail!("not accepted: {}", answer.problem());
    }
    let outcome = match answer.body.get("outcome").and_then(Value::as_str) {
        Some("jumped") => "the clock has jumped to the wall",
        Some("slewing") => "the clock goes slower until it agrees with the wall; it never goes back",
        _ => "there was nothing to accept",
    };
    println!("{outcome}");
    if let Some(after) = answer.body.get("after") {
        print(after);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(clock: &Value) {
    let text = |key: &str| clock.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    println!("davy  {}\nwall  {}\n{}", text("now"), text("wall"), text("text"));
}
