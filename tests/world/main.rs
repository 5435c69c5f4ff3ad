//! The world simulation: one seed decides broker, disk, database, plants, clock and faults; the real engine runs in it;
//! an auditor that shares nothing with the engine says what must have come of it. I/O: reads the rule packs.
//!
//! `WORLD_SEEDS=n` runs n seeds, `SEED=s` one of them.

mod auditor;
mod auditor_memory;
mod auditor_watch;
mod broker;
mod calm;
mod database;
mod dice;
mod district;
mod doors;
mod outages;
mod plant;
mod rule_sets;
mod run;
mod scenarios;

use alerting::alarm::{AlarmChange, Cause};
use alerting::effect::{Business, Effects};
use alerting::state::State;
use auditor::{Line, Row};
use ingest::engine::fold::Fold;
use ingest::engine::open::OpenOptions;
use rules::reading::Micros;
use run::World;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of 1 to 25 s: about an hour and a half of the world for each seed.
const STEPS: u32 = 400;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_auditor_agrees_with_every_world() {
    let seeds = setting("WORLD_SEEDS").unwrap_or(120);
    let seeds = setting("SEED").map_or(0..seeds, |seed| seed..seed + 1);
    let (mut crashes, mut lines, mut rows, mut changes) = (0, 0, 0, 0);
    for seed in seeds.clone() {
        let world = live(seed);
        crashes += world.crashes;
        changes += world.changes;
        lines += world.auditor.lines.len();
        rows += world.auditor.rows.len();
        judge(seed, world);
    }
    println!(
        "{} worlds: {crashes} crashes, {changes} changes of rules, {rows} readings, {lines} alarm events, no difference",
        seeds.count()
    );
    let enough = crashes > 100 && changes > 100 && lines > 1_000;
    assert!(setting("SEED").is_some() || enough, "worlds in which too little happens");
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..3 {
        let trace = |world: World| (world.fold.state().save(), world.fold.journal().head(), world.now);
        assert!(trace(live(seed)) == trace(live(seed)), "SEED={seed}");
    }
}

fn live(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.drain();
    world
}

fn judge(seed: u64, world: World) {
    let again = format!("SEED={seed} cargo test -p davy-tests --test world");
    stored(&world, &again);
    let (changes, points) = world.database.with(|tables| (tables.changes.clone(), tables.points.clone()));
    assert_eq!(points.len(), district::facts().len(), "{again}");
    alarms(&world, &changes, &again);
    for (seq, told) in &world.told {
        for (index, business) in (0u32..).zip(&told.business) {
            if let Business::Alarm(change) = business {
                assert_eq!(
                    changes.get(&(*seq, index)),
                    Some(&**change),
                    "shown is not stored at {seq}/{index}; {again}"
                );
            }
        }
    }
    replay(world, &again);
}

/// Every reading exactly once, nothing that nobody sent; every broken message once in quarantine.
fn stored(world: &World, again: &str) {
    world.database.with(|tables| {
        let twice: Vec<_> = tables.rows.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "stored more than once: {twice:?}; {again}");
        let found: BTreeSet<Row> = tables
            .rows
            .keys()
            .map(|(point, device, value, quality)| (tables.points[point].clone(), *device, *value, *quality == 2))
            .collect();
        let lost: Vec<_> = world.auditor.rows.difference(&found).take(3).collect();
        let surplus: Vec<_> = found.difference(&world.auditor.rows).take(3).collect();
        assert!(lost.is_empty() && surplus.is_empty(), "lost {lost:?}, surplus {surplus:?}; {again}");
        let mut quarantined: Vec<Vec<u8>> = tables.quarantine.values().cloned().collect();
        let mut garbage = world.garbage.clone();
        quarantined.sort();
        garbage.sort();
        assert_eq!(quarantined, garbage, "quarantine; {again}");
    });
}

fn alarms(world: &World, changes: &BTreeMap<(u64, u32), AlarmChange>, again: &str) {
    let mut open: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut found = Vec::new();
    let mut by_object: BTreeMap<(String, String), Vec<&AlarmChange>> = BTreeMap::new();
    for change in changes.values().filter(|change| !change.alarm.rule.starts_with("DAVY-")) {
        let object = &change.alarm.object;
        let object = match change.alarm.rule.as_str() {
            // Its equipment is a gateway, and each enterprise has one.
            "SY-02" => object.enterprise.clone(),
            _ => object.point.clone().or_else(|| object.equipment.clone()),
        };
        let key = (change.alarm.rule.clone(), object.expect("an object"));
        by_object.entry(key.clone()).or_default().push(change);
        let standing = open.entry(key.clone()).or_insert(change.alarm.id.0);
        assert_eq!(*standing, change.alarm.id.0, "two open alarms of {key:?}; {again}");
        if change.alarm.closed_at.is_some() {
            open.remove(&key);
        }
        if let Some(what) = word(change.cause) {
            let severity = change.alarm.severity.name();
            found.push(Line { at: change.at.0, rule: key.0, object: key.1, what, severity });
        }
    }
    let mut expected = world.auditor.lines.clone();
    expected.sort();
    found.sort();
    let missing: Vec<_> = expected.iter().filter(|line| !found.contains(line)).take(3).collect();
    let invented: Vec<_> = found.iter().filter(|line| !expected.contains(line)).take(3).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing {missing:#?}, invented {invented:#?}; {again}");
    assert_eq!(expected.len(), found.len(), "{again}");
}

fn word(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Raised => Some("raised"),
        Cause::BreachedAgain => Some("again"),
        Cause::Returned => Some("returned"),
        Cause::Acknowledged => Some("acknowledged"),
        Cause::Suppressed | Cause::Released | Cause::Latched | Cause::Reset => None,
        Cause::SeverityRaised | Cause::RuleRemoved | Cause::Adopted | Cause::Superseded => None,
    }
}

/// The journal alone gives the same state, to the byte, and the same effects.
fn replay(world: World, again: &str) {
    let head = world.fold.journal().head();
    let live = world.fold.state().save();
    let told = world.told;
    let mut state = State::new();
    let mut effects: BTreeMap<u64, Effects> = BTreeMap::new();
    for entry in world.fold.journal().read(1) {
        let (seq, _, payload) = entry.unwrap_or_else(|e| panic!("{e}; {again}"));
        let record = ingest::codec::decode_record(&payload).unwrap_or_else(|e| panic!("{e}; {again}"));
        let step = world.fold.prepare_under(&state, &record).unwrap_or_else(|e| panic!("{e}; {again}"));
        effects.insert(seq, state.step(seq, &step));
    }
    assert_eq!(effects.len() as u64, head, "{again}");
    for (seq, shown) in &told {
        assert_eq!(effects.get(seq), Some(shown), "effects of record {seq} differ in the replay; {again}");
    }
    assert!(state.save() == live, "the state after a replay differs; {again}");
    let options = OpenOptions {
        dir: "/davy".into(),
        segment_bytes: 20_000,
        quota_bytes: 1 << 40,
        new_journal_id: "other".into(),
        wall: Micros(world.now),
        accept_clock: false,
        refold: false,
    };
    let (reopened, _) = Fold::open(world.disk, &options).unwrap_or_else(|e| panic!("{e}; {again}"));
    assert_eq!(reopened.journal().head(), head + 1, "a restart adds one record; {again}");
}
