//! A broker as Davy may meet it: keeps what gateways publish until it is acknowledged, redelivers after a lost
//! connection, mixes topics. In memory, deterministic. Pure.

use crate::plant::Said;
use std::collections::VecDeque;

/// A message as a gateway handed it over.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    /// What the gateway meant by it; `None` for what nobody can read.
    pub said: Option<Vec<Said>>,
}

#[derive(Debug, Default)]
pub struct Broker {
    waiting: VecDeque<(u64, Message)>,
    in_flight: Vec<(u64, Message)>,
    delivered_before: Vec<u64>,
    next_id: u64,
    connected: bool,
    /// Messages that may be on the way at once (receive maximum).
    window: usize,
}

/// A message on its way to Davy. `id` is what an acknowledgement names; ids of an older connection are dead.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    pub id: u64,
    pub message: Message,
    pub redelivered: bool,
}

impl Broker {
    pub fn new(window: usize) -> Broker {
        Broker { window, ..Broker::default() }
    }

    pub fn publish(&mut self, message: Message) {
        self.waiting.push_back((self.next_id, message));
        self.next_id += 1;
    }

    pub fn connect(&mut self) {
        self.connected = true;
    }

    /// The connection is gone: what was not acknowledged waits again, before everything else.
    pub fn disconnect(&mut self) {
        self.connected = false;
        for lost in self.in_flight.drain(..).rev() {
            self.delivered_before.push(lost.0);
            self.waiting.push_front(lost);
        }
    }

    /// Up to `most` messages. With `mix` the first two change places when their topics differ: brokers keep the order
    /// within a topic only.
    pub fn deliver(&mut self, most: usize, mix: bool) -> Vec<Delivered> {
        let mut out = Vec::new();
        if !self.connected {
            return out;
        }
        let differ = self.waiting.len() > 1 && self.waiting[0].1.topic != self.waiting[1].1.topic;
        if mix && differ {
            self.waiting.swap(0, 1);
        }
        while out.len() < most && self.in_flight.len() < self.window {
            let Some((id, message)) = self.waiting.pop_front() else { break };
            let redelivered = self.delivered_before.contains(&id);
            self.in_flight.push((id, message.clone()));
            out.push(Delivered { id, message, redelivered });
        }
        out
    }

    /// PUBACK. Unknown ids (of an older connection) do nothing.
    pub fn acknowledge(&mut self, id: u64) {
        if self.connected {
            self.in_flight.retain(|(known, _)| *known != id);
        }
    }

    pub fn is_drained(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }
}
