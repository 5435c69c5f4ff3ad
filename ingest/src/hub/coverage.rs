//! What is known of days for everybody who only looks: figures of the last days, whole days of today and yesterday,
//! filings, acceptances, sealed figures. Closed days come as the fold states them; open ones are looked at anew about once
//! a minute. Must not know how a day is judged or where older days lie. Pure.

use alerting::coverage::{AcceptanceChange, CoverageDay, DayFigure, SealedDay, Unit};
use alerting::day::Day;
use alerting::effect::{Business, Effects};
use alerting::filings::{Filing, FilingChange};
use alerting::input::CoverageLimits;
use rules::reading::Micros;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Days beyond those a mean looks at: yesterday's figures want one more, and late changes some.
const DAYS_MORE: i32 = 4;
/// Acceptances that ended and filings that are over are few; lists of people hold no more than this.
const FILINGS_MAX: usize = 10_000;
/// Statements that the database may not have yet. There are more only while it is away for weeks: then the oldest stand
/// for those between.
const UNAPPLIED_MAX: usize = 100_000;

/// See the file's head.
#[derive(Debug, Default)]
pub struct Board {
    limits: CoverageLimits,
    /// The first day of which everything known is held.
    first: Day,
    days: BTreeMap<Day, BTreeMap<Unit, Held>>,
    whole: BTreeMap<(Day, Unit), (u64, Arc<CoverageDay>)>,
    filings: BTreeMap<u64, Filing>,
    acceptances: BTreeMap<Unit, AcceptanceChange>,
    sealed: BTreeMap<Day, SealedDay>,
    /// Records that stated something, with the earliest time they speak of, as far as nobody has said that the database has them.
    unapplied: BTreeMap<u64, Micros>,
    /// Up to here the database must have come before it can be asked for the past: the head at the start.
    begun_at: u64,
}

#[derive(Clone, Debug)]
struct Held {
    figure: Arc<DayFigure>,
    is_closed: bool,
}

/// What the fold knows at the start.
#[derive(Debug, Default)]
pub struct Known {
    pub limits: CoverageLimits,
    /// The last record stepped, and its time.
    pub seq: u64,
    pub now: Micros,
    pub figures: Vec<DayFigure>,
    pub filings: Vec<Filing>,
    pub acceptances: Vec<AcceptanceChange>,
}

impl Board {
    /// The first day that a board begun at `now` asks the fold for.
    #[must_use]
    pub fn first_day(limits: &CoverageLimits, now: Micros) -> Day {
        let days = i32::from(limits.mean_days).saturating_add(DAYS_MORE).min(i32::from(limits.kept_days));
        Day::of(now).plus(1_i32.saturating_sub(days.max(1)))
    }

    #[must_use]
    pub fn begin(known: Known) -> Board {
        let Known { limits, seq, now, figures, filings, acceptances } = known;
        let first = Board::first_day(&limits, now);
        let mut board = Board { first, begun_at: seq, limits, ..Board::default() };
        let today = Day::of(now);
        for figure in figures {
            // Yesterday may be open still: whoever looks at it next says so, and a day that is closed comes again as it is.
            board.put(figure, today.plus(-1));
        }
        board.filings = filings.into_iter().map(|filing| (filing.id, filing)).collect();
        board.acceptances = acceptances.into_iter().map(|change| (change.unit.clone(), change)).collect();
        board
    }

    fn put(&mut self, figure: DayFigure, open_from: Day) {
        let is_closed = figure.day < open_from;
        let (day, unit) = (figure.day, figure.unit.clone());
        self.days.entry(day).or_default().insert(unit, Held { figure: Arc::new(figure), is_closed });
    }

    /// Takes over what a step stated.
    pub fn publish(&mut self, seq: u64, effects: &Effects) {
        let mut stated: Option<Micros> = None;
        for business in &effects.business {
            match business {
                Business::CoverageDay(day) => {
                    stated = Some(stated.map_or(day.at, |at| at.min(day.at)));
                    self.close(seq, day);
                }
                Business::Filing(change) => self.file(change),
                Business::Acceptance(change) => {
                    self.acceptances.insert(change.unit.clone(), (**change).clone());
                }
                Business::Sealed(day) => {
                    self.sealed.entry(day.day).or_insert_with(|| (**day).clone());
                }
                _ => {}
            }
        }
        if let Some(at) = stated {
            if self.unapplied.len() >= UNAPPLIED_MAX {
                self.unapplied.pop_last();
            }
            self.unapplied.insert(seq, at);
        }
    }

    fn close(&mut self, seq: u64, day: &CoverageDay) {
        if day.day < self.first {
            return;
        }
        let figure = Held { figure: Arc::new(DayFigure::from((seq, day))), is_closed: true };
        self.days.entry(day.day).or_default().insert(day.unit.clone(), figure);
        if self.keeps_whole(day.day) {
            self.whole.insert((day.day, day.unit.clone()), (seq, Arc::new(day.clone())));
        }
    }

    fn file(&mut self, change: &FilingChange) {
        self.filings.insert(change.filing.id, change.filing.clone());
        if self.filings.len() > FILINGS_MAX {
            self.filings.pop_first();
        }
    }

    /// The newest two days: today and yesterday.
    fn keeps_whole(&self, day: Day) -> bool {
        self.days.last_key_value().is_none_or(|(newest, _)| day >= newest.plus(-1))
    }

    /// A day as it stands so far; nothing if it was closed meanwhile.
    pub fn stands(&mut self, seq: u64, day: CoverageDay) {
        let held = self.days.entry(day.day).or_default();
        if held.get(&day.unit).is_some_and(|held| held.is_closed)
            && self.whole.contains_key(&(day.day, day.unit.clone()))
        {
            return;
        }
        let figure = Held { figure: Arc::new(DayFigure::from((seq, &day))), is_closed: false };
        held.insert(day.unit.clone(), figure);
        self.whole.insert((day.day, day.unit.clone()), (seq, Arc::new(day)));
    }

    /// Lets go of days that nobody looks back to any more, and of statements the database has. Called about once a minute.
    pub fn forget(&mut self, now: Micros, applied_seq: u64) {
        self.first = self.first.max(Board::first_day(&self.limits, now));
        self.days = self.days.split_off(&self.first);
        let whole_from = Day::of(now).plus(-1);
        self.whole.retain(|(day, _), _| *day >= whole_from);
        self.unapplied = self.unapplied.split_off(&applied_seq.saturating_add(1));
        let before = self.first.start();
        self.filings.retain(|_, filing| filing.end() >= before);
    }

    pub fn limit(&mut self, limits: &CoverageLimits) {
        if self.limits != *limits {
            self.limits = limits.clone();
        }
    }

    #[must_use]
    pub fn limits(&self) -> &CoverageLimits {
        &self.limits
    }

    /// The days that the figures of `as_of` look at, if all of them are held here.
    #[must_use]
    pub fn window(&self, as_of: Day) -> Option<Vec<Arc<DayFigure>>> {
        let from = window_start(as_of, &self.limits);
        if from < self.first {
            return None;
        }
        Some(self.between(from, as_of))
    }

    /// What is held of `from..=to`, in the order of days and units.
    #[must_use]
    pub fn between(&self, from: Day, to: Day) -> Vec<Arc<DayFigure>> {
        let days = self.days.range(from..=to.max(from));
        days.flat_map(|(_, units)| units.values().map(|held| Arc::clone(&held.figure))).collect()
    }

    #[must_use]
    pub fn first(&self) -> Day {
        self.first
    }

    /// The newest day of which anything is known.
    #[must_use]
    pub fn newest(&self) -> Option<Day> {
        self.days.last_key_value().map(|(day, _)| *day)
    }

    #[must_use]
    pub fn whole(&self, unit: &Unit, day: Day) -> Option<(u64, Arc<CoverageDay>)> {
        self.whole.get(&(day, unit.clone())).cloned()
    }

    /// The day stands so far and is not closed.
    #[must_use]
    pub fn is_open(&self, unit: &Unit, day: Day) -> bool {
        self.days.get(&day).and_then(|units| units.get(unit)).is_some_and(|held| !held.is_closed)
    }

    /// Filings that may still matter, newest first.
    #[must_use]
    pub fn filings(&self) -> Vec<Filing> {
        self.filings.values().rev().cloned().collect()
    }

    /// The newest signature of each unit, or its end.
    #[must_use]
    pub fn acceptances(&self) -> Vec<AcceptanceChange> {
        self.acceptances.values().cloned().collect()
    }

    #[must_use]
    pub fn acceptance(&self, unit: &Unit) -> Option<AcceptanceChange> {
        self.acceptances.get(unit).cloned()
    }

    #[must_use]
    pub fn sealed(&self, day: Day) -> Option<SealedDay> {
        self.sealed.get(&day).cloned()
    }

    /// The record through which the database must have come before it knows all that was stated by record `seq` and by the
    /// time `at`.
    #[must_use]
    pub fn needed(&self, seq: u64, at: Micros) -> u64 {
        let stated = self.unapplied.iter().rev().find(|(stated, when)| **stated <= seq && **when <= at);
        stated.map_or(self.begun_at, |(stated, _)| *stated).min(seq)
    }

    /// Whether what is needed was stated before this process began.
    #[must_use]
    pub fn is_before_start(&self, needed: u64) -> bool {
        needed <= self.begun_at
    }
}

/// The first day that the figures of `as_of` look at.
#[must_use]
pub fn window_start(as_of: Day, limits: &CoverageLimits) -> Day {
    as_of.plus(1_i32.saturating_sub(i32::from(limits.mean_days.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::coverage::{DayCause, Minutes, Samples};
    use bytes::Bytes;

    fn unit() -> Unit {
        Unit { enterprise: "e1".into(), sector: "hazchem".into() }
    }

    fn day(day: Day, reported: u16) -> CoverageDay {
        CoverageDay {
            unit: unit(),
            town: "t".into(),
            day,
            at: day.end(),
            cause: DayCause::Closed,
            registry: String::new(),
            in_scope: true,
            connected: true,
            simulated: false,
            minutes: Minutes { reported, lost: 1_440_u16.saturating_sub(reported), ..Minutes::default() },
            samples: Samples::default(),
            reported: Bytes::new(),
            excused: Bytes::new(),
            system: Bytes::new(),
            points: Vec::new(),
        }
    }

    fn stated(days: &[CoverageDay]) -> Effects {
        let business = days.iter().map(|day| Business::CoverageDay(Box::new(day.clone()))).collect();
        Effects { business, ..Effects::default() }
    }

    fn board(now: Micros) -> Board {
        Board::begin(Known { now, seq: 10, ..Known::default() })
    }

    #[test]
    fn a_closed_day_stands_against_looks_that_came_too_late() {
        let today = Day(20_000);
        let mut board = board(today.start());
        board.stands(11, day(today, 100));
        assert_eq!(board.whole(&unit(), today).map(|(seq, d)| (seq, d.minutes.reported)), Some((11, 100)));
        board.publish(12, &stated(&[day(today, 1_440)]));
        board.stands(13, day(today, 200));
        assert_eq!(board.whole(&unit(), today).map(|(seq, d)| (seq, d.minutes.reported)), Some((12, 1_440)));
        assert_eq!(board.between(today, today).first().map(|f| f.minutes.reported), Some(1_440));
    }

    #[test]
    fn a_window_is_held_whole_or_not_at_all() {
        let today = Day(20_000);
        let mut board = board(today.start());
        assert!(board.window(today).is_some() && board.window(today.plus(-4)).is_some());
        assert!(board.window(today.plus(-5)).is_none(), "the database knows");
        board.publish(11, &stated(&[day(today.plus(-300), 1)]));
        assert!(board.between(today.plus(-400), today).is_empty(), "days before the first are not held in part");
        board.stands(12, day(today.plus(-1), 5));
        board.forget(today.plus(9).start(), 0);
        assert!(board.window(today.plus(4)).is_none());
        assert!(board.whole(&unit(), today.plus(-1)).is_none(), "only the newest days are held whole");
    }

    #[test]
    fn what_the_database_must_have_applied_follows_what_was_stated() {
        let today = Day(20_000);
        let mut board = board(today.start());
        let at = |s: i64| today.start().plus(s);
        let known = |s: i64, reported: u16| CoverageDay { at: at(s), ..day(today, reported) };
        board.publish(15, &stated(&[known(1, 1)]));
        board.publish(16, &stated(&[]));
        board.publish(20, &stated(&[known(3, 2), known(4, 3)]));
        let cases =
            [(25, at(9), 20), (19, at(9), 15), (25, at(2), 15), (25, at(0), 10), (12, at(9), 10), (7, at(9), 7)];
        for (seq, when, needed) in cases {
            assert_eq!(board.needed(seq, when), needed, "{seq} {when:?}");
        }
        board.forget(at(4), 15);
        assert_eq!(board.needed(19, at(9)), 10, "applied long since");
        assert!(board.is_before_start(10) && !board.is_before_start(20));
    }
}
