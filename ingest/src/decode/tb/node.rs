//! The tree of a ThingsBoard message, as deep as the format reaches and no larger than its readings can need: its
//! shape says what it means, so it is read whole before it is understood. Must not know what a reading is. Pure.

use crate::decode::READINGS_MAX;
use crate::decode::loose::{Kind, Loose};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Devices, their elements, `ts` and `values`, a key: what lies deeper is only looked through.
const DEPTH: u8 = 4;
/// A reading wrapped alone needs four nodes (element, `ts`, `values`, its value); a little more for what is read past.
const NODES_MAX: usize = 8 * READINGS_MAX;

pub enum Node<'de> {
    Leaf(Loose<'de>),
    Array(Vec<Node<'de>>),
    Object(Vec<(Cow<'de, str>, Node<'de>)>),
}

impl Node<'_> {
    pub fn kind(&self) -> Kind {
        match self {
            Node::Leaf(leaf) => leaf.kind(),
            Node::Array(_) => Kind::Array,
            Node::Object(_) => Kind::Object,
        }
    }
}

/// Why there is no tree.
pub enum Unreadable {
    TooMany,
    Malformed(String),
}

/// Reads a whole payload.
pub fn tree(payload: &[u8]) -> Result<Node<'_>, Unreadable> {
    let mut left = NODES_MAX;
    let mut json = serde_json::Deserializer::from_slice(payload);
    let node = Seed { depth: DEPTH, left: &mut left }.deserialize(&mut json).and_then(|node| json.end().map(|()| node));
    node.map_err(|error| if left == 0 { Unreadable::TooMany } else { Unreadable::Malformed(error.to_string()) })
}

struct Seed<'n> {
    depth: u8,
    left: &'n mut usize,
}

impl Seed<'_> {
    /// For what lies in an array or object of this node.
    fn inner(&mut self) -> Seed<'_> {
        Seed { depth: self.depth.saturating_sub(1), left: self.left }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        *self.left = self.left.saturating_sub(1);
        if *self.left == 0 {
            return Err(de::Error::custom("too many values"));
        }
        if self.depth == 0 {
            return Loose::deserialize(deserializer).map(Node::Leaf);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Leaf(Loose::Null))
    }

    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Node<'de>, E> {
        Ok(Node::Leaf(Loose::Bool(yes)))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Node<'de>, E> {
        Ok(Node::Leaf(Loose::Integer(n)))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Node<'de>, E> {
        Ok(Node::Leaf(Loose::natural_number(n)))
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Node<'de>, E> {
        Ok(Node::Leaf(Loose::Fraction(x)))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Leaf(Loose::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node<'de>, E> {
        Loose::owned_text(text).map(Node::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element_seed(self.inner())? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key::<Loose<'de>>()? {
            let Loose::Text(key) = key else {
                return Err(de::Error::custom("a key is not a string"));
            };
            fields.push((key, map.next_value_seed(self.inner())?));
        }
        Ok(Node::Object(fields))
    }
}
