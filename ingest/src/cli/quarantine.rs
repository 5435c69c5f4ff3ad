//! `davy quarantine`: what was refused, one of it whole, and its second chance. The running instance does it. I/O.

use super::http::{Running, query};
use super::{ConfigArg, EXIT_BAD_INPUT};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Between two looks at a replay at work.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// What was refused and why, newest first.
    #[command(after_help = "Examples:\n  davy quarantine list --reason unknown_point --enterprise hc-001\n  \
                            davy quarantine list --text T-101 --limit 20 --json")]
    List(ListArgs),
    /// One entry with its whole payload.
    #[command(
        after_help = "Examples:\n  davy quarantine show 4711/0\n  davy quarantine show 4711/0 --raw > message.bin"
    )]
    Show(ShowArgs),
    /// After a change of registry or decoder: reads again what lies there, and stores what fits now under its old
    /// receive time. Judged by nobody, stored once however often it is ordered.
    #[command(after_help = "Examples:\n  davy quarantine replay --dry-run\n  \
                            davy quarantine replay --reason unknown_point --enterprise hc-001\n  \
                            davy quarantine replay --from 2026-11-25T08:00 --to 2026-11-25T12:00\n\n\
                            Exit codes: 0 done (what still does not fit is listed), 1 it failed or davy does not \
                            answer, 2 wrong arguments")]
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
pub struct Words {
    /// A reason, as `list` shows it: unknown_point, malformed, ...
    #[arg(long)]
    reason: Option<String>,
    #[arg(long)]
    enterprise: Option<String>,
    #[arg(long)]
    gateway: Option<String>,
    /// Received at or after; without a zone it is Asia/Shanghai.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Received before.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    words: Words,
    /// The topic begins so.
    #[arg(long, value_name = "PREFIX")]
    topic: Option<String>,
    /// Stands in the detail.
    #[arg(long)]
    text: Option<String>,
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// `next` of the page before.
    #[arg(long, value_name = "MARK")]
    before: Option<String>,
    /// Machine-readable: the body of /api/v1/quarantine.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// SEQ/INDEX, as `list` shows it.
    #[arg(value_name = "SEQ/INDEX")]
    key: String,
    /// Only the payload, byte for byte.
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    words: Words,
    /// Only count what would fit.
    #[arg(long)]
    dry_run: bool,
    /// Who orders it; journalled.
    #[arg(long, env = "USER")]
    by: String,
    /// Machine-readable: the body of /api/v1/quarantine/replay.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &QuarantineCommand) -> anyhow::Result<ExitCode> {
    match command {
        QuarantineCommand::List(args) => list(args),
        QuarantineCommand::Show(args) => show(args),
        QuarantineCommand::Replay(args) => replay(args),
    }
}

impl Words {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("reason", &self.reason),
            ("enterprise", &self.enterprise),
            ("gateway", &self.gateway),
            ("from", &self.from),
            ("to", &self.to),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let mut pairs = args.words.pairs();
    pairs.push(("limit", args.limit.to_string()));
    let more = [("topic", &args.topic), ("text", &args.text), ("before", &args.before)];
    pairs.extend(more.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
    let answer = Running::at(&args.config.load()?).get(&format!("/api/v1/quarantine?{}", query(&pairs)))?;
    if answer.status != 200 {
        return refused(answer.status, &answer.problem());
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    for entry in answer.body.get("quarantine").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("");
        let number = |key: &str| entry.get(key).and_then(Value::as_u64);
        let key = format!("{}/{}", number("seq").unwrap_or(0), number("index").unwrap_or(0));
        let again = number("replayed").map_or(String::new(), |n| format!("  [{n} read after all]"));
        let (received, reason) = (text("received"), text("reason"));
        println!("{key:<14} {received} {reason:<18} {} {}{again}", text("topic"), text("detail"));
    }
    if let Some(missing) = answer.body.get("older_missing").and_then(Value::as_str) {
        println!("older entries are missing: {missing}");
    }
    if let Some(next) = answer.body.get("next").and_then(Value::as_str) {
        println!("more: --before {next}");
    }
    Ok(ExitCode::SUCCESS)
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let numbers: Vec<&str> = args.key.split('/').collect();
    if numbers.len() != 2 || numbers.iter().any(|n| n.parse::<u64>().is_err()) {
        eprintln!("davy: {:?} is not SEQ/INDEX, for example 4711/0", args.key);
        return Ok(ExitCode::from(EXIT_BAD_INPUT));
    }
    let running = Running::at(&args.config.load()?);
    if args.raw {
        let bytes = running.bytes(&format!("/api/v1/quarantine/{}/raw", args.key))?;
        std::io::stdout().write_all(&bytes)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = running.get(&format!("/api/v1/quarantine/{}", args.key))?;
    if answer.status != 200 {
        return refused(answer.status, &answer.problem());
    }
    println!("{}", serde_json::to_string_pretty(&answer.body)?);
    Ok(ExitCode::SUCCESS)
}

fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let running = Running::at(&args.config.load()?);
    let mut body: Map<String, Value> =
        args.words.pairs().into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    body.insert("by".to_owned(), json!(args.by));
    body.insert("dry_run".to_owned(), json!(args.dry_run));
    let answer = running.post("/api/v1/quarantine/replay", &Value::Object(body))?;
    if answer.status != 202 {
        return refused(answer.status, &answer.problem());
    }
    let key = answer.body.get("key").cloned().unwrap_or_default();
    let mut report = answer.body;
    let mut told = 0;
    while report.get("state").and_then(Value::as_str) == Some("running") {
        super::runtime()?.block_on(async { tokio::time::sleep(LOOK_AGAIN).await });
        let answer = running.get("/api/v1/quarantine/replay")?;
        if answer.status != 200 || answer.body.get("key") != Some(&key) {
            anyhow::bail!("davy lost sight of the replay ({}): order it again", answer.problem());
        }
        report = answer.body;
        let rows = report.get("rows").and_then(Value::as_u64).unwrap_or(0);
        if rows > told && !args.json {
            told = rows;
            eprintln!("... {rows} entries looked at");
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report, args.dry_run);
    }
    let is_done = report.get("state").and_then(Value::as_str) == Some("done");
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Value, is_rehearsal: bool) {
    let number = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (replayed, readings) = (number("replayed"), number("readings"));
    println!("{} entries looked at", number("rows"));
    if is_rehearsal {
        println!("{replayed} would fit now, with {readings} readings (nothing was changed)");
    } else {
        println!("{replayed} read after all, {readings} readings handed to the store");
    }
    for (reason, count) in report.get("refused").and_then(Value::as_object).into_iter().flatten() {
        println!("  still refused: {count} {reason}");
    }
    if let Some(error) = report.get("error").and_then(Value::as_str) {
        println!("FAILED: {error}");
    }
}

/// 4xx: what was asked for is wrong; else it failed.
fn refused(status: u16, problem: &str) -> anyhow::Result<ExitCode> {
    if status == 400 {
        eprintln!("davy: {problem}");
        return Ok(ExitCode::from(EXIT_BAD_INPUT));
    }
    anyhow::bail!("{problem}")
}
