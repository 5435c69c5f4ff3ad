//! The way back to the gateways: receipts, by which a gateway with a buffer may trim it, and the warnings of its own
//! enterprise. A second MQTT client, because acknowledgements of the first would wait behind what is published here.
//! Fed by the loop with what is durable, and never in its way. Must not know the state. I/O.

pub mod counters;
mod queue;
mod window;
mod words;

use crate::config;
use crate::decode::topic;
use alerting::alarm::Alarm;
use alerting::effect::{Business, Effects};
use bytes::Bytes;
use counters::DownlinkCounters;
use queue::{Message, Payload, Queue};
use rules::reading::Micros;
use rules::view::View;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, Outgoing};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use window::{WINDOW, Window};

/// A gateway gets a receipt no more often than this: it trims its buffer five times a second, and no broker minds.
const BEAT: Duration = Duration::from_millis(200);
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// So long a stop waits for the last messages to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where the loop puts what gateways are to be told.
#[derive(Clone)]
pub struct Downlink {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something new is in the queue, or room in the window.
    news: Notify,
    counters: DownlinkCounters,
}

impl Downlink {
    /// Starts the client on the current tokio runtime, if the configuration wants it; it connects by itself, and ends
    /// with `stopped`.
    #[must_use]
    pub fn start(
        broker: &config::Mqtt,
        counters: DownlinkCounters,
        stopped: watch::Receiver<bool>,
    ) -> (Downlink, Option<JoinHandle<()>>) {
        if !broker.downlink {
            return (Downlink::off(), None);
        }
        let shared = Arc::new(Shared { queue: Mutex::default(), news: Notify::new(), counters });
        let client = Client { broker: broker.clone(), shared: Arc::clone(&shared), stopped };
        (Downlink { shared: Some(shared) }, Some(tokio::spawn(client.run())))
    }

    /// Tells nobody anything.
    #[must_use]
    pub fn off() -> Downlink {
        Downlink { shared: None }
    }

    /// Takes what gateways are to know of one step. Never waits for the broker; what finds no room is counted.
    pub fn tell(&self, effects: &Effects, view: Option<&View>) {
        let Some(shared) = &self.shared else { return };
        let changes = || {
            effects.business.iter().filter_map(|business| match business {
                Business::Alarm(change) => Some(change.as_ref()),
                _ => None,
            })
        };
        if effects.receipts.is_empty() && changes().next().is_none() {
            return;
        }
        let mut queue = shared.queue();
        let mut dropped = 0_u64;
        for receipt in &effects.receipts {
            let topic = topic::of_gateway(&receipt.enterprise, &receipt.gateway, topic::RECEIPT);
            dropped = dropped.saturating_add(queue.receipt(topic, receipt.seq));
        }
        for warning in changes().filter_map(words::warning) {
            dropped = dropped.saturating_add(warn(&mut queue, view, &warning));
        }
        shared.note(&queue, dropped);
        drop(queue);
        shared.news.notify_one();
    }

    /// Tells every alarm that is open at a start as it stands: what waited here when the run before ended is gone.
    pub fn tell_open<'a>(&self, open: impl Iterator<Item = &'a Alarm>, at: Micros, view: Option<&View>) {
        let Some(shared) = &self.shared else { return };
        let mut queue = shared.queue();
        let mut dropped = 0_u64;
        for change in open.map(|alarm| alarm.restate(at)) {
            let warning = words::standing(&change);
            dropped = dropped.saturating_add(warning.map_or(0, |warning| warn(&mut queue, view, &warning)));
        }
        shared.note(&queue, dropped);
        drop(queue);
        shared.news.notify_one();
    }
}

/// One warning for each gateway of its enterprise. Gives how many were dropped for it.
fn warn(queue: &mut Queue, view: Option<&View>, (enterprise, payload): &(&str, Bytes)) -> u64 {
    let gateways = view.and_then(|view| view.enterprise(enterprise)).map_or(&[][..], |found| &found.gateways);
    let topics = gateways.iter().map(|gateway| topic::of_gateway(enterprise, &gateway.id, topic::WARNING));
    topics.fold(0, |dropped, topic| dropped.saturating_add(queue.warning(topic, payload.clone())))
}

impl Shared {
    /// Held for some operations in memory only, by the loop and by the client.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, unconfirmed: Vec<Message>) {
        let mut queue = self.queue();
        let dropped = queue.put_back(unconfirmed);
        self.note(&queue, dropped);
    }

    fn note(&self, queue: &Queue, dropped: u64) {
        self.counters.waiting.set(i64::try_from(queue.waiting()).unwrap_or(i64::MAX));
        self.counters.dropped.inc_by(dropped);
    }
}

/// The life of the client: one connection after another.
struct Client {
    broker: config::Mqtt,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
}

/// What the task that polls a connection knows of it.
struct Wire {
    window: Mutex<Window>,
    up: watch::Sender<bool>,
    shared: Arc<Shared>,
}

enum End {
    Broken(String),
    Stopped,
}

impl Client {
    async fn run(mut self) {
        let mut back_off = BACK_OFF_MIN;
        let mut is_known_down = false;
        loop {
            // A new client each time: a clean session forgets what it sent, so we remember what was not confirmed.
            let (client, events) = AsyncClient::new(self.options(), WINDOW.saturating_add(1));
            let (up, is_up) = watch::channel(false);
            let wire = Arc::new(Wire { window: Mutex::default(), up, shared: Arc::clone(&self.shared) });
            // Polled in a task of its own and never raced.
            let polling = tokio::spawn(Arc::clone(&wire).poll(events));
            let end = self.converse(&client, &wire, polling).await;
            self.shared.take_back(wire.window().drain());
            self.shared.counters.connected.set(0);
            let End::Broken(reason) = end else { return };
            self.shared.counters.disconnects.inc();
            let was_up = *is_up.borrow();
            if was_up || !is_known_down {
                tracing::warn!(reason, "no way to tell gateways anything, trying again");
            }
            is_known_down = true;
            back_off = if was_up { BACK_OFF_MIN } else { back_off };
            tokio::select! {
                biased;
                () = is_stopped(&mut self.stopped) => return,
                () = sleep(back_off) => {}
            }
            back_off = back_off.saturating_mul(2).min(BACK_OFF_MAX);
        }
    }

    /// One connection, from hello to its end.
    async fn converse(&self, client: &AsyncClient, wire: &Wire, mut polling: JoinHandle<String>) -> End {
        let mut stopped = self.stopped.clone();
        let mut is_up = wire.up.subscribe();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                ended = &mut polling => {
                    return End::Broken(ended.unwrap_or_else(|error| format!("the client failed: {error}")));
                }
                () = is_stopped(&mut stopped) => {
                    self.shared.queue().beat();
                    // Where there is nobody to tell it is not waited for; receipts come again with the next messages.
                    let leaving = self.leave(client, wire);
                    if *is_up.borrow_and_update() && timeout(FAREWELL, leaving).await.is_err() {
                        tracing::debug!("the broker did not take the last words to gateways in time");
                    }
                    polling.abort();
                    return End::Stopped;
                }
                changed = is_up.changed() => {
                    if changed.is_ok() {
                        self.shared.counters.connected.set(1);
                        self.pump(client, wire);
                    }
                }
                _ = beat.tick() => {
                    self.shared.queue().beat();
                    self.pump(client, wire);
                }
                () = self.shared.news.notified() => self.pump(client, wire),
            }
        }
    }

    /// Sends what waits, then says farewell.
    async fn leave(&self, client: &AsyncClient, wire: &Wire) {
        loop {
            self.pump(client, wire);
            if wire.window().is_empty() {
                break;
            }
            self.shared.news.notified().await;
        }
        // Nobody is left to hear an error.
        client.disconnect().await.ok();
    }

    /// Hands over as much as there is room for. Without a connection everything stays in the queue, which is bounded.
    fn pump(&self, client: &AsyncClient, wire: &Wire) {
        if !*wire.up.borrow() {
            return;
        }
        let mut queue = self.shared.queue();
        let mut window = wire.window();
        while window.has_room()
            && let Some(message) = queue.take()
        {
            let payload = match &message.payload {
                Payload::Receipt(seq) => words::receipt(*seq),
                Payload::Warning(json) => json.clone(),
            };
            let topic = message.topic.clone();
            window.gave(message);
            // Its queue holds a whole window; if it is gone, so is the connection, and the window goes back.
            if let Err(error) = client.try_publish(topic, QoS::AtLeastOnce, false, payload) {
                tracing::debug!(%error, "not handed over");
            }
        }
        self.shared.note(&queue, 0);
    }

    fn options(&self) -> MqttOptions {
        let broker = &self.broker;
        let mut options = MqttOptions::new(broker.downlink_client_id.clone(), broker.host.clone(), broker.port);
        options.set_keep_alive(Duration::from_secs(broker.keep_alive_s.into()));
        options.set_clean_start(true);
        options.set_outgoing_inflight_upper_limit(WINDOW as u16);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        options
    }
}

impl Wire {
    fn window(&self) -> MutexGuard<'_, Window> {
        // Nothing panics while it is held.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the connection ends; says why.
    async fn poll(self: Arc<Wire>, mut events: EventLoop) -> String {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    self.up.send_replace(true);
                }
                // Id 0 is QoS 0, which is never sent here.
                Ok(Event::Outgoing(Outgoing::Publish(id @ 1..))) => self.window().went_out(id),
                Ok(Event::Incoming(Packet::PubAck(answer))) => self.confirmed(answer.pkid, answer.reason),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    fn confirmed(&self, id: u16, reason: PubAckReason) {
        let Some(Message { payload, topic }) = self.window().confirmed(id) else { return };
        let counters = &self.shared.counters;
        match (reason, payload) {
            // Nobody listens: a gateway that is away, or one without a buffer.
            (PubAckReason::Success | PubAckReason::NoMatchingSubscribers, Payload::Receipt(_)) => {
                counters.receipts.inc()
            }
            (PubAckReason::Success | PubAckReason::NoMatchingSubscribers, Payload::Warning(_)) => {
                counters.warnings.inc()
            }
            (reason, _) => {
                counters.refused.inc();
                tracing::debug!(?reason, topic, "the broker refuses a message to a gateway");
            }
        }
        self.shared.news.notify_one();
    }
}

/// Returns when told to stop, or when nobody is left who could tell.
async fn is_stopped(stopped: &mut watch::Receiver<bool>) {
    stopped.wait_for(|stopped| *stopped).await.ok();
}
