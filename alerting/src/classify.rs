//! What a reading is to its point: known already, newer than all before, or not newer (DESIGN 3). Decided from the
//! point's memory and the record's receive time alone, so that a replay decides alike. Must not know rules. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::effect::{FLAG_NO_DEVICE_TIME, FLAG_NOT_JUDGED, FLAG_UNBELIEVED};
use crate::input::FoldLimits;
use crate::points::{Identity, LastValue, NEVER, Points};
use rules::reading::{Micros, Quality, Reading, SECOND_US};

/// What becomes of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Seen before: dropped, counted.
    Duplicate,
    /// Newer than everything handed to the store for its point: judged, copied without a look.
    Newer,
    /// Judged, but the store must compare it with what it has.
    Compared,
    /// Older than its point's newest: stored after comparison, not judged.
    Older,
}

/// A classified reading as it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    pub class: Class,
    pub event: Micros,
    /// Strictly later than the last one of the point.
    pub received: Micros,
    pub flags: u8,
}

impl Class {
    #[must_use]
    pub fn is_judged(self) -> bool {
        matches!(self, Class::Newer | Class::Compared)
    }
}

/// Where a reading comes from, as far as its class depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub received: Micros,
    /// MQTT DUP.
    pub redelivered: bool,
    /// The whole message was among the last of its gateway: readings without a time of their own are known.
    pub message_known: bool,
    pub limits: &'a FoldLimits,
}

/// Classifies one reading and lets its point remember it.
pub fn classify(points: &mut Points, reading: &Reading, origin: &Origin<'_>) -> Classified {
    let received = origin.received.max(Micros(points.received(reading.point)).plus(1));
    let classified = match reading.device_time {
        None => without_time(points, reading, origin, received),
        Some(device) if is_believed(device, received, origin.limits) => timed(points, reading, device, received),
        Some(device) => unbelieved(points, reading, device, (origin, received)),
    };
    if classified.class != Class::Duplicate {
        points.receive(reading.point, received.0);
    }
    if classified.class.is_judged() {
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
    Classified { class: Class::Older, event, received, flags: flag | FLAG_NOT_JUDGED }
}

/// A device time is believed when it is neither too far ahead of its receive time nor older than what is kept.
fn is_believed(device: Micros, received: Micros, limits: &FoldLimits) -> bool {
    let ahead = i64::from(limits.clock_skew_max_s).saturating_mul(SECOND_US);
    let behind = i64::from(limits.retention_days).saturating_mul(86_400).saturating_mul(SECOND_US);
    device <= received.plus(ahead) && device >= received.plus(behind.saturating_neg())
}

fn timed(points: &mut Points, reading: &Reading, device: Micros, received: Micros) -> Classified {
    let identity = Identity { device_us: device.0, value: reading.value, quality: quality_code(reading.quality) };
    let newest = points.newest(reading.point);
    let (class, flags) = match device.0.cmp(&newest) {
        std::cmp::Ordering::Greater => {
            points.open_instant(reading.point, device.0, identity);
            (Class::Newer, 0)
        }
        std::cmp::Ordering::Equal if points.is_kept(reading.point, &identity) => (Class::Duplicate, 0),
        std::cmp::Ordering::Equal => {
            points.join_instant(reading.point, identity);
            (Class::Compared, 0)
        }
        std::cmp::Ordering::Less => (Class::Older, FLAG_NOT_JUDGED),
    };
    Classified { class, event: device, received, flags }
}

/// The receive time stands in. It moves the newest instant too: what is stored under it is stored.
fn without_time(points: &mut Points, reading: &Reading, origin: &Origin<'_>, received: Micros) -> Classified {
    let flags = FLAG_NO_DEVICE_TIME;
    if origin.message_known {
        return Classified { class: Class::Duplicate, event: received, received, flags };
    }
    let identity = Identity { device_us: NEVER, value: reading.value, quality: quality_code(reading.quality) };
    let class = if received.0 > points.newest(reading.point) {
        points.open_instant(reading.point, received.0, identity);
        Class::Newer
    } else {
        Class::Compared
    };
    Classified { class, event: received, received, flags }
}

/// A device whose clock cannot be right is judged on receive time. Only a redelivery can be a duplicate of it: with
/// a clock that stands still, the same value at the same time is news. The store compares by the time as sent.
fn unbelieved(
    points: &mut Points,
    reading: &Reading,
    device: Micros,
    (origin, received): (&Origin<'_>, Micros),
) -> Classified {
    let flags = FLAG_UNBELIEVED;
    let identity = Identity { device_us: device.0, value: reading.value, quality: quality_code(reading.quality) };
    if origin.redelivered && points.is_unbelieved_again(reading.point, &identity) {
        return Classified { class: Class::Duplicate, event: received, received, flags };
    }
    points.remember_unbelieved(reading.point, identity);
    if received.0 > points.newest(reading.point) {
        points.open_instant(reading.point, received.0, identity);
    }
    Classified { class: Class::Compared, event: received, received, flags }
}

fn quality_code(quality: Quality) -> u8 {
    quality as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::reading::PointId;

    const HOUR: i64 = 3_600 * SECOND_US;
    /// Receive times start here; device times are written relative to it.
    const NOW: i64 = 1_000_000 * HOUR;

    struct Point {
        points: Points,
        received: i64,
    }

    /// A reading `s` seconds after `NOW` by its device's clock, if it has one.
    #[derive(Clone, Copy)]
    struct Sent(Option<i64>, f64, bool);

    impl Point {
        fn new() -> Point {
            let mut points = Points::default();
            points.grow(1);
            Point { points, received: NOW }
        }

        fn take(&mut self, sent: Sent) -> Classified {
            let Sent(device, value, redelivered) = sent;
            self.received += SECOND_US;
            let reading = Reading {
                point: PointId(0),
                device_time: device.map(|s| Micros(NOW + s * SECOND_US)),
                value,
                quality: Quality::Good,
            };
            let limits = FoldLimits::default();
            let origin = Origin { received: Micros(self.received), redelivered, message_known: false, limits: &limits };
            classify(&mut self.points, &reading, &origin)
        }
    }

    fn check(table: &[(Sent, Class)]) {
        let mut point = Point::new();
        for (n, (sent, class)) in table.iter().enumerate() {
            assert_eq!(point.take(*sent).class, *class, "row {n}");
        }
    }

    #[test]
    fn by_device_time() {
        check(&[
            (Sent(Some(0), 1.0, false), Class::Newer),
            (Sent(Some(0), 1.0, false), Class::Duplicate),
            (Sent(Some(0), 2.0, false), Class::Compared),
            (Sent(Some(0), 1.0, true), Class::Duplicate),
            (Sent(Some(-5), 1.0, false), Class::Older),
            (Sent(Some(-5), 1.0, true), Class::Older),
            (Sent(Some(1), 1.0, false), Class::Newer),
            (Sent(Some(1), -0.0, false), Class::Compared),
            (Sent(Some(1), 0.0, false), Class::Duplicate),
        ]);
    }

    #[test]
    fn four_values_of_the_newest_instant_are_kept() {
        check(&[
            (Sent(Some(0), 1.0, false), Class::Newer),
            (Sent(Some(0), 2.0, false), Class::Compared),
            (Sent(Some(0), 3.0, false), Class::Compared),
            (Sent(Some(0), 4.0, false), Class::Compared),
            (Sent(Some(0), 5.0, false), Class::Compared),
            (Sent(Some(0), 2.0, false), Class::Duplicate),
            (Sent(Some(0), 1.0, false), Class::Compared),
        ]);
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_judged_on_receive_time() {
        let day = 86_400;
        for wrong in [3_600, 90, -401 * day] {
            check(&[
                (Sent(Some(wrong), 1.0, false), Class::Compared),
                // The same again is news from a clock that stands still, and known only when it is redelivered.
                (Sent(Some(wrong), 1.0, false), Class::Compared),
                (Sent(Some(wrong), 1.0, true), Class::Duplicate),
                (Sent(Some(wrong), 0.0, true), Class::Compared),
            ]);
        }
        let mut point = Point::new();
        let unbelieved = point.take(Sent(Some(3_600), 1.0, false));
        assert_eq!((unbelieved.event, unbelieved.flags), (unbelieved.received, FLAG_UNBELIEVED));
        let believed = point.take(Sent(Some(60), 1.0, false));
        assert_eq!((believed.class, believed.flags), (Class::Newer, 0), "up to the skew it is believed");
    }

    #[test]
    fn four_unbelieved_identities_are_kept() {
        let mut point = Point::new();
        for value in 0..5 {
            point.take(Sent(Some(9_999), f64::from(value), false));
        }
        assert_eq!(point.take(Sent(Some(9_999), 4.0, true)).class, Class::Duplicate);
        assert_eq!(point.take(Sent(Some(9_999), 0.0, true)).class, Class::Compared, "fell out of the four");
    }

    #[test]
    fn without_a_time_the_receive_time_stands_in() {
        check(&[
            (Sent(None, 1.0, false), Class::Newer),
            (Sent(None, 1.0, false), Class::Newer),
            // The device's clock is 50 s ahead: what comes without a time is older by it, and judged all the same.
            (Sent(Some(50), 1.0, false), Class::Newer),
            (Sent(None, 1.0, false), Class::Compared),
        ]);
        assert_eq!(Point::new().take(Sent(None, 1.0, false)).flags, FLAG_NO_DEVICE_TIME);
    }

    #[test]
    fn receive_times_of_a_point_rise_strictly() {
        let mut point = Point::new();
        let first = point.take(Sent(Some(0), 1.0, false)).received;
        point.received -= SECOND_US;
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
