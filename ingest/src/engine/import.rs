//! A registry or a rule set that people brought comes into force while Davy runs: its bytes are stored first, then the
//! order and the activation are one record, with no delivery in it. What comes after is decoded and judged under it. I/O.

use super::fold::later;
use super::{Engine, FoldError};
use crate::delivery::{ContentKind, ContentRef, Record};
use crate::disk::Disk;
use crate::hub::Versions;
use crate::inbox::{Brought, Import, Imported};
use alerting::command::{Command, Order};
use alerting::input::Input;
use alerting::rulebook::two_people;
use tokio::sync::oneshot;

impl<D: Disk> Engine<D> {
    /// Without room for it the answer is dropped: nothing was taken, and the same may be tried again. Whether the key was
    /// answered before, and whether two people stand under it, is looked at here, before anything is journalled: then the
    /// order alone is, and the fold says what it says of it.
    pub(super) fn import(&mut self, import: Import, answer: oneshot::Sender<Imported>) -> Result<(), FoldError> {
        let Import { command, base, brought } = import;
        let kind = brought.kind();
        let versions = self.fold.state().versions();
        let in_force = match kind {
            ContentKind::Registry => versions.registry.clone(),
            ContentKind::Rules => versions.rules.clone(),
            ContentKind::Limits => versions.limits.clone(),
        };
        let in_force = in_force.unwrap_or_default();
        let is_new = !self.fold.state().has_answered(&command.key);
        if is_new && in_force != base {
            // Somebody who no longer waits asks again.
            answer.send(Imported::Stale).ok();
            return Ok(());
        }
        // What still waits was received before now: no delay may end before it has been heard.
        let now = if self.inbox.waiting() > 0 { self.fold.last_now() } else { self.now() };
        let activates = is_new && brought.version() != in_force && is_signed(&command);
        let mut record = Record { now, inputs: vec![Input::Command(command)] };
        if activates {
            let stored = match brought {
                Brought::Bytes(kind, content) => later(self.fold.store_content(kind, &content))?,
                Brought::Stored(kind, hash) => Some(ContentRef { kind, hash }),
            };
            let Some(stored) = stored else { return Ok(()) };
            // What does not load must not be journalled: no start could replay it.
            if let Err(error) = self.fold.content(&stored) {
                answer.send(Imported::Unreadable(error.to_string())).ok();
                return Ok(());
            }
            tracing::info!(kind = ?stored.kind, version = stored.hash, "brought into force by order");
            record.inputs.push(Input::Activate(stored));
        }
        let Some(kept) = self.keep(&record)? else { return Ok(()) };
        let effects = self.think(kept, &record)?;
        let state = self.fold.state();
        self.hub.activate(state.view().cloned(), Versions::of(state.versions()));
        self.tell(kept, &record, &effects);
        if let Some(outcome) = effects.outcomes.first() {
            // Somebody who no longer waits asks what is in force.
            answer.send(Imported::Answered(outcome.clone())).ok();
        }
        self.project(kept, effects)
    }
}

/// Rules come into force by the word of two people; the fold refuses the order otherwise.
fn is_signed(command: &Command) -> bool {
    match &command.order {
        Order::ActivateRules { approved_by, .. } | Order::RollbackRules { approved_by, .. } => {
            two_people(&command.by, approved_by).is_ok()
        }
        _ => true,
    }
}
