//! The district of a measurement: as many enterprises as asked for, all alike, made from the committed templates, so
//! that each has fifty points that report and every rule of the committed packs has something to judge.
//! Must not know how it is sent. I/O: reads `seeds/`, writes a seed directory.

use anyhow::{Context, bail};
use davy_tests::davy::root;
use ingest::seeds;
use rules::registry::{Enterprise, Point};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Points of an enterprise that report by themselves: one full message.
pub const POINTS: usize = 50;
/// Flame detectors of an enterprise: each can raise its red alarm once in a measurement.
pub const FLAMES: usize = 5;
/// Two tanks, a reactor, gas, a store, a dust collector and its zone: fifty points with a period.
const EQUIPMENT: [(&str, &str); 7] = [
    ("T-101", "tank-atmospheric"),
    ("T-102", "tank-atmospheric"),
    ("R-201", "reactor"),
    ("W-501", "warehouse"),
    ("G-301", "gas-flammable"),
    ("C-401", "collector-dry"),
    ("Z-402", "dust-zone"),
];
const FILES: [&str; 5] = ["district.toml", "sectors.toml", "substances.toml", "tags.toml", "towns.toml"];

/// What gateways send, for the generator and the naive pipeline alike.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct District {
    pub enterprises: Vec<Plant>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plant {
    pub id: String,
    pub gateway: String,
    pub points: Vec<Sensor>,
    /// Points that speak only when there is a flame.
    pub flames: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sensor {
    pub id: String,
    /// The whole part of its values; `None` = a switch that stays at 0.
    pub whole: Option<i32>,
}

impl District {
    /// Writes a seed directory of so many enterprises into `dir`, and reads it back as Davy will.
    pub fn make(dir: &Path, enterprises: usize) -> anyhow::Result<District> {
        let seeds = root().join("seeds");
        fs::create_dir_all(dir.join("enterprises"))?;
        fs::create_dir_all(dir.join("templates"))?;
        for name in FILES {
            fs::copy(seeds.join(name), dir.join(name)).with_context(|| format!("seeds/{name}"))?;
        }
        for entry in fs::read_dir(seeds.join("templates"))? {
            let entry = entry?;
            fs::copy(entry.path(), dir.join("templates").join(entry.file_name()))?;
        }
        let text: String = (0..enterprises).map(enterprise).collect();
        fs::write(dir.join("enterprises/bench.toml"), text)?;
        match seeds::load(dir) {
            Ok(registry) => District::of(&registry.enterprises),
            Err(errors) => bail!("the district of the bench has mistakes:\n{}", seeds::lines(&errors)),
        }
    }

    fn of(enterprises: &[Enterprise]) -> anyhow::Result<District> {
        let enterprises: Vec<Plant> = enterprises.iter().map(Plant::of).collect();
        for plant in &enterprises {
            let (points, flames) = (plant.points.len(), plant.flames.len());
            if (points, flames) != (POINTS, FLAMES) {
                bail!("{}: {points} points and {flames} flame detectors, not {POINTS} and {FLAMES}", plant.id);
            }
        }
        Ok(District { enterprises })
    }

    pub fn load(file: &Path) -> anyhow::Result<District> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub fn save(&self, file: &Path) -> anyhow::Result<()> {
        Ok(fs::write(file, serde_json::to_vec(self)?)?)
    }

    /// Points that report by themselves.
    #[must_use]
    pub fn points(&self) -> usize {
        self.enterprises.iter().map(|plant| plant.points.len()).sum()
    }
}

impl Plant {
    fn of(enterprise: &Enterprise) -> Plant {
        let points = || enterprise.equipment.iter().flat_map(|equipment| &equipment.points);
        Plant {
            id: enterprise.id.clone(),
            gateway: enterprise.gateways.first().map_or_else(String::new, |gateway| gateway.id.clone()),
            points: points().filter(|point| point.period_s.is_some()).map(Sensor::of).collect(),
            flames: points().filter(|point| point.tag == "flame").map(|point| point.id.clone()).collect(),
        }
    }
}

impl Sensor {
    /// A third of the way from the low limit to the high one: quiet under every rule, and so is a whole unit above it.
    fn of(point: &Point) -> Sensor {
        let low = point.limits.l.or(point.limits.ll).unwrap_or(point.range_lo);
        let high = point.limits.h.or(point.limits.hh).unwrap_or(point.range_hi);
        let level = (low + (high - low) * 0.3).floor();
        let moves = point.range_hi - point.range_lo > 2.0;
        #[allow(clippy::cast_possible_truncation)]
        let whole = moves.then_some(level as i32);
        Sensor { id: point.id.clone(), whole }
    }
}

fn enterprise(n: usize) -> String {
    let mut text = String::new();
    let id = format!("b-{n:05}");
    // Writing to a `String` cannot fail.
    write!(
        text,
        "[[enterprise]]\nid = \"{id}\"\nname = {{ zh = \"测试企业{n}\", en = \"Bench {n}\" }}\ncredit_code = \"{}\"\n\
         sectors = [\"hazchem\", \"dust\"]\ntown = \"bicheng\"\nindustry = \"测试\"\nstatus = \"producing\"\n\
         people = [{{ role = \"principal\", name = \"测试\", phone = \"000-5500-0000\" }}]\n\
         gateways = [\"gw-1\"]\nequipment = [\n",
        credit_code(n)
    )
    .ok();
    for (id, template) in EQUIPMENT {
        line(&mut text, id, template);
    }
    for flame in 1..=FLAMES {
        line(&mut text, &format!("F-{flame}"), "flame-detector");
    }
    text.push_str("]\n\n");
    text
}

fn line(text: &mut String, id: &str, template: &str) {
    writeln!(text, "  {{ id = \"{id}\", template = \"{template}\", name = {{ zh = \"{id}\", en = \"{id}\" }} }},").ok();
}

/// A code from a block that is not issued, with the right check character (GB 32100-2015).
fn credit_code(n: usize) -> String {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let body = format!("91500120MB{n:07}");
    let (mut sum, mut weight) = (0, 1);
    for character in body.bytes() {
        let value = ALPHABET.iter().position(|c| *c == character).unwrap_or_default();
        sum = (sum + value * weight) % 31;
        weight = weight * 3 % 31;
    }
    let check = ALPHABET.get((31 - sum) % 31).copied().unwrap_or(b'0');
    format!("{body}{}", char::from(check))
}
