//! What a reading is to its point (DESIGN 3): known already, live, or history. Decided from what is remembered of the
//! point and its gateway and from the record's receive time alone, so that a replay decides alike. Must not know rules.
//! Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::anchors::Anchors;
use crate::effect::{FLAG_NO_DEVICE_TIME, FLAG_NOT_JUDGED, FLAG_UNBELIEVED};
use crate::input::FoldLimits;
use crate::points::{Identity, LastValue, Points};
use rules::reading::{Micros, Quality, Reading, SECOND_US};

/// What becomes of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Seen before: dropped, counted.
    Duplicate,
    /// Judged now.
    Live(Clocked),
    /// Too old, or older than what was judged of its point: stored, never the cause of a live alarm.
    Historical,
}

/// By which clock a live reading is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocked {
    /// The device's own.
    Device,
    /// The device's, shifted: its point is re-anchored.
    Shifted,
    /// Davy's, when it was received.
    Received,
}

/// How the store takes a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Newer than everything handed to the store for its point: copied without a look.
    Fast,
    /// Compared with what is there.
    Compared,
}

/// A classified reading as it is stored and judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    pub class: Class,
    pub path: Path,
    /// The time it is stored under: the device's where that is believed.
    pub event: Micros,
    /// The time its breach begins and lasts by: never mixes two clocks.
    pub judged_as: Micros,
    /// Strictly later than the last one of the point.
    pub received: Micros,
    pub flags: u8,
}

/// Where a reading comes from, as far as its class depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub received: Micros,
    /// The same in attended time.
    pub heard: i64,
    /// MQTT DUP.
    pub redelivered: bool,
    /// The whole message was among the last of its gateway: readings without a time of their own are known.
    pub message_known: bool,
    /// What its gateway's clock is off by.
    pub offset_us: i64,
    pub limits: &'a FoldLimits,
}

/// Classifies one reading and lets its point remember it.
pub fn classify(points: &mut Points, anchors: &mut Anchors, reading: &Reading, origin: &Origin<'_>) -> Classified {
    let received = origin.received.max(Micros(points.received(reading.point)).plus(1));
    let classified = match reading.device_time {
        None => without_time(points, reading, origin, received),
        Some(device) if is_believed(device, received, origin.limits) => {
            timed(points, anchors, (reading, device), (origin, received))
        }
        Some(device) => unbelieved(points, reading, device, (origin, received)),
    };
    if classified.class != Class::Duplicate {
        points.receive(reading.point, (received.0, origin.heard), reading.quality);
    }
    if let Class::Live(clocked) = classified.class {
        anchors.spoke(reading.point.0);
        if clocked == Clocked::Device {
            anchors.release(reading.point.0);
        }
        let now = LastValue { event: classified.event, received, value: reading.value, quality: reading.quality };
        points.say(reading.point, now);
    }
    classified
}

/// A reading out of quarantine: stored under its old receive time, compared with what is stored, judged by nobody.
pub fn replay(points: &mut Points, reading: &Reading, received: Micros, limits: &FoldLimits) -> Classified {
    let (event, flag) = match reading.device_time {
        None => (received, FLAG_NO_DEVICE_TIME),
        Some(device) if is_believed(device, received, limits) => (device, 0),
        Some(_) => (received, FLAG_UNBELIEVED),
    };
    points.raise_newest(reading.point, event.0);
    if let Some(device) = reading.device_time.filter(|device| *device > received) {
        points.remember_ahead(reading.point, device.0);
    }
    let flags = flag | FLAG_NOT_JUDGED;
    Classified { class: Class::Historical, path: Path::Compared, event, judged_as: event, received, flags }
}

/// A device time is believed when it is neither too far ahead of its receive time nor older than what is kept.
fn is_believed(device: Micros, received: Micros, limits: &FoldLimits) -> bool {
    let behind = i64::from(limits.retention_days).saturating_mul(86_400).saturating_mul(SECOND_US);
    device <= received.plus(seconds(limits.clock_skew_max_s)) && device >= received.plus(behind.saturating_neg())
}

fn timed(
    points: &mut Points,
    anchors: &Anchors,
    (reading, device): (&Reading, Micros),
    (origin, received): (&Origin<'_>, Micros),
) -> Classified {
    let point = reading.point;
    let identity = Identity { device_us: device.0, value: reading.value, quality: quality_code(reading.quality) };
    if points.is_kept(point, &identity) {
        let class = Class::Duplicate;
        return Classified { class, path: Path::Compared, event: device, judged_as: device, received, flags: 0 };
    }
    points.keep(point, identity);
    let is_new = device.0 > points.newest(point);
    points.raise_newest(point, device.0);
    let path = if is_new && !points.may_be_stored(point, device.0) { Path::Fast } else { Path::Compared };
    let (class, judged_as) = fate(points, anchors, (reading, device), (origin, received));
    let flags = if class == Class::Historical {
        FLAG_NOT_JUDGED
    } else {
        points.judge_at(point, device.0);
        0
    };
    Classified { class, path, event: device, judged_as, received, flags }
}

/// Live or history. How late a reading is, is asked of its device's clock with what that is known to be off by: the
/// gateway's offset, or that of the point itself where it was re-anchored.
fn fate(
    points: &Points,
    anchors: &Anchors,
    (reading, device): (&Reading, Micros),
    (origin, received): (&Origin<'_>, Micros),
) -> (Class, Micros) {
    let lag_us = received.since(device);
    let live_us = seconds(origin.limits.live_age_max_s);
    let is_newest = device.0 >= points.judged(reading.point);
    if is_newest && lag_us.saturating_sub(origin.offset_us) <= live_us {
        return (Class::Live(Clocked::Device), device);
    }
    if is_newest && let Some(anchor) = anchors.of(reading.point.0) {
        let late_us = lag_us.saturating_sub(anchor.lag_us);
        if late_us <= live_us && late_us >= seconds(origin.limits.clock_skew_max_s).saturating_neg() {
            return (Class::Live(Clocked::Shifted), device.plus(anchor.shift_us));
        }
    }
    (Class::Historical, device)
}

/// The receive time stands in. It moves the newest instant too: what is stored under it is stored.
fn without_time(points: &mut Points, reading: &Reading, origin: &Origin<'_>, received: Micros) -> Classified {
    let is_new = received.0 > points.newest(reading.point);
    let path = if is_new && !origin.message_known { Path::Fast } else { Path::Compared };
    let class = if origin.message_known {
        Class::Duplicate
    } else {
        points.raise_newest(reading.point, received.0);
        Class::Live(Clocked::Received)
    };
    let judged_as = received.plus(origin.offset_us.saturating_neg());
    Classified { class, path, event: received, judged_as, received, flags: FLAG_NO_DEVICE_TIME }
}

/// A device whose clock cannot be right is judged on receive time. Only a redelivery can be a duplicate of it: with
/// a clock that stands still, the same value at the same time is news. The store compares by the time as sent.
fn unbelieved(
    points: &mut Points,
    reading: &Reading,
    device: Micros,
    (origin, received): (&Origin<'_>, Micros),
) -> Classified {
    let identity = Identity { device_us: device.0, value: reading.value, quality: quality_code(reading.quality) };
    let class = if origin.redelivered && points.is_unbelieved_again(reading.point, &identity) {
        Class::Duplicate
    } else {
        points.remember_unbelieved(reading.point, identity);
        if device > received {
            points.remember_ahead(reading.point, device.0);
        }
        points.raise_newest(reading.point, received.0);
        Class::Live(Clocked::Received)
    };
    let judged_as = received.plus(origin.offset_us.saturating_neg());
    Classified { class, path: Path::Compared, event: received, judged_as, received, flags: FLAG_UNBELIEVED }
}

fn seconds(span_s: u32) -> i64 {
    i64::from(span_s).saturating_mul(SECOND_US)
}

fn quality_code(quality: Quality) -> u8 {
    quality as u8
}

#[cfg(test)]
mod tests;
