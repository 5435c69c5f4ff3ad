//! One rule on one object between readings: has the condition been true often and long enough to be an alarm, and
//! false often and long enough to be over? Counts and dwells only; the alarm itself is in `alarm`. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::alarm::Alarm;
use rules::reading::{Micros, Severity};
use rules::registry::LimitName;
use serde::{Deserialize, Serialize};

/// Owns the one alarm that may be open for its rule and object: hence never two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    pub phase: Phase,
    pub alarm: Option<Box<Alarm>>,
}

/// Where the condition stands, before anybody's acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Not in breach.
    #[default]
    Quiet,
    /// In breach for fewer readings than asked.
    Counting { breach: Box<Breach>, hits: u32 },
    /// In breach for enough readings; becomes an alarm at `due` unless a reading says otherwise before.
    Dwelling { breach: Box<Breach>, due: Micros },
    /// An alarm stands; so many readings in a row said that it is over.
    Active { misses: u32 },
    /// An alarm stands, but is over at `due` unless a reading says otherwise before.
    Returning { value: Option<f64>, due: Micros },
}

/// A breach from its first reading on, until it is an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    pub since: Micros,
    pub last_at: Micros,
    pub value: Option<f64>,
    pub worst: Option<f64>,
    /// As the last reading graded it.
    pub severity: Severity,
}

/// What one reading says of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Breach(Severity),
    /// Neither in breach nor far enough out of it: within the dead-band.
    Between,
    Over,
}

/// When it was said, and the value that said it (none for silence).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub at: Micros,
    pub value: Option<f64>,
}

/// What the rule asks for on this object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    pub count_on: u32,
    pub count_off: u32,
    pub delay_on_us: i64,
    pub delay_off_us: i64,
    pub side: Side,
}

/// Where worse lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    High,
    Low,
    /// No limit: the last value is as bad as any.
    Unknown,
}

/// What the alarm has to do about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    Stay,
    /// The breach has become an alarm.
    Enter(Breach),
    /// The alarm is still in breach.
    Hold(Severity, Moment),
    /// The breach is over.
    Leave(Moment),
}

impl Side {
    #[must_use]
    pub fn of(limit: Option<LimitName>) -> Side {
        match limit {
            Some(LimitName::H | LimitName::Hh) => Side::High,
            Some(LimitName::L | LimitName::Ll) => Side::Low,
            None => Side::Unknown,
        }
    }

    /// The worse of the worst so far and a new value.
    #[must_use]
    pub fn worse(self, worst: Option<f64>, value: Option<f64>) -> Option<f64> {
        match (worst, value, self) {
            (worst, None, _) => worst,
            (None, value, _) | (Some(_), value, Side::Unknown) => value,
            (Some(worst), Some(value), Side::High) => Some(worst.max(value)),
            (Some(worst), Some(value), Side::Low) => Some(worst.min(value)),
        }
    }
}

impl Breach {
    #[must_use]
    pub fn new(severity: Severity, moment: Moment) -> Breach {
        let Moment { at, value } = moment;
        Breach { since: at, last_at: at, value, worst: value, severity }
    }

    fn goes_on(&mut self, severity: Severity, moment: Moment, side: Side) {
        self.last_at = moment.at;
        self.value = moment.value.or(self.value);
        self.worst = side.worse(self.worst, moment.value);
        self.severity = severity;
    }
}

impl Phase {
    /// When time alone will change it.
    #[must_use]
    pub fn due(&self) -> Option<Micros> {
        match self {
            Phase::Dwelling { due, .. } | Phase::Returning { due, .. } => Some(*due),
            Phase::Quiet | Phase::Counting { .. } | Phase::Active { .. } => None,
        }
    }

    /// Whether its alarm, if it has one, is in breach.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        matches!(self, Phase::Active { .. } | Phase::Returning { .. })
    }

    /// A reading that spoke.
    pub fn see(&mut self, sight: Sight, moment: Moment, terms: &Terms) -> Turn {
        match sight {
            Sight::Breach(severity) => self.see_breach(severity, moment, terms),
            Sight::Over => self.see_over(moment, terms),
            Sight::Between => {
                *self = if self.is_alarm() { Phase::Active { misses: 0 } } else { Phase::Quiet };
                Turn::Stay
            }
        }
    }

    /// Silence became a breach: there are no readings to count.
    pub fn fall_silent(&mut self, severity: Severity, at: Micros, terms: &Terms) -> Turn {
        let moment = Moment { at, value: None };
        self.see_breach(severity, moment, &Terms { count_on: 1, ..*terms })
    }

    /// Its own `due` has come.
    pub fn come_due(&mut self) -> Turn {
        match std::mem::take(self) {
            Phase::Dwelling { breach, .. } => {
                *self = Phase::Active { misses: 0 };
                Turn::Enter(*breach)
            }
            Phase::Returning { value, due } => Turn::Leave(Moment { at: due, value }),
            other @ (Phase::Quiet | Phase::Counting { .. } | Phase::Active { .. }) => {
                *self = other;
                Turn::Stay
            }
        }
    }

    fn see_breach(&mut self, severity: Severity, moment: Moment, terms: &Terms) -> Turn {
        match std::mem::take(self) {
            Phase::Quiet => self.count(Box::new(Breach::new(severity, moment)), 1, (moment, terms)),
            Phase::Counting { mut breach, hits } => {
                breach.goes_on(severity, moment, terms.side);
                self.count(breach, hits.saturating_add(1), (moment, terms))
            }
            Phase::Dwelling { mut breach, due } => {
                breach.goes_on(severity, moment, terms.side);
                *self = Phase::Dwelling { breach, due };
                Turn::Stay
            }
            Phase::Active { .. } | Phase::Returning { .. } => {
                *self = Phase::Active { misses: 0 };
                Turn::Hold(severity, moment)
            }
        }
    }

    fn count(&mut self, breach: Box<Breach>, hits: u32, (moment, terms): (Moment, &Terms)) -> Turn {
        if hits < terms.count_on {
            *self = Phase::Counting { breach, hits };
            Turn::Stay
        } else if terms.delay_on_us > 0 {
            *self = Phase::Dwelling { breach, due: moment.at.plus(terms.delay_on_us) };
            Turn::Stay
        } else {
            *self = Phase::Active { misses: 0 };
            Turn::Enter(*breach)
        }
    }

    fn see_over(&mut self, moment: Moment, terms: &Terms) -> Turn {
        match *self {
            Phase::Quiet | Phase::Counting { .. } | Phase::Dwelling { .. } => {
                *self = Phase::Quiet;
                Turn::Stay
            }
            Phase::Active { misses } if misses.saturating_add(1) < terms.count_off => {
                *self = Phase::Active { misses: misses.saturating_add(1) };
                Turn::Stay
            }
            Phase::Active { .. } if terms.delay_off_us > 0 => {
                *self = Phase::Returning { value: moment.value, due: moment.at.plus(terms.delay_off_us) };
                Turn::Stay
            }
            Phase::Active { .. } => {
                *self = Phase::Quiet;
                Turn::Leave(moment)
            }
            Phase::Returning { due, .. } => {
                *self = Phase::Returning { value: moment.value, due };
                Turn::Stay
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::reading::SECOND_US;

    const PLAIN: Terms = Terms { count_on: 1, count_off: 1, delay_on_us: 0, delay_off_us: 0, side: Side::High };

    /// What one reading, or the passing of time, makes of a phase.
    enum Do {
        Breach(i64, f64),
        Between(i64),
        Over(i64),
        Due,
        Silent(i64),
    }

    fn moment(s: i64, value: f64) -> Moment {
        Moment { at: Micros(s * SECOND_US), value: Some(value) }
    }

    fn turn(phase: &mut Phase, what: &Do, terms: &Terms) -> String {
        let turn = match what {
            Do::Breach(s, value) => phase.see(Sight::Breach(Severity::Orange), moment(*s, *value), terms),
            Do::Between(s) => phase.see(Sight::Between, moment(*s, 47.0), terms),
            Do::Over(s) => phase.see(Sight::Over, moment(*s, 10.0), terms),
            Do::Due => phase.come_due(),
            Do::Silent(s) => phase.fall_silent(Severity::Blue, Micros(s * SECOND_US), terms),
        };
        let seconds = |at: Micros| at.0 / SECOND_US;
        match turn {
            Turn::Stay => "stay".to_owned(),
            Turn::Enter(breach) => format!("enter since {} worst {:?}", seconds(breach.since), breach.worst),
            Turn::Hold(_, moment) => format!("hold {:?}", moment.value),
            Turn::Leave(moment) => format!("leave at {} on {:?}", seconds(moment.at), moment.value),
        }
    }

    fn check(terms: &Terms, steps: &[(Do, &str)]) {
        let mut phase = Phase::Quiet;
        for (n, (what, expected)) in steps.iter().enumerate() {
            assert_eq!(turn(&mut phase, what, terms), *expected, "step {n}, now {phase:?}");
        }
    }

    #[test]
    fn without_delays_every_reading_decides() {
        check(
            &PLAIN,
            &[
                (Do::Over(0), "stay"),
                (Do::Between(1), "stay"),
                (Do::Breach(2, 60.0), "enter since 2 worst Some(60.0)"),
                (Do::Breach(3, 55.0), "hold Some(55.0)"),
                (Do::Between(4), "stay"),
                (Do::Over(5), "leave at 5 on Some(10.0)"),
                (Do::Breach(6, 60.0), "enter since 6 worst Some(60.0)"),
            ],
        );
    }

    #[test]
    fn counts_come_before_delays_and_start_again() {
        let terms = Terms { count_on: 2, count_off: 2, delay_on_us: 5 * SECOND_US, delay_off_us: SECOND_US, ..PLAIN };
        check(
            &terms,
            &[
                (Do::Breach(0, 60.0), "stay"),
                (Do::Between(1), "stay"),
                (Do::Breach(2, 70.0), "stay"),
                (Do::Breach(3, 65.0), "stay"),
                (Do::Due, "enter since 2 worst Some(70.0)"),
                (Do::Over(10), "stay"),
                (Do::Between(11), "stay"),
                (Do::Over(12), "stay"),
                (Do::Over(13), "stay"),
                (Do::Breach(13, 60.0), "hold Some(60.0)"),
                (Do::Due, "stay"),
                (Do::Over(14), "stay"),
                (Do::Over(15), "stay"),
                (Do::Due, "leave at 16 on Some(10.0)"),
            ],
        );
    }

    #[test]
    fn a_breach_that_ends_within_its_delay_never_was() {
        let terms = Terms { delay_on_us: 5 * SECOND_US, ..PLAIN };
        for end in [Do::Over(1), Do::Between(1)] {
            check(&terms, &[(Do::Breach(0, 60.0), "stay"), (end, "stay"), (Do::Due, "stay")]);
        }
    }

    #[test]
    fn due_is_the_end_of_the_delay_and_does_not_move() {
        let terms = Terms { delay_on_us: 5 * SECOND_US, delay_off_us: 7 * SECOND_US, ..PLAIN };
        let mut phase = Phase::Quiet;
        for s in [1, 2, 3] {
            turn(&mut phase, &Do::Breach(s, 60.0), &terms);
            assert_eq!(phase.due(), Some(Micros(6 * SECOND_US)));
        }
        turn(&mut phase, &Do::Due, &terms);
        assert_eq!(phase.due(), None);
        for s in [10, 11] {
            turn(&mut phase, &Do::Over(s), &terms);
            assert_eq!(phase.due(), Some(Micros(17 * SECOND_US)));
        }
        turn(&mut phase, &Do::Between(12), &terms);
        assert_eq!(phase.due(), None, "the way back is broken off");
    }

    #[test]
    fn silence_needs_no_count() {
        let terms = Terms { count_on: 3, ..PLAIN };
        check(&terms, &[(Do::Silent(9), "enter since 9 worst None"), (Do::Over(10), "leave at 10 on Some(10.0)")]);
    }

    #[test]
    fn worse_lies_on_the_limits_side() {
        let worse = |side: Side| side.worse(Some(5.0), Some(3.0));
        assert_eq!(worse(Side::of(Some(LimitName::Hh))), Some(5.0));
        assert_eq!(worse(Side::of(Some(LimitName::L))), Some(3.0));
        assert_eq!(worse(Side::of(None)), Some(3.0));
        assert_eq!(Side::High.worse(Some(5.0), None), Some(5.0));
        assert_eq!(Side::Low.worse(None, Some(5.0)), Some(5.0));
    }
}
