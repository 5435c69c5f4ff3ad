//! The two lanes of the inbox as plain data: what is urgent and small, and deliveries in their order. Must not know
//! threads, clocks or locks. Pure.

use super::{AckToken, InboxError, InboxLimits, Item};
use crate::delivery::Delivery;
use alerting::input::{Link, SystemFault};
use std::collections::{BTreeMap, VecDeque};

/// Whether a push is worth waking the engine for. It is not when the engine is awake, or about to wake by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    Engine,
    Nobody,
}

#[derive(Debug)]
pub struct Lanes {
    limits: InboxLimits,
    /// At most two: a link that went down and up again while nobody looked is one gap, not many.
    links: Vec<Link>,
    /// The newest word for each code, and before a word that it is over the untaken one that it began: an alarm that was
    /// raised and cleared while nobody looked is seen. Codes are few and fixed in the program.
    faults: BTreeMap<String, Vec<SystemFault>>,
    /// Commands and recoveries, bounded by `commands_max`, whatever the deliveries do.
    orders: VecDeque<Item>,
    deliveries: VecDeque<(Delivery, AckToken)>,
    delivery_bytes: usize,
    /// Deliveries stay where they are: there is no room to keep them.
    held: bool,
    stop: bool,
    closed: bool,
}

/// What a delivery weighs beyond its payload, about: topic, token, record header.
const OVERHEAD_BYTES: usize = 256;

impl Lanes {
    pub fn new(limits: InboxLimits) -> Lanes {
        Lanes {
            limits,
            links: Vec::new(),
            faults: BTreeMap::new(),
            orders: VecDeque::new(),
            deliveries: VecDeque::new(),
            delivery_bytes: 0,
            held: false,
            stop: false,
            closed: false,
        }
    }

    /// Gives the parcel back with the reason when there is no room for it.
    pub fn push_delivery(&mut self, parcel: (Delivery, AckToken)) -> Result<Wake, ((Delivery, AckToken), InboxError)> {
        if self.closed {
            return Err((parcel, InboxError::Closed));
        }
        let bytes = self.delivery_bytes.saturating_add(weight(&parcel.0));
        // Into an empty lane goes everything, or a message beyond the bound would wait for ever.
        let full = self.deliveries.len() >= self.limits.deliveries_max || bytes > self.limits.delivery_bytes_max;
        if full && !self.deliveries.is_empty() {
            return Err((parcel, InboxError::Full));
        }
        let was_full = self.is_batch_full();
        self.deliveries.push_back(parcel);
        self.delivery_bytes = bytes;
        // The engine sleeps without end only while this lane is empty, and until its pace allows otherwise.
        let wake = self.deliveries.len() == 1 || (!was_full && self.is_batch_full());
        Ok(if wake { Wake::Engine } else { Wake::Nobody })
    }

    pub fn push_order(&mut self, order: Item) -> Result<(), InboxError> {
        if self.closed {
            return Err(InboxError::Closed);
        }
        if self.orders.len() >= self.limits.commands_max {
            return Err(InboxError::Full);
        }
        self.orders.push_back(order);
        Ok(())
    }

    pub fn push_link(&mut self, link: Link) {
        if self.links.last() == Some(&link) {
            return;
        }
        if self.links.len() == 2 {
            // Down, up, and down again before anybody looked: it has been down since the first.
            self.links.pop();
        } else {
            self.links.push(link);
        }
    }

    pub fn push_fault(&mut self, fault: SystemFault) {
        let words = self.faults.entry(fault.code.clone()).or_default();
        match words[..] {
            // It began while nobody looked: that is said before its end.
            [SystemFault { active: true, .. }] if !fault.active => {}
            [_, _] if !fault.active => drop(words.pop()),
            // Begun, over, and begun again before anybody looked: it has stood since the first.
            _ => words.clear(),
        }
        words.push(fault);
    }

    pub fn push_stop(&mut self) {
        self.stop = true;
    }

    pub fn close(&mut self) {
        self.closed = true;
        self.orders.clear();
        self.deliveries.clear();
        self.delivery_bytes = 0;
    }

    pub fn has_deliveries(&self) -> bool {
        !self.held && !self.deliveries.is_empty()
    }

    /// Something waits that is not to wait for company.
    pub fn is_urgent(&self) -> bool {
        self.stop || !self.links.is_empty() || !self.faults.is_empty() || !self.orders.is_empty()
    }

    pub fn is_batch_full(&self) -> bool {
        let many = self.deliveries.len() >= self.limits.batch_items_max;
        !self.held && (many || self.delivery_bytes >= self.limits.batch_bytes_max)
    }

    pub fn len(&self) -> usize {
        self.orders.len().saturating_add(self.deliveries.len())
    }

    /// Everything urgent, then deliveries up to the bounds of a batch, then the stop.
    pub fn take_batch(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = self.links.drain(..).map(Item::Link).collect();
        items.extend(std::mem::take(&mut self.faults).into_values().flatten().map(Item::Fault));
        let room = self.limits.batch_items_max.saturating_sub(items.len());
        let orders = self.orders.len().min(room);
        items.extend(self.orders.drain(..orders));
        let mut bytes = 0usize;
        while !self.held && items.len() < self.limits.batch_items_max && bytes < self.limits.batch_bytes_max {
            let Some((delivery, ack)) = self.deliveries.pop_front() else { break };
            let own = weight(&delivery);
            self.delivery_bytes = self.delivery_bytes.saturating_sub(own);
            // What cannot be acknowledged comes again: taking it now would only make a duplicate.
            if ack.is_current() {
                bytes = bytes.saturating_add(own);
                items.push(Item::Delivery { delivery, ack });
            }
        }
        if std::mem::take(&mut self.stop) {
            items.push(Item::Stop);
        }
        items
    }

    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Deliveries that were taken and could not be kept: in front of the others again, in their order.
    pub fn put_back(&mut self, deliveries: Vec<(Delivery, AckToken)>) {
        for parcel in deliveries.into_iter().rev().filter(|(_, ack)| ack.is_current()) {
            self.delivery_bytes = self.delivery_bytes.saturating_add(weight(&parcel.0));
            self.deliveries.push_front(parcel);
        }
    }

    pub fn forget_stale(&mut self) -> usize {
        let before = self.deliveries.len();
        self.deliveries.retain(|(_, ack)| ack.is_current());
        self.delivery_bytes = self.deliveries.iter().map(|(delivery, _)| weight(delivery)).sum();
        before.saturating_sub(self.deliveries.len())
    }
}

fn weight(delivery: &Delivery) -> usize {
    delivery.payload.len().saturating_add(delivery.topic.len()).saturating_add(OVERHEAD_BYTES)
}
