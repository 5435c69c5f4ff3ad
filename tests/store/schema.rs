//! Migrations, roles and partitions: who may do what, and what happens twice.
//! Against a real PostgreSQL. I/O.

use crate::place::{Place, SECOND, T0, ours, r, readings};
use ingest::store::capability::{Tier, detect};
use ingest::store::caretaker::{Caretaker, Settings};
use ingest::store::error::StoreError;
use ingest::store::lane::{Archive, Lane};
use ingest::store::migrate::{MigrateError, Migrated, migrate, version_wanted};
use rules::reading::Micros;
use std::time::Duration;

#[tokio::test]
async fn migrations_run_once_and_must_not_change() {
    let Some(place) = Place::bare() else { return };
    let unmigrated = place.archive(Lane::Readings).claim(&ours()).await;
    assert!(
        matches!(unmigrated, Err(StoreError::Wait(ref text)) if text.contains("run davy migrate")),
        "{unmigrated:?}"
    );
    let owner = place.connection("davy_owner");
    let to = version_wanted();
    assert_eq!(migrate(&owner).await.unwrap(), Migrated { from: 0, to });
    assert_eq!(migrate(&owner).await.unwrap(), Migrated { from: to, to });
    place.sql("UPDATE migration SET checksum = 'x' WHERE version = 1");
    assert!(matches!(migrate(&owner).await, Err(MigrateError::Changed { name }) if name == "0001_business.sql"));
    place.sql("DELETE FROM migration WHERE version = 1; INSERT INTO migration VALUES (99, 'x', 'x')");
    assert!(matches!(migrate(&owner).await, Err(MigrateError::Newer { found: 99, .. })));
    let newer = place.archive(Lane::Readings).claim(&ours()).await;
    assert!(matches!(newer, Err(StoreError::Wait(ref text)) if text.contains("newer davy")), "{newer:?}");
}

#[tokio::test]
async fn an_archive_from_before_the_rollups_is_rolled_up_as_well() {
    let Some(model) = Place::plain().await else { return };
    let Some(place) = Place::bare() else { return };
    let known = model.sql("SELECT format('(%s, %L, %L)', version, name, checksum) FROM migration WHERE version < 3");
    let owner = place.client("davy_owner").await;
    for file in [
        include_str!("../../ingest/src/store/migrations/0001_business.sql"),
        include_str!("../../ingest/src/store/migrations/0002_readings.sql"),
    ] {
        owner.batch_execute(file).await.unwrap();
    }
    owner
        .batch_execute(&format!(
            "CREATE TABLE migration (version int4 PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, \
             applied_at timestamptz NOT NULL DEFAULT now()); INSERT INTO migration (version, name, checksum) VALUES {}; \
             SELECT davy_ensure_day('2025-11-23'); INSERT INTO point (enterprise, point) VALUES ('e1', 'p0'); \
             INSERT INTO reading SELECT 1, t, 1, 0, NULL, now(), 0 \
             FROM generate_series(timestamptz '2025-11-23 12:00+00', '2025-11-23 12:59+00', '1 minute') t",
            known.replace('\n', ",")
        ))
        .await
        .unwrap();
    assert_eq!(migrate(&place.connection("davy_owner")).await.unwrap(), Migrated { from: 2, to: version_wanted() });
    let settings = Settings { every: Duration::from_secs(60), compact_after_us: 0, retention_us: 1 << 60 };
    let mut caretaker = Caretaker::new(place.connection("davy_writer"), settings);
    caretaker.round(Micros(T0 + 7_200 * SECOND)).await.unwrap();
    assert_eq!(place.sql("SELECT (SELECT sum(count) FROM rollup_1m_v), (SELECT sum(count) FROM rollup_1h_v)"), "60|60");
}

#[tokio::test]
async fn two_migrations_at_once_wait_for_each_other() {
    let Some(place) = Place::bare() else { return };
    let owner = place.connection("davy_owner");
    let (a, b) = tokio::join!(migrate(&owner), migrate(&owner));
    let to = version_wanted();
    let mut from = [a.unwrap().from, b.unwrap().from];
    from.sort_unstable();
    assert_eq!(from, [0, to]);
}

#[tokio::test]
async fn bootstrap_again_changes_nothing() {
    let Some(place) = Place::bare() else { return };
    place.cluster.bootstrap().unwrap();
    assert_eq!(
        place.cluster.sql("davy", "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'davy'").unwrap(),
        "davy_owner"
    );
    assert_eq!(place.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'davy_%' AND rolsuper"), "0");
}

#[tokio::test]
async fn the_roles_may_do_what_they_must_and_no_more() {
    let Some(place) = Place::new().await else { return };
    let writer = place.client("davy_writer").await;
    for forbidden in [
        "DELETE FROM alarm_event",
        "UPDATE alarm_event SET alarm = 1",
        "DELETE FROM reading",
        "UPDATE reading SET value = 1",
        "UPDATE quarantine SET reason = ''",
        "CREATE TABLE public.mine (a int)",
        "UPDATE migration SET checksum = ''",
    ] {
        assert!(writer.batch_execute(forbidden).await.is_err(), "the writer could: {forbidden}");
    }
    let reader = place.client("davy_read").await;
    for forbidden in ["INSERT INTO point (enterprise, point) VALUES ('a', 'b')", "SELECT davy_ensure_day('2025-01-01')"]
    {
        assert!(reader.batch_execute(forbidden).await.is_err(), "the reader could: {forbidden}");
    }
    reader.batch_execute("SELECT * FROM readings_v; SELECT * FROM alarm; SELECT * FROM projection").await.unwrap();
}

#[tokio::test]
async fn partitions_are_made_as_days_come_and_made_again_when_dropped() {
    let Some(place) = Place::plain().await else { return };
    place.with_points(1).await;
    assert_eq!(detect(&place.client("davy_read").await).await.unwrap().tier, Tier::Plain);
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let day = 86_400 * SECOND;
    let midnight = T0 - T0 % day;
    let edge = [r(0, midnight - 1, 1.0), r(0, midnight, 2.0), r(0, midnight + day - 1, 3.0)];
    let applied = archive.apply(&position, &[readings(2, &edge, &[])]).await.unwrap();
    assert_eq!(place.sql("SELECT count(*) FROM reading_20251122"), "1");
    assert_eq!(place.sql("SELECT count(*) FROM reading_20251123"), "2");
    place.sql("DROP TABLE reading_20251123");
    let more = [readings(3, &[r(0, midnight + day - 2, 4.0)], &[r(0, midnight + 5, 4.0)])];
    let applied = archive.apply(&applied.position, &more).await.unwrap();
    assert_eq!((applied.counts.rejected, applied.counts.fast, applied.counts.late_inserted), (0, 1, 1));
    assert_eq!(place.sql("SELECT count(*) FROM reading_20251123"), "2");
}
