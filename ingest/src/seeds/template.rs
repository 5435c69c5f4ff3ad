//! Installation templates: what a tank, a collector or a circuit of one kind measures, written once. Must not know
//! enterprises. Pure.

use crate::seeds::district::{District, both_languages};
use crate::seeds::names::{Alphabet, Names, id, unknown};
use crate::seeds::numbers;
use crate::seeds::page::{Node, Page, Table};
use crate::seeds::substance::Substances;
use rules::registry::{Limits, Point, Text};
use std::collections::BTreeMap;

/// What an electric circuit feeds (domain: this attribute is what lets a rule see "production on, safety off").
const CIRCUIT_ROLES: [&str; 7] =
    ["production", "dust_removal", "ventilation", "env_protection", "fire_pump", "dcs_ups", "general"];

const POINT_KEYS: [&str; 8] =
    ["id", "tag", "required", "substance", numbers::KEYS[0], numbers::KEYS[1], numbers::KEYS[2], numbers::KEYS[3]];

pub struct Template {
    pub name: Text,
    /// For which sector its equipment is watched.
    pub sector: Option<String>,
    pub circuit_role: Option<String>,
    /// Their ids are the part after the dot: `level` of `T-101.level`.
    pub points: Vec<Point>,
}

/// All templates by id: the name of the file without `.toml`.
pub struct Templates {
    pub names: Names,
    by_id: BTreeMap<String, Template>,
}

impl Templates {
    /// The ids of all files there are. A file that is not TOML still names a template.
    #[must_use]
    pub fn named<'n>(ids: impl Iterator<Item = &'n str>) -> Templates {
        let mut templates = Templates { names: Names::new("template"), by_id: BTreeMap::new() };
        ids.for_each(|id| templates.names.add_defined(id));
        templates
    }

    pub fn read<'p>(&mut self, id: &str, page: &'p Page<'p>, district: &District, substances: &Substances) {
        if let Some(template) = read(&page.root(&["name", "sector", "circuit_role", "point"]), district, substances) {
            self.by_id.insert(id.to_owned(), template);
        }
    }

    /// `None` for a template with mistakes: they are in the report already.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Template> {
        self.by_id.get(id)
    }
}

fn read(root: &Table<'_>, district: &District, substances: &Substances) -> Option<Template> {
    let name = root.need("name").and_then(both_languages);
    let sector = root.get("sector").and_then(|node| district.sector_names.pick(node));
    let circuit_role = root.get("circuit_role").and_then(|node| {
        let role = node.text()?;
        if !CIRCUIT_ROLES.contains(&role) {
            unknown(node, "circuit role", CIRCUIT_ROLES.iter().copied());
        }
        Some(role.to_owned())
    });
    let rows = root.need("point").and_then(|node| node.list()).unwrap_or_default();
    let mut ids = Names::new("point");
    let points = rows.into_iter().map(|row| read_point(row, (district, substances), &mut ids)).collect::<Vec<_>>();
    // A template with one wrong point would otherwise make equipment that lacks it, and overrides that miss it.
    let points = points.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Template { name: name?, sector, circuit_role, points })
}

fn read_point(row: Node<'_>, (district, substances): (&District, &Substances), ids: &mut Names) -> Option<Point> {
    let table = row.table("a point", &POINT_KEYS)?;
    let id = table.need("id").and_then(|node| {
        let id = id(node, Alphabet::Part)?;
        ids.add(node, &id).then_some(id)
    });
    let tag = table.need("tag").and_then(|node| district.tag_names.pick(node));
    let required = table.get("required").and_then(|node| node.flag()).unwrap_or(false);
    let substance = table.get("substance").and_then(|node| substances.names.pick(node));
    let has_range = table.need("range").is_some();
    let mut point = Point {
        id: id?,
        tag: tag?,
        range_lo: 0.0,
        range_hi: 1.0,
        period_s: None,
        limits: Limits::default(),
        dead_band: 0.0,
        required,
        national_code: None,
        substance,
    };
    if has_range {
        numbers::read_into(&table, &mut point);
    }
    if required && table.get("period_s").is_none() {
        let problem = format!("point {:?} is required but has no period", point.id);
        table.refuse(problem, "add period_s, or drop required: an event point is silent while all is well");
    }
    has_range.then_some(point)
}
