//! One connection of the simulated district: sends what is due when it is due, keeps what the broker has not confirmed,
//! and sends it again after a lost connection. I/O.

use super::Counts;
use super::fleet::{Fleet, Message};
use super::record::Confirmed;
use super::schedule::Due;
use crate::clock::Clock;
use rules::reading::{Micros, SECOND_US};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PubAck, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, Outgoing};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub struct Player {
    pub host: String,
    pub port: u16,
    pub clock: Clock,
    pub begun: Micros,
    pub counts: Arc<Counts>,
    pub record: Option<mpsc::Sender<Confirmed>>,
    pub stop: watch::Receiver<bool>,
}

/// Messages under way without confirmation: what a busy gateway keeps.
const WINDOW: usize = 1_000;
/// Events of the event loop that wait for us; it may wait.
const EVENTS_MAX: usize = 1_024;
/// After so long without a broker a gateway gives up what it should have sent.
const BEHIND_MAX_US: i64 = 60 * SECOND_US;
const BACK_OFF: Duration = Duration::from_millis(500);
/// So long the end waits for the last confirmations.
const LAST_WORDS: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(1);

/// One connection's messages: handed over, on the wire under a packet id, each in the order in which they were made.
#[derive(Default)]
struct Window {
    handed: VecDeque<(u64, Message)>,
    wired: BTreeMap<u16, (u64, Message)>,
    /// From an earlier connection, to be sent first.
    again: VecDeque<Message>,
    order: u64,
}

enum Ended {
    Broken,
    Finished,
}

impl Player {
    /// Plays the fleet until it is told to stop.
    pub async fn play(mut self, mut fleet: Fleet) {
        let mut window = Window::default();
        loop {
            // Room for a whole window, for what one moment may bring, and for hello and goodbye.
            let room = WINDOW.saturating_add(16).saturating_add(fleet.plants.len().saturating_mul(2));
            let (client, events) = AsyncClient::new(self.options(&fleet), room);
            let (told, mut telling) = mpsc::channel(EVENTS_MAX);
            // Polled in a task of its own and never raced; it ends with its connection, or when we let go.
            let polling = tokio::spawn(poll(events, told));
            let ended = self.converse(&client, &mut telling, &mut fleet, &mut window).await;
            farewell(&client, polling).await;
            if matches!(ended, Ended::Finished) || *self.stop.borrow() {
                break;
            }
            window.rewind();
            // Said once for all connections; the progress line counts the rest.
            if self.counts.reconnects.fetch_add(1, Ordering::Relaxed) == 0 {
                eprintln!("simulate: no connection to the broker at {}:{}, trying again", self.host, self.port);
            }
            tokio::time::sleep(BACK_OFF).await;
        }
        self.add(&self.counts.unanswered, window.len() as u64);
    }

    /// One connection, from hello to its end.
    async fn converse(
        &mut self,
        client: &AsyncClient,
        events: &mut mpsc::Receiver<Event>,
        fleet: &mut Fleet,
        window: &mut Window,
    ) -> Ended {
        let mut stop = self.stop.clone();
        let mut next = None;
        for message in fleet.hello() {
            self.hand_over(client, window, message);
        }
        loop {
            while let Some(message) = window.again.pop_front() {
                self.hand_over(client, window, message);
            }
            if next.is_none() && window.len() < WINDOW {
                next = self.next_due(fleet);
            }
            let wait = next.map_or(Duration::MAX, |(at, _)| self.clock.until(self.begun.plus(at)));
            tokio::select! {
                biased;
                () = is_stopped(&mut stop) => {
                    for message in fleet.goodbye() {
                        self.hand_over(client, window, message);
                    }
                    return self.last_words(events, window).await;
                }
                event = events.recv() => match event {
                    Some(event) => self.on_event(event, window).await,
                    None => return Ended::Broken,
                },
                () = tokio::time::sleep(wait), if next.is_some() => {
                    let Some((at, due)) = next.take() else { continue };
                    for message in fleet.messages(at, due, self.begun.0 / 1_000) {
                        if !message.retain {
                            self.add(&self.counts.messages, 1);
                            self.add(&self.counts.readings, message.readings);
                        }
                        self.hand_over(client, window, message);
                    }
                }
            }
        }
    }

    /// What is due next. What is due since too long was never sent.
    fn next_due(&self, fleet: &mut Fleet) -> Option<(i64, Due)> {
        loop {
            let (at, due) = fleet.schedule.next()?;
            let is_reading = !matches!(due, Due::Strike { .. });
            if !is_reading || self.clock.now().since(self.begun.plus(at)) <= BEHIND_MAX_US {
                return Some((at, due));
            }
            self.add(&self.counts.skipped, 1);
        }
    }

    fn hand_over(&self, client: &AsyncClient, window: &mut Window, message: Message) {
        let (topic, payload, retain) = (message.topic.clone(), message.payload.clone(), message.retain);
        window.order = window.order.saturating_add(1);
        window.handed.push_back((window.order, message));
        // The queue of the client holds a whole window; if it is gone, the window is sent again on the next one.
        if let Err(error) = client.try_publish(topic, QoS::AtLeastOnce, retain, payload) {
            tracing::debug!(%error, "not handed over");
        }
    }

    async fn on_event(&self, event: Event, window: &mut Window) {
        match event {
            // Id 0 is QoS 0, which is never sent here.
            Event::Outgoing(Outgoing::Publish(id @ 1..)) => {
                if let Some(message) = window.handed.pop_front() {
                    window.wired.insert(id, message);
                }
            }
            Event::Incoming(Packet::PubAck(PubAck { pkid, reason, .. })) => {
                let Some((_, message)) = window.wired.remove(&pkid) else { return };
                if message.retain {
                    return;
                }
                if !matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) {
                    self.add(&self.counts.refused, 1);
                    return;
                }
                self.add(&self.counts.accepted, 1);
                self.add(&self.counts.accepted_readings, message.readings);
                if let Some(record) = &self.record
                    && record.send(Confirmed::new(&message.topic, &message.payload)).await.is_err()
                {
                    tracing::warn!("the log is not written any more");
                }
            }
            _ => {}
        }
    }

    /// Nothing new is sent; what is under way may still be confirmed.
    async fn last_words(&self, events: &mut mpsc::Receiver<Event>, window: &mut Window) -> Ended {
        let listening = async {
            while window.len() > 0 {
                let Some(event) = events.recv().await else { return };
                self.on_event(event, window).await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, listening).await.is_err() {
            tracing::warn!("the broker did not confirm everything in time");
        }
        Ended::Finished
    }

    fn add(&self, count: &AtomicU64, by: u64) {
        count.fetch_add(by, Ordering::Relaxed);
    }

    fn options(&self, fleet: &Fleet) -> MqttOptions {
        let id = format!("davy-simulate-{}-{}", std::process::id(), fleet.number);
        let mut options = MqttOptions::new(id, self.host.clone(), self.port);
        options.set_keep_alive(Duration::from_secs(15));
        options.set_outgoing_inflight_upper_limit(WINDOW as u16);
        options.set_max_packet_size(Some(4 << 20));
        // A connection has one last will. Where gateways share it, that of the first; with a connection each, each has
        // its own.
        if let Some(Message { topic, payload, .. }) = fleet.goodbye().into_iter().next() {
            options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, true, None));
        }
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        options
    }
}

impl Window {
    fn len(&self) -> usize {
        self.handed.len().saturating_add(self.wired.len()).saturating_add(self.again.len())
    }

    /// The connection is gone: everything unconfirmed is sent again, in its old order.
    fn rewind(&mut self) {
        let wired = std::mem::take(&mut self.wired).into_values();
        let mut all: Vec<(u64, Message)> = wired.chain(self.handed.drain(..)).collect();
        all.sort_by_key(|(order, _)| *order);
        // What a gateway says of itself it says anew on every connection.
        let kept = all.into_iter().map(|(_, message)| message).filter(|message| !message.retain);
        let again = kept.chain(self.again.drain(..)).collect();
        self.again = again;
    }
}

/// Tells what happens on the connection until it ends or nobody listens.
async fn poll(mut events: EventLoop, told: mpsc::Sender<Event>) {
    loop {
        match events.poll().await {
            Ok(event) => {
                if told.send(event).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "simulated connection ended");
                return;
            }
        }
    }
}

/// Returns when told to stop, or when nobody is left who could tell.
async fn is_stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// Leaves politely where there is still somebody, then ends the connection for certain.
async fn farewell(client: &AsyncClient, mut polling: JoinHandle<()>) {
    if client.try_disconnect().is_ok() && tokio::time::timeout(FAREWELL, &mut polling).await.is_ok() {
        return;
    }
    polling.abort();
    if let Err(error) = polling.await
        && !error.is_cancelled()
    {
        tracing::warn!(%error, "a simulated connection failed");
    }
}
