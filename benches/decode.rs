//! What it costs to read a message: bytes to readings under the registry of the seed district, messages of 1 and of 50
//! readings. One element is one reading. Pure but for the loading of the district.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use davy_benches::district::{District, view_of};
use davy_benches::traffic::message;
use ingest::decode::decode;
use std::hint::black_box;

fn decoding(c: &mut Criterion) {
    let view = view_of(&District::load().in_force());
    let mut group = c.benchmark_group("decode");
    for readings in [1, 50] {
        let delivery = message(&view, readings);
        let decoded = decode(&delivery, &view);
        assert_eq!((decoded.readings.len(), decoded.rejects.len()), (readings, 0), "{:?}", decoded.rejects);
        group.throughput(Throughput::Elements(readings as u64));
        group.bench_with_input(BenchmarkId::from_parameter(readings), &delivery, |b, delivery| {
            b.iter(|| decode(black_box(delivery), &view));
        });
    }
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
