//! The engine's desk in these tests: takes what comes out of the inbox, and acknowledges when the test says so. And a
//! gateway that publishes and waits for the broker's word. I/O.

use alerting::input::{Link, SystemFault};
use ingest::clock::Clock;
use ingest::config;
use ingest::delivery::Delivery;
use ingest::inbox::{self, AckToken, Inbox, Item};
use ingest::mqtt::counters::MqttCounters;
use ingest::mqtt::{self, Feed, Running};
use prometheus::{IntCounter, IntGauge};
use rules::reading::{Micros, SECOND_US};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub struct Desk {
    pub running: Option<Running>,
    pub counters: MqttCounters,
    pub links: Vec<Link>,
    pub faults: Vec<SystemFault>,
    pub deliveries: Vec<(Delivery, AckToken)>,
    inbox: Inbox,
    clock: Clock,
}

/// What a test does not see within this it does not see.
const PATIENCE_S: i64 = 30;

impl Desk {
    pub fn start(broker: &config::Mqtt, memo: Option<PathBuf>) -> Desk {
        let clock = Clock::starting(Micros::MIN);
        let now = clock.clone();
        Desk::stamping(broker, memo, (clock, Arc::new(move || now.now())))
    }

    /// Messages are stamped with a time of the test's own.
    pub fn in_time(broker: &config::Mqtt, now: Arc<dyn Fn() -> Micros + Send + Sync>) -> Desk {
        Desk::stamping(broker, None, (Clock::starting(Micros::MIN), now))
    }

    fn stamping(
        broker: &config::Mqtt,
        memo: Option<PathBuf>,
        (clock, now): (Clock, Arc<dyn Fn() -> Micros + Send + Sync>),
    ) -> Desk {
        let (sender, inbox) = inbox::channel(broker.receive_maximum);
        let counters = counters();
        let feed = Feed { inbox: sender, now, counters: counters.clone(), memo };
        let running = Some(mqtt::start(broker, feed));
        Desk { running, counters, links: Vec::new(), faults: Vec::new(), deliveries: Vec::new(), inbox, clock }
    }

    /// Takes from the inbox until `seen` says that it has seen enough.
    pub fn until(&mut self, what: &str, seen: impl Fn(&Desk) -> bool) {
        let deadline = self.clock.now().plus(PATIENCE_S * SECOND_US);
        while !seen(self) {
            let so_far = format!("links {:?}, faults {:?}", self.links, self.faults);
            assert!(self.clock.now() < deadline, "not seen: {what}; {} deliveries, {so_far}", self.deliveries.len());
            self.take(Some(deadline));
        }
    }

    pub fn until_deliveries(&mut self, count: usize) -> Vec<(Delivery, AckToken)> {
        self.until(&format!("{count} deliveries"), |desk| desk.deliveries.len() >= count);
        std::mem::take(&mut self.deliveries)
    }

    pub fn until_link(&mut self, link: Link) {
        self.until(&format!("link {link:?}"), |desk| desk.links.last() == Some(&link));
    }

    /// Nothing is delivered for as long as anything took before it in these tests.
    pub fn expect_silence(&mut self) {
        let deadline = self.clock.now().plus(SECOND_US / 2);
        while self.clock.now() < deadline {
            self.take(Some(deadline));
        }
        assert_eq!(payloads(&self.deliveries), Vec::<String>::new());
    }

    /// Stops in the order of the process: no more in, acknowledge what is at hand, then farewell.
    pub async fn stop(mut self) {
        let running = self.running.take().expect("runs");
        running.pause();
        for (_, ack) in self.deliveries.drain(..) {
            ack.ack();
        }
        running.stop().await;
    }

    fn take(&mut self, deadline: Option<Micros>) {
        let clock = self.clock.clone();
        for item in tokio::task::block_in_place(|| self.inbox.next(deadline, &|| clock.now())) {
            match item {
                Item::Link(link) => self.links.push(link),
                Item::Fault(fault) => self.faults.push(fault),
                Item::Delivery { delivery, ack } => self.deliveries.push((delivery, ack)),
                Item::Command { .. } | Item::Adopt { .. } | Item::Replay { .. } | Item::Import { .. } | Item::Stop => {
                    unreachable!("nobody orders anything here")
                }
            }
        }
    }
}

pub fn settings(port: u16) -> config::Mqtt {
    config::Mqtt { port, keep_alive_s: 5, packet_max_bytes: 4 << 20, ..config::Mqtt::default() }
}

pub fn payloads(deliveries: &[(Delivery, AckToken)]) -> Vec<String> {
    deliveries.iter().map(|(d, _)| String::from_utf8_lossy(&d.payload).into_owned()).collect()
}

pub fn acknowledge(deliveries: Vec<(Delivery, AckToken)>) {
    for (_, ack) in deliveries {
        ack.ack();
    }
}

/// One message of a gateway.
#[derive(Clone)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: QoS,
    pub retain: bool,
}

pub const TOPIC: &str = "davy/v1/hc-001/gw-1/json";

pub fn message(payload: impl Into<Vec<u8>>) -> Message {
    Message { topic: TOPIC.to_owned(), payload: payload.into(), qos: QoS::AtLeastOnce, retain: false }
}

/// `n` numbered messages.
pub fn numbered(numbers: std::ops::Range<u32>) -> Vec<Message> {
    numbers.map(|n| message(n.to_string())).collect()
}

pub fn numbers(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| n.to_string()).collect()
}

/// Publishes with a client of its own and returns when the broker has confirmed all of it. QoS 0 last is not seen to.
pub async fn publish(port: u16, messages: Vec<Message>) {
    let mut options = MqttOptions::new(format!("gateway-{}", rand_id()), "127.0.0.1", port);
    options.set_max_packet_size(8 << 20, 8 << 20).set_inflight(100);
    let (client, mut events) = AsyncClient::new(options, 10);
    let confirmed = messages.iter().filter(|m| m.qos != QoS::AtMostOnce).count();
    let sending = tokio::spawn(async move {
        for Message { topic, payload, qos, retain } in messages {
            client.publish(topic, qos, retain, payload).await.expect("the client lives");
        }
        client
    });
    let answers = async {
        let mut answered = 0;
        while answered < confirmed {
            let event = events.poll().await.expect("the broker answers");
            answered += usize::from(matches!(event, Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))));
        }
    };
    tokio::time::timeout(Duration::from_secs(PATIENCE_S as u64), answers).await.expect("all confirmed in time");
    sending.await.expect("sent").disconnect().await.expect("queued");
    // Until the farewell has left, with whatever QoS 0 message stood before it.
    while !matches!(events.poll().await, Err(_) | Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect))) {}
}

/// Different for each publisher of this process.
fn rand_id() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// Waits for something that only polling can see.
pub async fn eventually(what: &str, seen: impl Fn() -> bool) {
    let waiting = async {
        while !seen() {
            // What is looked at lies behind a real network, which tells nobody.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = Duration::from_secs(PATIENCE_S as u64);
    tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| panic!("not seen: {what}"));
}

fn counters() -> MqttCounters {
    let counter = || IntCounter::new("test", "test").expect("a valid name");
    let gauge = || IntGauge::new("test", "test").expect("a valid name");
    MqttCounters {
        connected: gauge(),
        disconnects: counter(),
        stalls: counter(),
        deliveries: counter(),
        delivery_bytes: counter(),
        redelivered: counter(),
        shed: counter(),
        ignored: counter(),
        acks: counter(),
        acks_late: counter(),
        broker_dropped: gauge(),
    }
}
