//! `davy rules explain`: why an alarm was raised, judged again from the readings on record. Reads the database and the
//! contents that the data directory keeps. Must not know how rules are judged. I/O.

use super::progress::Progress;
use crate::app::projection::connection;
use crate::backtest::caveats::{self, Limits};
use crate::backtest::explain::Explained;
use crate::backtest::run::{Ground, Trial};
use crate::backtest::source_store::{self, Reach, StoreSource, enterprises};
use crate::backtest::version::{Shelf, Tried};
use crate::backtest::{Course, Named, Source, look_back_us};
use crate::cli::{ConfigArg, runtime};
use crate::store::connection::Purpose;
use crate::store::happened::{self, OnRecord};
use anyhow::{Context, bail};
use clap::Args;
use rules::bind::ObjectKey;
use rules::reading::SECOND_US;
use rules::set::RuleSet;
use rules::view::PointKey;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) const EXAMPLES: &str = "\
Examples:
  davy rules explain 1764518400001
  davy rules explain 1764518400001 --json";

/// What is in front of a breach is looked at for so long at least.
const BEFORE_US: i64 = 3_600 * SECOND_US;
/// A reading that came later than this after its event is history, and raises nothing.
const LATE_US: i64 = 86_400 * SECOND_US;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Number of the alarm, as `davy alarm list` and the console show it.
    alarm: i64,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let connection = connection(&config, &config.database.read_user)?;
    let runtime = runtime()?;
    let record = runtime.block_on(async {
        let client = connection.open(Purpose::Inspect).await?;
        anyhow::Ok(happened::alarm(&client, args.alarm).await?)
    })?;
    let Some(record) = record else { bail!("the database knows no alarm {}", args.alarm) };
    if record.rule_set.is_empty() {
        bail!(
            "{} is Davy's own alarm ({}): no rule raised it; `davy alarm list` shows what it says",
            args.alarm,
            record.name.en
        );
    }
    let Some(object) = object_of(&record) else { bail!("alarm {} stands on no object", args.alarm) };
    let prelude = runtime.block_on(source_store::prelude(&connection))?;
    let (Some(newest), Some(first)) = (prelude.registries.last(), prelude.registered_at.first()) else {
        bail!("the database knows no registry");
    };
    let shelf = Shelf { blobs: config.data.dir.join("journal/blobs"), known: prelude.rule_sets.clone() };
    let tried = shelf.version(&record.rule_set)?;
    let rule = tried.rules.rules().iter().find(|rule| rule.id == record.rule);
    let wanted = record.since.plus(BEFORE_US.saturating_add(rule.map_or(0, look_back_us)).saturating_neg());
    let begin = wanted.max(*first);
    // What raised it is the last thing that is heard.
    let to = record.raised_at.plus(1);
    let course = Course { begin, from: begin, to };
    let known = prelude.registered_at.iter().zip(&prelude.registries).rev().find(|(at, _)| **at <= begin);
    let registry = known.map_or_else(|| Arc::clone(newest), |(_, registry)| Arc::clone(registry));
    let orders = runtime.block_on(source_store::orders(&connection, &course, &prelude))?;
    let limits = Limits {
        from_store: true,
        rejected: prelude.incomplete[0],
        gaps: prelude.incomplete[1],
        late_days: 1.0,
        short_warm_up_s: begin.since(wanted).max(0) / SECOND_US,
        ..Limits::default()
    };
    let ahead_us = i64::from(config.fold.clock_skew_max_s).saturating_mul(SECOND_US);
    let reach = Reach { late_us: LATE_US, ahead_us };
    let source = StoreSource::start(connection, course, reach, enterprises(&prelude.catalog), orders)?;
    let fold = Arc::new(Named { version: String::new(), content: config.fold.clone() });
    let ground = Ground { registry, limits: fold, catalog: prelude.catalog };
    let origin = tried.origin.clone();
    let (trial, spells) = judge_again(tried, course, ground, source)?;
    let why = trial.why(&record.rule, &object);
    let explained = Explained {
        id: args.alarm,
        record: &record,
        why: why.as_ref(),
        spells: spells.iter().filter(|spell| spell.rule == record.rule && spell.object == record.object).collect(),
        origin: &origin,
        not_reproduced: caveats::lines(&limits, &trial),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&explained.json())?);
    } else {
        print!("{}", explained.text());
    }
    Ok(ExitCode::SUCCESS)
}

/// The rules of then on one side, and nobody on the other.
fn judge_again(
    tried: Tried,
    course: Course,
    ground: Ground,
    mut source: StoreSource,
) -> anyhow::Result<(Trial, Vec<crate::backtest::spells::Spell>)> {
    let nobody = Tried { version: "-".to_owned(), origin: String::new(), rules: Arc::new(RuleSet::default()) };
    let mut trial = Trial::begin([tried, nobody], &course, ground);
    let mut progress = Progress::new(course);
    while let Some(portion) = source.portion().context("history cannot be read")? {
        let until = portion.until;
        trial.take(portion);
        progress.say(until, trial.counts.readings);
    }
    progress.end();
    let (trial, [spells, _]) = trial.finish(&course);
    Ok((trial, spells))
}

/// What the rule stood on: a point's alarm names its equipment, too.
fn object_of(record: &OnRecord) -> Option<ObjectKey> {
    let enterprise = record.object.enterprise.clone()?;
    Some(match (&record.object.point, &record.object.equipment) {
        (Some(point), _) => ObjectKey::Point(PointKey { enterprise, point: point.clone() }),
        (None, Some(equipment)) => ObjectKey::Equipment { enterprise, equipment: equipment.clone() },
        (None, None) => ObjectKey::Enterprise(enterprise),
    })
}
