//! `davy registry`: the registry in force as tables, tables taken into it, and signatures under connections. The running
//! instance does it. I/O.

use super::filing::refused;
use super::http::{Answer, Running, query};
use super::{ConfigArg, EXIT_BAD_INPUT};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Which registry is in force, and where it comes from.
    #[command(after_help = "Example:\n  davy registry show --json")]
    Show(ShowArgs),
    /// Takes a table of enterprises or of points into the registry in force: all rows, or none.
    #[command(
        after_help = "The header says which: enterprises have a column id, points have enterprise, equipment and \
                            point.\nAn empty cell changes nothing; - takes a limit or a period away. `davy registry export` \
                            writes both tables.\n\n\
                            Examples:\n  davy registry import enterprises.csv --dry-run\n  \
                            davy registry import points.csv --by 'Zhang San' --comment 'new tank farm'\n\n\
                            Exit codes: 0 taken (or nothing to change), 1 it failed, 2 mistakes in the table"
    )]
    Import(ImportArgs),
    /// Writes the registry in force as a table that `import` takes.
    #[command(after_help = "Examples:\n  davy registry export enterprises > enterprises.csv\n  \
                            davy registry export points --enterprise hc-001 > points.csv")]
    Export(ExportArgs),
    /// Signs that the connection of an enterprise's sector is accepted (验收).
    #[command(after_help = "Example:\n  davy registry accept hc-001 hazchem --comment '72 h without a gap'")]
    Accept(SignArgs),
    /// Takes an acceptance back.
    #[command(after_help = "Example:\n  davy registry revoke hc-001 hazchem --comment 'sensors were taken down'")]
    Revoke(SignArgs),
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable: the body of /api/v1/registry.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// CSV in UTF-8 with a header.
    file: PathBuf,
    /// Who brings it; journalled.
    #[arg(long, env = "USER")]
    by: String,
    #[arg(long, default_value = "")]
    comment: String,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
    /// Machine-readable: the body of /api/v1/registry/import.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Table {
    Enterprises,
    Points,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    config: ConfigArg,
    table: Table,
    /// Only the points of this one.
    #[arg(long)]
    enterprise: Option<String>,
}

#[derive(Debug, Args)]
pub struct SignArgs {
    #[command(flatten)]
    config: ConfigArg,
    enterprise: String,
    sector: String,
    #[arg(long, default_value = "")]
    comment: String,
    /// Who signs; journalled.
    #[arg(long, env = "USER")]
    by: String,
    /// Machine-readable: the body of /api/v1/acceptances.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &RegistryCommand) -> anyhow::Result<ExitCode> {
    match command {
        RegistryCommand::Show(args) => show(args),
        RegistryCommand::Import(args) => import(args),
        RegistryCommand::Export(args) => export(args),
        RegistryCommand::Accept(args) => sign(args, ("/api/v1/acceptances", "accepted")),
        RegistryCommand::Revoke(args) => sign(args, ("/api/v1/acceptances/revoke", "taken back")),
    }
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let answer = Running::at(&args.config.load()?).get("/api/v1/registry")?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
        return Ok(ExitCode::SUCCESS);
    }
    let text = |key: &str| answer.body.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let number = |key: &str| answer.body.get(key).and_then(Value::as_u64).unwrap_or(0);
    println!("{} (from {})", text("version"), text("from"));
    println!("  {} enterprises, {} points", number("enterprises"), number("points"));
    if answer.body.get("seeds_ignored").and_then(Value::as_bool).unwrap_or(false) {
        println!("  the seed directory has changed and is not in force; davy serve --take-seeds takes it");
    }
    Ok(ExitCode::SUCCESS)
}

fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let table = match std::fs::read(&args.file) {
        Ok(table) => table,
        Err(e) => {
            eprintln!("davy: cannot read {}: {e}", args.file.display());
            return Ok(ExitCode::from(EXIT_BAD_INPUT));
        }
    };
    let mut pairs = vec![("by", args.by.clone()), ("comment", args.comment.clone())];
    pairs.extend(args.dry_run.then(|| ("dry_run", "true".to_owned())));
    let answer = Running::at(&config).table(&format!("/api/v1/registry/import?{}", query(&pairs)), &table)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
    }
    match answer.status {
        200 => {}
        400 | 413 | 422 => {
            if !args.json {
                mistakes(&args.file.display().to_string(), &answer);
            }
            return Ok(ExitCode::from(EXIT_BAD_INPUT));
        }
        _ => anyhow::bail!("not taken: {}", answer.problem()),
    }
    if !args.json {
        taken(&answer.body);
    }
    Ok(ExitCode::SUCCESS)
}

fn mistakes(file: &str, answer: &Answer) {
    let errors = answer.body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for error in errors {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or("");
        let row = error.get("row").and_then(Value::as_u64).unwrap_or(0);
        let column = if text("column").is_empty() { String::new() } else { format!(" {}:", text("column")) };
        eprintln!("{file}:{row}:{column} {}; {}", text("problem"), text("remedy"));
    }
    if errors.is_empty() {
        eprintln!("davy: {}", answer.problem());
    } else {
        eprintln!("{} mistakes; nothing was taken", errors.len());
    }
}

fn taken(body: &Value) {
    for change in body.get("changes").and_then(Value::as_array).into_iter().flatten() {
        let what = change.get("what").and_then(Value::as_str).unwrap_or("");
        let sign = if change.get("added").and_then(Value::as_bool).unwrap_or(false) { '+' } else { '~' };
        let columns = change.get("columns").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        println!("{sign} {what}  {}", columns.collect::<Vec<_>>().join(", "));
    }
    let number = |key: &str| body.get(key).and_then(Value::as_u64).unwrap_or(0);
    println!("{} added, {} changed, {} unchanged", number("added"), number("changed"), number("unchanged"));
    let version = body.get("version").and_then(Value::as_str).unwrap_or("");
    let is_rehearsal = body.get("dry_run").and_then(Value::as_bool).unwrap_or(false);
    println!("{} {version}", if is_rehearsal { "would be" } else { "in force:" });
}

fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let running = Running::at(&args.config.load()?);
    let path = match (args.table, &args.enterprise) {
        (Table::Enterprises, None) => "/api/v1/registry/enterprises.csv".to_owned(),
        (Table::Enterprises, Some(_)) => {
            eprintln!("davy: --enterprise goes with points; the table of enterprises is written whole");
            return Ok(ExitCode::from(EXIT_BAD_INPUT));
        }
        (Table::Points, enterprise) => {
            let pairs: Vec<_> = enterprise.clone().map(|id| ("enterprise", id)).into_iter().collect();
            format!("/api/v1/registry/points.csv?{}", query(&pairs))
        }
    };
    let table = running.bytes(&path)?;
    std::io::stdout().write_all(&table).context("writing the table")?;
    Ok(ExitCode::SUCCESS)
}

fn sign(args: &SignArgs, (path, done): (&str, &str)) -> anyhow::Result<ExitCode> {
    let body = json!({ "enterprise": args.enterprise, "sector": args.sector, "by": args.by, "comment": args.comment });
    let answer = Running::at(&args.config.load()?).post(path, &body)?;
    if answer.status != 200 {
        return refused(&answer);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
    } else {
        println!("{done}: {} {}", args.enterprise, args.sector);
    }
    Ok(ExitCode::SUCCESS)
}
