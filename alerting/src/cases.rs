//! Cases: what a rule must do, written by hand beside it as `.cases` and run through the very fold that judges live.
//! Used by `davy rules test` and by the test suite. Must not know files or clocks. Pure.

mod every;
mod parse;
mod plant;
mod play;
mod stage;

use rules::registry::Registry;
use rules::set::RuleSet;
use std::sync::Arc;

/// A case that did what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub rule: String,
    pub case: String,
    /// Where the case begins, from 1.
    pub line: usize,
}

/// A line that cannot be read, or a case that did something else. Displays as `file:line: problem`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {}{problem}", self.case.as_ref().map(|name| format!("case `{name}`: ")).unwrap_or_default())]
pub struct Failure {
    pub file: String,
    pub line: usize,
    pub case: Option<String>,
    pub problem: String,
}

/// Runs all cases of one file. `registry` gives the tag types that cases may name, nothing else of it is used.
/// A file that cannot be read gives a failure for each mistake and runs nothing.
///
/// ```text
/// rule HC-11                                  # the rule all cases of the file are about
///
/// case fires after its delay and comes back below the limit minus 5
///   point G-1 gas.lel period=5s range=0..100  # the points of the case, in the district of the case alone
///   at 0s  G-1 10.0                           # received 0 s after the points came into service
///   at 10s G-1 52.0
///   expect 12s raise orange limit=50          # every transition of the rule, in order; one more or less fails
///   at 20s G-1 44.9
///   expect 30s return
/// ```
///
/// * `point ID TAG [period=5s] [range=0..100] [dead_band=2] [ll= l= h= hh=] [equipment=E-1] [required=false]
///   [substance=chlorine oel=1.0 toxic=true]`; points with a period are required by default
/// * `equipment ID [hazard_level=1..4] [role=production] [rated_kw=400] [sector=dust] [height_m=12] [rated_a=80] [loc=11]
///   [mec=30] [pair=F-2]`
/// * `enterprise [status=closed] [sectors=electricity,dust] [idle_kw=20 production_kw=500] [shifts=08:00-16:00,16:00-00:00]
///   [plan_radius_m=500] [target=school:90:400]... [off=2025-01-02,2025-01-03] [worked=2025-01-04]`; shifts with a `+` behind
///   them are on days off too; without `off` and `worked` every Monday to Friday is a working day
/// * `at TIME POINT VALUE [q=good|uncertain|bad] [device=TIME|none]`; the device's time is the receive time by default
/// * `every STEP from TIME to TIME [between 08:00 18:00] POINT VALUE [else VALUE]`: a good reading every so often, the end
///   not included; of the local day's hours only, `else` in the others
/// * `at TIME ack|reset [OBJECT]`, `at TIME link down|up`: a person signs or resets, the broker goes and comes
/// * `at TIME override POINT hh=30|none`: two people set a limit of a point, or take it back
/// * `at TIME file KIND OBJECT from=TIME to=TIME [kw=300]`: work is filed for a point, for some equipment or for the whole
///   `enterprise`; KIND is one of those that `filed("…")` knows
/// * `expect TIME suppress|release SEVERITY`: filed work silences an alarm, or is over before the breach is
/// * `expect TIME raise|again|severity SEVERITY`, `expect TIME return [closed]`, `expect TIME ack [closed]`,
///   `expect TIME latch`, `expect TIME reset`, each with
///   `[on OBJECT] [value= worst= limit= count= since=]`; `again` is a breach under the same number, `closed` says that
///   the alarm is over for good
/// * `expect none`: no transition; `expect unbound`: the rule does not watch these points at all
/// * `until TIME`: time runs on so far; by default until the rule's longest delay after the last line has passed
///
/// Times are `200ms`, `10s`, `2m`, `1.5h`, `1d` or sums such as `14d6h15m`. Each case is run twice, one record a line and all in one record: both
/// must do the same.
#[must_use]
pub fn run(file: &str, text: &str, rules: &Arc<RuleSet>, registry: &Registry) -> Vec<Result<Passed, Failure>> {
    let failure = |line, case, problem| Failure { file: file.to_owned(), line, case, problem };
    let cases = match parse::parse(text) {
        Ok(cases) => cases,
        Err(faults) => {
            return faults.into_iter().map(|fault| Err(failure(fault.line, None, fault.problem))).collect();
        }
    };
    let run_one = |case: &parse::Case| {
        let name = case.name.clone();
        match play::play(case, &cases.rule, rules, registry) {
            Ok(()) => Ok(Passed { rule: cases.rule.clone(), case: name, line: case.line }),
            Err(fault) => Err(failure(fault.line, Some(name), fault.problem)),
        }
    };
    cases.cases.iter().map(run_one).collect()
}
