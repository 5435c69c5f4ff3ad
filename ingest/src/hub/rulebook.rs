//! The rules in force for everybody who only looks: the set, its versions, what people set of it, and where it is out of
//! service. Made anew when any of that changes. Pure.

use super::{Hub, read, write};
use alerting::effect::{Business, Effects};
use alerting::out_of_service::Trouble;
use alerting::rulebook::{Override, Version};
use alerting::state::{SlotKey, State};
use rules::registry::LimitName;
use rules::set::RuleSet;
use rules::view::PointKey;
use std::sync::Arc;

/// More places than anybody reads; the number says how many there are.
const OUT_SHOWN_MAX: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub set: Arc<RuleSet>,
    /// By rule: on so many objects.
    pub watched: Vec<u32>,
    /// The newest last.
    pub versions: Vec<Version>,
    pub overrides: Vec<(PointKey, LimitName, Override)>,
    /// At most 1,000.
    pub out_of_service: Vec<(SlotKey, Trouble)>,
    pub out_of_service_count: usize,
}

impl Hub {
    /// The rules in force, when anything about them changed.
    pub fn load_rules(&self, rules: Rules) {
        *write(&self.rules) = Arc::new(rules);
    }

    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&read(&self.rules))
    }
}

impl Rules {
    /// Whether a step changed which rules judge, or what.
    #[must_use]
    pub fn change_with(effects: &Effects) -> bool {
        let changes = |business: &Business| {
            matches!(
                business,
                Business::RulesActivated { .. } | Business::RuleDecision(_) | Business::Registered { .. }
            )
        };
        effects.business.iter().any(changes)
    }

    #[must_use]
    pub fn of(state: &State) -> Rules {
        let set = Arc::clone(state.rules());
        let mut watched = vec![0_u32; set.rules().len()];
        for instance in &state.binding().instances {
            if let Some(count) = watched.get_mut(instance.rule) {
                *count = count.saturating_add(1);
            }
        }
        let out = || state.out_of_service().iter();
        let book = state.rulebook();
        Rules {
            set,
            watched,
            versions: book.versions().to_vec(),
            overrides: book.overrides().map(|(point, limit, set)| (point.clone(), limit, set.clone())).collect(),
            out_of_service: out().take(OUT_SHOWN_MAX).map(|(key, trouble)| (key.clone(), trouble.clone())).collect(),
            out_of_service_count: out().count(),
        }
    }
}
