//! The one door into the loop: everything that happens waits here, in two lanes, until the engine takes the next
//! batch. Deliveries may wait for room; nothing else ever does. Must not know MQTT, journals or formats. I/O.

mod import;
mod lanes;

use crate::delivery::Delivery;
use alerting::command::{Command, Outcome};
use alerting::input::{Adopted, AdoptedLedger, Link, Replayed, SystemFault};
pub use import::{Brought, Import, Imported};
use lanes::Lanes;
use rules::reading::Micros;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// One thing that happened. The engine turns a batch of them into one record.
#[derive(Debug)]
pub enum Item {
    Link(Link),
    Fault(SystemFault),
    /// Recovery: what the database knew. With a fork the journal goes on under a new name.
    Adopt {
        adopted: Box<Adopted>,
        ledger: Box<AdoptedLedger>,
        fork: Option<String>,
        answer: oneshot::Sender<u64>,
    },
    Command {
        command: Command,
        /// Told once the command is durable and stepped; dropped when it was not taken after all.
        answer: oneshot::Sender<Outcome>,
    },
    Delivery {
        delivery: Delivery,
        ack: AckToken,
    },
    /// Messages out of quarantine: a record of their own.
    Replay {
        messages: Vec<Replayed<Delivery>>,
        /// Dropped when there is no room for them.
        answer: oneshot::Sender<Again>,
    },
    /// A registry or a rule set that people brought: a record of its own.
    Import {
        import: Box<Import>,
        /// Dropped when there is no room for it.
        answer: oneshot::Sender<Imported>,
    },
    /// Stop in order. Always the last item of its batch.
    Stop,
}

/// What came of messages that were read once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// The record that took them in.
    pub seq: u64,
    /// Rows of quarantine that are done with.
    pub rows: u64,
    pub readings: u64,
}

/// Where deliveries come from and where their acknowledgements go back to.
pub trait Origin: Send + Sync {
    /// `false` once the deliveries of this origin can no longer be acknowledged: they will come again.
    fn is_current(&self) -> bool;
    /// Tells the sender that he may forget the delivery `id`. Nothing happens when the origin is not current.
    fn acknowledge(&self, id: u16);
}

/// The right to acknowledge one delivery. Dropped unused, the delivery comes again.
#[must_use]
pub struct AckToken(Option<(Arc<dyn Origin>, u16)>);

/// Bounds of an inbox, and of the batches taken from it.
#[derive(Clone, Copy, Debug)]
pub struct InboxLimits {
    /// Deliveries waiting. At least the broker's window (receive maximum), so that its deliveries always find room.
    pub deliveries_max: usize,
    /// Bytes of deliveries waiting: the window counts messages, memory does not.
    pub delivery_bytes_max: usize,
    /// Commands waiting. A few hundred people cannot have more under way.
    pub commands_max: usize,
    pub batch_items_max: usize,
    /// 128 KiB are some 3,700 readings at fifty a message: about 6 ms of judging with both cores busy, a third of what a verb
    /// may hold the loop, and enough for one fdatasync. It also keeps what a batch allocates small enough to be used again.
    pub batch_bytes_max: usize,
    /// Batches with nothing but deliveries follow each other no faster than this, so that under load one fdatasync
    /// serves many. A delivery that comes after a longer silence does not wait. Microseconds.
    pub batch_pace_us: i64,
}

impl Default for InboxLimits {
    fn default() -> InboxLimits {
        InboxLimits {
            deliveries_max: 4_096,
            delivery_bytes_max: 256 << 20,
            commands_max: 1_024,
            batch_items_max: 4_096,
            batch_bytes_max: 128 << 10,
            batch_pace_us: 10_000,
        }
    }
}

/// The inbox cannot take this now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    #[error("too many commands are waiting")]
    Full,
    #[error("the engine has stopped")]
    Closed,
}

/// The engine's end.
#[derive(Debug)]
pub struct Inbox {
    shared: Arc<Shared>,
    limits: InboxLimits,
    /// When the last batch was closed.
    closed_at: Micros,
}

/// The world's end; clones share one inbox.
#[derive(Clone, Debug)]
pub struct InboxSender {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    lanes: Mutex<Lanes>,
    /// Something arrived that the engine may be waiting for.
    arrived: Condvar,
    /// Deliveries that wait may look again.
    room: Notify,
}

/// Makes the inbox for a broker that sends so many messages ahead of their acknowledgements.
#[must_use]
pub fn channel(receive_maximum: u16) -> (InboxSender, Inbox) {
    inbox(InboxLimits { deliveries_max: usize::from(receive_maximum), ..InboxLimits::default() })
}

/// Makes an inbox.
#[must_use]
pub fn inbox(limits: InboxLimits) -> (InboxSender, Inbox) {
    let shared =
        Arc::new(Shared { lanes: Mutex::new(Lanes::new(limits)), arrived: Condvar::new(), room: Notify::new() });
    (InboxSender { shared: Arc::clone(&shared) }, Inbox { shared, limits, closed_at: Micros::MIN })
}

impl Inbox {
    /// The next batch: waits for the first item until `deadline` (or for ever), then takes what is there. Empty when
    /// the deadline has come. `now` reads the loop's clock, in which `deadline` is given.
    pub fn next(&mut self, deadline: Option<Micros>, now: &dyn Fn() -> Micros) -> Vec<Item> {
        let mut lanes = self.shared.lock();
        let items = loop {
            let at = now();
            let due = deadline.is_some_and(|d| d <= at);
            let opens_at = self.closed_at.plus(self.limits.batch_pace_us);
            let paced = lanes.has_deliveries() && (lanes.is_batch_full() || opens_at <= at);
            if due || paced || lanes.is_urgent() {
                let items = lanes.take_batch();
                // All that was there may have gone stale: then nothing has happened yet.
                if due || !items.is_empty() {
                    break items;
                }
            } else {
                let wake = if lanes.has_deliveries() { Some(earlier(deadline, opens_at)) } else { deadline };
                lanes = self.shared.wait(lanes, wake.map(|w| w.since(at)));
            }
        };
        drop(lanes);
        self.closed_at = now();
        self.shared.room.notify_waiters();
        items
    }

    /// While held, deliveries stay in their lane (bounded as ever: the broker waits), and everything else goes on.
    pub fn hold(&self, held: bool) {
        self.shared.lock().hold(held);
    }

    /// Gives deliveries back that could not be kept; they come first the next time, unless their connection is gone.
    pub fn put_back(&self, deliveries: Vec<(Delivery, AckToken)>) {
        self.shared.lock().put_back(deliveries);
    }

    /// Deliveries and commands waiting now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.lock().len()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shared.lock().close();
        self.shared.room.notify_waiters();
    }
}

impl InboxSender {
    /// Hands over a delivery that will be acknowledged, waiting for room if there is none.
    ///
    /// # Errors
    /// `Closed`: the engine is gone, and with it everybody who could acknowledge.
    pub async fn deliver(&self, delivery: Delivery, ack: AckToken) -> Result<(), InboxError> {
        let mut parcel = (delivery, ack);
        loop {
            // Made before the look, so that room given between the look and the wait is not missed.
            let room = self.shared.room.notified();
            match self.shared.lock().push_delivery(parcel) {
                Ok(wake) => {
                    self.shared.wake(wake);
                    return Ok(());
                }
                Err((_, InboxError::Closed)) => return Err(InboxError::Closed),
                Err((back, InboxError::Full)) => parcel = back,
            }
            room.await;
        }
    }

    /// Hands over a delivery that nobody waits to see acknowledged (QoS 0) and that has no window to hold it back.
    ///
    /// # Errors
    /// `Full`: it is shed, count it. `Closed`: the engine is gone.
    pub fn try_deliver(&self, delivery: Delivery) -> Result<(), InboxError> {
        let wake = self.shared.lock().push_delivery((delivery, AckToken::none())).map_err(|(_, error)| error)?;
        self.shared.wake(wake);
        Ok(())
    }

    /// Hands over an order of a person. The answer comes when it is durable; none comes if the engine stops first.
    ///
    /// # Errors
    /// `Full` or `Closed`: it was not taken and changes nothing.
    pub fn command(&self, command: Command) -> Result<oneshot::Receiver<Outcome>, InboxError> {
        let (answer, receiver) = oneshot::channel();
        self.urgent(|lanes| lanes.push_order(Item::Command { command, answer }))?;
        Ok(receiver)
    }

    /// Hands over what the database knew; answered with the seq of the record that took it in.
    ///
    /// # Errors
    /// `Full` or `Closed`: it was not taken and changes nothing.
    pub fn adopt(
        &self,
        adopted: Box<Adopted>,
        ledger: Box<AdoptedLedger>,
        fork: Option<String>,
    ) -> Result<oneshot::Receiver<u64>, InboxError> {
        let (answer, receiver) = oneshot::channel();
        self.urgent(|lanes| lanes.push_order(Item::Adopt { adopted, ledger, fork, answer }))?;
        Ok(receiver)
    }

    /// Hands over messages out of quarantine; answered when they are durable and stepped.
    ///
    /// # Errors
    /// `Full` or `Closed`: they were not taken and change nothing.
    pub fn replay(&self, messages: Vec<Replayed<Delivery>>) -> Result<oneshot::Receiver<Again>, InboxError> {
        let (answer, receiver) = oneshot::channel();
        self.urgent(|lanes| lanes.push_order(Item::Replay { messages, answer }))?;
        Ok(receiver)
    }

    /// Hands over a registry or a rule set that people brought; answered when it is durable and in force.
    ///
    /// # Errors
    /// `Full` or `Closed`: it was not taken and changes nothing.
    pub fn import(&self, import: Import) -> Result<oneshot::Receiver<Imported>, InboxError> {
        let (answer, receiver) = oneshot::channel();
        self.urgent(|lanes| lanes.push_order(Item::Import { import: Box::new(import), answer }))?;
        Ok(receiver)
    }

    /// Says that the link to the broker came up or went down. Never refused: a flapping link is folded together.
    pub fn link(&self, link: Link) {
        self.urgent(|lanes| lanes.push_link(link));
    }

    /// Says that something of ours broke or mended. Never refused: the newest word for each code stands.
    pub fn fault(&self, fault: SystemFault) {
        self.urgent(|lanes| lanes.push_fault(fault));
    }

    /// Asks the engine to stop after what it has.
    pub fn stop(&self) {
        self.urgent(Lanes::push_stop);
    }

    /// Lets go of waiting deliveries that can no longer be acknowledged, and says how many: they come again.
    pub fn forget_stale(&self) -> usize {
        let forgotten = self.shared.lock().forget_stale();
        self.shared.room.notify_waiters();
        forgotten
    }

    fn urgent<T>(&self, push: impl FnOnce(&mut Lanes) -> T) -> T {
        let result = push(&mut self.shared.lock());
        self.shared.arrived.notify_one();
        result
    }
}

impl AckToken {
    pub fn new(origin: Arc<dyn Origin>, id: u16) -> AckToken {
        AckToken(Some((origin, id)))
    }

    /// For deliveries that nobody waits to see acknowledged.
    pub fn none() -> AckToken {
        AckToken(None)
    }

    /// `false`: not worth keeping, it comes again and cannot be acknowledged here any more.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.as_ref().is_none_or(|(origin, _)| origin.is_current())
    }

    /// The delivery is durable: the sender may forget it.
    pub fn ack(self) {
        if let Some((origin, id)) = self.0 {
            origin.acknowledge(id);
        }
    }
}

impl std::fmt::Debug for AckToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AckToken").field(&self.0.as_ref().map(|(_, id)| *id)).finish()
    }
}

impl Shared {
    // No code panics while it holds the lock; were it to, the lanes would still be whole.
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, lanes: MutexGuard<'a, Lanes>, span_us: Option<i64>) -> MutexGuard<'a, Lanes> {
        let Some(span_us) = span_us else {
            return self.arrived.wait(lanes).unwrap_or_else(PoisonError::into_inner);
        };
        // One more than asked, so that the deadline has come when we wake.
        let span = Duration::from_micros(u64::try_from(span_us).unwrap_or(0).saturating_add(1));
        self.arrived.wait_timeout(lanes, span).unwrap_or_else(PoisonError::into_inner).0
    }

    fn wake(&self, wake: lanes::Wake) {
        if wake == lanes::Wake::Engine {
            self.arrived.notify_one();
        }
    }
}

/// The earlier of the two; no deadline is later than everything.
fn earlier(deadline: Option<Micros>, other: Micros) -> Micros {
    deadline.map_or(other, |own| own.min(other))
}

#[cfg(test)]
mod tests;
