//! Rules that fail: out of service on an object after three failures in a row, until they say something else. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::alarm::{AlarmState, Cause};
use alerting::input::{Content, Input};
use alerting::save::RestoreError;
use alerting::state::State;
use district::*;
use rules::reading::{PointId, Severity};

/// Overflows below zero: of divisions, those that could fail are refused at load.
const OVERFLOWS: &str = r#"
[[rule]]
id = "T-FAILS"
on = ["tank.level", "gas.lel", "flame", "prod.run"]
name = { zh = "x", en = "x" }
when = "value < 0.0 && 9223372036854775807 * 2 > 1 || value > 110.0"
severity = "orange"
action = { zh = "x", en = "x" }
"#;

fn rules(version: &str) -> Content {
    let text = match version {
        "d1" => OVERFLOWS.to_owned(),
        "d1-moved" => format!("# moved\n{}", OVERFLOWS.replace("en = \"x\"", "en = \"renamed\"")),
        "d2" => OVERFLOWS.replace("110.0", "100.0"),
        other => panic!("no version {other}"),
    };
    Content::Rules { version: version.to_owned(), rules: rule_set(&registry(), &text) }
}

fn started() -> Fold {
    let mut fold = Fold::started();
    fold.step(500, vec![Input::Activate(rules("d1"))]);
    fold
}

fn restored(state: &State) -> Result<State, RestoreError> {
    let bytes = state.save();
    let state = State::restore(&bytes, &mut |kind, version| match (kind, version) {
        ("rules", "d1" | "d1-moved" | "d2") => Some(rules(version)),
        _ => load(kind, version),
    })?;
    assert_eq!(state.save(), bytes);
    Ok(state)
}

/// Readings of a point, a second each, in a record each.
fn read(fold: &mut Fold, from_ms: i64, point: PointId, values: &[f64]) -> Vec<String> {
    let mut all = Vec::new();
    for (second, value) in (0_i64..).zip(values) {
        let seen = fold.read(from_ms + second * 1_000, point, *value);
        all.extend(told(&seen).into_iter().filter(|line| line.contains("FAILS") || line.contains("RULE")));
    }
    all
}

#[test]
fn three_failures_in_a_row_on_a_point_put_the_rule_out_of_service_there() {
    let mut fold = started();
    let twice = read(&mut fold, 1_000, GAS, &[-1.0, -1.0, 50.0]);
    assert_eq!(twice, ["DAVY-RULE-ERROR Raised@1000", "DAVY-RULE-ERROR Returned@3000"], "two are an accident");
    let thrice = read(&mut fold, 10_000, GAS, &[-1.0, -1.0, -1.0, -1.0, 120.0]);
    assert_eq!(thrice, ["DAVY-RULE-ERROR BreachedAgain@10000", "DAVY-RULE-ERROR SeverityRaised@12000"]);
    let alarm = fold.state.open_alarms().find(|alarm| alarm.rule == "DAVY-RULE-ERROR").expect("it stands").clone();
    assert!(alarm.text.en.starts_with("T-FAILS on e1/G-1: Multiplication overflow"), "{}", alarm.text.en);
    assert!(alarm.text.en.ends_with("out of service there until its next version"), "{}", alarm.text.en);
    assert_eq!(alarm.severity, Severity::Orange);
    let out: Vec<_> =
        fold.state.out_of_service().iter().map(|(key, trouble)| (key.rule.as_str(), trouble.fails)).collect();
    assert_eq!(out, [("T-FAILS", 3)]);

    assert_eq!(read(&mut fold, 20_000, LEVEL, &[120.0]), ["T-FAILS Raised@20000"], "elsewhere it judges on");
    let other = read(&mut fold, 30_000, LEVEL, &[-1.0, -1.0, -1.0]);
    assert_eq!(other, ["DAVY-RULE-ERROR BreachedAgain@32000"], "the second place is said too");
    let standing =
        fold.state.open_alarms().find(|alarm| alarm.rule == "T-FAILS").expect("nobody can say that it is over");
    assert_eq!(standing.state, AlarmState::Unacknowledged);
    assert!(read(&mut fold, 40_000, LEVEL, &[0.0, 0.0]).is_empty());
}

#[test]
fn the_next_version_of_the_rule_judges_again_and_nothing_else_does() {
    let mut fold = started();
    read(&mut fold, 1_000, GAS, &[120.0, -1.0, -1.0, -1.0]);
    fold.state = restored(&fold.state).expect("a snapshot");
    assert!(read(&mut fold, 10_000, GAS, &[0.0]).is_empty(), "a restart is no repair");
    fold.step(20_000, vec![Input::Activate(rules("d1-moved"))]);
    fold.step(21_000, vec![Input::Activate(load("registry", "r1").expect("it is there"))]);
    assert!(read(&mut fold, 22_000, GAS, &[0.0]).is_empty(), "neither is another name, or a registry");
    assert_eq!(fold.state.out_of_service().iter().count(), 1);

    let mended = changes(&fold.step(30_000, vec![Input::Activate(rules("d2"))]));
    assert_eq!(told(&mended), ["DAVY-RULE-ERROR Returned@30000"]);
    assert_eq!(fold.state.out_of_service().iter().count(), 0);
    assert_eq!(read(&mut fold, 40_000, GAS, &[0.0]), ["T-FAILS Returned@40000"], "its alarm is judged anew");
    assert_eq!(read(&mut fold, 50_000, GAS, &[105.0]), ["T-FAILS BreachedAgain@50000"]);
}

#[test]
fn it_does_not_matter_how_the_readings_came() {
    let values = [120.0, -1.0, -1.0, -1.0, 0.0, 120.0, -1.0, 50.0];
    let inputs: Vec<In> = (1_i64..).zip(values).map(|(s, value)| one(s * 1_000, GAS, value)).collect();
    let (mut one_by_one, mut at_once) = (started(), started());
    let mut seen = Vec::new();
    for (s, input) in (1_i64..).zip(inputs.clone()) {
        seen.extend(told(&changes(&one_by_one.step(s * 1_000, vec![input]))));
        one_by_one.state = restored(&one_by_one.state).expect("a snapshot");
    }
    let mut all = told(&changes(&at_once.step(8_000, inputs)));
    assert!(seen.len() >= 3, "{seen:?}");
    all.sort();
    seen.sort();
    assert_eq!(all, seen);
    let by = |fold: &Fold| fold.state.out_of_service().iter().map(|(k, t)| (k.clone(), t.clone())).collect::<Vec<_>>();
    assert_eq!(by(&one_by_one), by(&at_once));
}

#[test]
fn what_is_gone_is_not_out_of_service() {
    let mut fold = started();
    for point in [FLAME, RUN] {
        read(&mut fold, 1_000 + i64::from(point.0) * 10_000, point, &[-1.0, -1.0, -1.0]);
    }
    assert_eq!(fold.state.out_of_service().iter().count(), 2);
    fold.step(60_000, vec![Input::Activate(load("registry", "r2").expect("it is there"))]);
    assert_eq!(fold.state.out_of_service().iter().count(), 1, "the flame detector is gone");
    assert!(fold.state.open_alarms().any(|alarm| alarm.rule == "DAVY-RULE-ERROR"));
    let gone = changes(&fold.step(70_000, vec![Input::Activate(load("rules", "s1").expect("it is there"))]));
    assert!(gone.iter().any(|change| change.alarm.rule == "DAVY-RULE-ERROR" && change.cause == Cause::RuleRemoved));
    assert_eq!(fold.state.out_of_service().iter().count(), 0);
}
