//! Alarms about alarms, in the fold: when they come and go, that a restart changes nothing, and that nothing but the
//! limits switches them off. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::input::{Content, FoldLimits, Input};
use alerting::state::State;
use district::*;
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;

fn limits(limits: FoldLimits) -> In {
    Input::Activate(Content::Limits { version: "n".to_owned(), limits: Arc::new(limits) })
}

/// One rule on the gas head, without delays.
fn rules() -> In {
    let head = "[[rule]]\nid = \"P-1\"\nname = { zh = \"x\", en = \"x\" }\naction = { zh = \"x\", en = \"x\" }\n";
    let text = format!("{head}on = [\"gas.lel\"]\nwhen = 'value >= 50.0'\nseverity = \"orange\"\n");
    Input::Activate(Content::Rules { version: "p".to_owned(), rules: rule_set(&registry(), &text) })
}

fn started(of: FoldLimits) -> Fold {
    let mut fold = Fold::started();
    fold.step(1, vec![limits(of), rules()]);
    fold
}

/// What is told of one of them.
fn of(code: &str, changes: Vec<alerting::alarm::AlarmChange>) -> Vec<String> {
    told(&changes.into_iter().filter(|change| change.alarm.rule == code).collect::<Vec<_>>())
}

/// The gas goes over its limit and back so often, a second each; the restart comes after the third step.
fn flutter(fold: &mut Fold, times: i64, restarts: bool) -> Vec<alerting::alarm::AlarmChange> {
    let mut all = Vec::new();
    for n in 0..times {
        all.extend(fold.read(10_000 + n * 2_000, GAS, 60.0));
        all.extend(fold.read(11_000 + n * 2_000, GAS, 10.0));
        if restarts && n == 2 {
            let mut content = |kind: &str, version: &str| match (kind, version) {
                ("limits", _) => Some(Content::Limits { version: "n".to_owned(), limits: Arc::default() }),
                ("rules", _) => match rules() {
                    Input::Activate(content) => Some(content),
                    _ => None,
                },
                _ => load(kind, version),
            };
            fold.state = State::restore(&fold.state.save(), &mut content).unwrap();
        }
    }
    // Time alone brings them back.
    while let Some(due) = fold.state.next_deadline().filter(|due| *due <= at(1_000_000)) {
        let ms = (due.0 - START) / 1_000 + 1;
        all.extend(changes(&fold.step(ms, vec![Input::Tick])));
    }
    all
}

#[test]
fn what_comes_and_goes_chatters_and_at_last_floods() {
    for restarts in [false, true] {
        let mut fold = started(FoldLimits::default());
        let all = flutter(&mut fold, 12, restarts);
        assert_eq!(of("SY-04", all.clone()), ["SY-04 Raised@14000", "SY-04 Returned@632000"], "{restarts}");
        assert_eq!(of("SY-03", all), ["SY-03 Raised@30000", "SY-03 Returned@624000"], "{restarts}");
    }
}

#[test]
fn what_stands_for_a_day_is_told() {
    let mut fold = started(FoldLimits::default());
    fold.read(10_000, GAS, 60.0);
    let due = fold.state.next_deadline().expect("something falls due");
    assert!(due <= at(10_000 + DAY_MS));
    let stale = of("SY-05", changes(&fold.step(10_000 + DAY_MS, vec![Input::Tick])));
    assert_eq!(stale.len(), 1, "{stale:?}");
    assert!(stale[0].starts_with("SY-05 Raised@"));
}

#[test]
fn switched_off_nothing_is_told() {
    let mut fold = started(FoldLimits::of_rules_alone());
    let mut all = flutter(&mut fold, 12, false);
    all.extend(changes(&fold.step(3 * DAY_MS, vec![Input::Tick])));
    assert!(all.iter().all(|change| !change.alarm.rule.starts_with("SY-0")), "{:?}", told(&all));
}
