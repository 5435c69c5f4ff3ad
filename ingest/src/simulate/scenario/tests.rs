//! What the gateways of each scenario put on the wire. Pure.

use super::expected::expected;
use super::*;
use crate::simulate::fleet::{Fleet, Message};
use crate::simulate::tests::{district, options, play, readings, view};
use crate::simulate::{Options, SimulateError};
use rules::reading::PointId;
use rules::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// When a message was sent, its number, and point, stamp and value of each reading in it.
type Said = (i64, u64, Vec<(PointId, i64, f64)>);

/// What one scenario sends in the first `seconds`, and its alarm's point.
struct Played {
    view: View,
    sent: Vec<(i64, Message)>,
    point: PointId,
    topic: String,
}

impl Played {
    fn new(scenario: Scenario, seconds: i64) -> Played {
        let registry = district();
        let options = Options { scenarios: vec![scenario], connections: 2, ..options(&registry) };
        let view = view(&registry);
        // All alarms of one strike are of one point.
        let alarm = expected(&options).unwrap().into_iter().next().unwrap();
        let topic = format!("davy/v1/{}/{}/json", alarm.enterprise, alarm.gateway);
        let point = view.find(&alarm.enterprise, &alarm.point.unwrap()).unwrap();
        let mut sent = play(&options, seconds);
        sent.sort_by_key(|(at, _)| *at);
        Played { view, sent, point, topic }
    }

    /// Messages of the struck gateway with their readings: when, number, stamps and values by point.
    fn of_gateway(&self) -> Vec<Said> {
        let own = self.sent.iter().filter(|(_, message)| message.topic == self.topic);
        let seq = |message: &Message| {
            let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
            json["seq"].as_u64().unwrap()
        };
        own.map(|(at, message)| (*at, seq(message), readings(&[(*at, message.clone())], &self.view))).collect()
    }

    /// When, stamp in milliseconds after the beginning, and value of each reading of the alarm's point.
    fn of_point(&self) -> Vec<(i64, i64, f64)> {
        let begun_us = crate::simulate::tests::BEGUN_MS * 1_000;
        let all = self.of_gateway().into_iter().flat_map(|(at, _, all)| all.into_iter().map(move |r| (at, r)));
        let own = all.filter(|(_, (point, ..))| *point == self.point);
        own.map(|(at, (_, stamp_us, value))| (at, (stamp_us - begun_us) / 1_000, value)).collect()
    }
}

#[test]
fn each_scenario_names_the_alarm_that_must_come() {
    let registry = district();
    let all = Options { scenarios: Scenario::ALL.to_vec(), ..options(&registry) };
    let alarms = expected(&all).unwrap();
    let named: BTreeSet<&str> = alarms.iter().map(|alarm| alarm.scenario).collect();
    assert_eq!(named.len(), Scenario::ALL.len() - 1, "all but garbage: {named:?}");
    let view = view(&registry);
    for alarm in &alarms {
        assert!(alarm.point.as_ref().is_none_or(|point| view.find(&alarm.enterprise, point).is_some()), "{alarm:?}");
    }
    // Where a scenario changes the habits of a gateway, no other strikes.
    let mut struck: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for alarm in &alarms {
        struck.entry((&alarm.enterprise, &alarm.gateway)).or_default().insert(alarm.scenario);
    }
    let has_habit = |name: &&&str| name.starts_with("gateway") || name.starts_with("clock") || **name == "duplicates";
    for (gateway, scenarios) in struck {
        assert!(scenarios.len() == 1 || scenarios.iter().all(|name| !has_habit(&name)), "{gateway:?}: {scenarios:?}");
    }
    let nobody = Options { scenarios: vec![Scenario::Garbage], ..options(&registry) };
    assert_eq!(expected(&nobody).unwrap(), []);
    assert_eq!(alarms, expected(&all).unwrap());
}

#[test]
fn a_gateway_that_was_away_sends_all_of_its_buffer_in_the_order_asked_for() {
    for order in Order::ALL {
        let played = Played::new(Scenario::GatewayOutage { order, away_s: 600 }, 40);
        let messages = played.of_gateway();
        assert!(messages.iter().all(|(at, ..)| *at >= 12 * SECOND_US), "nothing while it is away");
        let seqs: Vec<u64> = messages.iter().map(|(_, seq, _)| *seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "new numbers, in the order of sending");
        let stamps: Vec<i64> = played.of_point().iter().map(|(_, stamp, _)| *stamp).collect();
        assert!(*stamps.iter().min().unwrap() < -590_000 && *stamps.iter().max().unwrap() > 30_000);
        let falls = stamps.windows(2).filter(|pair| pair[1] < pair[0]).count();
        match order {
            Order::OldestFirst => assert_eq!(falls, 0),
            Order::NewestFirst => assert!(falls > 90, "{falls}"),
            Order::Mixed => assert!((1..20).contains(&falls), "{falls}"),
        }
        // The struck detector is still over its limit when the gateway is back; its neighbour was, and is not any more.
        let still = played.of_point();
        assert!(
            still.iter().filter(|(_, stamp, _)| (-60_000..40_000).contains(stamp)).all(|(.., value)| *value == 65.0)
        );
        let mut over: BTreeMap<PointId, (i64, i64)> = BTreeMap::new();
        for (_, _, all) in &messages {
            for (point, stamp, value) in all {
                let is_gas = played.view.point(*point).is_some_and(|point| point.tag == "gas.lel");
                if is_gas && *value >= 50.0 {
                    let span = over.entry(*point).or_insert((*stamp, *stamp));
                    *span = (span.0.min(*stamp), span.1.max(*stamp));
                }
            }
        }
        assert_eq!(over.len(), 2, "{over:?}");
        let is_flame = |point: PointId| played.view.point(point).is_some_and(|point| point.tag == "flame");
        let mut flames: Vec<(i64, f64)> = messages
            .iter()
            .flat_map(|(_, _, all)| {
                all.iter().filter(|(point, ..)| is_flame(*point)).map(|(_, at, value)| (*at, *value))
            })
            .collect();
        flames.sort_by_key(|(at, _)| *at);
        assert_eq!(flames.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [1.0, 0.0], "seen, and gone again");
        let begun_us = crate::simulate::tests::BEGUN_MS * 1_000;
        assert!(
            over.values()
                .any(|(from, until)| *from < begun_us - 500 * SECOND_US && *until < begun_us - 470 * SECOND_US)
        );
        // Its buffer is whole: a reading of every period, each once.
        let mut stamps = stamps;
        stamps.sort_unstable();
        let gaps = stamps.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.clone().all(|gap| (1..=5_000).contains(&gap)), "{stamps:?}");
    }
}

#[test]
fn clocks_are_wrong_as_they_are_called() {
    for scenario in Scenario::ALL {
        let Scenario::ClockSkew(skew) = scenario else { continue };
        let all = Played::new(scenario, 60).of_point();
        let wrong = |at: i64, stamp: i64| stamp - at / 1_000;
        let off: Vec<i64> = all.iter().map(|(at, stamp, _)| wrong(*at, *stamp)).filter(|ms| ms.abs() > 1_000).collect();
        let before = all.iter().filter(|(at, ..)| *at < 12 * SECOND_US).count();
        assert!(before >= 1, "{scenario}: it is heard before");
        let expected = match skew {
            Skew::Slow | Skew::Fast => all.len(),
            Skew::SetBack => all.len() - before,
            Skew::WildFuture | Skew::WildPast => 1,
        };
        assert_eq!(off.len(), expected, "{scenario}");
        assert!(off.iter().all(|ms| (ms - skew.ms()).abs() <= 1_000), "{scenario}: {off:?}");
        let leaks: Vec<f64> = all.iter().filter(|(at, ..)| *at > 18 * SECOND_US).map(|(.., value)| *value).collect();
        assert!(leaks.len() > 30 && leaks.iter().all(|value| *value == 65.0), "{scenario}");
    }
}

#[test]
fn a_gateway_that_repeats_itself_says_everything_three_times() {
    let played = Played::new(Scenario::Duplicates, 60);
    let messages = played.of_gateway();
    assert!(messages.len() > 100);
    for three in messages.chunks_exact(3) {
        let [(_, first, said), (_, again, same), (_, next, too)] = three else { unreachable!("three") };
        assert_eq!((first, said), (again, same));
        assert_eq!((first + 1, said), (*next, too));
    }
}

#[test]
fn a_flame_detector_says_two_things_in_one_second_and_later_that_it_is_over() {
    let said = Played::new(Scenario::SameSecondValues, 90).of_point();
    let values: Vec<f64> = said.iter().map(|(.., value)| *value).collect();
    assert_eq!(values, [0.0, 1.0, 0.0]);
    assert_eq!((said[0].1, said[0].1.rem_euclid(1_000)), (said[1].1, 0));
    assert!(said[2].1 > said[1].1 + 50_000);
}

#[test]
fn a_tank_is_filled_over_both_limits_and_no_further_than_it_is_high() {
    let levels: Vec<f64> = Played::new(Scenario::Overfill, 60).of_point().iter().map(|(.., value)| *value).collect();
    let rising = &levels[2..];
    assert!(rising.is_sorted() && rising[0] < 85.0 && *rising.last().unwrap() == 96.0, "{levels:?}");
    let over = |limit: f64| rising.iter().filter(|level| **level >= limit).count();
    assert!(over(85.0) > over(90.0) && over(90.0) > 10, "{levels:?}");
}

#[test]
fn a_scenario_without_its_points_is_refused() {
    let registry = district();
    let mut poor = rules::registry::Registry::clone(&registry);
    poor.enterprises.retain(|enterprise| enterprise.id.starts_with("el-"));
    let options = Options { scenarios: vec![Scenario::Overfill], ..options(&std::sync::Arc::new(poor)) };
    assert!(matches!(Fleet::muster(&options), Err(SimulateError::NoTarget { tag: "tank.level", .. })));
    assert!(expected(&options).is_err());
}

#[test]
fn a_plant_under_a_stop_order_draws_what_it_drew_in_production() {
    let registry = district();
    let options = Options { scenarios: vec![Scenario::SuspendedPlantProduces], ..options(&registry) };
    let alarm = expected(&options).unwrap().into_iter().next().unwrap();
    let struck = registry.enterprises.iter().find(|enterprise| enterprise.id == alarm.enterprise).unwrap();
    assert_eq!(struck.status, rules::registry::Status::OrderedToStop);
    let declared = struck.declared.unwrap();
    let loads = Played::new(Scenario::SuspendedPlantProduces, 120).of_point();
    let (before, after): (Vec<_>, Vec<_>) = loads.into_iter().partition(|(at, ..)| *at < 10 * SECOND_US);
    assert!(before.iter().all(|(.., load)| *load < declared.idle_kw * 1.5), "{before:?}");
    assert!(after.len() > 100 && after.iter().all(|(.., load)| *load > declared.production_kw * 0.3), "{after:?}");
}

#[test]
fn test_gas_comes_within_the_filed_calibration_of_its_head_and_nowhere_else() {
    let registry = district();
    let options = Options { scenarios: vec![Scenario::Calibration], ..options(&registry) };
    let begun = rules::reading::Micros(crate::simulate::tests::BEGUN_MS * 1_000);
    let [filed] = calibration::filings(&options, begun).unwrap().try_into().unwrap();
    let alarm = expected(&options).unwrap().into_iter().next().unwrap();
    assert!(alarm.suppressed);
    assert_eq!(filed.object.enterprise.as_deref(), Some(alarm.enterprise.as_str()));
    assert_eq!((filed.object.equipment, filed.object.point), (Some(alarm.equipment), alarm.point));
    let gas: Vec<i64> = Played::new(Scenario::Calibration, 200)
        .of_point()
        .iter()
        .filter(|(.., value)| *value >= 25.0)
        .map(|(at, ..)| *at)
        .collect();
    let within = filed.from.since(begun)..filed.to.since(begun);
    assert!(gas.len() > 50 && gas.iter().all(|at| within.contains(at)), "{within:?} {gas:?}");
    assert!(filed.from > begun, "it lies ahead when it is filed");
    let others = Options { scenarios: vec![Scenario::GasLeak], ..options };
    assert_eq!(calibration::filings(&others, begun).unwrap(), []);
}
