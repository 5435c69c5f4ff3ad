//! `/api/v1/coverage`: coverage of a day by sector and town, as it is known now or was known at some record or time.
//! Asked for twice with the same day and the same `known_at` the figures are the same, byte for byte, under the same
//! limits: they are reckoned under those in force now, which `definition` names. I/O: HTTP.

mod ask;
pub mod days;
mod shown;
pub mod unit;
pub mod units;

use crate::console::Context;
use crate::console::coverage_past::{DayChange, DaysAsk};
use crate::console::params::Params;
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use alerting::coverage::{Figures, SealedDay, figures};
use ask::{Asked, Looked, Query};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use shown::{ChangeShown, FiguresShown, KnownShown, Names};

/// More than a person reads; that there are more is said.
const CHANGES_MAX: u32 = 500;

#[derive(Serialize)]
pub struct Answer {
    as_of: String,
    known: KnownShown,
    /// `memory`, or `database`.
    source: &'static str,
    /// Some of it rests on simulated readings.
    simulated: bool,
    /// Content hash of the limits by which it was reckoned.
    definition: String,
    figures: FiguresShown,
    /// The figure that was sealed for this day.
    sealed: Option<SealedShown>,
    /// Why nobody can say now whether there is a sealed figure.
    sealed_unknown: Option<String>,
    /// With `known_at`: what changed the days that the figures look at after they had been stated first.
    changes: Option<Vec<ChangeShown>>,
    /// There are more changes than are listed.
    changes_cut: bool,
    names: Names,
}

#[derive(Serialize)]
struct SealedShown {
    at: Stamp,
    figures: Value,
    /// What is known now says something else.
    differs: bool,
}

pub async fn show(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<Answer>, Problem> {
    let asked = Asked::of(&context, &query)?;
    let looked = ask::window(&context, &asked, None).await?;
    let figures = reckon(&asked, &looked)?;
    let (changes, changes_cut) = changes(&context, &asked).await?;
    let (sealed, sealed_unknown) = match sealed(&context, &asked).await {
        Ok(sealed) => (sealed.map(|sealed| show_sealed(&sealed, &figures)), None),
        Err(problem) => (None, Some(problem.detail)),
    };
    Ok(Json(Answer {
        as_of: asked.as_of.to_string(),
        known: KnownShown::new(&looked),
        source: looked.source(),
        simulated: figures.simulated,
        definition: asked.definition.clone(),
        figures: FiguresShown::of(figures),
        sealed,
        sealed_unknown,
        changes: changes.map(|changes| changes.into_iter().map(ChangeShown::of).collect()),
        changes_cut,
        names: Names::of(&context),
    }))
}

/// The figures of the day, or that nothing is known of it.
fn reckon(asked: &Asked, looked: &Looked) -> Result<Figures, Problem> {
    let figures = figures(&looked.days, asked.as_of, &asked.limits);
    if figures.sectors.is_empty() {
        return Err(asked.nothing_known());
    }
    Ok(figures)
}

async fn changes(context: &Context, asked: &Asked) -> Result<(Option<Vec<DayChange>>, bool), Problem> {
    let Some(known) = asked.known.clone() else { return Ok((None, false)) };
    let (from, to) = asked.window();
    let ask = DaysAsk { from, to, sector: None, known };
    let mut changes = context.leans.coverage.changes(ask, CHANGES_MAX.saturating_add(1)).await?;
    let is_cut = changes.len() > CHANGES_MAX as usize;
    changes.truncate(CHANGES_MAX as usize);
    Ok((Some(changes), is_cut))
}

/// Sealed days are few and named in the configuration; what was sealed under an earlier one lies in the database.
async fn sealed(context: &Context, asked: &Asked) -> Result<Option<SealedDay>, Problem> {
    if let Some(sealed) = context.hub().coverage(|board| board.sealed(asked.as_of)) {
        return Ok(Some(sealed));
    }
    Ok(context.leans.coverage.sealed(asked.as_of).await?)
}

fn show_sealed(sealed: &SealedDay, now: &Figures) -> SealedShown {
    let differs = serde_json::to_vec(now).map_or(true, |now| now != sealed.figures);
    let mut figures: Value = serde_json::from_slice(&sealed.figures).unwrap_or(Value::Null);
    // As in the figures beside it: units have an address of their own.
    for sector in figures.get_mut("sectors").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(sector) = sector.as_object_mut() {
            sector.remove("units");
        }
    }
    SealedShown { at: Stamp(sealed.at), figures, differs }
}
