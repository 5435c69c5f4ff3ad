//! A new version of the rules: what says the same goes on as if nothing had happened, what says something else starts
//! clean, and no alarm is lost or invented. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod story;

use alerting::alarm::AlarmState;
use alerting::input::{Content, Input};
use alerting::state::State;
use district::*;
use proptest::prelude::*;
use story::{Event, Record, What, inputs, records, story, timed};

/// Counts three and waits ten seconds, then five on the way back.
const SLOW: &str = r#"
[[rule]]
id = "A-SLOW"
on = ["gas.lel"]
name = { zh = "x", en = "x" }
when = "value >= 50.0"
count_on = 3
delay_on = "10s"
delay_off = "5s"
severity = "orange"
action = { zh = "x", en = "x" }
"#;

fn version(name: &str) -> Content {
    let other = SLOW.replace("A-SLOW", "B-OTHER");
    let text = match name {
        "v1" => format!("{SLOW}{other}"),
        "v2" => format!("{SLOW}{}", other.replace("50.0", "60.0")),
        "v3" => format!("{}{SLOW}", other.replace("\"orange\"", "\"red\"")),
        "none" => String::new(),
        name => panic!("no version {name}"),
    };
    Content::Rules { version: name.to_owned(), rules: rule_set(&registry(), &text) }
}

fn under(name: &str) -> Fold {
    let mut fold = Fold::started();
    fold.step(500, vec![Input::Activate(version(name))]);
    fold
}

#[test]
fn what_was_counted_goes_on_for_an_unchanged_rule_and_begins_anew_for_a_changed_one() {
    let mut fold = under("v1");
    for ms in [1_000, 2_000] {
        assert!(fold.read(ms, GAS, 70.0).is_empty());
    }
    fold.step(2_500, vec![Input::Activate(version("v2"))]);
    // The third reading for the one, the first for the other.
    for ms in [3_000, 4_000, 5_000] {
        fold.read(ms, GAS, 70.0);
    }
    assert_eq!(told(&fold.tick(13_000)), ["A-SLOW Raised@13000"]);
    assert_eq!(told(&fold.tick(15_000)), ["B-OTHER Raised@15000"]);
}

#[test]
fn a_delay_that_runs_goes_on_or_is_forgotten() {
    let mut fold = under("v1");
    for ms in [1_000, 2_000, 3_000] {
        fold.read(ms, GAS, 55.0);
    }
    fold.step(10_000, vec![Input::Activate(version("v2"))]);
    assert_eq!(told(&fold.tick(13_000)), ["A-SLOW Raised@13000"]);
    assert!(fold.tick(60_000).iter().all(|change| change.alarm.rule != "B-OTHER"), "55 is no breach any more");
}

#[test]
fn an_alarm_stands_and_is_judged_anew() {
    let mut fold = under("v1");
    for ms in [1_000, 2_000, 3_000] {
        fold.read(ms, GAS, 55.0);
    }
    fold.tick(13_000);
    fold.read(14_000, GAS, 10.0);
    let changed = changes(&fold.step(16_000, vec![Input::Activate(version("v2"))]));
    assert!(changed.is_empty(), "an activation is no news of the plant: {:?}", told(&changed));
    assert_eq!(told(&fold.tick(19_000)), ["A-SLOW Returned@19000"], "its way back goes on");
    let standing = fold.state.open_alarms().find(|alarm| alarm.rule == "B-OTHER").expect("it stands").clone();
    assert_eq!((standing.state, standing.rule_set.as_str()), (AlarmState::Unacknowledged, "v1"));
    // Over by what the rule says now, with the whole way back before it.
    fold.read(20_000, GAS, 55.0);
    assert_eq!(told(&fold.tick(25_000)), ["B-OTHER Returned@25000"]);
}

#[test]
fn a_rollback_is_a_change_like_any_other_and_gone_rules_close_their_alarms() {
    let mut fold = under("v2");
    for ms in [1_000, 2_000, 3_000] {
        fold.read(ms, GAS, 70.0);
    }
    fold.tick(13_000);
    for (ms, name) in [(14_000, "v1"), (15_000, "v2"), (16_000, "v3"), (17_000, "v3")] {
        assert!(changes(&fold.step(ms, vec![Input::Activate(version(name))])).is_empty(), "{name}");
    }
    assert_eq!(fold.state.open_alarms().count(), 2);
    let gone = changes(&fold.step(18_000, vec![Input::Activate(version("none"))]));
    assert_eq!(told(&gone), ["A-SLOW RuleRemoved@18000", "B-OTHER RuleRemoved@18000"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Versions that change only the other rule, before any record: the alarms of the unchanged one are those of a fold
    /// that never heard of them.
    #[test]
    fn a_rule_that_does_not_change_does_not_notice(
        story in story(timed()),
        versions in prop::collection::vec(prop::option::of(prop::sample::select(vec!["v1", "v2", "v3"])), 40),
        restores in prop::collection::vec(any::<bool>(), 40),
    ) {
        let (mut still, mut moved) = (under("v1"), under("v1"));
        // Other rules, other alarms, other numbers: a signature that names a number is under another one.
        let story: Vec<Event> = story.into_iter().filter(|event| !matches!(event.what, What::Ack { .. } | What::Reset { .. })).collect();
        let told = inputs(&story);
        for (n, Record { now, inputs, .. }) in records(&told, &[true; 41]).into_iter().enumerate() {
            if let Some(name) = versions.get(n).copied().flatten() {
                moved.step(0, vec![Input::Activate(version(name))]);
            }
            if restores.get(n).copied().unwrap_or(false) {
                let bytes = moved.state.save();
                let mut content = |kind: &str, name: &str| match kind {
                    "rules" => Some(version(name)),
                    _ => load(kind, name),
                };
                moved.state = State::restore(&bytes, &mut content).map_err(|e| TestCaseError::fail(e.to_string()))?;
            }
            let own = |effects: &alerting::effect::Effects| {
                let of_it = changes(effects).into_iter().filter(|change| change.alarm.rule == "A-SLOW");
                of_it.map(|change| (change.at, change.cause, change.to, change.alarm.value)).collect::<Vec<_>>()
            };
            let (a, b) = (still.step(now, inputs.clone()), moved.step(now, inputs));
            prop_assert_eq!(own(&a), own(&b));
        }
    }
}
