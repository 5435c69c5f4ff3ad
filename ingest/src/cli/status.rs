//! `davy status`: how a running Davy is, for people and for scripts. I/O.

use super::ConfigArg;
use super::http::Running;
use crate::clock::Clock;
use clap::Args;
use rules::reading::{Micros, SECOND_US};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Between two looks while waiting; short against a start of some seconds.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable: the body of /readyz.
    #[arg(long)]
    json: bool,
    /// Wait up to so many seconds until readings are accepted and judged.
    #[arg(long, value_name = "SECONDS")]
    wait_ready: Option<u32>,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let running = Running::at(&config);
    let clock = Clock::starting(Micros::MIN);
    let until = clock.now().plus(i64::from(args.wait_ready.unwrap_or(0)).saturating_mul(SECOND_US));
    let answer = loop {
        match running.get("/readyz") {
            Ok(answer) if answer.status == 200 => break answer,
            other if clock.now() >= until => break other?,
            _ => super::runtime()?.block_on(async { tokio::time::sleep(LOOK_AGAIN).await }),
        }
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer.body)?);
    } else {
        print_components(&answer.body);
    }
    Ok(if answer.status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_components(body: &Value) {
    let ready = body.get("ready").and_then(Value::as_bool).unwrap_or(false);
    println!("{}", if ready { "ready: readings are accepted and judged" } else { "NOT ready" });
    let Some(components) = body.get("components").and_then(Value::as_object) else { return };
    for (name, component) in components {
        let part = |key: &str| component.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        println!("  {name:<12} {:<12} {}", part("state"), part("text"));
    }
}
