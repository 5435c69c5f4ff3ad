//! The simulated district: a tank farm, a dust plant and a meter, under the real rule packs. Pure but for reading them.

use crate::auditor::{PointFacts, SECOND};
use rules::registry::{Enterprise, Equipment, Gateway, Limits, Point, Region, Registry, Sector, Status, Text};

/// (enterprise, equipment, point, tag, period in s, range)
type Row = (&'static str, &'static str, &'static str, &'static str, Option<i64>, (f64, f64));

const POINTS: [Row; 10] = [
    ("hc-w", "T-1", "T-1.level", "tank.level", Some(10), (0.0, 100.0)),
    ("hc-w", "T-1", "T-1.bund", "bund.liquid", Some(60), (0.0, 1.0)),
    ("hc-w", "G-1", "G-1.gas", "gas.lel", Some(10), (0.0, 100.0)),
    ("hc-w", "F-1", "F-1.flame", "flame", None, (0.0, 1.0)),
    ("hc-w", "S-1", "S-1.smoke", "smoke", None, (0.0, 1.0)),
    ("du-w", "DC-1", "DC-1.prod_run", "prod.run", Some(5), (0.0, 1.0)),
    ("du-w", "DC-1", "DC-1.fan_run", "dust.fan_run", Some(5), (0.0, 1.0)),
    ("du-w", "DC-2", "DC-2.prod_run", "prod.run", Some(5), (0.0, 1.0)),
    ("du-w", "DC-2", "DC-2.fan_run", "dust.fan_run", Some(5), (0.0, 1.0)),
    ("el-w", "M-1", "M-1.p", "pwr.p", Some(60), (0.0, 500.0)),
];

/// Every point with its enterprise, as the auditor and the plants know it.
pub fn facts() -> Vec<(&'static str, PointFacts)> {
    let fact = |(enterprise, equipment, name, tag, period, range): Row| {
        let period = period.map(|s| s * SECOND);
        (enterprise, PointFacts { name: name.into(), equipment: equipment.into(), tag, period, range })
    };
    POINTS.into_iter().map(fact).collect()
}

pub fn registry() -> Registry {
    let text = |s: &str| Text { zh: s.into(), en: s.into() };
    // The packs speak of every tag type that the seed district has.
    let seeds = davy_tests::davy::root().join("seeds");
    let tag_types = ingest::seeds::load(&seeds).expect("the district loads").tag_types;
    Registry {
        district: Region { code: "000000".into(), name: text("world") },
        towns: vec![Region { code: "town".into(), name: text("town") }],
        sectors: ["hazchem", "dust", "electricity"].map(|id| Sector { id: id.into(), name: text(id) }).into(),
        tag_types,
        // The meter's enterprise stands under no rule of its own sector: the auditor knows none of them.
        enterprises: [("hc-w", "hazchem"), ("du-w", "dust"), ("el-w", "hazchem")].map(enterprise).into(),
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    }
}

fn enterprise((id, sector): (&str, &str)) -> Enterprise {
    let text = |s: &str| Text { zh: s.into(), en: s.into() };
    let mut equipment: Vec<Equipment> = Vec::new();
    for (_, machine, name, tag, period, range) in POINTS.iter().filter(|row| row.0 == id) {
        let point = Point {
            id: (*name).into(),
            tag: (*tag).into(),
            range_lo: range.0,
            range_hi: range.1,
            period_s: period.map(|s| u32::try_from(s).expect("fits")),
            limits: Limits::default(),
            dead_band: 0.0,
            required: period.is_some(),
            national_code: None,
            substance: None,
        };
        match equipment.iter_mut().find(|known| known.id == *machine) {
            Some(known) => known.points.push(point),
            None => equipment.push(Equipment {
                id: (*machine).into(),
                name: text(machine),
                kind: "world".into(),
                hazard_level: None,
                circuit_role: None,
                points: vec![point],
                national_code: None,
                rated_kw: None,
                design: rules::site::Design::default(),
                sector: None,
            }),
        }
    }
    Enterprise {
        id: id.into(),
        credit_code: "000000000000000000".into(),
        name: text(id),
        sectors: vec![sector.into()],
        town: "town".into(),
        industry: sector.into(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "gw-1".into() }],
        equipment,
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    }
}
