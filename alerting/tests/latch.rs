//! Alarms that latch: reset by people, kept over snapshots, changes of rules and the loss of a journal. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;
mod trial;

use alerting::alarm::{AlarmId, AlarmState, Cause};
use alerting::command::{Outcome, Refusal};
use alerting::input::{Adopted, Input};
use alerting::state::State;
use district::*;
use trial::hold;

#[test]
fn a_reset_is_answered_with_why_not() {
    let mut fold = Fold::started();
    let load_words = load("rules", "s3").expect("it is there");
    fold.step(500, vec![Input::Activate(load_words)]);
    let level = |ms, value| Input::Delivery(delivery(at(ms), vec![reading(LEVEL, Some(at(ms)), value)]));
    let raised = fold.step(1_000, vec![level(1_000, 96.0)]);
    let id_of =
        |rule: &str| changes(&raised).iter().find(|change| change.alarm.rule == rule).map(|change| change.alarm.id.0);
    let (latched, other) = (id_of("W-LATCH").expect("raised"), id_of("T-LEVEL").expect("raised"));
    let mut answer = |ms, key: &str, id| fold.step(ms, vec![reset(ms, key, id)]).outcomes;
    assert_eq!(answer(2_000, "a", 99), [Outcome::Refused(Refusal::NoSuchAlarm)]);
    assert_eq!(answer(2_000, "b", other), [Outcome::Refused(Refusal::NotLatched)]);
    assert_eq!(answer(2_000, "c", latched), [Outcome::Refused(Refusal::StillInBreach)]);
    fold.step(3_000, vec![level(3_000, 10.0)]);
    let bytes = fold.state.save();
    fold.state = State::restore(&bytes, &mut load).expect("a snapshot");
    let over = fold.step(7_000, vec![Input::Tick]);
    assert_eq!(changes(&over).iter().map(|change| change.cause).collect::<Vec<_>>(), [Cause::Latched]);
    let standing = fold.state.alarm(AlarmId(latched)).expect("it stands").clone();
    assert!(standing.is_latched() && standing.state == AlarmState::Unacknowledged, "{standing:?}");
    let bytes = fold.state.save();
    fold.state = State::restore(&bytes, &mut load).expect("a snapshot");
    let done = fold.step(8_000, vec![reset(8_000, "d", latched)]);
    assert_eq!(done.outcomes, [Outcome::Done { alarm: AlarmId(latched) }]);
    let change = &changes(&done)[0];
    assert_eq!((change.cause, change.to, change.by.as_deref()), (Cause::Reset, AlarmState::Normal, Some("wang")));
    assert_eq!((change.comment.as_deref(), change.alarm.acked_by.as_deref()), (Some("inspected"), Some("wang")));
    let again = fold.step(9_000, vec![reset(9_000, "d", latched)]);
    assert_eq!((again.outcomes, again.business.len()), (vec![Outcome::Done { alarm: AlarmId(latched) }], 0));
}

#[test]
fn a_rule_that_latches_no_more_lets_its_alarms_go_and_a_lost_journal_keeps_them() {
    let mut fold = Fold::started();
    fold.step(500, vec![Input::Activate(load("rules", "s3").expect("it is there"))]);
    let level = |ms, value| Input::Delivery(delivery(at(ms), vec![reading(LEVEL, Some(at(ms)), value)]));
    fold.step(1_000, vec![level(1_000, 96.0), level(2_000, 10.0)]);
    fold.step(9_000, vec![Input::Tick]);
    let standing = fold.state.open_alarms().find(|alarm| alarm.rule == "W-LATCH").expect("it stands").clone();
    assert!(standing.is_latched());

    let mut copy = Fold::started();
    copy.step(500, vec![Input::Activate(load("rules", "s3").expect("it is there"))]);
    let adopted = Adopted { open_alarms: vec![standing.clone()], ..Adopted::default() };
    copy.step(600, vec![Input::Adopted(adopted)]);
    copy.step(10_000, vec![level(10_000, 10.0), reset(11_000, "x", standing.id.0)]);
    assert!(copy.state.open_alarms().all(|alarm| alarm.rule != "W-LATCH"), "adopted as latched, it can be reset");

    let gone = fold.step(10_000, vec![Input::Activate(load("rules", "s4").expect("it is there"))]);
    let change = changes(&gone).into_iter().find(|change| change.alarm.rule == "W-LATCH").expect("it returns");
    assert_eq!((change.cause, change.to), (Cause::Returned, AlarmState::ReturnedUnacknowledged));
}

const LATCHED: &str = "on = [\"gas.lel\"]\nwhen = \"value >= 50.0\"\ndelay_on = \"2s\"\ndelay_off = \"10s\"\nlatch = true\n\
                       severity = \"orange\"\nseverity_max = \"red\"\nrise = { after = \"5m\", severity = \"red\" }\n\
                       suppress = \"equipment.maintenance\"";

#[test]
fn what_latches_stands_until_it_is_over_and_a_person_resets_it() {
    let cases = "
case a reset before it is over changes nothing, one after it closes it
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise orange
  at 5s reset
  at 8s G-1 1
  at 10s reset
  expect 18s latch value=1 worst=52
  at 60s reset
  expect 60s reset
case without a reset it stands for ever, signed for or not, and does not rise
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise orange
  at 5s ack
  expect 5s ack
  at 8s G-1 1
  expect 18s latch
  at 5m G-1 1
  until 5h
case signed for after its end it still stands
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise orange
  at 8s G-1 1
  expect 18s latch
  at 20s ack
  expect 20s ack
  at 30s reset
  expect 30s reset
";
    hold(LATCHED, cases);
}

#[test]
fn a_latched_alarm_may_be_in_breach_again() {
    let cases = "
case in breach again it is the same alarm, to be signed for anew, without another delay
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise orange
  at 5s ack
  expect 5s ack
  at 8s G-1 1
  expect 18s latch
  at 20s G-1 60
  expect 20s again orange count=2 worst=60
  at 30s reset
  at 31s G-1 1
  expect 41s latch
  at 50s reset
  expect 50s reset
case after a reset the next breach is another alarm with its delay
  point G-1 gas.lel
  at 0s G-1 52
  expect 2s raise orange
  at 8s G-1 1
  expect 18s latch
  at 20s reset
  expect 20s reset
  at 30s G-1 52
  expect 32s raise orange count=1
case filed work silences it, and when the work is over it is heard of again
  point G-1 gas.lel
  at 0s file maintenance enterprise from=0s to=60s
  at 1s G-1 52
  expect 3s suppress orange
  at 8s G-1 1
  expect 18s latch
  at 20s G-1 60
  expect 20s suppress orange count=2
  at 25s G-1 1
  expect 35s latch
  expect 60s release orange
  at 70s reset
  expect 70s reset
  until 80s
";
    hold(LATCHED, cases);
}

#[test]
fn an_event_may_latch() {
    let lines = "on = [\"flame\"]\nwhen = \"value == 1.0\"\nevent = true\ndelay_off = \"10s\"\nlatch = true\nseverity = \"red\"";
    let cases = "
case it is over by itself, its alarm is not
  point F-1 flame range=0..1
  at 0s F-1 1
  expect 0s raise red
  at 5s reset
  expect 10s latch
  at 1h reset
  expect 1h reset
  at 2h F-1 1
  expect 2h raise red
  expect 7210s latch
";
    hold(lines, cases);
}
