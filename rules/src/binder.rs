//! Makes a binding: every rule of a set on every object of a registry version that it watches, or why not.
//! Must not know state or time. Pure.

use crate::absence::{Silence, least_age_ms};
use crate::beside::{Beside, Site};
use crate::bind::{Binding, Instance, ObjectKey, SkippedPoint, WeakLimit, patience_us};
use crate::bound::{Bound, Plant, Sites, Spot, plant};
use crate::bounds::is_weaker;
use crate::fact::{Fact, Facts};
use crate::over;
use crate::reading::{PointId, SECOND_US};
use crate::registry::{LimitName, Limits};
use crate::rule::{Column, Kind, Per, Times};
use crate::set::RuleSet;
use crate::view::{PointKey, View};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ties every rule of `set` to the points of `view`. Deterministic: rules in their order, objects in registry order.
#[must_use]
pub fn bind(set: &RuleSet, view: &View) -> Binding {
    let plants: Vec<Plant> = view.registry().enterprises.iter().map(|enterprise| plant(enterprise, view)).collect();
    let mut binder = Binder { out: Binding::default(), ages: BTreeMap::new(), weakened: BTreeSet::new() };
    binder.out.by_point.resize(view.point_end(), Vec::new());
    for (number, rule) in set.rules().iter().enumerate() {
        let bound = Bound {
            number,
            rule,
            tag_names: rule.tag_names().into(),
            facts: rule.facts(),
            beside: Beside::new(rule, view),
            view,
        };
        for plant in &plants {
            if rule.sector.as_ref().is_none_or(|sector| plant.enterprise.sectors.contains(sector)) {
                binder.plant(&bound, plant);
            }
        }
    }
    binder.say_weakened(set);
    binder.out
}

/// What a rule needs of an object before it can watch it.
struct Fitted {
    tags: Vec<Option<PointId>>,
    facts: Vec<f64>,
    pasts: Vec<Vec<PointId>>,
    over_limits: Vec<Vec<f64>>,
    arounds: Vec<Vec<(PointId, f64)>>,
    absence_after_us: Option<i64>,
}

/// Rule, period, and the bits of the four limits and of the facts: all that an absence age depends on.
type AgeKey = (usize, i64, [Option<u64>; 4], Vec<u64>);

struct Binder {
    out: Binding,
    /// Absence ages found already: most points share them.
    ages: BTreeMap<AgeKey, Result<i64, String>>,
    /// Points with a limit that lets more pass than it may, or more than it did before people changed it.
    weakened: BTreeSet<PointId>,
}

impl Binder {
    fn plant(&mut self, bound: &Bound, plant: &Plant) {
        let enterprise = plant.enterprise;
        let nothing = Facts { enterprise, equipment: None, point: None, substance: None };
        match bound.rule.per {
            Per::Point => {
                for (equipment, sites) in plant.equipment.iter().filter(|(equipment, _)| bound.is_for(equipment)) {
                    for site in sites.iter().filter(|site| bound.watches(equipment, site)) {
                        let key = PointKey { enterprise: enterprise.id.clone(), point: site.point.id.clone() };
                        let (point, substance) = (site.point, bound.view.registry().substance_of(site.point));
                        let facts = Facts { equipment: Some(equipment), point: Some(point), substance, ..nothing };
                        self.on_point(bound, Spot { key, site: *site, beside: sites, facts });
                    }
                }
            }
            Per::Equipment => {
                for (equipment, sites) in plant.equipment.iter().filter(|(equipment, _)| bound.is_for(equipment)) {
                    let facts = Facts { equipment: Some(equipment), ..nothing };
                    let triggers: Vec<Site> =
                        sites.iter().filter(|site| bound.watches(equipment, site)).copied().collect();
                    let (enterprise, equipment) = (enterprise.id.clone(), equipment.id.clone());
                    let object = ObjectKey::Equipment { enterprise, equipment };
                    self.on_many(bound, object, &Sites { all: sites, triggers: &triggers, facts });
                }
            }
            Per::Enterprise => {
                let (mut all, mut triggers) = (Vec::new(), Vec::new());
                for (equipment, sites) in &plant.equipment {
                    let wakes = |site: &&Site| bound.is_for(equipment) && bound.watches(equipment, site);
                    triggers.extend(sites.iter().filter(wakes).copied());
                    all.extend_from_slice(sites);
                }
                let object = ObjectKey::Enterprise(enterprise.id.clone());
                self.on_many(bound, object, &Sites { all: &all, triggers: &triggers, facts: nothing });
            }
        }
    }

    fn on_point(&mut self, bound: &Bound, spot: Spot) {
        let (rule, point) = (bound.rule, spot.site.point);
        let fitted = self.limits(bound, &spot).and_then(|limits| Ok((limits, self.fitted(bound, &spot, &limits)?)));
        let (limits, fitted) = match fitted {
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
            tags: fitted.tags,
            tag_names: Arc::clone(&bound.tag_names),
            facts: fitted.facts,
            pasts: fitted.pasts,
            over_limits: fitted.over_limits,
            arounds: fitted.arounds,
            absence_after_us: fitted.absence_after_us,
            severity: own.severity.unwrap_or(rule.severity),
            delay_on_us: own.delay_on_us.unwrap_or(rule.delay_on_us),
            delay_off_us: own.delay_off_us.unwrap_or(rule.delay_off_us),
            range_lo: point.range_lo,
            range_hi: point.range_hi,
            period_us: point.period_us(),
            silence_max_us: patience_us(point.period_us().max(rule.slot_us.filter(|_| point.period_s.is_some()))),
            dead_band: point.dead_band,
        });
    }

    /// The tags, facts and the absence age of a rule on a point, or why the rule cannot watch it.
    fn fitted(&mut self, bound: &Bound, spot: &Spot, limits: &Limits) -> Result<Fitted, String> {
        let (point, tags) = (spot.site.point, bound.tags(spot.beside)?);
        if let Some(name) = bound.needed_limits().find(|name| limits.get(*name).is_none()) {
            return Err(format!("the point has no limit {}, and the rule gives no default", name.name()));
        }
        if bound.rule.reads(&Column::Period) && point.period_s.is_none() {
            return Err("the point has no period".to_owned());
        }
        let facts = bound.found_facts(&spot.facts)?;
        let absence_after_us = match bound.rule.kind {
            Kind::Reading => None,
            Kind::Absence => Some(self.absence_after_us(bound, point.period_s, (limits, &facts))?),
        };
        let pasts = bound.beside.pasts(Some(spot.site.id), spot.beside, spot.beside)?;
        let arounds = bound.beside.arounds(&spot.facts, spot.beside)?;
        Ok(Fitted { tags, facts, pasts, over_limits: Vec::new(), arounds, absence_after_us })
    }

    fn absence_after_us(
        &mut self,
        bound: &Bound,
        period_s: Option<u32>,
        (limits, facts): (&Limits, &[f64]),
    ) -> Result<i64, String> {
        let bits = LimitName::ALL.map(|name| limits.get(name).map(f64::to_bits));
        let key =
            (bound.number, period_s.map_or(0, i64::from), bits, facts.iter().map(|fact| fact.to_bits()).collect());
        let found = self.ages.entry(key).or_insert_with(|| {
            let period_s = period_s.map_or(f64::NAN, f64::from);
            let facts: Vec<(Fact, f64)> = bound.facts.iter().cloned().zip(facts.iter().copied()).collect();
            let least = least_age_ms(&bound.rule.when, &Silence { period_s, limits: *limits, facts: &facts });
            least.map(|ms| ms.saturating_mul(1_000)).map_err(|reason| format!("its absence condition {reason}"))
        });
        found.clone()
    }

    /// Whether a point is weakened is known when all rules are bound: only then is it said to those that ask.
    fn say_weakened(&mut self, set: &RuleSet) {
        let asked: Vec<Option<usize>> =
            set.rules().iter().map(|rule| rule.facts().iter().position(|fact| *fact == Fact::Weakened)).collect();
        for instance in &mut self.out.instances {
            let Some(at) = asked.get(instance.rule).copied().flatten() else { continue };
            let is_weakened = instance.trigger_points.iter().any(|point| self.weakened.contains(point));
            if let Some(fact) = instance.facts.get_mut(at) {
                *fact = f64::from(u8::from(is_weakened));
            }
        }
    }

    /// The point's own limits (set by people, else the registry's), else the rule's; a limit of the point that is weaker than the ceiling does not stand.
    /// Limits of the rule may be multiples of what is known of the point: without it, its own must do.
    fn limits(&mut self, bound: &Bound, spot: &Spot) -> Result<Limits, String> {
        let rule = bound.rule;
        let unit = match rule.times {
            None => Ok(1.0),
            Some(Times::Oel) => spot.facts.oel(),
            Some(Times::RatedKw) => spot.facts.rated_kw(),
            Some(Times::RatedA) => spot.facts.rated_a(),
            Some(Times::Mec) => spot.facts.mec(),
        };
        let is_bounded = LimitName::ALL.into_iter().any(|name| rule.ceiling.get(name).is_some());
        let set = bound.view.override_of(spot.site.id);
        let designed = |name| spot.site.point.limits.get(name).filter(|limit: &f64| limit.is_finite());
        let own = |name| set.get(name).or(designed(name));
        if let Err(reason) = &unit
            && (is_bounded || bound.needed_limits().any(|name| own(name).is_none()))
        {
            return Err(reason.clone());
        }
        let mut limits = Limits::default();
        for name in LimitName::ALL {
            let multiple = |limit: Option<f64>| limit.zip(unit.as_ref().ok()).map(|(limit, unit)| limit * unit);
            let default = multiple(rule.limits.get(name));
            if let (Some(set), Some(before)) = (set.get(name), designed(name).or(default))
                && is_weaker(name, set, before)
            {
                self.weakened.insert(spot.site.id);
            }
            let own = own(name);
            let mut limit = own.or(default);
            if let (Some(asked), Some(used)) = (own, multiple(rule.ceiling.get(name)))
                && is_weaker(name, asked, used)
            {
                let (rule, point) = (rule.id.clone(), spot.key.clone());
                self.weakened.insert(spot.site.id);
                self.out.weak_limits.push(WeakLimit { rule, point, limit: name, asked, used });
                limit = Some(used);
            }
            limits.set(name, limit);
        }
        Ok(limits)
    }

    /// A rule on equipment or an enterprise: one instance for all its points together.
    fn on_many(&mut self, bound: &Bound, object: ObjectKey, sites: &Sites) {
        let triggers = sites.triggers;
        let Some(first) = triggers.first() else { return };
        let (rule, longest_s) = (bound.rule, triggers.iter().filter_map(|site| site.point.period_s).max());
        let fitted = match self.fitted_many(bound, sites, longest_s) {
            Ok(fitted) => fitted,
            Err(reason) => {
                let enterprise = object.enterprise().unwrap_or_default().to_owned();
                return self.skip(bound, PointKey { enterprise, point: first.point.id.clone() }, reason);
            }
        };
        let mut trigger_points: Vec<PointId> = triggers.iter().map(|site| site.id).collect();
        trigger_points.sort_unstable();
        let patience = triggers.iter().map(|site| patience_us(site.point.period_us()));
        let silence_max_us = patience.max().unwrap_or(i64::MAX);
        self.push(Instance {
            rule: bound.number,
            object,
            trigger_points,
            limits: Limits::default(),
            limit: None,
            tags: fitted.tags,
            tag_names: Arc::clone(&bound.tag_names),
            facts: fitted.facts,
            pasts: fitted.pasts,
            over_limits: fitted.over_limits,
            arounds: fitted.arounds,
            absence_after_us: fitted.absence_after_us,
            severity: rule.severity,
            delay_on_us: rule.delay_on_us,
            delay_off_us: rule.delay_off_us,
            range_lo: f64::NAN,
            range_hi: f64::NAN,
            period_us: longest_s.filter(|_| rule.kind == Kind::Absence).map(seconds_us),
            silence_max_us,
            dead_band: 0.0,
        });
    }

    fn fitted_many(&mut self, bound: &Bound, sites: &Sites, longest_s: Option<u32>) -> Result<Fitted, String> {
        let (tags, facts) = (bound.tags(sites.all)?, bound.found_facts(&sites.facts)?);
        let absence_after_us = match bound.rule.kind {
            Kind::Reading => None,
            Kind::Absence => Some(self.absence_after_us(bound, longest_s, (&Limits::default(), &facts))?),
        };
        let mut pasts = bound.beside.pasts(None, sites.triggers, sites.all)?;
        let over_limits = self.over_limits(bound, sites, &mut pasts)?;
        let arounds = bound.beside.arounds(&sites.facts, sites.all)?;
        Ok(Fitted { tags, facts, pasts, over_limits, arounds, absence_after_us })
    }

    /// The limits that the points which wake a rule are compared with; those that have none do not count.
    fn over_limits(
        &mut self,
        bound: &Bound,
        sites: &Sites,
        pasts: &mut [Vec<PointId>],
    ) -> Result<Vec<Vec<f64>>, String> {
        if !over::is_asked(bound.beside.asked()) {
            return Ok(Vec::new());
        }
        let enterprise = &sites.facts.enterprise.id;
        let key = |site: &Site| PointKey { enterprise: enterprise.clone(), point: site.point.id.clone() };
        let mut limits = Vec::new();
        for site in sites.triggers {
            let substance = bound.view.registry().substance_of(site.point);
            let facts = Facts { point: Some(site.point), substance, ..sites.facts };
            limits.push(self.limits(bound, &Spot { key: key(site), site: *site, beside: sites.all, facts }));
        }
        let (over_limits, left_out) = over::fit(bound.beside.asked(), sites.triggers, &limits, pasts)?;
        for (site, reason) in left_out {
            self.skip(bound, key(&site), reason);
        }
        Ok(over_limits)
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

fn seconds_us(seconds: u32) -> i64 {
    i64::from(seconds).saturating_mul(SECOND_US)
}
