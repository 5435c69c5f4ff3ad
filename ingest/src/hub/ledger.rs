//! The hazard ledger and the newest filed figures, for everybody who only looks. Must not know how a lead comes about.
//! Pure.

use alerting::effect::{Business, Effects};
use alerting::figures::FigureFiled;
use alerting::hazard::{Hazard, HazardId, HazardState};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hazards that nobody has judged are few; those not founded go first when there are more.
const HAZARDS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub struct Ledger {
    hazards: BTreeMap<HazardId, Arc<Hazard>>,
    figures: BTreeMap<u16, FigureFiled>,
}

impl Ledger {
    /// As the fold knows it at the start.
    #[must_use]
    pub fn begin(hazards: Vec<Hazard>, figures: Vec<FigureFiled>) -> Ledger {
        Ledger {
            hazards: hazards.into_iter().map(|hazard| (hazard.id, Arc::new(hazard))).collect(),
            figures: figures.into_iter().map(|figure| (figure.row, figure)).collect(),
        }
    }

    /// What of a step bears on it; apart from the lock, because copies are made.
    #[must_use]
    pub fn of_step(effects: &Effects) -> Vec<Business> {
        let is_ours = |effect: &&Business| matches!(effect, Business::Hazard(_) | Business::Figure(_));
        effects.business.iter().filter(is_ours).cloned().collect()
    }

    /// Takes over what a step said.
    pub fn publish(&mut self, said: Vec<Business>) {
        for effect in said {
            match effect {
                Business::Hazard(change) => drop(self.hazards.insert(change.hazard.id, Arc::new(change.hazard))),
                Business::Figure(figure) => drop(self.figures.insert(figure.row, *figure)),
                _ => {}
            }
        }
        while self.hazards.len() > HAZARDS_MAX {
            let unfounded = self.hazards.values().find(|hazard| hazard.state == HazardState::NotFounded);
            let Some(id) = unfounded.or(self.hazards.values().next()).map(|hazard| hazard.id) else { return };
            self.hazards.remove(&id);
        }
    }

    /// Newest first.
    #[must_use]
    pub fn hazards(&self) -> Vec<Arc<Hazard>> {
        self.hazards.values().rev().cloned().collect()
    }

    #[must_use]
    pub fn hazard(&self, id: HazardId) -> Option<Arc<Hazard>> {
        self.hazards.get(&id).cloned()
    }

    /// How many there are: leads, major, general, not founded.
    #[must_use]
    pub fn counts(&self) -> [u64; 4] {
        let mut counts = [0_u64; 4];
        for hazard in self.hazards.values() {
            let at = match hazard.state {
                HazardState::Lead => 0,
                HazardState::Major => 1,
                HazardState::General => 2,
                HazardState::NotFounded => 3,
            };
            if let Some(count) = counts.get_mut(at) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }

    /// The newest figure of a row of the task list.
    #[must_use]
    pub fn figure(&self, row: u16) -> Option<FigureFiled> {
        self.figures.get(&row).cloned()
    }
}
