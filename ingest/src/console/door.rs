//! How an order of a person reaches the engine. Must not know HTTP or the journal. Pure.

use crate::inbox::{Import, Imported, InboxError, InboxSender};
use alerting::command::{Command, Outcome, Search};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Takes commands into the journal.
pub trait CommandDoor: Send + Sync {
    /// Never waits. The receiver gets the outcome once the command is durable and judged; if the sender is dropped,
    /// it was not taken.
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Outcome>, Closed>;
}

/// Takes a registry or a rule set that people brought into the journal and into force.
pub trait ImportDoor: Send + Sync {
    /// Never waits. The receiver gets the outcome once it is in force; if the sender is dropped, it was not taken.
    fn import(&self, import: Import) -> Result<oneshot::Receiver<Imported>, Closed>;
}

/// Gives what is stored of a rule set that was in force once, by its content hash.
pub type Packs = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

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

/// What the start made of the seed directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedWord {
    /// Content hash of its registry.
    pub version: String,
    /// It has changed since it was taken last, but rows were imported since: these stay in force.
    pub is_ignored: bool,
    /// Content hash of the rule packs on disk.
    pub rules: String,
    /// They have changed since they were taken last, but another rule set was ordered since: that one stays in force.
    pub rules_ignored: bool,
}

/// Gives what lies in quarantine its second chance, in the background: one at a time.
pub trait ReplayDoor: Send + Sync {
    /// Begins, unless another one is under way (`Err`). The one under way or done last under the same key is not begun
    /// again.
    fn begin(&self, ask: ReplayAsk) -> Result<(), UnderWay>;
    /// How far the newest one is; `None` before the first of this process.
    fn report(&self) -> Option<ReplayReport>;
}

/// Another replay is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayAsk {
    pub key: String,
    pub search: Search,
    /// Counts what would fit and changes nothing.
    pub is_rehearsal: bool,
}

/// What a replay has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    pub key: String,
    pub state: ReplayState,
    /// Why it failed.
    pub error: Option<String>,
    pub dry_run: bool,
    /// Rows of quarantine looked at.
    pub rows: u64,
    /// Rows done with (dry run: that would be), and the readings that came of them.
    pub replayed: u64,
    pub readings: u64,
    /// What still does not fit, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl ReplayReport {
    /// Whether it is about what is asked under this key: a rehearsal is no answer to the order itself.
    #[must_use]
    pub fn answers(&self, key: &str, is_rehearsal: bool) -> bool {
        self.key == key && self.dry_run == is_rehearsal
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    #[default]
    Running,
    Done,
    Failed,
}

impl CommandDoor for InboxSender {
    fn submit(&self, command: Command) -> Result<oneshot::Receiver<Outcome>, Closed> {
        self.command(command).map_err(closed)
    }
}

impl ImportDoor for InboxSender {
    fn import(&self, import: Import) -> Result<oneshot::Receiver<Imported>, Closed> {
        InboxSender::import(self, import).map_err(closed)
    }
}

fn closed(error: InboxError) -> Closed {
    match error {
        InboxError::Full => Closed::Busy,
        InboxError::Closed => Closed::Stopping,
    }
}
