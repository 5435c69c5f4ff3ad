//! Readings in their right time: wrong clocks, late data, repeats and outages, one behaviour a test (DESIGN 3). Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod district;

use alerting::alarm::AlarmChange;
use alerting::command::{Actor, Command, Order};
use alerting::effect::{Business, Effects, Finding};
use alerting::gateway::GatewayStatus;
use alerting::input::{Adopted, Input, Link};
use district::*;
use rules::reading::{PointId, Severity};

const HOUR: i64 = 3_600_000;

/// One reading of `device` time, received at `ms`, in a record of its own.
fn late(fold: &mut Fold, ms: i64, device: i64, (point, value): (PointId, f64)) -> Effects {
    fold.step(ms, vec![Input::Delivery(delivery(at(ms), vec![reading(point, Some(at(device)), value)]))])
}

/// What it changes, but for silence.
fn told_late(fold: &mut Fold, ms: i64, device: i64, what: (PointId, f64)) -> Vec<String> {
    let all = told(&changes(&late(fold, ms, device, what)));
    all.into_iter().filter(|line| !line.starts_with("T-SILENT")).collect()
}

fn findings(effects: &Effects) -> Vec<Finding> {
    let finding = |business: &Business| match business {
        Business::Finding(finding) => Some((**finding).clone()),
        _ => None,
    };
    effects.business.iter().filter_map(finding).collect()
}

/// Everything about a flame in what the fold says until `until`, ticks included.
fn flames_until(fold: &mut Fold, until: i64) -> Vec<String> {
    let mut all: Vec<AlarmChange> = Vec::new();
    while let Some(due) = fold.state.next_deadline().filter(|due| *due <= at(until)) {
        let ms = (due.0 - START) / 1_000 + 1;
        all.extend(fold.tick(ms));
    }
    all.extend(fold.tick(until));
    told(&all).into_iter().filter(|line| line.starts_with("T-FLAME")).collect()
}

#[test]
fn one_wild_stamp_does_not_mute_the_point() {
    for wild in [9 * HOUR, 2 * HOUR] {
        let mut fold = Fold::started();
        late(&mut fold, 10 * HOUR, 10 * HOUR, (FLAME, 0.0));
        // An hour ahead, or eight hours back: neither says anything about the next reading.
        late(&mut fold, 10 * HOUR + 1_000, wild + 2 * HOUR, (FLAME, 0.0));
        let raised = told_late(&mut fold, 10 * HOUR + 2_000, 10 * HOUR + 2_000, (FLAME, 1.0));
        assert_eq!(raised, [format!("T-FLAME Raised@{}", 10 * HOUR + 2_000)]);
    }
}

#[test]
fn two_values_of_one_instant_are_both_judged() {
    let mut fold = Fold::started();
    late(&mut fold, 5_400, 5_000, (FLAME, 0.0));
    assert_eq!(told_late(&mut fold, 5_900, 5_000, (FLAME, 1.0)), ["T-FLAME Raised@5900"]);
    assert_eq!(told_late(&mut fold, 6_000, 5_000, (FLAME, 1.0)), [""; 0]);
}

#[test]
fn a_clock_set_back_is_followed_again_after_two_minutes_and_said_aloud() {
    let mut fold = Fold::started();
    let now = 10 * HOUR;
    late(&mut fold, now, now, (FLAME, 0.0));
    // From here on the device lives eight hours ago.
    let back = |ms: i64| ms - 8 * HOUR;
    assert_eq!(told_late(&mut fold, now + 1_000, back(now + 1_000), (FLAME, 1.0)), [""; 0]);
    assert_eq!(flames_until(&mut fold, now + 120_999), [""; 0]);
    let anchored = fold.tick(now + 121_000);
    let at_due = |rule: &str| format!("{rule} Raised@{}", now + 121_000);
    assert_eq!(told(&anchored), [at_due("T-FLAME"), at_due("SY-02")]);
    assert_eq!(anchored.iter().find(|c| c.alarm.rule == "T-FLAME").unwrap().alarm.since, at(now + 1_000));
    let skew = &anchored.iter().find(|c| c.alarm.rule == "SY-02").unwrap().alarm;
    assert_eq!((skew.severity, skew.object.equipment.as_deref()), (Severity::Blue, Some("g1")));
    // Its next readings are live at once, by the shifted clock.
    let over = told_late(&mut fold, now + 130_000, back(now + 130_000), (FLAME, 0.0));
    assert!(over.iter().any(|line| line.starts_with("T-FLAME Returned")), "{over:?}");
    // The clock is mended: followed again, and after twenty messages SY-02 is over.
    let mut said = Vec::new();
    for n in 0..20 {
        said.extend(told_late(&mut fold, now + 140_000 + n * 1_000, now + 140_000 + n * 1_000, (FLAME, 0.0)));
    }
    assert_eq!(said, [format!("SY-02 Returned@{}", now + 159_000)]);
}

#[test]
fn a_slow_clock_is_learned_and_taken_off() {
    let mut fold = Fold::started();
    // Slower and slower, four minutes at last: still live, since the offset goes along.
    let mut lag = 0;
    for n in 0..60 {
        lag = n * 4_000;
        late(&mut fold, HOUR + n * 10_000, HOUR + n * 10_000 - lag, (GAS, 1.0));
    }
    let offset = fold.state.gateways().next().unwrap().1.offset_us.unwrap();
    assert!((190_000_000..=240_000_000).contains(&offset), "{offset}");
    // Seven minutes late, and live; without the offset it would be history.
    let now = HOUR + 700_000;
    let effects = late(&mut fold, now, now - lag - 180_000, (FLAME, 1.0));
    assert_eq!(told(&changes(&effects)), [format!("T-FLAME Raised@{now}")]);
}

#[test]
fn a_minute_of_live_history_in_one_message_raises_at_once() {
    let mut fold = Fold::started();
    let now = 100_000;
    let readings = (0..7).map(|n| reading(GAS, Some(at(now - 60_000 + n * 10_000)), 60.0)).collect();
    let raised = changes(&fold.step(now, vec![Input::Delivery(delivery(at(now), readings))]));
    assert_eq!(told(&raised), ["T-GAS Raised@100000"]);
    assert_eq!(raised[0].alarm.since, at(now - 60_000));
}

#[test]
fn what_had_passed_already_is_not_waited_for_again() {
    let mut fold = Fold::started();
    let now = 100_000;
    // In breach for 1 s of the 2 s when it arrives; silence brings the rest.
    let readings = vec![reading(GAS, Some(at(now - 30_000)), 60.0), reading(GAS, Some(at(now - 29_000)), 60.0)];
    fold.step(now, vec![Input::Delivery(delivery(at(now), readings))]);
    assert_eq!(fold.state.next_deadline(), Some(at(now + 1_000)));
    assert_eq!(told(&fold.tick(now + 1_000)), ["T-GAS Raised@101000"]);
}

/// The gateway was away for an hour; its buffer holds a fire that came and went, and gas that is still there.
fn buffer(now: i64) -> Vec<(i64, PointId, f64)> {
    let mut buffer = Vec::new();
    for n in 0..360 {
        let t = now - HOUR + n * 10_000;
        buffer.push((t, FLAME, if (100..140).contains(&n) { 1.0 } else { 0.0 }));
        buffer.push((t, GAS, if n >= 200 { 60.0 } else { 1.0 }));
    }
    buffer
}

#[test]
fn three_orders_of_back_fill_store_the_same_and_raise_only_what_still_holds() {
    let now = 10 * HOUR;
    let mut tables = Vec::new();
    for order in 0..3 {
        let mut fold = Fold::started();
        late(&mut fold, now - HOUR - 1_000, now - HOUR - 1_000, (FLAME, 0.0));
        late(&mut fold, now - HOUR - 1_000, now - HOUR - 1_000, (GAS, 1.0));
        let mut buffer = buffer(now);
        if order == 1 {
            buffer.reverse();
        }
        let (mut rows, mut said, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |effects: Effects| {
            for columns in [&effects.readings.fast, &effects.readings.late] {
                rows.extend(
                    (0..columns.len()).map(|n| (columns.point[n], columns.device_us[n], columns.value[n].to_bits())),
                );
            }
            said.extend(told(&changes(&effects)).into_iter().filter(|line| !line.starts_with("T-SILENT")));
            found.extend(findings(&effects));
        };
        for (n, (t, point, value)) in buffer.into_iter().enumerate() {
            let ms = now + n as i64 * 10;
            if order == 2 && n % 50 == 0 {
                take(late(&mut fold, ms, ms, (FLAME, 0.0)));
                take(late(&mut fold, ms, ms, (GAS, 60.0)));
            }
            take(late(&mut fold, ms, t, (point, value)));
        }
        // Live again, and quiet for so long that findings are complete.
        for n in 0..20 {
            let ms = now + 8_000 + n * 10_000;
            take(late(&mut fold, ms, ms, (FLAME, 0.0)));
            take(late(&mut fold, ms, ms, (GAS, 60.0)));
        }
        let gas: Vec<&String> = said.iter().filter(|line| line.starts_with("T-GAS")).collect();
        assert_eq!(gas.len(), 1, "one live alarm for what still holds: {said:?}");
        assert_eq!(said.len(), 1, "nothing else: {said:?}");
        rows.retain(|(_, device, _)| *device < at(now - 300_000).0);
        rows.sort_unstable();
        rows.dedup();
        let found: Vec<_> =
            found.iter().map(|f| (f.rule.clone(), f.severity, f.first_event, f.last_event, f.readings)).collect();
        tables.push((rows, found));
    }
    let (rows, found) = &tables[0];
    assert!(rows.len() > 600, "{}", rows.len());
    assert_eq!(found.len(), 2, "the fire, and the hour of gas: {found:?}");
    assert!(found.iter().any(|f| f.0 == "T-FLAME" && f.4 == 40 && f.2 == at(now - HOUR + 1_000_000)));
    assert!(tables.iter().all(|table| table.0 == *rows), "the stored rows differ");
    assert!(tables[1].1.iter().any(|f| f.0 == "T-FLAME" && f.4 == 40));
    assert!(tables[2].1.iter().any(|f| f.0 == "T-FLAME" && f.4 == 40));
}

#[test]
fn delays_stand_still_while_nobody_hears() {
    let mut fold = Fold::started();
    fold.read(10_000, GAS, 60.0);
    fold.step(11_000, vec![Input::Link(Link::Down)]);
    assert_eq!(fold.state.next_deadline(), Some(MIDNIGHT));
    fold.step(50_000, vec![Input::Link(Link::Up)]);
    // What comes first is old; then a fresh one of another point: one second of the two is left.
    assert_eq!(told_late(&mut fold, 50_100, 12_000, (FLAME, 0.0)), [""; 0]);
    assert_eq!(told_late(&mut fold, 50_200, 50_200, (FLAME, 0.0)), [""; 0]);
    assert_eq!(fold.state.next_deadline(), Some(at(51_200)));
    assert_eq!(told(&fold.tick(51_200)), ["T-GAS Raised@51200"]);
}

#[test]
fn a_gateway_says_that_it_is_offline_and_shows_that_it_is_not() {
    let mut fold = Fold::started();
    let status = |ms, status| {
        let mut message = delivery(at(ms), Vec::new());
        message.status = Some(status);
        Input::Delivery(message)
    };
    assert_eq!(told(&changes(&fold.step(1_000, vec![status(1_000, GatewayStatus::Online)]))), [""; 0]);
    let offline = changes(&fold.step(2_000, vec![status(2_000, GatewayStatus::Offline)]));
    assert_eq!(told(&offline), ["DAVY-GATEWAY-OFFLINE Raised@2000"]);
    assert_eq!(offline[0].alarm.object.equipment.as_deref(), Some("g1"));
    assert_eq!(told(&changes(&fold.step(3_000, vec![status(3_000, GatewayStatus::Offline)]))), [""; 0]);
    assert_eq!(told(&fold.read(4_000, GAS, 1.0)), ["DAVY-GATEWAY-OFFLINE Returned@4000"]);
    let (key, state) = fold.state.gateways().next().unwrap();
    assert_eq!((key.gateway.as_str(), state.last_received), ("g1", at(4_000)));
    assert_eq!(state.status, Some((GatewayStatus::Online, at(4_000))));
}

#[test]
fn holes_in_a_gateways_numbering_are_counted() {
    let mut fold = Fold::started();
    for (ms, seq) in [(1_000, 7), (2_000, 8), (3_000, 12), (4_000, 10)] {
        let mut message = delivery(at(ms), vec![reading(GAS, Some(at(ms)), 1.0)]);
        message.gateway_seq = Some(seq);
        fold.step(ms, vec![Input::Delivery(message)]);
    }
    let seq = &fold.state.gateways().next().unwrap().1.seq;
    assert_eq!((seq.last, seq.received, seq.missing), (Some(12), 4, 2));
}

#[test]
fn a_first_reading_of_long_ago_is_no_reason_to_wait_for_ever() {
    let mut fold = Fold::started();
    let now = 9 * HOUR;
    fold.tick(now - 1);
    assert_eq!(told_late(&mut fold, now, now / 3, (FLAME, 1.0)), [""; 0]);
    let flames = flames_until(&mut fold, now + 120_000);
    assert_eq!(flames, [format!("T-FLAME Raised@{}", now + 120_000)]);
}

#[test]
fn an_accepted_jump_of_the_clock_makes_nobody_silent_whatever_was_ordered_before_it() {
    let mut fold = Fold::started();
    for point in [FLAME, GAS, LEVEL, RUN, FAN] {
        fold.read(1_000, point, 0.0);
    }
    // The loop's clock stood at 10 s when the wall, six hours ahead, was accepted; both words are of the time before.
    let accept = Input::Command(Command {
        key: "clock".to_owned(),
        received: at(9_000),
        by: Actor { name: "wang".to_owned(), authenticated: false },
        order: Order::AcceptClock { comment: "suspended".to_owned() },
    });
    let inputs = vec![accept, ack(9_500, "k", 1), Input::Resumed { down_since: at(10_000) }];
    let now = 10_000 + 6 * HOUR;
    let raised = told(&changes(&fold.step(now, inputs)));
    assert_eq!(raised, [format!("DAVY-AWAY Raised@{now}")]);
    // Silence is due in attended time, and goes on being: once what was missed has come, from there.
    late(&mut fold, now + 1_000, now + 1_000, (FLAME, 0.0));
    assert!(fold.state.next_deadline().is_some_and(|due| due > at(now + 60_000)));
}

#[test]
fn a_clock_that_stands_still_is_judged_after_two_minutes() {
    let mut fold = Fold::started();
    let now = 10 * HOUR;
    // 0, then 1, then 0 and 1 again, all under one stamp: what looks known may be news.
    late(&mut fold, now, now, (FLAME, 0.0));
    assert_eq!(told_late(&mut fold, now + 1_000, now, (FLAME, 1.0)), [format!("T-FLAME Raised@{}", now + 1_000)]);
    let again = late(&mut fold, now + 2_000, now, (FLAME, 0.0));
    assert_eq!((again.readings.duplicates, again.readings.fast.len() + again.readings.late.len()), (1, 0));
    assert_eq!(flames_until(&mut fold, now + 121_999), [""; 0]);
    assert_eq!(flames_until(&mut fold, now + 122_000), [format!("T-FLAME Returned@{}", now + 122_000)]);
}

#[test]
fn what_the_broker_repeats_is_no_news_of_a_silent_point() {
    let mut fold = Fold::started();
    let now = 10 * HOUR;
    late(&mut fold, now, now, (FLAME, 1.0));
    late(&mut fold, now + 1_000, now + 1_000, (FLAME, 0.0));
    let mut repeated = delivery(at(now + 5_000), vec![reading(FLAME, Some(at(now)), 1.0)]);
    repeated.redelivered = true;
    fold.step(now + 5_000, vec![Input::Delivery(repeated)]);
    assert_eq!(flames_until(&mut fold, now + 400_000), [""; 0]);
}

#[test]
fn an_absence_counts_for_nobody_whatever_stands_beside_it() {
    // An upgrade writes its version first, and then that it was away.
    for first in [Input::Engine { version: 2 }, Input::Tick] {
        let mut fold = Fold::started();
        fold.read(1_000, GAS, 1.0);
        let back = fold.step(HOUR, vec![first, Input::Resumed { down_since: at(2_000) }]);
        assert_eq!(told(&changes(&back)), [format!("DAVY-AWAY Raised@{HOUR}")]);
    }
}

#[test]
fn no_delay_ends_over_a_span_that_nobody_heard() {
    let mut fold = Fold::started();
    // The level must be high for longer than it is known to have been: the link was cut in between.
    fold.read(10_000, GAS, 60.0);
    fold.step(10_500, vec![Input::Link(Link::Down)]);
    fold.step(90_000, vec![Input::Link(Link::Up)]);
    assert_eq!(told_late(&mut fold, 90_100, 90_050, (GAS, 1.0)), [""; 0], "what came in between is lost");
    assert_eq!(told(&fold.tick(100_000)), [""; 0]);
}

#[test]
fn a_gateways_alarm_is_taken_over_and_ends_with_its_gateway() {
    let mut lost = Fold::started();
    let mut message = delivery(at(1_000), Vec::new());
    message.status = Some(GatewayStatus::Offline);
    let mut offline = changes(&lost.step(1_000, vec![Input::Delivery(message)])).remove(0).alarm;
    offline.id.0 = 70;
    let mut fold = Fold::started();
    let adopted = Adopted { open_alarms: vec![offline.clone()], alarm_id_max: Some(offline.id), ..Adopted::default() };
    let taken = changes(&fold.step(2_000, vec![Input::Adopted(adopted)]));
    let told = told(&taken);
    assert!(told.contains(&"DAVY-GATEWAY-OFFLINE Adopted@2000".to_owned()), "{told:?}");
    assert!(fold.state.open_alarms().any(|alarm| alarm.id == offline.id), "somebody has to sign for it");
}
