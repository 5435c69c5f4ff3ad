//! The fold from readings to alarms and acknowledgements, one behaviour a test. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::alarm::AlarmId;
use alerting::alarm::AlarmState;
use alerting::command::{Outcome, Refusal};
use alerting::effect::{Business, Effects};
use alerting::input::{Adopted, Aside, Content, Input, Link, Reason, Reject, Replayed, Skipped, SystemFault};
use district::*;
use rules::reading::Severity;
use rules::view::PointKey;

#[test]
fn a_flame_is_a_red_alarm_at_once_and_somebody_signs_for_it() {
    let mut fold = Fold::started();
    assert!(fold.read(1_000, FLAME, 0.0).is_empty());
    let raised = fold.read(2_000, FLAME, 1.0);
    assert_eq!(told(&raised), ["T-FLAME Raised@2000"]);
    assert_eq!(raised[0].alarm.object.point.as_deref(), Some("F-1"));
    assert_eq!(raised[0].alarm.object.equipment.as_deref(), Some("T-101"));
    assert_eq!((raised[0].alarm.rule_set.as_str(), raised[0].alarm.id), ("s1", AlarmId(1)));

    let effects = fold.step(3_000, vec![ack(3_000, "k1", 1)]);
    assert_eq!(effects.outcomes, [Outcome::Done { alarm: AlarmId(1) }]);
    assert_eq!(changes(&effects)[0].to, AlarmState::Acknowledged);
    let again = fold.step(3_100, vec![ack(3_050, "k1", 1), ack(3_060, "k2", 1), ack(3_070, "k3", 9)]);
    assert_eq!(
        again.outcomes,
        [
            Outcome::Done { alarm: AlarmId(1) },
            Outcome::Refused(Refusal::NothingToAcknowledge),
            Outcome::Refused(Refusal::NoSuchAlarm)
        ]
    );
    let over = fold.read(4_000, FLAME, 0.0);
    assert_eq!(told(&over), ["T-FLAME Returned@4000"]);
    assert_eq!(over[0].to, AlarmState::Normal);
    assert_eq!(fold.state.open_alarms().count(), 0);
    assert!(fold.state.alarm(AlarmId(1)).is_some_and(|alarm| alarm.closed_at == Some(at(4_000))));
}

#[test]
fn a_delay_runs_out_on_the_value_held() {
    let mut fold = Fold::started();
    assert!(fold.read(1_000, GAS, 52.0).is_empty());
    assert_eq!(fold.state.next_deadline(), Some(at(3_000)));
    assert_eq!(told(&fold.tick(3_000)), ["T-GAS Raised@3000"]);
}

#[test]
fn severity_rises_up_to_its_cap_and_asks_again() {
    let mut fold = Fold::started();
    assert_eq!(told(&fold.read(1_000, LEVEL, 81.0)), ["T-LEVEL Raised@1000"]);
    fold.step(2_000, vec![ack(2_000, "k", 1)]);
    assert!(fold.read(3_000, LEVEL, 84.0).is_empty(), "no event for each reading");
    let alarm = fold.state.alarm(AlarmId(1)).unwrap();
    assert_eq!((alarm.value, alarm.worst, alarm.last_at), (Some(84.0), Some(84.0), at(3_000)));
    let risen = fold.read(4_000, LEVEL, 99.0);
    assert_eq!(told(&risen), ["T-LEVEL SeverityRaised@4000"]);
    assert_eq!((risen[0].from, risen[0].to), (AlarmState::Acknowledged, AlarmState::Unacknowledged));
    assert!(fold.read(5_000, LEVEL, 81.0).is_empty(), "it does not fall while the alarm is open");
    assert_eq!(fold.state.alarm(AlarmId(1)).unwrap().severity, Severity::Orange);
}

#[test]
fn by_default_the_way_back_is_moved_by_the_dead_band() {
    let mut fold = Fold::started();
    fold.read(1_000, LEVEL, 80.0);
    assert!(fold.read(2_000, LEVEL, 79.0).is_empty());
    assert!(fold.read(3_000, LEVEL, 78.0).is_empty(), "exactly the dead-band is not past it");
    assert_eq!(told(&fold.read(4_000, LEVEL, 77.9)), ["T-LEVEL Returned@4000"]);
}

#[test]
fn a_point_lost_and_found_within_one_record_has_both_events() {
    let mut fold = Fold::started();
    let effects = fold.step(500_000, vec![one(1_000, GAS, 1.0), one(400_000, GAS, 1.0), one(490_000, GAS, 1.0)]);
    assert_eq!(told(&changes(&effects)), ["T-SILENT Raised@121001", "T-SILENT Returned@400000"]);
}

#[test]
fn while_the_link_is_down_nobody_is_lost_and_one_alarm_says_why() {
    let mut fold = Fold::started();
    fold.read(1_000, GAS, 1.0);
    let down = changes(&fold.step(60_000, vec![Input::Link(Link::Down)]));
    assert_eq!(told(&down), ["DAVY-BROKER-LINK Raised@60000"]);
    assert_eq!(down[0].alarm.severity, Severity::Orange);
    assert_eq!(fold.state.next_deadline(), Some(MIDNIGHT));
    assert!(fold.tick(1_000_000).is_empty());
    let up = changes(&fold.step(1_000_000, vec![Input::Link(Link::Up)]));
    assert_eq!(told(&up), ["DAVY-BROKER-LINK Returned@1000000"]);
    assert_eq!(fold.state.next_deadline(), Some(at(1_120_000)), "the backlog has 120 s to come in");
    assert_eq!(told(&fold.tick(1_120_000)), [""; 0]);
    assert_eq!(fold.state.next_deadline(), Some(at(1_181_001)), "what was left of its patience is left");
    assert_eq!(told(&fold.tick(1_181_001)), ["T-SILENT Raised@1181001"]);
}

#[test]
fn a_long_absence_of_our_own_is_one_alarm_and_nobodys_silence() {
    let mut fold = Fold::started();
    fold.read(1_000, GAS, 1.0);
    fold.read(1_000, LEVEL, 1.0);
    let resumed = fold.step(9_000_000, vec![Input::Resumed { down_since: at(2_000) }, Input::Link(Link::Up)]);
    let resumed = changes(&resumed);
    assert_eq!(told(&resumed), ["DAVY-AWAY Raised@9000000"]);
    assert_eq!(resumed[0].alarm.severity, Severity::Orange);
    // A fresh message: the backlog is through, and time goes on where it stood at 2 s.
    assert_eq!(told(&fold.read(9_010_000, FLAME, 0.0)), ["DAVY-AWAY Returned@9010000"]);
    let due = fold.tick(9_700_000);
    assert_eq!(told(&due), ["T-SILENT Raised@9129001", "T-SILENT Raised@9189001"]);
}

#[test]
fn a_system_fault_has_one_alarm_for_its_code() {
    let mut fold = Fold::started();
    let fault = |severity, active| {
        let (code, detail) = ("DAVY-DISK".to_owned(), "71 % of the quota".to_owned());
        Input::SystemFault(SystemFault { code, severity, active, detail })
    };
    let raised = changes(&fold.step(1_000, vec![fault(Severity::Yellow, true)]));
    assert_eq!(told(&raised), ["DAVY-DISK Raised@1000"]);
    assert_eq!(raised[0].alarm.text.en, "71 % of the quota");
    assert!(fold.step(2_000, vec![fault(Severity::Yellow, true)]).business.is_empty());
    let worse = fold.step(3_000, vec![fault(Severity::Red, true)]);
    assert_eq!(told(&changes(&worse)), ["DAVY-DISK SeverityRaised@3000"]);
    let over = fold.step(4_000, vec![fault(Severity::Red, false), fault(Severity::Red, false)]);
    assert_eq!(told(&changes(&over)), ["DAVY-DISK Returned@4000"]);
    let signed = fold.step(5_000, vec![ack(5_000, "k", 1)]);
    assert_eq!(changes(&signed)[0].to, AlarmState::Normal);
    assert_eq!(fold.state.open_len(), 0);
}

#[test]
fn a_rule_that_fails_is_a_system_alarm_and_leaves_its_slot_alone() {
    let mut fold = Fold::started();
    let rules = rule_set(&registry(), FAILING);
    fold.step(500, vec![Input::Activate(Content::Rules { version: "s2".to_owned(), rules })]);
    fold.read(1_000, GAS, 120.0);
    let failed = fold.read(2_000, GAS, -1.0);
    assert_eq!(told(&failed), ["DAVY-RULE-ERROR Raised@2000"]);
    assert!(failed[0].alarm.text.en.starts_with("T-FAIL on e1/G-1: "), "{}", failed[0].alarm.text.en);
    assert_eq!(failed[0].alarm.severity, Severity::Yellow);
    assert!(fold.read(3_000, LEVEL, -1.0).is_empty(), "one alarm a rule");
    assert!(fold.read(4_000, LEVEL, 1.0).is_empty(), "another point says nothing of the one that failed");
    assert_eq!(fold.state.open_len(), 2, "the alarm of the rule itself stands as it stood");
    let works = fold.read(5_000, GAS, 120.0);
    assert_eq!(told(&works), ["DAVY-RULE-ERROR Returned@5000"]);
}

#[test]
fn a_new_rule_set_keeps_what_it_still_knows_and_closes_the_rest() {
    let mut fold = Fold::started();
    fold.read(1_000, FLAME, 1.0);
    fold.read(1_500, GAS, 60.0);
    fold.tick(3_500);
    fold.read(4_000, LEVEL, 81.0);
    let start = RULES.find("[[rule]]\nid = \"T-LEVEL\"").unwrap();
    let end = RULES.find("[[rule]]\nid = \"T-SILENT\"").unwrap();
    let without = format!("{}{}", &RULES[end..], &RULES[..start]);
    let rules = rule_set(&registry(), &without);
    let effects = fold.step(5_000, vec![Input::Activate(Content::Rules { version: "s2".to_owned(), rules })]);
    assert_eq!(told(&changes(&effects)), ["T-LEVEL RuleRemoved@5000"]);
    assert!(matches!(&effects.business[0], Business::RulesActivated { version, .. } if version == "s2"));
    let open: Vec<_> = fold.state.open_alarms().map(|alarm| (alarm.id.0, alarm.rule_set.as_str())).collect();
    assert_eq!(open, [(1, "s1"), (2, "s1")]);
    assert_eq!(told(&fold.read(6_000, FLAME, 0.0)), ["T-FLAME Returned@6000"], "rules moved, slots did not");
}

#[test]
fn points_are_numbered_first_and_keep_their_numbers() {
    let mut fold = Fold { state: alerting::state::State::new(), seq: 0 };
    let effects = fold.step(0, activations());
    let kinds: Vec<&str> = effects.business.iter().map(kind).collect();
    assert_eq!(kinds, ["numbered", "numbered", "numbered", "numbered", "numbered", "registered", "rules"]);
    fold.read(1_000, FLAME, 1.0);
    let activate = |registry, version: &str| {
        Input::Activate(Content::Registry { version: version.to_owned(), registry: std::sync::Arc::new(registry) })
    };
    let removed = fold.step(2_000, vec![activate(smaller_registry(), "r2")]);
    assert_eq!(removed.business.iter().map(kind).collect::<Vec<_>>(), ["registered", "alarm"]);
    assert_eq!(told(&changes(&removed)), ["T-FLAME RuleRemoved@2000"]);
    let back = fold.step(3_000, vec![activate(registry(), "r3")]);
    assert_eq!(back.business.iter().map(kind).collect::<Vec<_>>(), ["registered"]);
    assert_eq!(told(&fold.read(4_000, FLAME, 1.0)), ["T-FLAME Raised@4000"]);
}

fn kind(business: &Business) -> &'static str {
    match business {
        Business::PointNumbered { .. } => "numbered",
        Business::Registered { .. } => "registered",
        Business::RulesActivated { .. } => "rules",
        Business::Alarm(_) => "alarm",
        Business::Quarantined(_) => "quarantined",
        Business::Replayed { .. } => "replayed",
        Business::Finding(_) => "finding",
        Business::Filing(_) => "filing",
        Business::Acceptance(_) => "acceptance",
        Business::CoverageDay(_) => "coverage day",
        Business::Sealed(_) => "sealed",
        Business::Hazard(_) => "hazard",
        Business::Figure(_) => "figure",
        Business::RuleDecision(_) => "rule decision",
    }
}

#[test]
fn what_the_database_knew_is_taken_over_and_nothing_is_lowered() {
    let mut lost = Fold::started();
    let mut flame = lost.read(1_000, FLAME, 1.0).remove(0).alarm;
    let mut level = lost.read(1_000, LEVEL, 81.0).remove(0).alarm;
    (flame.id, level.id) = (AlarmId(70), AlarmId(71));
    let mut unknown = flame.clone();
    (unknown.id, unknown.rule) = (AlarmId(72), "T-GONE".to_owned());

    let mut fold = Fold::started();
    let own = fold.read(1_000, LEVEL, 82.0).remove(0).alarm;
    let key = |point: &str| PointKey { enterprise: "e1".to_owned(), point: point.to_owned() };
    let adopted = Adopted {
        newest: vec![(key("F-1"), at(9_000)), (key("L-1"), at(0)), (key("old"), at(5_000))],
        open_alarms: vec![flame, level, unknown],
        alarm_id_max: Some(AlarmId(99)),
    };
    let effects = fold.step(10_000, vec![Input::Adopted(adopted)]);
    assert_eq!(kind(&effects.business[0]), "numbered", "a point of the database that no registry has any more");
    let mut told = told(&changes(&effects));
    told.sort();
    assert_eq!(told, ["T-FLAME Adopted@10000", "T-GONE RuleRemoved@10000", "T-LEVEL Superseded@10000"]);
    let open: Vec<u64> = fold.state.open_alarms().map(|alarm| alarm.id.0).collect();
    assert_eq!(open, [own.id.0, 70]);

    let older = fold.step(10_500, vec![one(8_000, FLAME, 0.0)]);
    assert_eq!(older.readings.late.flags, [alerting::effect::FLAG_NOT_JUDGED]);
    let returned = fold.read(11_000, FLAME, 0.0);
    assert_eq!(returned[0].alarm.id, AlarmId(70));
    assert_eq!(fold.read(12_000, GAS, 60.0).len(), 0);
    assert_eq!(fold.tick(14_000)[0].alarm.id, AlarmId(100), "numbers of the database are not given again");
}

#[test]
fn a_skipped_record_is_put_aside_and_somebody_signs_for_it() {
    let mut fold = Fold::started();
    let raw = vec![("a/b".to_owned(), "1".into()), ("c/d".to_owned(), "2".into())];
    let effects = fold.step(1_000, vec![Input::Skipped(Skipped { seq: 7, reason: "x".repeat(300), raw })]);
    assert_eq!(told(&changes(&effects)), ["DAVY-SKIPPED Raised@1000", "DAVY-SKIPPED Returned@1000"]);
    let quarantined: Vec<_> = effects
        .business
        .iter()
        .filter_map(|business| match business {
            Business::Quarantined(q) => Some((q.topic.as_str(), q.reject.reason, q.reject.detail.len())),
            _ => None,
        })
        .collect();
    assert_eq!(quarantined, [("a/b", Reason::Skipped, 200), ("c/d", Reason::Skipped, 200)]);
    assert_eq!(fold.state.open_alarms().next().map(|alarm| alarm.state), Some(AlarmState::ReturnedUnacknowledged));
}

#[test]
fn a_new_engine_version_states_what_is_open_again() {
    let mut fold = Fold::started();
    fold.read(1_000, FLAME, 1.0);
    let effects = fold.step(2_000, vec![Input::Engine { version: 2 }]);
    assert_eq!(told(&changes(&effects)), ["T-FLAME Adopted@2000"]);
    assert_eq!(fold.state.engine_version(), Some(2));
}

#[test]
fn red_comes_before_what_was_blue_earlier() {
    let mut fold = Fold::started();
    let mut inputs: Vec<In> = (0..3).map(|n| one(1_000 + n, FAN, 700.0)).collect();
    inputs.extend((0..3).map(|n| one(1_010 + n, GAS, 200.0)));
    inputs.push(one(1_020, FLAME, 1.0));
    inputs.extend((0..3).map(|n| one(1_030 + n, RUN, 200.0)));
    let effects = fold.step(2_000, inputs);
    assert_eq!(
        told(&changes(&effects)),
        ["T-FLAME Raised@1020", "T-BAD Raised@1002", "T-BAD Raised@1012", "T-BAD Raised@1032"]
    );
}

#[test]
fn what_closed_is_known_for_a_day() {
    let mut fold = Fold::started();
    for ms in [1_000, 2_000, 3_000] {
        fold.read(ms, LEVEL, -5.0);
    }
    for ms in [4_000, 5_000, 6_000] {
        fold.read(ms, LEVEL, 5.0);
    }
    assert_eq!(fold.state.recent_closed().count(), 1);
    fold.step(6_000 + 86_399_000, vec![Input::Link(Link::Down)]);
    assert!(fold.state.recent_closed().any(|alarm| alarm.id == AlarmId(1)));
    fold.tick(6_000 + 86_400_000);
    assert!(fold.state.alarm(AlarmId(1)).is_none());
}

#[test]
fn a_redelivered_message_without_times_is_dropped_and_counted() {
    let mut fold = Fold::started();
    let message = |ms, redelivered| {
        let mut message = delivery(at(ms), vec![reading(GAS, None, 1.0), reading(LEVEL, Some(at(500)), 1.0)]);
        message.payload = "same".into();
        message.redelivered = redelivered;
        Input::Delivery(message)
    };
    let first = fold.step(1_000, vec![message(1_000, false)]);
    assert_eq!((first.readings.fast.len(), first.readings.duplicates), (2, 0));
    let again = fold.step(2_000, vec![message(2_000, true)]);
    assert_eq!((again.readings.fast.len(), again.readings.late.len(), again.readings.duplicates), (0, 0, 2));
}

#[test]
fn a_message_out_of_quarantine_is_stored_under_its_old_time_and_judged_by_nobody() {
    let mut fold = Fold::started();
    fold.read(500_000, FLAME, 0.0);
    let Input::Delivery(old) = one(20_000, FLAME, 1.0) else { unreachable!("a message is a delivery") };
    let from = vec![Aside { journal_id: "j".to_owned(), seq: 4, index: 2, reading: Some(0) }];
    let effects = fold.step(600_000, vec![Input::Replayed(Replayed { delivery: old, from })]);
    let raised = changes(&effects);
    assert!(raised.iter().all(|change| change.alarm.rule != "T-FLAME"), "old news raises nothing");
    let late = &effects.readings.late;
    assert_eq!((late.received_us.clone(), late.event_us.clone()), (vec![at(20_000).0], vec![at(20_000).0]));
    assert_eq!(late.flags, vec![alerting::effect::FLAG_NOT_JUDGED]);
    assert!(effects.readings.fast.is_empty());
}

#[test]
fn a_message_read_in_parts_gives_only_what_it_had_not_given_before() {
    let mut fold = Fold::started();
    let aside = |index, reading| Aside { journal_id: "j".to_owned(), seq: 4, index, reading };
    let reject = |index| Reject { index: Some(index), reason: Reason::UnknownPoint, detail: "why".to_owned() };
    // 0 was good at once, 1 and 3 were not; 1 is good now, 3 never will be.
    let mut message = delivery(at(20_000), vec![reading(GAS, None, 1.0), reading(LEVEL, None, 2.0)]);
    message.rejects = vec![reject(2)];
    let parts = Replayed { delivery: message.clone(), from: vec![aside(0, Some(1)), aside(1, Some(2))] };
    let effects = fold.step(600_000, vec![Input::Replayed(parts)]);
    assert_eq!(effects.readings.late.value, [2.0]);
    let done = Business::Replayed { journal_id: "j".to_owned(), seq: 4, index: 0, readings: 1 };
    assert_eq!(replayed_of(&effects), [done]);
    assert!(effects.business.iter().all(|b| kind(b) != "quarantined"), "it lies there already");

    let whole = Replayed { delivery: message, from: vec![aside(9, None)] };
    let effects = fold.step(700_000, vec![Input::Replayed(whole)]);
    assert_eq!(effects.readings.late.value, [1.0, 2.0]);
    let done = Business::Replayed { journal_id: "j".to_owned(), seq: 4, index: 9, readings: 2 };
    assert_eq!(replayed_of(&effects), [done]);
    let aside_now = effects.business.iter().filter(|b| kind(b) == "quarantined").count();
    assert_eq!(aside_now, 1, "what is wrong in it had no row of its own");

    let mut unreadable = delivery(at(20_000), Vec::new());
    unreadable.rejects = vec![Reject { index: None, reason: Reason::Malformed, detail: String::new() }];
    let unreadable = Replayed { delivery: unreadable, from: vec![aside(5, None)] };
    let effects = fold.step(800_000, vec![Input::Replayed(unreadable)]);
    assert!(effects.readings.is_empty() && replayed_of(&effects).is_empty(), "it stays where it is");
}

fn replayed_of(effects: &Effects) -> Vec<Business> {
    effects.business.iter().filter(|business| kind(business) == "replayed").cloned().collect()
}
