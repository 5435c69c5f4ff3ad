//! Messages whose readings carry no time of their own: known again by gateway `seq` and payload, for the last few of
//! each gateway. Beyond that window a redelivered message counts twice, and the documents say so. Pure.

use bytes::Bytes;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// A broker redelivers what was not acknowledged: a receive window at most, of which one gateway has a small part.
const MESSAGES_MAX: usize = 256;
/// Gateways that send no time are the exception; the one silent for longest gives way.
const GATEWAYS_MAX: usize = 4_096;

/// The last messages without device times, by topic up to and with the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeliveries {
    gateways: BTreeMap<String, Recent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Recent {
    used: Micros,
    /// Oldest first.
    messages: VecDeque<u64>,
}

/// One message, as far as its identity goes.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub gateway_seq: Option<u64>,
    pub payload: &'a Bytes,
    pub redelivered: bool,
}

impl Redeliveries {
    /// Whether the broker delivered this message before. One that is new is remembered.
    pub fn is_known(&mut self, message: &Message<'_>, at: Micros) -> bool {
        let gateway = message.topic.rsplit_once('/').map_or(message.topic, |(gateway, _format)| gateway);
        let identity = identity_of(message);
        if !self.gateways.contains_key(gateway) {
            self.make_room();
        }
        let recent =
            self.gateways.entry(gateway.to_owned()).or_insert_with(|| Recent { used: at, messages: VecDeque::new() });
        recent.used = recent.used.max(at);
        if message.redelivered && recent.messages.contains(&identity) {
            return true;
        }
        recent.messages.push_back(identity);
        if recent.messages.len() > MESSAGES_MAX {
            recent.messages.pop_front();
        }
        false
    }

    fn make_room(&mut self) {
        if self.gateways.len() < GATEWAYS_MAX {
            return;
        }
        let oldest = self.gateways.iter().min_by_key(|(_, recent)| recent.used).map(|(name, _)| name.clone());
        if let Some(oldest) = oldest {
            self.gateways.remove(&oldest);
        }
    }
}

/// FNV-1a, 64 bit: the same on every machine and in every build, which the standard hasher does not promise. Both
/// `seq` and payload go in: a gateway that restarts its `seq` must not have its new messages taken for old ones.
fn identity_of(message: &Message<'_>) -> u64 {
    let seq = message.gateway_seq.map(u64::to_le_bytes);
    let seq = seq.iter().flatten();
    seq.chain(message.payload.iter())
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(seen: &mut Redeliveries, payload: &'static [u8], redelivered: bool) -> bool {
        let payload = Bytes::from_static(payload);
        let message = Message { topic: "davy/v1/e/g/json", gateway_seq: None, payload: &payload, redelivered };
        seen.is_known(&message, Micros(1))
    }

    #[test]
    fn only_a_redelivery_is_known() {
        let mut seen = Redeliveries::default();
        assert!(!known(&mut seen, b"a", false));
        assert!(!known(&mut seen, b"a", false), "the same payload again is the same state again, and news");
        assert!(known(&mut seen, b"a", true));
        assert!(!known(&mut seen, b"b", true), "a redelivery of what never arrived");
        assert!(known(&mut seen, b"b", true));
    }

    #[test]
    fn windows_and_gateways_are_bounded() {
        let mut seen = Redeliveries::default();
        let payload = Bytes::from_static(b"x");
        for n in 0..300_u64 {
            let message = Message { topic: "t/g/json", gateway_seq: Some(n), payload: &payload, redelivered: false };
            assert!(!seen.is_known(&message, Micros(0)));
        }
        let again = |n| Message { topic: "t/g/json", gateway_seq: Some(n), payload: &payload, redelivered: true };
        assert!(seen.is_known(&again(299), Micros(0)));
        assert!(!seen.is_known(&again(0), Micros(0)), "fell out of the window");
        for n in 0..5_000_i64 {
            let topic = format!("t/g{n}/json");
            let message = Message { topic: &topic, gateway_seq: None, payload: &payload, redelivered: false };
            seen.is_known(&message, Micros(n));
        }
        assert_eq!(seen.gateways.len(), GATEWAYS_MAX);
        assert!(!seen.gateways.contains_key("t/g"), "the longest silent one gave way");
    }
}
