//! How every gateway stands: copies of what the fold knows, touched where a step brought something. Must not know how
//! completeness is reckoned. Pure.

use alerting::gateway::{GatewayKey, GatewayState};
use std::collections::BTreeMap;

/// There are no more than gateways in all registries this journal has seen, since the decoder refuses others.
#[derive(Debug, Default)]
pub struct Gateways(BTreeMap<GatewayKey, GatewayState>);

impl Gateways {
    #[must_use]
    pub fn from_states(states: Vec<(GatewayKey, GatewayState)>) -> Gateways {
        Gateways(states.into_iter().collect())
    }

    pub fn touch(&mut self, states: Vec<(GatewayKey, GatewayState)>) {
        self.0.extend(states);
    }

    #[must_use]
    pub fn get(&self, key: &GatewayKey) -> Option<GatewayState> {
        self.0.get(key).cloned()
    }

    /// Numbered messages of all gateways: received, missing.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |(received, missing), state| {
            (received.saturating_add(state.seq.received), missing.saturating_add(state.seq.missing))
        })
    }
}
