//! The rules in force on the registry in force: rules, their bindings and a lens for each. Made anew at every
//! activation, never saved. Pure.

use crate::alarm::{Birth, Object};
use crate::lens::Lens;
use crate::slot::{Side, Terms};
use rules::bind::{Binding, Instance, ObjectKey, bind};
use rules::rule::Rule;
use rules::set::RuleSet;
use rules::view::View;
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct InForce {
    pub rules: Arc<RuleSet>,
    /// Content hash of the rule set; empty before there is one.
    pub version: String,
    pub binding: Binding,
    /// By rule.
    pub lenses: Vec<Lens>,
}

impl InForce {
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, version: String, view: &View) -> InForce {
        let binding = bind(&rules, view);
        let mut tag_names: Vec<&[String]> = vec![&[]; rules.rules().len()];
        for instance in &binding.instances {
            if let Some(names) = tag_names.get_mut(instance.rule) {
                *names = &instance.tag_names;
            }
        }
        let lenses = rules.rules().iter().zip(tag_names).map(|(rule, names)| Lens::new(rule, names)).collect();
        InForce { rules, version, binding, lenses }
    }

    #[must_use]
    pub fn instance(&self, number: u32) -> Option<(&Instance, &Rule)> {
        let instance = self.binding.instances.get(number as usize)?;
        Some((instance, self.rules.rule(instance.rule)?))
    }
}

#[must_use]
pub fn terms_of(instance: &Instance, rule: &Rule) -> Terms {
    Terms {
        count_on: rule.count_on,
        count_off: rule.count_off,
        delay_on_us: instance.delay_on_us,
        delay_off_us: instance.delay_off_us,
        silence_max_us: instance.silence_max_us,
        is_event: rule.event,
        side: Side::of(rule.limit),
    }
}

/// What an alarm of this rule on this object says of itself.
#[must_use]
pub fn birth_of(instance: &Instance, rule: &Rule, version: &str, view: &View) -> Birth {
    Birth {
        rule: rule.id.clone(),
        name: rule.name.clone(),
        object: object_of(&instance.object, view),
        limit: instance.limit,
        rule_set: version.to_owned(),
        text: rule.action.clone(),
    }
}

/// The object by its names; a point names its equipment too.
#[must_use]
pub fn object_of(key: &ObjectKey, view: &View) -> Object {
    match key {
        ObjectKey::Point(key) => {
            let place = view.find(&key.enterprise, &key.point).and_then(|id| view.place(id));
            Object {
                enterprise: Some(key.enterprise.clone()),
                equipment: place.and_then(|at| view.equipment_at(at)).map(|equipment| equipment.id.clone()),
                point: Some(key.point.clone()),
            }
        }
        ObjectKey::Equipment { enterprise, equipment } => {
            Object { enterprise: Some(enterprise.clone()), equipment: Some(equipment.clone()), point: None }
        }
        ObjectKey::Enterprise(enterprise) => Object { enterprise: Some(enterprise.clone()), ..Object::default() },
        ObjectKey::System(_) => Object::default(),
    }
}
