//! What durability costs: records of 1, 100 and 1,000 messages encoded, appended and fdatasynced, one after the other,
//! by one thread, as the loop does it. One element is one message. I/O: a journal below the build directory.

use alerting::input::{Batch, Input};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use davy_benches::district::{District, START, view_of};
use davy_benches::traffic::message;
use ingest::codec;
use ingest::delivery::{Delivery, Record};
use ingest::disk::RealDisk;
use ingest::journal::{Journal, JournalOptions, LogError};
use std::path::{Path, PathBuf};

/// As in `deploy/davy.toml`.
const SEGMENT_BYTES: u64 = 64 << 20;
/// A gateway's usual message.
const MESSAGE_READINGS: usize = 10;

fn keeping(c: &mut Criterion) {
    let delivery = message(&view_of(&District::load().in_force()), MESSAGE_READINGS);
    let mut group = c.benchmark_group("journal");
    for messages in [1, 100, 1_000] {
        let record = record(&delivery, messages);
        // In the build directory, because /tmp may be memory, and memory makes nothing durable.
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-journal-{}", std::process::id()));
        let mut journal = done(open(dir.clone()));
        group.throughput(Throughput::Elements(messages as u64));
        group.bench_function(BenchmarkId::from_parameter(messages), |b| {
            b.iter(|| done(keep(&mut journal, &record)));
        });
        println!("journal/{messages}: {} bytes a record", codec::encode_record(&record).len());
        drop(journal);
        if let Err(e) = std::fs::remove_dir_all(&dir) {
            panic!("cannot remove {}: {e}", dir.display());
        }
    }
    group.finish();
}

fn open(dir: PathBuf) -> Result<Journal<RealDisk>, LogError> {
    let options = JournalOptions { segment_bytes: SEGMENT_BYTES, new_journal_id: "bench".to_owned(), created: START };
    Journal::open(RealDisk, dir, options).map(|(journal, _)| journal)
}

/// Keeps one record. Full segments are given up, so that a long measurement does not fill the disk.
fn keep(journal: &mut Journal<RealDisk>, record: &Record) -> Result<u32, LogError> {
    let seq = journal.head() + 1;
    let crc = journal.append(seq, &codec::encode_record(record))?;
    journal.sync()?;
    if journal.segments().len() > 1 {
        journal.drop_before(seq)?;
    }
    Ok(crc)
}

fn record(delivery: &Delivery, messages: usize) -> Record {
    Batch { now: START, inputs: (0..messages).map(|_| Input::Delivery(delivery.clone())).collect() }
}

fn done<T>(result: Result<T, LogError>) -> T {
    result.unwrap_or_else(|e| panic!("the journal failed: {e}"))
}

criterion_group!(benches, keeping);
criterion_main!(benches);
