//! Which alarms stand for so long that they open a lead (线索) in the hazard ledger, and the leads opened: one for each
//! enterprise, equipment and ground while it is open, however often it is found. Pure.

use crate::alarm::{Alarm, AlarmChange, AlarmId, AlarmState, Cause};
use crate::command::{Outcome, Refusal};
use crate::day::{DAY_US, Day, MINUTE_US};
use crate::effect::Business;
use crate::hazard::{Evidence, Hazard, HazardCause, HazardChange, HazardId, HazardState, Verdict};
use crate::state::State;
use rules::reading::{Micros, PointId};
use rules::rule::Lead;
use rules::view::PointKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Evidence begins so long before the breach: what came before it is a part of the story.
const BEFORE_US: i64 = 10 * MINUTE_US;
/// A lead that was not founded stays so long for whoever looks back; the database has it for ever.
const UNFOUNDED_KEPT_US: i64 = DAY_US;
/// Numbers of a year.
const YEAR_NUMBERS: u64 = 1_000_000;

/// Every hazard that may still matter, by number, and the alarms that may become one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hazards {
    by_id: BTreeMap<HazardId, Hazard>,
    /// The last number given.
    last: u64,
    /// Alarms in breach whose rule leads to the ledger: when they have stood long enough; `None` once they have.
    waiting: BTreeMap<AlarmId, Option<Micros>>,
    /// Derived: the same by time.
    #[serde(skip)]
    due: BTreeSet<(Micros, AlarmId)>,
}

impl Hazards {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Hazard> + '_ {
        self.by_id.values()
    }

    #[must_use]
    pub fn get(&self, id: HazardId) -> Option<&Hazard> {
        self.by_id.get(&id)
    }

    /// When the next alarm will have stood long enough.
    #[must_use]
    pub fn next_due(&self) -> Option<Micros> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Makes the derived parts anew.
    pub fn rebuild(&mut self) {
        self.due = self.waiting.iter().filter_map(|(id, due)| Some(((*due)?, *id))).collect();
    }

    fn wait(&mut self, id: AlarmId, due: Micros) {
        self.stop_waiting(id);
        self.waiting.insert(id, Some(due));
        self.due.insert((due, id));
    }

    fn stop_waiting(&mut self, id: AlarmId) {
        if let Some(Some(due)) = self.waiting.remove(&id) {
            self.due.remove(&(due, id));
        }
    }

    /// The first alarm that has stood long enough at `now`.
    fn pop(&mut self, now: Micros) -> Option<AlarmId> {
        let (due, id) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        self.due.remove(&(due, id));
        self.waiting.insert(id, None);
        Some(id)
    }

    /// The open hazard of this ground there.
    fn open_of(&self, (enterprise, equipment, ground): (&str, Option<&str>, &str)) -> Option<HazardId> {
        let is_it = |hazard: &&Hazard| {
            hazard.state != HazardState::NotFounded
                && hazard.enterprise == enterprise
                && hazard.equipment.as_deref() == equipment
                && hazard.ground == ground
        };
        self.by_id.values().find(is_it).map(|hazard| hazard.id)
    }

    fn next_id(&mut self, year: i32) -> HazardId {
        let base = u64::try_from(year).unwrap_or(0).saturating_mul(YEAR_NUMBERS);
        self.last = self.last.max(base).saturating_add(1);
        HazardId(self.last)
    }

    pub(crate) fn forget_old(&mut self, now: Micros) {
        self.by_id.retain(|_, hazard| {
            let since = hazard.judged_at.filter(|_| hazard.state == HazardState::NotFounded);
            since.is_none_or(|at| now.since(at) < UNFOUNDED_KEPT_US)
        });
    }
}

impl HazardId {
    /// As it is spoken of, in a district of this code.
    #[must_use]
    pub fn spoken(self, district: &str) -> String {
        format!("{district}-{}-{:04}", self.0 / YEAR_NUMBERS, self.0 % YEAR_NUMBERS)
    }
}

impl State {
    /// Looks at the alarms that changed since the last look: which of them may become a lead, and which no more.
    pub(crate) fn note_leads(&mut self) {
        let mut is_news = false;
        while let Some(change) = self.book.next_unnoted() {
            is_news = true;
            self.nuisances.take(change, &self.limits.nuisance);
            let AlarmChange { at, to, cause, .. } = *change;
            let (id, raised_at) = (change.alarm.id, change.alarm.raised_at);
            let after_us = self.in_force.rules.rules().iter().find(|rule| rule.id == change.alarm.rule);
            let after_us = after_us.and_then(|rule| rule.lead.as_ref()).map(|lead| lead.after_us);
            match (cause, to, after_us) {
                (_, AlarmState::Normal | AlarmState::ReturnedUnacknowledged | AlarmState::SuppressedByDesign, _) => {
                    self.hazards.stop_waiting(id);
                }
                (Cause::Raised | Cause::BreachedAgain | Cause::Released, _, Some(after_us)) => {
                    self.hazards.wait(id, at.plus(after_us));
                }
                // Told again, after a recovery or by another version: it has stood since it was raised.
                (Cause::Adopted, _, Some(after_us)) if !self.hazards.waiting.contains_key(&id) => {
                    self.hazards.wait(id, raised_at.plus(after_us).max(at));
                }
                _ => {}
            }
        }
        if is_news {
            self.look_at_nuisances();
        }
    }

    /// An alarm has stood long enough.
    pub(crate) fn lead_due(&mut self, due: Micros) {
        self.now = self.now.max(due);
        let Some(id) = self.hazards.pop(self.now) else { return };
        let Some(alarm) = self.alarm(id).cloned() else { return };
        let rule = self.in_force.rules.rules().iter().find(|rule| rule.id == alarm.rule);
        let Some(lead) = rule.and_then(|rule| rule.lead.clone()) else { return };
        let Some(enterprise) = alarm.object.enterprise.clone() else { return };
        let evidence = self.evidence(&alarm);
        let key = (enterprise.as_str(), alarm.object.equipment.as_deref(), lead.ground.as_str());
        match self.hazards.open_of(key) {
            Some(known) => self.repeat_lead(known, evidence),
            None => self.open_lead(&alarm, lead, evidence),
        }
    }

    fn open_lead(&mut self, alarm: &Alarm, lead: Lead, evidence: Evidence) {
        let (year, ..) = Day::of(self.now).civil();
        let id = self.hazards.next_id(year);
        let district = self.view.as_ref().map_or("", |view| view.registry().district.code.as_str());
        let hazard = Hazard {
            id,
            no: id.spoken(district),
            enterprise: alarm.object.enterprise.clone().unwrap_or_default(),
            equipment: alarm.object.equipment.clone(),
            ground: lead.ground,
            title: lead.title,
            state: HazardState::Lead,
            opened_at: self.now,
            last_at: self.now,
            repeats: 0,
            evidence: vec![evidence],
            judged_at: None,
            judged_by: None,
            comment: None,
        };
        self.say_hazard((hazard, None), HazardCause::Opened, None);
    }

    fn repeat_lead(&mut self, id: HazardId, evidence: Evidence) {
        let Some(mut hazard) = self.hazards.by_id.get(&id).cloned() else { return };
        let from = hazard.state;
        hazard.repeats = hazard.repeats.saturating_add(1);
        hazard.last_at = self.now;
        // The first and the newest: the others are in the events.
        hazard.evidence.truncate(1);
        hazard.evidence.push(evidence);
        self.say_hazard((hazard, Some(from)), HazardCause::Repeated, None);
    }

    /// A person's word on a lead.
    pub(crate) fn judge_lead(&mut self, id: HazardId, verdict: Verdict, (by, comment): (&str, &str)) -> Outcome {
        let Some(mut hazard) = self.hazards.by_id.get(&id).cloned() else {
            return Outcome::Refused(Refusal::NoSuchHazard);
        };
        if hazard.state != HazardState::Lead {
            return Outcome::Refused(Refusal::AlreadyJudged);
        }
        hazard.state = match verdict {
            Verdict::Major => HazardState::Major,
            Verdict::General => HazardState::General,
            Verdict::NotFounded => HazardState::NotFounded,
        };
        hazard.judged_at = Some(self.now);
        hazard.judged_by = Some(by.to_owned());
        hazard.comment = Some(comment.to_owned()).filter(|comment| !comment.is_empty());
        self.say_hazard((hazard, Some(HazardState::Lead)), HazardCause::Judged, Some((by, comment)));
        Outcome::Judged { hazard: id }
    }

    fn say_hazard(
        &mut self,
        (hazard, from): (Hazard, Option<HazardState>),
        cause: HazardCause,
        word: Option<(&str, &str)>,
    ) {
        self.hazards.by_id.insert(hazard.id, hazard.clone());
        let by = word.map(|(by, _)| by.to_owned());
        let comment = word.map(|(_, comment)| comment.to_owned()).filter(|comment| !comment.is_empty());
        self.ledger.push(Business::Hazard(Box::new(HazardChange { at: self.now, from, cause, by, comment, hazard })));
    }

    fn evidence(&self, alarm: &Alarm) -> Evidence {
        let seat = self.book.find(alarm.id).and_then(|seat| seat.slot());
        let instance = seat.and_then(|number| self.in_force.instance(number));
        let mut points: BTreeSet<PointId> = BTreeSet::new();
        let mut before_us = BEFORE_US;
        if let Some((instance, rule)) = instance {
            points.extend(&instance.trigger_points);
            points.extend(instance.tags.iter().flatten());
            before_us = before_us.max(rule.slot_us.unwrap_or(0).saturating_mul(2));
        }
        let key = |id: PointId| self.intern.keys().get(id.index()).cloned();
        let points: Vec<PointKey> = points.into_iter().filter_map(key).collect();
        Evidence {
            alarm: alarm.id,
            rule: alarm.rule.clone(),
            rule_set: alarm.rule_set.clone(),
            registry: self.versions.registry.clone().unwrap_or_default(),
            severity: alarm.severity,
            object: alarm.object.clone(),
            value: alarm.value,
            worst: alarm.worst,
            limit: alarm.limit,
            limits: instance.map(|(instance, _)| instance.limits).unwrap_or_default(),
            since: alarm.since,
            raised_at: alarm.raised_at,
            at: self.now,
            points,
            from: alarm.since.plus(before_us.saturating_neg()),
            to: self.now,
        }
    }

    /// From recovery: what is not known here.
    pub(crate) fn adopt_hazards(&mut self, hazards: &[Hazard]) {
        let last = hazards.iter().map(|hazard| hazard.id.0).max().unwrap_or(0);
        self.hazards.last = self.hazards.last.max(last);
        for hazard in hazards {
            for evidence in &hazard.evidence {
                self.hazards.waiting.entry(evidence.alarm).or_insert(None);
            }
            let same = |own: &Hazard| own.opened_at == hazard.opened_at && own.ground == hazard.ground;
            match self.hazards.by_id.get(&hazard.id) {
                None => drop(self.hazards.by_id.insert(hazard.id, hazard.clone())),
                Some(own) if same(own) => {}
                // Opened here under the same number before anybody knew of it: it is told again under one of its own.
                Some(_) => {
                    let (year, ..) = Day::of(hazard.opened_at).civil();
                    let id = self.hazards.next_id(year);
                    let district = hazard.no.split('-').next().unwrap_or_default();
                    let renamed = Hazard { id, no: id.spoken(district), ..hazard.clone() };
                    self.say_hazard((renamed, Some(hazard.state)), HazardCause::Adopted, None);
                }
            }
        }
    }
}
