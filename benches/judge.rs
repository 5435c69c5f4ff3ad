//! What a verdict costs: the condition of each rule of the seed packs over frames of 1,000 rows that alarm nobody.
//! One element is one row. Pure but for the loading of the district.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use davy_benches::district::District;
use rules::judge::{Frame, Program, Verdict};
use rules::registry::LimitName;
use rules::rule::Column;
use std::hint::black_box;

const ROWS: u32 = 1_000;

fn judging(c: &mut Criterion) {
    let district = District::load();
    let mut group = c.benchmark_group("judge");
    group.throughput(Throughput::Elements(u64::from(ROWS)));
    for rule in district.rules.rules() {
        let frame = quiet_frame(&rule.when);
        let mut verdicts = Vec::new();
        rule.when.judge(&frame, &mut verdicts);
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Quiet), "{} is not quiet", rule.id);
        group.bench_with_input(BenchmarkId::from_parameter(&rule.id), &frame, |b, frame| {
            b.iter(|| {
                verdicts.clear();
                rule.when.judge(black_box(frame), &mut verdicts);
                verdicts.len()
            });
        });
    }
    group.finish();
}

/// Rows as an ordinary day brings them: conditions that stop at their first half do so here as they do there.
fn quiet_frame(program: &Program) -> Frame {
    let mut frame = Frame::for_program(program);
    for n in 0..ROWS {
        let row: Vec<f64> = program.columns().iter().map(|column| quiet_value(column, n)).collect();
        frame.push_row(&row);
    }
    frame
}

fn quiet_value(column: &Column, n: u32) -> f64 {
    match column.inner() {
        // Below 1, which is what the switches of HC-29 fire at, and below every upper limit.
        Column::Value => f64::from(n % 100) / 128.0,
        Column::Bad | Column::Tag(_) | Column::RangeLo => 0.0,
        Column::Limit(LimitName::Ll) => -20.0,
        Column::Limit(LimitName::L) => -10.0,
        Column::Limit(LimitName::H) => 80.0,
        Column::Limit(LimitName::Hh) => 90.0,
        Column::RangeHi => 100.0,
        Column::Period => 10.0,
        Column::Age => f64::from(n % 30),
        // A past in which nothing has happened.
        Column::Past(_) | Column::Around(_) | Column::Held(_) | Column::Or(..) => 0.0,
        // No status, no role; limits that nothing reaches.
        Column::Fact(fact) => {
            if fact.is_bool() {
                0.0
            } else {
                1e6
            }
        }
    }
}

criterion_group!(benches, judging);
criterion_main!(benches);
