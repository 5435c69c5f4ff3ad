//! The newest messages and readings that were refused, with the beginning of their bytes. Must not know formats. Pure.

use alerting::effect::Business;
use alerting::input::Reject;
use bytes::Bytes;
use rules::reading::Micros;
use std::collections::VecDeque;
use std::sync::Arc;

/// As many as a person reads through; the database has the rest.
pub const KEPT_MAX: usize = 200;
/// Enough to see what a gateway sent. With 200 entries: at most 800 KiB; the whole bytes lie in journal and database.
pub const PAYLOAD_SHOWN_MAX: usize = 4096;

/// One refused message or reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub seq: u64,
    pub index: u32,
    pub received: Micros,
    pub topic: String,
    /// At most `PAYLOAD_SHOWN_MAX` bytes.
    pub payload: Bytes,
    pub payload_len: u64,
    pub reject: Reject,
}

impl Refused {
    /// What a step refused: only its last `KEPT_MAX`, since more would push each other out. Oldest first.
    #[must_use]
    pub fn of_step(seq: u64, business: &[Business]) -> Vec<Arc<Refused>> {
        let mut newest: Vec<Arc<Refused>> = Vec::new();
        for (index, effect) in business.iter().enumerate().rev() {
            let Business::Quarantined(q) = effect else { continue };
            let shown = q.payload.get(..PAYLOAD_SHOWN_MAX).unwrap_or(&q.payload);
            newest.push(Arc::new(Refused {
                seq,
                index: u32::try_from(index).unwrap_or(u32::MAX),
                received: q.received,
                topic: q.topic.clone(),
                // Copied, because a slice would keep the whole message of up to 1 MiB alive.
                payload: Bytes::copy_from_slice(shown),
                payload_len: q.payload.len() as u64,
                reject: q.reject.clone(),
            }));
            if newest.len() == KEPT_MAX {
                break;
            }
        }
        newest.reverse();
        newest
    }
}

#[derive(Debug, Default)]
pub struct Quarantine(VecDeque<Arc<Refused>>);

impl Quarantine {
    pub fn push(&mut self, refused: Vec<Arc<Refused>>) {
        self.0.extend(refused);
        let surplus = self.0.len().saturating_sub(KEPT_MAX);
        self.0.drain(..surplus);
    }

    #[must_use]
    pub fn newest(&self, limit: usize) -> Vec<Arc<Refused>> {
        self.0.iter().rev().take(limit).cloned().collect()
    }
}
