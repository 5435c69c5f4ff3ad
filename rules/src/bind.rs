//! Rules tied to the points of one registry version: which reading wakes which rule, with which limits. What `binder`
//! makes. Must not know state or time. Pure.

use crate::reading::{PointId, SECOND_US, Severity};
use crate::registry::{LimitName, Limits};
use crate::view::PointKey;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use crate::binder::bind;

/// Every rule on every object it watches, for one rule set and one registry version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binding {
    pub instances: Vec<Instance>,
    /// By point number: the instances its readings wake.
    pub by_point: Vec<Vec<u32>>,
    /// Where a rule would apply but cannot.
    pub skipped: Vec<SkippedPoint>,
    /// Limits of points that were weaker than the rule's ceiling and do not stand: the ceiling is used.
    pub weak_limits: Vec<WeakLimit>,
}

/// One rule on one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Index in `RuleSet::rules`.
    pub rule: usize,
    pub object: ObjectKey,
    /// The points whose readings wake it, in the order of their numbers. One, unless the object is wider than a point.
    pub trigger_points: Vec<PointId>,
    /// Resolved: the point's own, else the rule's default; never weaker than the ceiling.
    pub limits: Limits,
    /// The limit shown with an alarm.
    pub limit: Option<f64>,
    /// Parallel to `tag_names`.
    pub tags: Vec<Option<PointId>>,
    /// The distinct tag types that `when` and `clear` read, sorted.
    pub tag_names: Arc<[String]>,
    /// What the registry says of the object, parallel to `Rule::facts`.
    pub facts: Vec<f64>,
    /// The points whose past is asked for, parallel to `Rule::pasts`.
    pub pasts: Vec<Vec<PointId>>,
    /// The limits of those points, parallel to them, where a function compares with limits; empty for the others.
    pub over_limits: Vec<Vec<f64>>,
    /// The points that lie around, parallel to `Rule::arounds`, each with what its value is divided by.
    pub arounds: Vec<Vec<(PointId, f64)>>,
    /// Absence rules only: silent for so long is a breach.
    pub absence_after_us: Option<i64>,
    pub severity: Severity,
    pub delay_on_us: i64,
    pub delay_off_us: i64,
    /// NaN where the object is wider than a point: such rules read tags only.
    pub range_lo: f64,
    pub range_hi: f64,
    /// Of its point; of an absence rule on equipment the longest of its points.
    pub period_us: Option<i64>,
    /// So long the silence of its points says that nothing has changed; without end if one of them only speaks of
    /// changes. Microseconds.
    pub silence_max_us: i64,
    pub dead_band: f64,
}

/// How long a point that speaks every `period_us` may be silent before its silence means something (DESIGN 3). One
/// without a period speaks only when something changes: its silence never means anything.
#[must_use]
pub fn patience_us(period_us: Option<i64>) -> i64 {
    period_us.map_or(i64::MAX, |period_us| period_us.saturating_mul(3).max(120 * SECOND_US))
}

/// The object an alarm stands on, by names, so that it outlives registry versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ObjectKey {
    Point(PointKey),
    Equipment {
        enterprise: String,
        equipment: String,
    },
    Enterprise(String),
    /// A system alarm, by its code.
    System(String),
}

/// A point, equipment or enterprise a rule was meant for and does not watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPoint {
    /// Rule id.
    pub rule: String,
    /// The point that would have woken it.
    pub point: PointKey,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WeakLimit {
    pub rule: String,
    pub point: PointKey,
    pub limit: LimitName,
    pub asked: f64,
    pub used: f64,
}

impl ObjectKey {
    /// The enterprise it belongs to; `None` for Davy's own alarms.
    #[must_use]
    pub fn enterprise(&self) -> Option<&str> {
        match self {
            ObjectKey::Point(key) => Some(&key.enterprise),
            ObjectKey::Equipment { enterprise, .. } | ObjectKey::Enterprise(enterprise) => Some(enterprise),
            ObjectKey::System(_) => None,
        }
    }
}

impl Instance {
    /// Whether only good readings end the silence that it watches for: somebody has to vouch for a whole source.
    #[must_use]
    pub fn hears_good_only(&self) -> bool {
        self.absence_after_us.is_some() && !matches!(self.object, ObjectKey::Point(_))
    }

    /// The limits of the points that function number `at` of `Rule::pasts` compares with limits.
    #[must_use]
    pub fn limits_of(&self, at: usize) -> &[f64] {
        self.over_limits.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    /// The point behind `tag("…")` on this object.
    #[must_use]
    pub fn tag_point(&self, tag: &str) -> Option<PointId> {
        let at = self.tag_names.iter().position(|name| name == tag)?;
        self.tags.get(at).copied().flatten()
    }
}
