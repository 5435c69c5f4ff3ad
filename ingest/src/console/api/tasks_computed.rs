//! The rows of the task list that coverage answers: 58 (what the sensing layer covers), 63 (the electricity system is in
//! use), 65 (dust plants are covered). Reckoned from what the hub holds of the newest day. Pure.

use crate::hub::Hub;
use alerting::coverage::{DayFigure, Figures, Measures, Ratio, SectorFigures, figures};
use alerting::day::Day;
use serde::Serialize;
use std::collections::BTreeMap;

const ELECTRICITY: &str = "electricity";
const DUST: &str = "dust";
const HAZCHEM: &str = "hazchem";

/// One figure of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Computed {
    /// `C-03`.
    pub metric: &'static str,
    pub sector: String,
    /// What is counted, of how many; `null` for a mean.
    pub num: Option<u64>,
    pub den: Option<u64>,
    /// The share, 0 to 1; `null` of nothing.
    pub share: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub as_of: Option<Day>,
    pub simulated: bool,
    pub rows: BTreeMap<u16, Vec<Computed>>,
}

/// What is known of the newest day.
#[must_use]
pub fn compute(hub: &Hub) -> Rows {
    let held = hub.coverage(|board| {
        let newest = board.newest()?;
        Some((newest, board.window(newest)?, board.limits().clone()))
    });
    let Some((newest, days, limits)) = held else { return Rows::default() };
    let days: Vec<DayFigure> = days.iter().map(|day| DayFigure::clone(day)).collect();
    let evaluated = evaluated(&days, newest);
    rows(&figures(&days, newest, &limits), evaluated)
}

/// C-05: high-risk enterprises whose meters are accepted and were heard that day, of all in scope of the electricity system.
fn evaluated(days: &[DayFigure], as_of: Day) -> Ratio {
    let today = days.iter().filter(|day| day.day == as_of && day.unit.sector == ELECTRICITY && day.in_scope);
    let mut ratio = Ratio::default();
    for day in today {
        ratio.den = ratio.den.saturating_add(1);
        ratio.num = ratio.num.saturating_add(u64::from(day.connected && day.samples.good > 0));
    }
    ratio
}

fn rows(figures: &Figures, evaluated: Ratio) -> Rows {
    let of = |sector: &str| figures.sectors.iter().find(|figures| figures.sector == sector);
    let sensing = figures.sectors.iter().flat_map(all).collect();
    let dust = [DUST, HAZCHEM].into_iter().filter_map(of).flat_map(coverage).collect();
    let in_use = vec![counted("C-05", ELECTRICITY, evaluated)];
    let rows = BTreeMap::from([(58, sensing), (63, in_use), (65, dust)]);
    Rows { as_of: Some(figures.as_of), simulated: figures.simulated, rows }
}

fn all(sector: &SectorFigures) -> Vec<Computed> {
    let Measures { connected, online, effective, complete, .. } = sector.measures;
    let name = sector.sector.as_str();
    let mean = Computed { metric: "C-02", sector: name.to_owned(), num: None, den: None, share: online.mean };
    vec![counted("C-01", name, connected), mean, counted("C-03", name, effective), counted("C-04", name, complete)]
}

fn coverage(sector: &SectorFigures) -> Vec<Computed> {
    let name = sector.sector.as_str();
    vec![counted("C-01", name, sector.measures.connected), counted("C-03", name, sector.measures.effective)]
}

fn counted(metric: &'static str, sector: &str, Ratio { num, den }: Ratio) -> Computed {
    let share = (den > 0).then(|| num as f64 / den as f64);
    Computed { metric, sector: sector.to_owned(), num: Some(num), den: Some(den), share }
}
