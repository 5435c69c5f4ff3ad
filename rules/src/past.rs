//! What a condition may remember: functions over readings that have been, kept by the fold and never by a script. Names
//! and arguments only; `alerting` keeps the past itself. Must not know points or state. Pure.

use crate::registry::LimitName;
use crate::rule::Per;

/// Nobody looks further back than a week in readings.
pub(crate) const WINDOW_MAX_S: u32 = 7 * 86_400;
/// The most that `nights` counts.
pub const NIGHTS_MAX: u32 = 14;

/// One function with its arguments, as conditions call it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Past {
    pub what: What,
    /// The tag type whose point on the same equipment is meant; `None` = the point that is judged.
    pub of: Option<String>,
    /// Seconds; 0 where the function has none. Of `days_below` and its kin: parts in a thousand.
    pub window_s: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Units per second, from the oldest reading of the window to the newest.
    Rate,
    Mean,
    Median,
    Min,
    Max,
    Stddev,
    /// Readings in the window.
    Count,
    /// The newest reading minus the oldest of the window.
    Delta,
    /// The reading before this one, and the seconds between them.
    Previous,
    Gap,
    /// A switch has just gone on, or off.
    Rose,
    Fell,
    /// Seconds since a switch went on (0 while it is off), and the reverse.
    OnFor,
    OffFor,
    /// Seconds since a switch or an event was last on.
    SinceOn,
    /// How often it went on within the window.
    Events,
    /// Seconds that a switch has been on since the last event of the other tag type.
    OnTime(String),
    /// How many of the points that wake the rule stood at or over this limit within the window.
    Over(LimitName),
    /// What is usual in this slot of the day: median of the slots before, and their spread (MAD, scaled).
    Usual,
    UsualMad,
    /// The greatest of the usual values of a whole day.
    UsualMax,
    /// The usual mean of a whole day.
    UsualDay,
    /// So many complete days (or working days) in a row before this one lay below that part of what is usual.
    DaysBelow,
    WorkdaysBelow,
    /// How much the day that has just ended looks like the usual one: Pearson's correlation of its 96 slots.
    CurveCorr,
    /// On how many of the nights before this one an alarm of this very rule stood on the point. `window_s` counts nights.
    Nights,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `rate(300)` or `rate("dust.dp", 300)`.
    Window,
    /// `prev()`: of the point itself.
    Own,
    /// `on_for()` or `on_for("dust.fan_run")`.
    Plain,
    /// `on_time("prod.run", "dust.unload_event")`.
    TwoTags,
    /// `over("h", 60)`.
    Limit,
    /// `days_below(0.1)`.
    Part,
    /// `nights(6)`.
    Nights,
}

/// Every function by its name.
const NAMED: [(&str, What, Shape); 24] = [
    ("rate", What::Rate, Shape::Window),
    ("mean", What::Mean, Shape::Window),
    ("median", What::Median, Shape::Window),
    ("min", What::Min, Shape::Window),
    ("max", What::Max, Shape::Window),
    ("stddev", What::Stddev, Shape::Window),
    ("count", What::Count, Shape::Window),
    ("delta", What::Delta, Shape::Window),
    ("prev", What::Previous, Shape::Own),
    ("gap", What::Gap, Shape::Own),
    ("rose", What::Rose, Shape::Own),
    ("fell", What::Fell, Shape::Own),
    ("on_for", What::OnFor, Shape::Plain),
    ("off_for", What::OffFor, Shape::Plain),
    ("since_on", What::SinceOn, Shape::Plain),
    ("events", What::Events, Shape::Window),
    ("usual", What::Usual, Shape::Own),
    ("usual_mad", What::UsualMad, Shape::Own),
    ("usual_max", What::UsualMax, Shape::Own),
    ("usual_day", What::UsualDay, Shape::Own),
    ("days_below", What::DaysBelow, Shape::Part),
    ("workdays_below", What::WorkdaysBelow, Shape::Part),
    ("curve_corr", What::CurveCorr, Shape::Own),
    ("nights", What::Nights, Shape::Nights),
];
/// The two whose arguments are part of what they are.
const ON_TIME: &str = "on_time";
const OVER: &str = "over";

/// Every name, for messages and for the type check.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|(name, ..)| *name).chain([ON_TIME, OVER])
}

pub(crate) fn shape(name: &str) -> Option<Shape> {
    match name {
        ON_TIME => Some(Shape::TwoTags),
        OVER => Some(Shape::Limit),
        _ => NAMED.iter().find(|(known, ..)| *known == name).map(|(_, _, shape)| *shape),
    }
}

pub(crate) fn named(name: &str) -> Option<What> {
    NAMED.iter().find(|(known, ..)| *known == name).map(|(_, what, _)| what.clone())
}

impl What {
    /// What is usual of slots and days.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        self.slot_s().is_some()
    }

    /// Seconds of the slots that it can be asked of; `None` where it is not about slots.
    pub(crate) fn slot_s(&self) -> Option<i64> {
        match self {
            What::Usual | What::UsualMad | What::UsualMax | What::Nights => Some(900),
            What::UsualDay | What::DaysBelow | What::WorkdaysBelow | What::CurveCorr => Some(86_400),
            _ => None,
        }
    }
}

impl Past {
    /// As a condition writes it.
    #[must_use]
    pub fn name(&self) -> String {
        let of = self.of.as_ref().map(|tag| format!("\"{tag}\"")).unwrap_or_default();
        let name = || NAMED.iter().find(|(_, what, _)| *what == self.what).map_or("", |(name, ..)| *name);
        match &self.what {
            What::OnTime(since) => format!("{ON_TIME}({of}, \"{since}\")"),
            What::Over(limit) => format!("{OVER}(\"{}\", {})", limit.name(), self.window_s),
            What::DaysBelow | What::WorkdaysBelow => format!("{}({})", name(), f64::from(self.window_s) / 1_000.0),
            _ if self.window_s == 0 => format!("{}({of})", name()),
            _ if of.is_empty() => format!("{}({})", name(), self.window_s),
            _ => format!("{}({of}, {})", name(), self.window_s),
        }
    }

    #[must_use]
    pub fn is_bool(&self) -> bool {
        matches!(self.what, What::Rose | What::Fell)
    }

    /// The tag types that must be found beside the point.
    pub fn tags(&self) -> impl Iterator<Item = &String> + '_ {
        let since = match &self.what {
            What::OnTime(since) => Some(since),
            _ => None,
        };
        self.of.iter().chain(since)
    }

    /// Whether an object of this width has it; otherwise what the rule must stand on.
    pub(crate) fn is_of(&self, per: Per) -> Result<(), &'static str> {
        match (&self.what, &self.of, per) {
            (What::Over(_), _, Per::Equipment) => Ok(()),
            (What::Over(_), ..) => Err("equipment"),
            (_, _, Per::Point) | (_, Some(_), Per::Equipment) => Ok(()),
            (_, Some(_), Per::Enterprise) => Err("equipment"),
            (_, None, Per::Equipment | Per::Enterprise) => Err("a point"),
        }
    }
}
