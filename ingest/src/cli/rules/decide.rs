//! `davy rules activate`, `rollback`, `override`, `versions`, `overrides`: what two people decide about the rules of the
//! running instance, and what they decided. I/O.

use crate::cli::filing::refused;
use crate::cli::http::Running;
use crate::cli::{ConfigArg, bad_input};
use crate::seeds;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Two people and a reason.
#[derive(Debug, Args)]
pub struct Signed {
    /// Who orders; journalled.
    #[arg(long, env = "USER")]
    by: String,
    /// Who agrees: another person; journalled.
    #[arg(long)]
    approved_by: String,
    /// Why; on record.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct ActivateArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Directory of rule packs; the configured one if none is given.
    dir: Option<PathBuf>,
    #[command(flatten)]
    signed: Signed,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The version to go back to, as `versions` lists it; the one before if none is given.
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
pub struct OverrideArgs {
    #[command(flatten)]
    config: ConfigArg,
    enterprise: String,
    point: String,
    #[arg(value_parser = ["ll", "l", "h", "hh"])]
    limit: String,
    /// In the unit of the point; `none` takes it back.
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable: the body of /api/v1/rules.
    #[arg(long)]
    json: bool,
}

pub(super) fn activate(args: &ActivateArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let dir = args.dir.clone().unwrap_or_else(|| config.district.rules.clone());
    let sources = match seeds::rules(&dir) {
        Ok(sources) => sources,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    let files: Vec<Value> = sources.iter().map(|source| json!({ "file": source.file, "text": source.text })).collect();
    let body = with(&args.signed, json!({ "files": files, "dry_run": args.dry_run }));
    let answer = Running::at(&config).post("/api/v1/rules/activate", &body)?;
    if answer.status == 422 {
        let errors = answer.body.get("errors").and_then(Value::as_array).into_iter().flatten();
        for error in errors {
            eprintln!("{}\n", error.get("pointed").and_then(Value::as_str).unwrap_or_default());
        }
        eprintln!("davy: {}; nothing has changed", answer.problem());
        return Ok(bad_input());
    }
    if answer.status != 200 {
        return refused(&answer);
    }
    for (mark, key) in [("+", "added"), ("-", "removed"), ("~", "changed")] {
        for id in answer.body.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            println!("{mark} {id}");
        }
    }
    let done = if args.dry_run { "would be in force" } else { "in force" };
    println!("{done}: {}", text(&answer.body, "version"));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rollback(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let body = with(&args.signed, json!({ "version": args.to }));
    let answer = Running::at(&args.config.load()?).post("/api/v1/rules/rollback", &body)?;
    if answer.status != 200 {
        return refused(&answer);
    }
    println!("in force: {}", text(&answer.body, "version"));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn set_limit(args: &OverrideArgs) -> anyhow::Result<ExitCode> {
    let value = match args.value.as_str() {
        "none" => Value::Null,
        number => match number.parse::<f64>() {
            Ok(number) if number.is_finite() => json!(number),
            Ok(_) | Err(_) => {
                eprintln!("davy: `{number}` is no limit; write a number, or none");
                return Ok(bad_input());
            }
        },
    };
    let limit = json!({ "enterprise": args.enterprise, "point": args.point, "limit": args.limit, "value": value });
    let answer = Running::at(&args.config.load()?).post("/api/v1/rules/override", &with(&args.signed, limit))?;
    if answer.status != 200 {
        return refused(&answer);
    }
    println!("set: {}/{} {} {}", args.enterprise, args.point, args.limit, args.value);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn versions(args: &ListArgs) -> anyhow::Result<ExitCode> {
    list(args, "versions", |version| {
        let mark = if version.get("in_force").and_then(Value::as_bool) == Some(true) { "*" } else { " " };
        let (how, since) = (text(version, "how"), text(version, "since"));
        let word = match version.get("by").and_then(Value::as_str) {
            Some(by) => format!("{by}, approved by {}: {}", text(version, "approved_by"), text(version, "reason")),
            None => String::new(),
        };
        format!("{mark} {}  {since}  {how:<11}  {word}", text(version, "version"))
    })
}

pub(super) fn overrides(args: &ListArgs) -> anyhow::Result<ExitCode> {
    list(args, "overrides", |set| {
        let number = |key: &str| set.get(key).and_then(Value::as_f64).map_or("-".to_owned(), |n| n.to_string());
        format!(
            "{}/{}  {} = {} (registry {})  {}, approved by {}: {}  {}",
            text(set, "enterprise"),
            text(set, "point"),
            text(set, "limit"),
            number("value"),
            number("design"),
            text(set, "by"),
            text(set, "approved_by"),
            text(set, "reason"),
            text(set, "at"),
        )
    })
}

fn list(args: &ListArgs, key: &str, line: impl Fn(&Value) -> String) -> anyhow::Result<ExitCode> {
    let answer = Running::at(&args.config.load()?).get("/api/v1/rules")?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    for item in answer.body.get(key).and_then(Value::as_array).into_iter().flatten() {
        println!("{}", line(item));
    }
    Ok(ExitCode::SUCCESS)
}

fn with(signed: &Signed, mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.insert("by".to_owned(), json!(signed.by));
        fields.insert("approved_by".to_owned(), json!(signed.approved_by));
        fields.insert("reason".to_owned(), json!(signed.reason));
    }
    body
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}
