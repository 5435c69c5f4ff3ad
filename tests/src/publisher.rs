//! A publisher that is nobody's relative: sends readings with QoS 1 and remembers exactly those messages that the
//! broker said it has (PUBACK). Uses no code of Davy. I/O.

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Event, MqttOptions};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading as it was sent: what the judge looks for in the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    pub enterprise: String,
    pub point: String,
    pub device_ms: i64,
    /// The bits of the value, so that a set can hold it.
    pub value_bits: u64,
}

/// What to send: every tick one message for each gateway, with one reading of each of its points.
#[derive(Clone, Debug)]
pub struct Plan {
    pub port: u16,
    pub client_id: String,
    /// (enterprise, gateway, points)
    pub gateways: Vec<(String, String, Vec<String>)>,
    pub every: Duration,
    /// Value for the nth reading of a point.
    pub value: fn(u64) -> f64,
}

pub struct Publisher {
    outbox: Arc<Outbox>,
    stop: Arc<AtomicBool>,
    accepted: Arc<Mutex<Vec<Sent>>>,
    unanswered: Arc<Mutex<Vec<Sent>>>,
    sender: Option<JoinHandle<()>>,
    listener: Option<JoinHandle<()>>,
}

/// Messages go out in the order in which they were noted down: one lock for both.
struct Outbox {
    client: Client,
    queued: Mutex<VecDeque<Vec<Sent>>>,
    sent: AtomicU64,
}

impl Outbox {
    fn send(&self, gateway: &str, device_ms: i64, readings: Vec<(String, f64)>, enterprise: &str) {
        let elements: Vec<String> = readings.iter().map(|(p, v)| format!("{{\"p\":\"{p}\",\"v\":{v}}}")).collect();
        let payload = format!("{{\"ts\":{device_ms},\"d\":[{}]}}", elements.join(","));
        let note = |(point, value): (String, f64)| Sent {
            enterprise: enterprise.to_owned(),
            point,
            device_ms,
            value_bits: value.to_bits(),
        };
        let message: Vec<Sent> = readings.into_iter().map(note).collect();
        self.sent.fetch_add(message.len() as u64, Ordering::Relaxed);
        let mut queued = self.queued.lock().expect("not poisoned");
        queued.push_back(message);
        let topic = format!("davy/v1/{enterprise}/{gateway}/json");
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).expect("the client has room");
    }
}

/// What became of everything that was sent.
pub struct Account {
    /// The broker has it (PUBACK): must be in the database exactly once.
    pub accepted: Vec<Sent>,
    /// Sent, never answered: may be in the database, at most once.
    pub unanswered: Vec<Sent>,
}

impl Publisher {
    pub fn start(plan: Plan) -> Publisher {
        let mut options = MqttOptions::new(plan.client_id.clone(), "127.0.0.1", plan.port);
        options.set_keep_alive(Duration::from_secs(10)).set_clean_start(false).set_outgoing_inflight_upper_limit(1000);
        // With a session of its own the client sends again what a restarted broker had not answered; without one it
        // drops it, uses its numbers for other messages, and this account would be wrong.
        options.set_session_expiry_interval(Some(3_600));
        // Room for a minute of broker outage at the rates of these tests.
        let (client, mut connection) = Client::new(options, 100_000);
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let unanswered = Arc::new(Mutex::new(Vec::new()));
        let outbox = Arc::new(Outbox { client, queued: Mutex::default(), sent: AtomicU64::new(0) });
        let sender = {
            let (stop, outbox) = (stop.clone(), outbox.clone());
            std::thread::spawn(move || send(&plan, &outbox, &stop))
        };
        let listener = {
            let (accepted, unanswered, outbox) = (accepted.clone(), unanswered.clone(), outbox.clone());
            std::thread::spawn(move || {
                let mut in_flight: BTreeMap<u16, Vec<Sent>> = BTreeMap::new();
                for event in connection.iter() {
                    match event {
                        Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                            // After a reconnect the same ids are sent again: they are known already.
                            if let std::collections::btree_map::Entry::Vacant(free) = in_flight.entry(id) {
                                let message = outbox.queued.lock().expect("not poisoned").pop_front();
                                free.insert(message.expect("what goes out was queued"));
                            }
                        }
                        Ok(Event::Incoming(Packet::PubAck(ack))) => {
                            let message = in_flight.remove(&ack.pkid).unwrap_or_default();
                            accepted.lock().expect("not poisoned").extend(message);
                        }
                        Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
                        Ok(_) => {}
                        // The broker is away: the next poll tries again.
                        Err(_) => std::thread::park_timeout(Duration::from_millis(50)),
                    }
                }
                let mut left = unanswered.lock().expect("not poisoned");
                left.extend(in_flight.into_values().flatten());
                left.extend(outbox.queued.lock().expect("not poisoned").drain(..).flatten());
            })
        };
        Publisher { outbox, stop, accepted, unanswered, sender: Some(sender), listener: Some(listener) }
    }

    /// Readings handed to the client so far.
    pub fn sent(&self) -> u64 {
        self.outbox.sent.load(Ordering::Relaxed)
    }

    /// Sends one reading beside the plan.
    pub fn say(&self, enterprise: &str, gateway: &str, point: &str, value: f64) {
        self.outbox.send(gateway, now_ms(), vec![(point.to_owned(), value)], enterprise);
    }

    pub fn accepted(&self) -> usize {
        self.accepted.lock().expect("not poisoned").len()
    }

    /// Stops sending, waits for the last answers (bounded), disconnects, and gives the account.
    pub fn finish(mut self) -> Account {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(sender) = self.sender.take() {
            sender.join().expect("the sender ends");
        }
        if let Some(listener) = self.listener.take() {
            listener.join().expect("the listener ends");
        }
        let take = |list: &Mutex<Vec<Sent>>| std::mem::take(&mut *list.lock().expect("not poisoned"));
        Account { accepted: take(&self.accepted), unanswered: take(&self.unanswered) }
    }
}

fn send(plan: &Plan, outbox: &Outbox, stop: &AtomicBool) {
    let begun = Instant::now();
    let mut tick: u32 = 0;
    let mut last_ms = 0;
    while !stop.load(Ordering::SeqCst) {
        // Every tick has a device time of its own, so that (point, device time) names one reading.
        last_ms = now_ms().max(last_ms + 1);
        for (enterprise, gateway, points) in &plan.gateways {
            let value = (plan.value)(u64::from(tick));
            let readings = points.iter().map(|point| (point.clone(), value)).collect();
            outbox.send(gateway, last_ms, readings, enterprise);
        }
        tick += 1;
        let due = begun + plan.every * tick;
        while Instant::now() < due && !stop.load(Ordering::SeqCst) {
            // The pace of the load.
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
    }
    // Everything handed over goes out before the DISCONNECT; give the answers a moment to come back before it.
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until && !outbox.queued.lock().expect("not poisoned").is_empty() {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    // The last answers have no sign of their own.
    std::thread::park_timeout(Duration::from_millis(500));
    drop(outbox.client.disconnect());
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("fits")
}
