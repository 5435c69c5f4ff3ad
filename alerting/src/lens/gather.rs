//! Where the inputs of conditions come from: one column each, filled row by row. Must not know what is done with verdicts.
//! Pure.

use crate::surroundings::Surroundings;
use rules::around::Around;
use rules::bind::Instance;
use rules::fact::Fact;
use rules::held::Held;
use rules::judge::{Frame, Program, Verdict};
use rules::past::Past;
use rules::reading::{Micros, Quality};
use rules::registry::LimitName;
use rules::rule::Column;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the conditions of a rule ask for beside the reading itself.
#[derive(Debug)]
pub(super) struct Asked {
    /// Who asks.
    pub rule: String,
    pub helds: Vec<Held>,
    pub tag_names: Vec<String>,
    pub facts: Vec<Fact>,
    pub pasts: Vec<Past>,
    pub arounds: Vec<Around>,
}

/// The columns of one program and where their values come from.
#[derive(Debug)]
pub(super) struct Gather {
    /// Each with what stands in where it is missing: NaN for most.
    pub feeds: Vec<(Feed, f64)>,
    /// As conditions write them, parallel to `feeds`.
    pub names: Vec<String>,
    pub frame: Frame,
    /// Rows of which an input could not be made, and why.
    pub failed: Vec<(usize, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    Value,
    Bad,
    Limit(LimitName),
    RangeLo,
    RangeHi,
    Period,
    /// Index into `Instance::tags`.
    Tag(usize),
    /// Index into `Instance::facts`.
    Fact(usize),
    /// Index into `Instance::pasts`.
    Past(usize),
    /// Index into `Instance::arounds`.
    Around(usize),
    /// Index into the conditions inside.
    Held(usize),
    /// Never given to rules on readings.
    Nothing,
}

/// The part of a reading that conditions see.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub value: f64,
    pub quality: Quality,
    /// The time it is of.
    pub event: Micros,
    /// When the slot began whose mean it is; `event` where it is no mean.
    pub about: Micros,
}

/// All that one row is made of.
#[derive(Clone, Copy)]
pub(super) struct RowOf<'a> {
    pub instance: &'a Instance,
    pub sample: Sample,
    pub asked: &'a Asked,
    pub now: &'a Surroundings<'a>,
    /// What the conditions inside give.
    pub helds: &'a [f64],
}

impl Gather {
    pub fn new(program: &Program, asked: &Asked) -> Gather {
        let feed = |column: &Column| {
            let instead = match column {
                Column::Or(_, bits) => f64::from_bits(*bits),
                _ => f64::NAN,
            };
            (Feed::of(column.inner(), asked), instead)
        };
        Gather {
            feeds: program.columns().iter().map(feed).collect(),
            names: program.columns().iter().map(Column::name).collect(),
            frame: Frame::for_program(program),
            failed: Vec::new(),
        }
    }

    pub fn push(&mut self, row: &RowOf) {
        self.push_of(&|feed| feed.value(row));
    }

    /// A native that panics costs the rule this row, and nobody else anything: it only looks.
    pub fn push_of(&mut self, value_of: &dyn Fn(Feed) -> f64) {
        let row = self.frame.rows();
        for (((feed, instead), name), column) in self.feeds.iter().zip(&self.names).zip(&mut self.frame.columns) {
            let value = match feed {
                Feed::Past(_) | Feed::Around(_) => catch_unwind(AssertUnwindSafe(|| value_of(*feed))),
                _ => Ok(value_of(*feed)),
            };
            let value = value.unwrap_or_else(|_| {
                self.failed.push((row, format!("`{name}` panicked")));
                f64::NAN
            });
            column.push(if value.is_nan() { *instead } else { value });
        }
    }

    /// One row, judged at once.
    pub fn once(&mut self, row: &RowOf, program: &Program) -> Verdict {
        let mut verdicts = Vec::new();
        self.push(row);
        program.judge(&self.frame, &mut verdicts);
        self.frame.clear();
        match self.failed.pop() {
            Some((_, error)) => {
                self.failed.clear();
                Verdict::Fails(error)
            }
            None => verdicts.pop().unwrap_or(Verdict::Missing),
        }
    }

    /// The names and values of the row that was pushed last.
    pub fn last_row(&self) -> impl Iterator<Item = (&String, f64)> {
        self.names.iter().zip(&self.frame.columns).filter_map(|(name, column)| Some((name, *column.last()?)))
    }

    /// Copies one row, its `value` moved.
    pub fn copy_row(&self, row: usize, into: &mut Frame, moved: impl Fn(f64) -> f64) {
        for (((feed, _), from), to) in self.feeds.iter().zip(&self.frame.columns).zip(&mut into.columns) {
            let value = from.get(row).copied().unwrap_or(f64::NAN);
            to.push(if *feed == Feed::Value { moved(value) } else { value });
        }
    }
}

impl Feed {
    pub fn of(column: &Column, asked: &Asked) -> Feed {
        let Asked { helds, tag_names, facts, pasts, arounds, .. } = asked;
        match column {
            Column::Value => Feed::Value,
            Column::Bad => Feed::Bad,
            Column::Limit(name) => Feed::Limit(*name),
            Column::RangeLo => Feed::RangeLo,
            Column::RangeHi => Feed::RangeHi,
            Column::Period => Feed::Period,
            Column::Age => Feed::Nothing,
            Column::Tag(tag) => tag_names.iter().position(|name| name == tag).map_or(Feed::Nothing, Feed::Tag),
            Column::Fact(fact) => facts.iter().position(|known| known == fact).map_or(Feed::Nothing, Feed::Fact),
            Column::Past(past) => pasts.iter().position(|known| known == past).map_or(Feed::Nothing, Feed::Past),
            Column::Around(around) => {
                arounds.iter().position(|known| known == around).map_or(Feed::Nothing, Feed::Around)
            }
            Column::Held(text) => helds.iter().position(|held| held.text == *text).map_or(Feed::Nothing, Feed::Held),
            Column::Or(column, _) => Feed::of(column, asked),
        }
    }

    /// Whether the reading alone gives it.
    pub fn is_own(self) -> bool {
        !matches!(self, Feed::Tag(_) | Feed::Past(_) | Feed::Around(_) | Feed::Held(_))
    }

    pub fn value(self, row: &RowOf) -> f64 {
        let RowOf { instance, sample, asked, now, helds } = *row;
        match self {
            Feed::Value => sample.value,
            Feed::Bad => f64::from(u8::from(sample.quality == Quality::Bad)),
            Feed::Limit(name) => instance.limits.get(name).unwrap_or(f64::NAN),
            Feed::RangeLo => instance.range_lo,
            Feed::RangeHi => instance.range_hi,
            Feed::Period => {
                // Periods are whole seconds by the registry's own type.
                instance.period_us.map_or(f64::NAN, |us| us as f64 / rules::reading::SECOND_US as f64)
            }
            Feed::Tag(at) => instance.tags.get(at).copied().flatten().map_or(f64::NAN, |point| now.points.held(point)),
            Feed::Fact(at) => instance.facts.get(at).copied().unwrap_or(f64::NAN),
            Feed::Past(at) => match (asked.pasts.get(at), instance.pasts.get(at)) {
                (Some(past), Some(points)) => now.past(past, (points, instance.limits_of(at)), (sample, &asked.rule)),
                _ => f64::NAN,
            },
            Feed::Around(at) => match (asked.arounds.get(at), instance.arounds.get(at)) {
                (Some(around), Some(points)) => now.around(around, points, (&instance.object, sample)),
                _ => f64::NAN,
            },
            Feed::Held(at) => helds.get(at).copied().unwrap_or(f64::NAN),
            Feed::Nothing => f64::NAN,
        }
    }
}
