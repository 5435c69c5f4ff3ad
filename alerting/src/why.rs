//! Why an alarm stands: the condition of its rule with every input as it is at this moment, and where its limits come
//! from. Looks only. Must not know who asks. Pure.

use crate::lens::{Lens, Sample};
use crate::state::State;
use crate::surroundings::Surroundings;
use rules::bind::{Instance, ObjectKey};
use rules::reading::{Micros, PointId, SECOND_US};
use rules::registry::LimitName;
use rules::rule::Rule;

/// What a rule says of an object, and by what.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    pub when: String,
    pub clear: Option<String>,
    /// As the conditions write them, those of `when` first; NaN where one is missing.
    pub inputs: Vec<(String, f64)>,
    pub limits: Vec<LimitSaid>,
    pub delay_on_us: i64,
    pub delay_off_us: i64,
    pub count_on: u32,
    pub count_off: u32,
    /// The rule judges means of slots of this length.
    pub slot_us: Option<i64>,
    /// The rule judges silence: longer than this.
    pub absence_after_us: Option<i64>,
    /// The newest reading of those that wake the rule.
    pub woken_by: Option<WokenBy>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LimitSaid {
    pub limit: LimitName,
    pub value: f64,
    pub source: LimitSource,
}

/// Whose word a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSource {
    /// The point's own was weaker than it may be.
    Ceiling,
    /// Two people set it.
    People,
    Registry,
    /// The default of the rule.
    Rule,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WokenBy {
    pub point: String,
    pub event: Micros,
    pub value: f64,
}

impl State {
    /// `None` where no such rule watches the object.
    #[must_use]
    pub fn why(&self, rule: &str, object: &ObjectKey) -> Option<Why> {
        let instances = &self.in_force.binding.instances;
        let found = |number: &u32| {
            let instance = instances.get(*number as usize);
            instance.is_some_and(|instance| {
                instance.object == *object && self.in_force.rules.rule(instance.rule).is_some_and(|own| own.id == rule)
            })
        };
        let number = (0..u32::try_from(instances.len()).unwrap_or(u32::MAX)).find(found)?;
        let (instance, rule) = self.in_force.instance(number)?;
        let newest = instance.trigger_points.iter().filter_map(|point| Some((*point, self.points.last(*point)?)));
        let newest = newest.max_by_key(|(_, last)| last.event);
        Some(Why {
            when: rule.when.source().to_owned(),
            clear: rule.clear.as_ref().map(|clear| clear.source().to_owned()),
            inputs: newest.map(|(_, last)| {
                let about = rule.slot_us.map_or(last.event, |slot_us| slot_before(last.event, slot_us));
                let sample = Sample { value: last.value, quality: last.quality, event: last.event, about };
                self.inputs((number, instance, rule), sample)
            })?,
            limits: self.limits_said(instance, rule),
            delay_on_us: instance.delay_on_us,
            delay_off_us: instance.delay_off_us,
            count_on: rule.count_on,
            count_off: rule.count_off,
            slot_us: rule.slot_us,
            absence_after_us: instance.absence_after_us,
            woken_by: newest.map(|(point, last)| WokenBy {
                point: self.name_of(point),
                event: last.event,
                value: last.value,
            }),
        })
    }

    fn name_of(&self, point: PointId) -> String {
        self.view.as_ref().and_then(|view| view.point(point)).map(|point| point.id.clone()).unwrap_or_default()
    }

    fn inputs(&self, (number, instance, rule): (u32, &Instance, &Rule), sample: Sample) -> Vec<(String, f64)> {
        let mut lens = Lens::new(rule, &instance.tag_names);
        let now = Surroundings {
            points: &self.points,
            memory: &self.memory,
            usual: &self.usual,
            filings: &self.filings,
            view: self.view.as_deref(),
        };
        // What is asked here must not be remembered.
        lens.gather((number, instance), sample, &now, &mut self.helds.clone());
        lens.last_row()
    }

    fn limits_said(&self, instance: &Instance, rule: &Rule) -> Vec<LimitSaid> {
        let point = match instance.trigger_points.as_slice() {
            [point] => Some(*point),
            _ => None,
        };
        let view = self.view.as_deref();
        let is_weak = |limit| {
            self.in_force.binding.weak_limits.iter().any(|weak| {
                weak.rule == rule.id && weak.limit == limit && ObjectKey::Point(weak.point.clone()) == instance.object
            })
        };
        let source = |limit| {
            let set = point.zip(view).and_then(|(point, view)| view.override_of(point).get(limit));
            let designed = point.zip(view).and_then(|(point, view)| view.point(point)?.limits.get(limit));
            match (is_weak(limit), set, designed) {
                (true, ..) => LimitSource::Ceiling,
                (_, Some(_), _) => LimitSource::People,
                (_, _, Some(_)) => LimitSource::Registry,
                _ => LimitSource::Rule,
            }
        };
        let said = |limit| Some(LimitSaid { limit, value: instance.limits.get(limit)?, source: source(limit) });
        LimitName::ALL.into_iter().filter_map(said).collect()
    }
}

/// When the slot began that a reading of this time completes.
fn slot_before(event: Micros, slot_us: i64) -> Micros {
    Micros(event.0.saturating_sub(SECOND_US).div_euclid(slot_us.max(1)).saturating_mul(slot_us))
}
