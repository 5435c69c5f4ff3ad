//! What the broker's end counts; `telemetry` makes and shows it. Pure.

use prometheus::{IntCounter, IntGauge};

/// Clones count together.
#[derive(Clone, Debug)]
pub struct MqttCounters {
    /// 1 while subscribed.
    pub connected: IntGauge,
    pub disconnects: IntCounter,
    /// Connections given up because nothing came, not even the answer to a ping.
    pub stalls: IntCounter,
    pub deliveries: IntCounter,
    pub delivery_bytes: IntCounter,
    /// Deliveries marked by the broker as possibly sent before.
    pub redelivered: IntCounter,
    /// QoS 0 messages that found no room.
    pub shed: IntCounter,
    /// Messages that are not for us: our own to gateways, and retained messages being cleared.
    pub ignored: IntCounter,
    pub acks: IntCounter,
    /// Acknowledgements that came after the end of their connection: the message comes again.
    pub acks_late: IntCounter,
    /// `$SYS/broker/publish/messages/dropped` as the broker tells it.
    pub broker_dropped: IntGauge,
}
