//! Any JSON value, of which only scalars are kept: what lets a reading be wrong without making its message wrong.
//! Costs nothing on the good path. Refuses NUL and counts depth even where it skips. Pure.

use rules::reading::Micros;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A time as sent: none, in range, or a reason to reject what leans on it.
pub type Time = Result<Option<Micros>, String>;

pub enum Loose<'de> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Above the range of `i64`.
    Huge(u64),
    Fraction(f64),
    Text(Cow<'de, str>),
    Array,
    Object,
}

/// What a value is, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool,
    Integer,
    Huge,
    Fraction,
    Text,
    Array,
    Object,
}

impl<'de> Loose<'de> {
    /// A whole number that is not negative.
    pub fn natural_number(n: u64) -> Loose<'de> {
        i64::try_from(n).map_or(Loose::Huge(n), Loose::Integer)
    }

    /// A string that had escapes, which may stand for a NUL.
    pub fn owned_text<E: de::Error>(text: &str) -> Result<Loose<'de>, E> {
        check_nul(text)?;
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }
}

impl Loose<'_> {
    pub fn kind(&self) -> Kind {
        match self {
            Loose::Null => Kind::Null,
            Loose::Bool(_) => Kind::Bool,
            Loose::Integer(_) => Kind::Integer,
            Loose::Huge(_) => Kind::Huge,
            Loose::Fraction(_) => Kind::Fraction,
            Loose::Text(_) => Kind::Text,
            Loose::Array => Kind::Array,
            Loose::Object => Kind::Object,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Loose::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number, or a boolean as 0 or 1.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Loose::Bool(yes) => Some(f64::from(u8::from(yes))),
            Loose::Integer(n) => Some(n as f64),
            Loose::Huge(n) => Some(n as f64),
            Loose::Fraction(x) => Some(x),
            Loose::Null | Loose::Text(_) | Loose::Array | Loose::Object => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match *self {
            Loose::Integer(n) => Some(n),
            _ => None,
        }
    }

    pub fn natural(&self) -> Option<u64> {
        match *self {
            Loose::Integer(n) => u64::try_from(n).ok(),
            Loose::Huge(n) => Some(n),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Integer => "a whole number",
            Kind::Huge => "a number out of range",
            Kind::Fraction => "a fraction",
            Kind::Text => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        })
    }
}

impl<'de> Deserialize<'de> for Loose<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose<'de>, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Bool(yes))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Integer(n))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::natural_number(n))
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Fraction(x))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Loose<'de>, E> {
        // A string without escapes cannot hold a NUL: the parser refuses raw control characters.
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Loose<'de>, E> {
        Loose::owned_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Loose<'de>, A::Error> {
        skip_seq(seq)?;
        Ok(Loose::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        while map.next_entry::<Loose<'de>, Loose<'de>>()?.is_some() {}
        Ok(Loose::Object)
    }
}

/// Reads past an array, element by element, so that depth and numbers in it are checked like everywhere else.
pub fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<Loose<'de>>()?.is_some() {}
    Ok(())
}

/// No database holds a NUL in a text, so no message may carry one.
pub fn check_nul<E: de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("a string holds a NUL character")) } else { Ok(()) }
}

/// 0001-01-01T00:00:00Z: no clock shows less, and a database may not hold it.
const TIME_MIN_MS: i64 = -62_135_596_800_000;

/// A time in milliseconds since 1970 as instant. `null` is no time. Whether it is to be believed is not asked here.
pub fn time(sent: &Loose<'_>) -> Time {
    match sent.integer() {
        Some(ms) if ms >= TIME_MIN_MS => match ms.checked_mul(1_000) {
            Some(us) => Ok(Some(Micros(us))),
            None => Err("is out of range: expected milliseconds since 1970".to_owned()),
        },
        Some(_) => Err("is out of range: before the year 1".to_owned()),
        None if sent.kind() == Kind::Null => Ok(None),
        None => Err(format!("is {}, expected whole milliseconds since 1970", sent.kind())),
    }
}
