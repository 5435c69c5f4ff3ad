//! Local days (Asia/Shanghai, +08:00, no daylight saving) and minutes: what coverage and deadlines of people are counted
//! by. Pure.

use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

pub const MINUTE_US: i64 = 60 * SECOND_US;
pub const DAY_US: i64 = 86_400 * SECOND_US;
pub const DAY_MINUTES: u16 = 1_440;
/// Local time goes before UTC by so much.
pub const OFFSET_US: i64 = 8 * 3_600 * SECOND_US;

/// Days since 1970-01-01, local.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i32);

impl Day {
    #[must_use]
    pub fn of(at: Micros) -> Day {
        let days = at.0.saturating_add(OFFSET_US).div_euclid(DAY_US);
        Day(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
    }

    /// Its first instant.
    #[must_use]
    pub fn start(self) -> Micros {
        Micros(i64::from(self.0).saturating_mul(DAY_US).saturating_sub(OFFSET_US))
    }

    /// The first instant after it.
    #[must_use]
    pub fn end(self) -> Micros {
        self.plus(1).start()
    }

    #[must_use]
    pub fn plus(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// Year, month 1 to 12, day of the month, in the Gregorian calendar.
    #[must_use]
    pub fn civil(self) -> (i32, u8, u8) {
        // Counted from 0000-03-01, so that the leap day is the last of its year.
        let days = i64::from(self.0).saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year =
            of_era.saturating_sub(of_era / 1_460).saturating_add(of_era / 36_524).saturating_sub(of_era / 146_096)
                / 365;
        let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
        let of_year = of_era.saturating_sub(before);
        let shifted = of_year.saturating_mul(5).saturating_add(2) / 153;
        let day = of_year.saturating_sub(shifted.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
        let month = if shifted < 10 { shifted.saturating_add(3) } else { shifted.saturating_sub(9) };
        let year = era.saturating_mul(400).saturating_add(year).saturating_add(i64::from(month <= 2));
        (i32::try_from(year).unwrap_or(i32::MAX), u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
    }

    /// `None` where the calendar has no such day.
    #[must_use]
    pub fn from_civil(year: i32, month: u8, day: u8) -> Option<Day> {
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1..=9_999).contains(&year) {
            return None;
        }
        let shifted_year = i64::from(year).saturating_sub(i64::from(month <= 2));
        let era = shifted_year.div_euclid(400);
        let of_era = shifted_year.rem_euclid(400);
        let shifted_month = i64::from(if month > 2 { month.saturating_sub(3) } else { month.saturating_add(9) });
        let of_year = shifted_month.saturating_mul(153).saturating_add(2) / 5;
        let of_year = of_year.saturating_add(i64::from(day)).saturating_sub(1);
        let days = of_era
            .saturating_mul(365)
            .saturating_add(of_era / 4)
            .saturating_sub(of_era / 100)
            .saturating_add(of_year)
            .saturating_add(era.saturating_mul(146_097))
            .saturating_sub(719_468);
        let found = Day(i32::try_from(days).ok()?);
        (found.civil() == (year, month, day)).then_some(found)
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_start(self) -> Day {
        let (_, _, day) = self.civil();
        self.plus(1_i32.saturating_sub(i32::from(day)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Day, String> {
        let wrong = || format!("\"{}\" is not a day such as 2025-12-31", text.escape_debug());
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return Err(wrong()) };
        let is_plain = |part: &str, len| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
        if !(is_plain(year, 4) && is_plain(month, 2) && is_plain(day, 2)) {
            return Err(wrong());
        }
        let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else { return Err(wrong()) };
        Day::from_civil(year, month, day).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_local_and_read_as_they_are_written() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2025-12-31", 20_453),
            ("1969-12-31", -1),
            ("2100-03-01", 47_541),
        ] {
            let day: Day = text.parse().expect(text);
            assert_eq!((day, day.to_string().as_str()), (Day(number), text));
        }
        // 2025-12-31T16:00:00Z is midnight in Bishan.
        let midnight = Micros(1_767_196_800 * SECOND_US);
        assert_eq!(Day::of(midnight).to_string(), "2026-01-01");
        assert_eq!(Day::of(midnight.plus(-1)).to_string(), "2025-12-31");
        assert_eq!((Day::of(midnight).start(), Day::of(midnight).plus(-1).end()), (midnight, midnight));
        assert_eq!(Day::of(midnight).plus(-1).month_start().to_string(), "2025-12-01");
        for wrong in ["", "2025-02-29", "2025-13-01", "2025-1-01", "+025-01-01", "2025-01-01T00:00", "0000-01-01"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for number in -50_000..100_000 {
            let (year, month, day) = Day(number).civil();
            assert_eq!(Day::from_civil(year, month, day), Some(Day(number)));
        }
    }
}
