//! `GET /api/v1/coverage/units`: the units behind the figures of a day, each with the reason why it is not effectively
//! covered. I/O: HTTP.

use super::ask::{self, Asked};
use super::shown::{KnownShown, Names};
use crate::console::Context;
use crate::console::params::Params;
use crate::console::problem::Problem;
use alerting::coverage::UnitFigure;
use axum::Json;
use axum::extract::State;
use rules::registry::Text;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    as_of: Option<String>,
    known_at: Option<String>,
    sector: Option<String>,
    /// Code of a town.
    town: Option<String>,
}

#[derive(Serialize)]
pub struct Answer {
    as_of: String,
    known: KnownShown,
    source: &'static str,
    simulated: bool,
    units: Vec<UnitShown>,
    names: Names,
}

#[derive(Serialize)]
struct UnitShown {
    #[serde(flatten)]
    figure: UnitFigure,
    /// By the registry in force; `null` if it is gone.
    name: Option<Text>,
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Json<Answer>, Problem> {
    let asked = Asked::of(&context, &ask::Query { as_of: query.as_of, known_at: query.known_at })?;
    // All sectors: that nothing is known of a day is something else than that nobody is in a sector.
    let looked = ask::window(&context, &asked, None).await?;
    let figures = super::reckon(&asked, &looked)?;
    let simulated = figures.simulated;
    let view = context.hub().standing().and_then(|standing| standing.view);
    let registry = view.as_ref().map(|view| view.registry());
    if let Some(sector) = &query.sector {
        let is_known = figures.sectors.iter().any(|s| s.sector == *sector)
            || registry.is_some_and(|registry| registry.sectors.iter().any(|s| s.id == *sector));
        if !is_known {
            return Err(Problem::not_found("no-such-sector", format!("there is no sector \"{sector}\"")));
        }
    }
    if let Some(town) = &query.town {
        let is_known = figures.sectors.iter().flat_map(|s| &s.towns).any(|t| t.town == *town)
            || registry.is_some_and(|registry| registry.towns.iter().any(|t| t.code == *town));
        if !is_known {
            return Err(Problem::not_found("no-such-town", format!("there is no town \"{town}\"")));
        }
    }
    let is_asked = |asked: &Option<String>, own: &str| asked.as_deref().is_none_or(|asked| asked == own);
    let sectors = figures.sectors.into_iter().filter(|sector| is_asked(&query.sector, &sector.sector));
    let units = sectors.flat_map(|sector| sector.units).filter(|unit| is_asked(&query.town, &unit.town));
    let name = |id: &str| view.as_ref().and_then(|view| view.enterprise(id)).map(|e| e.name.clone());
    let units = units.map(|figure| UnitShown { name: name(&figure.unit.enterprise), figure }).collect();
    Ok(Json(Answer {
        as_of: asked.as_of.to_string(),
        known: KnownShown::new(&looked),
        source: looked.source(),
        simulated,
        units,
        names: Names::of(&context),
    }))
}
