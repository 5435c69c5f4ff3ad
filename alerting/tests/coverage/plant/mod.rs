//! Two enterprises for tests of coverage, their registries, and a life of the fold that remembers what it stated. Pure.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

pub mod oracle;
pub mod tale;

use alerting::alarm::Object;
use alerting::command::{Actor, Command, Order, Outcome};
use alerting::coverage::{AcceptanceChange, CoverageDay, SealedDay, Unit};
use alerting::day::{Day, MINUTE_US};
use alerting::effect::{Business, Effects};
use alerting::filings::{FilingKind, Planned};
use alerting::input::{Batch, Content, CoverageLimits, Decoded, FoldLimits, Input};
use alerting::state::State;
use bytes::Bytes;
use rules::reading::{Micros, PointId, Quality, Reading};
use rules::registry::{Enterprise, Equipment, Limits, Point, Region, Registry, Sector, Status, TagType, Text};
use std::sync::Arc;

pub type In = Input<Decoded, Content>;

/// e1: two points of tank T-1 every minute, one of T-2 every five.
pub const A: u32 = 0;
pub const B: u32 = 1;
pub const C: u32 = 2;
/// e2: one that both of its sectors ask for, and its meter, every quarter of an hour.
pub const D: u32 = 3;
pub const M: u32 = 4;
/// Later also of T-1.
pub const E: u32 = 7;

pub fn first_day() -> Day {
    "2025-06-28".parse().unwrap()
}

/// Minutes after the beginning of the first day.
pub fn at(minute: i64) -> Micros {
    first_day().start().plus(minute * MINUTE_US)
}

pub fn unit(enterprise: &str, sector: &str) -> Unit {
    Unit { enterprise: enterprise.to_owned(), sector: sector.to_owned() }
}

pub fn e1() -> Unit {
    unit("e1", "hazchem")
}

/// Has one required point alone: D.
pub fn e2() -> Unit {
    unit("e2", "hazchem")
}

fn text(name: &str) -> Text {
    Text { zh: name.to_owned(), en: name.to_owned() }
}

fn point(id: &str, period_s: Option<u32>) -> Point {
    Point {
        id: id.to_owned(),
        tag: "tank.level".to_owned(),
        range_lo: 0.0,
        range_hi: 100.0,
        period_s,
        limits: Limits::default(),
        dead_band: 0.0,
        required: id != "N",
        national_code: None,
        substance: None,
    }
}

fn equipment(id: &str, sector: Option<&str>, points: Vec<Point>) -> Equipment {
    Equipment {
        id: id.to_owned(),
        name: text(id),
        kind: "tank".to_owned(),
        hazard_level: None,
        circuit_role: None,
        points,
        national_code: None,
        rated_kw: None,
        design: rules::site::Design::default(),
        sector: sector.map(str::to_owned),
    }
}

fn enterprise(id: &str, town: &str, sectors: &[&str], equipment: Vec<Equipment>) -> Enterprise {
    Enterprise {
        id: id.to_owned(),
        credit_code: "91500000000000000X".to_owned(),
        name: text(id),
        sectors: sectors.iter().map(|sector| (*sector).to_owned()).collect(),
        town: town.to_owned(),
        industry: "i".to_owned(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: Vec::new(),
        equipment,
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    }
}

pub fn registry() -> Registry {
    let one = vec![
        equipment("T-1", None, vec![point("A", Some(60)), point("B", Some(60))]),
        equipment("T-2", Some("hazchem"), vec![point("C", Some(300))]),
    ];
    let two = vec![
        equipment("X-1", None, vec![point("D", Some(60))]),
        equipment("M-1", Some("electricity"), vec![point("M", Some(900)), point("F", None), point("N", Some(60))]),
    ];
    let region = |code: &str| Region { code: code.to_owned(), name: text(code) };
    let sector = |id: &str| Sector { id: id.to_owned(), name: text(id) };
    Registry {
        district: region("d"),
        towns: vec![region("t1"), region("t2")],
        sectors: vec![sector("hazchem"), sector("electricity")],
        tag_types: vec![TagType { id: "tank.level".to_owned(), name: text("level"), unit: "m".to_owned() }],
        enterprises: vec![
            enterprise("e1", "t1", &["hazchem"], one),
            enterprise("e2", "t2", &["hazchem", "electricity"], two),
        ],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    }
}

/// `r1` as it is. `r2`: A is not required any more, E is, and e2 stands still with stock. `r3`: e1 is gone, and e2 has no
/// stock. `r4`: nothing is required of e1, which has moved.
pub fn version(name: &str) -> Registry {
    let mut made = registry();
    match name {
        "r2" => {
            let tank = &mut made.enterprises[0].equipment[0];
            tank.points[0].required = false;
            tank.points.push(point("E", Some(60)));
            (made.enterprises[1].status, made.enterprises[1].stock) = (Status::OrderedToStop, true);
        }
        "r3" => {
            made.enterprises.remove(0);
            made.enterprises[0].status = Status::Stopped;
        }
        "r4" => {
            made.enterprises[0].town = "t2".to_owned();
            let equipment = made.enterprises[0].equipment.iter_mut();
            equipment.flat_map(|equipment| &mut equipment.points).for_each(|point| point.required = false);
        }
        _ => {}
    }
    made
}

pub fn activate(name: &str) -> In {
    Input::Activate(Content::Registry { version: name.to_owned(), registry: Arc::new(version(name)) })
}

pub fn fold_limits(coverage: &CoverageLimits) -> Content {
    let limits = FoldLimits { coverage: coverage.clone(), ..FoldLimits::of_rules_alone() };
    Content::Limits { version: "l1".to_owned(), limits: Arc::new(limits) }
}

pub fn message(received: Micros, readings: Vec<Reading>) -> In {
    Input::Delivery(Decoded {
        received,
        topic: "davy/v1/e1/g1/json".to_owned(),
        payload: Bytes::new(),
        redelivered: false,
        gateway: None,
        gateway_seq: None,
        simulated: false,
        status: None,
        readings,
        rejects: Vec::new(),
    })
}

/// No two readings of a test are the same: their values differ.
pub fn reading(point: u32, event: Micros, value: f64) -> Reading {
    Reading { point: PointId(point), device_time: Some(event), value, quality: Quality::Good }
}

/// An object of e1 or e2 by its equipment, or all of it.
pub fn filing(enterprise: &str, equipment: Option<&str>, from: i64, to: i64) -> Order {
    let object = Object {
        enterprise: Some(enterprise.to_owned()),
        equipment: equipment.map(str::to_owned),
        ..Object::default()
    };
    let (kind, reason) = (FilingKind::Maintenance, "r".to_owned());
    Order::File(Planned { kind, object, from: at(from), to: at(to), reason, idle_check: None })
}

pub fn accept(unit: &Unit) -> Order {
    let Unit { enterprise, sector } = unit.clone();
    Order::Accept { enterprise, sector, comment: "good".to_owned() }
}

pub fn revoke(unit: &Unit) -> Order {
    let Unit { enterprise, sector } = unit.clone();
    Order::Revoke { enterprise, sector, comment: "bad".to_owned() }
}

/// A fold, and all it stated.
pub struct Life {
    pub state: State,
    pub seq: u64,
    pub limits: CoverageLimits,
    pub days: Vec<CoverageDay>,
    pub sealed: Vec<SealedDay>,
    pub signed: Vec<AcceptanceChange>,
}

impl Life {
    /// Registry `r1` comes into force an hour before the first day.
    pub fn begun(limits: CoverageLimits) -> Life {
        let (days, sealed, signed) = (Vec::new(), Vec::new(), Vec::new());
        let mut life = Life { state: State::new(), seq: 0, limits, days, sealed, signed };
        let limits = Input::Activate(fold_limits(&life.limits));
        life.step(at(-60), vec![limits, activate("r1")]);
        life
    }

    pub fn step(&mut self, now: Micros, inputs: Vec<In>) -> Effects {
        self.seq += 1;
        let effects = self.state.step(self.seq, &Batch { now, inputs });
        for business in &effects.business {
            match business {
                Business::CoverageDay(day) => self.days.push((**day).clone()),
                Business::Sealed(day) => self.sealed.push((**day).clone()),
                Business::Acceptance(change) => self.signed.push((**change).clone()),
                _ => {}
            }
        }
        effects
    }

    pub fn order(&mut self, minute: i64, order: Order) -> Outcome {
        let (key, received) = (format!("k{}", self.seq), at(minute));
        let by = Actor { name: "wang".to_owned(), authenticated: true };
        let mut effects = self.step(received, vec![Input::Command(Command { key, received, by, order })]);
        effects.outcomes.remove(0)
    }

    /// These points speak at each of these minutes, except where one is silent.
    pub fn speak(&mut self, points: &[u32], minutes: std::ops::Range<i64>, silent: &[(u32, std::ops::Range<i64>)]) {
        for minute in minutes {
            let is_silent = |point: &&u32| !silent.iter().any(|(who, when)| who == *point && when.contains(&minute));
            let speaking = points.iter().filter(is_silent);
            let readings: Vec<Reading> = speaking.map(|point| reading(*point, at(minute), minute as f64)).collect();
            self.step(at(minute), vec![message(at(minute), readings)]);
        }
    }

    pub fn pass(&mut self, minute: i64) {
        self.step(at(minute), vec![Input::Tick]);
    }

    /// What was stated last of a day, by its number.
    pub fn last(&self, unit: &Unit, number: i32) -> CoverageDay {
        let day = first_day().plus(number);
        self.days.iter().rev().find(|stated| stated.unit == *unit && stated.day == day).expect("it was stated").clone()
    }

    pub fn restored(&self) -> State {
        let registry = self.state.versions().registry.clone();
        State::restore(&self.state.save(), &mut |kind, name| match kind {
            "registry" if registry.as_deref() == Some(name) => {
                Some(Content::Registry { version: name.to_owned(), registry: Arc::new(version(name)) })
            }
            "limits" => Some(fold_limits(&self.limits)),
            _ => None,
        })
        .expect("a snapshot opens")
    }
}
