//! A second reckoning of one rule (DU-01) and of what the record says, that shares nothing with Davy but its tables: from
//! readings, registry and alarm events alone. I/O.

use crate::judge::Judge;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A reading that comes later than this is history, and raises nothing. Microseconds.
const LIVE: i64 = 300_000_000;

/// A breach of DU-01 lasts so long before it raises an alarm; no hopper of the past is read that often.
const DELAY: i64 = 30_000_000;

/// One alarm while it is in breach: enterprise, point; raised and returned, in microseconds.
pub type Stay = (String, String, i64, Option<i64>);

/// An alarm as the record has it: rule, enterprise, equipment, point, raised, returned.
pub type Recorded = (String, [Option<String>; 3], i64, Option<i64>);

fn micros(column: &str) -> String {
    format!("(extract(epoch FROM {column}) * 1000000)::int8")
}

/// When the registries came into force.
pub fn registered(judge: &Judge) -> Vec<i64> {
    judge.rows(&format!("SELECT {} FROM registry ORDER BY at", micros("at"))).iter().map(|row| row.get(0)).collect()
}

/// The H limits of all hoppers of the registry of the past.
fn limits(judge: &Judge) -> BTreeMap<(String, String), f64> {
    let content: Vec<u8> = judge.rows("SELECT content FROM registry ORDER BY at LIMIT 1")[0].get(0);
    let registry: Value = serde_json::from_slice(&content).expect("canonical JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut limits = BTreeMap::new();
    for enterprise in list(&registry["enterprises"]) {
        for equipment in list(&enterprise["equipment"]) {
            for point in list(&equipment["points"]).iter().filter(|point| point["tag"] == "dust.hopper_temp") {
                let h = point["limits"]["h"].as_f64().unwrap_or(60.0);
                limits.insert((text(&enterprise["id"]), text(&point["id"])), h);
            }
        }
    }
    limits
}

/// What DU-01 must say until `to` if it fires so far below H and returns five below that: every hopper on its own, reading
/// by reading.
pub fn stays(judge: &Judge, below: f64, to: i64) -> BTreeSet<Stay> {
    let limits = limits(judge);
    let sql = format!(
        "SELECT enterprise, point, {}, {}, value FROM readings_v WHERE point LIKE '%.hopper_temp' AND quality < 2 \
         ORDER BY enterprise, point, received",
        micros("event_time"),
        micros("received")
    );
    let mut stays = BTreeSet::new();
    let mut open: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in judge.rows(&sql) {
        let key: (String, String) = (row.get(0), row.get(1));
        let (event, received, value): (i64, i64, f64) = (row.get(2), row.get(3), row.get(4));
        let Some(h) = limits.get(&key) else { continue };
        if received - event > LIVE || received >= to {
            continue;
        }
        if value >= h - below {
            open.entry(key).or_insert(received + DELAY);
        } else if value < h - below - 5.0
            && let Some(raised) = open.remove(&key)
        {
            stays.insert((key.0, key.1, raised, Some(received)));
        }
    }
    stays.extend(
        open.into_iter()
            .filter(|(_, raised)| *raised < to)
            .map(|((enterprise, point), raised)| (enterprise, point, raised, None)),
    );
    stays
}

/// What must come of replacing one by the other: of each stay the fate, as far as it lasts into the time from `from` on.
pub fn fates(
    before: &BTreeSet<Stay>,
    after: &BTreeSet<Stay>,
    from: i64,
) -> Vec<(&'static str, Option<Stay>, Option<Stay>)> {
    let lasts = |stay: &&Stay| stay.3.is_none_or(|returned| returned > from);
    let overlap = |a: &Stay, b: &Stay| {
        (&a.0, &a.1) == (&b.0, &b.1) && a.2 < b.3.unwrap_or(i64::MAX) && b.2 < a.3.unwrap_or(i64::MAX)
    };
    let mut fates = Vec::new();
    let mut taken: BTreeSet<&Stay> = BTreeSet::new();
    for stay in before.iter().filter(lasts) {
        if after.contains(stay) {
            fates.push(("same", Some(stay.clone()), Some(stay.clone())));
            taken.insert(stay);
            continue;
        }
        let other = after
            .iter()
            .filter(lasts)
            .find(|other| !before.contains(*other) && !taken.contains(*other) && overlap(stay, other));
        taken.extend(other);
        fates.push((if other.is_some() { "moved" } else { "gone" }, Some(stay.clone()), other.cloned()));
    }
    fates.extend(after.iter().filter(lasts).filter(|s| !taken.contains(*s)).map(|s| ("new", None, Some(s.clone()))));
    fates.sort();
    fates
}

/// What the record says of the alarms of rules until `to`: from the event that brought each into breach to the one that
/// ended it.
pub fn recorded(judge: &Judge, to: i64) -> BTreeSet<Recorded> {
    let sql = format!(
        "SELECT a.id, a.rule, a.enterprise, a.equipment, a.point, {}, e.to_state FROM alarm_event e \
         JOIN alarm a ON a.id = e.alarm WHERE a.rule_set <> '' ORDER BY e.seq, e.idx",
        micros("e.at")
    );
    let mut open: BTreeMap<i64, Recorded> = BTreeMap::new();
    let mut done = BTreeSet::new();
    for row in judge.rows(&sql) {
        let (id, at, state): (i64, i64, String) = (row.get(0), row.get(5), row.get(6));
        if at >= to {
            continue;
        }
        let stands = ["unacknowledged", "acknowledged", "suppressed_by_design"].contains(&state.as_str());
        if stands {
            let object = [row.get(2), row.get(3), row.get(4)];
            open.entry(id).or_insert_with(|| (row.get(1), object, at, None));
        } else if let Some(alarm) = open.remove(&id) {
            done.insert(Recorded::from((alarm.0, alarm.1, alarm.2, Some(at))));
        }
    }
    done.extend(open.into_values());
    done
}
