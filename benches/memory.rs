//! What it costs to remember: the same readings of 100,000 points under rules that remember nothing of them, and under
//! rules that ask for `rate(300)`, for `max(3600)`, or for both. The rules are woken by other points, so that the
//! difference is the remembering alone. Then what holds the loop while a snapshot shares all of it, and the readings after
//! that, each of which copies what is shared. One element is one reading, or one snapshot. Pure.

use alerting::gateway::GatewayKey;
use alerting::input::{Batch, Content, Decoded, FoldLimits, Input};
use alerting::state::State;
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use davy_benches::district::START;
use rules::reading::{Micros, PointId, Quality, Reading, SECOND_US};
use rules::registry::{Enterprise, Equipment, Gateway, Limits, Point, Region, Registry, Sector, Status, TagType, Text};
use rules::set::{RuleSet, Source, Vocabulary};
use std::cell::RefCell;
use std::sync::Arc;

/// Tanks, each with a level that is measured, and a lamp that never speaks and would wake the rule.
const TANKS: u32 = 100_000;
const PERIOD_S: u32 = 10;
/// Readings of a record.
const RECORD: u32 = 1_000;

fn remembering(c: &mut Criterion) {
    let asks = [
        ("nothing", "value > 2.0"),
        ("rate(300)", "value > 2.0 && rate(\"tank.level\", 300) > 9.0"),
        ("max(3600)", "value > 2.0 && max(\"tank.level\", 3600) > 99.0"),
        ("both", "value > 2.0 && rate(\"tank.level\", 300) > 9.0 && max(\"tank.level\", 3600) > 99.0"),
    ];
    let mut group = c.benchmark_group("memory");
    group.sample_size(50);
    for (name, when) in asks {
        let (mut state, mut levels) = (in_force(when), Levels::default());
        // An hour, so that every window is full.
        for _ in 0..TANKS / RECORD * (3_600 / PERIOD_S) {
            let seq = state.seq() + 1;
            state.step(seq, &levels.record());
        }
        let state = RefCell::new(state);
        let step = |record: &mut Batch<Decoded, Content>| {
            let mut state = state.borrow_mut();
            let seq = state.seq() + 1;
            state.step(seq, record)
        };
        group.throughput(Throughput::Elements(u64::from(RECORD)));
        group.bench_function(format!("asked for {name}"), |b| {
            b.iter_batched_ref(|| levels.record(), step, BatchSize::PerIteration);
        });
        // A snapshot of each round holds all that is remembered: each reading copies what it changes.
        let mut snapshot = None;
        group.bench_function(format!("asked for {name}, beside a snapshot"), |b| {
            let record = || {
                if snapshot.is_none() || levels.told % TANKS == 0 {
                    snapshot = Some(state.borrow().freeze());
                }
                levels.record()
            };
            b.iter_batched_ref(record, step, BatchSize::PerIteration);
        });
        drop(snapshot);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("a snapshot, asked for {name}"), |b| {
            b.iter_with_large_drop(|| state.borrow().freeze());
        });
    }
    group.finish();
}

fn in_force(when: &str) -> State {
    let registry = Arc::new(registry());
    let text = format!(
        "[[rule]]\nid = \"M-1\"\nname = {{ zh = \"x\", en = \"x\" }}\naction = {{ zh = \"x\", en = \"x\" }}\n\
         on = [\"lamp\"]\nwhen = '{when}'\nseverity = \"blue\"\n"
    );
    let source = Source { file: "m.toml".to_owned(), text };
    let rules = RuleSet::load(&[source], &Vocabulary::of(&registry));
    let rules = Arc::new(rules.unwrap_or_else(|errors| panic!("{errors:?}")));
    let named = |name: &str| name.to_owned();
    let inputs = vec![
        Input::Genesis { journal_id: named("bench"), alarm_id_base: 0 },
        Input::Activate(Content::Limits { version: named("limits"), limits: Arc::new(FoldLimits::of_rules_alone()) }),
        Input::Activate(Content::Registry { version: named("registry"), registry }),
        Input::Activate(Content::Rules { version: named("rules"), rules }),
    ];
    let mut state = State::new();
    state.step(1, &Batch { now: START, inputs });
    assert_eq!(state.binding().instances.len(), TANKS as usize, "a tank is not watched");
    state
}

/// The levels of all tanks in turn, each wandering a little.
#[derive(Default)]
struct Levels {
    told: u32,
}

impl Levels {
    fn record(&mut self) -> Batch<Decoded, Content> {
        let tank = self.told % TANKS;
        let second = i64::from(self.told / TANKS * PERIOD_S);
        let now = START.plus((second + 1) * SECOND_US + i64::from(tank));
        let reading = |n: u32| Reading {
            // Levels have even numbers.
            point: PointId((tank + n) * 2),
            device_time: Some(now),
            value: f64::from((self.told + n).wrapping_mul(0x9e37_79b9) >> 22) / 16.0,
            quality: Quality::Good,
        };
        let readings = (0..RECORD).map(reading).collect();
        self.told += RECORD;
        Batch { now, inputs: vec![Input::Delivery(decoded(now, readings))] }
    }
}

fn decoded(received: Micros, readings: Vec<Reading>) -> Decoded {
    Decoded {
        received,
        topic: "davy/v1/e/g/json".to_owned(),
        payload: Bytes::new(),
        redelivered: false,
        gateway: Some(GatewayKey { enterprise: "e".to_owned(), gateway: "g".to_owned() }),
        gateway_seq: None,
        simulated: false,
        status: None,
        readings,
        rejects: Vec::new(),
    }
}

fn registry() -> Registry {
    let region = || Region { code: "d".to_owned(), name: Text::default() };
    let tag = |id: &str| TagType { id: id.to_owned(), name: Text::default(), unit: "%".to_owned() };
    let enterprise = Enterprise {
        id: "e".to_owned(),
        credit_code: String::new(),
        name: Text::default(),
        sectors: vec!["hazchem".to_owned()],
        town: "d".to_owned(),
        industry: String::new(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "g".to_owned() }],
        equipment: (0..TANKS).map(tank).collect(),
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    };
    Registry {
        district: region(),
        towns: vec![region()],
        sectors: vec![Sector { id: "hazchem".to_owned(), name: Text::default() }],
        tag_types: vec![tag("tank.level"), tag("lamp")],
        enterprises: vec![enterprise],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    }
}

fn tank(number: u32) -> Equipment {
    let point = |tag: &str, period_s| Point {
        id: format!("{tag}-{number}"),
        tag: tag.to_owned(),
        range_lo: 0.0,
        range_hi: 100.0,
        period_s,
        limits: Limits::default(),
        dead_band: 0.0,
        required: false,
        national_code: None,
        substance: None,
    };
    Equipment {
        id: format!("T-{number}"),
        name: Text::default(),
        kind: "tank".to_owned(),
        hazard_level: None,
        circuit_role: None,
        points: vec![point("tank.level", Some(PERIOD_S)), point("lamp", None)],
        national_code: None,
        rated_kw: None,
        design: rules::site::Design::default(),
        sector: None,
    }
}

criterion_group!(benches, remembering);
criterion_main!(benches);
