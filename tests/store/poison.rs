//! Effects that PostgreSQL refuses for ever: set aside alone, the rest goes on.
//! Against a real PostgreSQL. I/O.

use crate::place::{Place, R, T0, alarm, business, change, numbering, r, readings};
use alerting::alarm::{AlarmState, Cause};
use alerting::effect::{Business, Columns};
use ingest::store::lane::{Archive, Lane};
use ingest::store::verify::verify;
use rules::reading::PointId;
use rules::view::PointKey;

#[tokio::test]
async fn one_bad_row_among_many_is_found_and_kept_as_bytes() {
    let Some(place) = Place::new().await else { return };
    place.with_points(3).await;
    place.sql("ALTER TABLE reading ADD CHECK (value <> 666)");
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let mut fast: Vec<R> = (0..1000).map(|i| r(0, T0 + i, 1.0)).collect();
    fast[617].value = 666.0;
    let late = [r(1, T0, 1.0), r(1, T0, 666.0), r(1, T0 + 1, 1.0)];
    let applied =
        archive.apply(&position, &[readings(2, &fast, &late), readings(3, &[r(2, T0, 1.0)], &[])]).await.unwrap();
    assert_eq!((applied.counts.fast, applied.counts.late_inserted, applied.counts.rejected), (1000, 2, 2));
    assert!(applied.rejected.unwrap().contains("23514"));
    assert_eq!(place.count("reading"), 1002);
    assert_eq!(
        place.sql("SELECT lane, seq, idx, sqlstate FROM projection_rejected ORDER BY idx"),
        "readings|2|617|23514\nreadings|2|1001|23514"
    );
    let kept: Vec<u8> = place
        .client("davy_read")
        .await
        .query_one("SELECT payload FROM projection_rejected WHERE idx = 617", &[])
        .await
        .unwrap()
        .get(0);
    let kept: Columns = postcard::from_bytes(&kept).unwrap();
    assert_eq!((kept.point, kept.value, kept.event_us), (vec![0], vec![666.0], vec![T0 + 617]));
    let report = verify(&mut place.client("davy_read").await).await.unwrap();
    assert!(report.is_sound() && report.rejected == 2, "{report:?}");
}

#[tokio::test]
async fn a_bad_alarm_does_not_stop_the_others() {
    let Some(place) = Place::new().await else { return };
    place.sql("ALTER TABLE alarm ADD CHECK (id <> 5)");
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let raised = |id| change(AlarmState::Normal, alarm(id, AlarmState::Unacknowledged), Cause::Raised);
    let applied = archive.apply(&position, &[business(1, (0..10).map(raised).collect())]).await.unwrap();
    assert_eq!((applied.counts.effects, applied.counts.rejected), (9, 1));
    assert_eq!((place.count("alarm"), place.count("alarm_event")), (9, 9));
    let kept: Vec<u8> =
        place.client("davy_read").await.query_one("SELECT payload FROM projection_rejected", &[]).await.unwrap().get(0);
    assert_eq!(postcard::from_bytes::<Business>(&kept).unwrap(), raised(5));
}

#[tokio::test]
async fn a_point_whose_key_cannot_be_stored_does_not_hold_up_readings() {
    let Some(place) = Place::new().await else { return };
    place.sql("ALTER TABLE point ADD CHECK (point <> 'p1')");
    let (mut archive, position) = place.claimed(Lane::Business).await;
    let nul = PointKey { enterprise: "e1".to_owned(), point: "p\0x".to_owned() };
    let mut effects = numbering(3);
    effects.push(Business::PointNumbered { point: PointId(3), key: nul });
    let applied = archive.apply(&position, &[business(1, effects)]).await.unwrap();
    assert_eq!((applied.counts.effects, applied.counts.rejected), (3, 1));
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let rows = [r(0, T0, 1.0), r(1, T0, 1.0), r(2, T0, 1.0), r(3, T0, 1.0)];
    let years_away = R { event: i64::MAX, ..r(0, T0, 2.0) };
    let applied = archive.apply(&position, &[readings(2, &rows, &[years_away])]).await.unwrap();
    assert_eq!((applied.counts.fast, applied.counts.rejected), (3, 2));
    assert_eq!(place.sql("SELECT point FROM readings_v ORDER BY 1"), "p0\np2\np\u{2400}x");
}
