//! Alarms that stand too long become leads in the hazard ledger: one each, counted, judged by people, whatever Davy's
//! process goes through. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::alarm::Object;
use alerting::command::{Actor, Command, Order, Outcome, Refusal};
use alerting::effect::{Business, Effects};
use alerting::filings::{FilingKind, Planned};
use alerting::hazard::{Evidence, HazardCause, HazardChange, HazardId, HazardState, Verdict};
use alerting::input::{Content, Input};
use alerting::state::State;
use district::*;
use proptest::prelude::*;
use rules::set::RuleSet;
use std::sync::Arc;

const LEADING: &str = r#"
[[rule]]
id = "T-GAS"
sector = "hazchem"
on = ["gas.lel"]
name = { zh = "可燃气体", en = "Gas" }
when = "value >= hh"
clear = "value < hh - 5.0"
delay_on = "2s"
delay_off = "10s"
severity = "orange"
limit = "hh"
limits = { hh = 50.0 }
suppress = "equipment.maintenance"
lead = { after = "30m", ground = "gas-standing", title = { zh = "气体长时间超限", en = "Gas stands over its limit" } }
action = { zh = "撤离", en = "Leave" }
"#;

const MINUTE: i64 = 60_000;

fn rules() -> Arc<RuleSet> {
    rule_set(&registry(), LEADING)
}

fn started() -> Fold {
    let mut fold = Fold { state: State::new(), seq: 0 };
    let mut inputs = activations();
    inputs.pop();
    inputs.push(Input::Activate(Content::Rules { version: "lead".to_owned(), rules: rules() }));
    fold.step(0, inputs);
    fold
}

fn hazards(effects: &Effects) -> Vec<HazardChange> {
    let hazard = |business: &Business| match business {
        Business::Hazard(change) => Some((**change).clone()),
        _ => None,
    };
    effects.business.iter().filter_map(hazard).collect()
}

fn say(fold: &mut Fold, ms: i64, value: f64) -> Vec<HazardChange> {
    hazards(&fold.step(ms, vec![one(ms, GAS, value)]))
}

fn order(ms: i64, order: Order) -> In {
    let by = Actor { name: "wang".to_owned(), authenticated: false };
    Input::Command(Command { key: format!("{ms} {order:?}"), received: at(ms), by, order })
}

fn judge(fold: &mut Fold, ms: i64, hazard: HazardId, verdict: Verdict) -> (Outcome, Vec<HazardChange>) {
    let effects = fold.step(ms, vec![order(ms, Order::Judge { hazard, verdict, comment: "seen".to_owned() })]);
    (effects.outcomes[0].clone(), hazards(&effects))
}

#[test]
fn gas_that_stands_over_its_limit_is_one_lead_with_its_evidence() {
    let mut fold = started();
    assert!(say(&mut fold, 1_000, 60.0).is_empty());
    for minute in 1..30 {
        assert!(say(&mut fold, minute * MINUTE, 61.0).is_empty(), "minute {minute}");
    }
    // Raised at 3 s, after its delay.
    assert_eq!(fold.state.next_deadline(), Some(at(30 * MINUTE + 3_000)));
    let opened = hazards(&fold.step(30 * MINUTE + 3_000, vec![Input::Tick]));
    let [HazardChange { cause: HazardCause::Opened, from: None, hazard, .. }] = opened.as_slice() else {
        panic!("{opened:?}")
    };
    assert_eq!((hazard.no.as_str(), hazard.id), ("d-2025-0001", HazardId(2_025_000_001)));
    assert_eq!((hazard.enterprise.as_str(), hazard.equipment.as_deref()), ("e1", Some("T-101")));
    assert_eq!((hazard.ground.as_str(), hazard.state, hazard.repeats), ("gas-standing", HazardState::Lead, 0));
    let evidence = &hazard.evidence[0];
    assert_eq!(
        (evidence.rule.as_str(), evidence.rule_set.as_str(), evidence.registry.as_str()),
        ("T-GAS", "lead", "r1")
    );
    assert_eq!(
        (evidence.value, evidence.worst, evidence.limit, evidence.limits.hh),
        (Some(61.0), Some(61.0), Some(50.0), Some(50.0))
    );
    assert_eq!((evidence.since, evidence.raised_at, evidence.at), (at(1_000), at(3_000), at(30 * MINUTE + 3_000)));
    assert_eq!((evidence.from, evidence.to), (at(1_000 - 10 * MINUTE), at(30 * MINUTE + 3_000)));
    assert_eq!(evidence.points.iter().map(|key| key.point.as_str()).collect::<Vec<_>>(), ["G-1"]);
    for minute in 31..120 {
        assert!(say(&mut fold, minute * MINUTE, 61.0).is_empty(), "it is found once while it stands");
    }
}

#[test]
fn one_that_is_over_in_time_is_no_lead_and_the_next_begins_anew() {
    let mut fold = started();
    say(&mut fold, 1_000, 60.0);
    say(&mut fold, 20 * MINUTE, 10.0);
    assert!(hazards(&fold.step(40 * MINUTE, vec![Input::Tick])).is_empty());
    say(&mut fold, 41 * MINUTE, 60.0);
    assert!(hazards(&fold.step(70 * MINUTE, vec![Input::Tick])).is_empty());
    assert_eq!(hazards(&fold.step(72 * MINUTE, vec![Input::Tick])).len(), 1);
}

#[test]
fn found_again_it_is_counted_and_judged_once() {
    let mut fold = started();
    say(&mut fold, 1_000, 60.0);
    let id = hazards(&fold.step(31 * MINUTE, vec![Input::Tick]))[0].hazard.id;
    say(&mut fold, 32 * MINUTE, 10.0);
    say(&mut fold, 40 * MINUTE, 70.0);
    let repeated = hazards(&fold.step(71 * MINUTE, vec![Input::Tick]));
    assert_eq!((repeated[0].cause, repeated[0].hazard.id, repeated[0].hazard.repeats), (HazardCause::Repeated, id, 1));
    assert_eq!(repeated[0].hazard.evidence.iter().map(|e| e.value).collect::<Vec<_>>(), [Some(60.0), Some(70.0)]);

    let (outcome, judged) = judge(&mut fold, 72 * MINUTE, id, Verdict::Major);
    assert_eq!(outcome, Outcome::Judged { hazard: id });
    assert_eq!((judged[0].from, judged[0].hazard.state), (Some(HazardState::Lead), HazardState::Major));
    assert_eq!(judged[0].hazard.judged_by.as_deref(), Some("wang"));
    assert_eq!(judge(&mut fold, 73 * MINUTE, id, Verdict::General).0, Outcome::Refused(Refusal::AlreadyJudged));
    let stranger = judge(&mut fold, 73 * MINUTE, HazardId(7), Verdict::General).0;
    assert_eq!(stranger, Outcome::Refused(Refusal::NoSuchHazard));
}

#[test]
fn what_was_not_founded_is_closed_and_the_next_is_another() {
    let mut fold = started();
    say(&mut fold, 1_000, 60.0);
    let id = hazards(&fold.step(31 * MINUTE, vec![Input::Tick]))[0].hazard.id;
    judge(&mut fold, 32 * MINUTE, id, Verdict::NotFounded);
    assert_eq!(fold.state.hazards().iter().count(), 1, "it can be seen for a day");
    say(&mut fold, 40 * MINUTE, 10.0);
    say(&mut fold, 50 * MINUTE, 60.0);
    let next = hazards(&fold.step(81 * MINUTE, vec![Input::Tick]));
    assert_eq!((next[0].cause, next[0].hazard.id), (HazardCause::Opened, HazardId(2_025_000_002)));
    fold.step(32 * MINUTE + 24 * 60 * MINUTE, vec![Input::Tick]);
    assert_eq!(fold.state.hazards().iter().map(|hazard| hazard.id.0).collect::<Vec<_>>(), [2_025_000_002]);
}

#[test]
fn time_under_filed_work_does_not_count() {
    let mut fold = started();
    let object = Object { enterprise: Some("e1".to_owned()), equipment: Some("T-101".to_owned()), point: None };
    let (from, to) = (at(10 * MINUTE), at(40 * MINUTE));
    let planned = Planned { kind: FilingKind::Maintenance, object, from, to, reason: "x".to_owned(), idle_check: None };
    fold.step(500, vec![order(500, Order::File(planned))]);
    say(&mut fold, 1_000, 60.0);
    assert!(hazards(&fold.step(40 * MINUTE, vec![Input::Tick])).is_empty());
    assert!(hazards(&fold.step(69 * MINUTE, vec![Input::Tick])).is_empty(), "it counts from the release");
    assert_eq!(hazards(&fold.step(70 * MINUTE, vec![Input::Tick])).len(), 1);
}

/// Judges what the evidence names again: its readings of its points, under its rule set, from nothing.
fn derive_again(evidence: &Evidence, history: &[(i64, f64)]) {
    let mut fold = started();
    assert_eq!(evidence.rule_set, "lead");
    let window = history.iter().filter(|(ms, _)| at(*ms) >= evidence.from && at(*ms) <= evidence.to);
    let mut raised = Vec::new();
    for (ms, value) in window {
        raised.extend(fold.read(*ms, GAS, *value));
    }
    let alarm = &raised.iter().find(|change| change.alarm.rule == evidence.rule).expect("an alarm").alarm;
    assert_eq!((&alarm.object, alarm.severity, alarm.limit), (&evidence.object, evidence.severity, evidence.limit));
    assert_eq!((alarm.since, alarm.raised_at), (evidence.since, evidence.raised_at));
}

#[test]
fn the_evidence_derives_the_alarm_again() {
    let mut fold = started();
    let history: Vec<(i64, f64)> =
        (1..2_000).map(|n| (n * 5_000, if (800..1_300).contains(&n) { 50.0 + (n % 7) as f64 } else { 12.0 })).collect();
    let mut found = Vec::new();
    for (ms, value) in &history {
        found.extend(say(&mut fold, *ms, *value));
    }
    let [change] = found.as_slice() else { panic!("{found:?}") };
    derive_again(&change.hazard.evidence[0], &history);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is cut into records how, and wherever the process is killed and restored: the same leads, once each.
    #[test]
    fn a_kill_makes_no_second_lead(
        spells in prop::collection::vec((1_i64..50, 1_i64..50), 1..6),
        kill in 0_usize..400,
    ) {
        let mut story: Vec<(i64, f64)> = Vec::new();
        let mut minute = 0;
        for (on, off) in &spells {
            story.extend((0..*on).map(|n| (minute + n, 60.0)));
            story.extend((0..*off).map(|n| (minute + on + n, 10.0)));
            minute += on + off;
        }
        let mut whole = started();
        let inputs = story.iter().map(|(minute, value)| one(minute * MINUTE + 1_000, GAS, *value)).collect();
        let expected = hazards(&whole.step(minute * MINUTE + 1_000, inputs));

        let mut fold = started();
        let mut found = Vec::new();
        for (n, (minute, value)) in story.iter().enumerate() {
            if n == kill {
                let bytes = fold.state.save();
                fold.state = State::restore(&bytes, &mut |kind, version| match kind {
                    "rules" => Some(Content::Rules { version: version.to_owned(), rules: rules() }),
                    _ => load(kind, version),
                }).expect("a snapshot");
                prop_assert_eq!(fold.state.save(), bytes);
            }
            found.extend(say(&mut fold, minute * MINUTE + 1_000, *value));
        }
        found.extend(hazards(&fold.step(minute * MINUTE + 1_000, vec![Input::Tick])));
        prop_assert_eq!(&found, &expected);
        let opened = found.iter().filter(|change| change.cause == HazardCause::Opened).count();
        prop_assert!(opened <= 1, "one ground at one place is one lead");
    }
}
