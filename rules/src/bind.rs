//! Rules tied to the points of one registry version: which reading wakes which rule, with which limits.
//! Must not know state or time. Pure.

use crate::absence::{Silence, least_age_ms};
use crate::bounds::is_weaker;
use crate::reading::{PointId, SECOND_US, Severity};
use crate::registry::{Enterprise, LimitName, Limits, Point};
use crate::rule::{Column, Kind, Per, Rule};
use crate::set::RuleSet;
use crate::view::{PointKey, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Absence rules only: silent for so long is a breach.
    pub absence_after_us: Option<i64>,
    pub severity: Severity,
    pub delay_on_us: i64,
    pub delay_off_us: i64,
    /// NaN where the object is wider than a point: such rules read tags only.
    pub range_lo: f64,
    pub range_hi: f64,
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
    /// The point behind `tag("…")` on this object.
    #[must_use]
    pub fn tag_point(&self, tag: &str) -> Option<PointId> {
        let at = self.tag_names.iter().position(|name| name == tag)?;
        self.tags.get(at).copied().flatten()
    }
}

/// Ties every rule of `set` to the points of `view`. Deterministic: rules in their order, objects in registry order.
#[must_use]
pub fn bind(set: &RuleSet, view: &View) -> Binding {
    let plants: Vec<Plant> = view.registry().enterprises.iter().map(|enterprise| plant(enterprise, view)).collect();
    let mut binder = Binder { out: Binding::default(), ages: BTreeMap::new() };
    binder.out.by_point.resize(view.point_end(), Vec::new());
    for (number, rule) in set.rules().iter().enumerate() {
        let bound = Bound { number, rule, tag_names: rule.tag_names().into() };
        for plant in &plants {
            if rule.sector.as_ref().is_none_or(|sector| plant.enterprise.sectors.contains(sector)) {
                binder.plant(&bound, plant);
            }
        }
    }
    binder.out
}

/// An enterprise with the numbers of its points, equipment by equipment.
struct Plant<'a> {
    enterprise: &'a Enterprise,
    equipment: Vec<(&'a str, Vec<Site<'a>>)>,
}

#[derive(Clone, Copy)]
struct Site<'a> {
    id: PointId,
    point: &'a Point,
}

/// A rule with what is the same for all its instances.
struct Bound<'a> {
    number: usize,
    rule: &'a Rule,
    tag_names: Arc<[String]>,
}

/// A point, its name, and all points of its equipment, itself included.
struct Spot<'a> {
    key: PointKey,
    site: Site<'a>,
    beside: &'a [Site<'a>],
}

/// Rule, period, and the bits of the four limits: all that an absence age depends on.
type AgeKey = (usize, i64, [Option<u64>; 4]);

struct Binder {
    out: Binding,
    /// Absence ages found already: most points share them.
    ages: BTreeMap<AgeKey, Result<i64, String>>,
}

fn plant<'a>(enterprise: &'a Enterprise, view: &View) -> Plant<'a> {
    let site = |point: &'a Point| view.find(&enterprise.id, &point.id).map(|id| Site { id, point });
    let equipment = enterprise.equipment.iter();
    let equipment = equipment.map(|each| (each.id.as_str(), each.points.iter().filter_map(site).collect())).collect();
    Plant { enterprise, equipment }
}

impl Bound<'_> {
    fn watches(&self, site: &Site) -> bool {
        self.rule.on.is_empty() || self.rule.on.contains(&site.point.tag)
    }

    /// The points behind `tag_names` among `sites`, or which of them is missing or ambiguous.
    fn tags(&self, sites: &[Site]) -> Result<Vec<Option<PointId>>, String> {
        let find = |name: &String| {
            let mut found = sites.iter().filter(|site| site.point.tag == *name);
            match (found.next(), found.next()) {
                (Some(site), None) => Ok(Some(site.id)),
                (None, _) => Err(format!("there is no point of tag type `{name}` beside it")),
                (Some(one), Some(other)) => {
                    let (one, other) = (&one.point.id, &other.point.id);
                    Err(format!("`{one}` and `{other}` are both of tag type `{name}`"))
                }
            }
        };
        self.tag_names.iter().map(find).collect()
    }

    /// The limits that the rule cannot do without.
    fn needed_limits(&self) -> impl Iterator<Item = LimitName> + '_ {
        let read = self.rule.columns().filter_map(|column| match column {
            Column::Limit(name) => Some(*name),
            _ => None,
        });
        read.chain(self.rule.limit)
    }
}

impl Binder {
    fn plant(&mut self, bound: &Bound, plant: &Plant) {
        let enterprise = &plant.enterprise.id;
        match bound.rule.per {
            Per::Point => {
                for (_, sites) in &plant.equipment {
                    for site in sites.iter().filter(|site| bound.watches(site)) {
                        let key = PointKey { enterprise: enterprise.clone(), point: site.point.id.clone() };
                        self.on_point(bound, Spot { key, site: *site, beside: sites });
                    }
                }
            }
            Per::Equipment => {
                for (equipment, sites) in &plant.equipment {
                    let (enterprise, equipment) = (enterprise.clone(), (*equipment).to_owned());
                    self.on_many(bound, ObjectKey::Equipment { enterprise, equipment }, sites);
                }
            }
            Per::Enterprise => {
                let sites: Vec<Site> = plant.equipment.iter().flat_map(|(_, sites)| sites.iter().copied()).collect();
                self.on_many(bound, ObjectKey::Enterprise(enterprise.clone()), &sites);
            }
        }
    }

    fn on_point(&mut self, bound: &Bound, spot: Spot) {
        let (rule, point) = (bound.rule, spot.site.point);
        // An event point is silent while all is well.
        if rule.kind == Kind::Absence && point.period_s.is_none() {
            return;
        }
        let limits = self.limits(bound, &spot);
        let (tags, absence_after_us) = match self.fitted(bound, &spot, &limits) {
            Ok(fitted) => fitted,
            Err(reason) => return self.skip(bound, spot.key, reason),
        };
        let own = rule.by_tag.get(&point.tag).copied().unwrap_or_default();
        self.push(Instance {
            rule: bound.number,
            object: ObjectKey::Point(spot.key),
            trigger_points: vec![spot.site.id],
            limit: rule.limit.and_then(|name| limits.get(name)),
            limits,
            tags,
            tag_names: Arc::clone(&bound.tag_names),
            absence_after_us,
            severity: own.severity.unwrap_or(rule.severity),
            delay_on_us: own.delay_on_us.unwrap_or(rule.delay_on_us),
            delay_off_us: own.delay_off_us.unwrap_or(rule.delay_off_us),
            range_lo: point.range_lo,
            range_hi: point.range_hi,
            period_us: point.period_us(),
            silence_max_us: patience_us(point.period_us()),
            dead_band: point.dead_band,
        });
    }

    /// The tags and the absence age of a rule on a point, or why the rule cannot watch it.
    fn fitted(
        &mut self,
        bound: &Bound,
        spot: &Spot,
        limits: &Limits,
    ) -> Result<(Vec<Option<PointId>>, Option<i64>), String> {
        let (point, tags) = (spot.site.point, bound.tags(spot.beside)?);
        if let Some(name) = bound.needed_limits().find(|name| limits.get(*name).is_none()) {
            return Err(format!("the point has no limit {}, and the rule gives no default", name.name()));
        }
        if bound.rule.reads(&Column::Period) && point.period_s.is_none() {
            return Err("the point has no period".to_owned());
        }
        let absence = match bound.rule.kind {
            Kind::Reading => None,
            Kind::Absence => Some(self.absence_after_us(bound, point, limits)?),
        };
        Ok((tags, absence))
    }

    fn absence_after_us(&mut self, bound: &Bound, point: &Point, limits: &Limits) -> Result<i64, String> {
        let bits = LimitName::ALL.map(|name| limits.get(name).map(f64::to_bits));
        let period_us = point.period_us().unwrap_or(0);
        let found = self.ages.entry((bound.number, period_us, bits)).or_insert_with(|| {
            let period_s = point.period_s.map_or(f64::NAN, f64::from);
            let least = least_age_ms(&bound.rule.when, &Silence { period_s, limits: *limits });
            least.map(|ms| ms.saturating_mul(1_000)).map_err(|reason| format!("its absence condition {reason}"))
        });
        found.clone()
    }

    /// The point's own limits, else the rule's; a limit of the point that is weaker than the ceiling does not stand.
    fn limits(&mut self, bound: &Bound, spot: &Spot) -> Limits {
        let mut limits = Limits::default();
        for name in LimitName::ALL {
            let own = spot.site.point.limits.get(name).filter(|limit| limit.is_finite());
            let mut limit = own.or(bound.rule.limits.get(name));
            if let (Some(asked), Some(used)) = (own, bound.rule.ceiling.get(name))
                && is_weaker(name, asked, used)
            {
                let (rule, point) = (bound.rule.id.clone(), spot.key.clone());
                self.out.weak_limits.push(WeakLimit { rule, point, limit: name, asked, used });
                limit = Some(used);
            }
            limits.set(name, limit);
        }
        limits
    }

    /// A rule on equipment or an enterprise: one instance for all its points together.
    fn on_many(&mut self, bound: &Bound, object: ObjectKey, sites: &[Site]) {
        let triggers: Vec<&Site> = sites.iter().filter(|site| bound.watches(site)).collect();
        let Some(first) = triggers.first() else { return };
        let tags = match bound.tags(sites) {
            Ok(tags) => tags,
            Err(reason) => {
                let enterprise = object.enterprise().unwrap_or_default().to_owned();
                return self.skip(bound, PointKey { enterprise, point: first.point.id.clone() }, reason);
            }
        };
        let mut trigger_points: Vec<PointId> = triggers.iter().map(|site| site.id).collect();
        trigger_points.sort_unstable();
        let patience = triggers.iter().map(|site| patience_us(site.point.period_us()));
        let silence_max_us = patience.max().unwrap_or(i64::MAX);
        let rule = bound.rule;
        self.push(Instance {
            rule: bound.number,
            object,
            trigger_points,
            limits: Limits::default(),
            limit: None,
            tags,
            tag_names: Arc::clone(&bound.tag_names),
            absence_after_us: None,
            severity: rule.severity,
            delay_on_us: rule.delay_on_us,
            delay_off_us: rule.delay_off_us,
            range_lo: f64::NAN,
            range_hi: f64::NAN,
            period_us: None,
            silence_max_us,
            dead_band: 0.0,
        });
    }

    fn skip(&mut self, bound: &Bound, point: PointKey, reason: String) {
        self.out.skipped.push(SkippedPoint { rule: bound.rule.id.clone(), point, reason });
    }

    fn push(&mut self, instance: Instance) {
        // Saturating is never reached: so many instances do not fit into memory.
        let number = u32::try_from(self.out.instances.len()).unwrap_or(u32::MAX);
        for point in &instance.trigger_points {
            if let Some(woken) = self.out.by_point.get_mut(point.index()) {
                woken.push(number);
            }
        }
        self.out.instances.push(instance);
    }
}
