//! A rule set: every rule that may judge, loaded from packs as one version, and the words the packs may use.
//! Must not know points or state; loading is all or nothing, with every mistake told at once. Pure.

pub use crate::mistake::{LoadError, Span};
use crate::registry::Registry;
use crate::rule::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// One rule pack as text; `file` is only used to name it in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: String,
    pub text: String,
}

/// Checked rules in the order of their packs. A rule is known elsewhere by its index in `rules`.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

/// What a pack may name: taken from the registry, so that a typo cannot make a rule that never fires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Tag type id to canonical unit.
    pub tag_types: BTreeMap<String, String>,
    pub sectors: BTreeSet<String>,
}

impl RuleSet {
    /// Parses, checks and compiles all packs together.
    ///
    /// # Errors
    /// Every mistake found in any pack, in the order of files and lines. One mistake refuses the whole set.
    pub fn load(sources: &[Source], known: &Vocabulary) -> Result<RuleSet, Vec<LoadError>> {
        crate::load::load(sources, known).map(|rules| RuleSet { rules })
    }

    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    #[must_use]
    pub fn rule(&self, number: usize) -> Option<&Rule> {
        self.rules.get(number)
    }
}

impl Vocabulary {
    #[must_use]
    pub fn of(registry: &Registry) -> Vocabulary {
        Vocabulary {
            tag_types: registry.tag_types.iter().map(|tag| (tag.id.clone(), tag.unit.clone())).collect(),
            sectors: registry.sectors.iter().map(|sector| sector.id.clone()).collect(),
        }
    }
}
