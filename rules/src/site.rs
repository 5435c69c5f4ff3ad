//! What the registry says of a plant beyond its points: what equipment is built for, when people work, who lives around
//! it, and which days are days off. Plain data. Must not know points, state or files. Pure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What equipment was designed for; what is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Usable height of a tank, m: what 100 % of its level are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_m: Option<f64>,
    /// Rated current of its motor, A.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rated_a: Option<f64>,
    /// Limiting oxygen concentration (LOC) of its dust, %vol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loc: Option<f64>,
    /// Minimum explosible concentration (MEC) of its dust, g/m³.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mec: Option<f64>,
    /// The equipment that does the same beside it: the other feed of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
}

/// Working hours and neighbours of an enterprise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
    /// Schools, villages and the like (敏感目标).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// So far its emergency plan looks, m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_radius_m: Option<f64>,
}

/// Hours in which people work, in minutes of the local day; an end before the beginning is on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub from: u16,
    pub to: u16,
    /// On days off, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub every_day: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    /// As seen from the enterprise, degrees from north, clockwise.
    pub bearing_deg: f64,
    pub distance_m: f64,
}

/// Days off and days worked instead, as the State Council publishes them; local days since 1970-01-01. Of a day that is
/// in neither: Monday to Friday are working days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub off: BTreeSet<i32>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub worked: BTreeSet<i32>,
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

pub const DAY_MINUTES: u16 = 1_440;

impl Design {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Design::default()
    }
}

impl Calendar {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.off.is_empty() && self.worked.is_empty()
    }

    /// Whether a local day, counted from 1970-01-01, is a working day.
    #[must_use]
    pub fn is_workday(&self, day: i32) -> bool {
        // 1970-01-01 was a Thursday.
        let is_weekday = day.saturating_add(3).rem_euclid(7) < 5;
        self.worked.contains(&day) || (is_weekday && !self.off.contains(&day))
    }
}

impl Shift {
    /// Minutes from the beginning of the day it begins on to its end.
    fn end(self) -> i64 {
        let over = if self.to <= self.from { i64::from(DAY_MINUTES) } else { 0 };
        i64::from(self.to).saturating_add(over)
    }
}

impl Site {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Site::default()
    }

    /// Whether a shift is on at a minute of a local day.
    #[must_use]
    pub fn is_in_shift(&self, calendar: &Calendar, day: i32, minute: u16) -> bool {
        let minute = i64::from(minute);
        self.begun(calendar, day, 1).any(|(begins, shift)| {
            begins.saturating_add(i64::from(shift.from)) <= minute && minute < begins.saturating_add(shift.end())
        })
    }

    /// Whole minutes since the last shift ended; `None` if none did within a month.
    #[must_use]
    pub fn since_shift_end(&self, calendar: &Calendar, day: i32, minute: u16) -> Option<i64> {
        let minute = i64::from(minute);
        let ends = self.begun(calendar, day, 31).map(|(begins, shift)| begins.saturating_add(shift.end()));
        ends.filter(|end| *end <= minute).max().map(|end| minute.saturating_sub(end))
    }

    /// The shifts that began on the day or up to so many days before it, each with where its own day begins, in minutes
    /// from the beginning of the day.
    fn begun(&self, calendar: &Calendar, day: i32, back: i32) -> impl Iterator<Item = (i64, &Shift)> {
        (0..=back).flat_map(move |ago| {
            let begins = i64::from(ago).saturating_mul(i64::from(DAY_MINUTES)).saturating_neg();
            let is_workday = calendar.is_workday(day.saturating_sub(ago));
            self.shifts.iter().filter(move |shift| is_workday || shift.every_day).map(move |shift| (begins, shift))
        })
    }

    /// How many targets lie within the plan's radius and so many degrees of where the wind blows to. It comes from
    /// `wind_deg`.
    #[must_use]
    pub fn lee_targets(&self, wind_deg: f64, within_deg: u32) -> usize {
        let Some(radius_m) = self.plan_radius_m else { return 0 };
        let is_hit = |target: &&Target| {
            // Remainders of floats are exact.
            let turned = (target.bearing_deg - wind_deg).rem_euclid(360.0);
            target.distance_m <= radius_m && (turned - 180.0).abs() <= f64::from(within_deg)
        };
        self.targets.iter().filter(is_hit).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2026-09-28 is a Monday: 20,724 days after 1970-01-01.
    const MONDAY: i32 = 20_724;

    #[test]
    fn a_calendar_moves_days_off() {
        let calendar = Calendar { off: [MONDAY + 3].into(), worked: [MONDAY + 5].into() };
        let week: Vec<bool> = (0..7).map(|day| calendar.is_workday(MONDAY + day)).collect();
        assert_eq!(week, [true, true, true, false, true, true, false]);
        assert!(Calendar::default().is_workday(MONDAY) && !Calendar::default().is_workday(MONDAY + 6));
    }

    #[test]
    fn shifts_go_over_midnight_and_rest_on_days_off() {
        let shift = |from, to, every_day| Shift { from, to, every_day };
        let site = Site { shifts: vec![shift(480, 960, false), shift(1_320, 360, true)], ..Site::default() };
        let calendar = Calendar { off: [MONDAY].into(), worked: BTreeSet::new() };
        let table = [
            // Day, minute, in a shift, minutes since the last end.
            (MONDAY, 359, true, Some(359 + 1_440 - 360)),
            (MONDAY, 360, false, Some(0)),
            (MONDAY, 500, false, Some(140)),
            (MONDAY, 1_320, true, Some(960)),
            (MONDAY + 1, 480, true, Some(120)),
            (MONDAY + 1, 959, true, Some(599)),
            (MONDAY + 1, 960, false, Some(0)),
        ];
        for (day, minute, is_in, since) in table {
            assert_eq!(site.is_in_shift(&calendar, day, minute), is_in, "{day} {minute}");
            assert_eq!(site.since_shift_end(&calendar, day, minute), since, "{day} {minute}");
        }
        assert_eq!(Site::default().since_shift_end(&calendar, MONDAY, 0), None);
    }

    #[test]
    fn targets_are_hit_where_the_wind_blows_to() {
        let target = |bearing_deg, distance_m| Target { name: String::new(), bearing_deg, distance_m };
        let targets = vec![target(180.0, 400.0), target(10.0, 500.0), target(350.0, 501.0)];
        let site = Site { targets, plan_radius_m: Some(500.0), ..Site::default() };
        for (wind_deg, within, hit) in
            [(0.0, 45, 1), (45.0, 45, 1), (45.1, 45, 0), (190.0, 0, 1), (145.0, 45, 1), (144.9, 45, 0), (360.0, 1, 1)]
        {
            assert_eq!(site.lee_targets(wind_deg, within), hit, "{wind_deg} {within}");
        }
        assert_eq!(Site { plan_radius_m: None, ..site }.lee_targets(0.0, 180), 0);
    }
}
