//! What is measured: rates in interleaved pairs, the latency of red alarms, an hour's backlog in three orders, and how
//! long the loop stands still at 100,000 points. Must not print. I/O through `measure`.

use crate::ground::{Ground, Site};
use crate::interval::{Ratio, median};
use crate::measure::{Load, Measured, VERBS, measure};
use crate::metrics::Spread;
use crate::pipeline::Kind;
use crate::plan::{Order, Pace, Phase, Times, Until};
use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

/// Messages the generator may be ahead of the database at saturation: some two seconds of work, and far less than the
/// broker may queue.
const AHEAD_MESSAGES: u64 = 50_000;
const AHEAD_READINGS: u64 = 1_000_000;
/// A message of an hour's backlog holds one reading of each of fifty points, each of which reports every 20 s: with
/// 10,000 points 500 readings/s.
const BACKLOG_STEP_MS: i64 = 20_000;
const BACKLOG_ROUNDS: u64 = 180;
/// The default of `deploy/davy.toml`.
const SNAPSHOT_EVERY_S: u32 = 60;
/// Often enough that several fall into one measurement of the loop.
const SNAPSHOT_OFTEN_S: u32 = 5;
/// The bound of the loop.
pub const HOLD_MAX_S: f64 = 0.02;

/// How long, how often, how much.
#[derive(Clone, Debug, Serialize)]
pub struct Effort {
    pub pairs: usize,
    pub warm_up_s: f64,
    pub seconds: f64,
    pub connections: usize,
    pub flames_per_s: f64,
    pub backlog_rounds: u64,
}

impl Effort {
    #[must_use]
    pub fn full(pairs: usize, seconds: f64) -> Effort {
        Effort { pairs, warm_up_s: 3.0, seconds, connections: 4, flames_per_s: 40.0, backlog_rounds: BACKLOG_ROUNDS }
    }

    /// Shows that everything works, and nothing else.
    #[must_use]
    pub fn quick() -> Effort {
        Effort { pairs: 1, warm_up_s: 0.3, seconds: 1.0, connections: 2, flames_per_s: 20.0, backlog_rounds: 3 }
    }

    fn saturation(&self, kind: Kind, readings: usize) -> Load {
        let ahead = AHEAD_MESSAGES.min(AHEAD_READINGS / readings.max(1) as u64);
        let phase = |seconds| Phase {
            readings,
            pace: Pace::Saturation { ahead },
            until: Until::Seconds(seconds),
            times: Times::Live,
            flames_per_s: None,
        };
        Load {
            kind,
            snapshot_every_s: SNAPSHOT_EVERY_S,
            connections: self.connections,
            warm_up: Some(phase(self.warm_up_s)),
            phase: phase(self.seconds),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Rates {
    /// Readings a message.
    pub readings: usize,
    /// In the order in which they were measured.
    pub measured: Vec<Measured>,
    pub davy_per_s: f64,
    pub naive_per_s: f64,
    pub ratio: Ratio,
}

/// A B, B A, A B ...: what changes slowly on the machine meets both alike.
pub fn rates(
    ground: &Ground,
    site: &Site,
    (effort, readings): (&Effort, usize),
    say: &mut dyn FnMut(&Measured),
) -> anyhow::Result<Rates> {
    let mut measured: Vec<Measured> = Vec::new();
    let mut ratios = Vec::new();
    for pair in 0..effort.pairs {
        let order = if pair % 2 == 0 { [Kind::Davy, Kind::Naive] } else { [Kind::Naive, Kind::Davy] };
        let mut of_pair = (0.0, 0.0);
        for kind in order {
            let one = measure(ground, site, &effort.saturation(kind, readings))?;
            say(&one);
            match kind {
                Kind::Davy => of_pair.0 = one.readings_per_s,
                Kind::Naive => of_pair.1 = one.readings_per_s,
            }
            measured.push(one);
        }
        ratios.push(of_pair.0 / of_pair.1);
    }
    let per_s = |kind| {
        let rates: Vec<f64> = measured.iter().filter(|m| m.kind == kind).map(|m| m.readings_per_s).collect();
        median(&rates).unwrap_or_default()
    };
    let (davy_per_s, naive_per_s) = (per_s(Kind::Davy), per_s(Kind::Naive));
    let ratio = Ratio::of(&ratios).context("no pairs")?;
    Ok(Rates { readings, measured, davy_per_s, naive_per_s, ratio })
}

/// One Davy at saturation, fifty readings a message.
pub fn saturation(ground: &Ground, site: &Site, effort: &Effort) -> anyhow::Result<Measured> {
    measure(ground, site, &effort.saturation(Kind::Davy, 50))
}

#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// Half of what was measured at saturation.
    pub readings_per_s: f64,
    pub alarms: u64,
    /// Milliseconds from the intended time of sending to the event in the stream.
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    /// Quantile and milliseconds, for the curve.
    pub curve: Vec<(f64, f64)>,
    pub measured: Measured,
}

/// Red alarms beside a load of `per_s` readings a second, fifty a message.
#[allow(clippy::cast_precision_loss)]
pub fn latency(ground: &Ground, site: &Site, (effort, per_s): (&Effort, f64)) -> anyhow::Result<Latency> {
    let mut load = effort.saturation(Kind::Davy, 50);
    load.phase.pace = Pace::Rate { messages_per_s: per_s / 50.0 };
    load.phase.flames_per_s = Some(effort.flames_per_s);
    load.warm_up = load.warm_up.map(|phase| Phase { pace: load.phase.pace, ..phase });
    let measured = measure(ground, site, &load)?;
    // A microsecond to ten minutes, three digits.
    let mut histogram = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?;
    for flame in &measured.sent.flames {
        let key = (flame.enterprise.clone(), flame.point.clone());
        let seen_us = measured.seen.get(&key).with_context(|| format!("no alarm for {key:?}"))?;
        histogram.record((seen_us - flame.intended_us).max(1).unsigned_abs())?;
    }
    ensure!(!histogram.is_empty(), "no flame was sent");
    let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
    let mut curve: Vec<(f64, f64)> = (0..100).map(|n| f64::from(n) / 100.0).map(|q| (q, at(q))).collect();
    curve.extend([0.99, 0.995, 0.999, 1.0].map(|q| (q, at(q))));
    Ok(Latency {
        readings_per_s: per_s,
        alarms: histogram.len(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: histogram.max() as f64 / 1e3,
        curve,
        measured,
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct Backlog {
    pub order: &'static str,
    pub measured: Measured,
}

/// An hour of 500 readings/s that a district's gateways had to keep to themselves, sent as fast as it goes.
pub fn backlog(ground: &Ground, site: &Site, (effort, order): (&Effort, Order)) -> anyhow::Result<Backlog> {
    let mut load = effort.saturation(Kind::Davy, 50);
    let rounds = effort.backlog_rounds;
    load.phase.until = Until::Rounds(rounds);
    load.phase.times = Times::Buffered { rounds, step_ms: BACKLOG_STEP_MS, order };
    load.phase.pace = Pace::Saturation { ahead: u64::MAX };
    // What every point said last before the gateways were cut off.
    let step_ms = BACKLOG_STEP_MS * (i64::try_from(rounds)? + 1);
    let before = Times::Buffered { rounds: 1, step_ms, order: Order::OldestFirst };
    load.warm_up = Some(Phase { until: Until::Rounds(1), times: before, ..load.phase.clone() });
    Ok(Backlog { order: order.name(), measured: measure(ground, site, &load)? })
}

#[derive(Clone, Debug, Serialize)]
pub struct Holds {
    pub points: usize,
    pub verbs: Vec<Hold>,
    pub measured: Measured,
}

/// How long one thing the loop does held it.
#[derive(Clone, Debug, Serialize)]
pub struct Hold {
    pub verb: &'static str,
    pub count: f64,
    pub mean_ms: f64,
    /// The bound of the histogram below which all lie.
    pub max_below_ms: f64,
    pub share_within: f64,
    pub spread: Spread,
}

/// Davy at saturation with many points and many snapshots: what holds the loop, and for how long.
pub fn holds(ground: &Ground, site: &Site, effort: &Effort) -> anyhow::Result<Holds> {
    let mut load = effort.saturation(Kind::Davy, 50);
    load.snapshot_every_s = SNAPSHOT_OFTEN_S;
    let measured = measure(ground, site, &load)?;
    let [before, after] = measured.pages.as_ref().context("davy has shown no metrics")?;
    let hold = |(verb, metric, labels): (&'static str, &str, &str)| {
        let spread = after.since(before, metric, labels);
        Hold {
            verb,
            count: spread.count,
            mean_ms: spread.sum_s * 1e3 / spread.count.max(1.0),
            max_below_ms: spread.all_within() * 1e3,
            share_within: spread.share_within(HOLD_MAX_S),
            spread,
        }
    };
    let verbs = VERBS.into_iter().map(hold).collect();
    Ok(Holds { points: site.district.points(), verbs, measured })
}
