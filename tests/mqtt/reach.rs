//! Every rule of the seed packs is reached by what a gateway publishes: through a real broker, the real reader and
//! decoder into the fold, in a time of the test's own, so that hours of silence take none. I/O.

use crate::broker;
use crate::desk::{Desk, settings};
use alerting::alarm::{AlarmChange, Cause};
use alerting::effect::Business;
use alerting::input::{Batch, Content, Decoded, FoldLimits, Input, Link};
use alerting::state::State;
use davy_tests::davy::root;
use davy_tests::mosquitto::Settings;
use ingest::decode::decode;
use ingest::seeds;
use rules::reading::{Micros, SECOND_US, Severity};
use rules::set::{RuleSet, Vocabulary};
use rumqttc::{AsyncClient, MqttOptions, QoS};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::task::JoinHandle;

/// 2025-12-01T00:00:00+08:00.
const BEGUN: i64 = 1_764_518_400 * SECOND_US;

/// What one gateway sends to reach one rule.
struct Story {
    rule: &'static str,
    severity: Severity,
    enterprise: &'static str,
    /// Sent together, `times` times, every so many seconds.
    sends: &'static [(&'static str, f64)],
    times: i64,
    every_s: i64,
    /// Nothing is heard for so long afterwards.
    then_s: i64,
    /// The point, or the equipment, that the alarm must name.
    on: &'static str,
}

const fn story(rule: &'static str, severity: Severity, place: (&'static str, &'static str)) -> Story {
    Story { rule, severity, enterprise: place.0, sends: &[], times: 1, every_s: 5, then_s: 0, on: place.1 }
}

use Severity::{Blue, Orange, Red, Yellow};

/// Sent every 5 s for a minute and a half, which is longer than these rules' delays; meters speak every minute.
const STORIES: [Story; 31] = [
    // First: a source that is never heard speaks of that after ten minutes.
    Story { sends: &[("R-201.temp", 90.0)], then_s: 700, ..story("HC-22", Yellow, ("hc-001", "R-201")) },
    Story { sends: &[("T-101.level", 86.0)], times: 18, ..story("HC-01", Yellow, ("hc-001", "T-101.level")) },
    Story { sends: &[("T-102.level", 91.0)], times: 18, ..story("HC-02", Orange, ("hc-001", "T-102.level")) },
    Story { sends: &[("T-103.level", 14.5)], times: 18, ..story("HC-03", Blue, ("hc-001", "T-103.level")) },
    Story { sends: &[("T-101.level", 9.0)], times: 18, ..story("HC-04", Yellow, ("hc-002", "T-101.level")) },
    Story { sends: &[("T-101.pressure", 1.6)], times: 18, ..story("HC-05", Yellow, ("hc-001", "T-101.pressure")) },
    Story { sends: &[("T-102.pressure", 1.9)], times: 18, ..story("HC-06", Orange, ("hc-001", "T-102.pressure")) },
    Story { sends: &[("T-103.pressure", -0.4)], times: 18, ..story("HC-07", Yellow, ("hc-001", "T-103.pressure")) },
    Story { sends: &[("T-101.temp", 42.0)], times: 18, ..story("HC-08", Yellow, ("hc-001", "T-101.temp")) },
    Story { sends: &[("T-102.temp", 51.0)], times: 18, ..story("HC-09", Orange, ("hc-001", "T-102.temp")) },
    Story { sends: &[("G-101.gas-1", 26.0)], times: 18, ..story("HC-10", Yellow, ("hc-001", "G-101.gas-1")) },
    Story { sends: &[("G-101.gas-2", 51.0)], times: 18, ..story("HC-11", Orange, ("hc-001", "G-101.gas-2")) },
    Story { sends: &[("G-201.gas-1", 10.5)], times: 18, ..story("HC-12", Yellow, ("hc-004", "G-201.gas-1")) },
    Story { sends: &[("G-201.gas-2", 21.0)], times: 18, ..story("HC-13", Orange, ("hc-004", "G-201.gas-2")) },
    Story { sends: &[("G-201.gas-1", 2.5)], times: 18, ..story("HC-13", Red, ("hc-011", "G-201.gas-1")) },
    Story { sends: &[("G-102.gas-1", 3.0)], then_s: 200, ..story("HC-23", Blue, ("hc-001", "G-102.gas-1")) },
    Story { sends: &[("G-102.gas-2", 900.0)], times: 4, ..story("HC-25", Blue, ("hc-001", "G-102.gas-2")) },
    Story { sends: &[("F-101.flame", 1.0)], ..story("HC-29", Red, ("hc-001", "F-101.flame")) },
    Story { sends: &[("DC-1.hopper_temp", 61.0)], times: 18, ..story("DU-01", Yellow, ("du-001", "DC-1.hopper_temp")) },
    Story { sends: &[("DC-2.hopper_temp", 71.0)], times: 18, ..story("DU-02", Orange, ("du-001", "DC-2.hopper_temp")) },
    Story { sends: &[("DC-1.dp", 1_600.0)], times: 18, ..story("DU-04", Yellow, ("du-001", "DC-1.dp")) },
    Story { sends: &[("DC-1.spark", 1.0)], ..story("DU-07", Yellow, ("du-001", "DC-1.spark")) },
    Story {
        sends: &[("DC-2.prod_run", 1.0), ("DC-2.fan_run", 0.0)],
        times: 4,
        ..story("DU-10", Red, ("du-001", "DC-2"))
    },
    Story {
        sends: &[("DC-1.fan_run", 1.0), ("DC-1.airlock_fault", 1.0)],
        times: 18,
        ..story("DU-12", Orange, ("du-001", "DC-1"))
    },
    Story { sends: &[("M-1.p", 100.0)], times: 50, every_s: 60, ..story("EL-01", Red, ("el-100", "M-1.p")) },
    Story {
        sends: &[("M-1.demand", 1_000.0)],
        times: 50,
        every_s: 60,
        ..story("EL-07", Orange, ("el-001", "M-1.demand"))
    },
    Story { sends: &[("M-1.p", 6.0)], times: 50, every_s: 60, ..story("EL-11", Red, ("el-044", "M-1.p")) },
    Story { sends: &[("M-1.u_a", 240.0)], times: 8, every_s: 60, ..story("EL-13", Blue, ("el-001", "M-1.u_a")) },
    Story { sends: &[("M-1.i_res", 350.0)], times: 3, every_s: 60, ..story("EL-15", Yellow, ("el-001", "M-1.i_res")) },
    Story {
        sends: &[("M-2.t_cable", 75.0)],
        times: 3,
        every_s: 60,
        ..story("EL-16", Yellow, ("el-001", "M-2.t_cable"))
    },
    Story { sends: &[("M-1.p", 50.0)], then_s: 3_000, ..story("EL-18", Blue, ("el-002", "M-1")) },
];

struct Road {
    desk: Desk,
    client: AsyncClient,
    polling: JoinHandle<()>,
    time: Arc<AtomicI64>,
    state: State,
    raised: Vec<AlarmChange>,
}

impl Road {
    fn step(&mut self, inputs: Vec<Input<Decoded, Content>>) {
        let now = Micros(self.time.load(Ordering::SeqCst)).max(self.state.now());
        let effects = self.state.step(self.state.seq() + 1, &Batch { now, inputs });
        let raised = effects.business.into_iter().filter_map(|effect| match effect {
            Business::Alarm(change) if matches!(change.cause, Cause::Raised | Cause::SeverityRaised) => Some(*change),
            _ => None,
        });
        self.raised.extend(raised);
    }

    /// Time goes on; what falls due does so at its own moment.
    fn pass(&mut self, seconds: i64) {
        let until = self.time.load(Ordering::SeqCst) + seconds * SECOND_US;
        while let Some(due) = self.state.next_deadline().filter(|due| due.0 <= until) {
            self.time.fetch_max(due.0, Ordering::SeqCst);
            self.step(vec![Input::Tick]);
        }
        self.time.store(until, Ordering::SeqCst);
    }

    async fn send(&mut self, enterprise: &str, sends: &[(&str, f64)], behind_s: i64) {
        let ts = self.time.load(Ordering::SeqCst) / 1_000 - behind_s * 1_000;
        let readings: Vec<String> = sends.iter().map(|(p, v)| format!("{{\"p\":\"{p}\",\"v\":{v}}}")).collect();
        let payload = format!("{{\"ts\":{ts},\"d\":[{}]}}", readings.join(","));
        let view = Arc::clone(self.state.view().expect("a registry is in force"));
        let gateway = &view.enterprise(enterprise).expect("it is of the district").gateways[0].id;
        let topic = format!("davy/v1/{enterprise}/{gateway}/json");
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await.expect("the client lives");
        for (delivery, ack) in self.desk.until_deliveries(1) {
            ack.ack();
            let decoded = decode(&delivery, &view);
            assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects);
            self.step(vec![Input::Delivery(decoded)]);
        }
    }

    async fn play(&mut self, story: &Story) {
        for _ in 0..story.times {
            self.send(story.enterprise, story.sends, 0).await;
            self.pass(story.every_s);
        }
        self.pass(story.then_s);
    }
}

fn started() -> (State, BTreeSet<String>) {
    let registry = Arc::new(seeds::load(&root().join("seeds")).expect("the district is in order"));
    let packs = seeds::rules(&root().join("seeds/rules")).expect("the packs are there");
    let rules = Arc::new(RuleSet::load(&packs, &Vocabulary::of(&registry)).expect("the packs load"));
    let ids = rules.rules().iter().map(|rule| rule.id.clone()).collect();
    let version = || "v".to_owned();
    let inputs = vec![
        Input::Genesis { journal_id: "j".to_owned(), alarm_id_base: 0 },
        Input::Activate(Content::Limits { version: version(), limits: Arc::new(FoldLimits::default()) }),
        Input::Activate(Content::Registry { version: version(), registry }),
        Input::Activate(Content::Rules { version: version(), rules }),
    ];
    let mut state = State::new();
    state.step(1, &Batch { now: Micros(BEGUN), inputs });
    (state, ids)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_of_the_packs_is_reached_through_the_broker() {
    let Some(broker) = broker(Settings::default()) else { return };
    let (state, ids) = started();
    let time = Arc::new(AtomicI64::new(BEGUN + SECOND_US));
    let shown = Arc::clone(&time);
    let mut desk = Desk::in_time(&settings(broker.port()), Arc::new(move || Micros(shown.load(Ordering::SeqCst))));
    desk.until_link(Link::Up);
    let (client, mut events) = AsyncClient::new(MqttOptions::new("gateways", "127.0.0.1", broker.port()), 10);
    // Ends with the test: whoever publishes waits for the delivery, not for this.
    let polling = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let mut road = Road { desk, client, polling, time, state, raised: Vec::new() };

    let mut reached: BTreeSet<String> = BTreeSet::new();
    for story in &STORIES {
        road.raised.clear();
        road.play(story).await;
        let is_it = |change: &&AlarmChange| {
            let object = &change.alarm.object;
            change.alarm.rule == story.rule
                && object.enterprise.as_deref() == Some(story.enterprise)
                && object.point.as_ref().or(object.equipment.as_ref()).is_some_and(|name| name == story.on)
        };
        let found = road.raised.iter().filter(is_it).map(|change| change.alarm.severity).max();
        assert_eq!(found, Some(story.severity), "{} of {} on {}", story.rule, story.enterprise, story.on);
        reached.insert(story.rule.to_owned());
    }
    assert_eq!(reached, ids, "a rule of the packs has no story here");

    // The one native rule of the pack: a clock that is a hundred seconds slow.
    road.raised.clear();
    for _ in 0..25 {
        road.send("du-010", &[("DC-1.fan_run", 1.0)], 100).await;
        road.pass(5);
    }
    let skewed = road
        .raised
        .iter()
        .any(|change| change.alarm.rule == "SY-02" && change.alarm.object.enterprise.as_deref() == Some("du-010"));
    assert!(skewed, "SY-02 says that a clock is slow");
    let Road { desk, polling, .. } = road;
    polling.abort();
    desk.stop().await;
}
