//! Rules that fail: three times in a row on an object puts a rule out of service there, until a version of it comes into
//! force that says something else. Must not know why a rule fails. Pure.

use crate::slots::Slots;
use crate::state::{SlotKey, State};
use crate::system::{Failing, Notice, RULE_ERROR};
use rules::bind::ObjectKey;
use rules::reading::{Micros, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// So many failures in a row are no accident.
const FAILS_MAX: u32 = 3;
/// Errors come from conditions, which may quote whatever they like.
const ERROR_CHARS_MAX: usize = 200;
/// A rule that fails everywhere must not be said of every point: so many are named in its alarm.
const NAMED_MAX: usize = 5;

/// A rule on an object where it has failed and not worked since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// In a row.
    pub fails: u32,
    /// The last one.
    pub error: String,
    /// Since when it is out of service there.
    pub out_since: Option<Micros>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutOfService {
    by_key: BTreeMap<SlotKey, Trouble>,
    /// Derived: the instances of the binding in force that are out.
    #[serde(skip)]
    out: BTreeSet<u32>,
    /// Whether the step at work changed anything that is shown.
    #[serde(skip)]
    touched: bool,
}

impl OutOfService {
    /// Asked for every row, and nearly always of an empty set.
    #[must_use]
    pub fn is_out(&self, number: u32) -> bool {
        !self.out.is_empty() && self.out.contains(&number)
    }

    /// Every rule on every object where it is out of service.
    pub fn iter(&self) -> impl Iterator<Item = (&SlotKey, &Trouble)> + '_ {
        self.by_key.iter().filter(|(_, trouble)| trouble.out_since.is_some())
    }

    /// Those of one rule.
    fn objects_of<'a>(&'a self, rule: &'a str) -> impl Iterator<Item = &'a ObjectKey> + 'a {
        self.iter().filter(move |(key, _)| key.rule == rule).map(|(key, _)| &key.object)
    }

    #[must_use]
    pub fn has_out(&self, rule: &str) -> bool {
        self.objects_of(rule).next().is_some()
    }

    /// Whether the last step changed what is out of service.
    #[must_use]
    pub fn was_touched(&self) -> bool {
        self.touched
    }

    pub(crate) fn begin_step(&mut self) {
        self.touched = false;
    }

    /// It failed once more. Whether it is out of service now.
    fn fails(&mut self, (key, number): (SlotKey, u32), error: &str, at: Micros) -> bool {
        let trouble = self.by_key.entry(key).or_insert(Trouble { fails: 0, error: String::new(), out_since: None });
        trouble.fails = trouble.fails.saturating_add(1);
        trouble.error = error.to_owned();
        if trouble.fails < FAILS_MAX {
            return false;
        }
        trouble.out_since = Some(at);
        self.out.insert(number);
        self.touched = true;
        true
    }

    /// Those of rules that say something else now start again, and so do those that are bound no more.
    pub(crate) fn keep(&mut self, is_kept: &dyn Fn(&SlotKey) -> bool) {
        let before = self.iter().count();
        self.by_key.retain(|key, _| is_kept(key));
        self.touched |= self.iter().count() != before;
    }

    /// The numbers of a new binding. `of` gives the name of an instance.
    pub(crate) fn rebuild(&mut self, len: usize, of: &dyn Fn(u32) -> Option<SlotKey>) {
        self.out.clear();
        if self.by_key.is_empty() {
            return;
        }
        let is_out = |number: &u32| {
            of(*number).and_then(|key| self.by_key.get(&key)).is_some_and(|trouble| trouble.out_since.is_some())
        };
        self.out = (0_u32..).take(len).filter(is_out).collect();
    }

    /// What a snapshot must hold.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.by_key
            .values()
            .all(|trouble| trouble.fails > 0 && (trouble.fails >= FAILS_MAX) == trouble.out_since.is_some())
    }
}

impl State {
    /// Every rule on every object where it is out of service.
    #[must_use]
    pub fn out_of_service(&self) -> &OutOfService {
        &self.out_of_service
    }

    /// A rule could not be evaluated on an object.
    pub(crate) fn rule_fails(&mut self, number: u32, error: &str) {
        let Some(key) = self.slot_key(number) else { return };
        let error: String = error.chars().take(ERROR_CHARS_MAX).collect();
        let is_out = self.out_of_service.fails((key.clone(), number), &error, self.now);
        let mut detail = format!("{} on {}: {error}", key.rule, name_of(&key.object));
        if is_out {
            start_clean(&mut self.slots, number);
            let count = self.out_of_service.objects_of(&key.rule).count();
            if count > NAMED_MAX {
                return;
            }
            detail.push_str("; after three failures in a row it is out of service there until its next version");
        }
        let severity = if is_out { Severity::Orange } else { Severity::Yellow };
        let notice = Notice { code: RULE_ERROR, gateway: None, severity, detail: &detail, at: self.now };
        let failing = if is_out { Failing::Out } else { Failing::Once };
        self.systems.rule_failed((&key.rule, &key.object), failing, &notice, &mut self.book);
    }

    /// A rule could be evaluated on an object: whatever was wrong with it there is over.
    pub(crate) fn rule_works(&mut self, number: u32) {
        if self.out_of_service.by_key.is_empty() && !self.systems.has_rule_errors() {
            return;
        }
        let Some(key) = self.slot_key(number) else { return };
        self.out_of_service.by_key.remove(&key);
        if !self.out_of_service.has_out(&key.rule) {
            self.systems.rule_worked(&key.rule, &key.object, self.now, &mut self.book);
        }
    }

    /// The binding has changed, and the rules `changed` say something else now: what was wrong with those is over.
    pub(crate) fn serve_again(&mut self, changed: &BTreeSet<String>) {
        let len = self.in_force.binding.instances.len();
        if !self.out_of_service.by_key.is_empty() {
            let bound: BTreeSet<SlotKey> = (0_u32..).take(len).filter_map(|number| self.slot_key(number)).collect();
            self.out_of_service.keep(&|key| bound.contains(key) && !changed.contains(&key.rule));
        }
        self.number_out_of_service();
        for rule in changed {
            self.systems.rule_mended(rule, self.now, &mut self.book);
        }
    }

    /// Finds the instances of the binding in force that are out of service.
    pub(crate) fn number_out_of_service(&mut self) {
        let mut service = std::mem::take(&mut self.out_of_service);
        service.rebuild(self.in_force.binding.instances.len(), &|number| self.slot_key(number));
        self.out_of_service = service;
    }
}

/// What was counted of a slot is forgotten; its alarm stands and is judged anew.
pub(crate) fn start_clean(slots: &mut Slots, number: u32) {
    if let Some(slot) = slots.get(number) {
        let slot = slot.clone().start_clean();
        slots.place(number, slot);
    }
}

/// An object as people are told of it.
fn name_of(object: &ObjectKey) -> String {
    match object {
        ObjectKey::Point(key) => format!("{}/{}", key.enterprise, key.point),
        ObjectKey::Equipment { enterprise, equipment } => format!("{enterprise}/{equipment}"),
        ObjectKey::Enterprise(name) | ObjectKey::System(name) => name.clone(),
    }
}
