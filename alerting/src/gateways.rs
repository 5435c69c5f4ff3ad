//! What the fold remembers of each gateway: its numbering, its status, and how far its clock is off. Must not know
//! readings. Pure.

use crate::device_clock::{DeviceClock, Skew};
use crate::gateway::{GatewayKey, GatewayState, GatewayStatus};
use crate::state::State;
use crate::system::{CLOCK_SKEW, GATEWAY_OFFLINE, Notice};
use rules::reading::{Micros, SECOND_US, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gateways {
    known: BTreeMap<GatewayKey, Gateway>,
    /// Those that the step at work has changed.
    #[serde(skip)]
    touched: BTreeSet<GatewayKey>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Gateway {
    state: GatewayState,
    clock: DeviceClock,
}

/// One message as its gateway's books see it.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub received: Micros,
    pub seq: Option<u64>,
    /// The newest device time in it.
    pub newest: Option<Micros>,
    /// A reading of it was live by its device's own clock.
    pub live: bool,
    /// How late its newest live reading was, where that says something about the clock.
    pub lag_us: Option<i64>,
    /// A reading of it was read with a shifted clock.
    pub shifted: bool,
    pub status: Option<GatewayStatus>,
}

impl Gateways {
    /// What a gateway's clock is off by; 0 while nobody knows.
    #[must_use]
    pub fn offset_us(&self, key: &GatewayKey) -> i64 {
        self.known.get(key).map_or(0, |gateway| gateway.clock.offset_us())
    }

    /// Enters a message. Says what it changed about the clock.
    pub fn hear(&mut self, key: &GatewayKey, heard: &Heard) -> Skew {
        if !self.touched.contains(key) {
            self.touched.insert(key.clone());
        }
        if !self.known.contains_key(key) {
            self.known.insert(key.clone(), Gateway::default());
        }
        let Some(gateway) = self.known.get_mut(key) else { return Skew::Same };
        gateway.state.last_received = gateway.state.last_received.max(heard.received);
        if let Some(seq) = heard.seq {
            gateway.state.seq.take(seq, heard.newest, heard.received);
        }
        if let Some(status) = heard.status {
            gateway.state.status = Some((status, heard.received));
        }
        if heard.live {
            gateway.clock.live(heard.received);
        }
        if heard.shifted {
            return gateway.clock.distrust();
        }
        let Some(lag_us) = heard.lag_us else { return Skew::Same };
        let skew = gateway.clock.hear(lag_us);
        gateway.state.offset_us = Some(gateway.clock.offset_us());
        skew
    }

    /// What a gateway last said of itself.
    #[must_use]
    pub fn status(&self, key: &GatewayKey) -> Option<GatewayStatus> {
        self.known.get(key)?.state.status.map(|(status, _)| status)
    }

    /// A point of this gateway was re-anchored, after nothing but history since `since`.
    pub fn anchor(&mut self, key: &GatewayKey, since: Micros) -> Skew {
        self.known.entry(key.clone()).or_default().clock.anchor(since)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&GatewayKey, &GatewayState)> + '_ {
        self.known.iter().map(|(key, gateway)| (key, &gateway.state))
    }

    /// Those heard in the last step.
    pub fn touched(&self) -> impl Iterator<Item = (&GatewayKey, &GatewayState)> + '_ {
        self.touched.iter().filter_map(|key| Some((key, &self.known.get(key)?.state)))
    }

    pub fn begin_step(&mut self) {
        self.touched.clear();
    }
}

/// What people hear of a gateway.
impl State {
    /// A gateway's clock was found to be wrong, or right again.
    pub(crate) fn clock_is(&mut self, gateway: &GatewayKey, skew: Skew, offset_us: i64) {
        if skew == Skew::Gone {
            return self.systems.clear_of(CLOCK_SKEW, gateway, self.now, &mut self.book);
        }
        let offset_s = offset_us / SECOND_US;
        let detail = format!(
            "the clock of gateway {}/{} cannot be followed (median offset {offset_s} s): its points are judged by the time \
             of reception",
            gateway.enterprise, gateway.gateway
        );
        let severity = Severity::Blue;
        let notice = Notice { code: CLOCK_SKEW, gateway: Some(gateway), severity, detail: &detail, at: self.now };
        self.systems.raise(&notice, &mut self.book);
    }

    /// A gateway, or its last will, said so, or it sends again.
    pub(crate) fn gateway_is(&mut self, gateway: &GatewayKey, status: GatewayStatus) {
        if status == GatewayStatus::Online {
            return self.systems.clear_of(GATEWAY_OFFLINE, gateway, self.now, &mut self.book);
        }
        let detail =
            format!("gateway {}/{} is offline: none of its points is watched", gateway.enterprise, gateway.gateway);
        let severity = Severity::Yellow;
        let notice = Notice { code: GATEWAY_OFFLINE, gateway: Some(gateway), severity, detail: &detail, at: self.now };
        self.systems.raise(&notice, &mut self.book);
    }
}
