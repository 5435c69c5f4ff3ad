//! What a plant is beyond its points: what equipment was designed for, when people work, who lives around it; and the
//! calendar of days off. Must not know templates. Pure.

use crate::seeds::names::{Names, text};
use crate::seeds::page::{Node, Page, Table};
use crate::seeds::spell::hint;
use alerting::day::Day;
use rules::around::minute_of_day;
use rules::registry::Equipment;
use rules::site::{Calendar, Design, Shift, Site, Target};

/// Keys of equipment.
pub const DESIGN_KEYS: [&str; 5] = ["height_m", "rated_a", "loc", "mec", "pair"];
/// Keys of an enterprise.
pub const SITE_KEYS: [&str; 3] = ["shifts", "targets", "plan_radius_m"];
pub const HOLIDAYS: &str = "holidays.toml";

/// No tank is higher, m.
const HEIGHT_MAX_M: f64 = 100.0;
/// What air has of it, %vol.
const OXYGEN: f64 = 20.9;
/// A day off is not longer.
const RANGE_MAX_DAYS: i32 = 31;

/// Where a piece of equipment names its pair, and what it is called itself.
pub type Pairs<'p> = Vec<(Node<'p>, String)>;

pub fn design<'p>(table: &Table<'p>, own: &str, pairs: &mut Pairs<'p>) -> Design {
    let pair = table.get("pair").and_then(|node| {
        pairs.push((node, own.to_owned()));
        text(node)
    });
    Design {
        height_m: within(table, "height_m", HEIGHT_MAX_M),
        rated_a: within(table, "rated_a", f64::MAX),
        loc: within(table, "loc", OXYGEN),
        mec: within(table, "mec", f64::MAX),
        pair,
    }
}

/// Every pair that is named is other equipment of the same enterprise.
pub fn check_pairs(pairs: &Pairs<'_>, equipment: &[Equipment]) {
    for (node, own) in pairs {
        let Some(pair) = node.text() else { continue };
        let others = || equipment.iter().map(|other| other.id.as_str()).filter(|id| id != own);
        if !others().any(|other| other == pair) {
            node.refuse(format!("{own} is paired with {pair:?}, which is no other equipment"), hint(pair, others()));
        }
    }
}

pub fn site(table: &Table<'_>) -> Site {
    let list = |key| table.get(key).and_then(|node| node.list()).unwrap_or_default();
    let mut names = Names::new("target");
    Site {
        shifts: list("shifts").into_iter().filter_map(shift).collect(),
        targets: list("targets").into_iter().filter_map(|node| target(node, &mut names)).collect(),
        plan_radius_m: within(table, "plan_radius_m", 100_000.0),
    }
}

/// A number above 0, up to some bound.
fn within(table: &Table<'_>, key: &str, max: f64) -> Option<f64> {
    let node = table.get(key)?;
    let number = node.number()?;
    if number <= 0.0 || number > max {
        let remedy = if max < f64::MAX {
            format!("write a number above 0, up to {max}")
        } else {
            "write a number above 0".to_owned()
        };
        node.refuse(format!("{key} = {number}"), remedy);
    }
    Some(number)
}

/// `{ from = "08:00", to = "16:00", every_day = true }`.
fn shift(node: Node<'_>) -> Option<Shift> {
    let table = node.table("a shift", &["from", "to", "every_day"])?;
    let clock = |key| {
        let node = table.need(key)?;
        let minute = minute_of_day(node.text()?);
        if minute.is_none() {
            node.refuse(format!("{key:?} is no time of day"), "write hours and minutes, as in \"08:00\"");
        }
        minute
    };
    let (from, to) = (clock("from"), clock("to"));
    let every_day = table.get("every_day").and_then(|node| node.flag()).unwrap_or(false);
    Some(Shift { from: from?, to: to?, every_day })
}

/// `{ name = "第三小学", bearing_deg = 135, distance_m = 420 }`.
fn target(node: Node<'_>, names: &mut Names) -> Option<Target> {
    let table = node.table("a target", &["name", "bearing_deg", "distance_m"])?;
    let name = table.need("name").and_then(|node| text(node).filter(|name| names.add(node, name)));
    let bearing_deg = table.need("bearing_deg").and_then(|node| {
        let degrees = node.number()?;
        if !(0.0..360.0).contains(&degrees) {
            node.refuse(
                format!("a bearing of {degrees}"),
                "write degrees from north, clockwise, 0 up to less than 360",
            );
        }
        Some(degrees)
    });
    let distance_m = table.need("distance_m").and(within(&table, "distance_m", 100_000.0));
    Some(Target { name: name?, bearing_deg: bearing_deg?, distance_m: distance_m? })
}

/// Years with their days off and the days worked instead.
pub fn calendar<'p>(page: Option<&'p Page<'p>>) -> Calendar {
    let mut calendar = Calendar::default();
    let rows = page.and_then(|page| page.root(&["year"]).need("year")).and_then(|node| node.list());
    for row in rows.unwrap_or_default() {
        let Some(table) = row.table("a year", &["year", "off", "worked"]) else { continue };
        let Some(year) = table.need("year").and_then(|node| node.whole()) else { continue };
        let list = |key| table.get(key).and_then(|node| node.list()).unwrap_or_default();
        for node in list("off") {
            add(node, year, (&mut calendar.off, &calendar.worked));
        }
        for node in list("worked") {
            add(node, year, (&mut calendar.worked, &calendar.off));
        }
    }
    calendar
}

/// `"2026-10-01"`, or `"2026-10-01..2026-10-07"` with both ends.
fn add(
    node: Node<'_>,
    year: i64,
    (into, other): (&mut std::collections::BTreeSet<i32>, &std::collections::BTreeSet<i32>),
) {
    let Some(word) = node.text() else { return };
    let (from, to) = word.split_once("..").unwrap_or((word, word));
    let (Ok(from), Ok(to)) = (from.parse::<Day>(), to.parse::<Day>()) else {
        node.refuse(format!("{word:?} is no day"), "write 2026-10-01, or 2026-10-01..2026-10-07 for a span of days");
        return;
    };
    if to < from || to > from.plus(RANGE_MAX_DAYS) {
        node.refuse(
            format!("{word:?} is no span of days off"),
            "the earlier day stands first, at most a month later the other",
        );
        return;
    }
    for day in from.0..=to.0 {
        if i64::from(Day(day).civil().0) != year {
            node.refuse(format!("{} does not lie in {year}", Day(day)), "put it into the year it belongs to");
        } else if other.contains(&day) || !into.insert(day) {
            node.refuse(format!("{} is named twice", Day(day)), "a day is off or worked, once");
        }
    }
}
