//! `davy simulate`: the gateways of the seed district as real MQTT clients. I/O.

use super::http::Running;
use super::{ConfigArg, EXIT_NEEDS_PERSON, bad_input, runtime};
use crate::app;
use crate::clock;
use crate::config::Config;
use crate::journal::lock::Lock;
use crate::seeds;
use crate::simulate::history::play::{HistoryOptions, NotEmpty, Played, unfinished};
use crate::simulate::scenario::Scenario;
use crate::simulate::scenario::calibration::filings;
use crate::simulate::scenario::expected::expected;
use crate::simulate::{self, Options, SimulateError, Summary, history};
use crate::store::connection::Purpose;
use crate::store::recover::survey;
use anyhow::Context;
use chrono::DateTime;
use clap::Args;
use rules::reading::Micros;
use rules::registry::Registry;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Minutes are kept for two months.
const HISTORY_DAYS_MAX: u16 = 60;

const SCENARIOS: &str = "\
Scenarios and what must come of each first strike, besides which nothing of orange or red may be raised (gas that is
over its second level has passed its first, HC-10 yellow, and so has a tank, HC-01 yellow):
  flame                         a flame detector sees a flame            HC-29 red
  gas-leak                      gas beyond 50 %LEL                       HC-11 orange
  dust-collector-stops          its fan stops, production goes on        DU-10 red
  garbage                       everything a gateway must not send       quarantine, no alarm
  gateway-outage:oldest-first   a gateway comes back after 600 s and     HC-11 orange where gas still leaks;
  gateway-outage:newest-first   sends its buffer in that order; another  nothing where it leaked, and where a
  gateway-outage:mixed          time away: gateway-outage:mixed:1800     flame was, before it came back
  clock-skew:slow               200 s behind while gas leaks             HC-11 orange
  clock-skew:fast               200 s ahead                              HC-11 orange
  clock-skew:set-back           set back by 8 h                          HC-11 orange, within 120 s of the leak
  clock-skew:wild-future        one stamp a month ahead                  HC-11 orange
  clock-skew:wild-past          one stamp 8 h behind                     HC-11 orange
  duplicates                    everything three times while gas leaks   HC-11 orange, once
  same-second-values            a flame detector says 0 and 1 within     HC-29 red
                                one second
  overfill                      a tank is filled over H and HH           HC-02 orange
  suspended-plant-produces      a plant under a stop order draws the     EL-01 red after two quarter hours:
                                load of production                       within 47 minutes
  calibration                   a gas head is given test gas within a    HC-10 and HC-11 suppressed by design;
                                calibration that was filed               nobody is called
--expects prints the same as JSON, with enterprise, equipment and point.";

#[derive(Debug, Args)]
#[command(after_help = SCENARIOS)]
pub struct SimulateArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Readings a second over all gateways. Without it every point sends at its own period.
    #[arg(long, value_name = "READINGS_PER_S")]
    rate: Option<f64>,
    /// Readings a message carries at most.
    #[arg(long, default_value_t = 50)]
    batch: usize,
    /// What goes wrong, from the list below; several with commas.
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<Scenario>,
    /// The same seed and district give the same values in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For so long, for example 90s, 2m, 1h. Without it until stopped.
    #[arg(long, value_parser = span)]
    duration: Option<Duration>,
    /// Connections the gateways share.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Write every message the broker confirmed to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Send nothing; print as JSON which alarms the first strikes must raise.
    #[arg(long)]
    expects: bool,
    /// Write so many days of simulated past into the empty data directory, in virtual time, before the first start;
    /// for example 35d. Davy must not run. Everything is marked as simulated.
    #[arg(long, value_name = "DAYS", value_parser = days, conflicts_with_all = ["rate", "scenario", "duration", "log", "expects"])]
    history: Option<u16>,
    /// Do nothing if the data directory holds a journal already.
    #[arg(long, requires = "history")]
    if_empty: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = match seeds::load(&config.district.seeds) {
        Ok(registry) => registry,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    if let Some(days) = args.history {
        return history(args, (config, registry), days);
    }
    let options = Options {
        registry: Arc::new(registry),
        host: config.mqtt.host.clone(),
        port: config.mqtt.port,
        rate: args.rate,
        batch: args.batch,
        scenarios: args.scenario.clone(),
        seed: args.seed,
        duration: args.duration,
        connections: args.connections,
        log: args.log.clone(),
    };
    if args.expects {
        return match expected(&options) {
            Ok(alarms) => {
                println!("{}", serde_json::to_string_pretty(&json!({ "alarms": alarms }))?);
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                eprintln!("davy: {error}");
                Ok(bad_input())
            }
        };
    }
    file(&config, &options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no async runtime")?;
    match runtime.block_on(play(options)) {
        Ok(summary) => {
            if args.json {
                println!("{}", serde_json::to_string_pretty(&body(&summary))?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(PlayError::Simulate(error @ SimulateError::Log { .. })) => Err(error.into()),
        Err(PlayError::Simulate(error)) => {
            eprintln!("davy: {error}");
            Ok(bad_input())
        }
        Err(PlayError::Signals(error)) => Err(error),
    }
}

/// What scenarios need on record before they strike is filed with the running Davy, as people would.
fn file(config: &Config, options: &Options) -> anyhow::Result<()> {
    // Options that cannot be played are refused by whoever plays them.
    for planned in filings(options, clock::wall()).unwrap_or_default() {
        let stamp = |at: Micros| DateTime::from_timestamp_micros(at.0).map(|time| time.to_rfc3339());
        let body = json!({
            "kind": planned.kind, "enterprise": planned.object.enterprise, "equipment": planned.object.equipment,
            "point": planned.object.point, "from": stamp(planned.from), "to": stamp(planned.to),
            "reason": planned.reason, "by": "davy simulate",
        });
        let answer = Running::at(config).post("/api/v1/filings", &body).context("the work could not be filed")?;
        anyhow::ensure!(answer.status == 200, "the work could not be filed: {}", answer.problem());
    }
    Ok(())
}

/// The past, into the data directory.
fn history(args: &SimulateArgs, (config, registry): (Config, Registry), days: u16) -> anyhow::Result<ExitCode> {
    let rules = match seeds::rules(&config.district.rules) {
        Ok(rules) => rules,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    if args.if_empty && config.data.dir.join("journal").exists() && !unfinished(&config.data.dir).exists() {
        println!("simulate: {} holds a journal already; no past is written", config.data.dir.display());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(journal_id) = owner(&config)? {
        if args.if_empty {
            println!("simulate: the database belongs to journal {journal_id} already; no past is written");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!(
            "davy: the database belongs to journal {journal_id}: a made-up past must not be mixed with its record"
        );
        return Ok(bad_input());
    }
    std::fs::create_dir_all(&config.data.dir)
        .with_context(|| format!("cannot make the data directory {}", config.data.dir.display()))?;
    let _lock = match Lock::acquire(&config.data.dir) {
        Ok(lock) => lock,
        Err(e) => {
            eprintln!("davy: {e}");
            return Ok(ExitCode::from(EXIT_NEEDS_PERSON));
        }
    };
    let end = clock::wall();
    let options = HistoryOptions {
        open: app::open_options_at(&config, end),
        registry,
        rules,
        limits: config.fold.clone(),
        end,
        days,
        seed: args.seed,
    };
    let mut say = |played: &Played, seconds: f64| {
        eprintln!("simulate: {} readings, {} alarms of the past after {seconds:.0} s", played.readings, played.alarms);
    };
    match history::play::play(options, &mut say) {
        Ok(played) if args.json => println!("{}", serde_json::to_string_pretty(&past_body(&played))?),
        Ok(Played { readings, alarms, days, .. }) => {
            println!("simulate: {days} days of simulated past: {readings} readings, {alarms} alarms raised");
        }
        Err(error) if error.is::<NotEmpty>() => {
            eprintln!("davy: {error}");
            return Ok(bad_input());
        }
        Err(error) => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

/// The journal whose record the database holds already. A database that is away, or that has no schema yet, holds none
/// that anybody could ask for.
fn owner(config: &Config) -> anyhow::Result<Option<String>> {
    let connection = app::projection::connection(config, &config.database.user)?;
    let survey = runtime()?.block_on(async {
        let client = connection.open(Purpose::Inspect).await?;
        survey(&client).await
    });
    match survey {
        Ok(survey) => Ok(survey.lanes.into_iter().map(|lane| lane.journal_id).find(|id| !id.is_empty())),
        Err(error) => {
            eprintln!("simulate: the database could not be asked whose it is ({error}); going on");
            Ok(None)
        }
    }
}

fn past_body(played: &Played) -> serde_json::Value {
    json!({
        "days": played.days, "messages": played.messages, "readings": played.readings, "records": played.records,
        "alarms": played.alarms,
    })
}

enum PlayError {
    Simulate(SimulateError),
    Signals(anyhow::Error),
}

/// Until the duration is over, or somebody asks it to stop.
async fn play(options: Options) -> Result<Summary, PlayError> {
    let listen = |kind| signal(kind).context("cannot listen for signals").map_err(PlayError::Signals);
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let (stop, stopped) = watch::channel(false);
    let waiting = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
    });
    let summary = simulate::run(options, stopped).await.map_err(PlayError::Simulate);
    waiting.abort();
    summary
}

fn body(summary: &Summary) -> serde_json::Value {
    json!({
        "messages": summary.messages, "readings": summary.readings, "accepted": summary.accepted,
        "accepted_readings": summary.accepted_readings, "refused": summary.refused, "skipped": summary.skipped,
        "unanswered": summary.unanswered, "reconnects": summary.reconnects,
    })
}

/// `90s`, `2m`, `1h`; a bare number is seconds.
fn span(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_s = match text.get(digits.len()..) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3_600,
        _ => return Err(format!("{text:?} is not a span such as 90s, 2m or 1h")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is not a span such as 90s, 2m or 1h"))?;
    Ok(Duration::from_secs(number.saturating_mul(unit_s)))
}

/// `35d`, at most as long as coverage looks back.
fn days(text: &str) -> Result<u16, String> {
    let number = text.strip_suffix('d').and_then(|digits| digits.parse().ok());
    match number {
        Some(days @ 1..=HISTORY_DAYS_MAX) => Ok(days),
        _ => Err(format!("{text:?} is not a number of days such as 35d, at most {HISTORY_DAYS_MAX}d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_scenario() {
        for scenario in Scenario::ALL {
            assert!(SCENARIOS.contains(&format!("\n  {scenario} ")), "{scenario}");
            assert_eq!(scenario.name().parse(), Ok(scenario));
        }
        let away = "gateway-outage:mixed:1800".parse::<Scenario>();
        assert!(matches!(away, Ok(Scenario::GatewayOutage { away_s: 1_800, .. })), "{away:?}");
        assert_eq!("clock-skew".parse(), "clock-skew:slow".parse::<Scenario>());
        for wrong in ["", "flames", "gateway-outage:30", "gateway-outage:sideways", "flame:5"] {
            assert!(wrong.parse::<Scenario>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("1h", 3_600), ("7", 7)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "s", "1.5m", "-3s", "3d", "3 s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert_eq!((days("35d"), days("1d")), (Ok(35), Ok(1)));
        for wrong in ["", "35", "0d", "61d", "-1d", "1.5d"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
