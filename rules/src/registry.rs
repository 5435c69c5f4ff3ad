//! The registry: who is in the district, what they run, which points they must send. Plain data, as it is
//! journalled (canonical JSON by hash). Must not know numbers, state or files. Pure.

use crate::reading::SECOND_US;
use crate::site::{Calendar, Design, Site};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    pub district: Region,
    pub towns: Vec<Region>,
    pub sectors: Vec<Sector>,
    pub tag_types: Vec<TagType>,
    pub enterprises: Vec<Enterprise>,
    /// Dangerous substances that limits depend on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub substances: Vec<Substance>,
    #[serde(default, skip_serializing_if = "Calendar::is_empty")]
    pub calendar: Calendar,
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

/// A substance whose limits are laid down for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Substance {
    /// For example `chlorine`.
    pub id: String,
    pub name: Text,
    /// Occupational exposure limit (OEL, 职业接触限值), mg/m³.
    pub oel: Option<f64>,
    /// 剧毒 or highly toxic: second-level gas alarms are red.
    #[serde(default, skip_serializing_if = "is_false")]
    pub highly_toxic: bool,
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
    /// Dangerous stock is kept on site: it stays in scope of coverage while it stands still.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stock: bool,
    /// What it says it draws, until baselines are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredLoad>,
    #[serde(default, skip_serializing_if = "Site::is_empty")]
    pub site: Site,
}

/// Declared electric loads, kW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredLoad {
    /// With production at rest.
    pub idle_kw: f64,
    /// In normal production.
    pub production_kw: f64,
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
    /// For which of its enterprise's sectors it is watched; absent = for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// Contract or transformer capacity of a circuit, kW.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rated_kw: Option<f64>,
    #[serde(default, skip_serializing_if = "Design::is_empty")]
    pub design: Design,
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
    /// Id of a substance of the registry: what a gas detector looks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substance: Option<String>,
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What an electric circuit is for.
pub const CIRCUIT_ROLES: [&str; 7] =
    ["production", "dust_removal", "ventilation", "env_protection", "fire_pump", "dcs_ups", "general"];

impl Status {
    pub const ALL: [Status; 6] =
        [Status::Producing, Status::Stopped, Status::OrderedToStop, Status::Disused, Status::Closed, Status::Banned];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::Producing => "producing",
            Status::Stopped => "stopped",
            Status::OrderedToStop => "ordered_to_stop",
            Status::Disused => "disused",
            Status::Closed => "closed",
            Status::Banned => "banned",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl Registry {
    /// What a point's detector looks for, if it is said.
    #[must_use]
    pub fn substance_of(&self, point: &Point) -> Option<&Substance> {
        self.substance(point.substance.as_deref()?)
    }

    #[must_use]
    pub fn substance(&self, id: &str) -> Option<&Substance> {
        self.substances.iter().find(|substance| substance.id == id)
    }
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
