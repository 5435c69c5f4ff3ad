//! What the fold costs: batches of 1,000 readings over all points of the seed district, on an ordinary day, as messages
//! of 1 and of 50 readings. Classifying, judging by all rules and the readings lane are in it. One element is one
//! reading. Pure but for the loading of the district.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use davy_benches::district::{District, view_of};
use davy_benches::traffic::{BATCH_READINGS, Traffic};

fn stepping(c: &mut Criterion) {
    let district = District::load();
    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH_READINGS as u64));
    for message in [1, 50] {
        let mut state = district.in_force();
        let mut traffic = Traffic::of(&view_of(&state));
        let mut seq = state.seq();
        group.bench_function(BenchmarkId::from_parameter(message), |b| {
            // Each batch is new, so that every reading is newer than the last of its point and is judged.
            b.iter_batched_ref(
                || traffic.batch(message),
                |batch| {
                    seq += 1;
                    state.step(seq, batch)
                },
                BatchSize::SmallInput,
            );
        });
        assert_eq!(state.open_len(), 0, "an ordinary day has no alarms");
        println!("step/{message}: {} points, {} rule instances", traffic.points(), state.binding().instances.len());
    }
    group.finish();
}

criterion_group!(benches, stepping);
criterion_main!(benches);
