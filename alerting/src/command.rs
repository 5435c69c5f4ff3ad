//! What people may order, and how the fold answers. Cleansed at the edge: nothing secret stands here. Pure.

use crate::alarm::AlarmId;
use crate::filings::Planned;
use crate::hazard::{HazardId, Verdict};
use rules::reading::Micros;
use rules::registry::LimitName;
use rules::view::PointKey;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Idempotency key: the same key is answered with the same outcome and changes nothing twice.
    pub key: String,
    pub received: Micros,
    pub by: Actor,
    pub order: Order,
}

/// Who says so. Free text until there are users; then a verified name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub name: String,
    pub authenticated: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    Acknowledge {
        alarm: AlarmId,
        comment: String,
    },
    /// What lies in quarantine and now fits is to be read again; the edge does it, message by message.
    ReplayQuarantine(Search),
    /// The wall is right, however far it is from the loop's clock; the edge lets the clock follow it.
    AcceptClock {
        comment: String,
    },
    /// Planned work or a planned stop, filed before it begins.
    File(Planned),
    /// A filing is taken back, or ends now.
    Withdraw {
        filing: u64,
        comment: String,
    },
    /// The connection of an enterprise's sector is accepted (验收): the signature under 72 hours of good reporting.
    Accept {
        enterprise: String,
        sector: String,
        comment: String,
    },
    /// An acceptance is taken back.
    Revoke {
        enterprise: String,
        sector: String,
        comment: String,
    },
    /// A person's judgement of a lead (核查判定).
    Judge {
        hazard: HazardId,
        verdict: Verdict,
        comment: String,
    },
    /// A figure for a row of the plan's task list, from outside.
    FileFigure {
        row: u16,
        figure: String,
        as_of: Micros,
        comment: String,
    },
    /// A new registry version, made of rows that people brought; comes into force right behind this order.
    ImportRegistry {
        version: String,
        comment: String,
    },
    /// A latched alarm whose breach is over is reset.
    ResetAlarm {
        alarm: AlarmId,
        comment: String,
    },
    /// One limit of one point is set; without a value, what the registry or the rule says stands again.
    OverrideLimit {
        point: PointKey,
        limit: LimitName,
        value: Option<f64>,
        approved_by: String,
        reason: String,
    },
    /// Another rule set; comes into force right behind this order.
    ActivateRules {
        version: String,
        approved_by: String,
        reason: String,
    },
    /// A rule set that was in force before; comes into force again right behind this order.
    RollbackRules {
        version: String,
        approved_by: String,
        reason: String,
    },
}

/// Which rows of quarantine; `None` = all. Times are receive times, `from <= received < to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    pub reason: Option<String>,
    pub enterprise: Option<String>,
    pub gateway: Option<String>,
    pub from: Option<Micros>,
    pub to: Option<Micros>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done now, or done before under the same key.
    Done {
        alarm: AlarmId,
    },
    Refused(Refusal),
    /// On record; the fold itself has nothing to do about it.
    Noted,
    /// Filed, or withdrawn, under this number.
    Filed {
        filing: u64,
    },
    /// The lead was judged.
    Judged {
        hazard: HazardId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no open alarm of this number.
    NoSuchAlarm,
    /// It needs no acknowledgement (any more).
    NothingToAcknowledge,
    /// The key was used before for another order.
    KeyReused,
    /// Nothing of this name is in the registry in force.
    NotInRegistry,
    /// A filing begins before it is filed, or ends before it begins, or lasts too long.
    NotAhead,
    /// There is no filing of this number that could be withdrawn (any more).
    NoSuchFiling,
    /// A stop is only excused with an idle check.
    NoIdleCheck,
    /// So many of a thousand minutes of the last 72 hours were reported, fewer than acceptance asks for.
    NotReporting { permille: u16 },
    /// There is no acceptance to take back, or there is one already.
    NothingToSign,
    /// There is no hazard of this number.
    NoSuchHazard,
    /// It was judged before.
    AlreadyJudged,
    /// The plan has no such row, or it is computed.
    NoSuchRow,
    /// The alarm returns by itself: its rule does not latch.
    NotLatched,
    /// What it was raised for is still so, or has not been over for long enough.
    StillInBreach,
    /// Who approves is who orders.
    SamePerson,
    /// A limit would let more pass than the ceiling of a rule allows.
    WeakerThanCeiling { rule: String, ceiling: String },
    /// It is no number, or stands on the wrong side of another limit of the point.
    BadLimit,
    /// Nobody set this limit.
    NoSuchOverride,
    /// This rule set is in force.
    InForceAlready,
}
