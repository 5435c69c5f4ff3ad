//! The archive's care: rollups that are right whenever they are asked, also for late readings; old days dropped without
//! `store verify` losing count; closed days compacted. Against a real database. I/O.

use crate::place::{Place, R, SECOND, T0, r, readings};
use ingest::pace::Standing;
use ingest::store::caretaker::{Caretaker, Settings};
use ingest::store::lane::{Archive, Lane};
use ingest::store::progress::Progress;
use ingest::store::verify::verify;
use rules::reading::Micros;
use std::time::Duration;

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn caretaker(place: &Place, retention_us: i64) -> Caretaker {
    let every = Duration::from_secs(60);
    Caretaker::new(place.connection("davy_writer"), Settings { every, compact_after_us: 2 * HOUR, retention_us })
}

/// What the rollups must say, from the readings alone.
const FROM_READINGS: &str = "SELECT p.point, date_bin('1 minute', event_time, '2000-01-01'), count(*), \
    count(*) FILTER (WHERE quality = 0), min(value), max(value), sum(value), (array_agg(value ORDER BY event_time DESC))[1] \
    FROM reading r JOIN point p ON p.id = r.point GROUP BY 1, 2 ORDER BY 1, 2";
const ROLLED: &str =
    "SELECT point, bucket, count, good_count, min, max, avg * used_count, last FROM rollup_1m_v ORDER BY 1, 2";

fn buckets(place: &Place, width: &str) -> String {
    place.sql(&format!(
        "SELECT count(*), sum(b.count), min(b.min), max(b.max), sum(b.sum) FROM point p, davy_buckets(p.id, \
         timestamptz '2025-11-23 00:00+00', timestamptz '2025-11-24 00:00+00', interval '{width}') b WHERE p.point = 'p0'"
    ))
}

#[tokio::test]
async fn rollups_are_right_before_between_and_after_the_rounds() {
    let Some(place) = Place::plain().await else { return };
    place.with_points(2).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    // T0 is 12:13:20 UTC: 5,000 s cross two hours.
    let fast: Vec<R> =
        (0..5_000_i32).flat_map(|i| [0, 1].map(|p| r(p, T0 + i64::from(i) * SECOND, f64::from(i)))).collect();
    let applied = archive.apply(&position, &[readings(2, &fast, &[])]).await.unwrap();
    // 12:13 to 13:36: 84 minutes, 2 hours; nothing is rolled up yet, and all of it is there.
    let sum = 4_999 * 5_000 / 2;
    assert_eq!(place.sql("SELECT count(DISTINCT bucket) FROM rollup_dirty"), "84");
    assert_eq!(buckets(&place, "1 minute"), format!("84|5000|0|4999|{sum}"));
    assert_eq!(buckets(&place, "1 hour"), format!("2|5000|0|4999|{sum}"));
    let mut caretaker = caretaker(&place, 400 * DAY);
    let care = caretaker.care();
    // Now is 13:40: the first hour is over, the second is not.
    caretaker.round(Micros(T0 + 5_200 * SECOND)).await.unwrap();
    assert_eq!((care.borrow().minutes, care.borrow().hours, care.borrow().pending_minutes), (84, 1, 0));
    assert_eq!(place.sql(FROM_READINGS), place.sql(ROLLED));
    assert_eq!(place.sql("SELECT count(*), sum(count) FROM reading_1h"), "2|5600");
    assert_eq!(buckets(&place, "1 minute"), format!("84|5000|0|4999|{sum}"));
    assert_eq!(buckets(&place, "1 hour"), format!("2|5000|0|4999|{sum}"));
    // Late ones for the closed hour: one new maximum, one known already; right before the next round and after it.
    let late = [r(0, T0 + SECOND / 2, 9_000.0), r(0, T0 + SECOND, 1.0)];
    let applied = archive.apply(&applied.position, &[readings(3, &[], &late)]).await.unwrap();
    assert_eq!((applied.counts.late_inserted, applied.counts.late_duplicate), (1, 1));
    let wanted = format!("84|5001|0|9000|{}", sum + 9_000);
    assert_eq!(buckets(&place, "1 minute"), wanted);
    assert_eq!(buckets(&place, "1 hour"), wanted.replace("84|", "2|"));
    caretaker.round(Micros(T0 + 3 * HOUR)).await.unwrap();
    assert_eq!(
        place.sql("SELECT (SELECT count(*) FROM rollup_dirty), (SELECT count(*) FROM rollup_dirty_hour)"),
        "0|0"
    );
    assert_eq!(place.sql(FROM_READINGS), place.sql(ROLLED));
    assert_eq!(buckets(&place, "1 minute"), wanted);
    assert_eq!(buckets(&place, "1 hour"), wanted.replace("84|", "2|"));
    assert_eq!(place.sql("SELECT max(max), sum(count) FROM reading_1h"), "9000|10001");
}

#[tokio::test]
async fn what_is_bad_is_counted_and_does_not_bend_the_rest() {
    let Some(place) = Place::plain().await else { return };
    place.with_points(1).await;
    place.sql("SELECT davy_ensure_day('2025-11-23')");
    place.sql(
        "INSERT INTO reading SELECT id, '2025-11-23 12:00:01+00', v, q, NULL, now(), 0 FROM point, \
         (VALUES (1.0, 0), (2.0, 1), (1e9, 2)) x(v, q); INSERT INTO rollup_dirty VALUES ('2025-11-23 12:00+00')",
    );
    caretaker(&place, 400 * DAY).round(Micros(T0)).await.unwrap();
    let rolled = place.sql("SELECT count, good_count, used_count, min, max, avg FROM rollup_1m_v");
    assert_eq!(rolled, "3|1|2|1|2|1.5");
}

#[tokio::test]
async fn old_days_go_closed_days_are_compacted_and_nothing_loses_count() {
    let Some(place) = Place::plain().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let rows: Vec<R> = (0..100_i32).map(|i| r(0, T0 + i64::from(i) * DAY, 1.0)).collect();
    let applied = archive.apply(&position, &[readings(2, &rows, &[])]).await.unwrap();
    let now = Micros(T0 + 99 * DAY + HOUR);
    let mut caretaker = caretaker(&place, 30 * DAY);
    let care = caretaker.care();
    // However much is due, and however often one looks: two days of readings go, the rest waits for the next day.
    for _ in 0..3 {
        caretaker.round(now).await.unwrap();
    }
    assert_eq!((place.count("reading"), care.borrow().dropped), (98, 2));
    // Nor does a new process begin to count anew.
    self::caretaker(&place, 30 * DAY).round(now).await.unwrap();
    assert_eq!(place.count("reading"), 98);
    place.sql("UPDATE retention_drop SET at = at - interval '21 hours'");
    let doubt = Standing { now, wall: Micros(now.0 + 2 * HOUR), follows: false };
    caretaker.round_by(doubt).await.unwrap();
    assert_eq!(place.count("reading"), 98, "nothing goes by a clock in doubt");
    for _ in 0..100 {
        place.sql("UPDATE retention_drop SET at = at - interval '21 hours'");
        caretaker.round(now).await.unwrap();
    }
    // Kept: 30 whole days, the one under way, and the one that lies on the border.
    assert_eq!(place.count("reading"), 31);
    assert_eq!(place.sql("SELECT count(*), sum(rows) FROM retention_drop"), "69|69");
    // Of the months of rollups, two tables each, those that lie before the border entirely.
    assert_eq!(place.sql("SELECT to_regclass('reading_1m_202511'), to_regclass('reading_1h_202511')"), "|");
    let kept = "SELECT count(*) FROM compacted k WHERE to_regclass('public.' || k.part) IS NOT NULL";
    assert_eq!(place.sql(kept), "30", "{:?}", care.borrow());
    let report = verify(&mut place.client("davy_read").await).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    // A reading of a dropped day makes it anew.
    let applied = archive.apply(&applied.position, &[readings(3, &[], &[r(0, T0, 2.0)])]).await.unwrap();
    assert_eq!((applied.counts.late_inserted, applied.counts.rejected), (1, 0));
}

#[tokio::test]
async fn a_caretaker_that_cannot_says_so_and_goes_on_by_itself() {
    let Some(place) = Place::plain().await else { return };
    place.sql("ALTER FUNCTION davy_compact(timestamptz) RENAME TO gone");
    place.sql("INSERT INTO rollup_dirty VALUES ('2025-11-23 12:00+00')");
    let mut caretaker = caretaker(&place, 400 * DAY);
    let care = caretaker.care();
    assert!(caretaker.round(Micros(T0)).await.is_err());
    assert!(care.borrow().problem.contains("davy_compact"), "{:?}", care.borrow());
    // What comes before and after the step that fails has had its turn.
    assert_eq!((care.borrow().minutes, care.borrow().done_us), (1, None));
    place.sql("ALTER FUNCTION gone(timestamptz) RENAME TO davy_compact");
    caretaker.round(Micros(T0)).await.unwrap();
    assert_eq!((care.borrow().problem.as_str(), care.borrow().done_us), ("", Some(T0)));
}

/// What is true on every tier.
#[tokio::test]
async fn whoever_keeps_the_rollups_they_agree_with_the_readings() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let fast: Vec<R> = (0..40_000_i32).map(|i| r(0, T0 + i64::from(i) * SECOND / 20, f64::from(i))).collect();
    let applied = archive.apply(&position, &[readings(2, &fast, &[])]).await.unwrap();
    let late = [r(0, T0 + SECOND / 40, -1.0), r(0, T0, 0.0)];
    let applied = archive.apply(&applied.position, &[readings(3, &[], &late)]).await.unwrap();
    assert_eq!((applied.counts.late_inserted, applied.counts.late_duplicate), (1, 1));
    let wanted = format!("40001|-1|39999|{}", 39_999_i64 * 40_000 / 2 - 1);
    for _ in 0..2 {
        for width in ["1 minute", "1 hour"] {
            let told = buckets(&place, width);
            assert!(told.ends_with(&wanted), "{width}: {told}");
        }
        caretaker(&place, 400 * DAY).round(Micros(T0 + 2 * DAY)).await.unwrap();
    }
    let report = verify(&mut place.client("davy_read").await).await.unwrap();
    assert!(report.is_sound() && report.readings == 40_001, "{report:?}");
}

#[tokio::test]
async fn the_writer_cares_through_functions_alone() {
    let Some(place) = Place::plain().await else { return };
    let writer = place.client("davy_writer").await;
    for forbidden in
        ["DELETE FROM rollup_dirty", "INSERT INTO reading_1m SELECT 1, now(), 1, 1, 1", "SELECT davy_fit()"]
    {
        assert!(writer.batch_execute(forbidden).await.is_err(), "the writer could: {forbidden}");
    }
    let reader = place.client("davy_read").await;
    assert!(reader.batch_execute("SELECT davy_retain(now())").await.is_err());
    reader
        .batch_execute("SELECT * FROM rollup_1m_v; SELECT * FROM rollup_1h_v; SELECT * FROM retention_drop")
        .await
        .unwrap();
}

#[tokio::test]
async fn the_lane_of_the_readings_goes_first_within_a_round_too() {
    let Some(place) = Place::plain().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    archive.apply(&position, &[readings(2, &[r(0, T0, 1.0)], &[])]).await.unwrap();
    let (lag, lane) = tokio::sync::watch::channel(Progress::new(Lane::Readings));
    let mut caretaker = caretaker(&place, 400 * DAY).giving_way_to(lane);
    let care = caretaker.care();
    let now = Micros(T0 + 2 * DAY);
    lag.send_modify(|lane| lane.lag = 1_000);
    for _ in 0..15 {
        caretaker.round(now).await.unwrap();
        assert_eq!((care.borrow().minutes, care.borrow().compacted), (0, 0));
    }
    assert_eq!(care.borrow().gave_way, 15);
    // Not for ever; but what takes minutes waits.
    caretaker.round(now).await.unwrap();
    assert_eq!((care.borrow().minutes, care.borrow().compacted, care.borrow().gave_way), (1, 0, 15));
    lag.send_modify(|lane| lane.lag = 1);
    caretaker.round(now).await.unwrap();
    assert_eq!((care.borrow().compacted, care.borrow().gave_way), (0, 15));
    lag.send_modify(|lane| lane.lag = 0);
    caretaker.round(now).await.unwrap();
    assert_eq!(care.borrow().compacted, 1);
}
