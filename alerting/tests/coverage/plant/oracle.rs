//! A second, naive way to coverage: minute by minute over a list of all that happened. Shares no code with
//! `alerting::coverage`, only its plain data. Pure.

use super::tale::{Event, LASTS};
use super::*;
use alerting::coverage::{Minutes, PointDay, Samples};
use alerting::filings::Filing;
use alerting::input::Link;
use rules::reading::SECOND_US;
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: i64 = 60 * SECOND_US;

/// What a day should be.
#[derive(Debug, PartialEq)]
pub struct Expected {
    pub town: String,
    pub registry: String,
    pub in_scope: bool,
    pub simulated: bool,
    pub minutes: Minutes,
    pub samples: Samples,
    /// `.` outside, `r` reported, `l` lost, `e` excused, `s` system.
    pub kinds: String,
    pub points: Vec<PointDay>,
}

struct Heard {
    event: i64,
    received: i64,
    good: bool,
    simulated: bool,
}

/// A day as it fills, minute by minute.
#[derive(Default)]
struct Sheet {
    kinds: String,
    /// With the minutes that count, by period.
    points: BTreeMap<String, (PointDay, BTreeMap<i64, u32>)>,
    town: Option<String>,
    registry: String,
    in_scope: bool,
    /// Of the month, so far.
    excused: u32,
}

pub struct Oracle {
    registries: Vec<(i64, String, Registry)>,
    outages: Vec<(i64, i64)>,
    filings: Vec<Filing>,
    heard: BTreeMap<String, Vec<Heard>>,
    covered: BTreeMap<(String, i64), BTreeSet<i64>>,
    excused_max: u32,
}

impl Oracle {
    pub fn of(events: &[Event], filings: Vec<Filing>, excused_max_h: u16) -> Oracle {
        let registries = vec![(at(-60).0, "r1".to_owned(), version("r1"))];
        let (outages, heard, covered) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let excused_max = u32::from(excused_max_h) * 60;
        let mut oracle = Oracle { registries, outages, filings, heard, covered, excused_max };
        let mut down: Option<i64> = None;
        for Event { at: now, input, .. } in events {
            match input {
                Input::Activate(Content::Registry { version: name, .. }) => {
                    oracle.registries.push((now.0, name.clone(), version(name)));
                }
                Input::Link(Link::Down) => down = down.or(Some(now.0)),
                Input::Link(Link::Up) => oracle.outages.extend(down.take().map(|since| (since, now.0))),
                Input::Resumed { down_since } => oracle.outages.push((down_since.0, now.0)),
                Input::Delivery(delivery) => delivery.readings.iter().for_each(|reading| {
                    oracle.hear(reading, delivery.received.0, delivery.simulated);
                }),
                _ => {}
            }
        }
        oracle.outages.extend(down.map(|since| (since, at(LASTS).0)));
        oracle
    }

    fn in_force(&self, now: i64) -> Option<&(i64, String, Registry)> {
        self.registries.iter().rev().find(|(since, ..)| *since <= now)
    }

    /// What a unit requires: point, its window and its period, and its equipment.
    fn required(registry: &Registry, unit: &Unit) -> Vec<(String, i64, i64, String)> {
        let mut found = Vec::new();
        for enterprise in registry.enterprises.iter().filter(|enterprise| enterprise.id == unit.enterprise) {
            for equipment in &enterprise.equipment {
                for point in equipment.points.iter().filter(|point| point.required) {
                    let Some(period) = point.period_s else { continue };
                    if equipment.sector.is_none() || equipment.sector.as_ref() == Some(&unit.sector) {
                        let least: i64 = if unit.sector == "electricity" { 45 } else { 10 };
                        let window = least.max((3 * i64::from(period) + 59) / 60);
                        found.push((point.id.clone(), window, period.into(), equipment.id.clone()));
                    }
                }
            }
        }
        found
    }

    /// The shortest window that anybody asks of a point.
    fn shortest(registry: &Registry, name: &str) -> Option<i64> {
        let units = units();
        let all =
            units.iter().filter(|unit| is_named(registry, unit)).flat_map(|unit| Oracle::required(registry, unit));
        all.filter(|(point, ..)| point == name).map(|(_, window, ..)| window).min()
    }

    fn hear(&mut self, reading: &Reading, received: i64, simulated: bool) {
        let name = ["A", "B", "C", "D", "M", "F", "N", "E"][reading.point.0 as usize];
        let Some((_, _, registry)) = self.in_force(received) else { return };
        let Some(window) = Oracle::shortest(registry, name) else { return };
        let (event, good) = (reading.device_time.unwrap().0, reading.quality == Quality::Good);
        self.heard.entry(name.to_owned()).or_default().push(Heard { event, received, good, simulated });
        if good {
            // (t - W, t], with the windows that the units allow beyond the shortest.
            for extra in [0, 35] {
                let first = event / MINUTE * MINUTE;
                for mark in (0..window + extra + 2).map(|n| first + n * MINUTE) {
                    if mark - (window + extra) * MINUTE < event && event <= mark {
                        self.covered.entry((name.to_owned(), extra)).or_default().insert(mark);
                    }
                }
            }
        }
    }

    /// The day of a unit; `None` if nobody names it on that day.
    pub fn day(&self, unit: &Unit, day: Day) -> Option<Expected> {
        let mut excused = 0;
        let mut before = day.month_start();
        while before < day {
            excused += self.judged(unit, before, excused).map_or(0, |expected| u32::from(expected.minutes.excused));
            before = before.plus(1);
        }
        self.judged(unit, day, excused)
    }

    fn judged(&self, unit: &Unit, day: Day, excused: u32) -> Option<Expected> {
        let mut sheet = Sheet { excused, ..Sheet::default() };
        for k in 0..1_440 {
            self.minute(unit, day.start().0 + k * MINUTE, &mut sheet);
        }
        let Sheet { kinds, points, town, registry, in_scope, .. } = sheet;
        let town = town?;
        let mut samples = Samples::default();
        let mut simulated = false;
        let mut list = Vec::new();
        for (point, (mut told, counted)) in points {
            let expected = |(period, minutes): (&i64, &u32)| minutes * 60 / u32::try_from(*period).unwrap();
            told.expected = counted.iter().map(expected).sum();
            simulated |= self.readings(&point, day, &mut told);
            samples.good += u64::from(told.good);
            samples.received += u64::from(told.received);
            samples.timely += u64::from(told.timely);
            samples.expected += u64::from(told.expected);
            samples.counted += u64::from(told.good.min(told.expected));
            list.push(told);
        }
        let of = |kind: char| u16::try_from(kinds.chars().filter(|other| *other == kind).count()).unwrap();
        let minutes = Minutes { reported: of('r'), lost: of('l'), excused: of('e'), system: of('s'), outside: of('.') };
        Some(Expected { town, registry, in_scope, simulated, minutes, samples, kinds, points: list })
    }

    fn minute(&self, unit: &Unit, mark: i64, sheet: &mut Sheet) {
        let Some((_, version, registry)) = self.in_force(mark) else { return sheet.kinds.push('.') };
        sheet.registry.clone_from(version);
        let named = is_named(registry, unit);
        let enterprise = registry.enterprises.iter().find(|e| e.id == unit.enterprise && named);
        if let Some(enterprise) = enterprise {
            sheet.town = Some(enterprise.town.clone());
        }
        sheet.in_scope = enterprise.is_some_and(|e| match e.status {
            Status::Producing => true,
            Status::Stopped | Status::OrderedToStop => e.stock,
            _ => false,
        });
        if !sheet.in_scope {
            return sheet.kinds.push('.');
        }
        let required = Oracle::required(registry, unit);
        let missing: Vec<_> = required.iter().filter(|required| !self.has_reported(registry, required, mark)).collect();
        let filed = missing.iter().all(|(point, _, _, equipment)| self.is_filed(unit, point, equipment, mark));
        let kind = if required.is_empty() {
            'l'
        } else if missing.is_empty() {
            'r'
        } else if self.outages.iter().any(|(from, until)| (*from..*until).contains(&mark)) {
            's'
        } else if filed && sheet.excused < self.excused_max {
            sheet.excused += 1;
            'e'
        } else {
            'l'
        };
        sheet.kinds.push(kind);
        for (point, _, period, _) in &required {
            let (told, counted) =
                sheet.points.entry(point.clone()).or_insert_with(|| (nothing(point), BTreeMap::new()));
            let is_missing = missing.iter().any(|(missing, ..)| missing == point);
            told.required += 1;
            told.reported += u16::from(!is_missing);
            told.lost += u16::from(is_missing && kind == 'l');
            if kind == 'l' || kind == 'r' {
                *counted.entry(*period).or_insert(0) += 1;
            }
        }
    }

    /// Counts a point's readings of a day; says whether any was simulated.
    fn readings(&self, point: &str, day: Day, told: &mut PointDay) -> bool {
        let mut simulated = false;
        for heard in self.heard.get(point).into_iter().flatten() {
            if (day.start().0..day.end().0).contains(&heard.event) {
                let limit = if point == "M" { 900 } else { 60 };
                told.received += 1;
                told.good += u32::from(heard.good);
                told.timely += u32::from(heard.received - heard.event <= limit * SECOND_US);
                simulated |= heard.simulated;
            }
        }
        simulated
    }

    fn has_reported(&self, registry: &Registry, required: &(String, i64, i64, String), mark: i64) -> bool {
        let (point, window, ..) = required;
        let extra = window - Oracle::shortest(registry, point).unwrap_or(*window);
        assert!(extra == 0 || extra == 35);
        self.covered.get(&(point.clone(), extra)).is_some_and(|marks| marks.contains(&mark))
    }

    fn is_filed(&self, unit: &Unit, point: &str, equipment: &str, mark: i64) -> bool {
        self.filings.iter().any(|filing| {
            let Planned { object, from, to, .. } = &filing.planned;
            let end = filing.withdrawn_at.map_or(to.0, |back| back.0.min(to.0));
            object.enterprise.as_ref() == Some(&unit.enterprise)
                && object.equipment.as_ref().is_none_or(|filed| filed == equipment)
                && object.point.as_ref().is_none_or(|filed| filed == point)
                && (from.0..end).contains(&mark)
        })
    }
}

/// All units that any registry of the plant names.
pub fn units() -> [Unit; 3] {
    [e1(), e2(), unit("e2", "electricity")]
}

fn is_named(registry: &Registry, unit: &Unit) -> bool {
    registry.enterprises.iter().any(|e| e.id == unit.enterprise && e.sectors.contains(&unit.sector))
}

fn nothing(point: &str) -> PointDay {
    let point = point.to_owned();
    PointDay { point, required: 0, reported: 0, lost: 0, good: 0, received: 0, timely: 0, expected: 0 }
}

/// A stated day in the oracle's words.
pub fn told(day: &CoverageDay) -> Expected {
    let is_marked = |bitmap: &[u8], k: usize| bitmap[k / 8] >> (k % 8) & 1 == 1;
    let lost_or_outside = |k: usize| {
        let marks = [(&day.reported, 'r'), (&day.excused, 'e'), (&day.system, 's')];
        marks.iter().find(|(bitmap, _)| is_marked(bitmap, k)).map_or('?', |(_, kind)| *kind)
    };
    Expected {
        town: day.town.clone(),
        registry: day.registry.clone(),
        in_scope: day.in_scope,
        simulated: day.simulated,
        minutes: day.minutes,
        samples: day.samples,
        kinds: (0..1_440).map(lost_or_outside).collect(),
        points: day.points.clone(),
    }
}
