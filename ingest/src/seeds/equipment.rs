//! Equipment of an enterprise: made from a template, with what is different here. Must not know enterprises. Pure.

use crate::seeds::district::both_languages;
use crate::seeds::names::{Alphabet, Names, id, text};
use crate::seeds::numbers;
use crate::seeds::page::{Node, Table};
use crate::seeds::site::{self, Pairs};
use crate::seeds::spell::hint;
use crate::seeds::template::{Template, Templates};
use rules::registry::{Equipment, Point};

const KEYS: [&str; 13] = [
    "id",
    "template",
    "name",
    "sector",
    "hazard_level",
    "rated_kw",
    "national_code",
    "points",
    site::DESIGN_KEYS[0],
    site::DESIGN_KEYS[1],
    site::DESIGN_KEYS[2],
    site::DESIGN_KEYS[3],
    site::DESIGN_KEYS[4],
];

const POINT_KEYS: [&str; 5] = ["national_code", numbers::KEYS[0], numbers::KEYS[1], numbers::KEYS[2], numbers::KEYS[3]];

/// `{ id = "T-101", template = "tank-lpg", name = {...}, points = { level = { limits = { hh = 88 } } } }`.
/// `sectors` are those of its enterprise.
pub fn read<'p>(
    node: Node<'p>,
    templates: &Templates,
    sectors: &[String],
    (ids, pairs): (&mut Names, &mut Pairs<'p>),
) -> Option<Equipment> {
    let table = node.table("equipment", &KEYS)?;
    let id = table.need("id").and_then(|node| {
        let id = id(node, Alphabet::Part)?;
        ids.add(node, &id).then_some(id)
    });
    let name = table.get("name").map(both_languages);
    let hazard_level = table.get("hazard_level").and_then(read_level);
    let national_code = table.get("national_code").and_then(text);
    let kind = table.need("template").and_then(|node| templates.names.pick(node))?;
    let template = templates.get(&kind)?;
    let id = id?;
    let rated_kw = table.get("rated_kw").and_then(|node| read_rated(node, template));
    let sector = read_sector(&table, template, sectors);
    let points = read_points(&table, template, &id);
    let design = site::design(&table, &id, pairs);
    Some(Equipment {
        id,
        name: name.unwrap_or_else(|| Some(template.name.clone()))?,
        kind,
        hazard_level,
        circuit_role: template.circuit_role.clone(),
        points,
        national_code,
        sector,
        rated_kw,
        design,
    })
}

fn read_level(node: Node<'_>) -> Option<u8> {
    let level = node.whole()?;
    let fits = u8::try_from(level).ok().filter(|l| (1..=4).contains(l));
    if fits.is_none() {
        node.refuse(format!("hazard level {level}"), "a major hazard source has level 1 (worst) to 4");
    }
    fits
}

/// Its own or that of its template: one that its enterprise is in, or coverage would look for it in vain.
fn read_sector(table: &Table<'_>, template: &Template, sectors: &[String]) -> Option<String> {
    let own = table.get("sector").map(|node| node.text());
    let sector = own.unwrap_or(template.sector.as_deref())?;
    if !sectors.iter().any(|known| known == sector) {
        let remedy = format!("add {sector:?} to the enterprise's sectors, or choose another sector or template");
        let problem = format!("equipment of sector {sector:?}, which its enterprise is not in");
        match table.get("sector").or_else(|| table.get("template")) {
            Some(node) => node.refuse(problem, remedy),
            None => table.refuse(problem, remedy),
        }
    }
    Some(sector.to_owned())
}

/// Contract or transformer capacity: only a circuit has one.
fn read_rated(node: Node<'_>, template: &Template) -> Option<f64> {
    let rated = node.number()?;
    if rated <= 0.0 {
        node.refuse(format!("rated for {rated} kW"), "write its contract or transformer capacity, above 0");
    } else if template.circuit_role.is_none() {
        node.refuse_key("rated_kw at equipment that is no circuit", "remove it, or give the template a circuit_role");
    }
    Some(rated)
}

/// The template's points under the id of the equipment, with the numbers that are different here.
fn read_points(table: &Table<'_>, template: &Template, equipment: &str) -> Vec<Point> {
    let mut points = template.points.clone();
    for node in table.get("points").and_then(|n| n.names("points")).iter().flat_map(Table::entries) {
        let Some(point) = points.iter_mut().find(|p| p.id == node.key) else {
            let known = template.points.iter().map(|p| p.id.as_str());
            node.refuse_key(format!("the template has no point {:?}", node.key), hint(node.key, known));
            continue;
        };
        if let Some(own) = node.table(format!("point {:?}", node.key), &POINT_KEYS) {
            point.national_code = own.get("national_code").and_then(text);
            numbers::read_into(&own, point);
        }
    }
    for point in &mut points {
        point.id = format!("{equipment}.{}", point.id);
    }
    points
}
