//! What a reading is to its point (DESIGN 3): known already, live, or history. Decided from what is remembered of the
//! point and its gateway and from the record's receive time alone, so that a replay decides alike. Must not know rules.
//! Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::anchors::Anchors;
use crate::effect::{FLAG_NO_DEVICE_TIME, FLAG_NOT_JUDGED, FLAG_UNBELIEVED};
use crate::input::FoldLimits;
use crate::points::{Identity, LastValue, NEVER, Points};
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
        points.receive(reading.point, received.0, origin.heard);
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
    let path = match device.0.cmp(&points.newest(point)) {
        std::cmp::Ordering::Greater => {
            points.open_instant(point, device.0, identity);
            if points.may_be_stored(point, device.0) { Path::Compared } else { Path::Fast }
        }
        std::cmp::Ordering::Equal if points.is_kept(point, &identity) => {
            let class = Class::Duplicate;
            return Classified { class, path: Path::Compared, event: device, judged_as: device, received, flags: 0 };
        }
        std::cmp::Ordering::Equal => {
            points.join_instant(point, identity);
            Path::Compared
        }
        std::cmp::Ordering::Less => Path::Compared,
    };
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
    let identity = Identity { device_us: NEVER, value: reading.value, quality: quality_code(reading.quality) };
    let (class, path) = if origin.message_known {
        (Class::Duplicate, Path::Compared)
    } else if received.0 > points.newest(reading.point) {
        points.open_instant(reading.point, received.0, identity);
        (Class::Live(Clocked::Received), Path::Fast)
    } else {
        (Class::Live(Clocked::Received), Path::Compared)
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
        if received.0 > points.newest(reading.point) {
            points.open_instant(reading.point, received.0, identity);
        }
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
mod tests {
    use super::*;
    use crate::anchors::Waiting;
    use rules::reading::PointId;

    const HOUR: i64 = 3_600;
    /// Receive times start here, in seconds; device times are written relative to it.
    const NOW: i64 = 1_000_000 * HOUR;

    struct Point {
        points: Points,
        anchors: Anchors,
        received: i64,
        offset_us: i64,
    }

    /// A reading `s` seconds after `NOW` by its device's clock, if it has one.
    #[derive(Clone, Copy)]
    struct Sent(Option<i64>, f64, bool);

    const LIVE: Class = Class::Live(Clocked::Device);
    const RECEIVED: Class = Class::Live(Clocked::Received);
    const SHIFTED: Class = Class::Live(Clocked::Shifted);

    impl Point {
        fn new() -> Point {
            let mut points = Points::default();
            points.grow(1);
            Point { points, anchors: Anchors::default(), received: NOW, offset_us: 0 }
        }

        fn take(&mut self, sent: Sent) -> Classified {
            let Sent(device, value, redelivered) = sent;
            self.received += 1;
            let at = |s: i64| Micros(s * SECOND_US);
            let reading =
                Reading { point: PointId(0), device_time: device.map(|s| at(NOW + s)), value, quality: Quality::Good };
            let limits = FoldLimits::default();
            let received = at(self.received);
            let offset_us = self.offset_us;
            let origin =
                Origin { received, heard: received.0, redelivered, message_known: false, offset_us, limits: &limits };
            classify(&mut self.points, &mut self.anchors, &reading, &origin)
        }

        /// As the fold does when the point has been silent for too long.
        fn anchor(&mut self, device_s: i64, received_s: i64) {
            let at = |s: i64| Micros((NOW + s) * SECOND_US);
            let (value, quality) = (1.0, Quality::Good);
            let (device, received) = (at(device_s), at(received_s));
            let waiting = Waiting {
                due: 0,
                device,
                received,
                heard: received.0,
                value,
                quality,
                offset_us: self.offset_us,
                gateway: None,
            };
            self.anchors.wait(0, waiting);
            let (_, waiting) = self.anchors.pop(0).expect("it is due");
            self.points.anchor(PointId(0), &waiting);
        }
    }

    fn check(table: &[(Sent, Class, Path)]) {
        let mut point = Point::new();
        for (n, (sent, class, path)) in table.iter().enumerate() {
            let found = point.take(*sent);
            assert_eq!((found.class, found.path), (*class, *path), "row {n}");
        }
    }

    use Class::{Duplicate, Historical};
    use Path::{Compared, Fast};

    #[test]
    fn by_device_time() {
        check(&[
            (Sent(Some(0), 1.0, false), LIVE, Fast),
            (Sent(Some(0), 1.0, false), Duplicate, Compared),
            (Sent(Some(0), 2.0, false), LIVE, Compared),
            (Sent(Some(0), 1.0, true), Duplicate, Compared),
            (Sent(Some(-5), 1.0, false), Historical, Compared),
            (Sent(Some(-5), 1.0, true), Historical, Compared),
            (Sent(Some(1), 1.0, false), LIVE, Fast),
            (Sent(Some(1), -0.0, false), LIVE, Compared),
            (Sent(Some(1), 0.0, false), Duplicate, Compared),
        ]);
    }

    #[test]
    fn what_is_too_old_is_history_and_may_still_be_new_to_the_store() {
        check(&[
            (Sent(Some(-HOUR), 1.0, false), Historical, Fast),
            (Sent(Some(-HOUR), 1.0, false), Duplicate, Compared),
            (Sent(Some(-HOUR + 1), 1.0, false), Historical, Fast),
            (Sent(Some(-296), 1.0, false), LIVE, Fast),
            (Sent(Some(-HOUR + 2), 1.0, false), Historical, Compared),
        ]);
        let mut slow = Point::new();
        slow.offset_us = HOUR * SECOND_US;
        assert_eq!(slow.take(Sent(Some(-HOUR - 299), 1.0, false)).class, LIVE, "its clock is known to be slow");
        let mut old = Point::new();
        assert_eq!(old.take(Sent(Some(-299), 1.0, false)).class, LIVE, "300 s old");
        assert_eq!(old.take(Sent(Some(-299), 2.0, false)).class, Historical, "301 s old");
    }

    #[test]
    fn an_unbelieved_time_mutes_nothing() {
        check(&[
            (Sent(Some(0), 1.0, false), LIVE, Fast),
            (Sent(Some(9_999), 1.0, false), RECEIVED, Compared),
            (Sent(Some(2), 1.0, false), LIVE, Compared),
            (Sent(Some(4), 1.0, false), LIVE, Fast),
            (Sent(Some(-8 * HOUR), 1.0, false), Historical, Compared),
            (Sent(Some(6), 1.0, false), LIVE, Fast),
        ]);
    }

    #[test]
    fn a_point_whose_clock_was_set_back_is_read_with_a_shift_until_it_is_right_again() {
        let back = -8 * HOUR;
        let mut point = Point::new();
        point.take(Sent(Some(0), 1.0, false));
        assert_eq!(point.take(Sent(Some(back), 1.0, false)).class, Historical);
        point.anchor(back, 2);
        let after = point.take(Sent(Some(back + 1), 2.0, false));
        assert_eq!((after.class, after.judged_as), (SHIFTED, Micros((NOW + 3) * SECOND_US)));
        assert_eq!(point.take(Sent(Some(back - 9), 2.0, false)).class, Historical, "older than what was judged");
        assert_eq!(point.take(Sent(Some(back + 900), 2.0, false)).class, Historical, "too far ahead of its anchor");
        assert_eq!(point.take(Sent(Some(5), 2.0, false)).class, LIVE);
        assert_eq!(point.take(Sent(Some(back + 901), 2.0, false)).class, Historical, "the anchor is gone");
    }

    #[test]
    fn four_values_of_the_newest_instant_are_kept() {
        check(&[
            (Sent(Some(0), 1.0, false), LIVE, Fast),
            (Sent(Some(0), 2.0, false), LIVE, Compared),
            (Sent(Some(0), 3.0, false), LIVE, Compared),
            (Sent(Some(0), 4.0, false), LIVE, Compared),
            (Sent(Some(0), 5.0, false), LIVE, Compared),
            (Sent(Some(0), 2.0, false), Duplicate, Compared),
            (Sent(Some(0), 1.0, false), LIVE, Compared),
        ]);
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_judged_on_receive_time() {
        let day = 24 * HOUR;
        for wrong in [HOUR, 90, -401 * day] {
            check(&[
                (Sent(Some(wrong), 1.0, false), RECEIVED, Compared),
                // The same again is news from a clock that stands still, and known only when it is redelivered.
                (Sent(Some(wrong), 1.0, false), RECEIVED, Compared),
                (Sent(Some(wrong), 1.0, true), Duplicate, Compared),
                (Sent(Some(wrong), 0.0, true), RECEIVED, Compared),
            ]);
        }
        let mut point = Point::new();
        point.offset_us = 7;
        let unbelieved = point.take(Sent(Some(HOUR), 1.0, false));
        assert_eq!((unbelieved.event, unbelieved.flags), (unbelieved.received, FLAG_UNBELIEVED));
        assert_eq!(unbelieved.judged_as, unbelieved.received.plus(-7), "on the clock of its gateway's other readings");
        let believed = point.take(Sent(Some(60), 1.0, false));
        assert_eq!((believed.class, believed.flags), (LIVE, 0), "up to the skew it is believed");
    }

    #[test]
    fn what_was_not_believed_ahead_of_its_time_is_compared_when_its_time_has_come() {
        let mut point = Point::new();
        point.take(Sent(Some(HOUR), 1.0, false));
        point.take(Sent(Some(HOUR + 5), 1.0, false));
        point.received += HOUR;
        assert_eq!(point.take(Sent(Some(HOUR - 1), 1.0, false)).path, Fast);
        let again = point.take(Sent(Some(HOUR + 5), 1.0, false));
        assert_eq!((again.class, again.path), (LIVE, Compared));
        assert_eq!(point.take(Sent(Some(HOUR + 6), 1.0, false)).path, Fast);
    }

    #[test]
    fn four_unbelieved_identities_are_kept() {
        let mut point = Point::new();
        for value in 0..5 {
            point.take(Sent(Some(9_999), f64::from(value), false));
        }
        assert_eq!(point.take(Sent(Some(9_999), 4.0, true)).class, Duplicate);
        assert_eq!(point.take(Sent(Some(9_999), 0.0, true)).class, RECEIVED, "fell out of the four");
    }

    #[test]
    fn without_a_time_the_receive_time_stands_in() {
        check(&[
            (Sent(None, 1.0, false), RECEIVED, Fast),
            (Sent(None, 1.0, false), RECEIVED, Fast),
            // The device's clock is 50 s ahead: what comes without a time is older by it, and judged all the same.
            (Sent(Some(50), 1.0, false), LIVE, Fast),
            (Sent(None, 1.0, false), RECEIVED, Compared),
        ]);
        assert_eq!(Point::new().take(Sent(None, 1.0, false)).flags, FLAG_NO_DEVICE_TIME);
        let mut slow = Point::new();
        slow.take(Sent(None, 1.0, false));
        assert_eq!(slow.take(Sent(Some(-30), 1.0, false)).class, LIVE, "a slow clock after a reading without one");
    }

    #[test]
    fn receive_times_of_a_point_rise_strictly() {
        let mut point = Point::new();
        let first = point.take(Sent(Some(0), 1.0, false)).received;
        point.received -= 1;
        let second = point.take(Sent(Some(0), 2.0, false)).received;
        assert_eq!(second, first.plus(1));
    }

    #[test]
    fn what_a_point_says_is_its_last_judged_reading() {
        let mut point = Point::new();
        point.take(Sent(Some(0), 1.0, false));
        point.take(Sent(Some(-9), 7.0, false));
        assert_eq!(point.points.last(PointId(0)).map(|last| last.value), Some(1.0));
        assert_eq!(point.points.held(PointId(0)), 1.0);
    }
}
