//! What the enterprises are described with: district, towns, sectors, tag types. Must not know templates or
//! enterprises. Pure.

use crate::seeds::names::{Alphabet, Names, id, text};
use crate::seeds::page::{Node, Page, Table};
use rules::registry::{Region, Sector, TagType, Text};

/// The four files of the district itself.
pub struct District {
    pub region: Option<Region>,
    pub towns: Vec<Region>,
    pub sectors: Vec<Sector>,
    pub tag_types: Vec<TagType>,
    pub town_names: Names,
    pub sector_names: Names,
    pub tag_names: Names,
}

impl District {
    /// `page` gives a file by its name, or `None` after having reported that there is none.
    pub fn read<'p>(page: &dyn Fn(&str) -> Option<&'p Page<'p>>) -> District {
        let mut district = District {
            region: page("district.toml").and_then(|p| region(&p.root(&["code", "name"]))),
            towns: Vec::new(),
            sectors: Vec::new(),
            tag_types: Vec::new(),
            town_names: Names::new("town"),
            sector_names: Names::new("sector"),
            tag_names: Names::new("tag type"),
        };
        for row in rows(page("towns.toml"), "town", &mut district.town_names) {
            let Some(table) = row.table("a town", &["code", "name"]) else { continue };
            let Some(town) = region(&table) else { continue };
            if table.get("code").is_some_and(|code| district.town_names.add(code, &town.code)) {
                district.towns.push(town);
            }
        }
        for row in rows(page("sectors.toml"), "sector", &mut district.sector_names) {
            let Some(table) = row.table("a sector", &["id", "name"]) else { continue };
            let Some((id, name)) = named(&table, Alphabet::Topic, &mut district.sector_names) else { continue };
            district.sectors.push(Sector { id, name });
        }
        for row in rows(page("tags.toml"), "tag", &mut district.tag_names) {
            let Some(table) = row.table("a tag type", &["id", "name", "unit"]) else { continue };
            let unit = table.need("unit").and_then(text);
            let Some((id, name)) = named(&table, Alphabet::Dotted, &mut district.tag_names) else { continue };
            district.tag_types.extend(unit.map(|unit| TagType { id, name, unit }));
        }
        district
    }
}

/// `{ zh = "...", en = "..." }`.
pub fn both_languages(node: Node<'_>) -> Option<Text> {
    let table = node.table(format!("{:?}", node.key), &["zh", "en"])?;
    let (zh, en) = (table.need("zh").and_then(text), table.need("en").and_then(text));
    Some(Text { zh: zh?, en: en? })
}

/// The tables under the one key of a list file. Without the file, the names it would define are not complete.
fn rows<'p>(page: Option<&'p Page<'p>>, key: &'static str, names: &mut Names) -> Vec<Node<'p>> {
    names.complete = page.is_some();
    page.and_then(|p| p.root(&[key]).need(key)).and_then(|node| node.list()).unwrap_or_default()
}

fn region(table: &Table<'_>) -> Option<Region> {
    let code = table.need("code").and_then(|node| id(node, Alphabet::Topic));
    let name = table.need("name").and_then(both_languages);
    Some(Region { code: code?, name: name? })
}

/// Id and name. The id is known from here on even if the rest of its row is wrong: one mistake, one message.
fn named(table: &Table<'_>, alphabet: Alphabet, names: &mut Names) -> Option<(String, Text)> {
    let name = table.need("name").and_then(both_languages);
    let node = table.need("id")?;
    let id = id(node, alphabet)?;
    if names.add(node, &id) { Some((id, name?)) } else { None }
}
