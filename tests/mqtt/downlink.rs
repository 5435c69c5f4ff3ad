//! The way back to the gateways against a real broker: who hears what, in which order, and that a broker that is away
//! holds nobody up. I/O.

use crate::broker;
use crate::desk::{eventually, settings};
use alerting::alarm::{Alarm, AlarmChange, AlarmId, AlarmState, Cause, Object};
use alerting::effect::{Business, Effects, Receipt};
use davy_tests::mosquitto::Settings;
use davy_tests::proxy::Proxy;
use ingest::clock::Stopwatch;
use ingest::downlink::Downlink;
use ingest::downlink::counters::DownlinkCounters;
use prometheus::{IntCounter, IntGauge};
use rules::reading::{Micros, PointId, Severity};
use rules::registry::{Enterprise, Gateway, Region, Registry, Status, Text};
use rules::view::View;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// More than a queue holds.
const FLOOD: u64 = 12_000;

fn counters() -> DownlinkCounters {
    let counter = || IntCounter::new("test", "test").expect("a valid name");
    let gauge = || IntGauge::new("test", "test").expect("a valid name");
    DownlinkCounters {
        connected: gauge(),
        disconnects: counter(),
        receipts: counter(),
        warnings: counter(),
        refused: counter(),
        dropped: counter(),
        waiting: gauge(),
    }
}

/// Two enterprises: `a` with the gateways 1 and 2, `b` with 1.
fn view() -> View {
    let enterprise = |id: &str, gateways: &[&str]| Enterprise {
        id: id.to_owned(),
        credit_code: String::new(),
        name: Text::default(),
        sectors: Vec::new(),
        town: String::new(),
        industry: String::new(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: gateways.iter().map(|id| Gateway { id: (*id).to_owned() }).collect(),
        equipment: Vec::new(),
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    };
    let registry = Registry {
        district: Region { code: String::new(), name: Text::default() },
        towns: Vec::new(),
        sectors: Vec::new(),
        tag_types: Vec::new(),
        enterprises: vec![enterprise("a", &["1", "2"]), enterprise("b", &["1"])],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    };
    View::new(Arc::new(registry), "v".to_owned(), &|_, _| Some(PointId(0)))
}

fn alarm(id: u64, enterprise: Option<&str>, cause: Cause) -> Business {
    let state = if cause == Cause::Raised { AlarmState::Unacknowledged } else { AlarmState::Normal };
    let object = Object {
        enterprise: enterprise.map(str::to_owned),
        equipment: Some("T-1".to_owned()),
        point: Some("T-1.level".to_owned()),
    };
    let at = Micros(1_763_900_000_123_456);
    Business::Alarm(Box::new(AlarmChange {
        at,
        from: AlarmState::Normal,
        to: state,
        cause,
        by: None,
        comment: None,
        alarm: Alarm {
            id: AlarmId(id),
            rule: "HC-02".to_owned(),
            name: Text { zh: "储罐液位高高".to_owned(), en: "Tank level high-high".to_owned() },
            object,
            severity: Severity::Orange,
            state,
            value: Some(91.5),
            worst: Some(92.0),
            limit: Some(90.0),
            since: at.plus(-3_000_000),
            raised_at: at,
            last_at: at,
            acked_at: None,
            acked_by: None,
            cleared_at: None,
            closed_at: None,
            count: 1,
            rule_set: String::new(),
            text: Text::default(),
        },
    }))
}

fn alarms(business: Vec<Business>) -> Effects {
    Effects { business, ..Effects::default() }
}

fn receipt(enterprise: &str, gateway: &str, seq: u64) -> Effects {
    let (enterprise, gateway) = (enterprise.to_owned(), gateway.to_owned());
    Effects { receipts: vec![Receipt { enterprise, gateway, seq }], ..Effects::default() }
}

/// What a gateway hears on one of its topics, as JSON.
#[derive(Clone)]
struct Ear(Arc<Mutex<Vec<serde_json::Value>>>);

impl Ear {
    /// Listens, also after the broker was away, and returns when the broker knows.
    async fn on(port: u16, topic: &str) -> Ear {
        let mut options = MqttOptions::new(topic.replace('/', "-"), "127.0.0.1", port);
        options.set_clean_session(false);
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe(topic, QoS::AtLeastOnce).await.unwrap();
        let (heard, hears) = (Ear(Arc::default()), watch::channel(false));
        let (listening, mut is_listening) = hears;
        let ear = heard.clone();
        tokio::spawn(async move {
            // Owned here, so that the connection lives as long as the test.
            let _client = client;
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(listening.send_replace(true)),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        assert!(!publish.retain, "nothing of this is to be remembered");
                        let json = serde_json::from_slice(&publish.payload).expect("JSON");
                        heard.0.lock().unwrap().push(json);
                    }
                    Ok(_) => {}
                    // The broker is away: a gateway tries again, but not a thousand times a second.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
        });
        is_listening.wait_for(|is| *is).await.unwrap();
        ear
    }

    fn all(&self) -> Vec<serde_json::Value> {
        self.0.lock().unwrap().clone()
    }

    fn numbers(&self, key: &str) -> Vec<u64> {
        self.all().iter().map(|json| json[key].as_u64().unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_reach_the_gateways_of_their_own_enterprise_alone() {
    let Some(broker) = broker(Settings::default()) else { return };
    let (stop, stopped) = watch::channel(false);
    let counters = counters();
    let (downlink, task) = Downlink::start(&settings(broker.port()), counters.clone(), stopped);
    let (a1, a2) =
        (Ear::on(broker.port(), "davy/v1/a/1/warning").await, Ear::on(broker.port(), "davy/v1/a/2/warning").await);
    let b1 = Ear::on(broker.port(), "davy/v1/b/1/warning").await;
    let view = view();
    downlink.tell(&alarms(vec![alarm(1, Some("a"), Cause::Raised), alarm(2, Some("b"), Cause::Raised)]), Some(&view));
    // Davy's own alarms concern no enterprise; one taken over was told before; of an enterprise that is gone nobody asks.
    let silent = [(3, None, Cause::Raised), (4, Some("a"), Cause::Adopted), (5, Some("gone"), Cause::Raised)];
    downlink.tell(&alarms(silent.into_iter().map(|(id, whose, cause)| alarm(id, whose, cause)).collect()), Some(&view));
    downlink.tell(&alarms(vec![alarm(1, Some("a"), Cause::Returned)]), Some(&view));
    downlink.tell(&alarms(vec![alarm(2, Some("b"), Cause::Returned)]), Some(&view));
    eventually("all warnings", || a1.all().len() >= 2 && a2.all().len() >= 2 && b1.all().len() >= 2).await;
    for (ear, id) in [(&a1, 1), (&a2, 1), (&b1, 2)] {
        assert_eq!(ear.numbers("id"), [id, id]);
    }
    let expected = serde_json::json!({
        "id": 1, "rule": "HC-02", "name": {"zh": "储罐液位高高", "en": "Tank level high-high"}, "severity": "orange",
        "state": "unacknowledged", "cause": "raised", "value": 91.5, "limit": 90.0,
        "object": {"enterprise": "a", "equipment": "T-1", "point": "T-1.level"},
        "since": 1_763_899_997_123_i64, "at": 1_763_900_000_123_i64,
    });
    assert_eq!(a1.all()[0], expected);
    assert_eq!((a1.all()[1]["state"].as_str(), a1.all()[1]["cause"].as_str()), (Some("normal"), Some("returned")));
    stop.send_replace(true);
    task.unwrap().await.unwrap();
    assert_eq!((counters.warnings.get(), counters.dropped.get(), counters.refused.get()), (6, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_start_every_open_alarm_is_told_as_it_stands() {
    let Some(broker) = broker(Settings::default()) else { return };
    let (stop, stopped) = watch::channel(false);
    let (downlink, task) = Downlink::start(&settings(broker.port()), counters(), stopped);
    let (a1, b1) =
        (Ear::on(broker.port(), "davy/v1/a/1/warning").await, Ear::on(broker.port(), "davy/v1/b/1/warning").await);
    let open = [(1, Some("a")), (2, None), (3, Some("b")), (4, Some("a"))];
    let open: Vec<_> = open
        .into_iter()
        .filter_map(|(id, whose)| match alarm(id, whose, Cause::Raised) {
            Business::Alarm(change) => Some(change.alarm),
            _ => None,
        })
        .collect();
    let at = Micros(1_763_900_100_456_000);
    downlink.tell_open(open.iter(), at, Some(&view()));
    downlink.tell(&alarms(vec![alarm(1, Some("a"), Cause::Returned)]), Some(&view()));
    eventually("all warnings", || a1.all().len() >= 3 && !b1.all().is_empty()).await;
    assert_eq!((a1.numbers("id"), b1.numbers("id")), (vec![1, 4, 1], vec![3]));
    let told = &a1.all()[0];
    assert_eq!((told["cause"].as_str(), told["at"].as_i64()), (Some("adopted"), Some(1_763_900_100_456)));
    assert_eq!((told["state"].as_str(), told["severity"].as_str()), (Some("unacknowledged"), Some("orange")));
    stop.send_replace(true);
    task.unwrap().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_hears_the_newest_receipt_a_few_times_a_second() {
    let Some(broker) = broker(Settings::default()) else { return };
    let (stop, stopped) = watch::channel(false);
    let (downlink, task) = Downlink::start(&settings(broker.port()), counters(), stopped);
    let (one, two) =
        (Ear::on(broker.port(), "davy/v1/a/1/receipt").await, Ear::on(broker.port(), "davy/v1/a/2/receipt").await);
    let view = view();
    let watch = Stopwatch::start();
    for seq in 1..=50 {
        downlink.tell(&receipt("a", "1", seq), Some(&view));
        // As fast as a busy gateway sends: what is measured is how little of it comes back.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let beats = (watch.seconds() / 0.2) as usize + 2;
    eventually("the newest", || one.numbers("seq").last() == Some(&50)).await;
    let heard = one.numbers("seq");
    assert!(heard.len() >= 3 && heard.len() <= beats, "{} in {beats} beats", heard.len());
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(two.all(), Vec::<serde_json::Value>::new());
    // A stop leaves nothing behind that was durable.
    downlink.tell(&receipt("a", "2", 7), Some(&view));
    stop.send_replace(true);
    task.unwrap().await.unwrap();
    eventually("the last word", || two.numbers("seq") == [7]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_holds_nobody_up_and_hears_the_newest_afterwards() {
    let Some(mut broker) = broker(Settings::default()) else { return };
    let (_stop, stopped) = watch::channel(false);
    let counters = counters();
    let (downlink, _task) = Downlink::start(&settings(broker.port()), counters.clone(), stopped);
    let warned = Ear::on(broker.port(), "davy/v1/b/1/warning").await;
    let trimmed = Ear::on(broker.port(), "davy/v1/b/1/receipt").await;
    let view = view();
    downlink.tell(&alarms(vec![alarm(0, Some("b"), Cause::Raised)]), Some(&view));
    eventually("the first", || warned.numbers("id") == [0]).await;
    broker.stop();
    eventually("the broker to be gone", || counters.connected.get() == 0).await;
    let watch = Stopwatch::start();
    for id in 1..=FLOOD {
        downlink.tell(&alarms(vec![alarm(id, Some("b"), Cause::Raised)]), Some(&view));
        downlink.tell(&receipt("b", "1", id), Some(&view));
    }
    let each_us = watch.seconds() * 1e6 / (2 * FLOOD) as f64;
    assert!(each_us < 1_000.0, "{each_us} us a step are not the loop's to give");
    let kept = FLOOD - counters.dropped.get();
    assert!(counters.dropped.get() > 0 && kept == 10_000, "{kept} kept");
    broker.up().unwrap();
    eventually("all that was kept", || warned.numbers("id").last() == Some(&FLOOD)).await;
    eventually("the receipt", || trimmed.numbers("seq").last() == Some(&FLOOD)).await;
    let mut heard = warned.numbers("id");
    assert!(heard.is_sorted(), "in order");
    heard.dedup();
    assert_eq!(heard.len() as u64, kept + 1);
    assert!(trimmed.numbers("seq").len() < 10, "receipts are not queued up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_when_the_connection_broke_is_sent_again() {
    let Some(broker) = broker(Settings::default()) else { return };
    let proxy = Proxy::start(broker.port()).await;
    let (_stop, stopped) = watch::channel(false);
    let counters = counters();
    let (downlink, _task) = Downlink::start(&settings(proxy.port()), counters.clone(), stopped);
    let warned = Ear::on(broker.port(), "davy/v1/b/1/warning").await;
    eventually("a connection", || counters.connected.get() == 1).await;
    let view = view();
    for round in 0..10_u64 {
        for id in round * 200..(round + 1) * 200 {
            downlink.tell(&alarms(vec![alarm(id, Some("b"), Cause::Raised)]), Some(&view));
        }
        // Only what stands can be cut.
        eventually("a connection", || counters.connected.get() == 1).await;
        let before = counters.disconnects.get();
        proxy.cut();
        eventually("the cut", || counters.disconnects.get() > before).await;
    }
    eventually("the last", || warned.numbers("id").last() == Some(&1_999)).await;
    let distinct: std::collections::BTreeSet<u64> = warned.numbers("id").into_iter().collect();
    assert_eq!(distinct.len(), 2_000, "none is missing");
    // One may come again; the first time each comes, it comes in order.
    let mut firsts = Vec::new();
    for id in warned.numbers("id") {
        if firsts.last().is_none_or(|last| *last < id) {
            firsts.push(id);
        }
    }
    assert_eq!(firsts.len(), 2_000);
}
