//! The committed seed district as the fold has it in force: every figure is taken on the registry and the rules that a
//! newcomer starts with. A seed file with a mistake stops the bench. I/O: reads `seeds/`.

use alerting::input::{Batch, Content, FoldLimits, Input};
use alerting::state::State;
use ingest::seeds;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use rules::set::{RuleSet, Vocabulary};
use rules::view::View;
use std::path::Path;
use std::sync::Arc;

/// 2026-11-24T00:00:00Z: when the measured district begins.
pub const START: Micros = Micros(1_795_478_400 * SECOND_US);

pub struct District {
    pub registry: Arc<Registry>,
    pub rules: Arc<RuleSet>,
}

impl District {
    /// Reads and checks `seeds/`.
    ///
    /// # Panics
    /// With every mistake found: a figure taken on half a district is none.
    #[must_use]
    pub fn load() -> District {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds");
        let registry = loaded(seeds::load(&dir));
        let sources = loaded(seeds::rules(&dir.join("rules")));
        let rules = loaded(RuleSet::load(&sources, &Vocabulary::of(&registry)));
        District { registry: Arc::new(registry), rules: Arc::new(rules) }
    }

    /// A fold after its first record, which is what `davy serve` journals on an empty data directory.
    #[must_use]
    pub fn in_force(&self) -> State {
        let named = |name: &str| name.to_owned();
        let inputs = vec![
            Input::Genesis { journal_id: named("bench"), alarm_id_base: 0 },
            Input::Engine { version: alerting::ENGINE_VERSION },
            Input::Activate(Content::Limits {
                version: named("limits"),
                limits: Arc::new(FoldLimits::of_rules_alone()),
            }),
            Input::Activate(Content::Registry { version: named("registry"), registry: Arc::clone(&self.registry) }),
            Input::Activate(Content::Rules { version: named("rules"), rules: Arc::clone(&self.rules) }),
        ];
        let mut state = State::new();
        state.step(1, &Batch { now: START, inputs });
        state
    }
}

/// The numbered points of a fold that has a registry in force.
///
/// # Panics
/// Before `District::in_force` has activated one.
#[must_use]
pub fn view_of(state: &State) -> Arc<View> {
    match state.view() {
        Some(view) => Arc::clone(view),
        None => panic!("no registry is in force"),
    }
}

fn loaded<T, E: ToString>(result: Result<T, Vec<E>>) -> T {
    result.unwrap_or_else(|errors| panic!("the seed district has mistakes:\n{}", seeds::lines(&errors)))
}
