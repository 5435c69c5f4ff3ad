//! Names: which characters an id may have, which names of a kind exist, and which is used twice. Must not know
//! what is named. Pure.

use crate::seeds::page::Node;
use crate::seeds::spell::hint;
use std::collections::BTreeMap;

/// Longest id, in characters: four of them and the slashes make an MQTT topic.
const ID_MAX: usize = 48;

/// Longest text shown to people, in characters: what fits a line of the console.
const TEXT_MAX: usize = 120;

/// The characters an id may have.
#[derive(Clone, Copy)]
pub enum Alphabet {
    /// `a-z 0-9 -`: stands in MQTT topics (enterprise, gateway), in file names (template) or in pages (town, sector).
    Topic,
    /// `A-Z a-z 0-9 - _`: the part of a point id before or after its dot.
    Part,
    /// `a-z 0-9 _ .`: a tag type.
    Dotted,
}

impl Alphabet {
    fn allows(self, character: char) -> bool {
        match self {
            Alphabet::Topic => matches!(character, 'a'..='z' | '0'..='9' | '-'),
            Alphabet::Part => matches!(character, 'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_'),
            Alphabet::Dotted => matches!(character, 'a'..='z' | '0'..='9' | '_' | '.'),
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Alphabet::Topic => "a-z 0-9 -",
            Alphabet::Part => "A-Z a-z 0-9 - _",
            Alphabet::Dotted => "a-z 0-9 _ .",
        }
    }
}

/// An id, if it is one.
pub fn id(node: Node<'_>, alphabet: Alphabet) -> Option<String> {
    let text = text(node)?;
    if let Some(bad) = text.chars().find(|c| !alphabet.allows(*c)) {
        let remedy = format!("an id here has only the characters {}", alphabet.shown());
        node.refuse(format!("{:?} {text:?} contains {bad:?}", node.key), remedy);
        return None;
    }
    let length = text.chars().count();
    if length > ID_MAX {
        node.refuse(format!("{:?} is {length} characters long", node.key), format!("keep it to {ID_MAX}"));
        return None;
    }
    Some(text)
}

/// A text for people: not empty, not too long, nothing that a terminal or a database would choke on.
pub fn text(node: Node<'_>) -> Option<String> {
    let text = node.text()?;
    let length = text.chars().count();
    if text.trim().is_empty() {
        node.refuse(format!("{:?} is empty", node.key), "write something");
    } else if let Some(bad) = text.chars().find(|c| c.is_control()) {
        node.refuse(format!("{:?} contains the control character {bad:?}", node.key), "remove it");
    } else if length > TEXT_MAX {
        node.refuse(format!("{:?} is {length} characters long", node.key), format!("keep it to {TEXT_MAX}"));
    } else {
        return Some(text.to_owned());
    }
    None
}

/// All names of one kind, with the place of the first use of each.
pub struct Names {
    kind: &'static str,
    places: BTreeMap<String, String>,
    /// False when the file that defines them could not be read: then nothing can be said to be unknown.
    pub complete: bool,
}

impl Names {
    #[must_use]
    pub fn new(kind: &'static str) -> Names {
        Names { kind, places: BTreeMap::new(), complete: true }
    }

    /// False, and a mistake in the report, if the name is taken.
    pub fn add(&mut self, node: Node<'_>, name: &str) -> bool {
        if let Some(first) = self.places.get(name) {
            let remedy = format!("the first is at {first}; rename one or remove it");
            node.refuse(format!("{} {name:?} is there twice", self.kind), remedy);
            return false;
        }
        self.places.insert(name.to_owned(), format!("{}:{}", node.file(), node.line()));
        true
    }

    /// For names that are not written in a file, as the ones of the files themselves.
    pub fn add_defined(&mut self, name: &str) {
        self.places.insert(name.to_owned(), String::new());
    }

    /// The name that stands at the node, if it is known.
    pub fn pick(&self, node: Node<'_>) -> Option<String> {
        let name = node.text()?;
        if !self.complete || self.places.contains_key(name) {
            return Some(name.to_owned());
        }
        unknown(node, self.kind, self.places.keys().map(String::as_str));
        None
    }
}

/// Reports the name at the node as none of the known ones, with the nearest or the first of them.
pub fn unknown<'k>(node: Node<'_>, kind: &str, known: impl Iterator<Item = &'k str> + Clone) {
    let name = node.text().unwrap_or_default();
    node.refuse(format!("unknown {kind} {name:?}"), hint(name, known));
}
