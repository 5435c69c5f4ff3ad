//! What is usual, through the whole fold: however records are cut, over snapshots, and when rules change. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::alarm::AlarmChange;
use alerting::input::{Content, CoverageLimits, FoldLimits, Input};
use alerting::state::State;
use district::{Fold, In, activations, changes, one, registry, rule_set};
use rules::reading::PointId;
use rules::set::RuleSet;
use std::sync::Arc;

const QUARTER_MS: i64 = 900_000;
const DAY_MS: i64 = 96 * QUARTER_MS;
/// The first local midnight after the start of the district.
const MIDNIGHT_MS: i64 = 16 * 3_600_000;

/// `alone`: without the rule on shapes, whose alarms keep whole days from becoming usual.
fn rules(factor: &str, alone: bool) -> Arc<RuleSet> {
    let rule = |id: &str, rest: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\non = [\"tank.level\"]\nname = {{ zh = \"试\", en = \"Trial\" }}\nseverity = \
             \"blue\"\naction = {{ zh = \"查\", en = \"Look\" }}\n{rest}\n"
        )
    };
    let jump = rule("U-JUMP", &format!("slot = \"15m\"\nwhen = \"value > {factor} * usual()\"\ncount_on = 2"));
    let shape = rule("U-SHAPE", "slot = \"24h\"\nwhen = \"curve_corr() < 0.6\"");
    let shape = if alone { String::new() } else { shape };
    rule_set(&registry(), &format!("{jump}{shape}"))
}

fn rule_content(version: &str) -> Content {
    let factor = if version.starts_with("strict") { "1.5" } else { "3.0" };
    Content::Rules { version: version.to_owned(), rules: rules(factor, version.ends_with("alone")) }
}

/// Coverage closes its days so late that it does not cut the night's records.
fn limits() -> Content {
    let coverage = CoverageLimits { close_after_min: 600, ..CoverageLimits::default() };
    let limits = FoldLimits { coverage, ..FoldLimits::of_rules_alone() };
    Content::Limits { version: "late".to_owned(), limits: Arc::new(limits) }
}

fn load(kind: &str, version: &str) -> Option<Content> {
    match (kind, version) {
        ("rules", version) => Some(rule_content(version)),
        ("limits", _) => Some(limits()),
        _ => district::load(kind, version),
    }
}

fn started() -> Fold {
    let mut fold = Fold { state: State::new(), seq: 0 };
    let mut inputs = activations();
    inputs.push(Input::Activate(limits()));
    inputs.push(Input::Activate(rule_content("strict")));
    fold.step(0, inputs);
    fold
}

fn point(fold: &Fold) -> PointId {
    fold.state.view().unwrap().find("e1", "L-1").unwrap()
}

/// A reading each quarter of an hour of some days, by day and hour.
fn readings(point: PointId, days: std::ops::Range<i64>, load: &dyn Fn(i64, i64) -> f64) -> Vec<(i64, In)> {
    let slots = days.flat_map(|day| (0..96).map(move |slot| (day, slot)));
    let reading = |(day, slot): (i64, i64)| {
        let ms = MIDNIGHT_MS + day * DAY_MS + slot * QUARTER_MS;
        (ms, one(ms, point, load(day, slot / 4)))
    };
    slots.map(reading).collect()
}

fn told(changes: &[AlarmChange]) -> Vec<String> {
    let of_rule = changes.iter().filter(|change| change.alarm.rule.starts_with("U-"));
    let second = |change: &AlarmChange| ((change.at.0 - district::START) / 1_000 - MIDNIGHT_MS) / 1_000;
    of_rule.map(|change| format!("{} {:?}@{}", change.alarm.rule, change.cause, second(change))).collect()
}

/// Records of so many readings each; after each of them a restart, if asked.
fn played(story: &[(i64, In)], size: usize, restarts: bool) -> Vec<String> {
    let mut fold = started();
    let mut seen = Vec::new();
    for record in story.chunks(size) {
        let (now_ms, _) = record.last().unwrap();
        let inputs = record.iter().map(|(_, input)| input.clone()).collect();
        seen.extend(changes(&fold.step(*now_ms, inputs)));
        if restarts {
            let bytes = fold.state.save();
            fold.state = State::restore(&bytes, &mut load).unwrap();
            assert!(fold.state.save() == bytes, "a snapshot of what was restored is the same");
        }
    }
    told(&seen)
}

#[test]
fn it_does_not_matter_how_readings_are_cut_or_where_davy_restarts() {
    let by_day = |day: i64, hour: i64| match day {
        // By day for a week, by night for a fortnight, by day again with one loud afternoon.
        8..22 => {
            if (8..18).contains(&hour) {
                10.0
            } else {
                40.0
            }
        }
        24 if (13..16).contains(&hour) => 90.0,
        _ => {
            if (8..18).contains(&hour) {
                40.0
            } else {
                10.0
            }
        }
    };
    let story = readings(point(&started()), 0..26, &by_day);
    let expected = played(&story, 1, false);
    assert!(expected.iter().any(|line| line.starts_with("U-JUMP Raised")), "{expected:?}");
    assert!(expected.iter().any(|line| line.starts_with("U-SHAPE Raised")), "{expected:?}");
    for (size, restarts) in [(story.len(), false), (7, false), (61, true), (500, true)] {
        assert_eq!(played(&story, size, restarts), expected, "records of {size}");
    }
}

#[test]
fn a_load_becomes_usual_when_no_alarm_stands_on_it_any_more() {
    let mut fold = started();
    fold.step(0, vec![Input::Activate(rule_content("strict alone"))]);
    let point = point(&fold);
    let run = |fold: &mut Fold, days: std::ops::Range<i64>, value: f64| {
        let mut seen = Vec::new();
        for (ms, input) in readings(point, days, &|_, _| value) {
            seen.extend(changes(&fold.step(ms, vec![input])));
        }
        told(&seen)
    };
    assert_eq!(run(&mut fold, 0..8, 20.0), [""; 0]);
    let day = |day: i64, slots: i64| day * 86_400 + slots * 900;
    // A week of it, under the alarm: the alarm stands on.
    assert_eq!(run(&mut fold, 8..15, 40.0), [format!("U-JUMP Raised@{}", day(8, 2))]);
    // The rule lets it pass from now on; what it has learned is kept, for it returns at once.
    fold.step(MIDNIGHT_MS + 15 * DAY_MS - 1, vec![Input::Activate(rule_content("lax alone"))]);
    assert_eq!(run(&mut fold, 15..18, 40.0), [format!("U-JUMP Returned@{}", day(15, 0))]);
    // Not yet usual, as the strict rule says on Monday, and of Sunday night.
    fold.step(MIDNIGHT_MS + 18 * DAY_MS - 1, vec![Input::Activate(rule_content("strict alone"))]);
    assert_eq!(run(&mut fold, 18..19, 40.0), [format!("U-JUMP Raised@{}", day(18, 1))]);
    fold.step(MIDNIGHT_MS + 19 * DAY_MS - 1, vec![Input::Activate(rule_content("lax alone"))]);
    assert_eq!(run(&mut fold, 19..32, 40.0), [format!("U-JUMP Returned@{}", day(19, 0))]);
    fold.step(MIDNIGHT_MS + 32 * DAY_MS - 1, vec![Input::Activate(rule_content("strict alone"))]);
    assert_eq!(run(&mut fold, 32..35, 40.0), [""; 0], "after more than five days of each kind it is usual");
}
