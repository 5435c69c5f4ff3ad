//! Database and data directory have come apart: each case is refused by its name, and mended by its remedy.
//! Against a real PostgreSQL. I/O.

use crate::place::{
    JOURNAL, Journal, Place, SECOND, Spool, T0, alarm, business, change, drain, memory_path, numbering, r, readings,
};
use alerting::alarm::{AlarmId, AlarmState, Cause};
use ingest::store::error::StoreError;
use ingest::store::lane::{Backlog, Lane};
use ingest::store::memory::Memory;
use ingest::store::progress::LaneState;
use ingest::store::projector::Advance;
use ingest::store::recover::{Remedy, Reset, adopted, reset, survey};
use ingest::store::verify::verify;
use rules::reading::{Micros, PointId};
use rules::view::PointKey;
use std::sync::Arc;

fn points(count: u32) -> Vec<(PointId, PointKey)> {
    let key = |n: u32| PointKey { enterprise: "e1".to_owned(), point: format!("p{n}") };
    (0..count).map(|n| (PointId(n), key(n))).collect()
}

fn refusal(state: &LaneState) -> &'static str {
    match state {
        LaneState::Refused { name, .. } => name,
        _ => "",
    }
}

/// A database that journal-a has filled up to seq 10, with an open alarm.
async fn filled() -> Option<(Place, Spool, Arc<Memory>)> {
    let place = Place::new().await?;
    let (readings_spool, business_spool) = (Spool::new(), Spool::new());
    let journal = Journal::new(JOURNAL, 10);
    let memory = Arc::new(Memory::open(&memory_path()));
    let mut effects = numbering(2);
    effects.push(change(AlarmState::Normal, alarm(41, AlarmState::Unacknowledged), Cause::Raised));
    business_spool.append(business(1, effects));
    for seq in 2..=10 {
        readings_spool.append(readings(seq, &[r(0, T0 + i64::try_from(seq).unwrap() * SECOND, 1.0)], &[]));
    }
    assert_eq!(drain(&mut place.projector(Lane::Business, &business_spool, &journal, &memory)).await, Advance::Idle);
    assert_eq!(drain(&mut place.projector(Lane::Readings, &readings_spool, &journal, &memory)).await, Advance::Idle);
    Some((place, readings_spool, memory))
}

#[tokio::test]
async fn a_new_data_directory_takes_the_database_over() {
    let Some((place, _, _)) = filled().await else { return };
    // The directory is lost: a new journal, whose gateways send the last readings again.
    let (spool, business_spool, journal) = (Spool::new(), Spool::new(), Journal::new("journal-b", 3));
    let memory = Arc::new(Memory::open(&memory_path()));
    business_spool.append(business(1, numbering(2)));
    spool.append(readings(
        2,
        &[r(0, T0 + 9 * SECOND, 1.0), r(0, T0 + 10 * SECOND, 1.0), r(0, T0 + 11 * SECOND, 1.0)],
        &[],
    ));
    let mut projector = place.projector(Lane::Readings, &spool, &journal, &memory);
    let progress = projector.progress();
    assert_eq!(projector.advance().await, Advance::Refused);
    assert_eq!(refusal(&progress.borrow().state), "other_journal");
    let mut client = place.client("davy_writer").await;
    let adopted = adopted(&client).await.unwrap();
    let key = PointKey { enterprise: "e1".to_owned(), point: "p0".to_owned() };
    assert_eq!(adopted.newest, [(key, Micros(T0 + 10 * SECOND))]);
    assert_eq!(adopted.open_alarms, [alarm(41, AlarmState::Unacknowledged)]);
    assert_eq!(adopted.alarm_id_max, Some(AlarmId(41)));
    let bases = [(Lane::Readings, spool.base()), (Lane::Business, business_spool.base())];
    let remedy = Remedy::TakeOver { late_until: 3 };
    let order = Reset { remedy, journal_id: "journal-b", bases, points: &points(2), reason: "data directory lost" };
    reset(&mut client, &order).await.unwrap();
    assert_eq!(drain(&mut place.projector(Lane::Business, &business_spool, &journal, &memory)).await, Advance::Idle);
    spool.append(readings(4, &[r(0, T0 + 12 * SECOND, 1.0)], &[]));
    assert_eq!(drain(&mut projector).await, Advance::Idle);
    assert_eq!(progress.borrow().state, LaneState::Up);
    assert_eq!((progress.borrow().counts.fast, progress.borrow().counts.late_duplicate), (1, 2));
    assert_eq!(place.count("reading"), 11);
    let report = verify(&mut client).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.gaps.len(), 2, "the end of the lost journal is not known");
    assert_eq!((report.gaps[0].from_seq, report.gaps[0].to_seq), (11, None));
}

/// The directory was lost long ago and the new one filled up before somebody looked: the beginning of both is gone.
#[tokio::test]
async fn what_the_new_journal_had_to_give_up_is_a_gap_as_well() {
    let Some((place, _, _)) = filled().await else { return };
    let (mut spool, business_spool, journal) = (Spool::new(), Spool::new(), Journal::new("journal-b", 9));
    let memory = Arc::new(Memory::open(&memory_path()));
    // Both points were numbered by records that are gone, and the second has left the registry since.
    spool.release(6).unwrap();
    spool.append(readings(8, &[r(0, T0 + 20 * SECOND, 1.0), r(1, T0 + 20 * SECOND, 2.0)], &[]));
    let mut projector = place.projector(Lane::Readings, &spool, &journal, &memory);
    assert_eq!(projector.advance().await, Advance::Refused);
    let mut client = place.client("davy_writer").await;
    let bases = [(Lane::Readings, spool.base()), (Lane::Business, business_spool.base())];
    let remedy = Remedy::TakeOver { late_until: 7 };
    let order = Reset { remedy, journal_id: "journal-b", bases, points: &points(2), reason: "data directory lost" };
    reset(&mut client, &order).await.unwrap();
    assert_eq!(drain(&mut projector).await, Advance::Idle);
    assert_eq!(place.count("reading"), 11, "nine of the old journal, two of this one");
    let booked = "SELECT lane, from_seq, to_seq FROM projection_gap WHERE journal_id = 'journal-b'";
    assert_eq!(place.sql(booked), "readings|1|6");
    let report = verify(&mut client).await.unwrap();
    assert!(report.is_sound() && report.gaps.len() == 3, "{report:?}");
}

#[tokio::test]
async fn a_database_restored_to_yesterday_is_noticed_and_goes_on_with_a_gap() {
    let Some((place, spool, memory)) = filled().await else { return };
    let journal = Journal::new(JOURNAL, 12);
    // What a restore does: rows and position of an earlier time. The spool has dropped what it saw applied.
    place.sql("DELETE FROM reading WHERE event_time > to_timestamp(1763900005)");
    place.sql("UPDATE projection SET applied_seq = 5, record_crc = 22 WHERE lane = 'readings'");
    place.sql("UPDATE projection_batch SET fast = 4, last_seq = 5 WHERE lane = 'readings'");
    let mut projector = place.projector(Lane::Readings, &spool, &journal, &memory);
    let progress = projector.progress();
    assert_eq!(projector.advance().await, Advance::Refused);
    assert_eq!(refusal(&progress.borrow().state), "hole");
    let LaneState::Refused { text, .. } = progress.borrow().state.clone() else { return };
    assert!(text.contains("restored from a backup"), "{text}");
    let mut client = place.client("davy_writer").await;
    let bases = [(Lane::Readings, spool.base()), (Lane::Business, 0)];
    let order = Reset { remedy: Remedy::GoOn, journal_id: JOURNAL, bases, points: &points(2), reason: "restored" };
    reset(&mut client, &order).await.unwrap();
    memory.forget().unwrap();
    spool.append(readings(11, &[r(0, T0 + 11 * SECOND, 1.0)], &[]));
    assert_eq!(drain(&mut projector).await, Advance::Idle);
    assert_eq!(place.count("reading"), 5);
    let report = verify(&mut client).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.gaps.iter().map(|g| (g.from_seq, g.to_seq)).collect::<Vec<_>>(), [(6, Some(10))]);
}

#[tokio::test]
async fn an_older_or_forked_journal_is_refused_and_must_fork_by_name() {
    let Some((place, spool, _)) = filled().await else { return };
    let memory = Arc::new(Memory::open(&memory_path()));
    let older = Journal::new(JOURNAL, 9);
    let mut projector = place.projector(Lane::Readings, &spool, &older, &memory);
    assert_eq!(projector.advance().await, Advance::Refused);
    assert_eq!(refusal(&projector.progress().borrow().state), "beyond_head");
    place.sql("UPDATE projection SET record_crc = 1 WHERE lane = 'readings'");
    let forked = Journal::new(JOURNAL, 20);
    let mut projector = place.projector(Lane::Readings, &spool, &forked, &memory);
    assert_eq!(projector.advance().await, Advance::Refused);
    assert_eq!(refusal(&projector.progress().borrow().state), "wrong_checksum");
    let mut client = place.client("davy_writer").await;
    let bases = [(Lane::Readings, spool.base()), (Lane::Business, 0)];
    let remedy = Remedy::TakeOver { late_until: 21 };
    let order = Reset { remedy, journal_id: JOURNAL, bases, points: &[], reason: "forked" };
    assert!(matches!(reset(&mut client, &order).await, Err(StoreError::Unfit(_))));
    let order = Reset { journal_id: "journal-a2", ..order };
    reset(&mut client, &order).await.unwrap();
    *forked.id.lock().unwrap() = "journal-a2".to_owned();
    assert_eq!(drain(&mut projector).await, Advance::Idle);
}

#[tokio::test]
async fn an_empty_database_takes_a_whole_journal_and_refuses_half_of_one() {
    let Some(place) = Place::new().await else { return };
    let (mut spool, journal) = (Spool::new(), Journal::new(JOURNAL, 10));
    let memory = Arc::new(Memory::open(&memory_path()));
    spool.release(4).unwrap();
    let mut projector = place.projector(Lane::Readings, &spool, &journal, &memory);
    assert_eq!(projector.advance().await, Advance::Refused);
    assert_eq!(refusal(&projector.progress().borrow().state), "hole");
    let mut client = place.client("davy_writer").await;
    let bases = [(Lane::Readings, 4), (Lane::Business, 0)];
    let order = Reset { remedy: Remedy::GoOn, journal_id: JOURNAL, bases, points: &points(1), reason: "database lost" };
    reset(&mut client, &order).await.unwrap();
    spool.append(readings(5, &[r(0, T0, 1.0)], &[]));
    assert_eq!(drain(&mut projector).await, Advance::Idle);
    assert_eq!(place.count("readings_v"), 1, "the numbers came with the reset");
    let survey = survey(&client).await.unwrap();
    assert_eq!((survey.lanes[0].applied_seq, survey.points, survey.gaps.len()), (5, 1, 1));
}
