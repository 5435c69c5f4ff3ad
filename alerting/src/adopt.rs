//! After a loss: what the database knew becomes part of a new journal, and a record that cannot be digested is put
//! aside with its bytes. Nothing here lowers what the fold knows better itself. Pure.

use crate::alarm::{Alarm, Cause};
use crate::book::Seat;
use crate::input::{Adopted, AdoptedLedger, Skipped};
use crate::out::Out;
use crate::slot::Phase;
use crate::state::{SlotKey, State};
use crate::system::{Notice, RULE_ERROR, SKIPPED, is_of_gateways, key_of_system};
use rules::bind::ObjectKey;
use rules::reading::Severity;
use rules::view::PointKey;
use std::collections::{BTreeMap, BTreeSet};

impl State {
    /// Ledger and coverage go on where the database saw them last.
    pub(crate) fn adopt_ledger(&mut self, ledger: &AdoptedLedger) {
        self.adopt_filings(&ledger.filings);
        self.adopt_coverage(&ledger.acceptances, &ledger.days);
        self.adopt_figures(&ledger.figures);
    }

    pub(crate) fn adopt(&mut self, adopted: &Adopted, out: &mut Out) {
        for (key, _) in &adopted.newest {
            self.number_point(&key.enterprise, &key.point, out);
        }
        self.points.grow(self.intern.len());
        self.absence.grow(self.intern.len());
        for (key, newest) in &adopted.newest {
            if let Some(point) = self.intern.find(&key.enterprise, &key.point) {
                self.points.adopt(point, newest.0);
            }
        }
        let taken = adopted.open_alarms.iter().map(|alarm| alarm.id).chain(adopted.alarm_id_max);
        if let Some(last) = taken.max() {
            self.book.reserve(last.0);
        }
        // One that is known here already was adopted before.
        let is_news = |alarm: &&Alarm| alarm.state.is_open() && self.alarm(alarm.id).is_none();
        let open: Vec<&Alarm> = adopted.open_alarms.iter().filter(is_news).collect();
        let places = self.places_of(&open);
        for alarm in open {
            match key_of(alarm) {
                Some(key) => self.adopt_into_slot(alarm, places.get(&key).copied()),
                None => self.adopt_system(alarm),
            }
        }
        self.agree_on_rises();
        self.unlatch();
        self.quieten();
        self.rebuild_absence();
    }

    /// The instances that answer for these alarms.
    fn places_of(&self, alarms: &[&Alarm]) -> BTreeMap<SlotKey, u32> {
        let mut wanted: BTreeMap<String, BTreeSet<ObjectKey>> = BTreeMap::new();
        for key in alarms.iter().filter_map(|alarm| key_of(alarm)) {
            wanted.entry(key.rule).or_default().insert(key.object);
        }
        let mut places = BTreeMap::new();
        for (number, instance) in (0_u32..).zip(&self.in_force.binding.instances) {
            let Some(rule) = self.in_force.rules.rule(instance.rule) else { continue };
            if wanted.get(&rule.id).is_some_and(|objects| objects.contains(&instance.object)) {
                places.insert(SlotKey { rule: rule.id.clone(), object: instance.object.clone() }, number);
            }
        }
        places
    }

    fn adopt_into_slot(&mut self, alarm: &Alarm, place: Option<u32>) {
        let mut alarm = alarm.clone();
        let Some((number, slot)) = place.and_then(|number| Some((number, self.slots.get(number)?))) else {
            return self.book.end(alarm.close(Cause::RuleRemoved, self.now));
        };
        if slot.alarm.is_some() {
            return self.book.end(alarm.close(Cause::Superseded, self.now));
        }
        let mut slot = slot.clone();
        if alarm.state.is_in_breach() {
            // The next reading says whether it still is.
            let active = Phase::Active { misses: 0, rises: None };
            slot.phase = if alarm.is_latched() { Phase::Latched } else { active };
        }
        self.book.enter(alarm.restate(self.now), Seat::Slot(number));
        slot.alarm = Some(Box::new(alarm));
        self.slots.place(number, slot);
    }

    /// A system alarm of a lost journal: whatever was wrong is not known to be wrong here, or it has its own alarm.
    fn adopt_system(&mut self, alarm: &Alarm) {
        let mut alarm = alarm.clone();
        let code = key_of_system(&alarm);
        if code == RULE_ERROR || self.systems.codes.contains_key(&code) {
            return self.book.end(alarm.close(Cause::Superseded, self.now));
        }
        self.book.enter(alarm.restate(self.now), Seat::System(code.clone()));
        self.systems.codes.insert(code.clone(), alarm);
        self.systems.clear(&code, self.now, &mut self.book);
    }

    /// Puts the deliveries of a record aside that made the fold stop, and says so in red. The alarm is over at once,
    /// but somebody has to sign for it.
    pub(crate) fn skip(&mut self, skipped: &Skipped, out: &mut Out) {
        for raw in &skipped.raw {
            out.quarantine_skipped(self.now, raw, &skipped.reason);
        }
        let (seq, messages) = (skipped.seq, skipped.raw.len());
        let detail =
            format!("record {seq} was skipped and its {messages} messages put into quarantine: {}", skipped.reason);
        let notice = Notice { code: SKIPPED, gateway: None, severity: Severity::Red, detail: &detail, at: self.now };
        self.systems.raise(&notice, &mut self.book);
        self.systems.clear(SKIPPED, self.now, &mut self.book);
    }
}

/// The slot an alarm belongs to; `None` for a system alarm.
fn key_of(alarm: &Alarm) -> Option<SlotKey> {
    if is_of_gateways(&alarm.rule) {
        return None;
    }
    let enterprise = alarm.object.enterprise.clone()?;
    let object = match (&alarm.object.point, &alarm.object.equipment) {
        (Some(point), _) => ObjectKey::Point(PointKey { enterprise, point: point.clone() }),
        (None, Some(equipment)) => ObjectKey::Equipment { enterprise, equipment: equipment.clone() },
        (None, None) => ObjectKey::Enterprise(enterprise),
    };
    Some(SlotKey { rule: alarm.rule.clone(), object })
}
