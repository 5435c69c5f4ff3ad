//! A registry that people brought comes into force while Davy runs: its bytes are stored first, then the order and the
//! activation are one record, with no delivery in it. What comes after is decoded under the new one. I/O.

use super::fold::later;
use super::{Engine, FoldError};
use crate::delivery::{ContentKind, Record};
use crate::disk::Disk;
use crate::hub::Versions;
use crate::inbox::{Import, Imported};
use alerting::input::Input;
use tokio::sync::oneshot;

impl<D: Disk> Engine<D> {
    /// Without room for it the answer is dropped: nothing was taken, and the same may be tried again. Whether the key was
    /// answered before is looked at here, before anything is journalled: then the order alone is, and the fold says what it
    /// said.
    pub(super) fn import(&mut self, import: Import, answer: oneshot::Sender<Imported>) -> Result<(), FoldError> {
        let Import { command, base, content } = import;
        let in_force = self.fold.state().versions().registry.clone().unwrap_or_default();
        let is_new = !self.fold.state().has_answered(&command.key);
        if is_new && in_force != base {
            // Somebody who no longer waits asks again.
            answer.send(Imported::Stale).ok();
            return Ok(());
        }
        // What still waits was received before now: no delay may end before it has been heard.
        let now = if self.inbox.waiting() > 0 { self.fold.last_now() } else { self.now() };
        let mut record = Record { now, inputs: vec![Input::Command(command)] };
        if is_new && blake3::hash(&content).to_hex().as_str() != in_force {
            let Some(stored) = later(self.fold.store_content(ContentKind::Registry, &content))? else { return Ok(()) };
            tracing::info!(version = stored.hash, "a registry was imported");
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
