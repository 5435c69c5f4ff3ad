//! Reads one connection to its end: deliveries into the inbox, the broker's word on itself to its watch. Must not know
//! formats; tells only what is ours from what is not. I/O.

use super::broker_watch::{BrokerWatch, subscription};
use super::line::{DROPPED_TOPIC, Line};
use super::{Feed, Phase, Standing, lock};
use crate::decode::topic::{self, Topic};
use crate::delivery::Delivery;
use crate::inbox::{AckToken, InboxError, Origin};
use alerting::input::Link;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Packet, Publish, SubAck, SubscribeReasonCode};
use rumqttc::v5::{Event, EventLoop};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub struct Reader {
    pub line: Arc<Line>,
    pub feed: Feed,
    pub watch: Arc<Mutex<BrokerWatch>>,
    pub phase: watch::Receiver<Phase>,
    pub standing: watch::Sender<Standing>,
}

impl Reader {
    /// Connects and reads until the connection ends, and says why it did. The event loop, with everything that still
    /// waits in it, ends here too.
    pub async fn run(self, mut events: EventLoop) -> String {
        loop {
            if let Err(reason) = self.line.send_waiting() {
                return reason;
            }
            match events.poll().await {
                Ok(Event::Incoming(packet)) => {
                    self.line.saw_packet((self.feed.now)());
                    if let Err(reason) = self.on_packet(packet).await {
                        return reason;
                    }
                }
                Ok(Event::Outgoing(_)) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    async fn on_packet(&self, packet: Packet) -> Result<(), String> {
        match packet {
            Packet::ConnAck(connack) => self.on_connected(&connack),
            Packet::SubAck(suback) => self.on_subscribed(&suback),
            Packet::Publish(publish) => self.on_publish(publish).await,
            // The answer to a ping has done its work by having come; a farewell of the broker ends the poll itself;
            // the rest answers what we never send.
            _ => Ok(()),
        }
    }

    fn on_connected(&self, connack: &ConnAck) -> Result<(), String> {
        let fault = lock(&self.watch).connected(connack.session_present, (self.feed.now)());
        if let Some(fault) = fault {
            tracing::warn!(detail = fault.detail, "the broker has lost our session");
            self.feed.inbox.fault(fault);
        }
        tracing::debug!(session_present = connack.session_present, "connected to the broker");
        if connack.session_present {
            // It sends what it kept for us without waiting for a subscription.
            self.link_is_up();
        }
        // Always: a session may have been kept without its subscriptions.
        self.line.subscribe()
    }

    fn on_subscribed(&self, suback: &SubAck) -> Result<(), String> {
        let granted = |code: Option<&SubscribeReasonCode>| match code {
            Some(SubscribeReasonCode::Success(QoS::AtMostOnce)) => Err("only QoS 0 granted".to_owned()),
            Some(SubscribeReasonCode::Success(_)) => Ok(()),
            Some(code) => Err(format!("{code:?}")),
            None => Err("no answer".to_owned()),
        };
        if let Err(reason) = granted(suback.return_codes.first()) {
            self.feed.inbox.fault(subscription(Some(&reason)));
            return Err(format!("subscription to {} refused: {reason}", topic::FILTER));
        }
        if !matches!(suback.return_codes.get(1), Some(SubscribeReasonCode::Success(_))) {
            tracing::warn!("the broker does not show what it drops: its losses will go unnoticed");
        }
        lock(&self.watch).subscribed();
        self.feed.inbox.fault(subscription(None));
        if self.line.up_since().is_none() {
            self.link_is_up();
        }
        Ok(())
    }

    fn link_is_up(&self) {
        self.line.is_up((self.feed.now)());
        self.feed.counters.connected.set(1);
        self.feed.inbox.link(Link::Up);
        self.standing.send_replace(Standing::Up);
        tracing::info!("broker connection up");
    }

    async fn on_publish(&self, publish: Publish) -> Result<(), String> {
        if publish.topic == DROPPED_TOPIC.as_bytes() {
            self.on_dropped(&publish.payload);
            return Ok(());
        }
        let ack = match publish.qos {
            QoS::AtMostOnce => AckToken::none(),
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                AckToken::new(Arc::clone(&self.line) as Arc<dyn Origin>, publish.pkid)
            }
        };
        // Not UTF-8 no broker lets pass; were one to, the message still must not be lost.
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        let cleared = publish.retain && publish.payload.is_empty();
        if cleared || topic::parse(&topic) == Topic::Outgoing {
            self.feed.counters.ignored.inc();
            ack.ack();
            return Ok(());
        }
        if *self.phase.borrow() != Phase::Running {
            // Left unacknowledged: it comes again when we do.
            return Ok(());
        }
        self.count(&publish);
        let is_acked = publish.qos != QoS::AtMostOnce;
        let delivery =
            Delivery { received: (self.feed.now)(), topic, payload: publish.payload, redelivered: publish.dup };
        let outcome =
            if is_acked { self.feed.inbox.deliver(delivery, ack).await } else { self.feed.inbox.try_deliver(delivery) };
        match outcome {
            Ok(()) => Ok(()),
            Err(InboxError::Full) => {
                self.feed.counters.shed.inc();
                Ok(())
            }
            Err(InboxError::Closed) => Err("the engine has stopped".to_owned()),
        }
    }

    fn count(&self, publish: &Publish) {
        let counters = &self.feed.counters;
        counters.deliveries.inc();
        counters.delivery_bytes.inc_by(publish.payload.len() as u64);
        if publish.dup {
            counters.redelivered.inc();
        }
    }

    fn on_dropped(&self, payload: &[u8]) {
        let text = std::str::from_utf8(payload).unwrap_or_default();
        let Ok(total) = text.trim().parse::<u64>() else {
            tracing::debug!("the broker's count of dropped messages is not a number");
            return;
        };
        self.feed.counters.broker_dropped.set(i64::try_from(total).unwrap_or(i64::MAX));
        let fault = lock(&self.watch).dropped(total, (self.feed.now)());
        if let Some(fault) = fault {
            tracing::warn!(detail = fault.detail, "the broker drops messages");
            self.feed.inbox.fault(fault);
        }
    }
}
