//! `davy journal verify|dump`: reads the journal beside a running Davy, without its lock. I/O.

use super::{ConfigArg, bad_input};
use crate::codec;
use crate::delivery::{ContentRef, Delivery, Record};
use crate::disk::RealDisk;
use crate::journal::{self, Reader};
use alerting::input::Input;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Read every record and check its checksum, order and content.
    Verify(JournalArgs),
    /// Print records as JSON lines.
    Dump(DumpArgs),
}

#[derive(Debug, Args)]
pub struct JournalArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct DumpArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// First record.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// At most so many records.
    #[arg(long, default_value_t = u64::MAX)]
    limit: u64,
}

pub(super) fn run(command: &JournalCommand) -> anyhow::Result<ExitCode> {
    match command {
        JournalCommand::Verify(args) => verify(args),
        JournalCommand::Dump(args) => dump(args),
    }
}

fn verify(args: &JournalArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let report = journal::verify::verify(&RealDisk, &config.data.dir.join("journal"), &mut |seq, payload| {
        codec::decode_record(payload).map(drop).map_err(|e| format!("record {seq}: {e}"))
    })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { bad_input() })
}

fn dump(args: &DumpArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    for entry in Reader::new(RealDisk, config.data.dir.join("journal"), args.from).take(limit) {
        let (seq, crc, payload) = entry?;
        let record = codec::decode_record(&payload)?;
        println!("{}", describe(seq, crc, &record));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(seq: u64, crc: u32, record: &Record) -> Value {
    let inputs: Vec<Value> = record.inputs.iter().map(describe_input).collect();
    json!({ "seq": seq, "crc": format!("{crc:08x}"), "now_us": record.now.0, "inputs": inputs })
}

fn describe_input(input: &Input<Delivery, ContentRef>) -> Value {
    match input {
        Input::Delivery(d) => json!({ "delivery": describe_delivery(d) }),
        Input::Replayed(message) => {
            json!({ "replayed": describe_delivery(&message.delivery), "from": message.from })
        }
        other => serde_json::to_value(other).unwrap_or_else(|e| json!({ "unprintable": e.to_string() })),
    }
}

fn describe_delivery(d: &Delivery) -> Value {
    json!({
        "received_us": d.received.0, "topic": d.topic, "redelivered": d.redelivered,
        "payload": String::from_utf8_lossy(&d.payload),
    })
}
