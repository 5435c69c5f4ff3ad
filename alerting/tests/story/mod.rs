//! Random stories for the fold: readings by right and wrong clocks, people, outages, changes of rules; as inputs, and cut
//! into records. Must not judge anything. Pure.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

use crate::district::{self, *};
use alerting::alarm::{Alarm, AlarmState, Object};
use alerting::effect::Effects;
use alerting::gateway::GatewayStatus;
use alerting::input::{Adopted, Batch, Input, Link, Skipped, SystemFault};
use bytes::Bytes;
use proptest::prelude::*;
use rules::reading::{Micros, PointId, Quality, Reading, Severity};
use rules::view::PointKey;

/// One thing that happens `gap_ms` after the one before.
#[derive(Clone, Debug)]
pub struct Event {
    pub gap_ms: i64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Readings { list: Vec<(u32, Device, f64, Quality)>, redelivered: bool, seq: Option<u64>, payload: u8 },
    Status(GatewayStatus),
    Ack { key: u8, alarm: u64 },
    Reset { key: u8, alarm: u64 },
    Fault { code: u8, active: bool, severity: Severity },
    Link(bool),
    Resumed(i64),
    Activate(&'static str, &'static str),
    Engine,
    Adopted { newest_ms: i64, severity: Severity, state: AlarmState, point: u8 },
    Skipped,
    Tick,
}

#[derive(Clone, Copy, Debug)]
pub enum Device {
    Received,
    Before(i64),
    Fixed(i64),
    /// A clock that was set back by so many minutes.
    SetBack(i64),
    Future,
    Ancient,
    None,
}

pub fn device() -> impl Strategy<Value = Device> {
    prop_oneof![
        6 => Just(Device::Received),
        2 => (0_i64..20_000).prop_map(Device::Before),
        2 => (0_i64..4).prop_map(|n| Device::Fixed(n * 10_000)),
        3 => prop::sample::select(vec![4_i64, 6, 480]).prop_map(Device::SetBack),
        1 => Just(Device::Future),
        1 => Just(Device::Ancient),
        2 => Just(Device::None),
    ]
}

pub fn value() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![0.0, 1.0, 10.0, 44.0, 46.0, 50.0, 60.0, 79.0, 81.0, 96.0, 120.0, -0.0, -7.0])
}

pub fn quality() -> impl Strategy<Value = Quality> {
    prop_oneof![6 => Just(Quality::Good), 1 => Just(Quality::Uncertain), 2 => Just(Quality::Bad)]
}

pub fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

pub fn readings() -> impl Strategy<Value = What> {
    let list = prop::collection::vec((0_u32..5, device(), value(), quality()), 1..5);
    (list, any::<bool>(), prop::option::of(0_u64..3), 0_u8..3)
        .prop_map(|(list, redelivered, seq, payload)| What::Readings { list, redelivered, seq, payload })
}

pub fn ack() -> impl Strategy<Value = What> {
    (0_u8..8, 1_u64..8).prop_map(|(key, alarm)| What::Ack { key, alarm })
}

pub fn reset() -> impl Strategy<Value = What> {
    (0_u8..8, 1_u64..8).prop_map(|(key, alarm)| What::Reset { key, alarm })
}

pub fn status() -> impl Strategy<Value = What> {
    prop::sample::select(vec![GatewayStatus::Online, GatewayStatus::Offline]).prop_map(What::Status)
}

pub fn timed() -> impl Strategy<Value = What> {
    prop_oneof![16 => readings(), 2 => ack(), 1 => reset(), 1 => status()]
}

const VERSIONS: [(&str, &str); 5] =
    [("rules", "s1"), ("rules", "s2"), ("rules", "s3"), ("registry", "r1"), ("registry", "r2")];

pub fn anything() -> impl Strategy<Value = What> {
    let states = [AlarmState::Unacknowledged, AlarmState::Acknowledged, AlarmState::ReturnedUnacknowledged];
    let adopted = (0_i64..60_000, severity(), prop::sample::select(states.to_vec()), 0_u8..7)
        .prop_map(|(newest_ms, severity, state, point)| What::Adopted { newest_ms, severity, state, point });
    prop_oneof![
        12 => timed(),
        1 => (0_u8..2, any::<bool>(), severity())
            .prop_map(|(code, active, severity)| What::Fault { code, active, severity }),
        1 => any::<bool>().prop_map(What::Link),
        1 => (0_i64..100_000).prop_map(What::Resumed),
        3 => prop::sample::select(VERSIONS.to_vec()).prop_map(|(kind, version)| What::Activate(kind, version)),
        1 => Just(What::Engine),
        1 => adopted,
        1 => Just(What::Skipped),
        1 => Just(What::Tick),
    ]
}

pub fn story(what: impl Strategy<Value = What>) -> impl Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![1 => Just(0_i64), 6 => 1_i64..8_000, 1 => 20_000_i64..130_000, 1 => 100_000_i64..700_000];
    prop::collection::vec((gap, what).prop_map(|(gap_ms, what)| Event { gap_ms, what }), 1..40)
}

/// The story as inputs with the time of each, in milliseconds.
pub fn inputs(story: &[Event]) -> Vec<(i64, In)> {
    let mut now = 1_000;
    let mut told = Vec::new();
    for event in story {
        now += event.gap_ms;
        told.push((now, input(now, &event.what)));
    }
    told
}

/// The same under the rules of `WORDS`, which come into force before it begins, in a record of their own.
pub fn worded((mut told, mut cuts): (Vec<(i64, In)>, Vec<bool>)) -> (Vec<(i64, In)>, Vec<bool>) {
    told.insert(0, (500, input(500, &What::Activate("rules", "s3"))));
    cuts.insert(0, true);
    (told, cuts)
}

pub fn input(now: i64, what: &What) -> In {
    match what {
        What::Readings { list, redelivered, seq, payload } => {
            let time = |device: &Device| match device {
                Device::Received => Some(at(now)),
                Device::Before(ms) => Some(at(now - ms)),
                Device::Fixed(ms) => Some(at(*ms)),
                Device::SetBack(minutes) => Some(at(now - minutes * 60_000)),
                Device::Future => Some(at(now + 3_600_000)),
                Device::Ancient => Some(Micros(0)),
                Device::None => None,
            };
            let reading = |(point, device, value, quality): &(u32, Device, f64, Quality)| Reading {
                point: PointId(*point),
                device_time: time(device),
                value: *value,
                quality: *quality,
            };
            let mut delivery = delivery(at(now), list.iter().map(reading).collect());
            delivery.redelivered = *redelivered;
            delivery.gateway_seq = *seq;
            delivery.payload = Bytes::from(vec![*payload]);
            Input::Delivery(delivery)
        }
        What::Status(status) => {
            let mut message = delivery(at(now), Vec::new());
            message.status = Some(*status);
            Input::Delivery(message)
        }
        What::Ack { key, alarm } => district::ack(now, &format!("k{key}"), *alarm),
        What::Reset { key, alarm } => district::reset(now, &format!("r{key}"), *alarm),
        What::Fault { code, active, severity } => Input::SystemFault(SystemFault {
            code: format!("DAVY-{code}"),
            severity: *severity,
            active: *active,
            detail: format!("at {now}"),
        }),
        What::Link(true) => Input::Link(Link::Up),
        What::Link(false) => Input::Link(Link::Down),
        What::Resumed(ms) => Input::Resumed { down_since: at(now - ms) },
        What::Activate(kind, version) => Input::Activate(load(kind, version).expect("it is there")),
        What::Engine => activations().remove(1),
        What::Tick => Input::Tick,
        What::Skipped => Input::Skipped(Skipped {
            seq: 1,
            reason: "why".to_owned(),
            raw: vec![("t".to_owned(), Bytes::from_static(b"x"))],
        }),
        What::Adopted { newest_ms, severity, state, point } => {
            let alarm = adopted_alarm(now, *severity, *state, *point);
            let key = PointKey { enterprise: "e1".to_owned(), point: alarm.object.point.clone().unwrap_or_default() };
            Input::Adopted(Adopted {
                newest: vec![(key, at(*newest_ms))],
                alarm_id_max: Some(alarm.id),
                open_alarms: vec![alarm],
            })
        }
    }
}

pub fn adopted_alarm(now: i64, severity: Severity, state: AlarmState, point: u8) -> Alarm {
    let mut fold = Fold::started();
    let mut alarm = fold.read(1_000, FLAME, 1.0).remove(0).alarm;
    let names = ["F-1", "G-1", "L-1", "gone", "G-1", "F-1", "L-1"];
    let rules = ["T-FLAME", "T-GAS", "T-LEVEL", "T-GAS", "T-SILENT", "DAVY-0", "DAVY-RULE-ERROR"];
    alarm.id.0 = 100 + now.unsigned_abs();
    alarm.rule = rules[usize::from(point)].to_owned();
    alarm.object.point = Some(names[usize::from(point)].to_owned());
    if alarm.rule.starts_with("DAVY") {
        alarm.object = Object::default();
    }
    alarm.severity = severity;
    alarm.state = state;
    alarm
}

/// Inputs from `first` to `now`, in milliseconds.
pub struct Record {
    pub first: i64,
    pub now: i64,
    pub inputs: Vec<In>,
}

/// Cuts a story into records after the marked inputs; each is closed when its last input happened.
pub fn records(told: &[(i64, In)], cuts: &[bool]) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut open = false;
    for (n, (now, input)) in told.iter().enumerate() {
        match records.last_mut().filter(|_| open) {
            Some(record) => {
                record.now = *now;
                record.inputs.push(input.clone());
            }
            None => records.push(Record { first: *now, now: *now, inputs: vec![input.clone()] }),
        }
        open = !cuts.get(n).copied().unwrap_or(false);
    }
    records
}

/// Steps all records; with ticks whenever the fold asks for one, if told so. The last record has number 1,000.
pub fn fold(records: &[Record], ticks: bool) -> (Vec<Effects>, Vec<u8>) {
    let mut fold = Fold::started();
    let mut all = Vec::new();
    for (n, Record { first, now, inputs }) in records.iter().enumerate() {
        while let Some(due) = fold.state.next_deadline().filter(|due| ticks && *due < at(*first)) {
            let batch = Batch { now: due, inputs: vec![Input::Tick] };
            fold.seq += 1;
            all.push(fold.state.step(fold.seq, &batch));
            assert!(fold.state.next_deadline().is_none_or(|next| next > due), "a tick does not consume its deadline");
        }
        if n + 1 == records.len() {
            fold.seq = 999;
        }
        all.push(fold.step(*now, inputs.clone()));
    }
    (all, fold.state.save())
}
