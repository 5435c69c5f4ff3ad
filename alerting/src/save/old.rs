//! Snapshots of formats 2 and 3, read as ones of today. Format 2 knew neither filings, coverage, hazards nor rising
//! alarms; format 3 ends before what rules remember. Pure.

use crate::alarm::Alarm;
use crate::anchors::Anchors;
use crate::answers::Given;
use crate::book::SavedBook;
use crate::findings::Growing;
use crate::gateways::Gateways;
use crate::outage::Outage;
use crate::points::{Identity, Points};
use crate::redelivery::Redeliveries;
use crate::slot::{Breach, Dwell, Phase, Slot};
use crate::state::{SlotKey, Versions};
use crate::system::Systems;
use rules::reading::Micros;
use rules::view::PointKey;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct Saved2 {
    seq: u64,
    now: Micros,
    journal_id: Option<String>,
    engine: Option<u32>,
    versions: Versions,
    keys: Vec<PointKey>,
    points: Points2,
    redeliveries: Redeliveries,
    book: SavedBook,
    slots: Vec<(SlotKey, Slot2)>,
    systems: Systems,
    answers: Vec<(String, Given)>,
    outage: Outage,
    gateways: Gateways,
    anchors: Anchors,
    findings: Vec<(SlotKey, Growing)>,
}

#[derive(Deserialize)]
struct Points2 {
    newest: Vec<i64>,
    judged: Vec<i64>,
    received: Vec<i64>,
    heard: Vec<i64>,
    activated: Vec<i64>,
    last_event: Vec<i64>,
    last_received: Vec<i64>,
    last_value: Vec<f64>,
    last_quality: Vec<u8>,
    held: Vec<f64>,
    kept: Vec<Identity>,
    kept_more: BTreeMap<u32, Vec<Identity>>,
    unbelieved: BTreeMap<u32, Vec<Identity>>,
    ahead: BTreeMap<u32, (i64, i64)>,
}

#[derive(Deserialize)]
struct Slot2 {
    phase: Phase2,
    alarm: Option<Box<Alarm>>,
}

#[derive(Deserialize)]
enum Phase2 {
    Quiet,
    Counting { breach: Box<Breach>, hits: u32 },
    Dwelling { breach: Box<Breach>, dwell: Dwell },
    Active { misses: u32 },
    Returning { value: Option<f64>, dwell: Dwell },
}

/// Bytes of format 3 with what it did not know yet, empty.
pub fn with_later(saved: &[u8]) -> postcard::Result<Vec<u8>> {
    postcard::to_extend(&super::Later::default(), saved.to_vec())
}

impl From<Saved2> for super::Saved<'_> {
    fn from(old: Saved2) -> Self {
        let slot = |slot: Slot2| Slot { phase: slot.phase.into(), alarm: slot.alarm };
        super::Saved {
            seq: old.seq,
            now: old.now,
            journal_id: old.journal_id,
            engine: old.engine,
            versions: old.versions,
            keys: Cow::Owned(old.keys),
            points: Cow::Owned(old.points.into()),
            redeliveries: Cow::Owned(old.redeliveries),
            book: old.book,
            slots: old.slots.into_iter().map(|(key, old)| (key, slot(old))).collect(),
            systems: Cow::Owned(old.systems),
            answers: old.answers,
            outage: old.outage,
            gateways: Cow::Owned(old.gateways),
            anchors: Cow::Owned(old.anchors),
            findings: old.findings,
            filings: Cow::default(),
            coverage: Cow::default(),
            hazards: Cow::default(),
            figures: Cow::default(),
            means: Cow::default(),
            later: Cow::default(),
        }
    }
}

impl From<Phase2> for Phase {
    fn from(old: Phase2) -> Phase {
        match old {
            Phase2::Quiet => Phase::Quiet,
            Phase2::Counting { breach, hits } => Phase::Counting { breach, hits },
            Phase2::Dwelling { breach, dwell } => Phase::Dwelling { breach, dwell },
            Phase2::Active { misses } => Phase::Active { misses, rises: None },
            Phase2::Returning { value, dwell } => Phase::Returning { value, dwell, rises: None },
        }
    }
}

impl From<Points2> for Points {
    fn from(old: Points2) -> Points {
        Points {
            newest: old.newest,
            judged: old.judged,
            received: old.received,
            // Whether it was good was not kept: nobody is silent for that.
            good: old.heard.clone(),
            heard: old.heard,
            activated: old.activated,
            last_event: old.last_event,
            last_received: old.last_received,
            last_value: old.last_value,
            last_quality: old.last_quality,
            held: old.held,
            kept: old.kept,
            kept_more: old.kept_more,
            unbelieved: old.unbelieved,
            ahead: old.ahead,
        }
    }
}
