//! `davy bench e2e`: which scenarios, in which order, and where the report goes. Progress on standard error, the table
//! on standard output. I/O.

use crate::district::{FLAMES, POINTS};
use crate::ground::{Ground, Site};
use crate::html;
use crate::machine::Machine;
use crate::measure::Measured;
use crate::plan::Order;
use crate::report::Report;
use crate::scenario::{self, Effort};
use crate::table;
use anyhow::Context;
use clap::{Args, ValueEnum};
use ingest::clock::{Stopwatch, wall};
use std::fs;
use std::path::{Path, PathBuf};

pub const EXAMPLES: &str = "Examples:
  davy bench e2e                                        everything: about half an hour
  davy bench e2e --json run.json --html run.html --markdown run.md
  davy bench e2e --only rates --readings 50 --pairs 9
  davy bench e2e --only backlog,loop
  davy bench e2e --quick                                does it work? no figures to quote";

#[derive(Debug, Args)]
pub struct E2eArgs {
    /// What to measure.
    #[arg(long, value_delimiter = ',', value_name = "SCENARIOS")]
    only: Vec<Scenario>,
    /// Readings a message in `rates`; several with commas.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 1])]
    readings: Vec<usize>,
    /// Pairs of Davy and the naive pipeline, one after the other.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Seconds of load after the warm-up; draining comes on top.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Points of the district; of the loop's district ten times as many.
    #[arg(long, default_value_t = 10_000)]
    points: usize,
    /// Directory for journal and database, on a disk.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A few seconds of everything with a small district: shows that it works.
    #[arg(long)]
    quick: bool,
    /// Write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report with plots, one file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the section for benches/README.md.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Readings committed a second at saturation, Davy and naive in interleaved pairs.
    Rates,
    /// Red alarms from publishing to the event stream at half of saturation.
    Latency,
    /// An hour at 500 readings/s that comes at once, in three orders.
    Backlog,
    /// How long the loop stands still, with ten times the points and a snapshot every 5 s.
    Loop,
}

/// Points of the district of `--quick`.
const QUICK_POINTS: usize = 1_000;

pub fn run(args: &E2eArgs) -> anyhow::Result<()> {
    let effort = effort(args);
    let base = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::look();
    say(&format!("{}, {} cores, load {}", machine.cpu, machine.cores, machine.load));
    let ground = Ground::new(&base)?;
    let fixed = ground.fixed.clone();
    say(&format!(
        "journal on {}, database on {}; fsync {}, synchronous_commit {}; PostgreSQL {}, TimescaleDB {}",
        fixed.journal_filesystem,
        fixed.database_filesystem,
        fixed.fsync,
        fixed.synchronous_commit,
        fixed.postgresql,
        fixed.timescaledb
    ));
    let points = if args.quick { QUICK_POINTS } else { args.points };
    let site = ground.site(points.div_ceil(POINTS))?;
    let mut report = Report::begin(machine, fixed, &effort);
    report.points = site.district.points();
    let watch = Stopwatch::start();
    measure_rates(args, (&ground, &site, &effort), &mut report)?;
    measure_latency(args, (&ground, &site, &effort), &mut report)?;
    measure_backlogs(args, (&ground, &site, &effort), &mut report)?;
    measure_loop(args, (&ground, points, &effort), &mut report)?;
    report.finish(wall(), watch.seconds());
    println!("{}", table::plain(&report));
    write(args.json.as_deref(), || Ok(serde_json::to_string_pretty(&report)?))?;
    write(args.html.as_deref(), || Ok(html::page(&report)))?;
    write(args.markdown.as_deref(), || Ok(table::markdown(&report)))
}

fn effort(args: &E2eArgs) -> Effort {
    if args.quick { Effort::quick() } else { Effort::full(args.pairs, args.seconds) }
}

fn wanted(args: &E2eArgs, scenario: Scenario) -> bool {
    args.only.is_empty() || args.only.contains(&scenario)
}

type Stage<'a> = (&'a Ground, &'a Site, &'a Effort);

fn measure_rates(args: &E2eArgs, (ground, site, effort): Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    if !wanted(args, Scenario::Rates) {
        return Ok(());
    }
    for &readings in &args.readings {
        say(&format!("rates: {readings} readings a message, {} pairs", effort.pairs));
        let rates = scenario::rates(ground, site, (effort, readings), &mut |one| say_measured(one))?;
        let ratio = &rates.ratio;
        say(&format!("  davy / naive: median {:.2}, 95 % {:.2} to {:.2}", ratio.median, ratio.low, ratio.high));
        report.rates.push(rates);
    }
    Ok(())
}

/// Half of what this run has measured; without `rates` one measurement finds out what saturation is.
fn measure_latency(args: &E2eArgs, (ground, site, effort): Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    if !wanted(args, Scenario::Latency) {
        return Ok(());
    }
    let measured = report.rates.iter().find(|rates| rates.readings == 50).map(|rates| rates.davy_per_s);
    let saturation = match measured {
        Some(per_s) => per_s,
        None => {
            say("latency: finding out what saturation is");
            scenario::saturation(ground, site, effort)?.readings_per_s
        }
    };
    // Long enough for a 99th percentile, and not more flames than there are detectors.
    let seconds = if args.quick { effort.seconds } else { effort.seconds.max(20.0) };
    #[allow(clippy::cast_precision_loss)]
    let detectors = (site.district.enterprises.len() * FLAMES) as f64;
    let flames_per_s = effort.flames_per_s.min(0.95 * detectors / seconds);
    let effort = Effort { seconds, flames_per_s, ..effort.clone() };
    say(&format!("latency: red alarms at {:.0} readings/s, {flames_per_s:.0} alarms/s", saturation / 2.0));
    let latency = scenario::latency(ground, site, (&effort, saturation / 2.0))?;
    say_measured(&latency.measured);
    report.latency = Some(latency);
    Ok(())
}

fn measure_backlogs(args: &E2eArgs, (ground, site, effort): Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    if !wanted(args, Scenario::Backlog) {
        return Ok(());
    }
    for order in Order::ALL {
        say(&format!("backlog: {}", order.name()));
        let backlog = scenario::backlog(ground, site, (effort, order))?;
        say_measured(&backlog.measured);
        report.backlogs.push(backlog);
    }
    Ok(())
}

fn measure_loop(
    args: &E2eArgs,
    (ground, points, effort): (&Ground, usize, &Effort),
    report: &mut Report,
) -> anyhow::Result<()> {
    if !wanted(args, Scenario::Loop) {
        return Ok(());
    }
    let site = ground.site((points * 10).div_ceil(POINTS))?;
    // Several snapshots have to fall into it.
    let seconds = if args.quick { effort.seconds } else { effort.seconds.max(20.0) };
    say(&format!("loop: {} points", site.district.points()));
    let holds = scenario::holds(ground, &site, &Effort { seconds, ..effort.clone() })?;
    say_measured(&holds.measured);
    report.holds = Some(holds);
    Ok(())
}

fn say(text: &str) {
    eprintln!("==> {text}");
}

fn say_measured(one: &Measured) {
    let loaded = one.sustained_per_s;
    // A backlog is sent before the first of it is committed.
    let loaded = if loaded > 0.0 { format!(", while loaded {loaded:.0}/s") } else { String::new() };
    let cpu: Vec<String> = one.cpu_us.iter().map(|(name, us)| format!("{name} {us:.2}")).collect();
    say(&format!(
        "  {:5} {:>9.0} readings/s ({} in {:.1} s{loaded}); CPU us/reading: {}",
        one.kind.name(),
        one.readings_per_s,
        one.readings,
        one.seconds,
        cpu.join(", ")
    ));
}

fn write(file: Option<&Path>, text: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
    let Some(file) = file else { return Ok(()) };
    fs::write(file, text()?).with_context(|| format!("cannot write {}", file.display()))?;
    say(&format!("{} written", file.display()));
    Ok(())
}
