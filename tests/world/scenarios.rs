//! Every scenario of the simulator in virtual time: the whole seed district sends, the real fold judges, and the alarms
//! are exactly those that the scenario says must come. I/O: reads the seed district and the rule packs.

use crate::rule_sets::activate_with;
use alerting::alarm::Cause;
use alerting::command::{Actor, Command, Order};
use alerting::effect::Business;
use alerting::input::{Batch, Input};
use davy_tests::disk::SimDisk;
use ingest::delivery::{Delivery, Record};
use ingest::engine::fold::Fold;
use ingest::simulate::scenario::Scenario;
use ingest::simulate::scenario::calibration;
use ingest::simulate::scenario::expected::{Expected, expected};
use ingest::simulate::{Options, Scripted, script};
use rules::reading::{Micros, SECOND_US};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const BEGUN: Micros = Micros(1_767_225_600 * SECOND_US);
/// A record closes so long after its first message.
const RECORD_US: i64 = 100_000;
/// From the socket of the gateway to ours.
const WAY_US: i64 = 3_000;
/// So long every scenario is played: past its last expected alarm, its delays and two minutes of possible silence, and
/// before it strikes again.
const SECONDS: i64 = 300;

/// (rule, enterprise, equipment, point) of an alarm.
type Named = (String, String, String, Option<String>);
/// Every alarm raised, with how often.
type Raised = BTreeMap<Named, u32>;

/// Filed before the first message, or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filings {
    Filed,
    Forgotten,
}

#[derive(Default)]
struct Outcome {
    raised: Raised,
    suppressed: BTreeSet<Named>,
}

/// Quarter hours must pass until a load of production is one.
fn seconds(scenario: Scenario) -> i64 {
    if scenario == Scenario::SuspendedPlantProduces { 48 * 60 } else { SECONDS }
}

fn options(scenario: Scenario) -> Options {
    let seeds = davy_tests::davy::root().join("seeds");
    let mut registry = ingest::seeds::load(&seeds).expect("the district loads");
    if scenario == Scenario::SuspendedPlantProduces {
        // The others would send a million readings in its three quarters of an hour, and are heard in every other play.
        registry.enterprises.retain(|enterprise| enterprise.sectors.iter().any(|sector| sector == "electricity"));
    }
    Options {
        registry: Arc::new(registry),
        host: String::new(),
        port: 0,
        rate: None,
        batch: 500,
        scenarios: vec![scenario],
        seed: 1,
        duration: None,
        connections: 1,
        log: None,
    }
}

/// Plays the messages through the fold, with a tick whenever it asks for one.
fn play(options: &Options, messages: Vec<Scripted>, (filings, seconds): (Filings, i64)) -> Outcome {
    let mut fold = crate::run::open(&SimDisk::default(), BEGUN.0);
    activate_with(&mut fold, &options.registry, &str::to_owned, BEGUN);
    let mut raised = Outcome::default();
    if filings == Filings::Filed {
        let planned = calibration::filings(options, BEGUN).expect("it strikes somewhere");
        let inputs = planned.into_iter().map(|planned| Input::Command(file(Order::File(planned)))).collect();
        commit(&mut fold, Batch { now: BEGUN, inputs }, &mut raised);
    }
    let mut records: Vec<(Micros, Vec<Scripted>)> = Vec::new();
    for message in messages {
        match records.last_mut().filter(|(closes, _)| message.at < *closes) {
            Some((_, inputs)) => inputs.push(message),
            None => records.push((message.at.plus(RECORD_US), vec![message])),
        }
    }
    for (closes, messages) in records {
        let now = closes.plus(WAY_US);
        tick(&mut fold, messages.first().map_or(now, |message| message.at), &mut raised);
        let delivery = |message: Scripted| {
            let received = message.at.plus(WAY_US);
            Input::Delivery(Delivery { received, topic: message.topic, payload: message.payload, redelivered: false })
        };
        commit(&mut fold, Batch { now, inputs: messages.into_iter().map(delivery).collect() }, &mut raised);
    }
    tick(&mut fold, BEGUN.plus(seconds * SECOND_US), &mut raised);
    raised
}

fn file(order: Order) -> Command {
    let by = Actor { name: "enterprise".to_owned(), authenticated: false };
    Command { key: "calibration".to_owned(), received: BEGUN, by, order }
}

fn tick(fold: &mut Fold<SimDisk>, until: Micros, raised: &mut Outcome) {
    while let Some(due) = fold.state().next_deadline().filter(|due| *due <= until) {
        let now = due.max(fold.last_now());
        commit(fold, Batch { now, inputs: vec![Input::Tick] }, raised);
    }
}

fn commit(fold: &mut Fold<SimDisk>, record: Record, outcome: &mut Outcome) {
    let (_, effects) = fold.commit(&record).expect("a sound disk");
    for business in &effects.business {
        let Business::Alarm(change) = business else { continue };
        if !matches!(change.cause, Cause::Raised | Cause::Suppressed) {
            continue;
        }
        let object = change.alarm.object.clone();
        let name = |name: Option<String>| name.unwrap_or_default();
        let key = (change.alarm.rule.clone(), name(object.enterprise), name(object.equipment), object.point);
        if change.cause == Cause::Suppressed {
            outcome.suppressed.insert(key);
        } else {
            *outcome.raised.entry(key).or_default() += 1;
        }
    }
}

/// What else a scenario brings about by its nature: a word on its gateway. (rule, how often)
fn beside(scenario: Scenario) -> &'static [(&'static str, u32)] {
    match scenario.name() {
        "clock-skew:slow" | "clock-skew:set-back" => &[("SY-02", 1)],
        name if name.starts_with("gateway-outage") => &[("DAVY-GATEWAY-OFFLINE", 1)],
        _ => &[],
    }
}

fn named(alarm: &Expected) -> Named {
    (alarm.rule.to_owned(), alarm.enterprise.clone(), alarm.equipment.clone(), alarm.point.clone())
}

/// What is wrong with what came of a scenario.
fn faults(scenario: Scenario) -> Vec<String> {
    let options = options(scenario);
    let messages = script(&options, BEGUN, seconds(scenario)).expect("it can be played");
    let sent = messages.len();
    let Outcome { mut raised, mut suppressed } = play(&options, messages, (Filings::Filed, seconds(scenario)));
    assert!(sent > 1_000, "{}: a district that sends {sent} messages", scenario.name());
    let mut faults = Vec::new();
    let mut fault = |problem: String| faults.push(format!("{}: {problem}", scenario.name()));
    for alarm in expected(&options).expect("it strikes somewhere") {
        let key = named(&alarm);
        if alarm.suppressed {
            if !suppressed.remove(&key) {
                fault(format!("{key:?} was not suppressed"));
            }
            continue;
        }
        let times = raised.remove(&key).unwrap_or(0);
        if times != 1 {
            fault(format!("{key:?} was raised {times} times"));
        }
    }
    for (rule, times) in beside(scenario) {
        let found: u32 = raised.iter().filter(|((raised, ..), _)| raised == rule).map(|(_, times)| times).sum();
        if found != *times {
            fault(format!("{rule} was raised {found} times, not {times}"));
        }
        raised.retain(|(raised, ..), _| raised != rule);
    }
    for (key, times) in raised {
        fault(format!("{key:?} was raised {times} times, and must not be"));
    }
    for key in suppressed {
        fault(format!("{key:?} was suppressed, and must not be"));
    }
    faults
}

#[test]
fn every_scenario_raises_exactly_what_it_says() {
    let only = std::env::var("SCENARIO").ok();
    let played = Scenario::ALL.into_iter().filter(|scenario| *scenario != Scenario::Calibration);
    let faults: Vec<String> =
        played.filter(|s| only.as_deref().is_none_or(|only| only == s.name())).flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_calibration_that_was_filed_calls_nobody() {
    let faults = faults(Scenario::Calibration);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_calibration_that_nobody_filed_is_a_gas_alarm() {
    let options = options(Scenario::Calibration);
    let messages = script(&options, BEGUN, SECONDS).expect("it can be played");
    let Outcome { raised, suppressed } = play(&options, messages, (Filings::Forgotten, SECONDS));
    let expected: Raised =
        expected(&options).expect("it strikes somewhere").iter().map(|alarm| (named(alarm), 1)).collect();
    assert_eq!((raised, suppressed.len()), (expected, 0));
}
