//! One rule as it was loaded, and the input columns of its conditions. Data only: `load` makes it, `judge` runs it,
//! `bind` ties it to points. Pure.

use crate::around::Around;
use crate::fact::Fact;
use crate::held::Held;
use crate::judge::Program;
use crate::past::Past;
use crate::reading::Severity;
use crate::registry::{LimitName, Limits, Text};
use crate::written::Written;
use std::collections::{BTreeMap, BTreeSet};

/// A rule of a pack (DESIGN 5), checked and ready to be bound.
#[derive(Debug)]
pub struct Rule {
    /// For example `HC-11`; unique in its set.
    pub id: String,
    /// `None` = every sector.
    pub sector: Option<String>,
    pub name: Text,
    /// Tag types whose readings trigger the rule. Empty = every tag type of the sector (`on = ["*"]`).
    pub on: Vec<String>,
    pub kind: Kind,
    pub per: Per,
    /// The limit shown with an alarm, and the side to which the dead-band moves the default clear condition.
    pub limit: Option<LimitName>,
    /// So many consecutive readings in breach before the delay starts; at least 1.
    pub count_on: u32,
    /// So many consecutive readings out of breach before the alarm may return; at least 1.
    pub count_off: u32,
    pub delay_on_us: i64,
    pub delay_off_us: i64,
    /// Of the points named by `on`, only these wake the rule.
    pub only: Only,
    /// What `limits` and `ceiling` are multiples of, if they are no plain numbers.
    pub times: Option<Times>,
    /// An alarm that stands too long gets worse by itself.
    pub rise: Option<Rise>,
    /// A reading in breach is over by itself: the way back begins at once.
    pub event: bool,
    /// Its alarm does not return by itself: a person resets it once its condition is over.
    pub latch: bool,
    /// Judged are the means of aligned slots of this length instead of readings.
    pub slot_us: Option<i64>,
    /// Filed work that silences its alarms.
    pub suppress: Vec<Suppress>,
    pub lead: Option<Lead>,
    pub severity: Severity,
    /// Promotion never goes beyond this.
    pub severity_max: Severity,
    /// Limits of points that have none of their own.
    pub limits: Limits,
    /// The weakest limit that may stand; checked for rule defaults at load and for points at bind.
    pub ceiling: Limits,
    /// What differs for one tag type of `on`, by tag type id.
    pub by_tag: BTreeMap<String, TagOverride>,
    pub action: Text,
    pub basis: Vec<String>,
    pub when: Program,
    /// `None` = the default: not `when`, its value moved by the point's dead-band.
    pub clear: Option<Program>,
    /// As its pack says it.
    pub written: Written,
}

impl Rule {
    /// Whether `when` or `clear` reads the column.
    #[must_use]
    pub fn reads(&self, column: &Column) -> bool {
        self.columns().any(|read| read == column)
    }

    /// The distinct tag types that `when` and `clear` read by `tag("…")`, sorted.
    #[must_use]
    pub fn tag_names(&self) -> Vec<String> {
        let names = self.columns().filter_map(|column| match column.inner() {
            Column::Tag(tag) => Some(tag.clone()),
            _ => None,
        });
        names.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// Whether the rule cannot do without a point of this tag type.
    #[must_use]
    pub fn needs_tag(&self, tag: &str) -> bool {
        self.columns().any(|column| matches!(column, Column::Tag(name) if name == tag))
    }

    /// Whether the rule cannot do without this function over the past.
    #[must_use]
    pub fn needs_past(&self, past: &Past) -> bool {
        self.columns().any(|column| matches!(column, Column::Past(needed) if needed == past))
    }

    /// Whether the rule cannot do without this input from around.
    #[must_use]
    pub fn needs_around(&self, around: &Around) -> bool {
        self.columns().any(|column| matches!(column, Column::Around(needed) if needed == around))
    }

    /// The distinct functions over the past that `when` and `clear` call, in the order of their first mention.
    #[must_use]
    pub fn pasts(&self) -> Vec<Past> {
        self.distinct(|column| match column {
            Column::Past(past) => Some(past),
            _ => None,
        })
    }

    /// The same of what lies around.
    #[must_use]
    pub fn arounds(&self) -> Vec<Around> {
        self.distinct(|column| match column {
            Column::Around(around) => Some(around),
            _ => None,
        })
    }

    fn distinct<T: Clone + PartialEq>(&self, pick: impl Fn(&Column) -> Option<&T>) -> Vec<T> {
        let mut list: Vec<T> = Vec::new();
        for found in self.columns().filter_map(|column| pick(column.inner())) {
            if !list.contains(found) {
                list.push(found.clone());
            }
        }
        list
    }

    /// The distinct facts that `when` and `clear` read, in the order of their first mention.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        self.distinct(|column| match column {
            Column::Fact(fact) => Some(fact),
            _ => None,
        })
    }

    /// The input columns of both conditions and of those inside them; one that several read comes more than once.
    pub fn columns(&self) -> impl Iterator<Item = &Column> + '_ {
        self.when.all_columns().chain(self.clear.iter().flat_map(Program::all_columns))
    }

    /// The distinct conditions inside `when` and `clear`.
    #[must_use]
    pub fn helds(&self) -> Vec<Held> {
        let mut list: Vec<Held> = Vec::new();
        for held in self.when.helds().iter().chain(self.clear.iter().flat_map(|clear| clear.helds())) {
            if !list.iter().any(|known| known.text == held.text) {
                list.push(held.clone());
            }
        }
        list
    }
}

/// What makes a rule look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A reading of one of its points.
    Reading,
    /// The passing of time without a reading: the condition reads `age()`.
    Absence,
}

/// The object an alarm of the rule stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Point,
    Equipment,
    Enterprise,
}

/// Which of the points named by `on` wake a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Those that must be sent.
    pub required: bool,
    /// Those on major hazard sources.
    pub hazard_source: bool,
}

/// The attribute of a point that its limits are multiples of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Of the substance it looks for.
    Oel,
    /// Of its equipment.
    RatedKw,
    RatedA,
    Mec,
}

/// `rise = { after = "20m", severity = "orange" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// Since the alarm was raised, in attended time.
    pub after_us: i64,
    pub severity: Severity,
}

/// Filed work during which an alarm is suppressed by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suppress {
    /// `equipment.maintenance`: filed for the equipment of the alarm's object, or for its whole enterprise.
    Maintenance,
    /// `point.calibration`: filed for its point, the equipment or the enterprise.
    Calibration,
}

/// An alarm in breach for so long opens a lead in the hazard ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    pub after_us: i64,
    /// The ground in law, for example `121-12`.
    pub ground: String,
    pub title: Text,
}

/// `[rule.by_tag."bund.liquid"]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TagOverride {
    pub severity: Option<Severity>,
    pub delay_on_us: Option<i64>,
    pub delay_off_us: Option<i64>,
}

/// One input column of a condition. All columns are `f64`; switches are 0 and 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// `value`: the reading that triggers the judgement.
    Value,
    /// `bad`: bool, the reading's quality is bad. A rule that reads it is the only kind shown bad readings.
    Bad,
    /// `ll`, `l`, `h`, `hh`.
    Limit(LimitName),
    /// `range_lo`, `range_hi`.
    RangeLo,
    RangeHi,
    /// `period`, seconds.
    Period,
    /// `age()`, seconds since the last reading of the object was received. Only in absence rules.
    Age,
    /// `tag("dust.fan_run")`: the last good value held by the point of that tag type on the same equipment.
    Tag(String),
    /// What the registry says of the object: `hazard_level`, `status("closed")`.
    Fact(Fact),
    /// What has been: `rate(300)`, `on_for("dust.fan_run")`.
    Past(Past),
    /// What lies around: `site("wind.speed")`, `workday()`.
    Around(Around),
    /// `held(value >= h, 60)`, as it is written: the condition in it has been true for so long.
    Held(String),
    /// `or(tag("prod.run"), 0.0)`: the number (its bits) where the input is missing.
    Or(Box<Column>, u64),
}

impl Column {
    /// The input itself, without what stands for it where it is missing.
    #[must_use]
    pub fn inner(&self) -> &Column {
        match self {
            Column::Or(column, _) => column,
            other => other,
        }
    }

    /// The column as a condition writes it: `value`, `tag("dust.fan_run")`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Column::Value => "value".to_owned(),
            Column::Bad => "bad".to_owned(),
            Column::Limit(limit) => limit.name().to_owned(),
            Column::RangeLo => "range_lo".to_owned(),
            Column::RangeHi => "range_hi".to_owned(),
            Column::Period => "period".to_owned(),
            Column::Age => "age()".to_owned(),
            Column::Tag(tag) => format!("tag(\"{tag}\")"),
            Column::Fact(fact) => fact.name(),
            Column::Past(past) => past.name(),
            Column::Around(around) => around.name(),
            Column::Held(text) => text.clone(),
            Column::Or(column, bits) => format!("or({}, {})", column.name(), f64::from_bits(*bits)),
        }
    }

    /// Whether conditions see it as true or false.
    #[must_use]
    pub fn is_bool(&self) -> bool {
        match self {
            Column::Bad | Column::Held(_) => true,
            Column::Fact(fact) => fact.is_bool(),
            Column::Past(past) => past.is_bool(),
            Column::Around(around) => around.is_bool(),
            _ => false,
        }
    }
}
