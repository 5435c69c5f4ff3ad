//! What is asked about coverage: which day, known when; and where the days come from that the answer looks at: memory, as
//! far as it holds them, else the database. Pure but for the question to the database.

use crate::console::Context;
use crate::console::coverage_past::{DaysAsk, Known};
use crate::console::params::time;
use crate::console::problem::Problem;
use crate::hub::coverage::window_start;
use alerting::coverage::DayFigure;
use alerting::day::Day;
use alerting::input::CoverageLimits;
use rules::reading::Micros;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Local day; today where it is left out.
    pub(super) as_of: Option<String>,
    /// A record of the journal, or a time.
    pub(super) known_at: Option<String>,
}

pub(super) struct Asked {
    pub(super) as_of: Day,
    /// `None`: now.
    pub(super) known: Option<Known>,
    pub(super) limits: CoverageLimits,
    pub(super) definition: String,
}

/// Days, and where they come from.
pub(super) struct Looked {
    pub(super) days: Vec<DayFigure>,
    pub(super) from_database: bool,
    /// The newest record that made any of it known, and its time.
    pub(super) seq: u64,
    pub(super) at: Option<Micros>,
}

impl Looked {
    pub(super) fn source(&self) -> &'static str {
        if self.from_database { "database" } else { "memory" }
    }

    fn of(days: Vec<DayFigure>, from_database: bool) -> Looked {
        let seq = days.iter().map(|day| day.seq).max().unwrap_or(0);
        let at = days.iter().map(|day| day.at).max();
        Looked { days, from_database, seq, at }
    }
}

pub(super) fn day(key: &str, text: &str) -> Result<Day, Problem> {
    text.parse().map_err(|e| Problem::bad_query(format!("{key}: {e}")))
}

impl Asked {
    pub(super) fn of(context: &Context, query: &Query) -> Result<Asked, Problem> {
        let today = Day::of(context.now());
        let as_of = query.as_of.as_deref().map_or(Ok(today), |text| day("as_of", text))?;
        if as_of > today {
            return Err(Problem::bad_query(format!("as_of: {as_of} has not begun; today is {today}")));
        }
        let known = query.known_at.as_deref().map(|text| known(context, text)).transpose()?;
        Asked::at(context, as_of, known)
    }

    pub(super) fn at(context: &Context, as_of: Day, known: Option<Known>) -> Result<Asked, Problem> {
        let standing = context.hub().standing().ok_or_else(Problem::starting)?;
        let limits = context.hub().coverage(|board| board.limits().clone());
        Ok(Asked { as_of, known, limits, definition: standing.versions.limits })
    }

    /// The days that the figures look at.
    pub(super) fn window(&self) -> (Day, Day) {
        (window_start(self.as_of, &self.limits), self.as_of)
    }

    pub(super) fn nothing_known(&self) -> Problem {
        let when = if self.known.is_some() { " at that time" } else { "" };
        Problem::not_found("nothing-known", format!("nothing was known of {}{when}", self.as_of))
    }
}

/// A number is a record of the journal, everything else a time. Refused where the answer could still change.
fn known(context: &Context, text: &str) -> Result<Known, Problem> {
    let hub = context.hub();
    let standing = hub.standing().ok_or_else(Problem::starting)?;
    let (known, needed) = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        let seq: u64 = text.parse().unwrap_or(u64::MAX);
        if seq > standing.seq {
            let detail = format!("known_at: record {text} is not written yet; the newest one is {}", standing.seq);
            return Err(Problem::bad_query(detail));
        }
        let journal_id = standing.journal_id.to_string();
        (Known::Seq { journal_id, seq }, hub.coverage(|board| board.needed(seq, Micros::MAX)))
    } else {
        // Times are shown in milliseconds: the whole of the last one is meant.
        let at = time("known_at", text)?;
        let at = if at.0.rem_euclid(1_000) == 0 { at.plus(999) } else { at };
        // The next record may speak of the time of the last one, never of an earlier one.
        if at >= standing.now {
            let detail = "known_at: a time before that of the newest record; leave it out for what is known now";
            return Err(Problem::bad_query(detail));
        }
        (Known::At(at), hub.coverage(|board| board.needed(standing.seq, at)))
    };
    if !hub.has_applied(needed) {
        let detail = format!("the database has not heard of record {needed} yet; without known_at memory answers");
        return Err(Problem::unavailable("not-applied", detail));
    }
    Ok(known)
}

/// What the figures of the day look at.
pub(super) async fn window(context: &Context, asked: &Asked, sector: Option<&str>) -> Result<Looked, Problem> {
    days(context, asked, (asked.window(), sector)).await
}

/// The days `from..=to` as they were known. Where nothing is said about when, memory's word stands over the database's: it
/// holds today, and what the database has not heard of yet.
pub(super) async fn days(
    context: &Context,
    asked: &Asked,
    ((from, to), sector): ((Day, Day), Option<&str>),
) -> Result<Looked, Problem> {
    let held = match asked.known {
        Some(_) => None,
        None => Some(context.hub().coverage(|board| (board.between(from, to), board.first()))),
    };
    let is_asked = |figure: &DayFigure| sector.is_none_or(|sector| figure.unit.sector == sector);
    let held = held.map(|(days, first)| {
        (days.iter().filter(|day| is_asked(day)).map(|day| DayFigure::clone(day)).collect::<Vec<_>>(), first)
    });
    if let Some((days, first)) = &held
        && *first <= from
    {
        return Ok(Looked::of(days.clone(), false));
    }
    let known = asked.known.clone().unwrap_or(Known::Newest);
    let ask = DaysAsk { from, to, sector: sector.map(str::to_owned), known };
    let mut days = context.leans.coverage.days(ask).await?;
    if let Some((held, first)) = held {
        // Named twice, the later one stands.
        days.retain(|day| day.day < first);
        days.extend(held);
    }
    Ok(Looked::of(days, true))
}
