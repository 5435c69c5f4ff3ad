//! One connection to the broker, as far as acknowledgements care: it takes them while it lives, and never passes one
//! on to a later connection. Must not know what is read from it. I/O.

use super::Feed;
use super::counters::MqttCounters;
use crate::config;
use crate::decode::topic;
use crate::inbox::Origin;
use rules::reading::Micros;
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, RetainForwardRule};
use rumqttc::v5::{AsyncClient, EventLoop, MqttOptions};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where mosquitto counts what it dropped.
pub const DROPPED_TOPIC: &str = "$SYS/broker/publish/messages/dropped";

/// Requests on their way through the client: enough to keep it busy.
const REQUESTS_MAX: usize = 1_024;
/// Acknowledgements that wait for the client. The receive maximum is no bound: mosquitto 2.0 goes beyond it when it has
/// a backlog, and the client reads ten messages for each acknowledgement it sends. As many as a broker may have queued.
const ACKS_WAITING_MAX: usize = 1_000_000;

/// Acknowledgements go to the client of this connection and to no other: once its event loop is gone they lead
/// nowhere, so an old one cannot hit a packet id that names another message by now.
pub struct Line {
    client: AsyncClient,
    counters: MqttCounters,
    current: AtomicBool,
    /// Given, in their order, and not yet taken by the client, which was full.
    waiting: Mutex<VecDeque<u16>>,
    /// The farewell is still to be said.
    leaving: AtomicBool,
    /// When the last packet came, whichever.
    last_packet_us: AtomicI64,
    /// When the broker confirmed the subscription; `i64::MIN` before that.
    up_since_us: AtomicI64,
}

impl Line {
    /// A connection that will be made when its event loop is first polled.
    pub fn open(broker: &config::Mqtt, feed: &Feed) -> (Arc<Line>, EventLoop) {
        let (client, events) = AsyncClient::new(mqtt_options(broker), REQUESTS_MAX);
        let line = Line {
            client,
            counters: feed.counters.clone(),
            current: AtomicBool::new(true),
            waiting: Mutex::default(),
            leaving: AtomicBool::new(false),
            last_packet_us: AtomicI64::new((feed.now)().0),
            up_since_us: AtomicI64::new(i64::MIN),
        };
        (Arc::new(line), events)
    }

    /// Asks for everything of ours, and for the broker's count of what it dropped. Asking again changes nothing.
    pub fn subscribe(&self) -> Result<(), String> {
        let mut ours = Filter::new(topic::FILTER, QoS::AtLeastOnce);
        // What a broker remembers is not a report of now: an old flame must not be raised at every new session. The
        // flag is kept so that clearing a retained message can be told from an empty report.
        ours.retain_forward_rule = RetainForwardRule::Never;
        ours.preserve_retain = true;
        let dropped = Filter::new(DROPPED_TOPIC, QoS::AtMostOnce);
        self.client.try_subscribe_many([ours, dropped]).map_err(|error| error.to_string())
    }

    /// Leaves, after the last acknowledgement. Polling ends when the broker has closed the connection.
    pub fn farewell(&self) {
        let waiting = self.waiting();
        self.leaving.store(true, Ordering::SeqCst);
        // With something waiting the reader comes by, and says it then.
        if waiting.is_empty() {
            self.say_farewell();
        }
    }

    fn say_farewell(&self) {
        if self.leaving.load(Ordering::SeqCst) && self.client.try_disconnect().is_ok() {
            self.leaving.store(false, Ordering::SeqCst);
        }
    }

    /// Passes on acknowledgements that wait. The reader calls it before every poll: as long as some wait the client has
    /// work, and polls return.
    pub fn send_waiting(&self) -> Result<(), String> {
        let mut waiting = self.waiting();
        while let Some(&id) = waiting.front()
            && self.send(id)
        {
            waiting.pop_front();
        }
        if waiting.is_empty() {
            self.say_farewell();
        }
        if waiting.len() > ACKS_WAITING_MAX {
            return Err("more acknowledgements wait than a broker can have messages under way".to_owned());
        }
        Ok(())
    }

    fn send(&self, id: u16) -> bool {
        let delivered = Publish { qos: QoS::AtLeastOnce, pkid: id, ..Publish::default() };
        self.client.try_ack(&delivered).is_ok()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<u16>> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn retire(&self) {
        self.current.store(false, Ordering::SeqCst);
    }

    pub fn saw_packet(&self, at: Micros) {
        self.last_packet_us.store(at.0, Ordering::Relaxed);
    }

    pub fn last_packet(&self) -> Micros {
        Micros(self.last_packet_us.load(Ordering::Relaxed))
    }

    pub fn is_up(&self, since: Micros) {
        self.up_since_us.store(since.0, Ordering::SeqCst);
    }

    pub fn up_since(&self) -> Option<Micros> {
        Some(Micros(self.up_since_us.load(Ordering::SeqCst))).filter(|since| *since != Micros::MIN)
    }
}

impl Origin for Line {
    fn is_current(&self) -> bool {
        self.current.load(Ordering::SeqCst)
    }

    fn acknowledge(&self, id: u16) {
        if !self.is_current() {
            self.counters.acks_late.inc();
            return;
        }
        let mut waiting = self.waiting();
        // Never past one that waits. If the event loop is gone by now it waits in vain, and the message comes again.
        if !waiting.is_empty() || !self.send(id) {
            waiting.push_back(id);
        }
        drop(waiting);
        self.counters.acks.inc();
    }
}

/// rumqttc panics on a shorter keep-alive.
const KEEP_ALIVE_MIN_S: u16 = 5;

fn mqtt_options(broker: &config::Mqtt) -> MqttOptions {
    let mut mqtt = MqttOptions::new(broker.client_id.clone(), broker.host.clone(), broker.port);
    mqtt.set_keep_alive(std::time::Duration::from_secs(broker.keep_alive_s.max(KEEP_ALIVE_MIN_S).into()));
    mqtt.set_clean_start(false);
    mqtt.set_manual_acks(true);
    // Without it the session would end with the connection, and what comes in our absence would be lost.
    mqtt.set_session_expiry_interval(Some(broker.session_expiry_days.saturating_mul(86_400)));
    mqtt.set_receive_maximum(Some(broker.receive_maximum.max(1)));
    mqtt.set_max_packet_size(Some(broker.packet_max_bytes));
    // We never publish here, so the table of packets under way need not be as large as the protocol allows.
    mqtt.set_outgoing_inflight_upper_limit(1);
    // An acknowledgement alone in a packet must not wait for company.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    mqtt.set_network_options(network);
    mqtt
}
