//! What the way back to the gateways counts; `telemetry` makes and shows it. Pure.

use prometheus::{IntCounter, IntGauge};

/// Clones count together.
#[derive(Clone, Debug)]
pub struct DownlinkCounters {
    /// 1 while connected.
    pub connected: IntGauge,
    pub disconnects: IntCounter,
    /// Receipts and warnings that the broker confirmed.
    pub receipts: IntCounter,
    pub warnings: IntCounter,
    /// Messages that the broker confirmed with a refusal.
    pub refused: IntCounter,
    /// Messages that found no room while the broker was away.
    pub dropped: IntCounter,
    /// Messages that wait.
    pub waiting: IntGauge,
}
