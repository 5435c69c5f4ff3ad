//! The numbers of a point: range, period, limits, dead-band. Written in its template, and again, in part, where one
//! enterprise's equipment differs. Must not know templates or equipment. Pure.

use crate::seeds::page::{Node, Table};
use rules::registry::{LimitName, Point};

/// The keys this file reads; an enterprise may set each of them for its own equipment.
pub const KEYS: [&str; 4] = ["range", "period_s", "limits", "dead_band"];

/// Nothing that is called periodic is sampled more seldom than once a day.
const PERIOD_MAX_S: u32 = 86_400;

/// Sets what the table says and checks the outcome as a whole, because a new range can make an old limit wrong.
pub fn read_into(table: &Table<'_>, point: &mut Point) {
    if table.get("range").is_some_and(|node| !read_range(node, point)) {
        // Nothing can be said about limits in a range that is not known.
        return;
    }
    if let Some(seconds) = table.get("period_s").and_then(read_period) {
        point.period_s = Some(seconds);
    }
    if let Some(limits) = table.get("limits").and_then(|n| n.table("limits", &["ll", "l", "h", "hh"])) {
        for name in LimitName::ALL {
            if let Some(value) = limits.get(name.name()).and_then(|n| n.number()) {
                point.limits.set(name, Some(value));
            }
        }
    }
    if let Some(value) = table.get("dead_band").and_then(|n| n.number()) {
        point.dead_band = value;
    }
    check(table, point);
}

/// False if there is no telling what the range is.
fn read_range(node: Node<'_>, point: &mut Point) -> bool {
    let Some(list) = node.list() else { return false };
    let [lo, hi] = list.as_slice() else {
        node.refuse("\"range\" is not a pair of numbers", "write range = [lowest, highest]");
        return false;
    };
    let (Some(lo), Some(hi)) = (lo.number(), hi.number()) else { return false };
    (point.range_lo, point.range_hi) = (lo, hi);
    true
}

fn read_period(node: Node<'_>) -> Option<u32> {
    let seconds = node.whole()?;
    let fits = u32::try_from(seconds).ok().filter(|s| (1..=PERIOD_MAX_S).contains(s));
    if fits.is_none() {
        let remedy =
            format!("write 1 to {PERIOD_MAX_S} seconds, or leave it out for a point that speaks only of events");
        node.refuse(format!("period of {seconds} s"), remedy);
    }
    fits
}

fn check(table: &Table<'_>, point: &Point) {
    let (lo, hi) = (point.range_lo, point.range_hi);
    let refuse = |key: &str, problem: String, remedy: &str| match table.get(key) {
        Some(node) => node.refuse(problem, remedy),
        None => table.refuse(problem, remedy),
    };
    if lo >= hi {
        refuse("range", format!("range from {lo} to {hi} is empty"), "the first number must be the lower one");
        return;
    }
    let mut below: Option<(LimitName, f64)> = None;
    for name in LimitName::ALL {
        let Some(value) = point.limits.get(name) else { continue };
        if value < lo || value > hi {
            let problem = format!("limit {} = {value} lies outside the range {lo} to {hi}", name.name());
            refuse("limits", problem, "a value out there is judged as out of range, never against the limit");
        }
        if let Some((lower, held)) = below.filter(|(_, held)| *held >= value) {
            let problem = format!("limits out of order: {} = {held}, {} = {value}", lower.name(), name.name());
            refuse("limits", problem, "keep ll < l < h < hh");
        }
        below = Some((name, value));
    }
    if point.dead_band < 0.0 || point.dead_band >= hi - lo {
        let problem = format!("dead-band of {} in a range from {lo} to {hi}", point.dead_band);
        refuse("dead_band", problem, "write a number from 0 up to less than the whole range");
    }
}
