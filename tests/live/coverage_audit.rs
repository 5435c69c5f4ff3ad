//! A second reckoning of C-01 to C-04 that shares nothing with Davy but its tables: readings, registry, filings and
//! acceptances, minute by minute. Days of one registry and without outages of Davy. I/O.

use crate::judge::Judge;
use serde_json::Value;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;
/// 08:00 h.
const EAST: i64 = 480 * MINUTE;

pub struct Audit {
    /// Local days that are over, as text.
    pub days: Vec<String>,
    first: i64,
    units: Vec<Unit>,
}

struct Unit {
    enterprise: String,
    sector: String,
    in_scope: bool,
    /// By day.
    days: Vec<UnitDay>,
}

/// As the columns of `coverage_day`: minutes reported, lost, excused, outside; readings good, received, timely, expected,
/// counted; and whether it was connected.
#[derive(Clone, Debug, Default, PartialEq)]
struct UnitDay {
    minutes: [i64; 4],
    samples: [i64; 5],
    connected: bool,
}

struct Point {
    name: String,
    equipment: String,
    period_s: i64,
    window: i64,
    readings: Vec<(i64, i64, bool)>,
}

struct Work {
    equipment: Option<String>,
    point: Option<String>,
    from: i64,
    to: i64,
}

fn micros(column: &str) -> String {
    format!("(extract(epoch FROM {column}) * 1000000)::int8")
}

impl Audit {
    pub fn of(judge: &Judge) -> Audit {
        let registries = judge.rows(&format!("SELECT {}, content FROM registry ORDER BY at", micros("at")));
        let (begun, content): (i64, Vec<u8>) = (registries[0].get(0), registries[0].get(1));
        let ended: i64 = registries.get(1).expect("the real registry came after the past").get(0);
        let registry: Value = serde_json::from_slice(&content).expect("canonical JSON");
        let first = (begun + EAST).div_euclid(DAY);
        let count = (ended + EAST).div_euclid(DAY) - first;
        let span = Span { begun, first, count };
        let mut units = Vec::new();
        for enterprise in registry["enterprises"].as_array().expect("a list") {
            for sector in enterprise["sectors"].as_array().expect("a list") {
                units.push(unit(judge, enterprise, sector.as_str().expect("an id"), &span));
            }
        }
        let name = |day: i64| judge.rows(&format!("SELECT (date '1970-01-01' + {day})::text"))[0].get(0);
        Audit { days: (first..first + count).map(name).collect(), first, units }
    }

    /// Every unit's every day against the newest that Davy says of it.
    pub fn compare_days(&self, judge: &Judge) {
        let sql = "SELECT DISTINCT ON (enterprise, sector, day) enterprise, sector, (day - date '1970-01-01')::int8, \
                          in_scope, connected, reported::int8, lost::int8, excused::int8, outside::int8, system::int8, \
                          good, received, timely, expected, counted \
                   FROM coverage_day ORDER BY enterprise, sector, day, seq DESC";
        let mut stated: BTreeMap<(String, String, i64), (bool, UnitDay, i64)> = BTreeMap::new();
        for row in judge.rows(sql) {
            let day = UnitDay {
                minutes: [5, 6, 7, 8].map(|n| row.get(n)),
                samples: [10, 11, 12, 13, 14].map(|n| row.get(n)),
                connected: row.get(4),
            };
            stated.insert((row.get(0), row.get(1), row.get(2)), (row.get(3), day, row.get(9)));
        }
        let mut differ = Vec::new();
        for unit in &self.units {
            for (n, ours) in (0..).zip(&unit.days) {
                let key = (unit.enterprise.clone(), unit.sector.clone(), self.first + n);
                match stated.get(&key) {
                    Some((in_scope, theirs, 0)) if theirs == ours && *in_scope == unit.in_scope => {}
                    theirs => differ.push(format!("{key:?}: ours {} {ours:?}, theirs {theirs:?}", unit.in_scope)),
                }
            }
        }
        assert!(
            differ.is_empty(),
            "{} of {} days differ:\n{}",
            differ.len(),
            stated.len(),
            differ[..differ.len().min(8)].join("\n")
        );
        let kinds = self
            .units
            .iter()
            .flat_map(|unit| &unit.days)
            .fold([0_i64; 4], |sum, day| [0, 1, 2, 3].map(|n| sum[n] + day.minutes[n]));
        assert!(kinds.iter().all(|minutes| *minutes > 0), "every kind of minute is there: {kinds:?}");
    }

    /// The figures of a day, sector by sector.
    pub fn compare_figures(&self, day: &str, figures: &Value) {
        let at = self.days.iter().position(|known| known == day).expect("a day of ours");
        for sector in figures["sectors"].as_array().expect("sectors") {
            let name = sector["sector"].as_str().expect("an id");
            let units: Vec<&Unit> = self.units.iter().filter(|unit| unit.sector == name && unit.in_scope).collect();
            let today = || units.iter().map(|unit| &unit.days[at]);
            let connected = today().filter(|day| day.connected).count() as u64;
            let effective =
                units.iter().filter(|unit| unit.days[at].connected && unit.mean(at) >= 0.95 - 1e-12).count();
            let online: Vec<f64> = today().filter_map(UnitDay::online).collect();
            let (counted, expected) = today().fold((0, 0), |sum, day| (sum.0 + day.samples[4], sum.1 + day.samples[3]));
            let ratio = |metric: &str| (sector[metric]["num"].as_u64(), sector[metric]["den"].as_u64());
            let of = |num: u64, den: usize| (Some(num), Some(den as u64));
            assert_eq!(ratio("C01"), of(connected, units.len()), "{day} {name} C-01");
            assert_eq!(ratio("C03"), of(effective as u64, units.len()), "{day} {name} C-03");
            assert_eq!(ratio("C04"), of(counted as u64, expected as usize), "{day} {name} C-04");
            let mean = sector["C02"]["mean"].as_f64();
            let ours = (!online.is_empty()).then(|| online.iter().sum::<f64>() / online.len() as f64);
            assert!((mean.unwrap_or(-1.0) - ours.unwrap_or(-1.0)).abs() < 1e-9, "{day} {name} C-02: {mean:?} {ours:?}");
        }
        assert_eq!(figures["sectors"].as_array().map(Vec::len), Some(3), "{day}");
    }
}

impl Unit {
    /// Over the last thirty days that have a rate.
    fn mean(&self, at: usize) -> f64 {
        let rates: Vec<f64> = self.days[at.saturating_sub(29)..=at].iter().filter_map(UnitDay::online).collect();
        if rates.is_empty() { -1.0 } else { rates.iter().sum::<f64>() / rates.len() as f64 }
    }
}

impl UnitDay {
    fn online(&self) -> Option<f64> {
        let all = self.minutes[0] + self.minutes[1];
        (all > 0).then(|| self.minutes[0] as f64 / all as f64)
    }
}

struct Span {
    begun: i64,
    first: i64,
    count: i64,
}

fn unit(judge: &Judge, enterprise: &Value, sector: &str, span: &Span) -> Unit {
    let id = enterprise["id"].as_str().expect("an id");
    let status = enterprise["status"].as_str().expect("a status");
    let has_stock = enterprise["stock"] == true;
    let in_scope = status == "producing" || (["stopped", "ordered_to_stop"].contains(&status) && has_stock);
    let points = points(judge, enterprise, sector);
    let works = works(judge, id);
    let signed = judge.rows(&format!(
        "SELECT {}, accepted FROM acceptance WHERE enterprise = '{id}' AND sector = '{sector}' ORDER BY at",
        micros("at")
    ));
    let mut excused_of_month: BTreeMap<String, i64> = BTreeMap::new();
    let mut days = Vec::new();
    for day in span.first..span.first + span.count {
        let month: String = judge.rows(&format!("SELECT to_char(date '1970-01-01' + {day}, 'YYYY-MM')"))[0].get(0);
        let excused = excused_of_month.entry(month).or_default();
        let mut known = one_day(&points, &works, (day, span.begun), in_scope, excused);
        let end = (day + 1) * DAY - EAST;
        let last = signed.iter().rfind(|row| row.get::<_, i64>(0) < end);
        known.connected = last.is_some_and(|row| row.get(1));
        days.push(known);
    }
    Unit { enterprise: id.to_owned(), sector: sector.to_owned(), in_scope, days }
}

fn points(judge: &Judge, enterprise: &Value, sector: &str) -> Vec<Point> {
    let window_min = if sector == "electricity" { 45 } else { 10 };
    let mut points = Vec::new();
    for equipment in enterprise["equipment"].as_array().expect("a list") {
        if !equipment["sector"].is_null() && equipment["sector"] != sector {
            continue;
        }
        for point in equipment["points"].as_array().expect("a list") {
            let Some(period_s) = point["period_s"].as_i64().filter(|_| point["required"] == true) else { continue };
            let minutes = window_min.max((3 * period_s + 59) / 60);
            points.push(Point {
                name: point["id"].as_str().expect("an id").to_owned(),
                equipment: equipment["id"].as_str().expect("an id").to_owned(),
                period_s,
                window: minutes * MINUTE,
                readings: Vec::new(),
            });
        }
    }
    let rows = judge.rows(&format!(
        "SELECT point, {}, {}, quality::text FROM readings_v WHERE enterprise = '{}' ORDER BY event_time",
        micros("event_time"),
        micros("received"),
        enterprise["id"].as_str().expect("an id")
    ));
    let mut by_name: BTreeMap<&str, Vec<(i64, i64, bool)>> = BTreeMap::new();
    for row in &rows {
        let quality: String = row.get(3);
        by_name.entry(row.get(0)).or_default().push((row.get(1), row.get(2), quality == "0" || quality == "good"));
    }
    for point in &mut points {
        point.readings = by_name.remove(point.name.as_str()).unwrap_or_default();
    }
    points
}

fn works(judge: &Judge, enterprise: &str) -> Vec<Work> {
    let rows = judge.rows(&format!(
        "SELECT equipment, point, {}, {}, {} FROM filing WHERE enterprise = '{enterprise}'",
        micros("from_at"),
        micros("to_at"),
        micros("withdrawn_at")
    ));
    let read = |row: &tokio_postgres::Row| {
        let (to, withdrawn): (i64, Option<i64>) = (row.get(3), row.get(4));
        Work { equipment: row.get(0), point: row.get(1), from: row.get(2), to: withdrawn.map_or(to, |at| at.min(to)) }
    };
    rows.iter().map(read).collect()
}

/// Minute by minute, point by point.
fn one_day(points: &[Point], works: &[Work], (day, begun): (i64, i64), in_scope: bool, excused: &mut i64) -> UnitDay {
    let mut known = UnitDay::default();
    let start = day * DAY - EAST;
    let mut counted_minutes = 0;
    for minute in 0..1_440 {
        let mark = start + minute * MINUTE;
        if !in_scope || mark < begun {
            known.minutes[3] += 1;
            continue;
        }
        let missing: Vec<&Point> = points.iter().filter(|point| !point.covers(mark)).collect();
        let is_at_work = |point: &&Point| works.iter().any(|work| work.is_at(point, mark));
        if missing.is_empty() && !points.is_empty() {
            known.minutes[0] += 1;
        } else if !points.is_empty() && missing.iter().all(is_at_work) && *excused < 48 * 60 {
            known.minutes[2] += 1;
            *excused += 1;
            continue;
        } else {
            known.minutes[1] += 1;
        }
        counted_minutes += 1;
    }
    // Out of scope nothing is required of it, and so nothing counted.
    for point in points.iter().filter(|_| in_scope) {
        let today = point.readings.iter().filter(|(event, ..)| (start..start + DAY).contains(event));
        let (mut good, mut received, mut timely) = (0, 0, 0);
        let patience = if point.period_s >= 900 { 900 } else { 60 } * 1_000_000;
        for (event, at, is_good) in today {
            received += 1;
            good += i64::from(*is_good);
            timely += i64::from(at - event <= patience);
        }
        let expected = counted_minutes * 60 / point.period_s;
        for (sum, part) in known.samples.iter_mut().zip([good, received, timely, expected, good.min(expected)]) {
            *sum += part;
        }
    }
    known
}

impl Point {
    fn covers(&self, mark: i64) -> bool {
        // In the order of event times: the newest good one up to the mark decides.
        let behind = self.readings.partition_point(|(event, ..)| *event <= mark);
        let newest = self.readings[..behind].iter().rev().find(|(.., is_good)| *is_good);
        newest.is_some_and(|(event, ..)| mark - event < self.window)
    }
}

impl Work {
    fn is_at(&self, point: &Point, mark: i64) -> bool {
        let fits = |filed: &Option<String>, own: &str| filed.as_deref().is_none_or(|filed| filed == own);
        self.from <= mark && mark < self.to && fits(&self.equipment, &point.equipment) && fits(&self.point, &point.name)
    }
}
