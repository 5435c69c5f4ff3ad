//! What must hold whatever comes in: cutting into records does not matter, a restored fold goes on alike, at most one
//! alarm stands for a rule on an object, and `fast` rows are newer than everything before. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::alarm::{Alarm, AlarmChange, AlarmState, Cause, Object};
use alerting::effect::{Columns, Effects, NO_TIME};
use alerting::gateway::GatewayStatus;
use alerting::input::{Adopted, Batch, Input, Link, Skipped, SystemFault};
use alerting::state::State;
use bytes::Bytes;
use district::*;
use proptest::prelude::*;
use rules::reading::{Micros, PointId, Quality, Reading, Severity};
use rules::view::PointKey;
use std::collections::BTreeMap;

/// One thing that happens `gap_ms` after the one before.
#[derive(Clone, Debug)]
struct Event {
    gap_ms: i64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Readings { list: Vec<(u32, Device, f64, Quality)>, redelivered: bool, seq: Option<u64>, payload: u8 },
    Status(GatewayStatus),
    Ack { key: u8, alarm: u64 },
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
enum Device {
    Received,
    Before(i64),
    Fixed(i64),
    /// A clock that was set back by so many minutes.
    SetBack(i64),
    Future,
    Ancient,
    None,
}

fn device() -> impl Strategy<Value = Device> {
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

fn value() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![0.0, 1.0, 10.0, 44.0, 46.0, 50.0, 60.0, 79.0, 81.0, 96.0, 120.0, -0.0, -7.0])
}

fn quality() -> impl Strategy<Value = Quality> {
    prop_oneof![6 => Just(Quality::Good), 1 => Just(Quality::Uncertain), 2 => Just(Quality::Bad)]
}

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(Severity::ALL.to_vec())
}

fn readings() -> impl Strategy<Value = What> {
    let list = prop::collection::vec((0_u32..5, device(), value(), quality()), 1..5);
    (list, any::<bool>(), prop::option::of(0_u64..3), 0_u8..3)
        .prop_map(|(list, redelivered, seq, payload)| What::Readings { list, redelivered, seq, payload })
}

fn ack() -> impl Strategy<Value = What> {
    (0_u8..8, 1_u64..8).prop_map(|(key, alarm)| What::Ack { key, alarm })
}

fn status() -> impl Strategy<Value = What> {
    prop::sample::select(vec![GatewayStatus::Online, GatewayStatus::Offline]).prop_map(What::Status)
}

fn timed() -> impl Strategy<Value = What> {
    prop_oneof![16 => readings(), 2 => ack(), 1 => status()]
}

fn anything() -> impl Strategy<Value = What> {
    let states = [AlarmState::Unacknowledged, AlarmState::Acknowledged, AlarmState::ReturnedUnacknowledged];
    let adopted = (0_i64..60_000, severity(), prop::sample::select(states.to_vec()), 0_u8..7)
        .prop_map(|(newest_ms, severity, state, point)| What::Adopted { newest_ms, severity, state, point });
    prop_oneof![
        12 => timed(),
        1 => (0_u8..2, any::<bool>(), severity())
            .prop_map(|(code, active, severity)| What::Fault { code, active, severity }),
        1 => any::<bool>().prop_map(What::Link),
        1 => (0_i64..100_000).prop_map(What::Resumed),
        2 => prop::sample::select(vec![("rules", "s1"), ("rules", "s2"), ("registry", "r1"), ("registry", "r2")])
            .prop_map(|(kind, version)| What::Activate(kind, version)),
        1 => Just(What::Engine),
        1 => adopted,
        1 => Just(What::Skipped),
        1 => Just(What::Tick),
    ]
}

fn story(what: impl Strategy<Value = What>) -> impl Strategy<Value = Vec<Event>> {
    let gap = prop_oneof![1 => Just(0_i64), 6 => 1_i64..8_000, 1 => 20_000_i64..130_000, 1 => 100_000_i64..700_000];
    prop::collection::vec((gap, what).prop_map(|(gap_ms, what)| Event { gap_ms, what }), 1..40)
}

/// The story as inputs with the time of each, in milliseconds.
fn inputs(story: &[Event]) -> Vec<(i64, In)> {
    let mut now = 1_000;
    let mut told = Vec::new();
    for event in story {
        now += event.gap_ms;
        told.push((now, input(now, &event.what)));
    }
    told
}

fn input(now: i64, what: &What) -> In {
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

fn adopted_alarm(now: i64, severity: Severity, state: AlarmState, point: u8) -> Alarm {
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

/// By alarm: its changes in order.
fn histories(effects: &[Effects]) -> BTreeMap<u64, Vec<AlarmChange>> {
    let mut histories: BTreeMap<u64, Vec<AlarmChange>> = BTreeMap::new();
    for change in effects.iter().flat_map(changes) {
        histories.entry(change.alarm.id.0).or_default().push(change);
    }
    histories
}

fn stored(effects: &[Effects]) -> (Vec<Columns>, u32) {
    let mut all = vec![Columns::default(), Columns::default()];
    let mut duplicates = 0;
    for effects in effects {
        for (into, from) in all.iter_mut().zip([&effects.readings.fast, &effects.readings.late]) {
            into.point.extend(&from.point);
            into.event_us.extend(&from.event_us);
            into.value.extend(&from.value);
            into.quality.extend(&from.quality);
            into.device_us.extend(&from.device_us);
            into.received_us.extend(&from.received_us);
            into.flags.extend(&from.flags);
        }
        duplicates += effects.readings.duplicates;
    }
    (all, duplicates)
}

/// Inputs from `first` to `now`, in milliseconds.
struct Record {
    first: i64,
    now: i64,
    inputs: Vec<In>,
}

/// Cuts a story into records after the marked inputs; each is closed when its last input happened.
fn records(told: &[(i64, In)], cuts: &[bool]) -> Vec<Record> {
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
fn fold(records: &[Record], ticks: bool) -> (Vec<Effects>, Vec<u8>) {
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

fn check_open(state: &State) {
    let mut seen = BTreeMap::new();
    for alarm in state.open_alarms() {
        // The alarm of a failing rule names it in its text only.
        let owner = (alarm.rule.clone(), alarm.object.clone());
        assert!(seen.insert(owner, alarm.id).is_none(), "two open alarms of {} on {:?}", alarm.rule, alarm.object);
        assert!(alarm.state.is_open());
        assert_eq!(state.alarm(alarm.id), Some(alarm));
    }
    assert!(state.next_deadline().is_none_or(|due| due > state.now()), "a deadline lies behind");
}

fn check_change(change: &AlarmChange) {
    use AlarmState::{Acknowledged as C, Normal as A, ReturnedUnacknowledged as D, Unacknowledged as B};
    let legal = match change.cause {
        Cause::Raised => matches!((change.from, change.to), (A, B)),
        Cause::BreachedAgain => matches!((change.from, change.to), (D, B)),
        Cause::Returned => match change.alarm.severity {
            Severity::Blue => matches!((change.from, change.to), (B | C, A)),
            _ => matches!((change.from, change.to), (B, D) | (C, A)),
        },
        Cause::Acknowledged => matches!((change.from, change.to), (B, C) | (D, A)),
        Cause::SeverityRaised => matches!((change.from, change.to), (B | C, B)),
        Cause::Adopted => change.from == change.to,
        Cause::RuleRemoved | Cause::Superseded => change.to == A,
    };
    assert!(legal, "{change:?}");
    assert_eq!(change.alarm.state, change.to);
    assert_eq!(change.alarm.closed_at.is_some(), change.to == A);
}

/// Per point: receive times strictly rise, and a fast row is newer than all rows before it.
fn check_stored(columns: &[Columns]) {
    let mut rows = Vec::new();
    for (lane, columns) in columns.iter().enumerate() {
        for n in 0..columns.len() {
            rows.push((columns.point[n], columns.received_us[n], columns.event_us[n], lane == 0));
        }
    }
    rows.sort_unstable();
    let mut newest: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
    for (point, received, event, fast) in rows {
        let (last_received, last_event) = newest.get(&point).copied().unwrap_or((i64::MIN, i64::MIN));
        assert!(received > last_received, "two readings of one point at one receive time");
        assert!(!fast || event > last_event, "a fast row is not newer");
        newest.insert(point, (received, event.max(last_event)));
    }
}

/// A reading as it is stored: point, device time as sent, value bits with -0 as 0, quality.
type Identity = (u32, i64, u64, u8);

/// What a store has after these rows: fast ones are copied without a look, late ones only if they are not there yet.
fn store_of(effects: &[Effects]) -> Vec<Identity> {
    let mut table: Vec<Identity> = Vec::new();
    for effects in effects {
        for (columns, is_fast) in [(&effects.readings.fast, true), (&effects.readings.late, false)] {
            for n in 0..columns.len() {
                let value = if columns.value[n] == 0.0 { 0.0_f64 } else { columns.value[n] };
                let identity = (columns.point[n], columns.device_us[n], value.to_bits(), columns.quality[n]);
                if is_fast || !table.contains(&identity) {
                    table.push(identity);
                }
            }
        }
    }
    table
}

/// Times at which a point was judged, in milliseconds, and those at which something of it came; ticks in between.
fn judgements(readings: &[(i64, Device)]) -> (Vec<i64>, Vec<i64>) {
    let mut fold = Fold::started();
    let (mut judged, mut came) = (Vec::new(), Vec::new());
    let mut now = 20 * 3_600_000;
    let mut last = fold.state.last(FLAME);
    let mut look = |fold: &Fold, now: i64, judged: &mut Vec<i64>| {
        let said = fold.state.last(FLAME);
        if said != last {
            judged.push(now);
            last = said;
        }
    };
    for (gap_ms, device) in readings {
        let next = now + gap_ms;
        while let Some(due) = fold.state.next_deadline().filter(|due| *due <= at(next)) {
            now = now.max((due.0 - START).div_euclid(1_000) + i64::from((due.0 - START) % 1_000 > 0));
            fold.tick(now);
            look(&fold, now, &mut judged);
        }
        now = next.max(now);
        came.push(now);
        let what = What::Readings {
            list: vec![(FLAME.0, *device, came.len() as f64, Quality::Good)],
            redelivered: false,
            seq: None,
            payload: 0,
        };
        fold.step(now, vec![input(now, &what)]);
        look(&fold, now, &mut judged);
    }
    (judged, came)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_into_records_does_not_matter(
        story in story(timed()),
        cuts in prop::collection::vec(any::<bool>(), 40),
        ticks in any::<bool>(),
    ) {
        let told = inputs(&story);
        let one_by_one = fold(&records(&told, &[true; 40]), true);
        let cut = fold(&records(&told, &cuts), ticks);
        prop_assert_eq!(histories(&one_by_one.0), histories(&cut.0));
        prop_assert_eq!(stored(&one_by_one.0), stored(&cut.0));
        let outcomes = |all: &[Effects]| all.iter().flat_map(|e| e.outcomes.clone()).collect::<Vec<_>>();
        prop_assert_eq!(outcomes(&one_by_one.0), outcomes(&cut.0));
        prop_assert_eq!(one_by_one.1, cut.1, "the states differ");
    }

    #[test]
    fn whatever_comes_in_the_books_are_right(
        story in story(anything()),
        cuts in prop::collection::vec(any::<bool>(), 40),
    ) {
        let mut fold = Fold::started();
        let mut all = Vec::new();
        let mut readings = 0;
        for Record { now, inputs, .. } in records(&inputs(&story), &cuts) {
            readings += inputs
                .iter()
                .map(|input| if let Input::Delivery(delivery) = input { delivery.readings.len() } else { 0 })
                .sum::<usize>();
            let effects = fold.step(now, inputs);
            changes(&effects).iter().for_each(check_change);
            check_open(&fold.state);
            all.push(effects);
        }
        let (columns, duplicates) = stored(&all);
        prop_assert_eq!(columns[0].len() + columns[1].len() + duplicates as usize, readings);
        check_stored(&columns);
    }

    #[test]
    fn a_restored_fold_goes_on_alike(
        story in story(anything()),
        cuts in prop::collection::vec(any::<bool>(), 40),
        split in 0_usize..40,
    ) {
        let records = records(&inputs(&story), &cuts);
        let mut straight = Fold::started();
        let mut other = Fold::started();
        for (n, Record { now, inputs, .. }) in records.iter().enumerate() {
            if n == split.min(records.len() - 1) {
                let bytes = other.state.save();
                other.state = State::restore(&bytes, &mut load).map_err(|e| TestCaseError::fail(e.to_string()))?;
                prop_assert_eq!(&other.state.save(), &bytes);
                prop_assert_eq!(other.state.open_alarms().collect::<Vec<_>>(), straight.state.open_alarms().collect::<Vec<_>>());
            }
            let (a, b) = (straight.step(*now, inputs.clone()), other.step(*now, inputs.clone()));
            prop_assert_eq!(a, b);
            prop_assert_eq!(straight.state.save(), other.state.save());
        }
    }

    /// Clocks may be set back, jump, stand still or run away: of a point that goes on sending something is judged at
    /// least every 120 s.
    #[test]
    fn no_stream_mutes_a_point(
        readings in prop::collection::vec((1_i64..20_000, device()), 40..80),
    ) {
        let (judged, came) = judgements(&readings);
        let bound = 120_000;
        for arrival in &came {
            let is_over = came.last().is_none_or(|last| last - arrival <= bound);
            let answered = judged.iter().any(|at| at >= arrival && at - arrival <= bound);
            prop_assert!(is_over || answered, "what came at {arrival} was followed by {bound} ms of nothing: {judged:?}");
        }
    }

    /// Whatever order readings come in: each that names its time is stored once.
    #[test]
    fn no_reading_is_lost_and_none_is_stored_twice(
        story in story(timed()),
        cuts in prop::collection::vec(any::<bool>(), 40),
    ) {
        let told = inputs(&story);
        let (effects, _) = fold(&records(&told, &cuts), true);
        let table: Vec<Identity> = store_of(&effects).into_iter().filter(|row| row.1 != NO_TIME).collect();
        let mut sent: Vec<Identity> = Vec::new();
        for (_, input) in &told {
            let Input::Delivery(delivery) = input else { continue };
            for reading in &delivery.readings {
                let Some(device) = reading.device_time else { continue };
                let value = if reading.value == 0.0 { 0.0_f64 } else { reading.value };
                sent.push((reading.point.0, device.0, value.to_bits(), reading.quality as u8));
            }
        }
        sent.sort_unstable();
        sent.dedup();
        let mut stored = table.clone();
        stored.sort_unstable();
        prop_assert_eq!(stored, sent);
    }
}
