//! How an order of a person reaches the engine. Must not know HTTP or the journal. Pure.

use crate::inbox::{InboxError, InboxSender};
use alerting::command::{Command, Outcome};
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::oneshot;

/// Takes commands into the journal.
pub trait CommandDoor: Send + Sync {
    /// Never waits. The receiver gets the outcome once the command is durable and judged; if the sender is dropped,
    /// it was not taken.
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Outcome>, Closed>;
}

/// The door is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The inbox is full: again in a moment.
    Busy,
    /// Davy is stopping.
    Stopping,
}

/// What a person may do when database and journal do not belong together. The running process does it.
pub trait RecoveryDoor: Send + Sync {
    /// What the database says of itself, and whether and why the projection is refused.
    fn survey(&self) -> BoxFuture<'_, Result<Value, String>>;
    /// The remedy for the refusal; what was done, or why not.
    fn adopt(&self) -> BoxFuture<'_, Result<Value, String>>;
}

impl CommandDoor for InboxSender {
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Outcome>, Closed> {
        self.command(command).map_err(|e| match e {
            InboxError::Full => Closed::Busy,
            InboxError::Closed => Closed::Stopping,
        })
    }
}
