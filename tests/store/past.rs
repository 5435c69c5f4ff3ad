//! The past of a point from two places, while the database is behind, away, or somebody else's: no row twice, none
//! missing at the seam. Against a real database and a simulated disk. I/O.

use crate::place::{JOURNAL, Place, R, SECOND, T0, crc, r, readings};
use crate::shed::{append, drain, projector, spool};
use davy_tests::disk::SimDisk;
use ingest::spool::Spool;
use ingest::store::caretaker::{Caretaker, Settings};
use ingest::store::past::Detail;
use ingest::store::seam::{Ask, Seam, Told};
use rules::reading::Micros;
use std::sync::Arc;
use std::time::Duration;

fn seam(place: &Place, spool: &Spool<SimDisk>, journal: &'static str) -> Seam<SimDisk> {
    Seam::new(place.connection("davy_read"), spool.tail(), Arc::new(move || journal.to_owned()))
}

fn ask(detail: Detail) -> Ask {
    let (from, to) = (Micros(T0), Micros(T0 + 3_600 * SECOND));
    Ask { enterprise: "e1".into(), point: "p0".into(), number: 0, from, to, limit: 100_000, detail }
}

fn seconds(told: &Told) -> Vec<i64> {
    told.rows.iter().map(|row| (row.event_time.0 - T0) / SECOND).collect()
}

fn put(spool: &mut Spool<SimDisk>, seq: u64, fast: &[R], late: &[R]) {
    spool.append(seq, crc(seq), &readings(seq, fast, late).payload).unwrap();
}

#[tokio::test]
async fn each_reading_is_told_once_wherever_the_database_stands() {
    let Some(place) = Place::new().await else { return };
    place.with_points(2).await;
    let mut spool = spool();
    let seam = seam(&place, &spool, JOURNAL);
    let every = ask(Detail::Every);
    append(&mut spool, 2..=50);
    // Nothing applied: all of it out of the spool.
    let told = seam.past(&every).await.unwrap();
    assert_eq!(seconds(&told), (2..=50).collect::<Vec<_>>());
    assert_eq!(told.sources.applied_seq, None, "the lane has no journal yet, and its position no meaning");
    let mut lane = projector(&place, &spool);
    drain(&mut lane).await;
    append(&mut spool, 51..=80);
    // A reading of another point, and two late ones: one is stored already, one is new.
    put(&mut spool, 81, &[r(1, T0 + 81 * SECOND, 1.0)], &[r(0, T0 + 7 * SECOND, 1.0), r(0, T0 + 7 * SECOND, 2.0)]);
    let told = seam.past(&every).await.unwrap();
    let mut wanted: Vec<i64> = (2..=80).chain([7]).collect();
    wanted.sort_unstable();
    assert_eq!(seconds(&told), wanted);
    let sources = &told.sources;
    assert_eq!((sources.applied_seq, sources.spool_after_seq, sources.spool_to_seq), (Some(50), 50, 81));
    assert!(sources.complete && sources.problem.is_empty(), "{sources:?}");
    drain(&mut lane).await;
    let told = seam.past(&every).await.unwrap();
    assert_eq!(seconds(&told), wanted, "the same, now all of it from the database");
    assert_eq!(told.sources.applied_seq, Some(81));
    // What is applied may leave the spool; nothing changes.
    spool.drop_through(81).unwrap();
    assert_eq!(seconds(&seam.past(&every).await.unwrap()), wanted);
    // Cut off at the limit, the beginning is told.
    let few = Ask { limit: 3, ..every };
    assert_eq!(seconds(&seam.past(&few).await.unwrap()), [2, 3, 4]);
}

#[tokio::test]
async fn at_every_position_while_the_database_follows() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let mut spool = spool();
    append(&mut spool, 2..=400);
    let seam = Arc::new(seam(&place, &spool, JOURNAL));
    let mut lane = projector(&place, &spool);
    let asking = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.last() != Some(&Some(400)) {
            let told = seam.past(&ask(Detail::Every)).await.unwrap();
            assert_eq!(seconds(&told), (2..=400).collect::<Vec<_>>(), "{:?}", told.sources);
            seen.push(told.sources.applied_seq);
        }
        seen
    });
    drain(&mut lane).await;
    let seen = tokio::time::timeout(Duration::from_secs(60), asking).await.expect("within a minute").unwrap();
    assert!(!seen.is_empty());
}

#[tokio::test]
async fn without_the_database_the_spool_answers_and_says_so() {
    let Some(place) = Place::new().await else { return };
    let mut spool = spool();
    append(&mut spool, 2..=40);
    let mut nowhere = place.connection("davy_read");
    nowhere.port = 1;
    let seam = Seam::new(nowhere, spool.tail(), Arc::new(|| JOURNAL.to_owned()));
    let told = seam.past(&ask(Detail::Every)).await.unwrap();
    assert_eq!(seconds(&told), (2..=40).collect::<Vec<_>>());
    let sources = &told.sources;
    assert!(sources.applied_seq.is_none() && !sources.complete && !sources.problem.is_empty(), "{sources:?}");
    let told = seam.past(&ask(Detail::Buckets(60 * SECOND))).await.unwrap();
    assert_eq!(told.buckets.iter().map(|b| b.count).sum::<u64>(), 39);
}

#[tokio::test]
async fn another_journals_position_is_not_believed() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let mut spool = spool();
    append(&mut spool, 2..=30);
    drain(&mut projector(&place, &spool)).await;
    append(&mut spool, 31..=40);
    let told = seam(&place, &spool, "journal-b").past(&ask(Detail::Every)).await.unwrap();
    assert_eq!(seconds(&told), (2..=40).collect::<Vec<_>>());
    assert!(told.sources.problem.contains(JOURNAL), "{:?}", told.sources);
}

#[tokio::test]
async fn thinned_out_extremes_stay_on_both_sides_of_the_seam() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let mut spool = spool();
    let value = |i: i32| f64::from(i % 50);
    let rows = |from: i32, to: i32| -> Vec<R> {
        (from..to).filter(|i| !(600..1_200).contains(i)).map(|i| r(0, T0 + i64::from(i) * SECOND, value(i))).collect()
    };
    let mut stored = rows(0, 1_800);
    stored[100].value = 777.0;
    put(&mut spool, 2, &stored, &[]);
    drain(&mut projector(&place, &spool)).await;
    let mut waiting = rows(1_800, 3_000);
    waiting[10].value = -5.0;
    put(&mut spool, 3, &waiting, &[]);
    let seam = seam(&place, &spool, JOURNAL);
    let every = seam.past(&ask(Detail::Every)).await.unwrap();
    assert_eq!(every.rows.len(), 2_400);
    let sampled = seam.past(&ask(Detail::Sampled(100 * SECOND))).await.unwrap();
    assert!(sampled.rows.len() <= 2 * 24 && sampled.rows.iter().all(|row| every.rows.contains(row)));
    let extremes = |rows: &[ingest::store::query::StoredReading]| {
        rows.iter().fold((f64::MAX, f64::MIN), |(low, high), row| (low.min(row.value), high.max(row.value)))
    };
    assert_eq!((extremes(&sampled.rows), extremes(&every.rows)), ((-5.0, 777.0), (-5.0, 777.0)));
    let gap = |row: &&ingest::store::query::StoredReading| (600..1_200).contains(&((row.event_time.0 - T0) / SECOND));
    assert_eq!(sampled.rows.iter().filter(gap).count(), 0, "gaps stay gaps");
    // Buckets, before and after the rollup: the same.
    let before = seam.past(&ask(Detail::Buckets(60 * SECOND))).await.unwrap().buckets;
    let settings = Settings { every: Duration::from_secs(60), compact_after_us: 0, retention_us: 1 << 60 };
    Caretaker::new(place.connection("davy_writer"), settings).round(Micros(T0 + 7_200 * SECOND)).await.unwrap();
    let after = seam.past(&ask(Detail::Buckets(60 * SECOND))).await.unwrap().buckets;
    assert_eq!(before, after);
    assert_eq!(after.iter().map(|b| b.count).sum::<u64>(), 2_400);
    let extremes = after
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), b| (low.min(b.min.unwrap_or(low)), high.max(b.max.unwrap_or(high))));
    assert_eq!(extremes, (-5.0, 777.0));
    // T0 is 20 s after a whole minute: ten empty minutes, less the two that are touched.
    assert_eq!(after.len(), 51 - 9, "{after:?}");
}
