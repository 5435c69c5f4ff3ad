//! The monitoring rules that the district wants, whether there is a pack with them or not. Read strictly, with every mistake
//! by file and line. Must not know packs. Pure.

use crate::seeds::district::both_languages;
use crate::seeds::error::{Report, SeedError};
use crate::seeds::names::text;
use crate::seeds::page::{Node, Page, SeedFile};
use rules::registry::Text;
use std::collections::BTreeMap;

pub const FILE: &str = "catalogue.toml";

const KEYS: [&str; 5] = ["id", "sector", "name", "native", "lacks"];

/// A rule that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    /// `system` for those that judge alarms and workflows.
    pub sector: String,
    pub name: Text,
    /// Judges alarms or workflows: not in a pack, but in the fold.
    pub native: bool,
    /// What it waits for.
    pub lacks: Option<Text>,
}

/// The rules of the file, in their order.
pub fn read(file: &SeedFile) -> Result<Vec<Listed>, Vec<SeedError>> {
    let report = Report::default();
    let listed = Page::parse(file, &report).map(|page| rows(&page)).unwrap_or_default();
    let errors = report.close();
    if errors.is_empty() { Ok(listed) } else { Err(errors) }
}

fn rows(page: &Page<'_>) -> Vec<Listed> {
    let nodes = page.root(&["rule"]).need("rule").and_then(|node| node.list()).unwrap_or_default();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut list = Vec::new();
    for node in nodes {
        let Some(listed) = row(node) else { continue };
        if let Some(line) = places.insert(listed.id.clone(), node.line()) {
            node.refuse(
                format!("rule {} is there twice", listed.id),
                format!("the first is at line {line}; remove one"),
            );
        }
        list.push(listed);
    }
    list
}

fn row(node: Node<'_>) -> Option<Listed> {
    let table = node.table("a rule", &KEYS)?;
    let id = table.need("id").and_then(text);
    let sector = table.need("sector").and_then(text);
    let name = table.need("name").and_then(both_languages);
    let native = table.get("native").and_then(|node| node.flag()).unwrap_or(false);
    let lacks = table.get("lacks").and_then(both_languages);
    Some(Listed { id: id?, sector: sector?, name: name?, native, lacks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_by_line() {
        let text = "[[rule]]\nid = \"A-1\"\nsector = \"dust\"\nname = { zh = \"甲\", en = \"a\" }\n[[rule]]\nid = \"A-1\"\n\
                    sector = \"dust\"\nname = { zh = \"甲\", en = \"a\" }\nlack = 1\n";
        let file = SeedFile { name: FILE.to_owned(), bytes: text.as_bytes().to_vec() };
        let told: Vec<String> = read(&file).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "catalogue.toml:5: rule A-1 is there twice; the first is at line 1; remove one",
                "catalogue.toml:9: a rule has an unknown key \"lack\"; did you mean \"lacks\"?",
            ]
        );
    }
}
