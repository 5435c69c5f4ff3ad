//! One reading of a JSON message: its fields as sent, and what they mean if they mean anything. Must not know points.
//! Pure.

use crate::decode::intake::Claim;
use crate::decode::loose::{self, Kind, Loose, time};
use rules::reading::Quality;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// One element of `d`.
pub enum Element<'de> {
    Object(Fields<'de>),
    Other(Kind),
}

#[derive(Default)]
pub struct Fields<'de> {
    p: Option<Loose<'de>>,
    v: Option<Loose<'de>>,
    t: Option<Loose<'de>>,
    q: Option<Loose<'de>>,
    twice: bool,
}

impl<'de> de::Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Element<'de>, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reading")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<Loose<'de>>()? {
            let value = map.next_value::<Loose<'de>>()?;
            let field = match key.text() {
                Some("p") => &mut fields.p,
                Some("v") => &mut fields.v,
                Some("t") => &mut fields.t,
                Some("q") => &mut fields.q,
                // Fields may grow; an older Davy reads past them.
                _ => continue,
            };
            fields.twice |= field.replace(value).is_some();
        }
        Ok(Element::Object(fields))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Element<'de>, E> {
        Ok(Element::Other(Kind::Null))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Element<'de>, E> {
        Ok(Element::Other(Kind::Bool))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Element<'de>, E> {
        Ok(Element::Other(Kind::Integer))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Element<'de>, E> {
        Ok(Element::Other(Kind::Integer))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Element<'de>, E> {
        Ok(Element::Other(Kind::Fraction))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Element<'de>, E> {
        loose::check_nul(text)?;
        Ok(Element::Other(Kind::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Element<'de>, A::Error> {
        loose::skip_seq(seq)?;
        Ok(Element::Other(Kind::Array))
    }
}

impl Fields<'_> {
    /// What the reading says, or what is wrong with it.
    pub fn claim(&self) -> Result<Claim<'_>, String> {
        if self.twice {
            return Err("a field is given twice".to_owned());
        }
        let point = match &self.p {
            Some(p) => p.text().ok_or_else(|| format!("p is {}, expected the name of a point", p.kind()))?,
            None => return Err("p is missing".to_owned()),
        };
        let value = match &self.v {
            Some(v) => v.number().ok_or_else(|| format!("v is {}, expected a number or a boolean", v.kind()))?,
            None => return Err("v is missing".to_owned()),
        };
        let device_time = match &self.t {
            Some(t) => time(t).map_err(|problem| format!("t {problem}"))?,
            None => None,
        };
        let quality = match self.q.as_ref().map(|q| (q.kind(), q.text())) {
            None | Some((Kind::Null, _)) | Some((_, Some("good"))) => Quality::Good,
            Some((_, Some("uncertain"))) => Quality::Uncertain,
            Some((_, Some("bad"))) => Quality::Bad,
            Some((kind, text)) => {
                let said = text.map_or_else(|| kind.to_string(), |text| format!("{text:?}"));
                return Err(format!("q is {said}, expected good, uncertain or bad"));
            }
        };
        Ok(Claim { point, device_time, value, quality })
    }
}
