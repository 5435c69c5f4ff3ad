//! Snapshots of format 1, which knew neither clocks of gateways nor event time, read as ones of today. Pure.

use crate::alarm::Alarm;
use crate::answers::Given;
use crate::book::SavedBook;
use crate::outage::Outage;
use crate::points::{Identity, NEVER, Points};
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
pub struct Saved1 {
    seq: u64,
    now: Micros,
    journal_id: Option<String>,
    engine: Option<u32>,
    versions: Versions,
    keys: Vec<PointKey>,
    points: Points1,
    redeliveries: Redeliveries,
    book: SavedBook,
    slots: Vec<(SlotKey, Slot1)>,
    systems: Systems,
    answers: Vec<(String, Given)>,
    outage: Outage1,
}

#[derive(Deserialize)]
struct Points1 {
    newest: Vec<i64>,
    received: Vec<i64>,
    activated: Vec<i64>,
    last_event: Vec<i64>,
    last_received: Vec<i64>,
    last_value: Vec<f64>,
    last_quality: Vec<u8>,
    held: Vec<f64>,
    kept: Vec<Identity>,
    kept_more: BTreeMap<u32, Vec<Identity>>,
    unbelieved: BTreeMap<u32, Vec<Identity>>,
}

#[derive(Deserialize)]
struct Slot1 {
    phase: Phase1,
    alarm: Option<Box<Alarm>>,
}

#[derive(Deserialize)]
enum Phase1 {
    Quiet,
    Counting { breach: Box<Breach>, hits: u32 },
    Dwelling { breach: Box<Breach>, due: Micros },
    Active { misses: u32 },
    Returning { value: Option<f64>, due: Micros },
}

#[derive(Deserialize)]
struct Outage1 {
    link_down_since: Option<Micros>,
    last: Option<(Micros, Micros)>,
    /// Silence counted from no earlier.
    silence_base: Micros,
}

impl From<Saved1> for super::Saved<'_> {
    fn from(old: Saved1) -> Self {
        let phase = |phase| phase_of(phase, old.now);
        super::Saved {
            seq: old.seq,
            now: old.now,
            journal_id: old.journal_id,
            engine: old.engine,
            versions: old.versions,
            keys: Cow::Owned(old.keys),
            points: Cow::Owned(old.points.forgiven(old.outage.silence_base)),
            redeliveries: Cow::Owned(old.redeliveries),
            book: old.book,
            slots: (old.slots.into_iter())
                .map(|(key, slot)| (key, Slot { phase: phase(slot.phase), alarm: slot.alarm }))
                .collect(),
            systems: Cow::Owned(old.systems),
            answers: old.answers,
            outage: Outage::of_old(old.outage.link_down_since, old.outage.last),
            gateways: Cow::default(),
            anchors: Cow::default(),
            findings: Vec::new(),
        }
    }
}

/// A delay ends when it would have ended: receive time was its only time.
fn phase_of(phase: Phase1, now: Micros) -> Phase {
    let dwell = |since, due: Micros| Dwell { since, frontier: since, due: Some(due.0) };
    match phase {
        Phase1::Quiet => Phase::Quiet,
        Phase1::Counting { breach, hits } => Phase::Counting { breach, hits },
        Phase1::Dwelling { breach, due } => {
            let dwell = dwell(breach.since, due);
            Phase::Dwelling { breach, dwell }
        }
        Phase1::Active { misses } => Phase::Active { misses },
        Phase1::Returning { value, due } => Phase::Returning { value, dwell: dwell(now, due) },
    }
}

impl Points1 {
    /// What was newest was what was judged, and the receive clock was all there was. Silence that was forgiven is.
    fn forgiven(self, base: Micros) -> Points {
        let old = self;
        let since = |times: &[i64]| times.iter().map(|&at| if at == NEVER { at } else { at.max(base.0) }).collect();
        Points {
            judged: old.newest.clone(),
            newest: old.newest,
            heard: since(&old.received),
            received: old.received,
            activated: since(&old.activated),
            last_event: old.last_event,
            last_received: old.last_received,
            last_value: old.last_value,
            last_quality: old.last_quality,
            held: old.held,
            kept: old.kept,
            kept_more: old.kept_more,
            unbelieved: old.unbelieved,
            ahead: BTreeMap::new(),
        }
    }
}
