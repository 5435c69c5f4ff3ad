//! Every rule of the seed packs is reached by what a gateway publishes: through a real broker, the real reader and
//! decoder into the fold, in a time of the test's own, so that hours of silence take none. I/O.

mod dust;
mod electricity;
mod hazchem;
mod story;

use crate::broker;
use crate::desk::{Desk, settings};
use alerting::alarm::{AlarmChange, Cause, Object};
use alerting::command::{Actor, Command, Order};
use alerting::day::{Day, MINUTE_US};
use alerting::effect::Business;
use alerting::filings::{FilingKind, Planned};
use alerting::input::{Batch, Content, Decoded, FoldLimits, Input, Link};
use alerting::state::State;
use davy_tests::davy::root;
use davy_tests::mosquitto::Settings;
use ingest::decode::decode;
use ingest::seeds;
use rules::reading::{Micros, SECOND_US};
use rules::set::{RuleSet, Vocabulary};
use rules::view::PointKey;
use rumqttc::{AsyncClient, MqttOptions, QoS};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use story::{Step, Story};
use tokio::task::JoinHandle;

/// 2025-12-01T00:00:00+08:00.
const BEGUN: i64 = 1_764_518_400 * SECOND_US;

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
            Business::Alarm(change)
                if matches!(change.cause, Cause::Raised | Cause::BreachedAgain | Cause::SeverityRaised) =>
            {
                Some(*change)
            }
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
        for step in &story.steps {
            match step {
                Step::Say { sends, times, every_s } => {
                    for n in 0..*times {
                        let now: Vec<(&str, f64)> =
                            sends.iter().map(|(p, from, by)| (*p, from + by * f64::from(n))).collect();
                        self.send(story.enterprise, &now, 0).await;
                        self.pass(*every_s);
                    }
                }
                Step::Quiet(seconds) => self.pass(*seconds),
                Step::Until(minute) => {
                    let now = self.now();
                    self.pass((Day::of(now).end().since(now) + minute * MINUTE_US) / SECOND_US);
                }
                Step::File(kind, lasts_s) => self.file(story.enterprise, *kind, *lasts_s),
                Step::Limit(point, limit, value) => {
                    let (enterprise, point) = (story.enterprise.to_owned(), (*point).to_owned());
                    self.order(Order::OverrideLimit {
                        point: PointKey { enterprise, point },
                        limit: *limit,
                        value: Some(*value),
                        approved_by: "head".to_owned(),
                        reason: "for the test".to_owned(),
                    });
                }
            }
        }
    }

    fn now(&self) -> Micros {
        Micros(self.time.load(Ordering::SeqCst))
    }

    fn file(&mut self, enterprise: &str, kind: FilingKind, lasts_s: i64) {
        let from = self.now().plus(SECOND_US);
        let planned = Planned {
            kind,
            object: Object { enterprise: Some(enterprise.to_owned()), ..Object::default() },
            from,
            to: from.plus(lasts_s * SECOND_US),
            reason: "for the test".to_owned(),
            idle_check: None,
        };
        self.order(Order::File(planned));
    }

    fn order(&mut self, order: Order) {
        let by = Actor { name: "desk".to_owned(), authenticated: false };
        let key = format!("order-{}", self.now().0);
        let command = Command { key, received: self.now(), by, order };
        self.step(vec![Input::Command(command)]);
        self.pass(2);
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
        Input::Activate(Content::Limits { version: version(), limits: Arc::new(FoldLimits::of_rules_alone()) }),
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
    let stories = hazchem::stories().into_iter().chain(dust::stories()).chain(electricity::stories());
    for story in stories {
        road.raised.clear();
        road.play(&story).await;
        let is_it = |change: &&AlarmChange| {
            let object = &change.alarm.object;
            change.alarm.rule == story.rule
                && object.enterprise.as_deref() == Some(story.enterprise)
                && object.point.as_ref().or(object.equipment.as_ref()).map_or(story.enterprise, String::as_str)
                    == story.on
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
