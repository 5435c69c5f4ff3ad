//! Everything that can happen to Davy: the closed list of inputs to the fold. Journalled with raw deliveries and
//! content by hash, stepped with decoded deliveries and loaded content: hence the two type parameters. Pure.

use crate::alarm::{Alarm, AlarmId};
use crate::command::Command;
use crate::coverage::{AcceptanceChange, CoverageDay};
use crate::figures::FigureFiled;
use crate::filings::Filing;
use crate::gateway::{GatewayKey, GatewayStatus};
use crate::hazard::Hazard;
use bytes::Bytes;
use rules::reading::{Micros, Reading, SECOND_US, Severity};
use rules::registry::Registry;
use rules::set::RuleSet;
use rules::view::PointKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One record of the journal, one step of the fold. `now` is the only time the fold knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch<D, C> {
    pub now: Micros,
    pub inputs: Vec<Input<D, C>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input<D, C> {
    /// The first record of a journal: fixes what must be unique to it.
    Genesis {
        journal_id: String,
        alarm_id_base: u64,
    },
    /// The fold's version that judges from here on (raised when a golden journal's effects change).
    Engine {
        version: u32,
    },
    Activate(C),
    Delivery(D),
    Command(Command),
    /// Time has passed; asked for by the fold's own next deadline.
    Tick,
    Link(Link),
    /// Davy was away from `down_since` until this batch's `now`.
    Resumed {
        down_since: Micros,
    },
    SystemFault(SystemFault),
    /// Recovery: what the database knew when the journal that wrote it was lost.
    Adopted(Adopted),
    /// A record that made the fold panic twice; its deliveries are quarantined.
    Skipped(Skipped),
    /// A message out of quarantine, read once more: it keeps its old receive time, and its readings are history.
    Replayed(Replayed<D>),
    /// Recovery: the rest of what the database knew.
    AdoptedLedger(Box<AdoptedLedger>),
}

impl<D, C> Input<D, C> {
    /// The same input with its delivery decoded and its content loaded. Fails only if `content` does.
    pub fn try_map<D2, C2, E>(
        &self,
        delivery: impl FnOnce(&D) -> D2,
        content: impl FnOnce(&C) -> Result<C2, E>,
    ) -> Result<Input<D2, C2>, E> {
        Ok(match self {
            Input::Genesis { journal_id, alarm_id_base } => {
                Input::Genesis { journal_id: journal_id.clone(), alarm_id_base: *alarm_id_base }
            }
            Input::Engine { version } => Input::Engine { version: *version },
            Input::Activate(named) => Input::Activate(content(named)?),
            Input::Delivery(raw) => Input::Delivery(delivery(raw)),
            Input::Command(command) => Input::Command(command.clone()),
            Input::Tick => Input::Tick,
            Input::Link(link) => Input::Link(*link),
            Input::Resumed { down_since } => Input::Resumed { down_since: *down_since },
            Input::SystemFault(fault) => Input::SystemFault(fault.clone()),
            Input::Adopted(adopted) => Input::Adopted(adopted.clone()),
            Input::Skipped(skipped) => Input::Skipped(skipped.clone()),
            Input::AdoptedLedger(ledger) => Input::AdoptedLedger(ledger.clone()),
            Input::Replayed(message) => {
                Input::Replayed(Replayed { delivery: delivery(&message.delivery), from: message.from.clone() })
            }
        })
    }
}

/// A message that lies in quarantine, whole or in parts, and the rows of it that ask for their second chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed<D> {
    pub delivery: D,
    pub from: Vec<Aside>,
}

/// One row of quarantine: the key of the effect that wrote it, and what of the message it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    pub journal_id: String,
    pub seq: u64,
    pub index: u32,
    /// As `Reject::index`.
    pub reading: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    Up,
    Down,
}

/// Something is wrong with Davy or with what it leans on. Raises a system alarm, or lets it return.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemFault {
    /// `DAVY-…`, one open alarm for each.
    pub code: String,
    pub severity: Severity,
    pub active: bool,
    pub detail: String,
}

/// A message after the decoder: what could be read, what could not, and the bytes it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    pub received: Micros,
    pub topic: String,
    pub payload: Bytes,
    /// MQTT DUP: the broker may have delivered this message before.
    pub redelivered: bool,
    /// The gateway that its topic names, where that is registered.
    pub gateway: Option<GatewayKey>,
    /// Gateway `seq`, when sent.
    pub gateway_seq: Option<u64>,
    /// The gateway says that its readings are simulated.
    pub simulated: bool,
    /// What the message says of the gateway itself: by its last will, or when it connects.
    pub status: Option<GatewayStatus>,
    pub readings: Vec<Reading>,
    pub rejects: Vec<Reject>,
}

/// Why a message, or one reading of it, goes to quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Index of the reading in the message; `None` = the whole message.
    pub index: Option<u32>,
    pub reason: Reason,
    /// For people: what exactly was wrong, never secret, at most 200 characters.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    UnknownTopic,
    UnknownFormat,
    UnknownEnterprise,
    UnknownGateway,
    UnknownPoint,
    /// The point is there, but belongs to another enterprise.
    ForeignPoint,
    Malformed,
    WrongType,
    NotFinite,
    TooLarge,
    TooManyReadings,
    /// A record the fold could not digest.
    Skipped,
}

impl Reason {
    /// The name of a reason outside: in metrics, in the API and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::UnknownTopic => "unknown_topic",
            Reason::UnknownFormat => "unknown_format",
            Reason::UnknownEnterprise => "unknown_enterprise",
            Reason::UnknownGateway => "unknown_gateway",
            Reason::UnknownPoint => "unknown_point",
            Reason::ForeignPoint => "foreign_point",
            Reason::Malformed => "malformed",
            Reason::WrongType => "wrong_type",
            Reason::NotFinite => "not_finite",
            Reason::TooLarge => "too_large",
            Reason::TooManyReadings => "too_many_readings",
            Reason::Skipped => "skipped",
        }
    }
}

/// Content that becomes part of the fold, named by the hash of its canonical bytes.
#[derive(Clone, Debug)]
pub enum Content {
    Registry { version: String, registry: Arc<Registry> },
    Rules { version: String, rules: Arc<RuleSet> },
    Limits { version: String, limits: Arc<FoldLimits> },
}

/// The configuration the fold itself reads; journalled like a registry. Defaults: domain.md, all CFG.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FoldLimits {
    /// A device time further ahead of its receive time than this is not believed. Seconds.
    pub clock_skew_max_s: u32,
    /// A device time older than this is not believed. Days.
    pub retention_days: u32,
    /// A point never seen starts its absence clock so long after its activation. Seconds.
    pub never_seen_grace_s: u32,
    /// A reading older than this, its gateway's clock offset taken off, is history and raises no live alarm. Seconds.
    #[serde(default = "live_age_max_s")]
    pub live_age_max_s: u32,
    #[serde(default)]
    pub coverage: CoverageLimits,
    #[serde(default)]
    pub nuisance: NuisanceLimits,
}

/// What journals of before this limit existed are read with.
fn live_age_max_s() -> u32 {
    300
}

impl Default for FoldLimits {
    fn default() -> FoldLimits {
        FoldLimits {
            clock_skew_max_s: 60,
            retention_days: 400,
            never_seen_grace_s: 600,
            live_age_max_s: live_age_max_s(),
            coverage: CoverageLimits::default(),
            nuisance: NuisanceLimits::default(),
        }
    }
}

impl FoldLimits {
    /// Without alarms about alarms, for whoever looks at rules alone.
    #[must_use]
    pub fn of_rules_alone() -> FoldLimits {
        FoldLimits { nuisance: NuisanceLimits::off(), ..FoldLimits::default() }
    }
}

/// When alarms themselves are an alarm (domain.md 2.D, all CFG).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NuisanceLimits {
    /// More than so many alarms in 10 minutes are a flood (SY-03); fewer than `flood_off` end it. 0 switches all four off.
    pub flood_on: u16,
    pub flood_off: u16,
    /// An alarm that comes so often in 60 s chatters (SY-04).
    pub chatter: u8,
    /// An alarm that stands for so long is stale (SY-05). Hours.
    pub stale_h: u16,
    /// An enterprise that was online for less of a day is named (SY-01); after `low_days` in a row the alarm is yellow.
    /// Percent, days.
    pub online_min_pct: u8,
    pub low_days: u8,
}

impl NuisanceLimits {
    #[must_use]
    pub fn off() -> NuisanceLimits {
        NuisanceLimits { flood_on: 0, ..NuisanceLimits::default() }
    }

    #[must_use]
    pub fn is_on(&self) -> bool {
        self.flood_on > 0
    }

    #[must_use]
    pub fn stale_us(&self) -> i64 {
        i64::from(self.stale_h).saturating_mul(3_600).saturating_mul(SECOND_US)
    }
}

impl Default for NuisanceLimits {
    fn default() -> NuisanceLimits {
        NuisanceLimits { flood_on: 10, flood_off: 5, chatter: 3, stale_h: 24, online_min_pct: 95, low_days: 3 }
    }
}

/// What coverage is measured by (domain.md 5.2, all CFG).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoverageLimits {
    /// A required point counts as reporting for so long after a good reading, at least three of its periods. Minutes, by
    /// sector; other sectors take `window_min`.
    pub window_min_of: BTreeMap<String, u16>,
    pub window_min: u16,
    /// From this mean online rate on, over `mean_days`, a connected enterprise is effectively covered. Percent.
    pub online_min_pct: u8,
    pub mean_days: u16,
    /// What acceptance asks for: so many of the minutes of so many hours. Percent, hours.
    pub accept_min_pct: u8,
    pub accept_hours: u16,
    /// So much filed work of an enterprise is excused in a calendar month. Hours.
    pub excused_max_h: u16,
    /// A reading is timely within so long of its device's time; one of a point that speaks every 15 minutes or less often
    /// within `timely_slow_s`. Seconds.
    pub timely_s: u32,
    pub timely_slow_s: u32,
    /// A day is closed so long after its end. Minutes.
    pub close_after_min: u16,
    /// A closed day that late readings change is stated again when nothing more has come for so long. Seconds.
    pub settle_s: u32,
    /// Minutes of points are kept for so many days: later changes of older days come too late.
    pub kept_days: u16,
    /// Days, local, whose figure is sealed when they are closed: `2025-12-31`.
    pub sealed: Vec<String>,
}

impl Default for CoverageLimits {
    fn default() -> CoverageLimits {
        CoverageLimits {
            window_min_of: [("hazchem", 10), ("dust", 10), ("electricity", 45)].map(|(s, m)| (s.to_owned(), m)).into(),
            window_min: 10,
            online_min_pct: 95,
            mean_days: 30,
            accept_min_pct: 95,
            accept_hours: 72,
            excused_max_h: 48,
            timely_s: 60,
            timely_slow_s: 900,
            close_after_min: 10,
            settle_s: 60,
            kept_days: 62,
            sealed: vec!["2025-12-31".to_owned()],
        }
    }
}

/// What `davy recover adopt` reads beside points and alarms, so that ledger and coverage go on where they ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdoptedLedger {
    /// Open and judged ones, in the order of their numbers.
    pub hazards: Vec<Hazard>,
    pub filings: Vec<Filing>,
    pub acceptances: Vec<AcceptanceChange>,
    /// What was last known of each enterprise's days, in their order.
    pub days: Vec<CoverageDay>,
    pub figures: Vec<FigureFiled>,
}

/// Read from the database by `davy recover adopt`, so that a new journal continues where the lost one ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    /// Newest event time stored for each point.
    pub newest: Vec<(PointKey, Micros)>,
    pub open_alarms: Vec<Alarm>,
    /// Highest alarm id in the database.
    pub alarm_id_max: Option<AlarmId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    pub seq: u64,
    pub reason: String,
    /// Topic and payload of every delivery of the skipped record.
    pub raw: Vec<(String, Bytes)>,
}
