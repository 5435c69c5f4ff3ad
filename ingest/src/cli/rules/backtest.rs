//! `davy rules backtest`: what other rules would have said, over the history of the database or of a journal. Writes
//! nothing but the files that were asked for. Must not know how rules are judged. I/O.

use super::progress::Progress;
use crate::app::projection::connection;
use crate::backtest::caveats::{self, Limits};
use crate::backtest::compare::{compare, figures};
use crate::backtest::report::{Report, local};
use crate::backtest::run::{Ground, Trial};
use crate::backtest::source_journal::{self, JournalSource};
use crate::backtest::source_store::{self, Catalog, Reach, StoreSource, enterprises};
use crate::backtest::version::{BadPacks, Shelf, Tried, of_directory};
use crate::backtest::{Course, Named, Source, svg, warm_up_us};
use crate::cli::{ConfigArg, bad_input, runtime};
use crate::clock;
use crate::config::Config;
use crate::seeds;
use alerting::day::{DAY_US, Day, OFFSET_US};
use anyhow::{Context, bail};
use chrono::{DateTime, NaiveDateTime};
use clap::Args;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) const EXAMPLES: &str = "\
Examples:
  davy rules backtest --rules my-rules --from 2026-10-20 --to 2026-11-24
  davy rules backtest --rules my-rules --from 2026-11-01T08:00 --to now --against seeds/rules --svg differs.svg
  davy rules backtest --rules seeds/rules --from 2026-11-20 --to now --against 3f9c2a --csv alarms.csv --json run.json
  davy rules backtest --rules my-rules --journal data/davy --from 2026-11-25 --to now --against seeds/rules

An alarm counts from its raise (or its next breach) to its return: how soon somebody signs changes nothing.
  new    only the rules that are tried raise it      gone   only the rules in force (or --against) do
  moved  same rule and object, other raise or return time, severity or suppression
Judging begins before --from, so that windows are filled: as long as the longest of them asks for, and a day more.";

#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// Directory of the packs to be tried.
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// Beginning: 2026-11-01, 2026-11-01T08:00 (local), or RFC 3339.
    #[arg(long, value_name = "T", value_parser = instant)]
    from: Micros,
    /// End, in the same words, or `now`.
    #[arg(long, value_name = "T", value_parser = instant, default_value = "now")]
    to: Micros,
    /// What to compare with: a directory of packs, or a version (hash, or its beginning) that was in force. Without it,
    /// the version in force.
    #[arg(long, value_name = "DIR|VERSION")]
    against: Option<String>,
    /// History out of a journal (its directory, or the data directory) instead of the database.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// How long before --from judging begins, for example 1d, 6h or 0s.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    warm_up: Option<i64>,
    /// Readings that came later than this after their event are not read from the database.
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1d")]
    late: i64,
    /// Every alarm of either side as a table.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Everything as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A timeline for each rule.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    if args.to <= args.from {
        eprintln!("davy: --to {} is not after --from {}", local(args.to), local(args.from));
        return Ok(bad_input());
    }
    let config = args.config.load()?;
    let prepared = match &args.journal {
        Some(dir) => journal(args, &config, dir),
        None => store(args, &config),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            return match error.downcast::<BadPacks>() {
                Ok(bad) => {
                    eprintln!("{bad}");
                    Ok(bad_input())
                }
                Err(error) => Err(error),
            };
        }
    };
    let report = play(prepared)?;
    print!("{}", report.text());
    write(args, &report)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything that is known before the first reading.
struct Prepared {
    course: Course,
    tried: [Tried; 2],
    ground: Ground,
    source: Box<dyn Source>,
    limits: Limits,
    described: String,
}

/// Judging begins so long before `from`, but not before there was a registry.
fn course(args: &BacktestArgs, tried: &[Tried; 2], first: Micros) -> (Course, i64) {
    let wanted_us = args.warm_up.unwrap_or_else(|| warm_up_us(tried.iter().flat_map(|tried| tried.rules.rules())));
    let wanted = args.from.plus(wanted_us.saturating_neg());
    let begin = wanted.max(first).min(args.to);
    let short_s = begin.since(wanted).max(0) / SECOND_US;
    (Course { begin, from: args.from.max(begin), to: args.to }, short_s)
}

fn against(args: &BacktestArgs, shelf: &Shelf, registry: &Named<Registry>) -> anyhow::Result<Tried> {
    match &args.against {
        None => shelf.in_force(),
        Some(named) if PathBuf::from(named).is_dir() => of_directory(&PathBuf::from(named), registry),
        Some(named) => shelf.version(named),
    }
}

fn limits_of(config: &Config) -> Arc<Named<alerting::input::FoldLimits>> {
    let version = serde_json::to_vec(&config.fold).map(|bytes| blake3::hash(&bytes).to_hex().to_string());
    Arc::new(Named { version: version.unwrap_or_default(), content: config.fold.clone() })
}

fn many_gateways(registry: &Registry) -> usize {
    registry.enterprises.iter().filter(|enterprise| enterprise.gateways.len() > 1).count()
}

fn store(args: &BacktestArgs, config: &Config) -> anyhow::Result<Prepared> {
    let connection = connection(config, &config.database.read_user)?;
    let runtime = runtime()?;
    let prelude = runtime.block_on(source_store::prelude(&connection))?;
    let (Some(newest), Some(first)) = (prelude.registries.last(), prelude.registered_at.first()) else {
        bail!("the database knows no registry: nothing has been judged yet");
    };
    if *first >= args.to {
        bail!("nothing was judged before {}: the first registry came into force {}", local(args.to), local(*first));
    }
    let shelf = Shelf { blobs: config.data.dir.join("journal/blobs"), known: prelude.rule_sets.clone() };
    let tried = [against(args, &shelf, newest)?, of_directory(&args.rules, newest)?];
    let (course, short_warm_up_s) = course(args, &tried, *first);
    let known = prelude.registered_at.iter().zip(&prelude.registries).rev().find(|(at, _)| **at <= course.begin);
    let (at, registry) = known.map_or((*first, Arc::clone(newest)), |(at, registry)| (*at, Arc::clone(registry)));
    let orders = runtime.block_on(source_store::orders(&connection, &course, &prelude))?;
    let described = format!("database {}, in the order of receive times", config.database.name);
    let limits = Limits {
        from_store: true,
        rejected: prelude.incomplete[0],
        gaps: prelude.incomplete[1],
        late_days: args.late as f64 / DAY_US as f64,
        registry: Some(format!(
            "returns to an earlier registry: each version is known by the first time it came into force (begun with that of \
             {})",
            local(at)
        )),
        many_gateways: many_gateways(&registry.content),
        short_warm_up_s,
        ..Limits::default()
    };
    let reach =
        Reach { late_us: args.late, ahead_us: i64::from(config.fold.clock_skew_max_s).saturating_mul(SECOND_US) };
    let enterprises = enterprises(&prelude.catalog);
    let source = Box::new(StoreSource::start(connection, course, reach, enterprises, orders)?);
    let ground = Ground { registry, limits: limits_of(config), catalog: prelude.catalog };
    Ok(Prepared { course, tried, ground, source, limits, described })
}

fn journal(args: &BacktestArgs, config: &Config, dir: &std::path::Path) -> anyhow::Result<Prepared> {
    let prelude = source_journal::prelude(dir, args.to)?;
    let shelf = Shelf { blobs: prelude.dir.join("blobs"), known: prelude.rule_sets.clone() };
    let (newest, missing) = match prelude.registries.last() {
        Some((_, registry)) => (Arc::clone(registry), None),
        None => {
            let registry = seeds::load(&config.district.seeds).map_err(|e| BadPacks(seeds::lines(&e)))?;
            let version = blake3::hash(&seeds::canonical(&registry)).to_hex().to_string();
            let said =
                "the registry of then: what is left of the journal names none, so it is that of the seed directory";
            (Arc::new(Named { version, content: registry }), Some(said.to_owned()))
        }
    };
    let tried = [against(args, &shelf, &newest)?, of_directory(&args.rules, &newest)?];
    let (course, short_warm_up_s) = course(args, &tried, prelude.first);
    let known = prelude.registries.iter().rev().find(|(at, _)| *at <= course.begin);
    let registry = known.or(prelude.registries.first()).map_or(newest, |(_, registry)| Arc::clone(registry));
    let limits = Limits {
        signatures_lost: prelude.signatures,
        mended: prelude.mended,
        begun_later: course.begin > prelude.first,
        registry: missing,
        short_warm_up_s,
        ..Limits::default()
    };
    let described = format!("journal {}", prelude.dir.display());
    let source = Box::new(JournalSource::new(&prelude, course));
    let ground = Ground { registry, limits: limits_of(config), catalog: Catalog::default() };
    Ok(Prepared { course, tried, ground, source, limits, described })
}

fn play(prepared: Prepared) -> anyhow::Result<Report> {
    let Prepared { course, tried, ground, mut source, limits, described } = prepared;
    let registry = format!(
        "{}, {} enterprises",
        ground.registry.version.get(..12).unwrap_or(&ground.registry.version),
        ground.registry.content.enterprises.len()
    );
    let mut trial = Trial::begin(tried, &course, ground);
    let mut progress = Progress::new(course);
    let mut reading_s = 0.0;
    while let Some(portion) = source.portion().context("history cannot be read")? {
        reading_s += portion.seconds;
        let until = portion.until;
        trial.take(portion);
        progress.say(until, trial.counts.readings);
    }
    progress.end();
    let (trial, [before, after]) = trial.finish(&course);
    let rule_ids = |tried: &Tried| tried.rules.rules().iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
    let names: BTreeSet<String> = trial.sides.iter().flat_map(|side| rule_ids(&side.tried)).collect();
    let pairs = compare(&before, &after);
    let span = [course.from, course.to];
    let readings = trial.counts.readings as f64;
    let rate = |seconds: f64| if seconds > 0.0 { readings / seconds } else { 0.0 };
    let side = |n: usize| {
        let tried = &trial.sides[n].tried;
        (tried.origin.clone(), tried.version.clone(), tried.rules.rules().len())
    };
    Ok(Report {
        sides: [side(0), side(1)],
        begin: course.begin,
        from: course.from,
        to: course.to,
        registry,
        source: described,
        readings: trial.counts.readings,
        messages: trial.counts.messages,
        reading_rate: rate(reading_s + trial.prepare_s),
        judging_rate: [rate(trial.sides[0].seconds), rate(trial.sides[1].seconds)],
        figures: figures(&pairs, &names, span),
        pairs,
        leads: [trial.sides[0].leads, trial.sides[1].leads],
        findings: [trial.sides[0].findings, trial.sides[1].findings],
        caveats: caveats::lines(&limits, &trial),
    })
}

fn write(args: &BacktestArgs, report: &Report) -> anyhow::Result<()> {
    let save = |path: &PathBuf, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(path) = &args.csv {
        save(path, &report.csv()?)?;
    }
    if let Some(path) = &args.json {
        save(path, &serde_json::to_vec_pretty(&report.json())?)?;
    }
    if let Some(path) = &args.svg {
        save(path, svg::drawing(&report.pairs, [report.from, report.to]).as_bytes())?;
    }
    Ok(())
}

/// `now`, a local day, a local time, or RFC 3339.
fn instant(text: &str) -> Result<Micros, String> {
    if text == "now" {
        return Ok(clock::wall());
    }
    if let Ok(day) = text.parse::<Day>() {
        return Ok(day.start());
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(Micros(time.timestamp_micros()));
    }
    for form in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Ok(Micros(time.and_utc().timestamp_micros().saturating_sub(OFFSET_US)));
        }
    }
    Err(format!("{text:?} is no time such as 2026-11-01, 2026-11-01T08:00 or 2026-11-01T08:00:00+08:00"))
}

/// `1d`, `6h`, `30m`, `0s`. Microseconds.
fn span(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a span such as 1d, 6h, 30m or 0s");
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_s: i64 = match text.get(number.len()..) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3_600,
        Some("d") => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(i64::from(number).saturating_mul(unit_s).saturating_mul(SECOND_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_are_read_as_people_write_them() {
        let eight = Micros(1_793_491_200_000_000);
        for text in ["2026-11-01T08:00", "2026-11-01 08:00:00", "2026-11-01T00:00:00Z", "2026-11-01T08:00:00+08:00"] {
            assert_eq!(instant(text), Ok(eight), "{text}");
        }
        assert_eq!(instant("2026-11-01"), Ok(eight.plus(-8 * 3_600 * SECOND_US)));
        for wrong in ["", "2026-13-01", "yesterday", "2026-11-01T25:00"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
        for (text, seconds) in [("1d", 86_400), ("6h", 21_600), ("30m", 1_800), ("0s", 0)] {
            assert_eq!(span(text), Ok(seconds * SECOND_US));
        }
        for wrong in ["", "1", "d", "-1d", "1.5d", "1w"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
