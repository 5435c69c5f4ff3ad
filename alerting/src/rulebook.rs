//! What people decided about rules: limits of single points, and which rule set is in force since when and by whose word.
//! Two people stand under each decision. Must not know what a rule says. Pure.

use crate::command::{Actor, Refusal};
use crate::effect::Business;
use crate::in_force::InForce;
use crate::state::State;
use rules::reading::Micros;
use rules::registry::{LimitName, Limits};
use rules::view::{PointKey, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Older versions are in the database.
const VERSIONS_MAX: usize = 100;

/// Who decided, who agreed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub by: String,
    pub approved_by: String,
    pub reason: String,
}

/// A limit that people set for one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Override {
    pub value: f64,
    pub signed: Signed,
    pub at: Micros,
}

/// How a rule set came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// With the district's files, at a start.
    Start,
    Activated,
    RolledBack,
}

/// A rule set that came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Content hash.
    pub version: String,
    pub since: Micros,
    pub how: How,
    /// Nobody's word at a start: the files are.
    pub signed: Option<Signed>,
    pub rules: u32,
}

/// One decision, for the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleDecision {
    pub at: Micros,
    pub signed: Signed,
    pub what: Decided,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Decided {
    /// `to` = `None`: what the registry or the rule says stands again.
    Limit {
        point: PointKey,
        limit: LimitName,
        from: Option<f64>,
        to: Option<f64>,
    },
    Version {
        how: How,
        version: String,
        from: Option<String>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rulebook {
    overrides: BTreeMap<(PointKey, LimitName), Override>,
    /// The newest last.
    versions: Vec<Version>,
    /// Ordered, and comes into force with the very next input.
    #[serde(skip)]
    ordered: Option<(How, Signed)>,
}

impl Rulebook {
    /// Every limit that people set.
    pub fn overrides(&self) -> impl Iterator<Item = (&PointKey, LimitName, &Override)> + '_ {
        self.overrides.iter().map(|((point, limit), set)| (point, *limit, set))
    }

    /// Rule sets as they came into force, the newest last; the same one may stand there more than once.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// What was ordered and did not come is not ordered any more.
    pub(crate) fn forget_order(&mut self) {
        self.ordered = None;
    }

    /// The registry's view with what people set.
    pub(crate) fn over(&self, view: View) -> View {
        view.with_overrides(self.overrides.iter().map(|((point, limit), set)| (point, *limit, set.value)))
    }

    /// What a snapshot must hold.
    pub(crate) fn is_whole(&self) -> bool {
        self.versions.len() <= VERSIONS_MAX && self.overrides.values().all(|set| set.value.is_finite())
    }
}

/// Two people are two names, however they are written.
///
/// # Errors
/// One of them is missing, or both are the same.
pub fn two_people(by: &Actor, approved_by: &str) -> Result<(), Refusal> {
    let plain = |name: &str| name.trim().to_lowercase();
    let (one, other) = (plain(&by.name), plain(approved_by));
    if one.is_empty() || other.is_empty() || one == other { Err(Refusal::SamePerson) } else { Ok(()) }
}

impl State {
    #[must_use]
    pub fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// The limit of a point is set, or (without a value) what stood before stands again.
    pub(crate) fn override_limit(
        &mut self,
        (point, limit): (&PointKey, LimitName),
        value: Option<f64>,
        signed: Signed,
    ) -> Result<(), Refusal> {
        let Some(view) = self.view.clone() else { return Err(Refusal::NotInRegistry) };
        let key = (point.clone(), limit);
        let before = self.rulebook.overrides.get(&key).map(|set| set.value);
        let id = view.find(&point.enterprise, &point.point);
        match (value, id) {
            (None, _) if before.is_none() => return Err(Refusal::NoSuchOverride),
            (Some(_), None) => return Err(Refusal::NotInRegistry),
            (Some(value), _) if !value.is_finite() => return Err(Refusal::BadLimit),
            _ => {}
        }
        let mut next = self.rulebook.clone();
        match value {
            Some(value) => drop(next.overrides.insert(key, Override { value, signed: signed.clone(), at: self.now })),
            None => drop(next.overrides.remove(&key)),
        }
        let view = Arc::new(next.over(self.bare_view(view.registry(), &view.version)));
        if let (Some(id), Some(value)) = (id, value) {
            let own = view.point(id).map(|known| view.own_limits(id, known)).unwrap_or_default();
            if !is_ordered(&own) {
                return Err(Refusal::BadLimit);
            }
            let trial = InForce::new(Arc::clone(&self.in_force.rules), self.in_force.version.clone(), &view);
            let weak = trial.binding.weak_limits.iter();
            let mut weak = weak
                .filter(|weak| weak.point == *point && weak.limit == limit && weak.asked.to_bits() == value.to_bits());
            if let Some(weak) = weak.next() {
                return Err(Refusal::WeakerThanCeiling { rule: weak.rule.clone(), ceiling: weak.used.to_string() });
            }
        }
        self.rulebook = next;
        self.view = Some(view);
        self.rebind();
        let what = Decided::Limit { point: point.clone(), limit, from: before, to: value };
        self.decided(signed, what);
        Ok(())
    }

    /// A rule set is to come into force with the input behind this one.
    pub(crate) fn order_rules(&mut self, how: How, version: &str, signed: Signed) -> Result<(), Refusal> {
        if self.versions.rules.as_deref() == Some(version) {
            return Err(Refusal::InForceAlready);
        }
        self.rulebook.ordered = Some((how, signed));
        Ok(())
    }

    /// A rule set has come into force.
    pub(crate) fn note_version(&mut self, version: &str) {
        let ordered = self.rulebook.ordered.take();
        let how = ordered.as_ref().map_or(How::Start, |(how, _)| *how);
        let signed = ordered.map(|(_, signed)| signed);
        let rules = u32::try_from(self.in_force.rules.rules().len()).unwrap_or(u32::MAX);
        if let Some(signed) = signed.clone() {
            let (version, from) = (version.to_owned(), self.versions.rules.clone());
            self.decided(signed, Decided::Version { how, version, from });
        }
        let versions = &mut self.rulebook.versions;
        versions.push(Version { version: version.to_owned(), since: self.now, how, signed, rules });
        if versions.len() > VERSIONS_MAX {
            versions.remove(0);
        }
    }

    fn decided(&mut self, signed: Signed, what: Decided) {
        self.ledger.push(Business::RuleDecision(Box::new(RuleDecision { at: self.now, signed, what })));
    }
}

/// `ll <= l <= h <= hh`, as far as they are given.
fn is_ordered(limits: &Limits) -> bool {
    let given: Vec<f64> = LimitName::ALL.into_iter().filter_map(|name| limits.get(name)).collect();
    given.is_sorted_by(|low, high| low <= high)
}
