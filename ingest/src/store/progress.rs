//! How far a lane's projection is, for the status page, readiness and metrics.
//! Must not know how it got there. Pure.

use super::capability::Capability;
use super::lane::{Counts, Lane};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum LaneState {
    /// Not claimed yet.
    Starting,
    Up,
    /// Works through a backlog.
    CatchingUp,
    /// Waits for the world, and tries again by itself.
    Down {
        reason: String,
    },
    /// Waits for a person: `davy recover adopt`. The name is one of `refusal::Refusal::name`.
    Refused {
        name: &'static str,
        text: String,
    },
}

impl LaneState {
    /// `up`, `down`, `catching-up`, `refused` or `starting`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            LaneState::Starting => "starting",
            LaneState::Up => "up",
            LaneState::CatchingUp => "catching-up",
            LaneState::Down { .. } => "down",
            LaneState::Refused { .. } => "refused",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub lane: Lane,
    #[serde(flatten)]
    pub state: LaneState,
    /// The position in the archive.
    pub applied_seq: u64,
    /// Newest seq of the spool.
    pub head: u64,
    /// Journal records whose effects are not applied yet; 0 when the lane has nothing left.
    pub lag: u64,
    /// Since the process started.
    pub transactions: u64,
    pub counts: Counts,
    /// What the last claim found the database to be.
    pub capability: Option<Capability>,
    /// Why the last effect was set aside; a change is worth a system alarm.
    pub rejected: Option<String>,
}

impl Progress {
    #[must_use]
    pub fn new(lane: Lane) -> Progress {
        Progress {
            lane,
            state: LaneState::Starting,
            applied_seq: 0,
            head: 0,
            lag: 0,
            transactions: 0,
            counts: Counts::default(),
            capability: None,
            rejected: None,
        }
    }
}
