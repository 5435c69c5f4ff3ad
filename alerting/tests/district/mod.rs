//! A small district for tests of the fold: a registry, rules, and short words to build records with. Pure.
#![allow(dead_code)]

mod pasts;

use alerting::alarm::{AlarmChange, AlarmId};
use alerting::command::{Actor, Command, Order};
use alerting::effect::{Business, Effects};
use alerting::gateway::GatewayKey;
use alerting::input::{Batch, Content, Decoded, FoldLimits, Input};
use alerting::state::State;
use bytes::Bytes;
use rules::reading::{Micros, PointId, Quality, Reading, SECOND_US};
use rules::registry::{Enterprise, Equipment, Gateway, Limits, Point, Region, Registry, Sector, Status, TagType, Text};
use rules::set::{RuleSet, Source, Vocabulary};
use std::sync::{Arc, LazyLock};

pub use pasts::PASTS;

pub type Step = Batch<Decoded, Content>;
pub type In = Input<Decoded, Content>;

/// 2025-01-01T00:00:00Z.
pub const START: i64 = 1_735_689_600 * SECOND_US;

pub const RULES: &str = r#"
[[rule]]
id = "T-FLAME"
sector = "hazchem"
on = ["flame"]
name = { zh = "明火", en = "Flame" }
when = "value == 1.0"
severity = "red"
action = { zh = "报警", en = "Call" }

[[rule]]
id = "T-GAS"
sector = "hazchem"
on = ["gas.lel"]
name = { zh = "可燃气体", en = "Gas" }
when = "value >= hh"
clear = "value < hh - 5.0"
delay_on = "2s"
delay_off = "10s"
severity = "orange"
limit = "hh"
limits = { hh = 50.0 }
action = { zh = "撤离", en = "Leave" }

[[rule]]
id = "T-LEVEL"
sector = "hazchem"
on = ["tank.level"]
name = { zh = "液位", en = "Level" }
when = "if value >= 95.0 { \"orange\" } else if value >= h { \"yellow\" } else { \"\" }"
severity = "yellow"
severity_max = "orange"
limit = "h"
limits = { h = 80.0 }
action = { zh = "停", en = "Stop" }

[[rule]]
id = "T-SILENT"
sector = "hazchem"
on = ["*"]
name = { zh = "失联", en = "Lost" }
when = "age() > max(3.0 * period, 120.0)"
severity = "blue"
action = { zh = "修", en = "Mend" }

[[rule]]
id = "T-BAD"
sector = "hazchem"
on = ["*"]
name = { zh = "坏值", en = "Bad" }
when = "bad || value < range_lo || value > range_hi"
count_on = 3
count_off = 3
severity = "blue"
action = { zh = "修", en = "Mend" }

[[rule]]
id = "T-FAN"
sector = "hazchem"
on = ["prod.run", "dust.fan_run"]
name = { zh = "停机", en = "Fan off" }
when = "tag(\"prod.run\") == 1.0 && tag(\"dust.fan_run\") == 0.0"
per = "equipment"
delay_on = "10s"
severity = "red"
action = { zh = "停产", en = "Stop" }
"#;

/// Rules that rise, events, means of slots, and a source that must send.
pub const WORDS: &str = r#"
[[rule]]
id = "W-SOURCE"
on = ["*"]
only = ["required"]
per = "equipment"
name = { zh = "中断", en = "Source lost" }
when = "age() > max(3.0 * period, 90.0)"
delay_off = "20s"
severity = "yellow"
severity_max = "orange"
rise = { after = "2m", severity = "orange" }
action = { zh = "问", en = "Ask" }

[[rule]]
id = "W-SPARK"
on = ["flame"]
name = { zh = "火花", en = "Spark" }
when = "value == 1.0"
event = true
delay_off = "30s"
severity = "yellow"
severity_max = "red"
rise = { after = "10s", severity = "red" }
action = { zh = "看", en = "Look" }

[[rule]]
id = "W-MEAN"
on = ["gas.lel", "tank.level"]
name = { zh = "均值", en = "Mean" }
when = "value >= 50.0 && status(\"producing\") && !sector(\"hazchem\") || value >= 60.0"
clear = "value < 45.0"
slot = "1m"
count_on = 2
count_off = 2
severity = "blue"
action = { zh = "看", en = "Look" }

[[rule]]
id = "W-LATCH"
on = ["tank.level"]
name = { zh = "锁存", en = "Latched" }
when = "value >= 95.0"
delay_off = "3s"
latch = true
severity = "orange"
action = { zh = "复位", en = "Reset" }

[[rule]]
id = "W-GAS"
on = ["gas.lel"]
name = { zh = "可燃气体", en = "Gas" }
when = "value >= 50.0 && hazard_level > 4.0"
delay_on = "2s"
delay_off = "10s"
severity = "yellow"
severity_max = "orange"
rise = { after = "5s", severity = "orange" }
action = { zh = "撤离", en = "Leave" }
"#;

/// Fails on negative levels: whole numbers that overflow are an error, which no load can foresee behind `&&`.
pub const FAILING: &str = r#"
[[rule]]
id = "T-FAIL"
sector = "hazchem"
on = ["tank.level", "gas.lel"]
name = { zh = "x", en = "x" }
when = "value < 0.0 && 9223372036854775807 * 2 > 1 || value > 110.0"
severity = "orange"
action = { zh = "x", en = "x" }
"#;

/// Flame, gas, level, run, fan: five points of one tank farm, in this order of numbers.
pub const FLAME: PointId = PointId(0);
pub const GAS: PointId = PointId(1);
pub const LEVEL: PointId = PointId(2);
pub const RUN: PointId = PointId(3);
pub const FAN: PointId = PointId(4);

pub fn text(name: &str) -> Text {
    Text { zh: name.to_owned(), en: name.to_owned() }
}

fn point(id: &str, tag: &str, period_s: Option<u32>) -> Point {
    Point {
        id: id.to_owned(),
        tag: tag.to_owned(),
        range_lo: 0.0,
        range_hi: 100.0,
        period_s,
        limits: Limits::default(),
        dead_band: 2.0,
        required: true,
        national_code: None,
        substance: None,
    }
}

pub fn registry() -> Registry {
    let tags = ["flame", "gas.lel", "tank.level", "prod.run", "dust.fan_run"];
    let points = vec![
        point("F-1", "flame", None),
        point("G-1", "gas.lel", Some(5)),
        point("L-1", "tank.level", Some(60)),
        point("R-1", "prod.run", None),
        point("S-1", "dust.fan_run", None),
    ];
    let equipment = Equipment {
        id: "T-101".to_owned(),
        name: text("T-101"),
        kind: "tank".to_owned(),
        hazard_level: None,
        circuit_role: None,
        points,
        national_code: None,
        rated_kw: None,
        design: rules::site::Design::default(),
        sector: None,
    };
    let enterprise = Enterprise {
        id: "e1".to_owned(),
        credit_code: "91500000000000000X".to_owned(),
        name: text("e1"),
        sectors: vec!["hazchem".to_owned()],
        town: "t1".to_owned(),
        industry: "i".to_owned(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "g1".to_owned() }],
        equipment: vec![equipment],
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    };
    Registry {
        district: Region { code: "d".to_owned(), name: text("d") },
        towns: vec![Region { code: "t1".to_owned(), name: text("t1") }],
        sectors: vec![Sector { id: "hazchem".to_owned(), name: text("hazchem") }],
        tag_types: tags
            .iter()
            .map(|id| TagType { id: (*id).to_owned(), name: text(id), unit: "0/1".to_owned() })
            .collect(),
        enterprises: vec![enterprise],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    }
}

pub fn rule_set(registry: &Registry, rules: &str) -> Arc<RuleSet> {
    let source = Source { file: "test.toml".to_owned(), text: rules.to_owned() };
    match RuleSet::load(&[source], &Vocabulary::of(registry)) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

pub fn activations() -> Vec<In> {
    static LOADED: LazyLock<Arc<RuleSet>> = LazyLock::new(|| rule_set(&registry(), RULES));
    let (registry, rules) = (registry(), Arc::clone(&LOADED));
    vec![
        Input::Genesis { journal_id: "j".to_owned(), alarm_id_base: 0 },
        Input::Engine { version: alerting::ENGINE_VERSION },
        Input::Activate(Content::Limits { version: "l1".to_owned(), limits: Arc::new(FoldLimits::of_rules_alone()) }),
        Input::Activate(Content::Registry { version: "r1".to_owned(), registry: Arc::new(registry) }),
        Input::Activate(Content::Rules { version: "s1".to_owned(), rules }),
    ]
}

/// Without the flame detector, and without the fan that a rule needs.
pub fn smaller_registry() -> Registry {
    let mut smaller = registry();
    for equipment in smaller.enterprises.iter_mut().flat_map(|enterprise| &mut enterprise.equipment) {
        equipment.points.retain(|point| !matches!(point.tag.as_str(), "flame" | "dust.fan_run"));
    }
    smaller
}

/// Activations by kind and version: `r1`, `r2` (smaller), `s1`, `s2` (with a rule that fails), `s3` (with `WORDS`),
/// `s4` (the same, without a latch).
pub fn load(kind: &str, version: &str) -> Option<Content> {
    static WORDED: LazyLock<Arc<RuleSet>> = LazyLock::new(|| rule_set(&registry(), &format!("{WORDS}{PASTS}{RULES}")));
    if version == "s3" {
        return Some(Content::Rules { version: "s3".to_owned(), rules: Arc::clone(&WORDED) });
    }
    static UNLATCHED: LazyLock<Arc<RuleSet>> =
        LazyLock::new(|| rule_set(&registry(), &format!("{}{RULES}", WORDS.replace("latch = true", "latch = false"))));
    if version == "s4" {
        return Some(Content::Rules { version: "s4".to_owned(), rules: Arc::clone(&UNLATCHED) });
    }
    static FAILS: LazyLock<Arc<RuleSet>> = LazyLock::new(|| rule_set(&registry(), &format!("{FAILING}{RULES}")));
    if version == "s2" {
        return Some(Content::Rules { version: "s2".to_owned(), rules: Arc::clone(&FAILS) });
    }
    if version == "r2" {
        return Some(Content::Registry { version: "r2".to_owned(), registry: Arc::new(smaller_registry()) });
    }
    let of_kind = |input| match (kind, input) {
        ("registry", Input::Activate(content @ Content::Registry { .. }))
        | ("rules", Input::Activate(content @ Content::Rules { .. }))
        | ("limits", Input::Activate(content @ Content::Limits { .. })) => Some(content),
        _ => None,
    };
    activations().into_iter().find_map(of_kind).filter(|_| ["l1", "r1", "s1"].contains(&version))
}

/// When nothing else is due, a new local day is: coverage counts by it.
pub const MIDNIGHT: Micros = Micros(START + 16 * 3_600 * SECOND_US);

/// Microseconds after the start, in milliseconds.
pub fn at(ms: i64) -> Micros {
    Micros(START + ms * 1_000)
}

pub fn reading(point: PointId, device: Option<Micros>, value: f64) -> Reading {
    Reading { point, device_time: device, value, quality: Quality::Good }
}

pub fn delivery(received: Micros, readings: Vec<Reading>) -> Decoded {
    Decoded {
        received,
        topic: "davy/v1/e1/g1/json".to_owned(),
        payload: Bytes::from(format!("{received:?}{readings:?}")),
        redelivered: false,
        gateway: Some(GatewayKey { enterprise: "e1".to_owned(), gateway: "g1".to_owned() }),
        gateway_seq: None,
        status: None,
        readings,
        rejects: Vec::new(),
        simulated: false,
    }
}

/// One reading, stamped by its device with the time at which it was received.
pub fn one(ms: i64, point: PointId, value: f64) -> In {
    Input::Delivery(delivery(at(ms), vec![reading(point, Some(at(ms)), value)]))
}

pub fn ack(ms: i64, key: &str, alarm: u64) -> In {
    Input::Command(Command {
        key: key.to_owned(),
        received: at(ms),
        by: Actor { name: "wang".to_owned(), authenticated: false },
        order: Order::Acknowledge { alarm: AlarmId(alarm), comment: "seen".to_owned() },
    })
}

/// An order of wang's under a key of its own.
pub fn order(ms: i64, key: &str, order: Order) -> In {
    let by = Actor { name: "wang".to_owned(), authenticated: false };
    Input::Command(Command { key: key.to_owned(), received: at(ms), by, order })
}

pub fn reset(ms: i64, key: &str, alarm: u64) -> In {
    Input::Command(Command {
        key: key.to_owned(),
        received: at(ms),
        by: Actor { name: "wang".to_owned(), authenticated: false },
        order: Order::ResetAlarm { alarm: AlarmId(alarm), comment: "inspected".to_owned() },
    })
}

/// A fold with its journal: every record stepped is kept.
pub struct Fold {
    pub state: State,
    pub seq: u64,
}

impl Fold {
    pub fn started() -> Fold {
        let mut fold = Fold { state: State::new(), seq: 0 };
        fold.step(0, activations());
        fold
    }

    pub fn step(&mut self, now_ms: i64, inputs: Vec<In>) -> Effects {
        self.seq += 1;
        self.state.step(self.seq, &Batch { now: at(now_ms), inputs })
    }

    /// One reading in a record of its own.
    pub fn read(&mut self, ms: i64, point: PointId, value: f64) -> Vec<AlarmChange> {
        changes(&self.step(ms, vec![one(ms, point, value)]))
    }

    pub fn tick(&mut self, ms: i64) -> Vec<AlarmChange> {
        changes(&self.step(ms, vec![Input::Tick]))
    }
}

pub fn changes(effects: &Effects) -> Vec<AlarmChange> {
    let alarm = |business: &Business| match business {
        Business::Alarm(change) => Some((**change).clone()),
        _ => None,
    };
    effects.business.iter().filter_map(alarm).collect()
}

/// `rule cause@ms`, for short comparisons.
pub fn told(changes: &[AlarmChange]) -> Vec<String> {
    let tell =
        |change: &AlarmChange| format!("{} {:?}@{}", change.alarm.rule, change.cause, (change.at.0 - START) / 1_000);
    changes.iter().map(tell).collect()
}
