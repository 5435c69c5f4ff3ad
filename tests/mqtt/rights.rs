//! The access list that is deployed, in a real broker: a gateway speaks under its own prefix alone and hears only what
//! is meant for it; Davy tells gateways and does not speak for them. I/O.

use crate::broker;
use crate::desk::eventually;
use davy_tests::davy::root;
use davy_tests::mosquitto::Settings;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Somebody with a name at the broker, listening to everything he may hear.
struct Somebody {
    client: AsyncClient,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Somebody {
    async fn named(port: u16, name: &str) -> Somebody {
        let mut options = MqttOptions::new(name.replace('/', "-"), "127.0.0.1", port);
        options.set_credentials(name, "");
        let (client, mut events) = AsyncClient::new(options, 100);
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = Arc::clone(&heard);
        let (listening, mut is_listening) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Packet::SubAck(_)) => drop(listening.send_replace(true)),
                    Event::Incoming(Packet::Publish(publish)) => hears.lock().unwrap().push(publish.topic),
                    _ => {}
                }
            }
        });
        client.subscribe("davy/#", QoS::AtLeastOnce).await.unwrap();
        let heard_of = tokio::time::timeout(Duration::from_secs(20), is_listening.wait_for(|is| *is)).await;
        heard_of.expect("the broker answers a subscription").unwrap();
        Somebody { client, heard }
    }

    async fn say(&self, topics: &[&str]) {
        for topic in topics {
            self.client.publish(*topic, QoS::AtLeastOnce, false, "x").await.unwrap();
        }
    }

    fn heard(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap().clone();
        heard.sort();
        heard
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_hears_and_says_only_what_is_its_own() {
    let Some(mut broker) = broker(Settings::default()) else { return };
    broker.restrict(&root().join("deploy/mosquitto/acl")).unwrap();
    let davy = Somebody::named(broker.port(), "davy").await;
    let gateway = Somebody::named(broker.port(), "hc-001/gw-1").await;
    let stranger = Somebody::named(broker.port(), "hc-002/gw-1").await;
    let told = ["davy/v1/hc-001/gw-1/receipt", "davy/v1/hc-001/gw-1/warning"];
    let others = ["davy/v1/hc-002/gw-1/receipt", "davy/v1/hc-002/gw-1/warning"];
    davy.say(&told).await;
    davy.say(&others).await;
    davy.say(&["davy/v1/hc-001/gw-1/json", "davy/v1/hc-001/gw-1/status"]).await;
    let own = [
        "davy/v1/hc-001/gw-1/json",
        "davy/v1/hc-001/gw-1/status",
        "davy/v1/hc-001/gw-1/tb",
        "davy/v1/hc-001/gw-1/tb/v1/devices/me/telemetry",
    ];
    gateway.say(&["davy/v1/hc-002/gw-1/json", "davy/v1/hc-001/gw-2/json", told[0], told[1], others[0]]).await;
    // What comes after what is refused is heard after it would have been.
    gateway.say(&own).await;
    stranger.say(&["davy/v1/hc-001/gw-1/json"]).await;
    let everything = own.len() + told.len() + others.len();
    eventually("what is allowed", || davy.heard().len() >= everything && gateway.heard().len() >= 4).await;
    let sorted = |topics: &[&str]| {
        let mut topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        topics.sort();
        topics
    };
    assert_eq!(davy.heard(), sorted(&[&own[..], &told[..], &others[..]].concat()));
    assert_eq!(gateway.heard(), sorted(&[told[0], told[1], own[2], own[3]]));
    assert_eq!(stranger.heard(), Vec::<String>::new(), "a name without lines has no rights");
}
