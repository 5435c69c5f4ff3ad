//! What rules would have said: two rule sets over the same history, side by side, through the very fold that judges live.
//! Reads a database or a journal, writes nothing and sends nothing. Must not know how a rule judges. I/O.

pub mod caveats;
pub mod compare;
pub mod explain;
pub mod messages;
pub mod report;
pub mod run;
pub mod source_journal;
pub mod source_store;
pub mod spells;
pub mod svg;
pub mod version;

use crate::delivery::Delivery;
use crate::store::happened::Signed;
use alerting::command::Command;
use alerting::filings::Filing;
use alerting::input::{FoldLimits, Link, Replayed};
use messages::Message;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use rules::rule::Rule;
use std::sync::Arc;

/// One thing that happened, in the words of whoever remembers it.
#[derive(Clone, Debug)]
pub enum Thing {
    /// Put together again from what was stored.
    Message(Message),
    /// As it was journalled.
    Delivery(Delivery),
    Replayed(Box<Replayed<Delivery>>),
    Registry(Arc<Named<Registry>>),
    Limits(Arc<Named<FoldLimits>>),
    Filed(Box<Filing>),
    Withdrawn {
        filing: u64,
        by: String,
    },
    /// Somebody signed for what a rule had said of an object.
    Signed(Box<Signed>),
    /// What people ordered otherwise.
    Command(Box<Command>),
    Link(Link),
    /// Davy came back; since when it was away is known to journals alone.
    Back {
        down_since: Option<Micros>,
    },
}

/// Content with its version.
#[derive(Clone, Debug)]
pub struct Named<T> {
    pub version: String,
    pub content: T,
}

/// A piece of history, in the order of its times.
#[derive(Debug, Default)]
pub struct Portion {
    pub things: Vec<(Micros, Thing)>,
    /// Up to here everything has been read.
    pub until: Micros,
    pub readings: u64,
    /// What reading it cost, without waiting for whoever judges. Seconds.
    pub seconds: f64,
}

/// Where history comes from.
pub trait Source {
    /// The next piece; `None` at the end.
    fn portion(&mut self) -> anyhow::Result<Option<Portion>>;
}

/// Which part of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Judging begins here, so that windows are filled at `from`.
    pub begin: Micros,
    /// Alarms count that stand from here on, up to `to`.
    pub from: Micros,
    pub to: Micros,
}

const HOUR_US: i64 = 3_600 * SECOND_US;
/// What is usual is learned from the days before.
const USUAL_US: i64 = 35 * 24 * HOUR_US;

/// How long before the span judging must begin, so that every window of these rules is filled and what stands at the
/// beginning has been raised: the longest of what they look back on, and a day for what stands.
#[must_use]
pub fn warm_up_us<'a>(rules: impl Iterator<Item = &'a Rule>) -> i64 {
    rules.map(look_back_us).max().unwrap_or(0).saturating_add(24 * HOUR_US)
}

/// So far back a rule looks.
#[must_use]
pub fn look_back_us(rule: &Rule) -> i64 {
    use rules::past::What;
    let window = |past: rules::past::Past| match past.what {
        What::Usual | What::UsualMad | What::UsualMax | What::UsualDay | What::CurveCorr => USUAL_US,
        What::DaysBelow | What::WorkdaysBelow => USUAL_US.saturating_add(7 * 24 * HOUR_US),
        _ => i64::from(past.window_s).saturating_mul(SECOND_US),
    };
    let windows = rule.pasts().into_iter().map(window).max().unwrap_or(0);
    let slots = rule.slot_us.unwrap_or(0).saturating_mul(i64::from(rule.count_on).saturating_add(1));
    let rises = rule.rise.map_or(0, |rise| rise.after_us);
    windows.max(slots).max(rule.delay_on_us).max(rises)
}
