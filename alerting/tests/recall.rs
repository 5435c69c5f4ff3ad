//! What changes of rules, restarts and clocks do to what rules remember. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::input::{Content, Input};
use alerting::state::State;
use district::*;
use rules::reading::Quality;
use std::sync::Arc;

/// Readings of the gas head, a second apart from `from_s` on.
fn read(fold: &mut Fold, from_s: i64, values: &[f64]) -> Vec<String> {
    let mut all = Vec::new();
    for (second, value) in (from_s..).zip(values) {
        all.extend(fold.read(second * 1_000, GAS, *value));
    }
    told(&all)
}

fn rules(version: &str, when: &str) -> Content {
    let head = "[[rule]]\nid = \"P-1\"\nname = { zh = \"x\", en = \"x\" }\naction = { zh = \"x\", en = \"x\" }\n";
    let rules = rule_set(&registry(), &format!("{head}on = [\"gas.lel\"]\nwhen = '{when}'\nseverity = \"orange\"\n"));
    Content::Rules { version: version.to_owned(), rules }
}

fn started(when: &str) -> Fold {
    let mut fold = Fold::started();
    fold.step(1, vec![Input::Activate(rules("p1", when))]);
    fold
}

#[test]
fn a_condition_inside_that_cannot_be_evaluated_is_told() {
    let mut fold = started("held(value < 0.0 && 9223372036854775807 * 2 > 1, 10) || value > 50.0");
    assert_eq!(read(&mut fold, 1, &[10.0, 60.0, 10.0]), ["P-1 Raised@2000", "P-1 Returned@3000"]);
    let told = read(&mut fold, 4, &[-5.0, 60.0]);
    assert_eq!(told, ["DAVY-RULE-ERROR Raised@4000", "P-1 BreachedAgain@5000", "DAVY-RULE-ERROR Returned@5000"]);
}

#[test]
fn a_memory_lives_as_long_as_somebody_asks_the_same() {
    let held = "held(value > 5.0, 10)";
    let table = [
        // The rule, the one that follows, and when the alarm is raised, of 10 seconds that both need.
        ("delta(20) > 5.0", "delta(20) > 5.0 && value > 1.0", 11),
        ("delta(20) > 5.0", "delta(19) > 5.0", 17),
        ("delta(20) > 5.0", "value > 99.0", 0),
        (held, held, 11),
        // A rule that says something else starts clean.
        (held, "held(value > 5.0, 10) && value > 1.0", 17),
        (held, "held(value > 5.5, 10)", 17),
        ("max(20) > 5.0", "max(20) > 5.0 && min(20) > 5.0", 11),
        ("on_for() >= 10.0", "off_for() < 1.0 && on_for() >= 10.0", 11),
    ];
    for (before, after, raised_s) in table {
        let mut fold = started(before);
        let values: Vec<f64> = (0..10).map(|n| 6.0 + f64::from(n)).collect();
        assert_eq!(read(&mut fold, 1, &values[..6]), [""; 0], "{before}");
        fold.step(6_500, vec![Input::Activate(rules("p2", after))]);
        let later: Vec<f64> = (6..40).map(|n| 6.0 + f64::from(n)).collect();
        let expected: Vec<String> =
            (raised_s > 0).then(|| format!("P-1 Raised@{}", raised_s * 1_000)).into_iter().collect();
        assert_eq!(read(&mut fold, 7, &later), expected, "{before}, then {after}");
    }
}

#[test]
fn nobody_asks_for_a_while_and_all_is_forgotten() {
    for when in ["delta(20) > 5.0", "held(value > 5.0, 10)"] {
        let mut fold = started(when);
        let values: Vec<f64> = (0..40).map(|n| 6.0 + f64::from(n)).collect();
        read(&mut fold, 1, &values[..6]);
        fold.step(6_500, vec![Input::Activate(rules("p2", "value > 99.0"))]);
        fold.step(6_600, vec![Input::Activate(rules("p3", when))]);
        assert_eq!(read(&mut fold, 7, &values[6..]), ["P-1 Raised@17000"], "{when}");
    }
}

#[test]
fn a_snapshot_in_the_middle_changes_nothing() {
    let when = "delta(20) > 5.0 && max(20) > 5.0 && held(value > 5.0, 10) && on_for() >= 10.0 && count(60) > 3.0";
    let mut fold = started(when);
    let values: Vec<f64> = (0..40).map(|n| 6.0 + f64::from(n)).collect();
    read(&mut fold, 1, &values[..6]);
    let bytes = fold.state.save();
    let mut load = |kind: &str, version: &str| match version {
        "p1" => Some(rules("p1", when)),
        _ => load(kind, version),
    };
    fold.state = State::restore(&bytes, &mut load).unwrap();
    assert_eq!(fold.state.save(), bytes, "another state came back");
    assert_eq!(read(&mut fold, 7, &values[6..]), ["P-1 Raised@11000"]);
}

#[test]
fn a_point_that_goes_and_comes_back_begins_anew() {
    let mut fold = started("delta(20) > 5.0");
    let values: Vec<f64> = (0..40).map(|n| 6.0 + f64::from(n)).collect();
    read(&mut fold, 1, &values[..6]);
    let mut without = registry();
    without.enterprises[0].equipment[0].points.retain(|point| point.tag != "gas.lel");
    let content =
        |version: &str, registry| Content::Registry { version: version.to_owned(), registry: Arc::new(registry) };
    fold.step(6_500, vec![Input::Activate(content("r8", without))]);
    fold.step(6_600, vec![Input::Activate(content("r9", registry()))]);
    assert_eq!(read(&mut fold, 7, &values[6..]), ["P-1 Raised@17000"]);
}

#[test]
fn a_point_judged_by_receive_time_remembers_by_it_too() {
    let mut fold = started("delta(600) > 5.0");
    let slow = 8 * 3_600_000;
    let mut all = Vec::new();
    for n in 0..40_i64 {
        let ms = 1_000 + n * 20_000;
        let told = reading(GAS, Some(at(ms - slow)), 10.0 + n as f64);
        all.extend(changes(&fold.step(ms, vec![Input::Delivery(delivery(at(ms), vec![told])), Input::Tick])));
    }
    let raised: Vec<String> = told(&all).into_iter().filter(|told| told.starts_with("P-1")).collect();
    assert_eq!(raised.len(), 1, "{raised:?}");
}

#[test]
fn only_good_readings_are_remembered() {
    let mut fold = started("delta(10) > 5.0");
    for (second, value, quality) in [(1, 10.0, Quality::Good), (6, 90.0, Quality::Uncertain), (11, 10.0, Quality::Good)]
    {
        let mut told = reading(GAS, Some(at(second * 1_000)), value);
        told.quality = quality;
        let effects = fold.step(second * 1_000, vec![Input::Delivery(delivery(at(second * 1_000), vec![told]))]);
        assert_eq!(changes(&effects).len(), 0);
    }
}
