//! What the readings lane costs outside the database: the effects of a step encoded for the spool, and read back by the
//! projector, 1,000 and 20,000 rows. One element is one row. COPY itself needs a server and is not here. Pure but for
//! the loading of the district.

use alerting::effect::StoredReadings;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use davy_benches::district::{District, view_of};
use davy_benches::traffic::Traffic;
use ingest::codec::encode_readings;
use ingest::store::lane::LaneRecord;
use std::hint::black_box;

fn projecting(c: &mut Criterion) {
    let mut state = District::load().in_force();
    let mut traffic = Traffic::of(&view_of(&state));
    let mut group = c.benchmark_group("projection");
    // A record at rest, and one of the size that drains a backlog.
    for batches in [1, 20] {
        let mut batch = traffic.batch(50);
        batch.inputs.extend((1..batches).flat_map(|_| traffic.batch(50).inputs));
        let readings = state.step(state.seq() + 1, &batch).readings;
        let rows = readings.fast.len();
        assert_eq!((rows, readings.late.len()), (batches * 1_000, 0), "every reading is newer than its point's last");
        let payload = encode_readings(&readings);
        println!("projection/{rows}: {} bytes a record", payload.len());
        let record = LaneRecord { seq: state.seq(), journal_crc: 0, payload };
        assert_eq!(read(&record), readings, "what goes in comes out");
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::new("encode", rows), &readings, |b, readings| {
            b.iter(|| encode_readings(black_box(readings)));
        });
        group.bench_with_input(BenchmarkId::new("decode", rows), &record, |b, record| {
            b.iter(|| read(black_box(record)));
        });
    }
    group.finish();
}

fn read(record: &LaneRecord) -> StoredReadings {
    record.readings().unwrap_or_else(|e| panic!("the record does not decode: {e}"))
}

criterion_group!(benches, projecting);
criterion_main!(benches);
