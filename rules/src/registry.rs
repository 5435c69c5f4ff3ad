//! The registry: who is in the district, what they run, which points they must send. Plain data, as it is
//! journalled (canonical JSON by hash). Must not know numbers, state or files. Pure.

use crate::reading::SECOND_US;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    pub district: Region,
    pub towns: Vec<Region>,
    pub sectors: Vec<Sector>,
    pub tag_types: Vec<TagType>,
    pub enterprises: Vec<Enterprise>,
}

/// A district or a town (镇街).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    pub code: String,
    pub name: Text,
}

/// One text in both languages of the console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub zh: String,
    pub en: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sector {
    /// `hazchem`, `dust`, `electricity`.
    pub id: String,
    pub name: Text,
}

/// What kind of quantity a point measures; rules name tag types, never points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TagType {
    /// For example `gas.lel`.
    pub id: String,
    pub name: Text,
    /// Canonical unit, for example `%LEL`; `0/1` for switches.
    pub unit: String,
}

/// 在产, 停产, 责令停产整顿, 停用, 关闭, 取缔.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Producing,
    Stopped,
    OrderedToStop,
    Disused,
    Closed,
    Banned,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enterprise {
    /// Short and stable; stands in MQTT topics: `[a-z0-9-]+`.
    pub id: String,
    /// 统一社会信用代码, 18 characters.
    pub credit_code: String,
    pub name: Text,
    pub sectors: Vec<String>,
    /// Code of a town of the registry.
    pub town: String,
    pub industry: String,
    pub status: Status,
    pub people: Vec<Person>,
    pub gateways: Vec<Gateway>,
    pub equipment: Vec<Equipment>,
    /// 企业编码 of the national platforms, when known.
    pub national_code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub role: String,
    pub name: String,
    pub phone: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gateway {
    /// Unique within its enterprise; stands in MQTT topics: `[a-z0-9-]+`.
    pub id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Equipment {
    /// Unique within its enterprise.
    pub id: String,
    pub name: Text,
    /// The installation template it was made from, for example `tank-lpg` or `collector-dry`.
    pub kind: String,
    /// Major hazard source level 1 (worst) to 4, where it is one.
    pub hazard_level: Option<u8>,
    /// Role of an electric circuit: production, dust_removal, ventilation, env_protection, fire_pump, dcs_ups, general.
    pub circuit_role: Option<String>,
    pub points: Vec<Point>,
    pub national_code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Unique within its enterprise, as it stands in payloads: for example `T-101.level`.
    pub id: String,
    /// Id of a tag type of the registry.
    pub tag: String,
    pub range_lo: f64,
    pub range_hi: f64,
    /// Seconds between two samples; `None` for event points, which are silent while nothing happens.
    pub period_s: Option<u32>,
    pub limits: Limits,
    /// In the unit of the point; moves the default clear condition away from its limit.
    pub dead_band: f64,
    /// Counts for coverage.
    pub required: bool,
    pub national_code: Option<String>,
}

impl Point {
    #[must_use]
    pub fn period_us(&self) -> Option<i64> {
        self.period_s.map(|s| i64::from(s).saturating_mul(SECOND_US))
    }
}

/// Alarm limits of one point, in its unit. What is absent here comes from the rule's own defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub ll: Option<f64>,
    pub l: Option<f64>,
    pub h: Option<f64>,
    pub hh: Option<f64>,
}

/// One of the four limits of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitName {
    Ll,
    L,
    H,
    Hh,
}

impl LimitName {
    pub const ALL: [LimitName; 4] = [LimitName::Ll, LimitName::L, LimitName::H, LimitName::Hh];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LimitName::Ll => "ll",
            LimitName::L => "l",
            LimitName::H => "h",
            LimitName::Hh => "hh",
        }
    }
}

impl Limits {
    #[must_use]
    pub fn get(&self, name: LimitName) -> Option<f64> {
        match name {
            LimitName::Ll => self.ll,
            LimitName::L => self.l,
            LimitName::H => self.h,
            LimitName::Hh => self.hh,
        }
    }

    pub fn set(&mut self, name: LimitName, value: Option<f64>) {
        match name {
            LimitName::Ll => self.ll = value,
            LimitName::L => self.l = value,
            LimitName::H => self.h = value,
            LimitName::Hh => self.hh = value,
        }
    }
}
