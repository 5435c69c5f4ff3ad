//! `davy tasks`: the plan's 82 rows with their figures, and figures filed for those that nothing computes. I/O.

use super::ConfigArg;
use super::filing::refused;
use super::http::Running;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    /// All rows: number, completion, title, and the figure as far as there is one.
    #[command(after_help = "Examples:\n  davy tasks list\n  davy tasks list --json | jq '.tasks[64]'")]
    List(ListArgs),
    /// Files a figure for a row.
    #[command(after_help = "Example:\n  davy tasks file 46 '16 of 16' --as-of 2025-12-31")]
    File(FileArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable: the body of /api/v1/tasks.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct FileArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// 1 to 82.
    row: u16,
    figure: String,
    /// The day it speaks of, or a time.
    #[arg(long, value_name = "TIME")]
    as_of: String,
    #[arg(long, default_value = "")]
    comment: String,
    /// Who files it; journalled.
    #[arg(long, env = "USER")]
    by: String,
}

pub(super) fn run(command: &TasksCommand) -> anyhow::Result<ExitCode> {
    match command {
        TasksCommand::List(args) => list(args),
        TasksCommand::File(args) => file(args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let answer = Running::at(&args.config.load()?).get("/api/v1/tasks")?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    for task in answer.body.get("tasks").and_then(Value::as_array).into_iter().flatten() {
        let row = task.get("row").and_then(Value::as_u64).unwrap_or(0);
        let title = task.pointer("/title/zh").and_then(Value::as_str).unwrap_or("");
        let completion = task.get("completion").and_then(Value::as_str).unwrap_or("");
        println!("{row:>2}  {completion:<10}  {title}  {}", figure(task));
    }
    Ok(ExitCode::SUCCESS)
}

/// In one line: `C-01 dust 52/60, …`, or what was filed.
fn figure(task: &Value) -> String {
    if let Some(filed) = task.pointer("/filed/figure").and_then(Value::as_str) {
        return filed.to_owned();
    }
    let one = |figure: &Value| {
        let text = |key: &str| figure.get(key).and_then(Value::as_str).unwrap_or("");
        let number = |key: &str| figure.get(key).and_then(Value::as_u64);
        let share = figure.get("share").and_then(Value::as_f64);
        let counted = number("num").zip(number("den")).map(|(num, den)| format!("{num}/{den}"));
        let counted = counted.or_else(|| share.map(|share| format!("{:.1} %", share * 100.0)));
        format!("{} {} {}", text("metric"), text("sector"), counted.unwrap_or_else(|| "-".to_owned()))
    };
    let figures = task.get("figures").and_then(Value::as_array);
    figures.into_iter().flatten().map(one).collect::<Vec<_>>().join(", ")
}

fn file(args: &FileArgs) -> anyhow::Result<ExitCode> {
    // A day is its first minute.
    let as_of = if args.as_of.len() == 10 { format!("{}T00:00", args.as_of) } else { args.as_of.clone() };
    let body = json!({ "by": args.by, "figure": args.figure, "as_of": as_of, "comment": args.comment });
    let answer = Running::at(&args.config.load()?).post(&format!("/api/v1/tasks/{}/figure", args.row), &body)?;
    if answer.status != 200 {
        return refused(&answer);
    }
    println!("filed: row {}", args.row);
    Ok(ExitCode::SUCCESS)
}
