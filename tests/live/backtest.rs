//! `davy rules backtest` over five weeks that lie in a database and in its journal: the rules in force raise what was raised
//! then, to the microsecond, and a changed threshold is answered for alarm by alarm. I/O.

use crate::backtest_audit::{Recorded, Stay, fates, recorded, registered, stays};
use crate::judge::Judge;
use crate::place::World;
use davy_tests::davy::root;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DAY: i64 = 86_400_000_000;
const MINUTE: i64 = 60_000_000;

/// The history of `world` ends where its second registry came into force.
pub fn over(world: &World, judge: &Judge) {
    let registered = registered(judge);
    // What falls due between the last message of the play and its end is nobody's business.
    let (begun, ended) = (registered[0], registered[1] - 2 * MINUTE);
    the_record_is_reproduced(world, judge, [begun, ended]);
    a_threshold_is_answered_for(world, judge, [begun + 10 * DAY, ended]);
    an_alarm_is_explained(world, judge);
    wrong_questions_are_refused(world);
}

/// The same rules on both sides differ in nothing, and raise what was raised.
fn the_record_is_reproduced(world: &World, judge: &Judge, span: [i64; 2]) {
    let rules = root().join("seeds/rules");
    let report = run(world, judge, &rules, span, &[]);
    assert_eq!(report["tried"]["version"], report["compared_with"]["version"], "{}", report["compared_with"]);
    let other: Vec<&Value> = alarms(&report).iter().filter(|alarm| alarm["fate"] != "same").collect();
    assert!(other.is_empty(), "the same rules say the same: {other:?}");
    let ours: BTreeSet<Recorded> = alarms(&report).iter().map(as_recorded).collect();
    let theirs = recorded(judge, span[1]);
    let (lost, invented): (Vec<_>, Vec<_>) = (theirs.difference(&ours).collect(), ours.difference(&theirs).collect());
    assert!(lost.is_empty() && invented.is_empty(), "not reproduced: {lost:?}\nnot on record: {invented:?}");
    assert!(ours.len() > 100, "only {} alarms are on record", ours.len());
    assert!(ours.iter().any(|alarm| alarm.0 == "HC-11") && ours.iter().any(|alarm| alarm.0 == "HC-23"));
    let said = report["not_reproduced"].as_array().expect("a list");
    let said = |part: &str| said.iter().any(|line| line.as_str().expect("a text").contains(part));
    assert!(said("every reading is here what it was then") && said("duplicates that were dropped"), "{report}");
    let sql = format!("SELECT count(*) FROM readings_v WHERE extract(epoch FROM received) * 1000000 < {}", span[1]);
    assert_eq!(report["readings"].as_i64(), Some(judge.number(&sql)));
    for rate in [&report["reading_rate"], &report["judging_rate"]["tried"], &report["judging_rate"]["compared_with"]] {
        assert!(rate.as_f64().expect("a number") > 1_000.0, "{report}");
    }
}

/// DU-01 at 33 below H against 35 below: which alarms differ is reckoned from the readings.
fn a_threshold_is_answered_for(world: &World, judge: &Judge, span: [i64; 2]) {
    let [before, after] = [("h33", 33.0), ("h35", 35.0)].map(|(name, below)| (packs(world, name, below), below));
    let against = before.0.display().to_string();
    let report = run(world, judge, &after.0, span, &["--against", &against]);
    assert!(report["judged_since"].as_str() < report["from"].as_str(), "windows are filled first");
    let other: Vec<&Value> =
        alarms(&report).iter().filter(|alarm| alarm["fate"] != "same" && alarm["rule"] != "DU-01").collect();
    assert!(other.is_empty(), "other rules say the same: {other:?}");
    let expected = fates(&stays(judge, before.1, span[1]), &stays(judge, after.1, span[1]), span[0]);
    let hoppers = || alarms(&report).iter().filter(|alarm| alarm["rule"] == "DU-01");
    let mut named: Vec<_> = hoppers().map(as_fate).collect();
    named.sort();
    let missing: Vec<_> = expected.iter().filter(|fate| !named.contains(fate)).take(3).collect();
    let surplus: Vec<_> = named.iter().filter(|fate| !expected.contains(fate)).take(3).collect();
    assert!(
        named == expected,
        "{} named, {} expected; missing {missing:?}, surplus {surplus:?}",
        named.len(),
        expected.len()
    );
    for fate in ["new", "moved"] {
        let count = expected.iter().filter(|(name, ..)| *name == fate).count();
        assert!(count > 10, "only {count} are {fate}: the threshold is badly chosen for this test");
    }
    let figures = report["rules"].as_array().expect("a list").iter().find(|rule| rule["rule"] == "DU-01");
    let figures = figures.expect("every rule is listed");
    let fate = |name: &str| expected.iter().filter(|(fate, ..)| *fate == name).count() as u64;
    for name in ["new", "gone", "moved", "same"] {
        assert_eq!(figures[name].as_u64(), Some(fate(name)), "{name}");
    }
    the_other_way_round(world, judge, span, [&after.0, &before.0], &expected);
}

/// Out of the journal, and with both exchanged: what was new is gone.
fn the_other_way_round(world: &World, judge: &Judge, span: [i64; 2], [before, after]: [&Path; 2], expected: &[Fated]) {
    let (against, journal) = (before.display().to_string(), world.place.data().display().to_string());
    let report = run(world, judge, after, span, &["--against", &against, "--journal", &journal]);
    let exchanged = |(fate, before, after): &Fated| {
        let fate = match *fate {
            "new" => "gone",
            "gone" => "new",
            other => other,
        };
        (fate, after.clone(), before.clone())
    };
    let mut expected: Vec<Fated> = expected.iter().map(exchanged).collect();
    expected.sort();
    let mut named: Vec<Fated> = alarms(&report).iter().filter(|alarm| alarm["rule"] == "DU-01").map(as_fate).collect();
    named.sort();
    assert_eq!(named, expected, "the journal tells the same history as the database");
}

/// The gas of the play, and a hopper that grew hot: what they were judged by, and that judging again comes to the same.
fn an_alarm_is_explained(world: &World, judge: &Judge) {
    for (rule, value, limit) in [("HC-11", 62.0, ("hh", 50.0)), ("DU-01", 66.0, ("h", 60.0))] {
        let id = judge.number(&format!("SELECT min(id) FROM alarm WHERE rule = '{rule}'")).to_string();
        let output = world.place.run(&["rules", "explain", &id, "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&told["rule"], &told["reproduced"]), (&Value::from(rule), &Value::from(true)), "{told}");
        let named = |list: &str, key: &str, name: &str| {
            let found = told[list].as_array().expect("a list").iter().find(|one| one[key] == name).cloned();
            found.unwrap_or_else(|| panic!("{told}"))["value"].as_f64()
        };
        assert_eq!(named("inputs", "name", "value"), Some(value), "{told}");
        assert_eq!(named("limits", "limit", limit.0), Some(limit.1), "{told}");
        let said = world.place.run(&["rules", "explain", &id]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("raised at the same microsecond") && said.contains(rule), "{said}");
    }
    let nobody = world.place.run(&["rules", "explain", "7"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("knows no alarm 7"));
}

fn wrong_questions_are_refused(world: &World) {
    let rules = root().join("seeds/rules").display().to_string();
    let broken = world.place.dir.join("broken");
    fs::create_dir_all(&broken).expect("made");
    fs::write(broken.join("x.toml"), "[[rule]]\nid = \"X-1\"\nwhen = \"valeu > 1\"\n").expect("written");
    let broken = broken.display().to_string();
    let ask = |args: &[&str]| {
        let output = world.place.run(&[&["rules", "backtest"], args].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = ask(&["--rules", &broken, "--from", "2026-01-01"]);
    assert!(code == Some(2) && said.contains("x.toml"), "{code:?} {said}");
    let (code, said) = ask(&["--rules", &rules, "--from", "2026-01-02", "--to", "2026-01-01"]);
    assert!(code == Some(2) && said.contains("is not after"), "{code:?} {said}");
    let (code, said) = ask(&["--rules", &rules, "--from", "2026-01-01", "--against", "0000000"]);
    assert!(code == Some(1) && said.contains("neither a directory nor a rule set"), "{code:?} {said}");
}

type Fated = (&'static str, Option<Stay>, Option<Stay>);

/// Runs it with all its files, and gives back what it says as JSON; the others must tell of as many alarms.
fn run(world: &World, judge: &Judge, rules: &Path, [from, to]: [i64; 2], more: &[&str]) -> Value {
    let text = |at: i64| {
        let sql = "SELECT to_char(timestamptz 'epoch' + interval '1 microsecond' *";
        let row = &judge.rows(&format!("{sql} {at}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"))[0];
        row.get::<_, String>(0)
    };
    let file = |name: &str| world.place.dir.join(name).display().to_string();
    let (json, csv, svg) = (file("backtest.json"), file("backtest.csv"), file("backtest.svg"));
    let (rules, from, to) = (rules.display().to_string(), text(from), text(to));
    let args = ["rules", "backtest", "--rules", &rules, "--from", &from, "--to", &to];
    let files = ["--json", &json, "--csv", &csv, "--svg", &svg];
    let output = world.place.run(&[&args[..], &files, more].concat());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&fs::read(json).expect("written")).expect("JSON");
    eprintln!("backtest: {}", told.lines().find(|line| line.contains("readings/s")).expect("rates are printed"));
    let count = alarms(&report).len();
    assert_eq!(fs::read_to_string(csv).expect("written").lines().count(), count + 1, "a line for each alarm");
    let drawn = fs::read_to_string(svg).expect("written");
    let sides = |alarm: &Value| usize::from(!alarm["before"].is_null()) + usize::from(!alarm["after"].is_null());
    assert_eq!(drawn.matches("<title>").count(), alarms(&report).iter().map(sides).sum::<usize>());
    let differ = alarms(&report).iter().filter(|alarm| alarm["fate"] != "same").count();
    let listed = told.lines().filter(|line| ["new  ", "gone ", "moved"].iter().any(|fate| line.starts_with(fate)));
    assert_eq!(listed.count(), differ, "each that differs is listed");
    report
}

/// The packs of the checkout with DU-01 so far below H.
fn packs(world: &World, name: &str, below: f64) -> PathBuf {
    let dir = world.place.dir.join(name);
    let copied = Command::new("cp").arg("-r").arg(root().join("seeds/rules")).arg(&dir).status();
    assert!(copied.expect("cp runs").success());
    let file = dir.join("dust.toml");
    let text = fs::read_to_string(&file).expect("a pack");
    let own = "when = \"value >= h\"\nclear = \"value < h - 5.0\"";
    assert!(text.find(own) > text.find("id = \"DU-01\"") && text.find(own) < text.find("id = \"DU-02\""));
    let changed = format!("when = \"value >= h - {below:.1}\"\nclear = \"value < h - {:.1}\"", below + 5.0);
    fs::write(&file, text.replacen(own, &changed, 1)).expect("written");
    dir
}

fn alarms(report: &Value) -> &Vec<Value> {
    report["alarms"].as_array().expect("a list")
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// `2026-11-01T08:00:00.000001Z` in microseconds.
fn time(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let number = |part: &str| part.parse::<i64>().expect("digits");
    let [year, month, day] = [&text[0..4], &text[5..7], &text[8..10]].map(number);
    let [hour, minute, second, micro] = [&text[11..13], &text[14..16], &text[17..19], &text[20..26]].map(number);
    // Days since 1970 by counting years from March.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000 + micro)
}

fn as_recorded(alarm: &Value) -> Recorded {
    let object = ["enterprise", "equipment", "point"].map(|part| text(&alarm[part]));
    let own = &alarm["after"];
    (text(&alarm["rule"]).expect("a rule"), object, time(&own["raised"]).expect("a time"), time(&own["returned"]))
}

fn as_fate(alarm: &Value) -> Fated {
    let names = ["new", "gone", "moved", "same"];
    let fate = names.into_iter().find(|name| alarm["fate"] == **name).expect("one of four");
    let [enterprise, point] = ["enterprise", "point"].map(|part| text(&alarm[part]).expect("a name"));
    let [before, after] = ["before", "after"].map(|side| {
        let own = &alarm[side];
        Some((enterprise.clone(), point.clone(), time(&own["raised"])?, time(&own["returned"])))
    });
    (fate, before, after)
}
