//! Alarms about alarms (domain.md 2.D): a flood of them (SY-03), one that chatters (SY-04), those that stand for more than a
//! day (SY-05), and enterprises that are online too little (SY-01). Each is one system alarm that names whom it is about.
//! Must not know rules. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::alarm::{AlarmChange, AlarmState, Cause};
use crate::coverage::{CoverageDay, DayCause};
#[cfg(test)]
use crate::day::Day;
use crate::input::NuisanceLimits;
use crate::state::State;
use crate::system::{CHATTER, FLOOD, Notice, ONLINE_LOW, STALE};
use rules::reading::{Micros, SECOND_US, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An alarm chatters if it comes so often within this.
const CHATTER_US: i64 = 60 * SECOND_US;
/// A flood is counted, and a chatter must have been quiet, for so long.
const WINDOW_US: i64 = 600 * SECOND_US;
/// So many names stand in a text; the number says how many there are.
const NAMED_MAX: usize = 5;

/// What the alarms of the last while were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nuisances {
    /// When alarms were annunciated, in the last ten minutes; oldest first.
    told: VecDeque<i64>,
    /// When each alarm came, in the last minute; by rule and object.
    came: BTreeMap<String, VecDeque<i64>>,
    /// The same in the order of time, so that what is old goes without looking through the rest.
    recent: VecDeque<(i64, String)>,
    /// Alarms that chatter: when each came last.
    chatter: BTreeMap<String, i64>,
    /// Alarms in breach: since when.
    standing: BTreeMap<String, i64>,
    /// Those of them that are not stale yet, the oldest first; and those that are.
    fresh: BTreeSet<(i64, String)>,
    stale: BTreeSet<String>,
    /// Enterprises, by sector, that were online too little: the last such day, and how many in a row.
    low: BTreeMap<String, (i32, u8)>,
    is_flood: bool,
}

/// What is to be said of one of them: how bad, and in words; `None` where it is over.
type Said = Option<(Severity, String)>;

impl Nuisances {
    /// When time alone changes one of them.
    pub fn next_due(&self, limits: &NuisanceLimits) -> Option<Micros> {
        let told = self.told.front().filter(|_| self.is_flood).map(|at| at.saturating_add(WINDOW_US));
        let chatter = self.chatter.values().min().map(|at| at.saturating_add(WINDOW_US));
        let stale = self.fresh.first().map(|(since, _)| since.saturating_add(limits.stale_us()));
        [told, chatter, stale].into_iter().flatten().min().map(Micros)
    }

    /// An alarm of a rule came, went or got worse.
    pub fn take(&mut self, change: &AlarmChange, limits: &NuisanceLimits) {
        let alarm = &change.alarm;
        // Davy's own alarms are nobody's nuisance, and least of all these.
        if alarm.rule_set.is_empty() || !limits.is_on() {
            return;
        }
        let part = alarm.object.point.as_ref().or(alarm.object.equipment.as_ref());
        let enterprise = alarm.object.enterprise.as_deref().unwrap_or_default();
        let name = format!("{} {enterprise}/{}", alarm.rule, part.map_or("", String::as_str));
        let at = change.at.0;
        let is_heard = change.to != AlarmState::SuppressedByDesign;
        if !(alarm.state.is_in_breach() && is_heard) {
            if let Some(since) = self.standing.remove(&name) {
                self.fresh.remove(&(since, name.clone()));
                self.stale.remove(&name);
            }
        } else if !self.standing.contains_key(&name) {
            self.standing.insert(name.clone(), at);
            self.fresh.insert((at, name.clone()));
        }
        if is_heard && matches!(change.cause, Cause::Raised | Cause::BreachedAgain | Cause::SeverityRaised) {
            self.told.push_back(at);
        }
        if is_heard && matches!(change.cause, Cause::Raised | Cause::BreachedAgain) {
            self.forget_what_came(at);
            self.recent.push_back((at, name.clone()));
            let came = self.came.entry(name.clone()).or_default();
            came.push_back(at);
            let is_chatter = came.len() >= usize::from(limits.chatter);
            if is_chatter || self.chatter.contains_key(&name) {
                self.chatter.insert(name, at);
            }
        }
    }

    /// What came more than a minute ago does not count any more.
    fn forget_what_came(&mut self, now: i64) {
        while self.recent.front().is_some_and(|(at, _)| now.saturating_sub(*at) > CHATTER_US) {
            let Some((_, name)) = self.recent.pop_front() else { break };
            let Some(came) = self.came.get_mut(&name) else { continue };
            came.pop_front();
            if came.is_empty() {
                self.came.remove(&name);
            }
        }
    }

    /// A day of an enterprise is closed.
    pub fn take_day(&mut self, day: &CoverageDay, limits: &NuisanceLimits) {
        if !limits.is_on() || day.cause != DayCause::Closed {
            return;
        }
        let name = format!("{} ({})", day.unit.enterprise, day.unit.sector);
        let (reported, lost) = (u32::from(day.minutes.reported), u32::from(day.minutes.lost));
        let counted = reported.saturating_add(lost);
        let is_low = day.in_scope
            && counted > 0
            && reported.saturating_mul(100) < counted.saturating_mul(u32::from(limits.online_min_pct));
        if is_low {
            let before = self.low.get(&name).filter(|(last, _)| last.saturating_add(1) == day.day.0);
            let in_a_row = before.map_or(1, |(_, days)| days.saturating_add(1));
            self.low.insert(name, (day.day.0, in_a_row));
        } else {
            self.low.remove(&name);
        }
    }

    /// What stands now. Nothing is remembered longer than somebody may ask for it.
    fn look(&mut self, now: i64, limits: &NuisanceLimits) -> [(&'static str, Said); 4] {
        let is_old = |at: &i64| now.saturating_sub(*at) >= WINDOW_US;
        while self.told.front().is_some_and(is_old) {
            self.told.pop_front();
        }
        self.forget_what_came(now);
        while self.fresh.first().is_some_and(|(since, _)| now.saturating_sub(*since) >= limits.stale_us()) {
            self.stale.extend(self.fresh.pop_first().map(|(_, name)| name));
        }
        self.chatter.retain(|_, at| !is_old(at));
        let told = self.told.len();
        self.is_flood =
            if self.is_flood { told >= usize::from(limits.flood_off) } else { told > usize::from(limits.flood_on) };
        let flood = self.is_flood.then(|| (Severity::Blue, format!("{told} alarms in 10 minutes")));
        let chatter: Vec<&String> = self.chatter.keys().collect();
        let stale: Vec<&String> = self.stale.iter().take(NAMED_MAX).collect();
        let low: Vec<&String> = self.low.keys().collect();
        let worst = self.low.values().map(|(_, days)| *days).max().unwrap_or(0);
        let low_severity = if worst >= limits.low_days { Severity::Yellow } else { Severity::Blue };
        [
            (FLOOD, flood),
            (CHATTER, named(Severity::Blue, "comes and goes", (&chatter, chatter.len()))),
            (STALE, named(Severity::Yellow, "stands for too long", (&stale, self.stale.len()))),
            (ONLINE_LOW, named(low_severity, "was online too little", (&low, low.len()))),
        ]
    }
}

/// The first of so many.
fn named(severity: Severity, what: &str, (names, count): (&[&String], usize)) -> Said {
    let shown = names.iter().take(NAMED_MAX).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let more = count.saturating_sub(NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (count > 0).then(|| (severity, format!("{count} {what}: {shown}{more}")))
}

impl State {
    /// The four alarms are as what happened up to now says.
    pub(crate) fn look_at_nuisances(&mut self) {
        if !self.limits.nuisance.is_on() {
            return;
        }
        let at = self.now;
        for (code, said) in self.nuisances.look(at.0, &self.limits.nuisance) {
            match said {
                Some((severity, detail)) => {
                    let notice = Notice { code, gateway: None, severity, detail: &detail, at };
                    self.systems.raise(&notice, &mut self.book);
                }
                None => self.systems.clear(code, at, &mut self.book),
            }
        }
    }

    pub(crate) fn nuisance_due(&mut self, due: Micros) {
        self.now = self.now.max(due);
        self.look_at_nuisances();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{Alarm, AlarmId, Birth, Object};
    use crate::coverage::{Minutes, Samples, Unit};
    use crate::slot::Breach;
    use bytes::Bytes;
    use rules::registry::Text;

    const S: i64 = SECOND_US;

    fn change(point: &str, at_s: i64, cause: Cause, to: AlarmState) -> AlarmChange {
        let object = Object { enterprise: Some("e".to_owned()), equipment: None, point: Some(point.to_owned()) };
        let (name, text) = (Text::default(), Text::default());
        let birth = Birth { rule: "R".to_owned(), name, object, limit: None, rule_set: "v".to_owned(), text };
        let at = Micros(at_s * S);
        let (mut alarm, mut change) = Alarm::raise(AlarmId(1), birth, &Breach::plain(Severity::Yellow, at), at);
        alarm.state = to;
        (change.alarm, change.cause, change.to) = (alarm, cause, to);
        change
    }

    fn came(point: &str, at_s: i64) -> AlarmChange {
        change(point, at_s, Cause::Raised, AlarmState::Unacknowledged)
    }

    fn stands(nuisances: &mut Nuisances, at_s: i64, code: &str) -> Option<String> {
        let all = nuisances.look(at_s * S, &NuisanceLimits::default());
        let found = all.into_iter().find(|(known, _)| *known == code)?;
        found.1.map(|(severity, text)| format!("{} {text}", severity.name()))
    }

    #[test]
    fn more_than_ten_alarms_in_ten_minutes_are_a_flood_until_there_are_fewer_than_five() {
        let (mut nuisances, limits) = (Nuisances::default(), NuisanceLimits::default());
        for n in 0..10 {
            nuisances.take(&came(&format!("P-{n}"), n * 10), &limits);
        }
        assert_eq!(stands(&mut nuisances, 100, FLOOD), None);
        nuisances.take(&came("P-10", 100), &limits);
        assert_eq!(stands(&mut nuisances, 100, FLOOD).as_deref(), Some("blue 11 alarms in 10 minutes"));
        // It is over when those of the first minute and a little are ten minutes old.
        assert_eq!(nuisances.next_due(&limits), Some(Micros(600 * S)));
        assert!(stands(&mut nuisances, 659, FLOOD).is_some());
        assert_eq!(stands(&mut nuisances, 660, FLOOD), None);
    }

    #[test]
    fn an_alarm_that_comes_three_times_in_a_minute_chatters_until_it_is_quiet_for_ten() {
        let (mut nuisances, limits) = (Nuisances::default(), NuisanceLimits::default());
        for at_s in [0, 30, 61] {
            nuisances.take(&came("P", at_s), &limits);
        }
        assert_eq!(stands(&mut nuisances, 61, CHATTER), None);
        nuisances.take(&came("P", 90), &limits);
        assert_eq!(stands(&mut nuisances, 90, CHATTER).as_deref(), Some("blue 1 comes and goes: R e/P"));
        nuisances.take(&came("P", 400), &limits);
        assert_eq!(nuisances.next_due(&limits), Some(Micros(1_000 * S)));
        assert!(stands(&mut nuisances, 999, CHATTER).is_some());
        assert_eq!(stands(&mut nuisances, 1_000, CHATTER), None);
    }

    #[test]
    fn an_alarm_that_stands_for_a_day_is_stale_until_it_goes() {
        let (mut nuisances, limits) = (Nuisances::default(), NuisanceLimits::default());
        nuisances.take(&came("P", 0), &limits);
        nuisances.take(&change("P", 50, Cause::Acknowledged, AlarmState::Acknowledged), &limits);
        assert_eq!(nuisances.next_due(&limits), Some(Micros(86_400 * S)));
        assert_eq!(stands(&mut nuisances, 86_399, STALE), None);
        assert_eq!(stands(&mut nuisances, 86_400, STALE).as_deref(), Some("yellow 1 stands for too long: R e/P"));
        assert_eq!(nuisances.next_due(&limits), None);
        nuisances.take(&change("P", 90_000, Cause::Returned, AlarmState::Normal), &limits);
        assert_eq!(stands(&mut nuisances, 90_000, STALE), None);
    }

    #[test]
    fn suppressed_alarms_and_those_of_davy_itself_are_no_nuisance() {
        let (mut nuisances, limits) = (Nuisances::default(), NuisanceLimits::default());
        let mut own = came("P", 0);
        own.alarm.rule_set.clear();
        for change in [own, change("P", 0, Cause::Suppressed, AlarmState::SuppressedByDesign)] {
            nuisances.take(&change, &limits);
        }
        nuisances.take(&came("Q", 0), &NuisanceLimits::off());
        assert_eq!(nuisances, Nuisances::default());
    }

    #[test]
    fn three_days_of_too_little_online_are_yellow_and_one_good_day_ends_it() {
        let (mut nuisances, limits) = (Nuisances::default(), NuisanceLimits::default());
        let day = |day: i32, reported: u16, lost: u16| CoverageDay {
            unit: Unit { enterprise: "e".to_owned(), sector: "dust".to_owned() },
            town: String::new(),
            day: Day(day),
            at: Micros(0),
            cause: DayCause::Closed,
            registry: String::new(),
            in_scope: true,
            connected: true,
            simulated: false,
            minutes: Minutes { reported, lost, ..Minutes::default() },
            samples: Samples::default(),
            reported: Bytes::new(),
            excused: Bytes::new(),
            system: Bytes::new(),
            points: Vec::new(),
        };
        let table = [
            (day(1, 950, 50), None),
            (day(2, 949, 51), Some("blue 1 was online too little: e (dust)")),
            (day(3, 0, 1_440), Some("blue 1 was online too little: e (dust)")),
            (day(4, 100, 1_340), Some("yellow 1 was online too little: e (dust)")),
            (day(5, 1_440, 0), None),
            // Nothing was expected of it.
            (day(6, 0, 0), None),
        ];
        for (day, said) in table {
            nuisances.take_day(&day, &limits);
            assert_eq!(stands(&mut nuisances, 0, ONLINE_LOW).as_deref(), said, "{}", day.day.0);
        }
    }
}
