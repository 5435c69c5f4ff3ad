//! What people may order, and how the fold answers. Cleansed at the edge: nothing secret stands here. Pure.

use crate::alarm::AlarmId;
use rules::reading::Micros;
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no open alarm of this number.
    NoSuchAlarm,
    /// It needs no acknowledgement (any more).
    NothingToAcknowledge,
    /// The key was used before for another order.
    KeyReused,
}
