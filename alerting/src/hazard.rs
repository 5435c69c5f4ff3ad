//! The hazard ledger (隐患台账), as far as it goes yet: a lead (线索), opened by an alarm that stands for too long, and a
//! person's judgement of it. Must not know when an alarm does. Pure.

use crate::alarm::{AlarmId, Object};
use rules::reading::{Micros, Severity};
use rules::registry::{Limits, Text};
use rules::view::PointKey;
use serde::{Deserialize, Serialize};

/// Year times a million and the number within the year: 2026000017.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HazardId(pub u64);

/// 核查判定
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 重大
    Major,
    /// 一般
    General,
    /// 不成立
    NotFounded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HazardState {
    /// 线索: opened by Davy, judged by nobody.
    Lead,
    Major,
    General,
    /// Closed: the next occurrence opens another lead.
    NotFounded,
}

/// What an alarm shows for a lead: enough to find its readings and judge them again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub alarm: AlarmId,
    pub rule: String,
    /// Content hashes of what it was judged under.
    pub rule_set: String,
    pub registry: String,
    pub severity: Severity,
    pub object: Object,
    pub value: Option<f64>,
    pub worst: Option<f64>,
    pub limit: Option<f64>,
    /// All limits of the object, resolved.
    pub limits: Limits,
    pub since: Micros,
    pub raised_at: Micros,
    /// When it had stood long enough.
    pub at: Micros,
    /// The points its rule reads.
    pub points: Vec<PointKey>,
    /// Event times of the readings that made the alarm and what came before it.
    pub from: Micros,
    pub to: Micros,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hazard {
    pub id: HazardId,
    /// As it is spoken of: `500120-2026-0017`.
    pub no: String,
    pub enterprise: String,
    pub equipment: Option<String>,
    /// With enterprise and equipment what makes it one: the rule's `lead.ground`.
    pub ground: String,
    pub title: Text,
    pub state: HazardState,
    pub opened_at: Micros,
    /// When it was last found.
    pub last_at: Micros,
    /// How often it was found again (屡查屡犯).
    pub repeats: u32,
    /// The first, and the newest after it.
    pub evidence: Vec<Evidence>,
    pub judged_at: Option<Micros>,
    pub judged_by: Option<String>,
    pub comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HazardCause {
    Opened,
    Repeated,
    Judged,
    /// Taken over from the database.
    Adopted,
}

/// One immutable event in the life of a hazard, with the whole hazard as it stands after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HazardChange {
    pub at: Micros,
    pub from: Option<HazardState>,
    pub cause: HazardCause,
    pub by: Option<String>,
    pub comment: Option<String>,
    pub hazard: Hazard,
}
