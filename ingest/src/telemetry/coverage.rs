//! Coverage of the newest day as gauges, reckoned when they are asked for. Must not know how a day is judged. Pure.

use crate::hub::Hub;
use alerting::coverage::{DayFigure, Measures, Ratio, Reason, UnitFigure, figures};
use prometheus::{GaugeVec, IntGaugeVec};

#[derive(Debug)]
pub(super) struct CoverageGauges {
    pub(super) ratio: GaugeVec,
    pub(super) units: IntGaugeVec,
}

impl CoverageGauges {
    pub(super) fn set(&self, hub: &Hub) {
        let held = hub.coverage(|board| {
            let newest = board.newest()?;
            Some((newest, board.window(newest)?, board.limits().clone()))
        });
        // What is gone from the registry is not shown for ever.
        self.ratio.reset();
        self.units.reset();
        let Some((newest, days, limits)) = held else { return };
        let days: Vec<DayFigure> = days.iter().map(|day| DayFigure::clone(day)).collect();
        for sector in figures(&days, newest, &limits).sectors {
            for (metric, value) in ratios(&sector.measures) {
                if let Some(value) = value {
                    self.ratio.with_label_values(&[sector.sector.as_str(), metric]).set(value);
                }
            }
            for unit in &sector.units {
                self.units.with_label_values(&[sector.sector.as_str(), state(unit)]).inc();
            }
        }
    }
}

/// Nothing is no share of nothing: such a metric is absent.
fn ratios(measures: &Measures) -> [(&'static str, Option<f64>); 4] {
    let share = |Ratio { num, den }: Ratio| (den > 0).then(|| num as f64 / den as f64);
    [
        ("C-01", share(measures.connected)),
        ("C-02", measures.online.mean),
        ("C-03", share(measures.effective)),
        ("C-04", share(measures.complete)),
    ]
}

fn state(unit: &UnitFigure) -> &'static str {
    match (unit.in_scope, unit.reason) {
        (false, _) => "out_of_scope",
        (true, None) => "effective",
        (true, Some(Reason::NotConnected)) => "not_connected",
        (true, Some(Reason::NothingRequired)) => "nothing_required",
        (true, Some(Reason::NoData)) => "no_data",
        (true, Some(Reason::OnlineTooLow)) => "online_too_low",
    }
}
