//! Migrations and SQL on a real TimescaleDB, compiled to WebAssembly: what is true there of columnstore, continuous
//! aggregates, the late path and refusals. Direct COPY is not: COPY FROM STDIN ends that build. I/O.

use crate::place::{JOURNAL, SECOND, T0, business, numbering, ours};
use alerting::effect::NO_TIME;
use davy_tests::pglite::Pglite;
use davy_tests::suite;
use ingest::store::archive::PostgresArchive;
use ingest::store::capability::{Parts, Rollups, Tier, detect};
use ingest::store::error::StoreError;
use ingest::store::lane::{Archive, Lane};
use ingest::store::late;
use ingest::store::migrate::{Migrated, migrate, version_wanted};
use ingest::store::probe::{self, Landed};
use ingest::store::query::{Reader, Span};
use ingest::store::readings::Row;
use ingest::store::refusal::{Ours, Refusal};
use ingest::store::verify::verify;
use rules::reading::Micros;
use tokio_postgres::Client;

/// One story, because there is one connection and one database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_timescaledb_takes_migrations_late_readings_and_care() {
    let pglite = match Pglite::start() {
        Ok(pglite) => pglite,
        Err(why) => return suite::skip("store", "pglite", &why),
    };
    suite::ran("store", "pglite");
    let to = version_wanted();
    assert_eq!(migrated(&pglite).await, Migrated { from: 0, to });
    assert_eq!(migrated(&pglite).await, Migrated { from: to, to }, "again, and the columnstore is set again");
    let client = pglite.client().await.unwrap();
    the_table_is_what_the_tier_needs(&client).await;
    drop(client);
    lanes_are_claimed_and_refused(&pglite).await;
    let mut client = pglite.client().await.unwrap();
    late_readings_are_stored_once(&mut client).await;
    the_archive_is_cared_for(&mut client).await;
    the_proof_of_direct_writing_sees_both_fates(&mut client).await;
    drop(client);
    let reader = Reader::new(pglite.connection());
    let span = Span { from: Micros(T0), to: Micros(T0 + 3_600 * SECOND), limit: 10_000 };
    // The connection of the former client may not have ended yet.
    let told = loop {
        match reader.buckets(["e1", "p0"], &span, 60 * SECOND).await {
            Err(StoreError::Wait(text)) if text.contains("127.0.0.1") => tokio::task::yield_now().await,
            told => break told.unwrap(),
        }
    };
    assert_eq!(told.what.iter().map(|bucket| bucket.count).sum::<u64>(), 601);
    let rows = reader.readings(["e1", "p0"], &span, Some(60 * SECOND)).await.unwrap().what;
    assert!(rows.len() <= 22 && rows.iter().any(|row| row.value == 9_000.0), "{rows:?}");
}

async fn migrated(pglite: &Pglite) -> Migrated {
    // Waits for its turn.
    drop(pglite.client().await.unwrap());
    let mut last = None;
    for _ in 0..100 {
        match migrate(&pglite.connection()).await {
            Ok(done) => return done,
            Err(e) => last = Some(e),
        }
        tokio::task::yield_now().await;
    }
    panic!("{last:?}");
}

async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e}")).get(0)
}

async fn the_table_is_what_the_tier_needs(client: &Client) {
    let found = detect(client).await.unwrap();
    assert_eq!((found.tier, found.parts, found.rollups), (Tier::Columnstore, Parts::Chunks, Rollups::Aggregates));
    assert_eq!(found.licence.as_deref(), Some("timescale"), "{found:?}");
    let settings = "SELECT format('%s|%s|%s', hypertable, coalesce(segmentby, ''), orderby) \
                    FROM timescaledb_information.hypertable_columnstore_settings WHERE hypertable::text = 'reading'";
    assert_eq!(text(client, settings).await, "reading||point,event_time");
    // Neither a unique index nor the one on time that create_hypertable adds by itself: each costs COPY a factor.
    let indexes = "SELECT string_agg(indexname, ',' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'reading'";
    assert_eq!(text(client, indexes).await, "reading_time,reading_unbelieved");
    let aggregates = "SELECT string_agg(view_name || materialized_only, ',' ORDER BY view_name::text) \
                      FROM timescaledb_information.continuous_aggregates";
    assert_eq!(text(client, aggregates).await, "reading_1hfalse,reading_1mfalse");
}

async fn lanes_are_claimed_and_refused(pglite: &Pglite) {
    let mut archive = PostgresArchive::new(pglite.connection(), Lane::Business);
    let position = loop {
        match archive.claim(&ours()).await {
            Err(StoreError::Wait(text)) if text.contains("127.0.0.1") => tokio::task::yield_now().await,
            claimed => break claimed.unwrap(),
        }
    };
    let applied = archive.apply(&position, &[business(1, numbering(2))]).await.unwrap();
    assert_eq!(applied.counts.effects, 2);
    drop(archive);
    let mut stranger = PostgresArchive::new(pglite.connection(), Lane::Business);
    let theirs = Ours { journal_id: "journal-b", ..ours() };
    let refused = loop {
        match stranger.claim(&theirs).await {
            Err(StoreError::Wait(text)) if text.contains("127.0.0.1") => tokio::task::yield_now().await,
            claimed => break claimed,
        }
    };
    let stored = JOURNAL.to_owned();
    assert_eq!(refused, Err(StoreError::Refuse(Refusal::OtherJournal { stored, ours: "journal-b".to_owned() })));
}

fn row(second: i64, value: f64, device: bool) -> Row {
    let event_us = T0 + second * SECOND;
    let device_us = if device { event_us } else { NO_TIME };
    let (seq, index, number, quality, flags) = (2, 0, 0, 0, u8::from(!device));
    Row { seq, index, number, point: 1, event_us, value, device_us, received_us: event_us, quality, flags }
}

async fn late_readings_are_stored_once(client: &mut Client) {
    let rows: Vec<Row> = (0..600).map(|i| row(i, 1.0, i % 3 != 0)).collect();
    assert_eq!(insert(client, &rows).await, 600);
    assert_eq!(insert(client, &rows).await, 0, "all of them are known");
    // Columns now, and the same again: what lies in the columnstore is found as well.
    let compacted = text(client, "SELECT coalesce(davy_compact('2025-11-25 00:00+00'), 'nothing')").await;
    assert!(compacted.contains("_hyper_"), "{compacted}");
    assert_eq!(insert(client, &rows).await, 0);
    assert_eq!(insert(client, &[row(30, 9_000.0, true), row(31, 1.0, true)]).await, 1);
}

/// The look behind the proof, with a direct INSERT in place of the COPY that this build has not: in silence into rows
/// while there are continuous aggregates (before 2.24), into columns without them.
async fn the_proof_of_direct_writing_sees_both_fates(client: &mut Client) {
    const ROWS: usize = 20_000;
    for without_aggregates in [false, true] {
        let tx = client.transaction().await.unwrap();
        if without_aggregates {
            tx.batch_execute("DROP MATERIALIZED VIEW reading_1h CASCADE").await.unwrap();
            tx.batch_execute("DROP MATERIALIZED VIEW reading_1m CASCADE").await.unwrap();
        }
        let insert = "SET LOCAL timescaledb.enable_direct_compress_insert = on; \
                      INSERT INTO reading SELECT 1 + i % 500, timestamptz '1970-01-02 12:00+00' + i * interval '1 ms', \
                      i, 0, NULL, now(), 0 FROM generate_series(0, 19999) i";
        tx.batch_execute(insert).await.unwrap();
        let landed = probe::look(&tx, ROWS).await.unwrap();
        let rows = i64::try_from(ROWS).unwrap();
        assert_eq!(landed, if without_aggregates { Landed::Columnstore } else { Landed::Rows { rows } });
        tx.rollback().await.unwrap();
    }
}

async fn insert(client: &mut Client, rows: &[Row]) -> u64 {
    let tx = client.transaction().await.unwrap();
    let inserted = late::insert(&tx, rows).await.unwrap();
    tx.commit().await.unwrap();
    inserted
}

async fn the_archive_is_cared_for(client: &mut Client) {
    // A late row made the chunk partial: it is compacted again, and then there is nothing left to do.
    for wanted in [true, false] {
        let compacted = text(client, "SELECT coalesce(davy_compact('2025-11-25 00:00+00'), '')").await;
        assert_eq!(!compacted.is_empty(), wanted, "{compacted}");
    }
    let sum = "SELECT format('%s|%s|%s|%s', sum(count), sum(used_count), min(min), max(max)) FROM ";
    // Before the refresh the aggregates answer from the readings, after it from what is materialized.
    assert_eq!(text(client, &format!("{sum} rollup_1m_v")).await, "601|601|1|9000");
    for aggregate in ["reading_1m", "reading_1h"] {
        client.batch_execute(&format!("CALL refresh_continuous_aggregate('{aggregate}', NULL, NULL)")).await.unwrap();
        assert_eq!(text(client, &format!("{sum} {aggregate}")).await, "601|601|1|9000");
    }
    let buckets = format!("{sum} davy_buckets(1, '2025-11-23 00:00+00', '2025-11-24 00:00+00', ");
    for width in ["1 minute", "10 minutes", "1 hour", "6 hours"] {
        assert_eq!(text(client, &format!("{buckets} '{width}')")).await, "601|601|1|9000", "{width}");
    }
    let rolled = "SELECT format('%s|%s', davy_rollup(60), davy_rollup_hours(now(), 24))";
    assert_eq!(text(client, rolled).await, "0|0", "TimescaleDB keeps the rollups");
    // Two chunks; the older goes with its age.
    insert(client, &[row(86_400 * 3, 5.0, true)]).await;
    let dropped = "SELECT coalesce(davy_retain('2025-11-25 00:00+00'), 'nothing')";
    let kept = "SELECT count(*)::text FROM reading";
    client.batch_execute("BEGIN").await.unwrap();
    assert!(text(client, dropped).await.contains("_hyper_"));
    assert_eq!(text(client, dropped).await, "nothing");
    assert_eq!(text(client, kept).await, "1");
    assert_eq!(text(client, "SELECT sum(rows)::text FROM retention_drop").await, "601");
    client.batch_execute("ROLLBACK").await.unwrap();
    let report = verify(client).await.unwrap();
    // Written past the lanes, so nothing is booked: that, and only that, is found.
    assert_eq!((report.readings, report.problems.len()), (602, 1), "{report:?}");
    client.batch_execute("DELETE FROM reading WHERE event_time > '2025-11-25 00:00+00'").await.unwrap();
}
