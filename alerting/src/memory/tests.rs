//! Memories against one that keeps every reading. What they cost stands at the end. Pure.

#![allow(clippy::cast_precision_loss, reason = "small numbers")]

use super::ask::Ask;
use super::kept::{Kept, Setting};
use super::window::{cell_us, part_us};
use proptest::prelude::*;
use rules::past::{Past, What};
use rules::reading::{PointId, SECOND_US};

const START: i64 = 1_735_660_800 * SECOND_US;

fn past(what: What, window_s: u32) -> Past {
    Past { what, of: None, window_s }
}

fn setting(has_period: bool) -> Setting {
    Setting { range: (0.0, 100.0), has_period, patience_us: 120 * SECOND_US, begin: START }
}

fn kept(past: &Past, has_period: bool) -> Kept {
    Kept::new(Ask::of(past, &[PointId(0), PointId(1)]).unwrap(), &setting(has_period))
}

/// Seconds and values; what a function says after the last of them, `later_s` seconds on.
fn said(past: &Past, has_period: bool, readings: &[(i64, f64)], later_s: i64) -> f64 {
    let mut kept = kept(past, has_period);
    for (second, value) in readings {
        kept.take(START + second * SECOND_US, *value);
    }
    let last = readings.last().map_or(0, |(second, _)| *second);
    kept.look(&past.what, START + (last + later_s) * SECOND_US)
}

fn show(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value}") }
}

#[test]
fn each_function_by_hand() {
    type Row<'a> = (What, u32, &'a [(i64, f64)], i64, &'a str);
    let ramp: &[(i64, f64)] = &[(0, 10.0), (60, 20.0), (120, 40.0)];
    let switch: &[(i64, f64)] = &[(0, 0.0), (10, 1.0), (20, 1.0), (50, 0.0), (60, 0.0)];
    let table: [Row; 34] = [
        (What::Rate, 120, ramp, 0, "0.3333333333333333"),
        (What::Rate, 121, ramp, 0, "0.25"),
        (What::Delta, 121, ramp, 0, "30"),
        // A window of four minutes is half spanned by two, one of more is not.
        (What::Delta, 240, ramp, 0, "30"),
        (What::Delta, 241, ramp, 0, "-"),
        (What::Delta, 240, ramp, 121, "-"),
        (What::Mean, 121, ramp, 0, "23.333333333333332"),
        (What::Mean, 120, ramp, 0, "30"),
        (What::Mean, 119, ramp, 0, "30"),
        (What::Min, 121, ramp, 0, "10"),
        (What::Min, 120, ramp, 0, "20"),
        (What::Max, 120, ramp, 0, "40"),
        (What::Max, 120, &[(0, 50.0), (60, 20.0), (120, 40.0)], 0, "40"),
        (What::Max, 300, ramp, 0, "-"),
        (What::Stddev, 121, &[(0, 2.0), (60, 4.0), (120, 6.0)], 0, "2"),
        (What::Stddev, 121, &[(0, 2.0)], 0, "-"),
        (What::Median, 121, ramp, 0, "20"),
        (What::Median, 120, ramp, 0, "30"),
        (What::Count, 120, ramp, 0, "2"),
        (What::Count, 120, ramp, 60, "1"),
        (What::Count, 120, ramp, 120, "0"),
        (What::Previous, 0, ramp, 0, "20"),
        (What::Previous, 0, &[(0, 1.0)], 0, "-"),
        (What::Gap, 0, ramp, 0, "60"),
        (What::Rose, 0, &[(0, 0.0), (1, 1.0)], 0, "1"),
        (What::Rose, 0, &[(0, 1.0), (1, 1.0)], 0, "0"),
        (What::Fell, 0, &[(0, 1.0), (1, 0.4)], 0, "1"),
        (What::OnFor, 0, switch, 0, "0"),
        (What::OnFor, 0, &switch[..3], 5, "15"),
        (What::OffFor, 0, switch, 5, "15"),
        (What::OffFor, 0, &[], 0, "-"),
        (What::SinceOn, 0, switch, 0, "40"),
        (What::Events, 120, switch, 0, "1"),
        (What::Events, 120, &switch[1..], 0, "0"),
    ];
    for (what, window_s, readings, later_s, expected) in table {
        let past = past(what, window_s);
        assert_eq!(show(said(&past, true, readings, later_s)), expected, "{} of {readings:?} +{later_s}", past.name());
    }
}

/// All good readings of a point; a function over those of its window, or `None` where it is missing.
fn naive(past: &Past, has_period: bool, readings: &[(i64, f64)], now: i64) -> Option<f64> {
    let window_us = i64::from(past.window_s) * SECOND_US;
    let inside: Vec<(i64, f64)> = readings.iter().copied().filter(|(at, _)| *at > now - window_us).collect();
    let values = || inside.iter().map(|(_, value)| *value);
    let mean = values().sum::<f64>() / inside.len() as f64;
    match past.what {
        What::Count => return Some(inside.len() as f64),
        What::Events => {
            let is_event = |n: usize| {
                let on = |n: usize| readings[n].1 >= 0.5;
                on(n) && (!has_period || (n > 0 && !on(n - 1)))
            };
            let events = (0..readings.len()).filter(|n| readings[*n].0 > now - window_us && is_event(*n));
            return Some(events.count() as f64);
        }
        _ => {}
    }
    let (first, last) = (inside.first()?, inside.last()?);
    if (last.0 - first.0) * 2 < window_us {
        return None;
    }
    Some(match past.what {
        What::Rate => (last.1 - first.1) / ((last.0 - first.0) as f64 / 1e6),
        What::Delta => last.1 - first.1,
        What::Mean => mean,
        What::Min => values().fold(f64::INFINITY, f64::min),
        What::Max => values().fold(f64::NEG_INFINITY, f64::max),
        What::Median => median(values().collect()),
        _ => (values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (inside.len() - 1) as f64).sqrt(),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

const WINDOWED: [What; 9] =
    [What::Rate, What::Delta, What::Mean, What::Min, What::Max, What::Stddev, What::Median, What::Count, What::Events];

/// Readings at least and at most so many microseconds apart, of a value that wanders, jumps or stands.
fn readings(least_us: i64, most_us: i64) -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = (least_us..=most_us, prop_oneof![-2.0..2.0, Just(0.0), -50.0..50.0]);
    prop::collection::vec(step, 1..400).prop_map(|steps| {
        let (mut at, mut value) = (START, 50.0_f64);
        let place = |(gap_us, change): (i64, f64)| {
            at += gap_us;
            value = (value + change).clamp(0.0, 100.0);
            (at, value)
        };
        steps.into_iter().map(place).collect()
    })
}

/// Whether the missing-or-not of minima and maxima may go either way: it goes by parts of the window.
fn is_near_half(readings: &[(i64, f64)], now: i64, window_us: i64) -> bool {
    let part = window_us / 127 + 1;
    let is_near = |at: i64, edge: i64| (at - edge).abs() <= 2 * part;
    let newest = readings.last().map_or(0, |(at, _)| *at);
    readings.iter().any(|(at, _)| is_near(*at, now - window_us) || is_near(*at, newest - window_us / 2))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of a point no faster than the cells nothing is lost, whenever it is asked.
    #[test]
    fn slow_points_are_remembered_exactly(
        readings in prop_oneof![readings(1_200_000, 5 * SECOND_US), readings(5 * SECOND_US, 20 * SECOND_US)],
        later_us in prop_oneof![Just(0), 0..400 * SECOND_US],
        has_period in any::<bool>(),
    ) {
        for what in WINDOWED {
            // Extremes are exact from 1/63 of the window on.
            let past = past(what.clone(), if matches!(what, What::Min | What::Max) { 75 } else { 300 });
            let mut kept = kept(&past, has_period);
            for n in 0..readings.len() {
                let (at, value) = readings[n];
                kept.take(at, value);
                let is_last = n + 1 == readings.len();
                let now = if is_last { at + later_us } else { at };
                let (found, expected) = (kept.look(&past.what, now), naive(&past, has_period, &readings[..=n], now));
                if matches!(past.what, What::Min | What::Max) && found.is_nan() != expected.is_none() {
                    prop_assert!(is_near_half(&readings[..=n], now, 75 * SECOND_US), "{}", past.name());
                    continue;
                }
                match expected {
                    Some(expected) => prop_assert!(
                        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                        "{}: {found}, not {expected}", past.name()
                    ),
                    None => prop_assert!(found.is_nan(), "{}: {found} of too little", past.name()),
                }
            }
            prop_assert!(kept.is_whole());
        }
    }

    /// Of a faster one the window is a little shorter, and never longer: sums, counts and extremes lie between those of
    /// both windows.
    #[test]
    fn fast_points_have_a_window_that_is_a_little_shorter(readings in readings(1, 900_000)) {
        let window_s = 100;
        let window_us = i64::from(window_s) * SECOND_US;
        for what in [What::Count, What::Min, What::Max, What::Delta] {
            let past = past(what, window_s);
            let mut kept = kept(&past, true);
            for n in 0..readings.len() {
                let (at, value) = readings[n];
                kept.take(at, value);
                prop_assert!(kept.heap() <= 2 * 256 * size_of::<(i64, f64)>(), "{}", kept.heap());
                let found = kept.look(&past.what, at);
                let after = |until: i64| readings[..=n].iter().filter(move |(at, _)| *at > until);
                let is_extreme = matches!(past.what, What::Min | What::Max);
                let shorter_us = if is_extreme { part_us(window_us, 63) } else { cell_us(window_us) };
                let (wide, narrow) = (at - window_us, at - window_us + shorter_us);
                let fold = |until: i64| after(until).map(|(_, value)| *value);
                match past.what {
                    What::Count => {
                        let (most, least) = (after(wide).count() as f64, after(narrow).count() as f64);
                        prop_assert!(least <= found && found <= most, "{least} {found} {most}");
                    }
                    _ if found.is_nan() => {}
                    What::Min => {
                        let at_least = fold(wide).fold(f64::INFINITY, f64::min);
                        let at_most = fold(narrow).fold(f64::INFINITY, f64::min);
                        prop_assert!(at_least <= found && found <= at_most);
                    }
                    What::Max => {
                        let at_most = fold(wide).fold(f64::NEG_INFINITY, f64::max);
                        let at_least = fold(narrow).fold(f64::NEG_INFINITY, f64::max);
                        prop_assert!(at_least <= found && found <= at_most);
                    }
                    _ => {
                        // The oldest reading is one of those up to the first of the narrow window.
                        let is_edge = |(_, old): &&(i64, f64)| (value - old - found).abs() < 1e-9;
                        let before = after(wide).filter(|(at, _)| *at < narrow).count();
                        let mut edge = after(wide).take(before + 1);
                        prop_assert!(edge.any(|old| is_edge(&old)), "{found}");
                    }
                }
            }
            prop_assert!(kept.is_whole());
        }
    }

    /// Long medians: within a bin of a median of a window that is shorter by less than a block.
    #[test]
    fn long_medians_are_off_by_a_bin_at_most(
        readings in readings(10 * SECOND_US, 600 * SECOND_US),
        later_us in prop_oneof![Just(0), 0..3_000 * SECOND_US],
    ) {
        let window_s = 7_200;
        let past = past(What::Median, window_s);
        let mut kept = kept(&past, true);
        for (at, value) in &readings {
            kept.take(*at, *value);
        }
        let now = readings.last().map_or(0, |(at, _)| *at) + later_us;
        let found = kept.look(&past.what, now);
        let window_us = i64::from(window_s) * SECOND_US;
        // One of the windows that begin up to a block later has this median.
        let of = |until: i64| -> Vec<f64> {
            readings.iter().filter(|(at, _)| *at > until).map(|(_, value)| *value).collect()
        };
        let begins = readings.iter().map(|(at, _)| *at).filter(|at| {
            (now - window_us..=now - window_us + window_us / 24 + 1).contains(at)
        });
        let mut medians = begins.chain([now - window_us]).map(of).filter(|values| !values.is_empty()).map(halves);
        if !found.is_nan() {
            let bin = 100.0 / 256.0;
            let fits = |(low, high): (f64, f64)| low - bin <= found && found <= high + bin;
            prop_assert!(medians.any(fits), "{found}");
        }
        prop_assert!(kept.is_whole());
    }

    /// A clock that is set back mutes nothing: the reading that says so begins a new memory.
    #[test]
    fn a_clock_set_back_begins_a_new_memory(
        before in readings(SECOND_US, 30 * SECOND_US),
        back_us in 121 * SECOND_US..1_000_000 * SECOND_US,
        after in readings(2 * SECOND_US, 30 * SECOND_US),
    ) {
        let last = before.last().map_or(0, |(at, _)| *at);
        let moved = |(at, value): (i64, f64)| (at - after[0].0 + last - back_us, value);
        for what in WINDOWED.into_iter().chain([What::Previous, What::OnFor, What::SinceOn]) {
            let past = past(what, 300);
            let (mut one, mut other) = (kept(&past, true), kept(&past, true));
            before.iter().for_each(|(at, value)| one.take(*at, *value));
            for (at, value) in after.iter().copied().map(moved) {
                one.take(at, value);
                other.take(at, value);
                prop_assert_eq!(show(one.look(&past.what, at)), show(other.look(&past.what, at)));
            }
        }
    }
}

/// The two middle values, or the middle one twice.
fn halves(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// Bytes of one memory of a point that speaks so often, once its window is full: with the value itself, without what
/// the allocator adds.
fn bytes(past: &Past, period_us: i64, value: impl Fn(i64) -> f64) -> usize {
    let mut kept = kept(past, true);
    let readings = (i64::from(past.window_s) * SECOND_US * 3 / period_us).clamp(10, 200_000);
    for n in 0..readings {
        kept.take(START + n * period_us, value(n));
    }
    size_of::<Kept>() + kept.heap()
}

/// Looks random, and is the same everywhere.
fn noise(n: i64) -> f64 {
    let mixed = (n.unsigned_abs() ^ 0x9e37).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    40.0 + (mixed >> 52) as f64 / 1_024.0
}

/// The figures of `mod.rs`: what a function costs a point, in noise and on a ramp, by its period.
#[test]
fn what_a_memory_weighs() {
    let ramp = |n: i64| (n % 10_000) as f64 / 100.0;
    type Row = (What, u32, [(usize, usize); 4]);
    let table: [Row; 9] = [
        (What::Rate, 300, [(4_240, 4_240), (1_168, 1_168), (656, 656), (272, 272)]),
        (What::Count, 300, [(4_240, 4_240), (1_168, 1_168), (656, 656), (272, 272)]),
        (What::Mean, 300, [(6_288, 6_288), (1_680, 1_680), (912, 912), (336, 336)]),
        (What::Stddev, 300, [(8_336, 8_336), (2_192, 2_192), (1_168, 1_168), (400, 400)]),
        (What::Max, 3_600, [(400, 1_232), (400, 1_232), (400, 1_232), (400, 1_232)]),
        (What::Median, 3_600, [(6_288, 6_288), (6_288, 6_288), (6_288, 6_288), (1_680, 1_680)]),
        (What::Median, 28_800, [(3_800, 5_336), (3_800, 3_032), (3_800, 2_680), (3_800, 2_648)]),
        (What::Median, 604_800, [(3_800, 26_328), (3_800, 26_328), (3_800, 14_552), (3_800, 3_800)]),
        (What::OnFor, 0, [(144, 144); 4]),
    ];
    for (what, window_s, at_most) in table {
        let past = past(what, window_s);
        let weights = [1, 5, 10, 60].map(|seconds| {
            let of = |value: &dyn Fn(i64) -> f64| bytes(&past, seconds * SECOND_US, value);
            (of(&noise), of(&ramp))
        });
        let fits = weights.iter().zip(&at_most).all(|(found, most)| found.0 <= most.0 && found.1 <= most.1);
        assert!(fits, "{}: {weights:?}, and not {at_most:?}", past.name());
    }
}
