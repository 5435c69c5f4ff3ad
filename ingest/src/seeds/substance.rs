//! Substances whose limits are laid down: what toxic gas detectors look for. Must not know templates. Pure.

use crate::seeds::district::both_languages;
use crate::seeds::names::{Alphabet, Names, id};
use crate::seeds::page::{Node, Page};
use rules::registry::Substance;

/// Where they stand.
pub const FILE: &str = "substances.toml";

/// All substances of the district.
pub struct Substances {
    pub names: Names,
    pub list: Vec<Substance>,
}

impl Substances {
    /// None where there is no such file.
    pub fn read<'p>(page: Option<&'p Page<'p>>) -> Substances {
        let mut substances = Substances { names: Names::new("substance"), list: Vec::new() };
        let rows = page.and_then(|page| page.root(&["substance"]).need("substance")).and_then(|node| node.list());
        for row in rows.unwrap_or_default() {
            substances.list.extend(read_one(row, &mut substances.names));
        }
        substances
    }
}

fn read_one(row: Node<'_>, names: &mut Names) -> Option<Substance> {
    let table = row.table("a substance", &["id", "name", "oel", "highly_toxic"])?;
    let name = table.need("name").and_then(both_languages);
    let oel = table.get("oel").and_then(|node| {
        let oel = node.number()?;
        if oel <= 0.0 {
            node.refuse(format!("an exposure limit of {oel} mg/m³"), "write the value of GBZ 2.1, or leave it out");
        }
        Some(oel)
    });
    let highly_toxic = table.get("highly_toxic").and_then(|node| node.flag()).unwrap_or(false);
    let node = table.need("id")?;
    let id = id(node, Alphabet::Topic)?;
    names.add(node, &id).then_some(Substance { id, name: name?, oel, highly_toxic })
}
