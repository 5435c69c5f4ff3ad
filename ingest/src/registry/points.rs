//! Rows of points, taken in by enterprise, equipment and point: known ones change where a cell says something, others are
//! new. Pure.

use super::cells::{Alphabet, Cells, NONE, Report, put};
use super::{Change, Taken};
use crate::seeds::hint;
use rules::registry::{Enterprise, Equipment, LimitName, Limits, Point, Registry, Text};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const COLUMNS: [&str; 13] = [
    "enterprise",
    "equipment",
    "point",
    "tag",
    "range_lo",
    "range_hi",
    "period_s",
    "ll",
    "l",
    "h",
    "hh",
    "dead_band",
    "required",
];

/// The kind of equipment that came with its points: no template made it.
const KIND: &str = "imported";
/// Nothing that is called periodic is sampled more seldom than once a day.
const PERIOD_MAX_S: u32 = 86_400;

/// Where the points of one enterprise stand.
#[derive(Default)]
struct Places {
    equipment: BTreeMap<String, usize>,
    points: BTreeMap<String, (usize, usize)>,
}

impl Places {
    fn of(enterprise: &Enterprise) -> Places {
        let mut places = Places::default();
        for (n, equipment) in enterprise.equipment.iter().enumerate() {
            places.equipment.insert(equipment.id.clone(), n);
            places.points.extend(equipment.points.iter().enumerate().map(|(m, point)| (point.id.clone(), (n, m))));
        }
        places
    }
}

pub(super) fn take(registry: &mut Registry, rows: &[Cells<'_>], report: &mut Report) -> Vec<Taken> {
    let tags: BTreeSet<String> = registry.tag_types.iter().map(|tag| tag.id.clone()).collect();
    let enterprises: BTreeMap<String, usize> =
        registry.enterprises.iter().enumerate().map(|(n, enterprise)| (enterprise.id.clone(), n)).collect();
    let mut places: BTreeMap<usize, Places> = BTreeMap::new();
    let mut seen: BTreeMap<(usize, String), u64> = BTreeMap::new();
    let mut taken = Vec::new();
    for cells in rows {
        let id = cells.id("enterprise", Alphabet::Topic, report);
        let equipment = cells.id("equipment", Alphabet::Equipment, report);
        let point = cells.id("point", Alphabet::Point, report);
        let (Some(id), Some(equipment), Some(point)) = (id, equipment, point) else { continue };
        let Some(&number) = enterprises.get(id) else {
            let remedy = hint(id, enterprises.keys().map(String::as_str));
            let remedy = format!("{remedy} A new enterprise is imported before its points");
            cells.refuse(report, "enterprise", (format!("{id} is not in the registry"), &remedy));
            continue;
        };
        if let Some(first) = seen.insert((number, point.to_owned()), cells.line) {
            cells.refuse(report, "point", (format!("{point} stands in row {first} too"), "keep one of them"));
            continue;
        }
        let Some(enterprise) = registry.enterprises.get_mut(number) else { continue };
        let places = places.entry(number).or_insert_with(|| Places::of(enterprise));
        taken.extend(one(enterprise, places, (cells, [equipment, point], &tags), report));
    }
    taken
}

type Row<'a, 'b> = (&'a Cells<'b>, [&'a str; 2], &'a BTreeSet<String>);

fn one(
    enterprise: &mut Enterprise,
    places: &mut Places,
    (cells, [equipment_id, point_id], tags): Row<'_, '_>,
    report: &mut Report,
) -> Option<Taken> {
    let what = format!("{}/{equipment_id}/{point_id}", enterprise.id);
    let line = cells.line;
    if let Some(&(n, m)) = places.points.get(point_id) {
        let equipment = enterprise.equipment.get_mut(n)?;
        if equipment.id != equipment_id {
            let problem = format!("{point_id} belongs to {}", equipment.id);
            cells.refuse(report, "equipment", (problem, "a point stays where it is; give another one another id"));
            return None;
        }
        let columns = fill(equipment.points.get_mut(m)?, cells, (tags, report));
        let change = Change { line, what, added: false, columns };
        return Some(if change.columns.is_empty() { Taken::Unchanged } else { Taken::Changed(change) });
    }
    let point = new(point_id, cells, (tags, report))?;
    let n = match places.equipment.get(equipment_id) {
        Some(&n) => n,
        None => {
            let n = enterprise.equipment.len();
            enterprise.equipment.push(imported(equipment_id));
            places.equipment.insert(equipment_id.to_owned(), n);
            n
        }
    };
    let equipment = enterprise.equipment.get_mut(n)?;
    places.points.insert(point_id.to_owned(), (n, equipment.points.len()));
    equipment.points.push(point);
    let columns = COLUMNS.iter().skip(3).filter(|column| cells.get(column).is_some());
    let columns = columns.map(|column| (*column).to_owned()).collect();
    Some(Taken::Changed(Change { line, what, added: true, columns }))
}

fn imported(id: &str) -> Equipment {
    Equipment {
        id: id.to_owned(),
        name: Text { zh: id.to_owned(), en: id.to_owned() },
        kind: KIND.to_owned(),
        hazard_level: None,
        circuit_role: None,
        points: Vec::new(),
        national_code: None,
        sector: None,
        rated_kw: None,
        design: rules::site::Design::default(),
    }
}

fn new(id: &str, cells: &Cells<'_>, (tags, report): (&BTreeSet<String>, &mut Report)) -> Option<Point> {
    let needed = ["tag", "range_lo", "range_hi"];
    for column in needed.into_iter().filter(|column| cells.get(column).is_none()) {
        let problem = format!("{id} is not in the registry, and a new point needs {column}");
        cells.refuse(report, column, (problem, "write it, or correct the id"));
    }
    if needed.iter().any(|column| cells.get(column).is_none()) {
        return None;
    }
    let mut point = Point {
        id: id.to_owned(),
        tag: String::new(),
        range_lo: 0.0,
        range_hi: 1.0,
        period_s: None,
        limits: Limits::default(),
        dead_band: 0.0,
        required: false,
        national_code: None,
        substance: None,
    };
    fill(&mut point, cells, (tags, report));
    Some(point)
}

/// Puts in what the cells say; returns the columns that were news. The outcome is checked as a whole, because a new range
/// can make an old limit wrong.
fn fill(point: &mut Point, cells: &Cells<'_>, (tags, report): (&BTreeSet<String>, &mut Report)) -> Vec<String> {
    let mut news = Vec::new();
    let tag = cells.get("tag").filter(|tag| {
        let is_known = tags.contains(*tag);
        if !is_known {
            let remedy = hint(tag, tags.iter().map(String::as_str));
            cells.refuse(report, "tag", (format!("there is no tag type {tag:?}"), &remedy));
        }
        is_known
    });
    put(&mut point.tag, tag.map(str::to_owned), ("tag", &mut news));
    put(&mut point.range_lo, cells.number("range_lo", report), ("range_lo", &mut news));
    put(&mut point.range_hi, cells.number("range_hi", report), ("range_hi", &mut news));
    put(&mut point.period_s, period(cells, report), ("period_s", &mut news));
    for name in LimitName::ALL {
        let mut limit = point.limits.get(name);
        put(&mut limit, cells.number_or_none(name.name(), report), (name.name(), &mut news));
        point.limits.set(name, limit);
    }
    put(&mut point.dead_band, cells.number("dead_band", report), ("dead_band", &mut news));
    put(&mut point.required, cells.flag("required", report), ("required", &mut news));
    if !news.is_empty() {
        check(point, cells, report);
    }
    news
}

fn period(cells: &Cells<'_>, report: &mut Report) -> Option<Option<u32>> {
    let text = cells.get("period_s")?;
    if text == NONE {
        return Some(None);
    }
    let period = text.parse().ok().filter(|seconds| (1..=PERIOD_MAX_S).contains(seconds));
    if period.is_none() {
        let remedy = "write 1 to 86400 seconds, or - for a point that speaks only of events";
        cells.refuse(report, "period_s", (format!("period of {text:?}"), remedy));
    }
    period.map(Some)
}

fn check(point: &Point, cells: &Cells<'_>, report: &mut Report) {
    let (lo, hi) = (point.range_lo, point.range_hi);
    if lo >= hi {
        let problem = format!("range from {lo} to {hi} is empty");
        cells.refuse(report, "range_hi", (problem, "range_lo must be the lower one"));
        return;
    }
    let mut below: Option<(LimitName, f64)> = None;
    for name in LimitName::ALL {
        let Some(value) = point.limits.get(name) else { continue };
        if value < lo || value > hi {
            let problem = format!("limit {} = {value} lies outside the range {lo} to {hi}", name.name());
            let remedy = "a value out there is judged as out of range, never against the limit";
            cells.refuse(report, name.name(), (problem, remedy));
        }
        if let Some((lower, held)) = below.filter(|(_, held)| *held >= value) {
            let problem = format!("limits out of order: {} = {held}, {} = {value}", lower.name(), name.name());
            cells.refuse(report, name.name(), (problem, "keep ll < l < h < hh"));
        }
        below = Some((name, value));
    }
    if point.dead_band < 0.0 || point.dead_band >= hi - lo {
        let problem = format!("dead-band of {} in a range from {lo} to {hi}", point.dead_band);
        cells.refuse(report, "dead_band", (problem, "write a number from 0 up to less than the whole range"));
    }
    if point.required && point.period_s.is_none() {
        let problem = "it is required but has no period".to_owned();
        cells.refuse(report, "period_s", (problem, "write its period, or required = false"));
    }
}
