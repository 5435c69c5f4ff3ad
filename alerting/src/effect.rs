//! What a step changes in the world, keyed by (seq, index): the only thing that leaves the fold. Pure.

use crate::alarm::{AlarmChange, Object};
use crate::command::Outcome;
use crate::coverage::{AcceptanceChange, CoverageDay, SealedDay};
use crate::figures::FigureFiled;
use crate::filings::FilingChange;
use crate::hazard::HazardChange;
use crate::input::Reject;
use crate::rulebook::RuleDecision;
use bytes::Bytes;
use rules::reading::{Micros, PointId, Severity};
use rules::view::PointKey;
use serde::{Deserialize, Serialize};

/// The outcome of one step. `business` is ordered by severity, worst first; the place of an effect in it is its index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    pub business: Vec<Business>,
    pub readings: StoredReadings,
    /// One for each command of the batch, in order.
    pub outcomes: Vec<Outcome>,
    /// How far each gateway that numbers its messages may trim its buffer, sorted. For the gateways alone: the database
    /// does not ask.
    pub receipts: Vec<Receipt>,
}

/// Everything the gateway sent up to this number is durable, as far as it came at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub enterprise: String,
    pub gateway: String,
    pub seq: u64,
}

/// The business lane: small, and never behind a backlog of readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Business {
    Alarm(Box<AlarmChange>),
    Quarantined(Quarantined),
    /// A point got its number. Comes before any reading of it.
    PointNumbered {
        point: PointId,
        key: PointKey,
    },
    /// A registry version came into force; canonical JSON.
    Registered {
        version: String,
        at: Micros,
        content: Bytes,
    },
    RulesActivated {
        version: String,
        at: Micros,
        rules: Vec<String>,
    },
    /// What lay in quarantine under this key has been read after all; so many readings came of it.
    Replayed {
        journal_id: String,
        seq: u64,
        index: u32,
        readings: u32,
    },
    Finding(Box<Finding>),
    Filing(Box<FilingChange>),
    Acceptance(Box<AcceptanceChange>),
    /// What is known now of one enterprise's day in one sector; replaces what was known before.
    CoverageDay(Box<CoverageDay>),
    /// The figure of a day, sealed.
    Sealed(Box<SealedDay>),
    Hazard(Box<HazardChange>),
    Figure(Box<FigureFiled>),
    /// What two people decided about rules or limits.
    RuleDecision(Box<RuleDecision>),
}

/// What a rule would have said of readings that came too late to be judged (历史发现, 补录). Never an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub rule: String,
    pub severity: Severity,
    pub object: Object,
    /// Event times of the first and the last reading in breach.
    pub first_event: Micros,
    pub last_event: Micros,
    pub worst: Option<f64>,
    /// How many readings were in breach; not all between the first and the last need be.
    pub readings: u32,
    /// Content hash of the rule set that found it.
    pub rule_set: String,
    /// When it was found.
    pub at: Micros,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarantined {
    pub received: Micros,
    pub topic: String,
    pub payload: Bytes,
    pub reject: Reject,
}

/// The readings lane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredReadings {
    /// Newer than everything stored for their point: may be copied without a look.
    pub fast: Columns,
    /// Not newer: must be compared with what is stored.
    pub late: Columns,
    /// Known to be stored already; dropped here, counted.
    pub duplicates: u32,
}

impl StoredReadings {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fast.is_empty() && self.late.is_empty() && self.duplicates == 0
    }
}

/// Readings by column, as they are stored. All columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    pub point: Vec<u32>,
    /// The time the reading counts for: the device's where believed, else the receive time.
    pub event_us: Vec<i64>,
    pub value: Vec<f64>,
    pub quality: Vec<u8>,
    /// As sent; `NO_TIME` where the device sent none.
    pub device_us: Vec<i64>,
    /// Strictly increasing for each point.
    pub received_us: Vec<i64>,
    pub flags: Vec<u8>,
}

/// Stands for "the device sent no time" in `Columns::device_us`.
pub const NO_TIME: i64 = i64::MIN;
/// The message carried no device time.
pub const FLAG_NO_DEVICE_TIME: u8 = 1;
/// The device time was not believed; the reading counts for its receive time.
pub const FLAG_UNBELIEVED: u8 = 2;
/// History: stored, not judged.
pub const FLAG_NOT_JUDGED: u8 = 4;
/// The gateway said that the message was simulated.
pub const FLAG_SIMULATED: u8 = 8;

impl Columns {
    #[must_use]
    pub fn len(&self) -> usize {
        self.point.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.point.is_empty()
    }
}
