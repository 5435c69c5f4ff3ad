//! What must not change unnoticed: the effects of a fixed story, which `ENGINE_VERSION` stands for, and the bytes of a
//! snapshot, which every later version must open. I/O: reads the committed files.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

mod district;

use alerting::effect::Effects;
use alerting::input::{Batch, Input, Link};
use alerting::save::{FORMAT, RestoreError};
use alerting::state::State;
use district::*;
use rules::reading::{PointId, Quality};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Two hours of five points, as a small generator of our own makes them: no library may change the story.
fn story() -> (Fold, Vec<Effects>) {
    let mut fold = Fold::started();
    let mut all = Vec::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % sides
    };
    let mut now: i64 = 1_000;
    for n in 0..2_000_u64 {
        now += [10, 500, 3_000, 4_000, 20_000][dice(5) as usize];
        let point = PointId(dice(5) as u32);
        let value = [0.0, 1.0, 44.0, 48.0, 50.0, 81.0, 96.0, 120.0, -3.0][dice(9) as usize];
        let device = match dice(10) {
            0 => None,
            1 => Some(at(now - 30_000)),
            2 => Some(at(now + 90_000)),
            _ => Some(at(now)),
        };
        let mut reading = reading(point, device, value);
        if dice(8) == 0 {
            reading.quality = Quality::Bad;
        }
        let mut inputs = vec![Input::Delivery(delivery(at(now), vec![reading]))];
        match dice(40) {
            0 => inputs.push(Input::Link(if dice(2) == 0 { Link::Down } else { Link::Up })),
            1 => inputs.push(Input::Activate(load("rules", if dice(2) == 0 { "s1" } else { "s2" }).unwrap())),
            2 => inputs.push(Input::Activate(load("registry", if dice(2) == 0 { "r1" } else { "r2" }).unwrap())),
            3..9 => inputs.push(ack(now, &format!("k{n}"), 1 + dice(1 + n / 8))),
            _ => {}
        }
        all.push(fold.step(now, inputs));
    }
    (fold, all)
}

/// FNV-1a over everything that leaves the fold.
fn fingerprint(all: &[Effects]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for effects in all {
        let bytes = postcard::to_stdvec(&(&effects.business, &effects.readings, &effects.outcomes)).unwrap();
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[test]
fn the_effects_are_those_of_this_engine_version() {
    let (_, all) = story();
    let changes: usize = all.iter().map(|effects| changes(effects).len()).sum();
    assert!(changes > 300, "only {changes} changes: the story says too little");
    let name = format!("effects-{}.txt", alerting::ENGINE_VERSION);
    let found = format!("{}\n", fingerprint(&all));
    let advice = "the same journal gives other effects: raise ENGINE_VERSION";
    compare(&name, found.as_bytes(), advice);
}

#[test]
fn a_snapshot_of_this_format_opens() {
    let (fold, _) = story();
    let name = format!("snapshot-{FORMAT}.bin");
    compare(&name, &fold.state.save(), "the layout changed: raise FORMAT and keep reading the old one");
    let state = State::restore(&std::fs::read(golden(&name)).unwrap(), &mut load).unwrap();
    assert_eq!(state.seq(), fold.state.seq());
    assert_eq!(state.open_alarms().collect::<Vec<_>>(), fold.state.open_alarms().collect::<Vec<_>>());
}

/// Written by earlier versions at the end of the same story.
#[test]
fn snapshots_of_earlier_formats_open_and_go_on() {
    for format in [2, 3] {
        let bytes = std::fs::read(golden(&format!("snapshot-{format}.bin"))).unwrap();
        let mut state = State::restore(&bytes, &mut load).unwrap();
        let (fold, _) = story();
        assert_eq!(state.open_alarms().collect::<Vec<_>>(), fold.state.open_alarms().collect::<Vec<_>>(), "{format}");
        assert!(state.link_down_since().is_some());
        assert_eq!(state.last(LEVEL).map(|last| last.value), Some(96.0));
        let now = state.now().plus(1_000_000);
        let up = state.step(state.seq() + 1, &Batch { now, inputs: vec![Input::Link(Link::Up)] });
        assert_eq!(told(&changes(&up)).len(), 1, "the link's alarm returns");
        let again = State::restore(&state.save(), &mut load).unwrap();
        assert_eq!(again.save(), state.save());
    }
}

/// Compares with the committed file. What was found instead is written down, to take its place if it is right.
fn compare(name: &str, found: &[u8], advice: &str) {
    if std::fs::read(golden(name)).unwrap_or_default() != found {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, found).unwrap();
        panic!("{name} differs: {advice}; what was found lies in {}", path.display());
    }
}

#[test]
fn what_is_no_snapshot_is_refused_by_name() {
    let bytes = std::fs::read(golden(&format!("snapshot-{FORMAT}.bin"))).unwrap();
    let mut other = bytes.clone();
    other[0] = 9;
    assert_eq!(State::restore(&other, &mut load).unwrap_err(), RestoreError::Format(9));
    for len in [0, 1, 2, bytes.len() / 2, bytes.len() - 1] {
        let refused = State::restore(&bytes[..len], &mut load).unwrap_err();
        assert!(matches!(refused, RestoreError::Malformed(_)), "{len} bytes: {refused}");
    }
    let gone = State::restore(&bytes, &mut |_, _| None).unwrap_err();
    assert!(gone.to_string().ends_with("is not there"), "{gone}");
}

#[test]
fn a_snapshot_with_a_byte_changed_opens_or_is_refused() {
    let bytes = std::fs::read(golden(&format!("snapshot-{FORMAT}.bin"))).unwrap();
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(5) {
        let mut other = bytes.clone();
        other[at] ^= 0x15;
        refused += usize::from(State::restore(&other, &mut load).is_err());
    }
    assert!(refused > 100, "only {refused} were refused");
}
