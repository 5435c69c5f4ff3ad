//! What two people decide: limits of single points, in their order with the registry's, the rules' and the ceilings; rule
//! sets that come into force and go back. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::command::{Order, Outcome, Refusal};
use alerting::effect::{Business, Effects};
use alerting::input::{Content, Input};
use alerting::rulebook::{Decided, How, RuleDecision};
use alerting::state::State;
use district::*;
use rules::registry::LimitName;
use rules::view::PointKey;

const BOUNDED: &str = r#"
[[rule]]
id = "T-HIGH"
on = ["gas.lel", "tank.level"]
name = { zh = "x", en = "x" }
when = "value >= hh"
limit = "hh"
limits = { hh = 40.0 }
ceiling = { hh = 50.0 }
severity = "orange"
action = { zh = "x", en = "x" }

[[rule]]
id = "T-WEAK"
on = ["*"]
name = { zh = "x", en = "x" }
when = "weakened"
severity = "orange"
action = { zh = "x", en = "x" }
"#;

fn content(kind: &str, version: &str) -> Option<Content> {
    let text = match (kind, version) {
        ("rules", "b1") => BOUNDED.to_owned(),
        ("rules", "b2") => BOUNDED.replace("hh = 50.0", "hh = 44.0"),
        _ => return load(kind, version),
    };
    Some(Content::Rules { version: version.to_owned(), rules: rule_set(&registry(), &text) })
}

fn activate(version: &str) -> In {
    Input::Activate(content("rules", version).expect("it is there"))
}

fn started() -> Fold {
    let mut fold = Fold::started();
    fold.step(500, vec![activate("b1")]);
    fold
}

fn set(point: &str, value: Option<f64>) -> Order {
    Order::OverrideLimit {
        point: PointKey { enterprise: "e1".to_owned(), point: point.to_owned() },
        limit: LimitName::Hh,
        value,
        approved_by: "li".to_owned(),
        reason: "another catalyst".to_owned(),
    }
}

fn decisions(effects: &Effects) -> Vec<RuleDecision> {
    let decision = |business: &Business| match business {
        Business::RuleDecision(decision) => Some((**decision).clone()),
        _ => None,
    };
    effects.business.iter().filter_map(decision).collect()
}

#[test]
fn a_limit_that_people_set_goes_before_the_registrys_and_not_beyond_a_ceiling() {
    let mut fold = started();
    let done = fold.step(1_000, vec![order(1_000, "a", set("G-1", Some(30.0)))]);
    assert_eq!(done.outcomes, [Outcome::Noted]);
    let [decision] = decisions(&done).try_into().expect("one");
    assert_eq!((decision.signed.by.as_str(), decision.signed.approved_by.as_str()), ("wang", "li"));
    assert!(matches!(decision.what, Decided::Limit { from: None, to: Some(to), .. } if to == 30.0));
    assert_eq!(told(&fold.read(2_000, GAS, 35.0)), ["T-HIGH Raised@2000"]);
    assert!(fold.read(2_000, LEVEL, 35.0).is_empty(), "of that point alone");
    assert_eq!(fold.state.open_alarms().next().and_then(|alarm| alarm.limit), Some(30.0));

    let mut refused = |key: &str, value| fold.step(3_000, vec![order(3_000, key, set("G-1", value))]).outcomes;
    let weaker = Refusal::WeakerThanCeiling { rule: "T-HIGH".to_owned(), ceiling: "50".to_owned() };
    assert_eq!(refused("b", Some(50.5)), [Outcome::Refused(weaker)]);
    assert_eq!(refused("c", Some(f64::NAN)), [Outcome::Refused(Refusal::BadLimit)]);
    let gone = fold.step(3_000, vec![order(3_000, "d", set("gone", Some(1.0))), order(3_000, "e", set("L-1", None))]);
    assert_eq!(gone.outcomes, [Outcome::Refused(Refusal::NotInRegistry), Outcome::Refused(Refusal::NoSuchOverride)]);

    let back = fold.step(4_000, vec![order(4_000, "f", set("G-1", None))]);
    assert_eq!((back.outcomes.as_slice(), decisions(&back).len()), (&[Outcome::Noted][..], 1));
    assert_eq!(told(&fold.read(5_000, GAS, 35.0)), ["T-HIGH Returned@5000"], "what the rule says stands again");
}

#[test]
fn it_outlives_activations_and_restarts_and_a_stricter_ceiling_goes_before_it() {
    let mut fold = started();
    fold.step(1_000, vec![order(1_000, "a", set("G-1", Some(30.0)))]);
    for version in ["b2", "b1"] {
        fold.step(2_000, vec![activate(version)]);
    }
    fold.step(2_000, vec![Input::Activate(content("registry", "r2").expect("it is there"))]);
    let bytes = fold.state.save();
    fold.state = State::restore(&bytes, &mut content).expect("a snapshot");
    assert_eq!(fold.state.save(), bytes);
    assert_eq!(told(&fold.read(3_000, GAS, 35.0)), ["T-HIGH Raised@3000"]);

    let mut fold = started();
    fold.step(1_000, vec![order(1_000, "a", set("G-1", Some(48.0)))]);
    assert!(fold.read(2_000, GAS, 45.0).iter().all(|change| change.alarm.rule != "T-HIGH"));
    fold.step(3_000, vec![activate("b2")]);
    let mut raised = told(&fold.read(4_000, GAS, 45.0));
    raised.sort();
    assert_eq!(raised, ["T-HIGH Raised@4000"], "the one stands at the ceiling, the other since it was set: {raised:?}");
    assert!(fold.state.open_alarms().any(|alarm| alarm.rule == "T-WEAK"));
}

#[test]
fn weakening_is_an_alarm_at_the_next_reading() {
    let mut fold = started();
    assert!(fold.read(1_000, GAS, 0.0).is_empty());
    fold.step(2_000, vec![order(2_000, "a", set("G-1", Some(30.0)))]);
    assert!(fold.read(3_000, GAS, 0.0).is_empty(), "stricter is not weaker");
    fold.step(4_000, vec![order(4_000, "b", set("G-1", Some(45.0)))]);
    assert_eq!(told(&fold.read(5_000, GAS, 0.0)), ["T-WEAK Raised@5000"], "within the ceiling, beyond the design");
    assert!(fold.read(5_000, LEVEL, 0.0).is_empty());
    fold.step(6_000, vec![order(6_000, "c", set("G-1", None))]);
    assert_eq!(told(&fold.read(7_000, GAS, 0.0)), ["T-WEAK Returned@7000"]);
}

#[test]
fn two_people_stand_under_it() {
    let mut fold = started();
    for (key, approver) in [("a", "wang"), ("b", " WANG "), ("c", "")] {
        let Order::OverrideLimit { point, limit, value, reason, .. } = set("G-1", Some(30.0)) else { unreachable!() };
        let alone = Order::OverrideLimit { point, limit, value, reason, approved_by: approver.to_owned() };
        let effects = fold.step(1_000, vec![order(1_000, key, alone)]);
        assert_eq!(effects.outcomes, [Outcome::Refused(Refusal::SamePerson)], "{approver:?}");
        assert!(decisions(&effects).is_empty());
    }
    assert_eq!(fold.state.rulebook().overrides().count(), 0);
}

#[test]
fn versions_come_and_go_by_order_and_the_book_says_whose() {
    let mut fold = started();
    let to = |version: &str, key: &str, back: bool| {
        let (version, approved_by, reason) = (version.to_owned(), "li".to_owned(), "less noise".to_owned());
        let what = match back {
            false => Order::ActivateRules { version, approved_by, reason },
            true => Order::RollbackRules { version, approved_by, reason },
        };
        order(1_000, key, what)
    };
    let done = fold.step(1_000, vec![to("b2", "a", false), activate("b2")]);
    let [decision] = decisions(&done).try_into().expect("one");
    let expected = Decided::Version { how: How::Activated, version: "b2".to_owned(), from: Some("b1".to_owned()) };
    assert_eq!((decision.what, done.outcomes.as_slice()), (expected, &[Outcome::Noted][..]));
    let again = fold.step(2_000, vec![to("b2", "b", false)]);
    assert_eq!(again.outcomes, [Outcome::Refused(Refusal::InForceAlready)]);
    fold.step(3_000, vec![to("b1", "c", true), activate("b1")]);
    fold.step(4_000, vec![to("b2", "d", false)]);
    fold.step(5_000, vec![activate("b2")]);
    let bytes = fold.state.save();
    fold.state = State::restore(&bytes, &mut content).expect("a snapshot");
    let book: Vec<_> =
        fold.state.rulebook().versions().iter().map(|v| (v.version.as_str(), v.how, v.signed.is_some())).collect();
    let expected = [
        ("s1", How::Start, false),
        ("b1", How::Start, false),
        ("b2", How::Activated, true),
        ("b1", How::RolledBack, true),
        // Ordered in a record without it: what comes later is not what was ordered.
        ("b2", How::Start, false),
    ];
    assert_eq!(book, expected);
}

/// The registry may not say more than a ceiling either: then the ceiling stands, and it is an alarm.
#[test]
fn a_limit_of_the_registry_beyond_a_ceiling_is_an_alarm_too() {
    let mut fold = started();
    let mut beyond = registry();
    for point in beyond.enterprises.iter_mut().flat_map(|e| &mut e.equipment).flat_map(|q| &mut q.points) {
        if point.tag == "gas.lel" {
            point.limits.hh = Some(50.5);
        }
    }
    let content = Content::Registry { version: "r3".to_owned(), registry: std::sync::Arc::new(beyond) };
    fold.step(1_000, vec![Input::Activate(content)]);
    assert_eq!(told(&fold.read(2_000, GAS, 50.2)), ["T-HIGH Raised@2000", "T-WEAK Raised@2000"]);
    assert!(fold.read(2_000, LEVEL, 20.0).is_empty());
}
