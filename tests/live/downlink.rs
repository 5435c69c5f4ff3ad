//! A gateway with a buffer, and what Davy tells it: receipts, by which the buffer empties, also over a restart of Davy;
//! and warnings, of its own enterprise alone. I/O.

use crate::place::World;
use davy_tests::davy::{Davy, wait_for};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A gateway that keeps every message until its receipt comes.
struct Gateway {
    enterprise: &'static str,
    client: AsyncClient,
    seq: u64,
    buffer: Arc<Mutex<BTreeMap<u64, String>>>,
    warnings: Arc<Mutex<Vec<Value>>>,
    runtime: tokio::runtime::Runtime,
}

impl Gateway {
    fn start(port: u16, enterprise: &'static str) -> Gateway {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let mut options = MqttOptions::new(format!("{enterprise}-gw-1"), "127.0.0.1", port);
        options.set_clean_session(false);
        let (client, mut events) = runtime.block_on(async { AsyncClient::new(options, 100) });
        let buffer: Arc<Mutex<BTreeMap<u64, String>>> = Arc::default();
        let warnings: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (trimmed, heard) = (Arc::clone(&buffer), Arc::clone(&warnings));
        let (listening, is_listening) = std::sync::mpsc::sync_channel(2);
        runtime.spawn(async move {
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Packet::SubAck(_)) => drop(listening.try_send(())),
                    Event::Incoming(Packet::Publish(publish)) => {
                        let json: Value = serde_json::from_slice(&publish.payload).expect("JSON");
                        if publish.topic.ends_with("/receipt") {
                            let durable = json["seq"].as_u64().expect("a number");
                            trimmed.lock().expect("whole").retain(|seq, _| *seq > durable);
                        } else {
                            heard.lock().expect("whole").push(json);
                        }
                    }
                    _ => {}
                }
            }
        });
        for what in ["receipt", "warning"] {
            let topic = format!("davy/v1/{enterprise}/gw-1/{what}");
            runtime.block_on(client.subscribe(topic, QoS::AtLeastOnce)).expect("the client lives");
            is_listening.recv_timeout(Duration::from_secs(20)).expect("the broker answers");
        }
        Gateway { enterprise, client, seq: 0, buffer, warnings, runtime }
    }

    /// Measures, keeps and sends.
    fn send(&mut self, point: &str, value: f64) {
        self.seq += 1;
        let ts = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let payload = format!(r#"{{"seq":{},"ts":{ts},"d":[{{"p":"{point}","v":{value}}}]}}"#, self.seq);
        self.buffer.lock().expect("whole").insert(self.seq, payload.clone());
        let topic = format!("davy/v1/{}/gw-1/json", self.enterprise);
        self.runtime.block_on(self.client.publish(topic, QoS::AtLeastOnce, false, payload)).expect("the client lives");
    }

    fn waiting(&self) -> usize {
        self.buffer.lock().expect("whole").len()
    }

    fn warned(&self) -> Vec<(String, String)> {
        let warnings = self.warnings.lock().expect("whole");
        let text = |warning: &Value, key: &str| warning[key].as_str().unwrap_or_default().to_owned();
        warnings.iter().map(|warning| (text(warning, "rule"), text(warning, "cause"))).collect()
    }
}

#[test]
fn a_buffer_empties_by_receipts_and_warnings_stay_at_home() {
    let Some(world) = World::new("downlink", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let (mut one, mut two) =
        (Gateway::start(world.broker.port(), "hc-001"), Gateway::start(world.broker.port(), "hc-002"));
    for n in 0..200 {
        one.send("T-101.level", 50.0 + f64::from(n) / 100.0);
        two.send("T-101.level", 50.0);
    }
    let patience = Duration::from_secs(30);
    wait_for("the buffers to be empty", patience, || one.waiting() == 0 && two.waiting() == 0);

    // Without a Davy nobody says that anything is durable, and the buffer keeps it.
    davy.kill();
    for _ in 0..50 {
        one.send("T-101.level", 51.0);
    }
    assert_eq!(one.waiting(), 50);
    let davy = Davy::start(&world.place, None, &[]).ready();
    wait_for("the buffer to be empty again", patience, || one.waiting() == 0);

    one.send("F-101.flame", 1.0);
    let raised = ("HC-29".to_owned(), "raised".to_owned());
    wait_for("the warning", patience, || one.warned().contains(&raised));
    let (_, body) = world.place.get("/api/v1/alarms?state=open").expect("alarms are served");
    let alarm = body["alarms"].as_array().expect("a list").iter().find(|alarm| alarm["rule"] == "HC-29").expect("open");
    let warning = one.warnings.lock().expect("whole").iter().find(|w| w["rule"] == "HC-29").cloned().expect("heard");
    assert_eq!((&warning["id"], &warning["severity"]), (&alarm["id"], &alarm["severity"]));
    assert_eq!(
        warning["object"],
        serde_json::json!({"enterprise": "hc-001", "equipment": "F-101", "point": "F-101.flame"})
    );
    let id = alarm["id"].as_u64().expect("a number");
    let order = serde_json::json!({"by": "officer", "comment": "seen"});
    let (status, answer) = world.place.post(&format!("/api/v1/alarms/{id}/ack"), &order).expect("answered");
    assert_eq!(status, 200, "{answer}");
    let acknowledged = ("HC-29".to_owned(), "acknowledged".to_owned());
    wait_for("the acknowledgement", patience, || one.warned().contains(&acknowledged));
    assert!(two.warned().iter().all(|(rule, _)| rule != "HC-29"), "{:?}", two.warned());
    assert_eq!(davy.stop(), Some(0));
}
