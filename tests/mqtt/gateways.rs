//! The simulated gateways against a real broker: what they say was confirmed arrives, whatever the network does. I/O.

use crate::broker;
use crate::desk::{Desk, acknowledge, eventually, settings};
use alerting::input::Link;
use davy_tests::mosquitto::Settings;
use davy_tests::proxy::Proxy;
use ingest::seeds;
use ingest::simulate::{self, Options, Summary};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gateways_were_confirmed_arrives_through_cuts_of_their_connections() {
    let Some(broker) = broker(Settings::default()) else { return };
    let proxy = Proxy::start(broker.port()).await;
    let mut desk = Desk::start(&settings(broker.port()), None);
    desk.until_link(Link::Up);
    let log = std::env::temp_dir().join(format!("davy-simulate-{}.jsonl", std::process::id()));
    let registry =
        seeds::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds")).expect("the seeds are in order");
    let gateways = registry.enterprises.iter().map(|enterprise| enterprise.gateways.len()).sum::<usize>();
    let options = Options {
        registry: Arc::new(registry),
        host: "127.0.0.1".to_owned(),
        port: proxy.port(),
        rate: Some(5_000.0),
        batch: 10,
        scenarios: Vec::new(),
        seed: 1,
        duration: None,
        connections: 4,
        log: Some(log.clone()),
    };
    let (stop, stopped) = watch::channel(false);
    let playing = tokio::spawn(simulate::run(options, stopped));
    for _ in 0..3 {
        let already = desk.counters.deliveries.get();
        eventually("messages flow", || desk.counters.deliveries.get() > already + 800).await;
        proxy.cut();
    }
    let already = desk.counters.deliveries.get();
    eventually("messages flow", || desk.counters.deliveries.get() > already + 800).await;
    stop.send_replace(true);
    let summary: Summary = playing.await.unwrap().unwrap();
    assert!(summary.reconnects >= 3 && summary.unanswered == 0 && summary.refused == 0, "{summary:?}");
    assert_eq!(summary.accepted, summary.messages, "everything sent was confirmed in the end");
    let text = std::fs::read_to_string(&log).unwrap();
    let confirmed: BTreeSet<(String, String)> = text.lines().map(line).collect();
    assert_eq!(text.lines().count() as u64, summary.accepted);
    assert_eq!(confirmed.len() as u64, summary.accepted, "each message once");
    let mut arrived = BTreeSet::new();
    let mut statuses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let has_left = |said: &Vec<String>| said.last().is_some_and(|last| last == "offline");
    while !confirmed.is_subset(&arrived) || statuses.len() < gateways || !statuses.values().all(has_left) {
        let some = desk.until_deliveries(1);
        for (delivery, _) in &some {
            let payload = String::from_utf8(delivery.payload.to_vec()).unwrap();
            if delivery.topic.ends_with("/status") {
                statuses.entry(delivery.topic.clone()).or_default().push(payload);
            } else {
                arrived.insert((delivery.topic.clone(), payload));
            }
        }
        acknowledge(some);
    }
    // Besides their farewells: the last wills of the connections that were cut.
    let offline: usize = statuses.values().map(|said| said.iter().filter(|word| *word == "offline").count()).sum();
    assert!(offline >= gateways + 3 && statuses.values().all(|said| said[0] == "online"), "{offline} of {gateways}");
    assert_eq!(arrived.len(), confirmed.len(), "and nothing else");
    desk.stop().await;
    std::fs::remove_file(log).unwrap();
}

fn line(line: &str) -> (String, String) {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| line.get(key).and_then(|v| v.as_str()).unwrap().to_owned();
    (text("topic"), text("payload"))
}
