//! Silence made a deadline: an absence condition is true from some age on, and that age is found once for each
//! point, so that nobody has to ask again and again. Must not know points or clocks. Pure.

use crate::fact::Fact;
use crate::judge::{Frame, Program, Verdict};
use crate::registry::{LimitName, Limits};
use crate::rule::Column;

/// Ages are looked for in this span; nobody waits longer for a sensor.
pub(crate) const AGE_MAX_MS: i64 = 30 * 24 * 3_600 * 1_000;

/// Sampling periods, in seconds, at which a condition is tried at load: from fast gas heads to daily meters.
const PERIODS_S: [f64; 8] = [1.0, 5.0, 10.0, 60.0, 900.0, 3_600.0, 43_200.0, 86_400.0];
/// Stands for a limit that only points carry.
const LIMIT_SAMPLE: f64 = 120.0;
/// Stand for what the registry says: no and yes, best and worst.
const FACT_SAMPLES: [f64; 3] = [0.0, 1.0, 5.0];

/// What an absence condition reads beside `age()`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Silence<'a> {
    /// Seconds; NaN where the point has none.
    pub period_s: f64,
    pub limits: Limits,
    pub facts: &'a [(Fact, f64)],
}

/// Why a condition on `age()` makes no deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoDeadline {
    /// True the moment a reading arrives.
    AtOnce,
    /// Not true within 30 days of silence.
    Never,
    /// True at one age and false at a greater one.
    NotMonotone {
        true_ms: i64,
        false_ms: i64,
    },
    Fails(String),
}

/// The least age in milliseconds at which the condition is true, by bisection.
pub(crate) fn least_age_ms(program: &Program, silence: &Silence) -> Result<i64, NoDeadline> {
    if fires(program, silence, 0)? {
        return Err(NoDeadline::AtOnce);
    }
    if !fires(program, silence, AGE_MAX_MS)? {
        return Err(NoDeadline::Never);
    }
    let (mut quiet, mut firing) = (0_i64, AGE_MAX_MS);
    while firing.saturating_sub(quiet) > 1 {
        let middle = quiet.midpoint(firing);
        if fires(program, silence, middle)? {
            firing = middle;
        } else {
            quiet = middle;
        }
    }
    Ok(firing)
}

/// Tries the condition over ages, periods and limits: once true it must stay true as the silence grows.
pub(crate) fn check_monotone(program: &Program, defaults: &Limits) -> Result<(), NoDeadline> {
    let mut limits = *defaults;
    for name in LimitName::ALL {
        limits.set(name, limits.get(name).or(Some(LIMIT_SAMPLE)));
    }
    let mut ever = false;
    for sample in FACT_SAMPLES {
        let facts: Vec<(Fact, f64)> = facts_of(program).map(|fact| (fact.clone(), sample)).collect();
        for period_s in PERIODS_S {
            ever |= fires_for_good(program, &Silence { period_s, limits, facts: &facts })?;
        }
        if facts.is_empty() {
            break;
        }
    }
    if ever { Ok(()) } else { Err(NoDeadline::Never) }
}

/// Whether the condition is true at some age; then it must be at all greater ones, and not at none.
fn fires_for_good(program: &Program, silence: &Silence) -> Result<bool, NoDeadline> {
    let ages = sample_ages(silence.period_s);
    let mut fired: Option<i64> = None;
    for (age_ms, fires) in ages.iter().zip(fires_at(program, silence, &ages)?) {
        match (fires, fired) {
            (true, None) if *age_ms == 0 => return Err(NoDeadline::AtOnce),
            (true, None) => fired = Some(*age_ms),
            (false, Some(true_ms)) => return Err(NoDeadline::NotMonotone { true_ms, false_ms: *age_ms }),
            (true, Some(_)) | (false, None) => {}
        }
    }
    Ok(fired.is_some())
}

fn facts_of(program: &Program) -> impl Iterator<Item = &Fact> + '_ {
    program.columns().iter().filter_map(|column| match column {
        Column::Fact(fact) => Some(fact),
        _ => None,
    })
}

/// Ages in rising order: every second of the first hour, then steps of 1 %; and the multiples of the period.
fn sample_ages(period_s: f64) -> Vec<i64> {
    let mut ages: Vec<i64> = (0..=3_600).map(|second: i64| second.saturating_mul(1_000)).collect();
    let mut age: i64 = 3_600_000;
    while age < AGE_MAX_MS {
        ages.push(age);
        age = age.saturating_add(age / 100);
    }
    ages.extend((1..=20).map(|n| (period_s * 1_000.0 * f64::from(n)) as i64).filter(|age| *age < AGE_MAX_MS));
    ages.push(AGE_MAX_MS);
    ages.sort_unstable();
    ages
}

fn fires(program: &Program, silence: &Silence, age_ms: i64) -> Result<bool, NoDeadline> {
    Ok(fires_at(program, silence, &[age_ms])?.contains(&true))
}

fn fires_at(program: &Program, silence: &Silence, ages_ms: &[i64]) -> Result<Vec<bool>, NoDeadline> {
    let mut frame = Frame::for_program(program);
    for age_ms in ages_ms {
        let row: Vec<f64> = program.columns().iter().map(|column| input(column, silence, *age_ms)).collect();
        frame.push_row(&row);
    }
    let mut verdicts = Vec::new();
    program.judge(&frame, &mut verdicts);
    let fires = |verdict| match verdict {
        Verdict::Fires(_) => Ok(true),
        Verdict::Quiet => Ok(false),
        Verdict::Fails(reason) => Err(NoDeadline::Fails(reason)),
        Verdict::Missing => Err(NoDeadline::Fails("an input is missing".to_owned())),
    };
    verdicts.into_iter().map(fires).collect()
}

fn input(column: &Column, silence: &Silence, age_ms: i64) -> f64 {
    match column {
        // Exact: 30 days in milliseconds are far below 2^53.
        Column::Age => age_ms as f64 / 1_000.0,
        Column::Period => silence.period_s,
        Column::Limit(name) => silence.limits.get(*name).unwrap_or(f64::NAN),
        Column::Fact(fact) => {
            let known = silence.facts.iter().find(|(known, _)| known == fact);
            known.map_or(f64::NAN, |(_, value)| *value)
        }
        // The loader lets no absence condition read these.
        Column::Value
        | Column::Bad
        | Column::RangeLo
        | Column::RangeHi
        | Column::Tag(_)
        | Column::Past(_)
        | Column::Around(_)
        | Column::Held(_)
        | Column::Or(..) => f64::NAN,
    }
}

impl std::fmt::Display for NoDeadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoDeadline::AtOnce => f.write_str("is true the moment a reading arrives"),
            NoDeadline::Never => f.write_str("is not true within 30 days of silence"),
            NoDeadline::NotMonotone { true_ms, false_ms } => {
                let (from, to) = (*true_ms as f64 / 1_000.0, *false_ms as f64 / 1_000.0);
                write!(f, "is true at an age of {from} s and false again at {to} s")
            }
            NoDeadline::Fails(reason) => write!(f, "cannot be evaluated: {reason}"),
        }
    }
}
