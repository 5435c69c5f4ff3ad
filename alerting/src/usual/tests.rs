//! Baselines against one that keeps every mean of every slot and computes anew what is asked. The clock is the test's. Pure.

use super::curve::{SLOT_US, SLOTS};
use super::*;
use crate::day::DAY_US;

/// Monday to Friday.
fn is_weekday(day: Day) -> bool {
    // 1970-01-01 was a Thursday.
    (day.0 + 3).rem_euclid(7) < 5
}

/// Keeps everything.
#[derive(Default)]
struct Naive {
    /// Of slots that ended: day, slot, mean, frozen.
    slots: Vec<(i32, usize, f64, bool)>,
    /// Of whole days: day, mean, frozen.
    days: Vec<(i32, f64, bool)>,
}

fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn middle(numbers: Vec<f64>) -> f64 {
    let sorted = sorted(numbers);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { sorted[half - 1] / 2.0 + sorted[half] / 2.0 }
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

impl Naive {
    fn slot_means(&self, day: i32, slot: usize) -> Vec<f64> {
        let is_meant = |known: &&(i32, usize, f64, bool)| {
            known.0 < day && known.1 == slot && !known.3 && is_weekday(Day(known.0)) == is_weekday(Day(day))
        };
        self.slots.iter().rev().filter(is_meant).take(10).map(|known| known.2).collect()
    }

    fn usual(&self, day: i32, slot: usize) -> f64 {
        let means = self.slot_means(day, slot);
        if means.len() < 3 { f64::NAN } else { middle(means) }
    }

    fn usual_mad(&self, day: i32, slot: usize) -> f64 {
        let usual = self.usual(day, slot);
        let distances: Vec<f64> = self.slot_means(day, slot).iter().map(|mean| (mean - usual).abs()).collect();
        if usual.is_nan() { usual } else { 1.4826 * middle(distances) }
    }

    fn usual_day(&self, day: i32) -> f64 {
        let before = self.days.iter().rev().filter(|known| known.0 < day && !known.2);
        let means: Vec<f64> = before.take(28).map(|known| known.1).collect();
        if means.len() < 3 { f64::NAN } else { middle(means) }
    }

    fn below(&self, day: i32, workdays: bool) -> f64 {
        let bound = self.usual_day(day) * 0.1;
        let days = self.days.iter().rev().filter(|known| known.0 < day && (!workdays || is_weekday(Day(known.0))));
        if bound.is_nan() { bound } else { days.take(35).take_while(|known| known.1 < bound).count() as f64 }
    }
}

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const POINT: PointId = PointId(1);

fn asked(usual: &Usual, what: What, about: Micros) -> f64 {
    let window_s = if matches!(what, What::DaysBelow | What::WorkdaysBelow) { 100 } else { 0 };
    usual.look(&Past { what, of: None, window_s }, &[POINT], (about, "R"))
}

fn new() -> Usual {
    Usual { watched: vec![false, true], ..Usual::default() }
}

fn restored(usual: &Usual) -> Usual {
    let bytes = postcard::to_stdvec(usual).expect("plain data");
    let back: Usual = postcard::from_bytes(&bytes).expect("what was written");
    assert!(back.is_whole(2) && !back.is_whole(1));
    assert_eq!(postcard::to_stdvec(&back).expect("plain data"), bytes);
    Usual { watched: vec![false, true], ..back }
}

fn at(day: i32, slot: usize) -> Micros {
    Day(day).start().plus(slot as i64 * SLOT_US)
}

/// The mean of a slot as it is kept.
fn load(dice: &mut Dice, day: i32, slot: usize, is_still: bool) -> f64 {
    let base: f64 = if is_still {
        2.0
    } else if is_weekday(Day(day)) && (32..72).contains(&slot) {
        400.0
    } else {
        40.0
    };
    f64::from((base + dice.roll(9) as f64 / 8.0) as f32)
}

/// What a day brings: its slots in order, how many of the first an alarm stands on.
struct Story {
    day: i32,
    loads: Vec<(usize, f64)>,
    frozen: usize,
}

impl Story {
    fn new(dice: &mut Dice, day: i32) -> Story {
        let is_still = dice.roll(5) == 0;
        let frozen = if dice.roll(6) == 0 { dice.roll(40) as usize } else { 0 };
        let gap = if dice.roll(7) == 0 { dice.roll(12) as usize } else { 0 };
        let slots = (0..SLOTS).filter(|slot| !(80..80 + gap).contains(slot));
        Story { day, loads: slots.map(|slot| (slot, load(dice, day, slot, is_still))).collect(), frozen }
    }

    /// The first of the two readings of a slot, whose mean is its load.
    fn first_reading(&self, usual: &mut Usual, (slot, load): (usize, f64)) {
        usual.take(POINT, at(self.day, slot).plus(1), load - 1.0, &is_weekday);
    }

    /// All of it but the first reading, with questions on the way.
    fn live(&self, usual: &mut Usual, naive: &Naive) {
        let day = self.day;
        for &(slot, load) in &self.loads {
            if slot > 0 {
                self.first_reading(usual, (slot, load));
            }
            usual.take(POINT, at(day, slot).plus(SLOT_US - 1), load + 1.0, &is_weekday);
            if slot % 7 == 5 {
                let expected = [(What::Usual, naive.usual(day, slot)), (What::UsualMad, naive.usual_mad(day, slot))];
                for (what, expected) in expected {
                    let found = asked(usual, what.clone(), at(day, slot));
                    assert_eq!(bits(found), bits(expected), "{what:?} of day {day} slot {slot}");
                }
            }
            if slot < self.frozen {
                usual.freeze(POINT, at(day, slot), false);
            }
        }
    }
}

/// Ten weeks with gaps, standstills, alarms and restarts: slots are asked of while they last, days once they are over.
fn live_through(seed: u64) -> usize {
    let mut dice = Dice(seed);
    let (mut usual, mut naive) = (new(), Naive::default());
    let stories: Vec<Story> = (20_000..20_070).map(|day| Story::new(&mut dice, day)).collect();
    let mut answers = 0;
    stories[0].first_reading(&mut usual, stories[0].loads[0]);
    for pair in stories.windows(2) {
        let (today, next) = (&pair[0], &pair[1]);
        today.live(&mut usual, &naive);
        next.first_reading(&mut usual, next.loads[0]);
        let day = today.day;
        for (what, expected) in [
            (What::UsualDay, naive.usual_day(day)),
            (What::DaysBelow, naive.below(day, false)),
            (What::WorkdaysBelow, naive.below(day, true)),
            (What::UsualMax, largest(&naive, day)),
            (What::CurveCorr, correlation(&naive, day, &today.loads)),
        ] {
            let found = asked(&usual, what.clone(), at(day, 0));
            assert_eq!(bits(found), bits(expected), "seed {seed} {what:?} of day {day}");
            answers += usize::from(!found.is_nan());
        }
        keep(&mut naive, day, &today.loads, today.frozen);
        if dice.roll(3) == 0 {
            usual = restored(&usual);
        }
    }
    answers
}

fn keep(naive: &mut Naive, day: i32, today: &[(usize, f64)], frozen: usize) {
    let whole = today.len() >= 90;
    let mean = today.iter().map(|(_, value)| value).sum::<f64>() / today.len() as f64;
    let is_standstill = whole && mean < naive.usual_day(day) * 0.1;
    for (slot, value) in today {
        naive.slots.push((day, *slot, *value, is_standstill || *slot < frozen));
    }
    if whole {
        naive.days.push((day, mean, is_standstill || frozen > 24));
    }
}

fn largest(naive: &Naive, day: i32) -> f64 {
    let known: Vec<f64> = (0..SLOTS).map(|slot| naive.usual(day, slot)).filter(|usual| !usual.is_nan()).collect();
    if known.len() < 90 { f64::NAN } else { sorted(known).pop().expect("ninety of them") }
}

fn correlation(naive: &Naive, day: i32, today: &[(usize, f64)]) -> f64 {
    let pairs: Vec<(f64, f64)> = today.iter().map(|(slot, value)| (*value, naive.usual(day, *slot))).collect();
    let pairs: Vec<(f64, f64)> = pairs.into_iter().filter(|(_, usual)| !usual.is_nan()).collect();
    if pairs.len() < 90 { f64::NAN } else { numbers::correlation(&pairs).unwrap_or(f64::NAN) }
}

#[test]
fn a_baseline_is_what_one_that_keeps_everything_says() {
    let answers: usize = (0..12).map(live_through).sum();
    assert!(answers > 12 * 5 * 50, "only {answers} answers were numbers");
}

/// A quarter-hour meter for some days, its load by slot.
fn run(usual: &mut Usual, days: std::ops::Range<i32>, load: &dyn Fn(usize) -> f64, is_frozen: bool) {
    for day in days {
        for slot in 0..SLOTS {
            usual.take(POINT, at(day, slot), load(slot), &is_weekday);
            if is_frozen {
                usual.freeze(POINT, at(day, slot), false);
            }
        }
    }
}

#[test]
fn what_an_alarm_stands_on_does_not_become_usual_until_it_is_over() {
    let mut usual = new();
    // A Monday.
    let monday = 20_003;
    assert!(is_weekday(Day(monday)) && !is_weekday(Day(monday - 1)));
    run(&mut usual, monday..monday + 14, &|_| 100.0, false);
    let noon = |day| at(day, 48);
    run(&mut usual, monday + 14..monday + 21, &|_| 200.0, true);
    run(&mut usual, monday + 21..monday + 22, &|_| 200.0, false);
    assert_eq!(asked(&usual, What::Usual, noon(monday + 21)), 100.0, "a week under alarm is not usual");
    assert_eq!(asked(&usual, What::UsualDay, noon(monday + 21)), 100.0);
    run(&mut usual, monday + 22..monday + 33, &|_| 200.0, false);
    assert_eq!(asked(&usual, What::Usual, noon(monday + 32)), 200.0, "after it, it becomes so");
}

#[test]
fn too_little_is_nothing() {
    let mut usual = new();
    let monday = 20_003;
    let all = [What::Usual, What::UsualMad, What::UsualMax, What::UsualDay, What::DaysBelow, What::CurveCorr];
    run(&mut usual, monday..monday + 3, &|slot| slot as f64, false);
    for what in &all {
        assert!(asked(&usual, what.clone(), at(monday + 2, 9)).is_nan(), "{what:?}: only two days before it");
    }
    run(&mut usual, monday + 3..monday + 4, &|slot| slot as f64, false);
    let told: Vec<f64> = all.iter().map(|what| asked(&usual, what.clone(), at(monday + 3, 9))).collect();
    assert_eq!(told[..5], [9.0, 0.0, 95.0, 47.5, 0.0]);
    // Friday is not over, and Saturday is a day of another type.
    run(&mut usual, monday + 4..monday + 5, &|slot| slot as f64, false);
    assert!(asked(&usual, What::CurveCorr, at(monday + 4, 0)) > 0.999_999);
    run(&mut usual, monday + 5..monday + 6, &|slot| slot as f64, false);
    assert!(asked(&usual, What::Usual, at(monday + 5, 9)).is_nan());
    // A point that nobody asks of is not remembered.
    usual.take(PointId(0), at(monday, 0), 1.0, &is_weekday);
    assert_eq!(usual.points.len(), 1);
}

#[test]
fn a_load_that_never_changes_has_no_shape() {
    let mut usual = new();
    run(&mut usual, 20_003..20_008, &|_| 7.0, false);
    assert!(asked(&usual, What::CurveCorr, at(20_006, 0)).is_nan());
}

#[test]
fn a_point_takes_less_than_ten_kilobytes() {
    let mut usual = new();
    run(&mut usual, 20_000..20_200, &|slot| slot as f64, false);
    let bytes = postcard::to_stdvec(&usual).expect("plain data").len();
    assert!(bytes < 10_000, "{bytes}");
    assert!(bytes > 7_680, "two types of day, 96 slots, ten means of four bytes: {bytes}");
    println!("{bytes} bytes a point");
}

#[test]
fn the_next_day_waits_for_what_is_said_of_the_last() {
    let mut usual = new();
    usual.show(POINT, at(5, 3));
    assert!(!usual.must_wait(POINT, at(5, 47)) && !usual.must_wait(PointId(2), at(6, 0)));
    assert!(usual.must_wait(POINT, at(5, 48)) && usual.must_wait(POINT, at(6, 0)));
    usual.show(POINT, at(4, 0));
    assert!(!usual.must_wait(POINT, at(5, 47)));
    usual.judged();
    assert!(!usual.must_wait(POINT, Micros(7 * DAY_US)));
}
