//! What the fold remembers of each point between two readings, as columns indexed by point number: a reading costs
//! a few array accesses and no allocation. Must not know rules or alarms. Pure.

use crate::anchors::Waiting;
use rules::reading::{Micros, PointId, Quality, Reading};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stands for "never" in the columns of times.
pub const NEVER: i64 = i64::MIN;

/// So many values of the newest instant are kept, and so many unbelieved identities: more of either at one instant
/// is no device's honest work, and what falls out is still compared by the store.
pub const IDENTITIES_MAX: usize = 4;

/// The identity of a reading within its point: the device's time as sent, the value, the quality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// `NEVER` where the device sent no time.
    pub device_us: i64,
    /// Compared as numbers: -0 and 0 are one value, as they are for the store.
    pub value: f64,
    pub quality: u8,
}

/// The last reading of a point that was judged, for showing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastValue {
    pub event: Micros,
    pub received: Micros,
    pub value: f64,
    pub quality: Quality,
}

/// Hot state of all points. All columns have the same length: the count of numbers given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Newest event time ever handed to the store for the point, believed or assigned.
    pub(crate) newest: Vec<i64>,
    /// Device time of the newest reading that was judged by it; `NEVER` before there is one.
    pub(crate) judged: Vec<i64>,
    /// Receive time of the last reading of any class but duplicates.
    pub(crate) received: Vec<i64>,
    /// The same in attended time: silence counts from it.
    pub(crate) heard: Vec<i64>,
    /// The same of the last good reading: what a source must send counts from it.
    pub(crate) good: Vec<i64>,
    /// Since when the point is in service without a break, in attended time; `NEVER` while it is not.
    pub(crate) activated: Vec<i64>,
    pub(crate) last_event: Vec<i64>,
    pub(crate) last_received: Vec<i64>,
    pub(crate) last_value: Vec<f64>,
    pub(crate) last_quality: Vec<u8>,
    /// The last good or uncertain value: what `tag()` sees. NaN before there is one.
    pub(crate) held: Vec<f64>,
    /// The identity of the newest device time believed that came last, and the others of that instant, oldest first.
    pub(crate) kept: Vec<Identity>,
    pub(crate) kept_more: BTreeMap<u32, Vec<Identity>>,
    /// The last identities with a device time that was not believed, oldest first.
    pub(crate) unbelieved: BTreeMap<u32, Vec<Identity>>,
    /// The first and the last device time that was not believed because it lay in the future. When its time has come, the
    /// same reading may come again, and be believed.
    pub(crate) ahead: BTreeMap<u32, (i64, i64)>,
}

const NO_IDENTITY: Identity = Identity { device_us: NEVER, value: 0.0, quality: u8::MAX };

impl Points {
    #[must_use]
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Makes room for points up to number `len - 1`, of which nothing is known yet.
    pub fn grow(&mut self, len: usize) {
        for times in [
            &mut self.newest,
            &mut self.judged,
            &mut self.received,
            &mut self.heard,
            &mut self.good,
            &mut self.activated,
            &mut self.last_event,
            &mut self.last_received,
        ] {
            times.resize(len, NEVER);
        }
        self.last_value.resize(len, f64::NAN);
        self.held.resize(len, f64::NAN);
        self.last_quality.resize(len, 0);
        self.kept.resize(len, NO_IDENTITY);
    }

    /// All columns equally long, and what is kept beside them belongs to a point: what a snapshot must hold.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let len = self.len();
        let times = [
            &self.judged,
            &self.received,
            &self.heard,
            &self.good,
            &self.activated,
            &self.last_event,
            &self.last_received,
        ];
        times.iter().all(|column| column.len() == len)
            && [self.last_value.len(), self.held.len(), self.last_quality.len(), self.kept.len()] == [len; 4]
            && self.last_quality.iter().all(|&q| q <= Quality::Bad as u8)
            && self
                .kept_more
                .keys()
                .chain(self.unbelieved.keys())
                .chain(self.ahead.keys())
                .all(|&p| PointId(p).index() < len)
    }

    #[must_use]
    pub fn last(&self, point: PointId) -> Option<LastValue> {
        let at = point.index();
        let event = *self.last_event.get(at)?;
        if event == NEVER {
            return None;
        }
        Some(LastValue {
            event: Micros(event),
            received: Micros(*self.last_received.get(at)?),
            value: *self.last_value.get(at)?,
            quality: quality_of(*self.last_quality.get(at)?),
        })
    }

    /// The last value a rule may lean on; NaN when there is none.
    #[must_use]
    pub fn held(&self, point: PointId) -> f64 {
        self.held.get(point.index()).copied().unwrap_or(f64::NAN)
    }

    #[must_use]
    pub fn newest(&self, point: PointId) -> i64 {
        self.newest.get(point.index()).copied().unwrap_or(NEVER)
    }

    #[must_use]
    pub fn received(&self, point: PointId) -> i64 {
        self.received.get(point.index()).copied().unwrap_or(NEVER)
    }

    #[must_use]
    pub fn judged(&self, point: PointId) -> i64 {
        self.judged.get(point.index()).copied().unwrap_or(NEVER)
    }

    /// The device's clock stood here when the point was judged last.
    pub(crate) fn judge_at(&mut self, point: PointId, device_us: i64) {
        if let Some(judged) = self.judged.get_mut(point.index()) {
            *judged = device_us;
        }
    }

    /// Whether this reading is the one that came last of the newest instant.
    #[must_use]
    pub fn came_last(&self, reading: &Reading) -> bool {
        let kept = self.kept.get(reading.point.index());
        kept.is_none_or(|kept| {
            let Identity { device_us, value, quality } = *kept;
            Some(Micros(device_us)) == reading.device_time && value == reading.value && quality == reading.quality as u8
        })
    }

    /// Whether this identity was seen at the point's newest instant.
    #[must_use]
    pub fn is_kept(&self, point: PointId, identity: &Identity) -> bool {
        self.kept.get(point.index()).is_some_and(|kept| kept == identity)
            || self.kept_more.get(&point.0).is_some_and(|more| more.contains(identity))
    }

    #[must_use]
    pub fn is_unbelieved_again(&self, point: PointId, identity: &Identity) -> bool {
        self.unbelieved.get(&point.0).is_some_and(|seen| seen.contains(identity))
    }

    /// A reading whose device time is believed: it opens a new newest instant, or joins it, or is older. Where there is no
    /// room for another value of one instant, the oldest gives way.
    pub(crate) fn keep(&mut self, point: PointId, identity: Identity) {
        let Some(kept) = self.kept.get_mut(point.index()) else { return };
        if identity.device_us < kept.device_us {
            return;
        }
        if identity.device_us > kept.device_us {
            *kept = identity;
            if !self.kept_more.is_empty() {
                self.kept_more.remove(&point.0);
            }
            return;
        }
        let before = std::mem::replace(kept, identity);
        if before != NO_IDENTITY {
            keep(self.kept_more.entry(point.0).or_default(), before, IDENTITIES_MAX.saturating_sub(1));
        }
    }

    pub(crate) fn remember_unbelieved(&mut self, point: PointId, identity: Identity) {
        keep(self.unbelieved.entry(point.0).or_default(), identity, IDENTITIES_MAX);
    }

    /// A device time was not believed, because it lies in the future.
    pub(crate) fn remember_ahead(&mut self, point: PointId, device_us: i64) {
        let (first, last) = self.ahead.entry(point.0).or_insert((device_us, device_us));
        (*first, *last) = ((*first).min(device_us), (*last).max(device_us));
    }

    /// Whether a reading of this device time may be stored already, under the time at which it was not believed.
    pub(crate) fn may_be_stored(&mut self, point: PointId, device_us: i64) -> bool {
        if self.ahead.is_empty() {
            return false;
        }
        let Some(&(first, last)) = self.ahead.get(&point.0) else { return false };
        if device_us > last {
            self.ahead.remove(&point.0);
        }
        (first..=last).contains(&device_us)
    }

    /// A reading of any class but a duplicate came at this time.
    pub(crate) fn receive(&mut self, point: PointId, (received_us, heard): (i64, i64), quality: Quality) {
        if let (Some(received), Some(last), Some(good)) =
            (self.received.get_mut(point.index()), self.heard.get_mut(point.index()), self.good.get_mut(point.index()))
        {
            *received = received_us;
            *last = heard;
            if quality == Quality::Good {
                *good = heard;
            }
        }
    }

    /// A reading was found fit to be judged: it is what the point says now. A bad one is shown and not held.
    pub(crate) fn say(&mut self, point: PointId, now: LastValue) {
        let at = point.index();
        if let (Some(event), Some(received), Some(value), Some(quality), Some(held)) = (
            self.last_event.get_mut(at),
            self.last_received.get_mut(at),
            self.last_value.get_mut(at),
            self.last_quality.get_mut(at),
            self.held.get_mut(at),
        ) {
            *event = now.event.0;
            *received = now.received.0;
            *value = now.value;
            *quality = now.quality as u8;
            if now.quality != Quality::Bad {
                *held = now.value;
            }
        }
    }

    /// What waited for too long is judged after all, and the point's clock goes on from it.
    pub(crate) fn anchor(&mut self, point: PointId, waiting: &Waiting) {
        let Waiting { device, received, last, value, quality, .. } = *waiting;
        self.judge_at(point, last.0.0);
        self.say(point, LastValue { event: device, received, value, quality });
    }

    /// From recovery: the point was judged up to there, and what is stored is no newer. Never lowers.
    pub(crate) fn adopt(&mut self, point: PointId, event_us: i64) {
        self.raise_newest(point, event_us);
        if event_us > self.judged(point) {
            self.judge_at(point, event_us);
        }
    }

    /// Something this new is stored, or will be. Never lowers.
    pub(crate) fn raise_newest(&mut self, point: PointId, event_us: i64) {
        if let Some(newest) = self.newest.get_mut(point.index()) {
            *newest = event_us.max(*newest);
        }
    }
}

fn keep(list: &mut Vec<Identity>, identity: Identity, max: usize) {
    list.push(identity);
    if list.len() > max {
        list.remove(0);
    }
}

fn quality_of(code: u8) -> Quality {
    match code {
        0 => Quality::Good,
        1 => Quality::Uncertain,
        _ => Quality::Bad,
    }
}
