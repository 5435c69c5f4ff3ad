//! The registry as the tables that `import` takes: taken in again they change nothing. Pure.

use super::{enterprises, points};
use rules::registry::{LimitName, Registry};

#[must_use]
pub fn enterprises_csv(registry: &Registry) -> Vec<u8> {
    let mut table = Table::new(&enterprises::COLUMNS);
    for e in &registry.enterprises {
        let gateways: Vec<&str> = e.gateways.iter().map(|gateway| gateway.id.as_str()).collect();
        table.row(&[
            &e.id,
            &e.name.zh,
            &e.name.en,
            &e.credit_code,
            &e.sectors.join(";"),
            &e.town,
            &e.industry,
            e.status.name(),
            if e.stock { "true" } else { "false" },
            &gateways.join(";"),
            e.national_code.as_deref().unwrap_or(""),
        ]);
    }
    table.bytes()
}

/// Those of one enterprise, or all.
#[must_use]
pub fn points_csv(registry: &Registry, enterprise: Option<&str>) -> Vec<u8> {
    let mut table = Table::new(&points::COLUMNS);
    for e in registry.enterprises.iter().filter(|e| enterprise.is_none_or(|id| e.id == id)) {
        for (equipment, point) in e.equipment.iter().flat_map(|q| q.points.iter().map(move |point| (q, point))) {
            let limit = |name| point.limits.get(name).map(|limit| limit.to_string()).unwrap_or_default();
            let [ll, l, h, hh] = LimitName::ALL.map(limit);
            table.row(&[
                &e.id,
                &equipment.id,
                &point.id,
                &point.tag,
                &point.range_lo.to_string(),
                &point.range_hi.to_string(),
                &point.period_s.map(|period| period.to_string()).unwrap_or_default(),
                &ll,
                &l,
                &h,
                &hh,
                &point.dead_band.to_string(),
                if point.required { "true" } else { "false" },
            ]);
        }
    }
    table.bytes()
}

struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn new(columns: &[&str]) -> Table {
        let mut table = Table(csv::Writer::from_writer(Vec::new()));
        table.row(columns);
        table
    }

    /// Memory takes every row, and all of them have as many cells as there are columns.
    fn row(&mut self, cells: &[&str]) {
        self.0.write_record(cells).ok();
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap_or_default()
    }
}
