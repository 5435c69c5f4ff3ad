//! `GET /api/v1/coverage/days`: the figures of each day of a span, for the chart. I/O: HTTP.

use super::ask::{self, Asked, day};
use super::shown::Names;
use crate::console::Context;
use crate::console::params::{Params, word};
use crate::console::problem::Problem;
use crate::hub::coverage::window_start;
use alerting::coverage::{DayFigure, Measures, figures};
use alerting::day::Day;
use alerting::input::CoverageLimits;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// As many days as a chart shows where none are named.
const DAYS_DEFAULT: i32 = 35;
/// Ids of the registry are shorter.
const WORD_MAX: usize = 100;
/// Each looks back over a month of days of every unit.
const DAYS_MAX: i32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    from: Option<String>,
    /// Included; today where it is left out.
    to: Option<String>,
    sector: Option<String>,
}

#[derive(Serialize)]
pub struct Answer {
    from: String,
    to: String,
    source: &'static str,
    simulated: bool,
    /// By day and sector; a day of which nothing is known is absent.
    days: Vec<DayShown>,
    /// Why days before the first one that memory holds whole are missing.
    older_missing: Option<String>,
    names: Names,
}

#[derive(Serialize)]
struct DayShown {
    day: String,
    sector: String,
    #[serde(flatten)]
    measures: Measures,
    simulated: bool,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<Answer>, Problem> {
    let sector = query.sector.as_deref().map(|text| word("sector", text, WORD_MAX)).transpose()?;
    let today = Day::of(context.now());
    let to = query.to.as_deref().map_or(Ok(today), |text| day("to", text))?.min(today);
    let from = match query.from.as_deref() {
        Some(text) => day("from", text)?,
        None => to.plus(1_i32.saturating_sub(DAYS_DEFAULT)),
    };
    if from > to || to.0.saturating_sub(from.0) >= DAYS_MAX {
        return Err(Problem::bad_query(format!("from, to: 1 to {DAYS_MAX} days, up to today, the first one first")));
    }
    let asked = Asked::at(&context, to, None)?;
    let (mut from_shown, mut older_missing) = (from, None);
    let span = (window_start(from, &asked.limits), to);
    let looked = match ask::days(&context, &asked, (span, sector.as_deref())).await {
        Ok(looked) => looked,
        // Memory holds the newest windows whole.
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            let first = context.hub().coverage(|board| board.first());
            let back = window_start(Day(0), &asked.limits).0;
            from_shown = first.plus(back.saturating_neg()).max(from).min(to);
            older_missing = Some(problem.detail);
            ask::days(&context, &asked, ((first, to), sector.as_deref())).await?
        }
        Err(problem) => return Err(problem),
    };
    let source = looked.source();
    let limits = asked.limits.clone();
    let days = tokio::task::spawn_blocking(move || series(&looked.days, (from_shown, to), &limits)).await;
    let days = days.map_err(|_| Problem::unavailable("busy", "davy is stopping"))?;
    Ok(Json(Answer {
        from: from.to_string(),
        to: to.to_string(),
        source,
        simulated: days.iter().any(|day| day.simulated),
        days,
        older_missing,
        names: Names::of(&context),
    }))
}

fn series(known: &[DayFigure], (from, to): (Day, Day), limits: &CoverageLimits) -> Vec<DayShown> {
    let mut days = Vec::new();
    let mut day = from;
    while day <= to {
        let figures = figures(known, day, limits);
        let simulated = figures.simulated;
        days.extend(figures.sectors.into_iter().map(|sector| DayShown {
            day: day.to_string(),
            sector: sector.sector,
            measures: sector.measures,
            simulated,
        }));
        day = day.plus(1);
    }
    days
}
