//! Every scenario of the simulator in virtual time: the whole seed district sends, the real fold judges, and the alarms
//! are exactly those that the scenario says must come. I/O: reads the seed district and the rule packs.

use crate::run::activate_with;
use alerting::alarm::Cause;
use alerting::effect::Business;
use alerting::input::{Batch, Input};
use davy_tests::disk::SimDisk;
use ingest::delivery::{Delivery, Record};
use ingest::engine::fold::Fold;
use ingest::simulate::scenario::Scenario;
use ingest::simulate::scenario::expected::expected;
use ingest::simulate::{Options, Scripted, script};
use rules::reading::{Micros, SECOND_US};
use std::collections::BTreeMap;
use std::sync::Arc;

const BEGUN: Micros = Micros(1_767_225_600 * SECOND_US);
/// A record closes so long after its first message.
const RECORD_US: i64 = 100_000;
/// From the socket of the gateway to ours.
const WAY_US: i64 = 3_000;
/// So long every scenario is played: past its last expected alarm, its delays and two minutes of possible silence, and
/// before it strikes again.
const SECONDS: i64 = 300;

/// (rule, enterprise, equipment, point) of every alarm raised, with how often, but for blue ones of data quality.
type Raised = BTreeMap<(String, String, String, Option<String>), u32>;

fn options(scenarios: Vec<Scenario>) -> Options {
    let seeds = davy_tests::davy::root().join("seeds");
    Options {
        registry: Arc::new(ingest::seeds::load(&seeds).expect("the district loads")),
        host: String::new(),
        port: 0,
        rate: None,
        batch: 500,
        scenarios,
        seed: 1,
        duration: None,
        connections: 1,
        log: None,
    }
}

/// Plays the messages through the fold, with a tick whenever it asks for one.
fn play(options: &Options, messages: Vec<Scripted>) -> Raised {
    let mut fold = crate::run::open(&SimDisk::default(), BEGUN.0);
    activate_with(&mut fold, &options.registry, BEGUN);
    let mut raised = Raised::new();
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
    tick(&mut fold, BEGUN.plus(SECONDS * SECOND_US), &mut raised);
    raised
}

fn tick(fold: &mut Fold<SimDisk>, until: Micros, raised: &mut Raised) {
    while let Some(due) = fold.state().next_deadline().filter(|due| *due <= until) {
        let now = due.max(fold.last_now());
        commit(fold, Batch { now, inputs: vec![Input::Tick] }, raised);
    }
}

fn commit(fold: &mut Fold<SimDisk>, record: Record, raised: &mut Raised) {
    let (_, effects) = fold.commit(&record).expect("a sound disk");
    for business in &effects.business {
        let Business::Alarm(change) = business else { continue };
        if change.cause != Cause::Raised {
            continue;
        }
        let object = change.alarm.object.clone();
        let name = |name: Option<String>| name.unwrap_or_default();
        let key = (change.alarm.rule.clone(), name(object.enterprise), name(object.equipment), object.point);
        *raised.entry(key).or_default() += 1;
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

#[test]
fn every_scenario_raises_exactly_what_it_says() {
    let mut faults = Vec::new();
    let only = std::env::var("SCENARIO").ok();
    for scenario in Scenario::ALL.into_iter().filter(|s| only.as_deref().is_none_or(|only| only == s.name())) {
        let options = options(vec![scenario]);
        let messages = script(&options, BEGUN, SECONDS).expect("it can be played");
        let sent = messages.len();
        let mut raised = play(&options, messages);
        assert!(sent > 1_000, "{}: a district that sends {sent} messages", scenario.name());
        for alarm in expected(&options).expect("it strikes somewhere") {
            let key = (alarm.rule.to_owned(), alarm.enterprise, alarm.equipment, alarm.point);
            let times = raised.remove(&key).unwrap_or(0);
            if times != 1 {
                faults.push(format!("{}: {key:?} was raised {times} times", scenario.name()));
            }
        }
        for (rule, times) in beside(scenario) {
            let found: u32 = raised.iter().filter(|((raised, ..), _)| raised == rule).map(|(_, times)| times).sum();
            if found != *times {
                faults.push(format!("{}: {rule} was raised {found} times, not {times}", scenario.name()));
            }
            raised.retain(|(raised, ..), _| raised != rule);
        }
        faults.extend(
            raised
                .into_iter()
                .map(|(key, times)| format!("{}: {key:?} was raised {times} times, and must not be", scenario.name())),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
