//! `davy-bench memory`: the seed district many times over, in one fold under the whole catalogue: what it takes to have it
//! in force, and what to remember all that its rules ask for. Every point reports at its own period, in virtual time, what
//! a healthy plant reports; nothing is sent or stored. I/O: reads `seeds/` and /proc, prints.

use crate::usage;
use alerting::input::{Batch, Content, Decoded, FoldLimits, Input};
use alerting::state::State;
use anyhow::bail;
use bytes::Bytes;
use clap::Args;
use davy_benches::district::{District, START, view_of};
use ingest::clock::Stopwatch;
use ingest::simulate::load;
use ingest::simulate::profile::Profile;
use rules::bind::Instance;
use rules::reading::{Micros, PointId, Quality, Reading, SECOND_US};
use rules::registry::{Enterprise, Registry};
use rules::set::RuleSet;
use rules::view::View;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Readings of a record.
const RECORD: usize = 1_000;
const MIB: f64 = 1_048_576.0;

#[derive(Debug, Args)]
pub struct MemoryArgs {
    /// Points at least; the district is taken as often as that needs.
    #[arg(long, default_value_t = 1_000_000)]
    points: usize,
    /// Virtual minutes of reports.
    #[arg(long, default_value_t = 65)]
    minutes: u32,
    /// Virtual minutes from one line to the next.
    #[arg(long, default_value_t = 5)]
    every: u32,
}

pub fn run(args: &MemoryArgs) -> anyhow::Result<()> {
    if args.points == 0 || args.every == 0 {
        bail!("points and minutes between lines are at least 1");
    }
    let empty = resident();
    let District { registry, rules } = District::load();
    let registry = Arc::new(multiplied(&registry, args.points));
    let alone = resident();
    let mut state = in_force(&registry, &rules);
    let view = view_of(&state);
    let points = view.points().count();
    println!("{points} points, {} rules, {} rule instances", rules.rules().len(), state.binding().instances.len());
    println!("(an instance is {} bytes, without the lists and names it points to)", size_of::<Instance>());
    let line = |what: &str, bytes: u64| println!("{what}: {:.0} MiB, {} bytes a point", mib(bytes), per(bytes, points));
    line("the registry as data", alone.saturating_sub(empty));
    let bound = resident();
    line("in force: numbered, bound to the rules, nothing reported", bound.saturating_sub(empty));
    let mut beat = Beat::of(&view);
    let before = resident();
    let own = before.saturating_sub(bound);
    println!("(what reports, which is not Davy: {:.0} MiB, taken off below)", mib(own));
    let (watch, mut readings) = (Stopwatch::start(), 0);
    for minute in 1..=args.minutes {
        for second in (minute - 1) * 60..minute * 60 {
            readings += beat.second(second, &mut state);
        }
        if minute % args.every == 0 || minute == args.minutes {
            let now = resident().saturating_sub(own).saturating_sub(empty);
            println!(
                "after {minute} minutes, {readings} readings, {} open alarms, {:.2} us a reading: {:.0} MiB, {} bytes a point",
                state.open_len(),
                watch.seconds() * 1e6 / readings as f64,
                mib(now),
                per(now, points)
            );
        }
    }
    for (rule, open) in by_rule(&state) {
        println!("  open at the end: {open} of {rule}");
    }
    Ok(())
}

/// What a healthy district should not have.
fn by_rule(state: &State) -> BTreeMap<&str, usize> {
    let mut open = BTreeMap::new();
    for alarm in state.open_alarms() {
        *open.entry(alarm.rule.as_str()).or_insert(0) += 1;
    }
    open
}

fn resident() -> u64 {
    usage::memory(std::process::id())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn per(bytes: u64, points: usize) -> u64 {
    bytes / (points.max(1) as u64)
}

/// The district as often as it needs to have so many points, each time under names of its own.
fn multiplied(district: &Registry, points: usize) -> Registry {
    let of = |enterprise: &Enterprise| enterprise.equipment.iter().map(|e| e.points.len()).sum::<usize>();
    let own: usize = district.enterprises.iter().map(of).sum();
    let times = points.div_ceil(own.max(1));
    let copy =
        |enterprise: &Enterprise, n: usize| Enterprise { id: format!("{}-{n}", enterprise.id), ..enterprise.clone() };
    let enterprises = (0..times).flat_map(|n| district.enterprises.iter().map(move |enterprise| copy(enterprise, n)));
    Registry { enterprises: enterprises.collect(), ..district.clone() }
}

fn in_force(registry: &Arc<Registry>, rules: &Arc<RuleSet>) -> State {
    let named = |name: &str| name.to_owned();
    let inputs = vec![
        Input::Genesis { journal_id: named("bench"), alarm_id_base: 0 },
        Input::Engine { version: alerting::ENGINE_VERSION },
        Input::Activate(Content::Limits { version: named("limits"), limits: Arc::new(FoldLimits::of_rules_alone()) }),
        Input::Activate(Content::Registry { version: named("registry"), registry: Arc::clone(registry) }),
        Input::Activate(Content::Rules { version: named("rules"), rules: Arc::clone(rules) }),
    ];
    let mut state = State::new();
    state.step(1, &Batch { now: START, inputs });
    state
}

/// Every point with a period, by the second of its period at which it reports.
struct Beat {
    /// Period in seconds, and the points of each of its seconds.
    due: BTreeMap<u32, Vec<Vec<Teller>>>,
    told: u64,
}

struct Teller {
    point: PointId,
    profile: Profile,
}

impl Beat {
    fn of(view: &View) -> Beat {
        let registry = view.registry();
        let units: BTreeMap<&str, &str> =
            registry.tag_types.iter().map(|tag| (tag.id.as_str(), tag.unit.as_str())).collect();
        let mut due: BTreeMap<u32, Vec<Vec<Teller>>> = BTreeMap::new();
        for enterprise in &registry.enterprises {
            for equipment in &enterprise.equipment {
                for point in &equipment.points {
                    let (Some(period_s), Some(id)) = (point.period_s, view.find(&enterprise.id, &point.id)) else {
                        continue;
                    };
                    let load = load::shown(enterprise, equipment, point);
                    let unit = units.get(point.tag.as_str()).copied().unwrap_or_default();
                    let mut dice = spread(id);
                    let profile = Profile::of(point, unit, load, &mut || dice());
                    let seconds = due.entry(period_s).or_insert_with(|| (0..period_s).map(|_| Vec::new()).collect());
                    if let Some(second) = seconds.get_mut((id.0 % period_s) as usize) {
                        second.push(Teller { point: id, profile });
                    }
                }
            }
        }
        Beat { due, told: 0 }
    }

    /// All that is due in one second, in records; in the first one everybody says what is, as gateways do that come.
    fn second(&mut self, second: u32, state: &mut State) -> u64 {
        let now = START.plus((i64::from(second) + 1) * SECOND_US);
        let elapsed_us = i64::from(second) * SECOND_US;
        let before = self.told;
        let mut readings = Vec::with_capacity(RECORD);
        for (period_s, seconds) in &self.due {
            let (now_due, all) = (seconds.get((second % period_s) as usize), second == 0);
            let due = if all { seconds.as_slice() } else { now_due.map(std::slice::from_ref).unwrap_or_default() };
            for teller in due.iter().flatten() {
                self.told += 1;
                // From -1 to 1, never the same twice in a row.
                let tremble = (self.told.wrapping_mul(7_919) % 2_001) as f64 / 1_000.0 - 1.0;
                let value = teller.profile.value(elapsed_us, now.0, tremble);
                let quality = Quality::Good;
                readings.push(Reading { point: teller.point, device_time: Some(now), value, quality });
                if readings.len() == RECORD {
                    step(state, now, std::mem::replace(&mut readings, Vec::with_capacity(RECORD)));
                }
            }
        }
        step(state, now, readings);
        self.told - before
    }
}

/// Numbers from 0 to 1 that differ from point to point.
fn spread(point: PointId) -> impl FnMut() -> f64 {
    let mut state = u64::from(point.0);
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (state >> 40) as f64 / f64::from(1_u32 << 24)
    }
}

fn step(state: &mut State, now: Micros, readings: Vec<Reading>) {
    let delivery = Decoded {
        received: now,
        topic: "davy/v1/bench/gw/json".to_owned(),
        payload: Bytes::new(),
        redelivered: false,
        gateway: None,
        gateway_seq: None,
        status: None,
        readings,
        rejects: Vec::new(),
        simulated: false,
    };
    let seq = state.seq() + 1;
    state.step(seq, &Batch { now, inputs: vec![Input::Delivery(delivery)] });
}
