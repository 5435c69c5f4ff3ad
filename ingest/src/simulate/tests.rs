//! What the simulated district promises: the same seed, the same district; nothing in normal operation that a decoder
//! would refuse or a rule would mind; scenarios that do what they are called. Pure.

use super::fleet::Message;
use super::*;
use crate::decode::decode;
use crate::delivery::Delivery;
use crate::seeds;
use rules::reading::PointId;
use rules::view::{PointKey, View};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const BEGUN_MS: i64 = 1_763_900_000_000;

pub(super) fn district() -> Arc<Registry> {
    Arc::new(seeds::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds")).unwrap())
}

pub(super) fn options(registry: &Arc<Registry>) -> Options {
    Options {
        registry: Arc::clone(registry),
        host: String::new(),
        port: 0,
        rate: None,
        batch: 50,
        scenarios: Vec::new(),
        seed: 7,
        duration: None,
        connections: 3,
        log: None,
    }
}

/// Everything that is sent in the first `seconds`, connection by connection.
pub(super) fn play(options: &Options, seconds: i64) -> Vec<(i64, Message)> {
    let mut sent = Vec::new();
    for mut fleet in Fleet::muster(options).unwrap() {
        while let Some((at, due)) = fleet.schedule.next()
            && at < seconds * SECOND_US
        {
            sent.extend(fleet.messages(at, due, BEGUN_MS).into_iter().map(|message| (at, message)));
        }
    }
    sent
}

pub(super) fn view(registry: &Arc<Registry>) -> View {
    let mut numbers = BTreeMap::new();
    for enterprise in &registry.enterprises {
        for point in enterprise.equipment.iter().flat_map(|equipment| &equipment.points) {
            let key = PointKey { enterprise: enterprise.id.clone(), point: point.id.clone() };
            numbers.insert(key, PointId(numbers.len() as u32));
        }
    }
    let number = |enterprise: &str, point: &str| {
        numbers.get(&PointKey { enterprise: enterprise.to_owned(), point: point.to_owned() }).copied()
    };
    View::new(Arc::clone(registry), "v".to_owned(), &number)
}

/// All readings, decoded: point, device time and value, in the order of sending.
pub(super) fn readings(sent: &[(i64, Message)], view: &View) -> Vec<(PointId, i64, f64)> {
    let mut all = Vec::new();
    for (at, message) in sent {
        let (topic, payload) = (message.topic.clone(), message.payload.clone());
        let decoded = decode(&Delivery { received: Micros(*at), topic, payload, redelivered: false }, view);
        assert_eq!(decoded.rejects, [], "{message:?}");
        assert_eq!(decoded.readings.len() as u64, message.readings);
        all.extend(decoded.readings.iter().map(|r| (r.point, r.device_time.unwrap().0, r.value)));
    }
    all
}

#[test]
fn the_same_seed_gives_the_same_values_in_the_same_order() {
    let registry = district();
    let once = play(&options(&registry), 30);
    assert_eq!(once, play(&options(&registry), 30));
    assert_ne!(once, play(&Options { seed: 8, ..options(&registry) }, 30));
    // A gateway does not depend on how the others are dealt out.
    let mut alone = play(&Options { connections: 1, ..options(&registry) }, 30);
    let mut dealt = once;
    let key = |(at, message): &(i64, Message)| (*at, message.topic.clone(), message.payload.clone());
    alone.sort_by_key(key);
    dealt.sort_by_key(key);
    assert_eq!(alone, dealt);
}

#[test]
fn normal_operation_is_taken_whole_and_stays_inside_the_limits() {
    let registry = district();
    let view = view(&registry);
    let minutes = 10;
    let sent = play(&options(&registry), minutes * 60);
    let mut newest: BTreeMap<PointId, i64> = BTreeMap::new();
    let mut heard: BTreeMap<PointId, i64> = BTreeMap::new();
    for (point, device_us, value) in readings(&sent, &view) {
        assert!(newest.insert(point, device_us).is_none_or(|before| before < device_us), "time goes forward");
        *heard.entry(point).or_default() += 1;
        let point = view.point(point).unwrap();
        let over = [point.limits.h, point.limits.hh].into_iter().flatten().any(|limit| value >= limit);
        let under = [point.limits.l, point.limits.ll].into_iter().flatten().any(|limit| value <= limit);
        let inside = (point.range_lo..=point.range_hi).contains(&value);
        assert!(!over && !under && inside, "{}: {value}", point.id);
    }
    for (number, place) in view.points() {
        let point = view.point_at(place).unwrap();
        let expected = point.period_s.map_or(0, |period| minutes * 60 / i64::from(period));
        let heard = heard.get(&number).copied().unwrap_or(0);
        assert!((expected..=expected + 2).contains(&heard), "{}: {heard} of {expected}", point.id);
    }
}

#[test]
fn a_rate_is_kept_and_falls_on_all_points_alike() {
    let registry = district();
    let view = view(&registry);
    let sent = play(&Options { rate: Some(20_000.0), ..options(&registry) }, 10);
    let all = readings(&sent, &view);
    assert!((199_000..=201_000).contains(&all.len()), "{}", all.len());
    let mut heard: BTreeMap<PointId, u32> = BTreeMap::new();
    for (point, ..) in &all {
        *heard.entry(*point).or_default() += 1;
    }
    let (least, most) = (heard.values().min().unwrap(), heard.values().max().unwrap());
    assert!(most - least <= 2, "{least} to {most}");
    let times: std::collections::BTreeSet<_> = all.iter().map(|(point, at, _)| (*point, *at)).collect();
    assert_eq!(times.len(), all.len(), "no reading can be taken for another");
}

#[test]
fn scenarios_do_what_they_are_called_and_move_on() {
    let registry = district();
    let view = view(&registry);
    let scenarios = vec![Scenario::Flame, Scenario::GasLeak, Scenario::DustCollectorStops];
    let sent = play(&Options { scenarios, ..options(&registry) }, 700);
    let mut struck: BTreeMap<&str, std::collections::BTreeSet<String>> = BTreeMap::new();
    let mut last: BTreeMap<PointId, f64> = BTreeMap::new();
    for (number, _, value) in readings(&sent, &view) {
        last.insert(number, value);
        let place = view.place(number).unwrap();
        let point = view.point_at(place).unwrap();
        let hit = match point.tag.as_str() {
            "flame" => value == 1.0,
            "gas.lel" => value >= 60.0,
            "dust.fan_run" => value == 0.0,
            _ => false,
        };
        if hit {
            let name = format!("{} {}", view.enterprise_at(place).unwrap().id, view.equipment_at(place).unwrap().id);
            struck.entry(&view.point(number).unwrap().tag).or_default().insert(name);
        }
    }
    let counts: Vec<(&str, usize)> = struck.iter().map(|(tag, places)| (*tag, places.len())).collect();
    assert_eq!(counts, [("dust.fan_run", 3), ("flame", 3), ("gas.lel", 3)]);
    // And it ends: a flame that is out says so.
    let flames = last.iter().filter(|(number, _)| view.point(**number).unwrap().tag == "flame");
    assert!(flames.filter(|(_, value)| **value == 0.0).count() >= 2);
}

#[test]
fn garbage_is_of_every_kind_and_none_of_it_is_good_whole() {
    let registry = district();
    let view = view(&registry);
    let sent = play(&Options { scenarios: vec![Scenario::Garbage], connections: 1, ..options(&registry) }, 19);
    let mut reasons = std::collections::BTreeSet::new();
    for (_, Message { topic, payload, .. }) in sent {
        let decoded = decode(&Delivery { received: Micros(0), topic, payload, redelivered: false }, &view);
        reasons.extend(decoded.rejects.iter().map(|reject| reject.reason));
    }
    assert!(reasons.len() >= 8, "{reasons:?}");
}

#[test]
fn options_that_cannot_be_played_are_refused_by_name() {
    let registry = district();
    let refused = |options: Options| check(&options).unwrap_err().to_string();
    assert_eq!(refused(Options { batch: 0, ..options(&registry) }), "batch 0 is not between 1 and 5000");
    assert_eq!(
        refused(Options { rate: Some(f64::NAN), ..options(&registry) }),
        "rate NaN is not above 0 and at most 10,000,000 readings/s"
    );
    let mut empty = Registry::clone(&registry);
    empty.enterprises.retain(|enterprise| enterprise.id.starts_with("el-"));
    let empty = Arc::new(empty);
    let error = Fleet::muster(&Options { scenarios: vec![Scenario::Flame], ..options(&empty) }).unwrap_err();
    assert_eq!(error.to_string(), "scenario flame finds no point of tag type flame in the registry");
}
