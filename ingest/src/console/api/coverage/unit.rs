//! `GET /api/v1/coverage/units/{enterprise}/{sector}`: one unit's day down to the minute and the missing point, its last
//! days, what was filed for it, its acceptance. I/O: HTTP.

use super::ask::{self, Asked, Query};
use super::shown::{Kind, MinutesShown, spans};
use crate::console::Context;
use crate::console::api::acceptances::{AcceptanceShown, complete};
use crate::console::api::filings::FilingShown;
use crate::console::params::{Params, word};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use alerting::coverage::{CoverageDay, DayCause, DayFigure, PointDay, Samples, Unit, UnitFigure, figures};
use axum::Json;
use axum::extract::{Path, State};
use rules::registry::{Point, Text};
use rules::view::View;
use serde::Serialize;
use std::sync::Arc;

/// Ids of the registry are shorter.
const WORD_MAX: usize = 100;

#[derive(Serialize)]
pub struct Answer {
    as_of: String,
    enterprise: String,
    sector: String,
    /// By the registry in force; `null` if it is gone.
    name: Option<Text>,
    town: String,
    /// The record that made the day known, when, and why it was stated (`null`: the day is open and stands so far).
    known: KnownDay,
    /// Content hash of the registry in force when the day ended.
    registry: String,
    in_scope: bool,
    connected: bool,
    simulated: bool,
    minutes: MinutesShown,
    samples: Samples,
    /// `[from, to, kind]`, minutes of the local day.
    spans: Vec<(u16, u16, Kind)>,
    points: Vec<PointShown>,
    /// How it stands in the figures of the day, and why it is not effectively covered.
    figure: Option<UnitFigure>,
    /// The days that the figures look at.
    days: Vec<DayShown>,
    /// Filed for it and on at some time of the day.
    filings: Vec<FilingShown>,
    /// The newest signature under its connection, or its end.
    acceptance: Option<AcceptanceShown>,
}

#[derive(Serialize)]
struct KnownDay {
    seq: u64,
    at: Stamp,
    cause: Option<DayCause>,
}

#[derive(Serialize)]
struct PointShown {
    #[serde(flatten)]
    day: PointDay,
    equipment: Option<String>,
    equipment_name: Option<Text>,
    tag: Option<String>,
    /// Seconds; by the registry in force.
    period_s: Option<u32>,
}

#[derive(Serialize)]
struct DayShown {
    day: String,
    in_scope: bool,
    connected: bool,
    simulated: bool,
    #[serde(flatten)]
    minutes: MinutesShown,
}

pub async fn show(
    State(context): State<Context>,
    Path((enterprise, sector)): Path<(String, String)>,
    Params(query): Params<Query>,
) -> Result<Json<Answer>, Problem> {
    let asked = Asked::of(&context, &query)?;
    let unit =
        Unit { enterprise: word("enterprise", &enterprise, WORD_MAX)?, sector: word("sector", &sector, WORD_MAX)? };
    let (seq, day, is_open) = whole(&context, &asked, &unit).await?;
    let looked = ask::window(&context, &asked, Some(&unit.sector)).await?;
    let days: Vec<DayFigure> = looked.days.into_iter().filter(|day| day.unit == unit).collect();
    let reckoned = figures(&days, asked.as_of, &asked.limits);
    let figure = reckoned.sectors.into_iter().flat_map(|sector| sector.units).next();
    let view = context.hub().standing().and_then(|standing| standing.view);
    let (filings, acceptance) = context.hub().coverage(|board| (board.filings(), board.acceptance(&unit)));
    let acceptance = complete(&context, acceptance.into_iter().collect()).await;
    let is_on = |from, to| from < asked.as_of.end() && to > asked.as_of.start();
    let filings = filings
        .into_iter()
        .filter(|filing| filing.planned.object.enterprise.as_ref() == Some(&unit.enterprise))
        .filter(|filing| is_on(filing.planned.from, filing.end()))
        .map(FilingShown::of)
        .collect();
    Ok(Json(Answer {
        as_of: asked.as_of.to_string(),
        name: view.as_ref().and_then(|view| view.enterprise(&unit.enterprise)).map(|e| e.name.clone()),
        enterprise: unit.enterprise,
        sector: unit.sector,
        town: day.town.clone(),
        known: KnownDay { seq, at: Stamp(day.at), cause: (!is_open).then_some(day.cause) },
        registry: day.registry.clone(),
        in_scope: day.in_scope,
        connected: day.connected,
        simulated: day.simulated,
        minutes: MinutesShown::of(day.minutes),
        samples: day.samples,
        spans: spans(&day),
        points: day.points.iter().map(|point| show_point(point, &day.unit, view.as_deref())).collect(),
        figure,
        days: days.into_iter().map(show_day).collect(),
        filings,
        acceptance: acceptance.into_iter().map(AcceptanceShown::of).next(),
    }))
}

/// The day whole: from memory where it is among the newest, else from the database.
async fn whole(context: &Context, asked: &Asked, unit: &Unit) -> Result<(u64, Arc<CoverageDay>, bool), Problem> {
    if asked.known.is_none() {
        let held =
            context.hub().coverage(|board| Some((board.whole(unit, asked.as_of)?, board.is_open(unit, asked.as_of))));
        if let Some(((seq, day), is_open)) = held {
            return Ok((seq, day, is_open));
        }
    }
    let known = asked.known.clone().unwrap_or(crate::console::coverage_past::Known::Newest);
    match context.leans.coverage.day(unit.clone(), asked.as_of, known).await? {
        Some((seq, day)) => Ok((seq, Arc::new(day), false)),
        None => Err(nothing(context, asked, unit)),
    }
}

fn nothing(context: &Context, asked: &Asked, unit: &Unit) -> Problem {
    let view = context.hub().standing().and_then(|standing| standing.view);
    let enterprise = view.as_ref().and_then(|view| view.enterprise(&unit.enterprise));
    match enterprise {
        None => Problem::not_found(
            "no-such-enterprise",
            format!(
                "\"{}\" is not in the registry in force, and nothing is known of it on {}",
                unit.enterprise, asked.as_of
            ),
        ),
        Some(found) if !found.sectors.contains(&unit.sector) => Problem::not_found(
            "no-such-unit",
            format!("{} is in {}, not in \"{}\"", unit.enterprise, found.sectors.join(", "), unit.sector),
        ),
        Some(_) => asked.nothing_known(),
    }
}

fn show_point(day: &PointDay, unit: &Unit, view: Option<&View>) -> PointShown {
    let enterprise = view.and_then(|view| view.enterprise(&unit.enterprise));
    let found = enterprise.and_then(|enterprise| {
        let mut all = enterprise.equipment.iter().flat_map(|e| e.points.iter().map(move |point| (e, point)));
        all.find(|(_, point): &(_, &Point)| point.id == day.point)
    });
    PointShown {
        day: day.clone(),
        equipment: found.map(|(equipment, _)| equipment.id.clone()),
        equipment_name: found.map(|(equipment, _)| equipment.name.clone()),
        tag: found.map(|(_, point)| point.tag.clone()),
        period_s: found.and_then(|(_, point)| point.period_s),
    }
}

fn show_day(figure: DayFigure) -> DayShown {
    DayShown {
        day: figure.day.to_string(),
        in_scope: figure.in_scope,
        connected: figure.connected,
        simulated: figure.simulated,
        minutes: MinutesShown::of(figure.minutes),
    }
}
