//! An ordinary day: every point of the district in turn, in order of numbers, with values that alarm nobody. The same
//! calls give the same readings on every machine. Must not know the clock: time goes on by itself, batch by batch. Pure.

use crate::district::START;
use alerting::input::{Batch, Content, Decoded, Input};
use bytes::Bytes;
use ingest::delivery::Delivery;
use ingest::simulate::load;
use ingest::simulate::profile::Profile;
use rules::reading::{Micros, PointId, Quality, Reading, SECOND_US};
use rules::registry::{Enterprise, Equipment, Point, Registry};
use rules::view::View;
use std::fmt::Write;

/// Readings in one batch of `Traffic::batch`.
pub const BATCH_READINGS: usize = 1_000;
/// Twice the rate of one district: the seed district's 500 readings/s would take two seconds for a batch.
const BATCH_US: i64 = SECOND_US;

/// What one point says.
struct Teller {
    point: PointId,
    profile: Profile,
}

pub struct Traffic {
    tellers: Vec<Teller>,
    /// Readings made so far.
    made: usize,
    now: Micros,
}

impl Traffic {
    #[must_use]
    pub fn of(view: &View) -> Traffic {
        let registry = view.registry();
        let mut tellers = Vec::new();
        for enterprise in &registry.enterprises {
            for equipment in &enterprise.equipment {
                let found = equipment.points.iter().filter_map(|point| {
                    let id = view.find(&enterprise.id, &point.id)?;
                    Some(Teller { point: id, profile: telling(registry, enterprise, equipment, point) })
                });
                tellers.extend(found);
            }
        }
        Traffic { tellers, made: 0, now: START }
    }

    #[must_use]
    pub fn points(&self) -> usize {
        self.tellers.len()
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
        let teller = self.tellers.get(self.made.checked_rem(self.tellers.len())?)?;
        let value = value(&teller.profile, self.now, self.made);
        self.made = self.made.wrapping_add(1);
        Some(Reading { point: teller.point, device_time: Some(self.now), value, quality: Quality::Good })
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
    let all = enterprise.equipment.iter().flat_map(|equipment| equipment.points.iter().map(move |p| (equipment, p)));
    for (n, (equipment, point)) in all.take(readings).enumerate() {
        let value = value(&telling(view.registry(), enterprise, equipment, point), START, n);
        let comma = if n == 0 { "" } else { "," };
        // Two decimals, as instruments send them. Writing to a `String` cannot fail.
        write!(text, "{comma}{{\"p\":\"{}\",\"v\":{value:.2}}}", point.id).ok();
    }
    text.push_str("]}");
    let topic = format!("davy/v1/{}/{}/json", enterprise.id, gateway.id);
    Delivery { received: START, topic, payload: Bytes::from(text), redelivered: false }
}

/// What a healthy plant says, by its registry: under every rule, the same value again is as good as another one, but
/// nothing in the world stands still, and compressors and branch predictors would notice.
fn telling(registry: &Registry, enterprise: &Enterprise, equipment: &Equipment, point: &Point) -> Profile {
    let unit = registry.tag_types.iter().find(|tag| tag.id == point.tag).map_or("", |tag| tag.unit.as_str());
    Profile::of(point, unit, load::shown(enterprise, equipment, point), &mut || 0.5)
}

fn value(profile: &Profile, now: Micros, n: usize) -> f64 {
    let step = u8::try_from(n.wrapping_mul(7) % 101).unwrap_or_default();
    profile.value(now.since(START), now.0, f64::from(step) / 50.0 - 1.0)
}
