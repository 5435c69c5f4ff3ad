//! One MQTT message as it arrived and as it is journalled: raw bytes, evidence. Must not know formats. Pure.

use bytes::Bytes;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Davy's clock when the message came off the socket.
    pub received: Micros,
    pub topic: String,
    pub payload: Bytes,
    /// MQTT DUP: the broker may have delivered it before.
    pub redelivered: bool,
}

/// Content named by its hash; the bytes lie in the journal's blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRef {
    pub kind: ContentKind,
    /// BLAKE3 of the canonical bytes, hex.
    pub hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentKind {
    Registry,
    Rules,
    Limits,
}

impl ContentKind {
    /// The kind as the fold names it.
    #[must_use]
    pub fn parse(name: &str) -> Option<ContentKind> {
        match name {
            "registry" => Some(ContentKind::Registry),
            "rules" => Some(ContentKind::Rules),
            "limits" => Some(ContentKind::Limits),
            _ => None,
        }
    }
}

/// What the journal holds.
pub type Record = alerting::input::Batch<Delivery, ContentRef>;
/// What the fold is given.
pub type Step = alerting::input::Batch<alerting::input::Decoded, alerting::input::Content>;
