//! What lies around the object of a rule: other points of the plant, filings, orders and the calendar. Names and
//! arguments only; `alerting` looks them up at the moment of a reading. Must not know points or state. Pure.

use crate::registry::CIRCUIT_ROLES;
use crate::rule::Per;

/// One input of that kind, as conditions call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Around {
    /// `tag_age("wind.dir")`: seconds since the last good reading of that tag type on the same equipment.
    TagAge(String),
    /// `site("wind.speed")`: the value held by the only point of that tag type in the enterprise.
    Site(String),
    /// `site_load("production")`: drawn by the enterprise's circuits of that role, as a part of their rating.
    SiteLoad(String),
    /// `other("pwr.u_a")`: the value held by the point of that tag type on the equipment that this one is paired with.
    Other(String),
    /// `lee_targets(45)`: sensitive targets within so many degrees of the lee side and within the plan's radius.
    LeeTargets(u32),
    /// `in_hours("22:00", "06:00")`: minutes of the local day; the end is not in it.
    InHours(u16, u16),
    /// `workday()`: by the calendar of holidays.
    Workday,
    /// `in_shift()`, and `since_shift_end()` in seconds.
    InShift,
    SinceShiftEnd,
    /// `filed("night_shift")`: a filing of that kind is on for the object.
    Filed(String),
    /// `ordered_kw()`: the load that an order allows; without an order, more than any plant draws.
    OrderedKw,
}

/// Calls that are inputs of this kind.
pub(crate) const CALLS: [&str; 11] = [
    "tag_age",
    "site",
    "site_load",
    "other",
    "lee_targets",
    "in_hours",
    "workday",
    "in_shift",
    "since_shift_end",
    "filed",
    "ordered_kw",
];

/// The kinds of filings that a condition may ask for.
pub const FILING_KINDS: [&str; 8] =
    ["maintenance", "calibration", "stop", "restart", "night_shift", "holiday_stop", "bypass_permit", "limit_order"];

impl Around {
    /// As a condition writes it.
    #[must_use]
    pub fn name(&self) -> String {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        match self {
            Around::TagAge(tag) => format!("tag_age(\"{tag}\")"),
            Around::Site(tag) => format!("site(\"{tag}\")"),
            Around::SiteLoad(role) => format!("site_load(\"{role}\")"),
            Around::Other(tag) => format!("other(\"{tag}\")"),
            Around::LeeTargets(degrees) => format!("lee_targets({degrees})"),
            Around::InHours(from, to) => format!("in_hours(\"{}\", \"{}\")", clock(*from), clock(*to)),
            Around::Workday => "workday()".to_owned(),
            Around::InShift => "in_shift()".to_owned(),
            Around::SinceShiftEnd => "since_shift_end()".to_owned(),
            Around::Filed(kind) => format!("filed(\"{kind}\")"),
            Around::OrderedKw => "ordered_kw()".to_owned(),
        }
    }

    #[must_use]
    pub fn is_bool(&self) -> bool {
        matches!(self, Around::InHours(..) | Around::Workday | Around::InShift | Around::Filed(_))
    }

    /// The tag type that must be known.
    #[must_use]
    pub fn tag(&self) -> Option<&String> {
        match self {
            Around::TagAge(tag) | Around::Site(tag) | Around::Other(tag) => Some(tag),
            _ => None,
        }
    }

    /// Whether an object of this width has it; otherwise what the rule must stand on.
    pub(crate) fn is_of(&self, per: Per) -> Result<(), &'static str> {
        match (self, per) {
            (Around::TagAge(_) | Around::Other(_), Per::Enterprise) => Err("equipment"),
            _ => Ok(()),
        }
    }

    /// A call with words in quotes only.
    pub(crate) fn of_words(name: &str, words: &[&str]) -> Option<Around> {
        Some(match (name, words) {
            ("tag_age", [tag]) => Around::TagAge((*tag).to_owned()),
            ("site", [tag]) => Around::Site((*tag).to_owned()),
            ("other", [tag]) => Around::Other((*tag).to_owned()),
            ("site_load", [role]) if CIRCUIT_ROLES.contains(role) => Around::SiteLoad((*role).to_owned()),
            ("filed", [kind]) if FILING_KINDS.contains(kind) => Around::Filed((*kind).to_owned()),
            ("in_hours", [from, to]) => Around::InHours(minute_of_day(from)?, minute_of_day(to)?),
            ("workday", []) => Around::Workday,
            ("in_shift", []) => Around::InShift,
            ("since_shift_end", []) => Around::SinceShiftEnd,
            ("ordered_kw", []) => Around::OrderedKw,
            _ => return None,
        })
    }
}

/// `22:00` as minutes of the day.
#[must_use]
pub fn minute_of_day(clock: &str) -> Option<u16> {
    let (hour, minute) = clock.split_once(':')?;
    let two = |text: &str, below: u16| {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| is_plain && *number < below)
    };
    two(hour, 24)?.checked_mul(60)?.checked_add(two(minute, 60)?)
}
