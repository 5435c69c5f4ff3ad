//! `davy filing`: planned work and stops, filed before they begin. The running instance takes them. I/O.

use super::http::{Answer, Running, query};
use super::{ConfigArg, EXIT_BAD_INPUT};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum FilingCommand {
    /// Files planned work or a planned stop: alarms of its objects that say so are suppressed while it lasts, and minutes
    /// not reported are excused.
    #[command(after_help = "Examples:\n  davy filing add maintenance hc-001 --equipment T-101 \
                            --from 2026-11-26T08:00 --to 2026-11-26T12:00 --reason 'yearly check'\n  \
                            davy filing add stop dx-014 --from 2026-12-01T00:00 --to 2026-12-08T00:00 \
                            --reason 'no orders' --idle-check 'Wang Wu saw it idle, meter at 0 kW'")]
    Add(AddArgs),
    /// Those that may still matter, newest first.
    #[command(after_help = "Examples:\n  davy filing list\n  davy filing list --enterprise hc-001 --open --json")]
    List(ListArgs),
    /// Takes one back; one that has begun ends now.
    #[command(after_help = "Example:\n  davy filing withdraw 12 --comment 'done early'")]
    Withdraw(WithdrawArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// 检修
    Maintenance,
    /// 校准
    Calibration,
    /// 停产报备; needs an idle check
    Stop,
    /// 复产报备: what was to stand still begins again
    Restart,
    /// 夜间生产报备
    NightShift,
    /// 节假日停产
    HolidayStop,
    /// 联锁旁路作业票
    BypassPermit,
    /// 限产令; needs --kw
    LimitOrder,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    kind: Kind,
    enterprise: String,
    #[arg(long)]
    equipment: Option<String>,
    #[arg(long)]
    point: Option<String>,
    /// When it begins, not in the past; without a zone it is Asia/Shanghai.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// When it ends, at most 31 days later.
    #[arg(long, value_name = "TIME")]
    to: String,
    #[arg(long)]
    reason: String,
    /// Of a stop: who found the plant idle, and how.
    #[arg(long, value_name = "TEXT")]
    idle_check: Option<String>,
    /// Of a limit order: the load it allows, kW.
    #[arg(long)]
    kw: Option<u32>,
    /// Who files it; journalled.
    #[arg(long, env = "USER")]
    by: String,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[arg(long)]
    enterprise: Option<String>,
    /// Only those that are on now, or still to come.
    #[arg(long)]
    open: bool,
    /// Machine-readable: the body of /api/v1/filings.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct WithdrawArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Its number, as `list` shows it.
    filing: u64,
    #[arg(long, default_value = "")]
    comment: String,
    /// Who withdraws it; journalled.
    #[arg(long, env = "USER")]
    by: String,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
}

/// For people, or for programs.
#[derive(Clone, Copy)]
enum Shown {
    Text,
    Json,
}

impl Shown {
    fn of(json: bool) -> Shown {
        if json { Shown::Json } else { Shown::Text }
    }
}

pub(super) fn run(command: &FilingCommand) -> anyhow::Result<ExitCode> {
    match command {
        FilingCommand::Add(args) => add(args),
        FilingCommand::List(args) => list(args),
        FilingCommand::Withdraw(args) => withdraw(args),
    }
}

fn add(args: &AddArgs) -> anyhow::Result<ExitCode> {
    let kind = args.kind.to_possible_value().map(|kind| kind.get_name().to_owned());
    let mut body = Map::new();
    let all = [
        ("kind", kind),
        ("enterprise", Some(args.enterprise.clone())),
        ("equipment", args.equipment.clone()),
        ("point", args.point.clone()),
        ("from", Some(args.from.clone())),
        ("to", Some(args.to.clone())),
        ("reason", Some(args.reason.clone())),
        ("idle_check", args.idle_check.clone()),
        ("by", Some(args.by.clone())),
    ];
    body.extend(args.kw.map(|kw| ("kw".to_owned(), Value::from(kw))));
    body.extend(all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))));
    let answer = Running::at(&args.config.load()?).post("/api/v1/filings", &Value::Object(body))?;
    said(&answer, "filed", Shown::of(args.json))
}

fn withdraw(args: &WithdrawArgs) -> anyhow::Result<ExitCode> {
    let body = json!({ "by": args.by, "comment": args.comment });
    let path = format!("/api/v1/filings/{}/withdraw", args.filing);
    let answer = Running::at(&args.config.load()?).post(&path, &body)?;
    said(&answer, "withdrawn", Shown::of(args.json))
}

fn said(answer: &Answer, what: &str, shown: Shown) -> anyhow::Result<ExitCode> {
    if answer.status != 200 {
        return refused(answer);
    }
    match shown {
        Shown::Json => println!("{}", serde_json::to_string_pretty(&answer.body)?),
        Shown::Text => println!("{what}: {}", answer.body.get("filing").and_then(Value::as_u64).unwrap_or(0)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What the world refuses is a failure, what we are told wrong a mistake.
pub(super) fn refused(answer: &Answer) -> anyhow::Result<ExitCode> {
    if answer.status == 400 {
        eprintln!("davy: {}", answer.problem());
        return Ok(ExitCode::from(EXIT_BAD_INPUT));
    }
    anyhow::bail!("{}", answer.problem())
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let mut pairs = Vec::new();
    pairs.extend(args.enterprise.clone().map(|id| ("enterprise", id)));
    pairs.extend(args.open.then(|| ("open", "true".to_owned())));
    let answer = Running::at(&args.config.load()?).get(&format!("/api/v1/filings?{}", query(&pairs)))?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    for filing in answer.body.get("filings").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| filing.get(key).and_then(Value::as_str).unwrap_or("");
        let id = filing.get("id").and_then(Value::as_u64).unwrap_or(0);
        let object: Vec<&str> =
            ["enterprise", "equipment", "point"].into_iter().map(text).filter(|part| !part.is_empty()).collect();
        let withdrawn = if text("withdrawn_at").is_empty() { "" } else { "  [withdrawn]" };
        println!(
            "{id:<6} {:<11} {} to {}  {}  {} ({}){withdrawn}",
            text("kind"),
            text("from"),
            text("to"),
            object.join("/"),
            text("reason"),
            text("filed_by")
        );
    }
    Ok(ExitCode::SUCCESS)
}
