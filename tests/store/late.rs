//! Late readings: compared with what is stored, whatever the order and however they are cut into transactions.
//! Against a real PostgreSQL. I/O.

use crate::place::{Place, R, SECOND, T0, ours, r, readings};
use alerting::effect::{FLAG_NO_DEVICE_TIME, FLAG_UNBELIEVED};
use ingest::store::lane::{Archive, Counts, Lane, Position};
use ingest::store::verify::verify;
use std::collections::BTreeSet;

const HOUR: i64 = 3_600 * SECOND;

#[tokio::test]
async fn the_same_reading_is_stored_once_whichever_way_it_comes() {
    let Some(place) = Place::new().await else { return };
    place.with_points(2).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let known = [r(0, T0, 1.0), r(1, T0, 1.0)];
    // Twice in one batch, stored already in the same chunk, another value at the same time, another point.
    let late = [r(0, T0, 1.0), r(0, T0 - 5, 2.0), r(0, T0 - 5, 2.0), r(0, T0, 2.0), r(1, T0, 2.0), r(1, T0, 1.0)];
    let applied = archive.apply(&position, &[readings(2, &known, &[]), readings(3, &[], &late)]).await.unwrap();
    assert_eq!(applied.counts, Counts { fast: 2, late_inserted: 3, late_duplicate: 3, ..Counts::default() });
    let applied = archive.apply(&applied.position, &[readings(4, &[], &late)]).await.unwrap();
    assert_eq!(applied.counts, Counts { late_duplicate: 6, ..Counts::default() });
    assert_eq!(place.count("reading"), 5);
    assert!(verify(&mut place.client("davy_read").await).await.unwrap().is_sound());
}

#[tokio::test]
async fn readings_without_a_believed_time_are_found_again() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let ahead = T0 + 70 * SECOND;
    let unbelieved = R { device: Some(ahead), event: T0, received: T0, value: 1.0, point: 0, flags: FLAG_UNBELIEVED };
    let timeless = R { device: None, flags: FLAG_NO_DEVICE_TIME, ..unbelieved };
    let applied = archive.apply(&position, &[readings(2, &[unbelieved, timeless], &[])]).await.unwrap();
    // Sent again: received later and still not believed; then later still, and believed; then a time of its own.
    let later = R { event: T0 + 5 * SECOND, received: T0 + 5 * SECOND, ..unbelieved };
    let believed = R { event: ahead, received: T0 + 20 * SECOND, flags: 0, ..unbelieved };
    let other = R { device: Some(ahead + 1), ..later };
    let same_timeless = timeless;
    let new_timeless = R { event: T0 + 1, received: T0 + 1, ..timeless };
    let late = [later, believed, other, same_timeless, new_timeless];
    let applied = archive.apply(&applied.position, &[readings(3, &[], &late)]).await.unwrap();
    assert_eq!(applied.counts, Counts { late_inserted: 2, late_duplicate: 3, ..Counts::default() });
    let applied = archive.apply(&applied.position, &[readings(4, &[], &late)]).await.unwrap();
    assert_eq!(applied.counts, Counts { late_duplicate: 5, ..Counts::default() });
    assert!(verify(&mut place.client("davy_read").await).await.unwrap().is_sound());
}

#[tokio::test]
async fn records_of_a_fold_that_did_not_know_the_database_are_compared() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let (mut archive, position) = place.claimed(Lane::Readings).await;
    let rows: Vec<R> = (0..50).map(|i| r(0, T0 + i * SECOND, 1.0)).collect();
    archive.apply(&position, &[readings(2, &rows, &[])]).await.unwrap();
    place.sql("UPDATE projection SET applied_seq = 0, record_crc = NULL, late_until = 3 WHERE lane = 'readings'");
    let position = archive.claim(&ours()).await.unwrap();
    assert_eq!((position.applied_seq, position.late_until), (0, 3));
    let chunk = [
        readings(2, &rows, &[]),
        readings(3, &[r(0, T0 + 90 * SECOND, 1.0)], &[]),
        readings(4, &[r(0, T0 + 99 * SECOND, 1.0)], &[]),
    ];
    let applied = archive.apply(&position, &chunk).await.unwrap();
    assert_eq!(applied.counts, Counts { fast: 1, late_inserted: 1, late_duplicate: 50, ..Counts::default() });
    assert_eq!(place.count("reading"), 52);
}

/// Repeatable and simple: splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// Back-fill over two days, oldest first, newest first and mixed, with repetitions, in chunks of any size: the archive
/// holds the set of what was sent.
#[tokio::test]
async fn back_fill_in_any_order_leaves_the_set_of_what_was_sent() {
    let Some(place) = Place::new().await else { return };
    place.with_points(20).await;
    let (mut archive, mut position) = place.claimed(Lane::Readings).await;
    let mut dice = Dice(7);
    let mut expected = BTreeSet::new();
    let mut sent = 0_u64;
    let mut counts = Counts::default();
    let mut seq = 1;
    for round in 0..30_i64 {
        let mut chunk = Vec::new();
        for _ in 0..=dice.roll(4) {
            let order = dice.roll(3);
            let mut batch: Vec<R> = (0..200)
                .map(|i| {
                    let offset = i64::try_from(dice.roll(48 * 60)).unwrap() * 60 * SECOND;
                    let at = if order == 2 { T0 - offset } else { T0 - HOUR * (round % 5) - i * 7 * SECOND };
                    r(u32::try_from(dice.roll(20)).unwrap(), at, f64::from(u32::try_from(dice.roll(3)).unwrap()))
                })
                .collect();
            if order == 1 {
                batch.reverse();
            }
            sent += 200;
            expected.extend(batch.iter().map(|r| (r.point, r.device, r.value.to_bits())));
            seq += 1;
            chunk.push(readings(seq, &[], &batch));
        }
        let applied = archive.apply(&position, &chunk).await.unwrap();
        counts.add(&applied.counts);
        position = Position { ..applied.position };
    }
    assert_eq!(place.count("reading"), expected.len() as u64);
    assert_eq!(counts.late_inserted, expected.len() as u64);
    assert_eq!(counts.late_inserted + counts.late_duplicate, sent);
    assert!(verify(&mut place.client("davy_read").await).await.unwrap().is_sound());
}
