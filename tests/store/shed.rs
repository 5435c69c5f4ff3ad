//! History given up for want of room: a gap that the archive records, whether it was away or only slow; anything else
//! that is missing is still refused. Against a real database and a simulated disk. I/O.

use crate::place::{JOURNAL, Journal, Place, SECOND, T0, business, crc, memory_path, numbering, r, readings};
use davy_tests::disk::SimDisk;
use ingest::spool::{Spool, SpoolTail};
use ingest::store::archive::PostgresArchive;
use ingest::store::lane::Lane;
use ingest::store::memory::Memory;
use ingest::store::projector::{Advance, Doors, Projector};
use ingest::store::verify::verify;
use std::sync::Arc;

pub type Lane1 = Projector<PostgresArchive, SpoolTail<SimDisk>>;

/// Segments of ten records or so.
pub fn spool() -> Spool<SimDisk> {
    Spool::open(SimDisk::default(), "/d/spool/readings".into(), 1_000, 0).unwrap()
}

pub fn append(spool: &mut Spool<SimDisk>, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        let record = readings(seq, &[r(0, T0 + i64::try_from(seq).unwrap() * SECOND, 1.0)], &[]);
        spool.append(seq, crc(seq), &record.payload).unwrap();
    }
}

pub fn projector(place: &Place, spool: &Spool<SimDisk>) -> Lane1 {
    let memory = Arc::new(Memory::open(&memory_path()));
    let (archive, backlog, evidence) = (place.archive(Lane::Readings), spool.tail(), Journal::new(JOURNAL, 1_000_000));
    Projector::new(Lane::Readings, Doors { archive, backlog, evidence, memory })
}

pub async fn drain(projector: &mut Lane1) -> Advance {
    loop {
        match projector.advance().await {
            Advance::Applied => {}
            other => return other,
        }
    }
}

fn gaps(place: &Place) -> String {
    place.sql("SELECT lane, from_seq, to_seq FROM projection_gap ORDER BY id")
}

/// Everything stored, and nothing twice.
async fn stored(place: &Place) -> u64 {
    let report = verify(&mut place.client("davy_read").await).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    report.readings
}

#[tokio::test]
async fn what_went_while_the_database_was_away_is_a_gap_and_the_rest_is_stored() {
    let Some(place) = Place::new().await else { return };
    let mut lane = place.projector(
        Lane::Business,
        &crate::place::Spool::with(vec![business(1, numbering(1))]),
        &Journal::new(JOURNAL, 1_000_000),
        &Arc::new(Memory::open(&memory_path())),
    );
    crate::place::drain(&mut lane).await;
    let mut spool = spool();
    append(&mut spool, 2..=20);
    assert_eq!(drain(&mut projector(&place, &spool)).await, Advance::Idle);
    assert_eq!(stored(&place).await, 19);
    // Away from here on.
    append(&mut spool, 21..=120);
    while spool.base() < 60 {
        spool.shed(20, 120).unwrap().unwrap();
    }
    let base = spool.base();
    let mut back = projector(&place, &spool);
    assert_eq!(drain(&mut back).await, Advance::Idle);
    assert_eq!(gaps(&place), format!("readings|21|{base}"));
    assert_eq!(stored(&place).await, 19 + (120 - base));
    // The lane is up and stands at the end; the next life finds nothing to complain of.
    assert_eq!(back.progress().borrow().applied_seq, 120);
    assert_eq!(drain(&mut projector(&place, &spool)).await, Advance::Idle);
    assert_eq!(gaps(&place), format!("readings|21|{base}"));
}

#[tokio::test]
async fn what_went_under_a_running_projection_is_never_passed_over_in_silence() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let mut spool = spool();
    append(&mut spool, 2..=10);
    let mut slow = projector(&place, &spool);
    assert_eq!(drain(&mut slow).await, Advance::Idle);
    append(&mut spool, 11..=90);
    // The lane holds its position and is about to read on.
    while spool.base() < 40 {
        spool.shed(10, 90).unwrap().unwrap();
    }
    let base = spool.base();
    assert_eq!(drain(&mut slow).await, Advance::Idle);
    assert_eq!(gaps(&place), format!("readings|11|{base}"));
    assert_eq!(stored(&place).await, 9 + (90 - base));
}

#[tokio::test]
async fn an_empty_database_takes_what_is_left_but_a_hole_without_a_note_is_refused() {
    let Some(place) = Place::new().await else { return };
    place.with_points(1).await;
    let mut spool = spool();
    append(&mut spool, 2..=60);
    spool.shed(0, 60).unwrap().unwrap();
    let base = spool.base();
    assert_eq!(drain(&mut projector(&place, &spool)).await, Advance::Idle);
    assert_eq!(gaps(&place), format!("readings|1|{base}"));
    // Given up as applied, then the database forgets: nobody noted that, and a person must know.
    spool.drop_through(50).unwrap();
    place.sql("UPDATE projection SET applied_seq = 5, record_crc = NULL WHERE lane = 'readings'");
    let mut refused = projector(&place, &spool);
    assert_eq!(drain(&mut refused).await, Advance::Refused);
}
