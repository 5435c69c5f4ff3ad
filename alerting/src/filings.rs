//! Filings (报备): planned work and stops, filed before they begin. While one lasts, alarms of its objects that say so are
//! suppressed by design, and minutes that its objects do not report are excused. Pure.

use crate::alarm::Object;
use crate::command::{Outcome, Refusal};
use crate::day::DAY_US;
use crate::effect::Business;
use crate::state::State;
use rules::around::FILING_KINDS;
use rules::reading::Micros;
use rules::rule::{Rule, Suppress};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No plant draws more.
const KW_MAX: u32 = 1_000_000;
/// Whoever works longer files again: a filing that is forgotten must not silence a plant for ever.
const LASTS_MAX_US: i64 = 31 * DAY_US;

/// What is planned, as a person files it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub kind: FilingKind,
    /// The enterprise, or some equipment or a point of it.
    pub object: Object,
    pub from: Micros,
    pub to: Micros,
    pub reason: String,
    /// A stop is only excused if somebody has checked that the plant stands still: who, and how.
    pub idle_check: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilingKind {
    /// 检修
    Maintenance,
    /// 校准
    Calibration,
    /// 停产报备
    Stop,
    /// 复产报备: an enterprise that was to stand still begins again.
    Restart,
    /// 夜间生产报备
    NightShift,
    /// 节假日停产: on the list of those that stop over holidays.
    HolidayStop,
    /// 联锁旁路作业票
    BypassPermit,
    /// 限产令: so many kW at most.
    LimitOrder(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    pub id: u64,
    pub planned: Planned,
    pub filed_by: String,
    pub filed_at: Micros,
    /// When it was taken back: it ends then, or has never begun.
    pub withdrawn_at: Option<Micros>,
}

/// A filing came into being or was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilingChange {
    pub at: Micros,
    pub by: String,
    pub comment: String,
    pub filing: Filing,
}

/// Filings that may still matter, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filings {
    last_id: u64,
    by_id: BTreeMap<u64, Filing>,
    /// Beginnings and ends up to here have been heard of.
    heard: Micros,
    /// The next one.
    next: Option<Micros>,
}

impl Filing {
    /// When it ends: as planned, or when it was taken back.
    #[must_use]
    pub fn end(&self) -> Micros {
        self.withdrawn_at.map_or(self.planned.to, |at| at.min(self.planned.to))
    }

    #[must_use]
    pub fn is_on(&self, at: Micros) -> bool {
        self.planned.from <= at && at < self.end()
    }
}

impl FilingKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FilingKind::Maintenance => "maintenance",
            FilingKind::Calibration => "calibration",
            FilingKind::Stop => "stop",
            FilingKind::Restart => "restart",
            FilingKind::NightShift => "night_shift",
            FilingKind::HolidayStop => "holiday_stop",
            FilingKind::BypassPermit => "bypass_permit",
            FilingKind::LimitOrder(_) => "limit_order",
        }
    }

    /// By its name; an order that limits the load names the load.
    ///
    /// # Errors
    /// There is no such kind, or the load is missing or too much.
    pub fn parse(name: &str, kw: Option<u32>) -> Result<FilingKind, String> {
        let kind = match name {
            "maintenance" => FilingKind::Maintenance,
            "calibration" => FilingKind::Calibration,
            "stop" => FilingKind::Stop,
            "restart" => FilingKind::Restart,
            "night_shift" => FilingKind::NightShift,
            "holiday_stop" => FilingKind::HolidayStop,
            "bypass_permit" => FilingKind::BypassPermit,
            "limit_order" => {
                let kw = kw.ok_or("kw: a limit_order says to how many kW")?;
                if kw > KW_MAX {
                    return Err(format!("kw: at most {KW_MAX}, not {kw}"));
                }
                FilingKind::LimitOrder(kw)
            }
            other => return Err(format!("kind: `{other}` is none of {}", FILING_KINDS.join(", "))),
        };
        if kw.is_some() && kind.ordered_kw().is_none() {
            return Err(format!("kw: only a limit_order has one, not a {name}"));
        }
        Ok(kind)
    }

    /// Whether minutes not reported while it lasts are excused.
    #[must_use]
    pub fn excuses(self) -> bool {
        matches!(self, FilingKind::Maintenance | FilingKind::Calibration | FilingKind::Stop)
    }

    /// So much load an order allows.
    #[must_use]
    pub fn ordered_kw(self) -> Option<u32> {
        match self {
            FilingKind::LimitOrder(kw) => Some(kw),
            _ => None,
        }
    }
}

impl Filings {
    pub fn iter(&self) -> impl Iterator<Item = &Filing> + '_ {
        self.by_id.values()
    }

    /// When the next one begins or ends.
    #[must_use]
    pub fn next_due(&self) -> Option<Micros> {
        self.next
    }

    /// Those that are on at `at` for an object: filed for it, for its equipment or for its whole enterprise.
    pub fn on<'a>(&'a self, object: &'a Object, at: Micros) -> impl Iterator<Item = &'a Filing> + 'a {
        self.by_id.values().filter(move |filing| filing.is_on(at) && filing.planned.covers(object))
    }

    /// The first filing that suppresses alarms of a rule on an object.
    #[must_use]
    pub fn silencing(&self, rule: &Rule, object: &Object, at: Micros) -> Option<u64> {
        if rule.suppress.is_empty() || self.by_id.is_empty() {
            return None;
        }
        let suppresses = |filing: &&Filing| match filing.planned.kind {
            FilingKind::Maintenance => rule.suppress.contains(&Suppress::Maintenance),
            FilingKind::Calibration => rule.suppress.contains(&Suppress::Calibration),
            _ => false,
        };
        self.on(object, at).find(suppresses).map(|filing| filing.id)
    }

    /// Everything that begins or ends up to `at` has been heard of.
    fn hear(&mut self, at: Micros) {
        self.heard = self.heard.max(at);
        let bounds = self.by_id.values().flat_map(|filing| [filing.planned.from, filing.end()]);
        self.next = bounds.filter(|bound| *bound > self.heard).min();
    }

    fn put(&mut self, filing: Filing) {
        self.last_id = self.last_id.max(filing.id);
        self.by_id.insert(filing.id, filing);
        self.hear(self.heard);
    }

    fn forget_old(&mut self, before: Micros) {
        self.by_id.retain(|_, filing| filing.end() >= before);
    }
}

impl Planned {
    /// Whether the object is what is worked on, or a part of it.
    #[must_use]
    pub fn covers(&self, object: &Object) -> bool {
        let is_part = |filed: &Option<String>, own: &Option<String>| filed.is_none() || filed == own;
        self.object.enterprise == object.enterprise
            && is_part(&self.object.equipment, &object.equipment)
            && is_part(&self.object.point, &object.point)
    }
}

impl State {
    /// Takes a filing on record, or says why not.
    pub(crate) fn file(&mut self, planned: &Planned, by: &str) -> Outcome {
        let Some(object) = self.named(&planned.object) else { return Outcome::Refused(Refusal::NotInRegistry) };
        let lasts_us = planned.to.since(planned.from);
        if planned.from < self.now || lasts_us <= 0 || lasts_us > LASTS_MAX_US {
            return Outcome::Refused(Refusal::NotAhead);
        }
        if planned.kind == FilingKind::Stop && planned.idle_check.as_ref().is_none_or(|check| check.trim().is_empty()) {
            return Outcome::Refused(Refusal::NoIdleCheck);
        }
        self.filings.forget_old(self.now.plus(i64::from(self.limits.coverage.kept_days).saturating_mul(-DAY_US)));
        let id = self.filings.last_id.saturating_add(1);
        let planned = Planned { object, ..planned.clone() };
        let filing = Filing { id, planned, filed_by: by.to_owned(), filed_at: self.now, withdrawn_at: None };
        self.put_filing(filing, (by, ""));
        Outcome::Filed { filing: id }
    }

    pub(crate) fn withdraw(&mut self, id: u64, (by, comment): (&str, &str)) -> Outcome {
        let now = self.now;
        let known = self.filings.by_id.get(&id).filter(|filing| filing.withdrawn_at.is_none() && filing.end() > now);
        let Some(filing) = known.cloned() else { return Outcome::Refused(Refusal::NoSuchFiling) };
        self.put_filing(Filing { withdrawn_at: Some(now), ..filing }, (by, comment));
        // It ends now, and nothing falls due at a time that has been.
        self.filing_due(now);
        Outcome::Filed { filing: id }
    }

    fn put_filing(&mut self, filing: Filing, (by, comment): (&str, &str)) {
        self.filings.put(filing.clone());
        self.coverage_filing(&filing);
        let (by, comment) = (by.to_owned(), comment.to_owned());
        self.ledger.push(Business::Filing(Box::new(FilingChange { at: self.now, by, comment, filing })));
    }

    /// The object in full: a point's equipment is looked up. `None` if there is nothing of these names.
    fn named(&self, object: &Object) -> Option<Object> {
        let view = self.view.as_ref()?;
        let enterprise = view.enterprise(object.enterprise.as_deref()?)?;
        if let Some(point) = &object.point {
            let place = view.place(view.find(&enterprise.id, point)?)?;
            let equipment = view.equipment_at(place)?.id.clone();
            let fits = object.equipment.as_ref().is_none_or(|named| *named == equipment);
            return fits.then(|| Object { equipment: Some(equipment), ..object.clone() });
        }
        let is_there = |id: &String| enterprise.equipment.iter().any(|equipment| equipment.id == *id);
        object.equipment.as_ref().is_none_or(is_there).then(|| object.clone())
    }

    /// Some filed work begins or ends.
    pub(crate) fn filing_due(&mut self, due: Micros) {
        self.now = self.now.max(due);
        self.filings.hear(due);
        self.quieten();
    }

    /// Every open alarm is as silent as filings and rules in force now say.
    pub(crate) fn quieten(&mut self) {
        let open: Vec<u32> = self.book.open().filter_map(|(_, seat)| seat.slot()).collect();
        for number in open {
            let Some((_, rule)) = self.in_force.instance(number) else { continue };
            let Some(alarm) = self.slots.get(number).and_then(|slot| slot.alarm.as_deref()) else { continue };
            let silencing = self.filings.silencing(rule, &alarm.object, self.now);
            let (now, book) = (self.now, &mut self.book);
            self.slots.touch(number, book, |alarm| match silencing {
                Some(filing) => alarm.suppress(filing, now),
                None => alarm.release(now),
            });
        }
    }

    /// From recovery: what is not known here.
    pub(crate) fn adopt_filings(&mut self, filings: &[Filing]) {
        let last = filings.iter().map(|filing| filing.id).max().unwrap_or(0);
        self.filings.last_id = self.filings.last_id.max(last);
        for filing in filings {
            match self.filings.by_id.get(&filing.id) {
                None => {
                    self.filings.put(filing.clone());
                    self.coverage_filing(filing);
                }
                // Filed here under the same number before anybody knew of it: it is told again under one of its own.
                Some(own) if own.planned != filing.planned || own.filed_at != filing.filed_at => {
                    let id = self.filings.last_id.saturating_add(1);
                    self.put_filing(Filing { id, ..filing.clone() }, (&filing.filed_by, ""));
                }
                Some(_) => {}
            }
        }
        self.filings.hear(self.now);
        self.quieten();
    }
}
