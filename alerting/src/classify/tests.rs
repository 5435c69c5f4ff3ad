//! What each reading is to its point, one table a behaviour. Pure.

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
            since: received,
            device,
            received,
            last: (device, received),
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
