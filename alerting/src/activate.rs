//! A new registry, rule set or configuration of the fold comes into force. Points get their numbers, rules are bound
//! anew, and every slot keeps its state by its name: an alarm survives a change that is not about it. A rule that says
//! something else now starts clean: its alarms stand and are judged anew, what it had counted is forgotten. Pure.

use crate::alarm::Cause;
use crate::book::Seat;
use crate::effect::Business;
use crate::findings::Growing;
use crate::in_force::InForce;
use crate::input::Content;
use crate::intern::Numbered;
use crate::lens::Lens;
use crate::memory::held::{Named, Since};
use crate::out::Out;
use crate::points::NEVER;
use crate::slot::{Phase, Slot, Turn};
use crate::slots::Slots;
use crate::state::{SlotKey, State};
use bytes::Bytes;
use rules::bind::ObjectKey;
use rules::registry::Registry;
use rules::set::RuleSet;
use rules::view::{PointKey, View};
use rules::written::changed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl State {
    pub(crate) fn activate(&mut self, content: &Content, out: &mut Out) {
        match content {
            Content::Registry { version, registry } => {
                self.number(registry, out);
                self.put_in_service(registry, version);
                self.coverage_changes();
                self.rebind();
                if let Some(view) = &self.view {
                    let is_there = |enterprise: &str, gateway: &str| view.gateway(enterprise, gateway).is_some();
                    self.systems.close_gateways(&is_there, self.now, &mut self.book);
                }
                // A registry is plain data whose floats are finite: it can always be written down.
                let content = serde_json::to_vec(registry.as_ref()).map_or_else(|_| Bytes::new(), Bytes::from);
                out.first.push(Business::Registered { version: version.clone(), at: self.now, content });
                self.versions.registry = Some(version.clone());
            }
            Content::Rules { version, rules } => {
                self.in_force_next(rules, version);
                self.note_version(version);
                let ids = rules.rules().iter().map(|rule| rule.id.clone()).collect();
                out.first.push(Business::RulesActivated { version: version.clone(), at: self.now, rules: ids });
                self.versions.rules = Some(version.clone());
            }
            Content::Limits { version, limits } => {
                self.limits = Arc::clone(limits);
                self.versions.limits = Some(version.clone());
                self.coverage_changes();
                self.rebuild_absence();
            }
        }
    }

    /// Gives every point of the registry its number; those that have one keep it.
    pub(crate) fn number(&mut self, registry: &Registry, out: &mut Out) {
        for enterprise in &registry.enterprises {
            for point in enterprise.equipment.iter().flat_map(|equipment| &equipment.points) {
                self.number_point(&enterprise.id, &point.id, out);
            }
        }
        self.points.grow(self.intern.len());
    }

    pub(crate) fn number_point(&mut self, enterprise: &str, point: &str, out: &mut Out) {
        let numbered = self.intern.number(enterprise, point);
        assert!(numbered.is_some(), "all 2^32 point numbers are given");
        if let Some(Numbered::New(id)) = numbered {
            let key = PointKey { enterprise: enterprise.to_owned(), point: point.to_owned() };
            out.first.push(Business::PointNumbered { point: id, key });
        }
    }

    fn put_in_service(&mut self, registry: &Arc<Registry>, version: &str) {
        self.view = Some(self.view_of(registry, version));
        let Some(view) = &self.view else { return };
        let attended = self.outage.attended(self.now);
        for (number, activated) in (0_u32..).zip(&mut self.points.activated) {
            match view.place(rules::reading::PointId(number)) {
                Some(_) if *activated == NEVER => *activated = attended,
                Some(_) => {}
                None => *activated = NEVER,
            }
        }
    }

    /// The registry by numbers, with what people set of it.
    pub(crate) fn view_of(&self, registry: &Arc<Registry>, version: &str) -> Arc<View> {
        Arc::new(self.rulebook.over(self.bare_view(registry, version)))
    }

    pub(crate) fn bare_view(&self, registry: &Arc<Registry>, version: &str) -> View {
        let number = |enterprise: &str, point: &str| self.intern.find(enterprise, point);
        View::new(Arc::clone(registry), version.to_owned(), &number)
    }

    fn in_force_next(&mut self, rules: &Arc<RuleSet>, version: &str) {
        self.close_findings();
        let changed = changed(self.in_force.rules.rules(), rules.rules());
        let mut kept = self.take_slots();
        for (key, slot) in &mut kept {
            if changed.contains(&key.rule) {
                *slot = std::mem::take(slot).start_clean();
            }
        }
        let mut held = std::mem::take(&mut self.helds).named(|number| self.slot_key(number));
        held.retain(|(key, _)| !changed.contains(&key.rule));
        self.bind(Arc::clone(rules), version.to_owned());
        self.put_slots(kept);
        self.put_helds(held);
        self.agree_on_rises();
        self.unlatch();
        self.close_orphans();
        self.quieten();
        self.serve_again(&changed);
        if self.systems.has_rule_errors() {
            self.close_rule_errors();
        }
    }

    pub(crate) fn rebind(&mut self) {
        let (rules, version) = (Arc::clone(&self.in_force.rules), self.in_force.version.clone());
        self.in_force_next(&rules, &version);
    }

    /// Binds rules to the registry in force, all slots quiet.
    pub(crate) fn bind(&mut self, rules: Arc<RuleSet>, version: String) {
        self.in_force = match &self.view {
            Some(view) => InForce::new(rules, version, view),
            None => InForce { rules, version, ..InForce::default() },
        };
        self.slots = Slots::new(self.in_force.binding.instances.len());
        self.means.watch(&self.in_force.binding, &self.in_force.rules);
        self.usual.watch(&self.in_force.binding, &self.in_force.rules);
        if let Some(view) = &self.view {
            self.memory.watch(&self.in_force.binding, &self.in_force.rules, (view, self.now));
        }
    }

    /// Alarms that stand under a rule that has only now learned to rise get its time from now on; those of a rule that
    /// rises no more stay as they are.
    pub(crate) fn agree_on_rises(&mut self) {
        let attended = self.outage.attended(self.now);
        for (number, instance) in (0_u32..).zip(&self.in_force.binding.instances) {
            let Some(slot) = self.slots.get(number).filter(|slot| slot.phase.is_alarm()) else { continue };
            let rise = self.in_force.rules.rule(instance.rule).and_then(|rule| rule.rise);
            let is_below = |severity| slot.alarm.as_ref().is_some_and(|alarm| alarm.severity < severity);
            let due = match (slot.phase.rises(), rise) {
                (Some(_), None) => None,
                (None, Some(rise)) if is_below(rise.severity) => Some(attended.saturating_add(rise.after_us)),
                (Some(_), Some(_)) | (None, _) => continue,
            };
            let mut slot = slot.clone();
            slot.phase.rise_at(due);
            self.slots.place(number, slot);
        }
    }

    /// What stood by a latch alone returns when its rule latches no more.
    pub(crate) fn unlatch(&mut self) {
        for number in (0_u32..).take(self.in_force.binding.instances.len()) {
            let is_latched = |slot: &Slot| slot.phase == Phase::Latched;
            if !self.slots.get(number).is_some_and(is_latched) {
                continue;
            }
            if self.in_force.instance(number).is_some_and(|(_, rule)| !rule.latch) {
                let at = self.now;
                self.turn(number, at, |phase| {
                    *phase = Phase::Quiet;
                    Turn::Leave(at, None)
                });
            }
        }
    }

    /// Everything that is not quiet, by name.
    pub(crate) fn take_slots(&mut self) -> Vec<(SlotKey, Slot)> {
        let mut slots = std::mem::take(&mut self.slots);
        let named = |(number, slot)| Some((self.slot_key(number)?, slot));
        slots.drain().filter_map(named).collect()
    }

    /// Puts slots back in their places in the binding in force; those without a place become orphans.
    pub(crate) fn put_slots(&mut self, kept: Vec<(SlotKey, Slot)>) {
        let mut by_rule: BTreeMap<String, BTreeMap<ObjectKey, Slot>> = BTreeMap::new();
        for (key, slot) in kept {
            by_rule.entry(key.rule).or_default().insert(key.object, slot);
        }
        if !by_rule.is_empty() {
            for (number, instance) in (0_u32..).zip(&self.in_force.binding.instances) {
                let Some(rule) = self.in_force.rules.rule(instance.rule) else { continue };
                let Some(slot) = by_rule.get_mut(&rule.id).and_then(|slots| slots.remove(&instance.object)) else {
                    continue;
                };
                if let Some(alarm) = &slot.alarm {
                    self.book.seat(alarm.id, Seat::Slot(number));
                }
                self.slots.place(number, slot);
            }
        }
        for (rule, slots) in by_rule {
            let orphan = |(object, slot)| (SlotKey { rule: rule.clone(), object }, slot);
            self.orphans.extend(slots.into_iter().map(orphan));
        }
        self.rebuild_absence();
    }

    /// Puts conditions that are true back in their places; those that no rule in force asks are forgotten.
    pub(crate) fn put_helds(&mut self, kept: Named) {
        let mut kept: BTreeMap<SlotKey, Vec<Since>> = kept.into_iter().collect();
        for (number, instance) in (0_u32..).zip(&self.in_force.binding.instances) {
            if kept.is_empty() {
                return;
            }
            let asked = self.in_force.lenses.get(instance.rule).map(Lens::held_keys).unwrap_or_default();
            if !asked.is_empty()
                && let Some(list) = self.slot_key(number).and_then(|key| kept.remove(&key))
            {
                self.helds.put(number, list, &asked);
            }
        }
    }

    /// Puts findings that grow back in their places; those without a place are complete as they stand, and nobody is
    /// left to say of what.
    pub(crate) fn put_findings(&mut self, kept: Vec<(SlotKey, Growing)>) {
        let mut kept: BTreeMap<SlotKey, Growing> = kept.into_iter().collect();
        for number in (0_u32..).take(self.in_force.binding.instances.len()) {
            if kept.is_empty() {
                return;
            }
            if let Some(growing) = self.slot_key(number).and_then(|key| kept.remove(&key)) {
                self.findings.put(number, growing);
            }
        }
    }

    /// Closes what no rule in force answers for any more: alarms of rules or objects that are gone.
    pub(crate) fn close_orphans(&mut self) {
        for (_, slot) in std::mem::take(&mut self.orphans) {
            if let Some(mut alarm) = slot.alarm {
                self.book.end(alarm.close(Cause::RuleRemoved, self.now));
            }
        }
    }

    fn close_rule_errors(&mut self) {
        let bound: BTreeSet<(&str, &ObjectKey)> = (0_u32..)
            .zip(&self.in_force.binding.instances)
            .filter_map(|(number, _)| self.in_force.instance(number))
            .filter(|(_, rule)| self.systems.rule_errors.contains_key(&rule.id))
            .map(|(instance, rule)| (rule.id.as_str(), &instance.object))
            .collect();
        let (now, book) = (self.now, &mut self.book);
        self.systems.rule_errors.retain(|rule, known| {
            let is_bound = bound.contains(&(rule.as_str(), &known.object)) || self.out_of_service.has_out(rule);
            if !is_bound {
                book.end(known.alarm.close(Cause::RuleRemoved, now));
            }
            is_bound
        });
    }
}
