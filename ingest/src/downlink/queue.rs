//! What waits to be sent to gateways: the newest receipt of each, and warnings in the order they were made. The loop
//! puts in and never waits; what finds no room is counted. Must not know the broker. Pure.

use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// Warnings that wait while the broker is away, about 500 bytes each: 5 MB. A page or a phone has said by then what
/// more there was; a gateway that comes back after a flood wants the newest.
pub const WARNINGS_MAX: usize = 10_000;
/// Receipts that wait, one a gateway: ten times the gateways of a city.
pub const RECEIPTS_MAX: usize = 100_000;

/// One message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Everything up to this `seq` of the gateway is durable.
    Receipt(u64),
    Warning(Bytes),
}

#[derive(Debug, Default)]
pub struct Queue {
    /// By topic; they wait for the next beat, and a newer one takes the place of an older one.
    fresh: BTreeMap<String, u64>,
    /// May go now.
    due: BTreeMap<String, u64>,
    warnings: VecDeque<Message>,
}

impl Queue {
    /// Takes a receipt. Gives how many were dropped for it.
    pub fn receipt(&mut self, topic: String, seq: u64) -> u64 {
        if self.fresh.len() >= RECEIPTS_MAX && !self.fresh.contains_key(&topic) {
            return 1;
        }
        self.fresh.insert(topic, seq);
        0
    }

    /// Takes a warning. Gives how many were dropped for it: the oldest.
    pub fn warning(&mut self, topic: String, payload: Bytes) -> u64 {
        self.warnings.push_back(Message { topic, payload: Payload::Warning(payload) });
        self.cut()
    }

    /// The beat by which receipts are paced: those that came since the last one may go.
    pub fn beat(&mut self) {
        self.due.append(&mut self.fresh);
    }

    /// The next to send: warnings first.
    pub fn take(&mut self) -> Option<Message> {
        let warning = self.warnings.pop_front();
        warning.or_else(|| {
            let (topic, seq) = self.due.pop_first()?;
            Some(Message { topic, payload: Payload::Receipt(seq) })
        })
    }

    /// What was sent and never confirmed, in its order: it goes first again. Gives how many were dropped for it.
    pub fn put_back(&mut self, unconfirmed: Vec<Message>) -> u64 {
        for message in unconfirmed.into_iter().rev() {
            match message.payload {
                // One that came later says more.
                Payload::Receipt(seq) => {
                    self.due.entry(message.topic).or_insert(seq);
                }
                Payload::Warning(_) => self.warnings.push_front(message),
            }
        }
        self.cut()
    }

    #[must_use]
    pub fn waiting(&self) -> usize {
        self.fresh.len().saturating_add(self.due.len()).saturating_add(self.warnings.len())
    }

    fn cut(&mut self) -> u64 {
        let beyond = self.warnings.len().saturating_sub(WARNINGS_MAX);
        self.warnings.drain(..beyond);
        beyond as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(n: usize) -> Message {
        Message { topic: "w".to_owned(), payload: Payload::Warning(Bytes::from(n.to_string())) }
    }

    fn all(queue: &mut Queue) -> Vec<Message> {
        std::iter::from_fn(|| queue.take()).collect()
    }

    #[test]
    fn the_newest_receipt_of_a_gateway_waits_for_the_beat() {
        let mut queue = Queue::default();
        for seq in [1, 2, 9] {
            assert_eq!(queue.receipt("a".to_owned(), seq), 0);
        }
        queue.receipt("b".to_owned(), 4);
        assert_eq!((queue.take(), queue.waiting()), (None, 2));
        queue.beat();
        let receipt = |topic: &str, seq| Message { topic: topic.to_owned(), payload: Payload::Receipt(seq) };
        assert_eq!(queue.take(), Some(receipt("a", 9)));
        // A counter that began anew is the newest word too.
        queue.receipt("b".to_owned(), 1);
        queue.beat();
        assert_eq!(all(&mut queue), [receipt("b", 1)]);
    }

    #[test]
    fn warnings_keep_their_order_and_come_first() {
        let mut queue = Queue::default();
        queue.receipt("a".to_owned(), 1);
        queue.beat();
        for n in 0..3 {
            queue.warning("w".to_owned(), Bytes::from(n.to_string()));
        }
        let sent: Vec<Message> = (0..4).filter_map(|_| queue.take()).collect();
        assert_eq!(sent[..3], [warning(0), warning(1), warning(2)]);
        queue.warning("w".to_owned(), Bytes::from("3"));
        queue.receipt("a".to_owned(), 2);
        queue.beat();
        assert_eq!(queue.put_back(sent), 0);
        let again = all(&mut queue);
        assert_eq!(again[..4], [warning(0), warning(1), warning(2), warning(3)]);
        assert_eq!(again[4..], [Message { topic: "a".to_owned(), payload: Payload::Receipt(2) }], "the newer receipt");
    }

    #[test]
    fn the_oldest_warnings_make_room_and_are_counted() {
        let mut queue = Queue::default();
        let dropped: u64 = (0..WARNINGS_MAX + 7).map(|n| queue.warning("w".to_owned(), n.to_string().into())).sum();
        assert_eq!((dropped, queue.waiting()), (7, WARNINGS_MAX));
        assert_eq!(queue.take(), Some(warning(7)));
        assert_eq!(queue.put_back(vec![warning(5), warning(6), warning(7)]), 2);
        assert_eq!(queue.take(), Some(warning(7)));
        let refused: u64 = (0..RECEIPTS_MAX + 3).map(|n| queue.receipt(n.to_string(), 1)).sum();
        assert_eq!(refused, 3);
        assert_eq!(queue.receipt("5".to_owned(), 2), 0, "one that waits is renewed");
    }
}
