//! The hub from outside: order of alarms, places in the event ring, bounds. Pure.

use super::*;
use crate::hub::health::Condition;
use crate::hub::ring::RING_MAX;
use alerting::alarm::{AlarmChange, AlarmState, Cause, Object};
use alerting::effect::Quarantined;
use alerting::input::{Reason, Reject};
use bytes::Bytes;
use rules::reading::{Quality, SECOND_US, Severity};

/// An alarm of rule HC-11 on `hc-001`, raised `id` seconds after 2025.
pub fn alarm(id: u64, severity: Severity, state: AlarmState) -> Alarm {
    let at = Micros(1_735_689_600_000_000).plus(id as i64 * SECOND_US);
    Alarm {
        id: AlarmId(id),
        rule: "HC-11".into(),
        name: rules::registry::Text { zh: "可燃气体二级报警".into(), en: "Flammable gas, level 2".into() },
        object: Object {
            enterprise: Some("hc-001".into()),
            equipment: Some("T-101".into()),
            point: Some("T-101.lel".into()),
        },
        severity,
        state,
        value: Some(61.5),
        worst: Some(61.5),
        limit: Some(50.0),
        since: at,
        raised_at: at,
        last_at: at,
        acked_at: None,
        acked_by: None,
        cleared_at: None,
        closed_at: (state == AlarmState::Normal).then(|| at.plus(SECOND_US)),
        count: 1,
        rule_set: "ab12".into(),
        text: rules::registry::Text { zh: "<b>立即处置</b>".into(), en: "act at once".into() },
    }
}

pub fn change(alarm: Alarm) -> Business {
    Business::Alarm(Box::new(AlarmChange {
        at: alarm.last_at,
        from: AlarmState::Normal,
        to: alarm.state,
        cause: Cause::Raised,
        by: None,
        comment: None,
        alarm,
    }))
}

pub fn refused(payload: &[u8]) -> Business {
    Business::Quarantined(Quarantined {
        received: Micros(1_735_689_600_000_000),
        topic: "davy/v1/hc-001/gw-1/json".into(),
        payload: Bytes::copy_from_slice(payload),
        reject: Reject { index: None, reason: Reason::Malformed, detail: "expected value at line 1".into() },
    })
}

pub fn tell(hub: &Hub, seq: u64, business: Vec<Business>) {
    let effects = Effects { business, ..Effects::default() };
    hub.publish(seq, Micros(1_735_689_700_000_000), &effects, &[]);
}

fn loaded() -> Hub {
    let hub = Hub::new();
    hub.load(Recovered { journal_id: "j-1".into(), seq: 10, ..Recovered::default() });
    hub
}

fn mark(journal: &str, seq: u64, index: u32) -> Result<Mark, Why> {
    Ok(Mark { journal_id: journal.into(), position: Position { seq, index } })
}

fn begin(hub: &Hub, after: Result<Mark, Why>) -> Result<u64, Why> {
    match hub.subscribe(after).unwrap() {
        Start::Resumed { next } => Ok(next),
        Start::Fresh { why, .. } => Err(why),
    }
}

#[test]
fn worst_alarms_come_first_then_the_oldest() {
    let hub = loaded();
    use AlarmState::{Normal, Unacknowledged};
    tell(&hub, 11, (1..4).map(|id| change(alarm(id, Severity::Blue, Unacknowledged))).collect());
    tell(
        &hub,
        12,
        vec![change(alarm(4, Severity::Red, Unacknowledged)), change(alarm(2, Severity::Yellow, Unacknowledged))],
    );
    tell(&hub, 13, vec![change(alarm(1, Severity::Blue, Normal))]);
    let ids: Vec<u64> = hub.open().unwrap().iter().map(|a| a.id.0).collect();
    assert_eq!(ids, [4, 2, 3]);
    assert_eq!(hub.open_counts(), [1, 1, 0, 1]);
    tell(&hub, 14, vec![change(alarm(4, Severity::Red, AlarmState::SuppressedByDesign))]);
    assert_eq!((hub.open_counts(), hub.open().unwrap().len()), ([1, 1, 0, 0], 3), "on the list, and calls nobody");
    tell(&hub, 15, vec![change(alarm(4, Severity::Red, Unacknowledged))]);
    assert_eq!(hub.open_counts(), [1, 1, 0, 1]);
    assert_eq!(hub.closed(9).unwrap().len(), 1);
    assert_eq!(hub.alarm(AlarmId(1)).unwrap().state, Normal);
}

#[test]
fn closed_alarms_are_forgotten_after_a_day() {
    let hub = loaded();
    tell(&hub, 11, vec![change(alarm(1, Severity::Red, AlarmState::Normal))]);
    let later = Micros(1_735_689_600_000_000).plus(alarms::CLOSED_KEPT_US + 3 * SECOND_US);
    hub.publish(12, later, &Effects::default(), &[]);
    assert!(hub.closed(9).unwrap().is_empty());
}

#[test]
fn before_recovery_nothing_is_claimed() {
    let hub = Hub::new();
    tell(&hub, 1, vec![change(alarm(1, Severity::Red, AlarmState::Unacknowledged))]);
    assert!(hub.open().is_none() && hub.standing().is_none() && hub.subscribe(Err(Why::First)).is_none());
}

#[test]
fn a_stream_resumes_inside_the_ring_and_begins_afresh_outside() {
    let hub = loaded();
    let rise = |id| change(alarm(id, Severity::Red, AlarmState::Unacknowledged));
    tell(&hub, 11, vec![refused(b"{"), rise(1), rise(2)]);
    tell(&hub, 12, vec![]);
    tell(&hub, 13, vec![rise(3)]);
    assert_eq!(begin(&hub, mark("j-1", 11, 1)), Ok(1));
    assert_eq!(begin(&hub, mark("j-1", 11, 2)), Ok(2));
    assert_eq!(begin(&hub, mark("j-1", 13, 0)), Ok(3));
    assert_eq!(begin(&hub, mark("j-1", 9, 0)), Err(Why::TooOld));
    assert_eq!(begin(&hub, mark("j-1", 14, 0)), Err(Why::Ahead));
    assert_eq!(begin(&hub, mark("j-2", 11, 1)), Err(Why::OtherJournal));
    assert_eq!(begin(&hub, Err(Why::First)), Err(Why::First));
}

#[test]
fn a_snapshot_names_the_position_to_resume_from() {
    let hub = loaded();
    for seq in [10u64, 11, 12] {
        if seq > 10 {
            let business = if seq == 11 {
                vec![refused(b"x"), change(alarm(1, Severity::Red, AlarmState::Unacknowledged))]
            } else {
                vec![]
            };
            tell(&hub, seq, business);
        }
        let Some(Start::Fresh { snapshot, next, .. }) = hub.subscribe(Err(Why::First)) else { panic!("no snapshot") };
        let again: Mark = snapshot.mark.to_string().parse().unwrap();
        assert_eq!(begin(&hub, Ok(again)), Ok(next), "after record {seq}");
    }
}

#[test]
fn a_reader_behind_the_ring_is_told_so_and_the_ring_is_bounded() {
    let hub = loaded();
    let surplus = 5;
    for seq in 0..(RING_MAX + surplus) as u64 {
        tell(&hub, 11 + seq, vec![change(alarm(1, Severity::Blue, AlarmState::Unacknowledged))]);
    }
    assert_eq!(hub.events(surplus as u64 - 1, 10).err(), Some(Overrun));
    assert_eq!(hub.events(surplus as u64, usize::MAX).unwrap().len(), RING_MAX);
    assert_eq!(begin(&hub, mark("j-1", 11 + surplus as u64 - 2, 0)), Err(Why::TooOld));
    assert_eq!(begin(&hub, mark("j-1", 11 + surplus as u64 - 1, 0)), Ok(surplus as u64));
}

#[test]
fn a_new_load_ends_older_streams() {
    let hub = loaded();
    tell(&hub, 11, vec![change(alarm(1, Severity::Red, AlarmState::Unacknowledged))]);
    let before = begin(&hub, mark("j-1", 11, 0)).unwrap();
    hub.load(Recovered { journal_id: "j-2".into(), seq: 1, ..Recovered::default() });
    assert_eq!(hub.events(before, 10).err(), Some(Overrun));
}

#[test]
fn a_fork_keeps_the_alarms_and_ends_older_streams() {
    let hub = loaded();
    tell(&hub, 11, vec![change(alarm(1, Severity::Red, AlarmState::Unacknowledged))]);
    let before = begin(&hub, mark("j-1", 11, 0)).unwrap();
    hub.forked("j-2");
    assert_eq!(hub.events(before, 10).err(), Some(Overrun));
    assert_eq!(begin(&hub, mark("j-1", 11, 0)), Err(Why::OtherJournal));
    assert_eq!((hub.open().unwrap().len(), &*hub.standing().unwrap().journal_id), (1, "j-2"));
    tell(&hub, 12, vec![change(alarm(2, Severity::Red, AlarmState::Unacknowledged))]);
    assert_eq!(begin(&hub, mark("j-2", 12, 0)), Ok(before + 2));
}

#[test]
fn quarantine_keeps_the_newest_and_only_the_beginning_of_their_bytes() {
    let hub = loaded();
    let big = vec![b'x'; 1 << 20];
    tell(&hub, 11, (0..300).map(|n: u32| refused(&n.to_be_bytes())).collect());
    tell(&hub, 12, vec![refused(&big)]);
    let kept = hub.quarantined(usize::MAX).unwrap();
    assert_eq!((kept.len(), kept[0].payload_len, kept[0].payload.len()), (200, 1 << 20, quarantine::PAYLOAD_SHOWN_MAX));
    assert_eq!((kept[1].seq, kept[1].index, kept[199].index), (11, 299, 101));
}

#[test]
fn last_values_are_dense_and_touched_only() {
    let hub = loaded();
    let value = |v| LastValue { event: Micros(1), received: Micros(2), value: v, quality: Quality::Good };
    let touched = [(PointId(7), value(1.0)), (PointId(2), value(2.0))];
    hub.publish(11, Micros(3), &Effects::default(), &touched);
    let got = hub.last_of(&[PointId(2), PointId(3), PointId(7), PointId(99)]);
    assert_eq!(got, [Some(value(2.0)), None, Some(value(1.0)), None]);
}

#[test]
fn ready_needs_engine_journal_and_broker_but_no_database() {
    let hub = Hub::new();
    assert_eq!(hub.ready(), Err(vec![Component::Engine, Component::Journal, Component::Broker]));
    for component in [Component::Engine, Component::Journal] {
        hub.report(component, Report::up(), Micros(1));
    }
    let behind = Report { condition: Condition::CatchingUp, ..Report::up() };
    hub.report(Component::Broker, behind.clone(), Micros(1));
    hub.report(Component::DatabaseReadings, Report { done_seq: Some(7), ..Report::up() }, Micros(1));
    hub.report(Component::DatabaseReadings, Report::down("connection refused"), Micros(1));
    assert_eq!(hub.applied(), [7, 0]);
    assert_eq!(hub.ready(), Ok(()));
    hub.report(Component::Engine, behind, Micros(5));
    assert_eq!(hub.ready(), Err(vec![Component::Engine]));
    assert_eq!(hub.healths()[0].1.since, Some(Micros(5)));
}
