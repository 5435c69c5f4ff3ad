//! The decoder against a seeded storm of broken messages: it never panics, and every element of a message that can be
//! read is either taken or rejected under its own index. What broke once stays in `corpus`. I/O: reads the corpus.

use alerting::input::{Decoded, Reason, Reject};
use bytes::Bytes;
use ingest::decode::{READINGS_MAX, decode};
use ingest::delivery::Delivery;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rules::reading::{Micros, PointId};
use rules::registry::{Enterprise, Equipment, Gateway, Limits, Point, Region, Registry, Status, Text};
use rules::view::View;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const MUTANTS: u32 = 40_000;
const SEED: u64 = 20_251_124;

fn view() -> View {
    let point = |id: &str| Point {
        id: id.to_owned(),
        tag: "tank.level".to_owned(),
        range_lo: 0.0,
        range_hi: 100.0,
        period_s: Some(10),
        limits: Limits::default(),
        dead_band: 0.0,
        required: true,
        national_code: None,
        substance: None,
    };
    let enterprise = |id: &str, points: Vec<Point>| Enterprise {
        id: id.to_owned(),
        credit_code: String::new(),
        name: Text::default(),
        sectors: Vec::new(),
        town: String::new(),
        industry: String::new(),
        status: Status::Producing,
        people: Vec::new(),
        gateways: vec![Gateway { id: "g".to_owned() }],
        equipment: vec![Equipment {
            id: "E".to_owned(),
            name: Text::default(),
            kind: String::new(),
            hazard_level: None,
            circuit_role: None,
            points,
            national_code: None,
            rated_kw: None,
            design: rules::site::Design::default(),
            sector: None,
        }],
        national_code: None,
        declared: None,
        site: rules::site::Site::default(),
        stock: false,
    };
    let registry = Registry {
        district: Region { code: String::new(), name: Text::default() },
        towns: Vec::new(),
        sectors: Vec::new(),
        tag_types: Vec::new(),
        enterprises: vec![enterprise("a", vec![point("T-1.level"), point("温度")]), enterprise("b", vec![point("F")])],
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    };
    let number = |_: &str, point: &str| ["T-1.level", "温度", "F"].iter().position(|p| *p == point);
    View::new(Arc::new(registry), "v".to_owned(), &|e, p| number(e, p).map(|n| PointId(n as u32)))
}

/// Decodes, with what must be true of any outcome.
fn decoded(topic: &str, payload: &[u8], view: &View) -> Decoded {
    let (topic, payload) = (topic.to_owned(), Bytes::copy_from_slice(payload));
    let decoded = decode(&Delivery { received: Micros(0), topic, payload, redelivered: false }, view);
    let shown = String::from_utf8_lossy(&decoded.payload);
    for reject in &decoded.rejects {
        assert!(reject.detail.chars().count() <= 200 && !reject.detail.contains('\0'), "{shown}");
    }
    let indices: BTreeSet<Option<u32>> = decoded.rejects.iter().map(|reject| reject.index).collect();
    assert_eq!(indices.len(), decoded.rejects.len(), "an index is given twice: {shown}");
    assert!(decoded.readings.iter().all(|reading| reading.value.is_finite()), "{shown}");
    if indices.contains(&None) {
        assert!(decoded.readings.is_empty() && indices.len() == 1, "{shown}");
    }
    decoded
}

/// Decodes our format, and holds the outcome against what a plain JSON parser says of the same bytes.
fn check(payload: &[u8], view: &View) -> Decoded {
    let decoded = decoded("davy/v1/a/g/json", payload, view);
    let shown = String::from_utf8_lossy(payload);
    let tree: Result<serde_json::Value, _> = serde_json::from_slice(payload);
    let elements = tree.as_ref().ok().and_then(|tree| tree.get("d")?.as_array());
    if let [whole] = decoded.rejects.as_slice()
        && whole.index.is_none()
    {
        let too_many = elements.is_some_and(|elements| elements.len() > READINGS_MAX);
        assert_eq!(whole.reason == Reason::TooManyReadings, too_many, "{shown}");
        // Beyond what the plain parser refuses only this: a field given twice (perhaps not as an array the first time,
        // where the plain parser keeps the last), or a NUL.
        let beyond = ["twice", "NUL", "expected an array of readings"];
        let strict = elements.is_none() || too_many || beyond.iter().any(|word| whole.detail.contains(word));
        assert!(strict, "{}: {shown}", whole.detail);
        return decoded;
    }
    let elements = elements.unwrap_or_else(|| panic!("readable for us only: {shown}"));
    let indices: BTreeSet<u32> = decoded.rejects.iter().filter_map(|reject| reject.index).collect();
    assert!(indices.iter().all(|index| (*index as usize) < elements.len()), "{shown}");
    assert_eq!(decoded.readings.len() + indices.len(), elements.len(), "not every element accounted for: {shown}");
    decoded
}

/// The same for ThingsBoard's, on one of its topics.
fn check_tb(below: &str, payload: &[u8], view: &View) -> Decoded {
    let decoded = decoded(&format!("davy/v1/a/g/tb{below}"), payload, view);
    let shown = String::from_utf8_lossy(payload);
    let tree: Result<serde_json::Value, _> = serde_json::from_slice(payload);
    if let [Reject { index: None, reason, detail }] = decoded.rejects.as_slice() {
        let not_ours = tree.is_err() || detail.contains("NUL") || detail.contains(": it is ");
        assert!(*reason == Reason::TooManyReadings || not_ours, "{detail}: {shown}");
        return decoded;
    }
    let tree = tree.unwrap_or_else(|_| panic!("readable for us only: {shown}"));
    let accounted = decoded.readings.len() + decoded.rejects.len();
    assert!(decoded.rejects.iter().all(|reject| reject.index.is_some_and(|at| (at as usize) < accounted)), "{shown}");
    // The plain parser keeps the last of several values under one name; we take or reject them all, but an element
    // with two times is rejected once.
    let twice = decoded.rejects.iter().any(|reject| reject.detail.contains("twice"));
    assert!(twice || accounted >= tb_values(below, &tree), "not every value accounted for: {shown}");
    decoded
}

/// How many values a ThingsBoard message has.
fn tb_values(below: &str, tree: &serde_json::Value) -> usize {
    let element = |element: &serde_json::Value| match (element.as_object(), element.get("values")) {
        (Some(_), Some(values)) if values.is_object() || values.is_array() => values.as_object().map_or(1, |v| v.len()),
        (Some(flat), _) => flat.len(),
        (None, _) => 1,
    };
    let elements =
        |node: &serde_json::Value| node.as_array().map_or_else(|| element(node), |all| all.iter().map(element).sum());
    let looks_so =
        |devices: &serde_json::Map<_, serde_json::Value>| below.is_empty() && devices.values().all(|v| v.is_array());
    match tree.as_object() {
        Some(devices) if below.contains("gateway") || looks_so(devices) => devices.values().map(elements).sum(),
        _ => elements(tree),
    }
}

const TB_TOPICS: [&str; 3] = ["", "/v1/devices/me/telemetry", "/v1/gateway/telemetry"];

fn corpus(format: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(format);
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_corpus_is_accounted_for() {
    let view = view();
    for (format, check) in formats() {
        let corpus = corpus(format);
        assert!(corpus.len() >= 10);
        for (name, payload) in corpus {
            let decoded = check(0, &payload, &view);
            // The name says what is expected: `<taken>-<rejected>-what.json`, or `whole-what.json`.
            let whole = decoded.rejects.iter().any(|reject| reject.index.is_none());
            let expected = match name.split('-').collect::<Vec<_>>().as_slice() {
                ["whole", ..] => (true, 0, 1),
                [taken, rejected, ..] => (false, taken.parse().unwrap(), rejected.parse().unwrap()),
                _ => panic!("{name}: the name says nothing"),
            };
            let found = (whole, decoded.readings.len(), decoded.rejects.len());
            assert_eq!(found, expected, "{format}/{name}: {:?}", decoded.rejects);
        }
    }
}

type Check = fn(u32, &[u8], &View) -> Decoded;

/// Each format with its check; the number chooses among its topics.
fn formats() -> [(&'static str, Check); 2] {
    [
        ("json", |_, payload, view| check(payload, view)),
        ("tb", |draw, payload, view| check_tb(TB_TOPICS[draw as usize % TB_TOPICS.len()], payload, view)),
    ]
}

#[test]
fn no_mutant_gets_through_unaccounted() {
    let view = view();
    for (format, check) in formats() {
        let corpus: Vec<Vec<u8>> = corpus(format).into_iter().map(|(_, payload)| payload).collect();
        let mut dice = ChaCha8Rng::seed_from_u64(SEED);
        let (mut taken, mut rejected, mut whole) = (0, 0, 0);
        for _ in 0..MUTANTS {
            let mut payload = pick(&mut dice, &corpus).clone();
            for _ in 0..=dice.next_u32() % 4 {
                mutate(&mut dice, &mut payload, &corpus);
            }
            let decoded = check(dice.next_u32(), &payload, &view);
            taken += decoded.readings.len();
            match decoded.rejects.as_slice() {
                [only] if only.index.is_none() => whole += 1,
                rejects => rejected += rejects.len(),
            }
        }
        // The storm must reach every outcome, or it proves nothing.
        let reached = format!("{format}: {taken} taken, {rejected} rejected, {whole} whole");
        assert!(taken > 1_000 && rejected > 1_000 && whole > 1_000, "{reached}");
    }
}

fn pick<'a, T>(dice: &mut ChaCha8Rng, of: &'a [T]) -> &'a T {
    &of[dice.next_u32() as usize % of.len()]
}

/// Pieces that mean something to a parser; put in place of another piece they often leave valid JSON behind.
const PIECES: [&str; 36] = [
    "1",
    "-0",
    "1e999",
    "1e-999",
    "9223372036854775807",
    "18446744073709551616",
    "0.1",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "[[1]]",
    "{\"a\":1}",
    "\"\"",
    "\"bad\"",
    "\"good\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"F\"",
    "\"温度\"",
    "\"T-1.level\"",
    ",",
    ":",
    "{\"p\":\"F\",\"v\":1},",
    "{\"p\":\"温度\",\"v\":2},",
    "\"v\":3,",
    "\"t\":5,",
    "\"q\":\"bad\",",
    "\"d\":[],",
    "\"ts\":5,",
    "\"values\":{\"温度\":4},",
    "{\"ts\":6,\"values\":{\"level\":4}},",
    "\"T-1\":[{\"level\":1}],",
    "\u{feff}",
    "\\",
];

fn mutate(dice: &mut ChaCha8Rng, payload: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let at = dice.next_u32() as usize % (payload.len() + 1);
    let end = (at + dice.next_u32() as usize % 8).min(payload.len());
    match dice.next_u32() % 7 {
        0 => payload.insert(at, dice.next_u32() as u8),
        1 => drop(payload.drain(at..end)),
        2 => payload.truncate(at),
        3 => {
            let other = pick(dice, corpus);
            let from = dice.next_u32() as usize % (other.len() + 1);
            payload.splice(at..end, other[from..].iter().copied());
        }
        4 => {
            if let Some(byte) = payload.get_mut(at) {
                *byte ^= 1 << (dice.next_u32() % 8);
            }
        }
        5 => {
            let piece = pick(dice, &PIECES).bytes();
            payload.splice(at..at, piece);
        }
        _ => replace_value(dice, payload),
    }
}

/// Puts another value in the place of the value behind some colon.
fn replace_value(dice: &mut ChaCha8Rng, payload: &mut Vec<u8>) {
    let colons: Vec<usize> = (0..payload.len()).filter(|at| payload[*at] == b':').collect();
    if colons.is_empty() {
        return;
    }
    let from = pick(dice, &colons) + 1;
    let end = payload[from..].iter().position(|byte| b",}]".contains(byte)).map_or(payload.len(), |n| from + n);
    let piece = pick(dice, &PIECES).bytes();
    payload.splice(from..end, piece);
}
