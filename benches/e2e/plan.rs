//! What the runner asks of the generator, phase by phase, and what it hears back: one JSON object a line each way.
//! Pure.

use serde::{Deserialize, Serialize};

/// One phase of load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    /// Readings a message.
    pub readings: usize,
    pub pace: Pace,
    pub until: Until,
    pub times: Times,
    /// Flames beside the load, one each `1/per_s` seconds, each on a detector that has not been used before.
    pub flames_per_s: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pace {
    /// Open loop: so many messages a second are due, whatever becomes of the earlier ones.
    Rate { messages_per_s: f64 },
    /// As fast as the broker takes them, but no more than so many messages ahead of what the database has: the
    /// broker's queue stays bounded, and the pipeline never waits for us.
    Saturation { ahead: u64 },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Until {
    Seconds(f64),
    /// Every gateway's points so many times over.
    Rounds(u64),
}

/// Which device times readings carry.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Times {
    /// The time of sending.
    Live,
    /// A buffer of the last `rounds` readings of every point, `step_ms` apart, the newest one step before the time
    /// when the phase begins.
    Buffered { rounds: u64, step_ms: i64, order: Order },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    OldestFirst,
    NewestFirst,
    /// Oldest first, with a live message of the same gateway after every `LIVE_EVERY` of them.
    WithLive,
}

impl Order {
    pub const ALL: [Order; 3] = [Order::OldestFirst, Order::NewestFirst, Order::WithLive];
    /// About the share of live traffic while an hour drains in ten seconds.
    pub const LIVE_EVERY: u64 = 100;

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Order::OldestFirst => "oldest first",
            Order::NewestFirst => "newest first",
            Order::WithLive => "mixed with live",
        }
    }
}

/// A line to the generator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Word {
    Go(Phase),
    /// So many readings of the running phase are in the database.
    Committed(u64),
}

/// What was sent in a phase.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sent {
    pub messages: u64,
    /// Confirmed by the broker (PUBACK).
    pub accepted_messages: u64,
    pub accepted_readings: u64,
    /// Wall clock, microseconds.
    pub first_us: i64,
    pub last_us: i64,
    /// How much later than intended messages left, microseconds; nothing at saturation, where none is intended.
    pub lag: Lag,
    pub flames: Vec<Flame>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Lag {
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flame {
    pub enterprise: String,
    pub point: String,
    pub intended_us: i64,
    pub sent_us: i64,
}
