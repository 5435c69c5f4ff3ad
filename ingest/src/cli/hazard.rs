//! `davy hazard`: the hazard ledger of the running instance, and a person's judgement of a lead. I/O.

use super::ConfigArg;
use super::filing::refused;
use super::http::{Running, query};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum HazardCommand {
    /// Leads and judged hazards, newest first.
    #[command(after_help = "Examples:\n  davy hazard list\n  davy hazard list --state lead --enterprise hc-001 --json")]
    List(ListArgs),
    /// One with all its evidence, as JSON.
    #[command(after_help = "Example:\n  davy hazard show 2026000001")]
    Show(ShowArgs),
    /// Judges a lead: a person decides whether it is a major hazard.
    #[command(after_help = "Example:\n  davy hazard judge 2026000001 general --comment 'seen on site, valve replaced'")]
    Judge(JudgeArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[arg(long, default_value = "open", value_parser = ["open", "lead", "major", "general", "not_founded", "all"])]
    state: String,
    #[arg(long)]
    enterprise: Option<String>,
    /// Machine-readable: the body of /api/v1/hazards.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    config: ConfigArg,
    hazard: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Verdict {
    /// 重大
    Major,
    /// 一般
    General,
    /// 不成立
    NotFounded,
}

#[derive(Debug, Args)]
pub struct JudgeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Its id, as `list` shows it.
    hazard: u64,
    verdict: Verdict,
    /// Why; it stands in the ledger.
    #[arg(long)]
    comment: String,
    /// Who judges; journalled.
    #[arg(long, env = "USER")]
    by: String,
}

pub(super) fn run(command: &HazardCommand) -> anyhow::Result<ExitCode> {
    match command {
        HazardCommand::List(args) => list(args),
        HazardCommand::Show(args) => {
            let answer = Running::at(&args.config.load()?).get(&format!("/api/v1/hazards/{}", args.hazard))?;
            if answer.status != 200 {
                return refused(&answer);
            }
            println!("{}", serde_json::to_string_pretty(&answer.body)?);
            Ok(ExitCode::SUCCESS)
        }
        HazardCommand::Judge(args) => judge(args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let mut pairs = vec![("state", args.state.clone())];
    pairs.extend(args.enterprise.clone().map(|id| ("enterprise", id)));
    let answer = Running::at(&args.config.load()?).get(&format!("/api/v1/hazards?{}", query(&pairs)))?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    for hazard in answer.body.get("hazards").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| hazard.get(key).and_then(Value::as_str).unwrap_or("");
        let number = |key: &str| hazard.get(key).and_then(Value::as_u64).unwrap_or(0);
        println!(
            "{}  {}  {:<11} {} {}  {}  repeats {}  {}",
            number("id"),
            text("no"),
            text("state"),
            text("enterprise"),
            text("equipment"),
            text("ground"),
            number("repeats"),
            text("opened_at"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn judge(args: &JudgeArgs) -> anyhow::Result<ExitCode> {
    let verdict = match args.verdict {
        Verdict::Major => "major",
        Verdict::General => "general",
        Verdict::NotFounded => "not_founded",
    };
    let body = json!({ "by": args.by, "verdict": verdict, "comment": args.comment });
    let path = format!("/api/v1/hazards/{}/judge", args.hazard);
    let answer = Running::at(&args.config.load()?).post(&path, &body)?;
    if answer.status != 200 {
        return refused(&answer);
    }
    println!("judged: {} {verdict}", args.hazard);
    Ok(ExitCode::SUCCESS)
}
