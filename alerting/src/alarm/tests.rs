//! The transitions of one alarm, row by row. Pure.

use super::*;
use AlarmState::{Acknowledged as C, Normal as A, ReturnedUnacknowledged as D, Unacknowledged as B};

fn breach(severity: Severity, at: i64, value: f64) -> Breach {
    let at = Micros(at);
    Breach { since: at, last_at: at, value: Some(value), worst: Some(value), severity }
}

fn alarm(severity: Severity, state: AlarmState) -> Alarm {
    let birth = Birth {
        rule: "R".to_owned(),
        name: Text::default(),
        object: Object::default(),
        limit: Some(50.0),
        rule_set: "s".to_owned(),
        text: Text::default(),
    };
    let (mut alarm, change) = Alarm::raise(AlarmId(1), birth, &breach(severity, 1, 60.0), Micros(3));
    assert_eq!((change.from, change.to, change.cause), (A, B, Cause::Raised));
    assert_eq!((alarm.since, alarm.raised_at, alarm.count), (Micros(1), Micros(3), 1));
    alarm.state = state;
    alarm
}

const SIGNED: Signature<'static> = Signature { by: "wang", comment: "" };

#[test]
fn the_transitions_of_the_standard() {
    type Act = fn(&mut Alarm) -> Option<AlarmChange>;
    let sign: Act = |alarm| alarm.acknowledge(SIGNED, Micros(9));
    let over: Act = |alarm| Some(alarm.give_back(Micros(9), Some(10.0)));
    let again: Act = |alarm| Some(alarm.breach_again(&breach(Severity::Blue, 9, 70.0), Side::High, Micros(9)));
    let same: Act = |alarm| alarm.hold(Severity::Blue, (Micros(9), Some(70.0)), Side::High);
    let worse: Act = |alarm| alarm.hold(Severity::Red, (Micros(9), Some(70.0)), Side::High);
    let table: [(Severity, AlarmState, Act, Option<AlarmState>); 13] = [
        (Severity::Orange, B, sign, Some(C)),
        (Severity::Orange, C, sign, None),
        (Severity::Orange, D, sign, Some(A)),
        (Severity::Blue, B, sign, Some(C)),
        (Severity::Yellow, B, over, Some(D)),
        (Severity::Blue, B, over, Some(A)),
        (Severity::Orange, C, over, Some(A)),
        (Severity::Blue, C, over, Some(A)),
        (Severity::Orange, D, again, Some(B)),
        (Severity::Orange, C, same, None),
        (Severity::Orange, C, worse, Some(B)),
        (Severity::Orange, B, worse, Some(B)),
        (Severity::Red, C, worse, None),
    ];
    for (n, (severity, from, act, to)) in table.into_iter().enumerate() {
        let mut alarm = alarm(severity, from);
        let change = act(&mut alarm);
        assert_eq!(change.as_ref().map(|change| change.to), to, "row {n}");
        assert_eq!(alarm.state, to.unwrap_or(from), "row {n}");
        assert_eq!(alarm.closed_at, (to == Some(A)).then_some(Micros(9)), "row {n}");
        if let Some(change) = change {
            assert_eq!((change.from, change.at, &change.alarm), (from, Micros(9), &alarm), "row {n}");
        }
    }
}

#[test]
fn a_second_breach_and_a_rise_ask_for_a_new_signature() {
    let mut alarm = alarm(Severity::Yellow, B);
    alarm.acknowledge(Signature { by: "wang", comment: "on site" }, Micros(4));
    assert_eq!((alarm.acked_at, alarm.acked_by.as_deref()), (Some(Micros(4)), Some("wang")));
    let risen = alarm.hold(Severity::Red, (Micros(5), Some(90.0)), Side::High).expect("a rise is an event");
    assert_eq!((risen.cause, risen.alarm.acked_at, risen.alarm.worst), (Cause::SeverityRaised, None, Some(90.0)));
    alarm.give_back(Micros(6), Some(10.0));
    assert_eq!((alarm.state, alarm.cleared_at), (D, Some(Micros(6))));
    let again = alarm.breach_again(&breach(Severity::Blue, 7, 80.0), Side::High, Micros(8));
    assert_eq!((again.cause, again.alarm.count, again.alarm.cleared_at), (Cause::BreachedAgain, 2, None));
    assert_eq!((alarm.severity, alarm.worst, alarm.value), (Severity::Red, Some(90.0), Some(80.0)));
    assert_eq!((alarm.since, alarm.raised_at, alarm.last_at), (Micros(1), Micros(3), Micros(7)));
}

#[test]
fn the_signature_stands_in_the_event() {
    let mut alarm = alarm(Severity::Red, B);
    let change = alarm.acknowledge(Signature { by: "li", comment: "going there" }, Micros(4)).expect("B to C");
    assert_eq!((change.by.as_deref(), change.comment.as_deref()), (Some("li"), Some("going there")));
}
