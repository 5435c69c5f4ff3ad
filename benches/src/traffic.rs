//! An ordinary day: every point of the district in turn, in order of numbers, with values that alarm nobody. The same
//! calls give the same readings on every machine. Must not know the clock: time goes on by itself, batch by batch. Pure.

use crate::district::START;
use alerting::input::{Batch, Content, Decoded, Input};
use bytes::Bytes;
use ingest::delivery::Delivery;
use rules::reading::{Micros, PointId, Quality, Reading, SECOND_US};
use rules::registry::{Enterprise, Point};
use rules::view::View;
use std::fmt::Write;

/// Readings in one batch of `Traffic::batch`.
pub const BATCH_READINGS: usize = 1_000;
/// Twice the rate of one district: the seed district's 500 readings/s would take two seconds for a batch.
const BATCH_US: i64 = SECOND_US;

/// Where the values of one point lie.
#[derive(Clone, Copy)]
struct Pace {
    point: PointId,
    low: f64,
    width: f64,
}

pub struct Traffic {
    paces: Vec<Pace>,
    /// Readings made so far.
    made: usize,
    now: Micros,
}

impl Traffic {
    #[must_use]
    pub fn of(view: &View) -> Traffic {
        let pace = |(id, place)| view.point_at(place).map(|point| pace(id, point));
        Traffic { paces: view.points().filter_map(pace).collect(), made: 0, now: START }
    }

    #[must_use]
    pub fn points(&self) -> usize {
        self.paces.len()
    }

    /// The next `BATCH_READINGS` readings, as messages of `message` readings each.
    pub fn batch(&mut self, message: usize) -> Batch<Decoded, Content> {
        self.now = self.now.plus(BATCH_US);
        let messages = BATCH_READINGS.div_ceil(message);
        let inputs = (0..messages).map(|_| Input::Delivery(self.decoded(message))).collect();
        Batch { now: self.now, inputs }
    }

    fn decoded(&mut self, readings: usize) -> Decoded {
        Decoded {
            received: self.now,
            topic: "davy/v1/bench/gw/json".to_owned(),
            payload: Bytes::new(),
            redelivered: false,
            gateway: None,
            gateway_seq: None,
            status: None,
            readings: (0..readings).filter_map(|_| self.reading()).collect(),
            rejects: Vec::new(),
            simulated: false,
        }
    }

    fn reading(&mut self) -> Option<Reading> {
        let pace = self.paces.get(self.made.checked_rem(self.paces.len())?)?;
        let value = wander(*pace, self.made);
        self.made = self.made.wrapping_add(1);
        Some(Reading { point: pace.point, device_time: Some(self.now), value, quality: Quality::Good })
    }
}

/// A message in our own format with the first `readings` points of the first enterprise that has so many.
///
/// # Panics
/// When no enterprise of the district has.
#[must_use]
pub fn message(view: &View, readings: usize) -> Delivery {
    let points = |enterprise: &Enterprise| enterprise.equipment.iter().map(|e| e.points.len()).sum::<usize>();
    let Some(enterprise) = view.registry().enterprises.iter().find(|e| points(e) >= readings) else {
        panic!("no enterprise of the seed district has {readings} points");
    };
    let Some(gateway) = enterprise.gateways.first() else {
        panic!("enterprise {} has no gateway", enterprise.id);
    };
    let ms = START.0 / 1_000;
    let mut text = format!("{{\"seq\":17,\"ts\":{ms},\"d\":[");
    let all = enterprise.equipment.iter().flat_map(|e| &e.points).take(readings);
    for (n, point) in all.enumerate() {
        let value = wander(pace(PointId(0), point), n);
        let comma = if n == 0 { "" } else { "," };
        // Two decimals, as instruments send them. Writing to a `String` cannot fail.
        write!(text, "{comma}{{\"p\":\"{}\",\"v\":{value:.2}}}", point.id).ok();
    }
    text.push_str("]}");
    let topic = format!("davy/v1/{}/{}/json", enterprise.id, gateway.id);
    Delivery { received: START, topic, payload: Bytes::from(text), redelivered: false }
}

/// Switches stay off. Everything else keeps to the part of its range that lies between its own low and high limits.
fn pace(point: PointId, of: &Point) -> Pace {
    if of.range_lo == 0.0 && of.range_hi == 1.0 {
        return Pace { point, low: 0.0, width: 0.0 };
    }
    let low = of.limits.l.or(of.limits.ll).unwrap_or(of.range_lo);
    let high = of.limits.h.or(of.limits.hh).unwrap_or(of.range_hi);
    let width = (high - low) * 0.2;
    // Below the middle: the rules' own limits, for points that have none, are upper ones.
    Pace { point, low: low + width, width }
}

/// From reading to reading another value: the same value at another time would be as good, but nothing in the world
/// stands still, and compressors and branch predictors would notice.
fn wander(pace: Pace, n: usize) -> f64 {
    let step = u8::try_from(n.wrapping_mul(7) % 100).unwrap_or_default();
    pace.low + pace.width * f64::from(step) / 100.0
}
