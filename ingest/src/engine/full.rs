//! Journal, spools and housekeeping on a disk that fills up: nothing panics, nothing is written twice, nothing stops. Pure.

// Shared with the tests that stand outside of this crate, which use all of it.
#[allow(dead_code)]
#[path = "../../../tests/src/disk.rs"]
mod disk;

use super::fold::{Fold, Kept};
use super::housekeeping::Housekeeping;
use super::open::OpenOptions;
use crate::config::OnFull;
use crate::delivery::Record;
use crate::hub::Hub;
use crate::hub::health::{Component, Report};
use crate::journal::LogError;
use crate::journal::quota::Quota;
use alerting::effect::{Business, Effects, StoredReadings};
use alerting::input::{Batch, Input, SystemFault};
use disk::SimDisk;
use rules::reading::{Micros, PointId, SECOND_US, Severity};
use rules::view::PointKey;

const T: Micros = Micros(1_795_590_000 * SECOND_US);

/// The data directory in `disk`, in segments of a few records.
fn open(disk: &SimDisk) -> Fold<SimDisk> {
    let options = OpenOptions {
        dir: "/d".into(),
        segment_bytes: 1_000,
        quota_bytes: 1 << 30,
        new_journal_id: "j".into(),
        wall: T,
        accept_clock: false,
        refold: false,
    };
    Fold::open(disk.clone(), &options).unwrap().0
}

/// Something for each spool.
fn effects() -> Effects {
    let key = PointKey { enterprise: "e".into(), point: "p".into() };
    let business = vec![Business::PointNumbered { point: PointId(0), key }];
    let readings = StoredReadings { duplicates: 1, ..StoredReadings::default() };
    Effects { business, readings, ..Effects::default() }
}

/// An alarm of this number comes.
fn fault(number: u64) -> Record {
    let code = format!("TEST-{number}");
    let fault = SystemFault { code, severity: Severity::Yellow, active: true, detail: "x".repeat(100) };
    Batch { now: T, inputs: vec![Input::SystemFault(fault)] }
}

#[test]
fn effects_that_found_room_in_one_spool_only_go_to_the_other_one_later() {
    let mut halves = 0;
    for free in 0..300 {
        let disk = SimDisk::default();
        let mut fold = open(&disk);
        let kept = Kept { seq: fold.journal().head() + 1, crc: 7 };
        disk.set_free(Some(free));
        let first = fold.project(kept, &effects());
        let [readings, business] = fold.spools().map(|spool| spool.head() == kept.seq);
        halves += u32::from(business && !readings);
        assert!(matches!(first, Ok(()) | Err(LogError::NoSpace { .. })), "{free}: {first:?}");
        disk.set_free(None);
        fold.project(kept, &effects()).unwrap();
        for spool in fold.spools() {
            let records = spool.tail().read_after(kept.seq - 1, usize::MAX).unwrap();
            let held: Vec<_> = records.iter().map(|record| (record.seq, record.journal_crc)).collect();
            assert_eq!(held, [(kept.seq, 7)], "{free}: once in each spool");
        }
    }
    assert!(halves > 0, "the disk must have filled up between the spools");
}

#[test]
fn a_start_on_a_full_disk_makes_room_for_itself() {
    let disk = SimDisk::default();
    let mut fold = open(&disk);
    for number in 0..30 {
        fold.commit(&fault(number)).unwrap();
    }
    fold.snapshot().unwrap().run().unwrap();
    for number in 30..35 {
        fold.commit(&fault(number)).unwrap();
    }
    let head = fold.journal().head();
    let segments = fold.journal().segments().len();
    drop(fold);
    disk.set_free(Some(0));
    let fold = open(&disk);
    assert_eq!(fold.journal().head(), head + 1, "it says how long it was away");
    assert!(fold.journal().segments().len() < segments, "what the snapshot stands for went");
    let [_, business] = fold.spools();
    assert!(business.head() >= head, "the effects were made again");
}

/// Records up to 60 with something in each spool, under a snapshot that is durable, and whoever keeps the house there.
fn kept_house(disk: &SimDisk, hub: &Hub) -> (Fold<SimDisk>, Housekeeping, Micros) {
    let mut fold = open(disk);
    while fold.journal().head() < 60 {
        let kept = fold.keep(&fault(1)).unwrap();
        fold.project(kept, &effects()).unwrap();
    }
    let mut house = Housekeeping::new(SECOND_US, 0, OnFull::ShedHistory, T);
    house.told(true, false);
    let mut now = T;
    // The snapshot has a thread of its own.
    while fold.journal().first() < 40 {
        now = now.plus(5 * SECOND_US);
        house.look(&mut fold, hub, now).unwrap();
        std::thread::yield_now();
    }
    (fold, house, now)
}

#[test]
fn without_room_for_a_note_nothing_is_given_up_and_nothing_stops() {
    let (disk, hub) = (SimDisk::default(), Hub::new());
    let (mut fold, mut house, mut now) = kept_house(&disk, &hub);
    let done = Report { done_seq: Some(45), ..Report::up() };
    hub.report(Component::DatabaseBusiness, done, now);
    for free in 0..40 {
        disk.set_free(Some(free / 20));
        fold.look_for_room();
        now = now.plus(SECOND_US);
        let told = house.look(&mut fold, &hub, now).unwrap();
        assert!(told.given_up.is_none() && told.fault.is_none());
        assert_eq!(fold.spools().map(|spool| spool.base()), [0, 0]);
    }
    // A little room is enough to begin with; effects that wait keep nothing from being given up.
    disk.set_free(Some(100));
    fold.look_for_room();
    let kept = fold.keep(&Batch { now: T, inputs: vec![Input::Tick] }).unwrap();
    house.told(true, true);
    let told = house.look(&mut fold, &hub, now.plus(SECOND_US)).unwrap();
    let [readings, business] = fold.spools().map(|spool| spool.base());
    assert!(told.given_up.is_some_and(|given_up| given_up.span.from_seq == 1 && given_up.span.to_seq == readings));
    assert!((1..=45).contains(&business), "{business}");
    assert_eq!(fold.since_snapshot(), kept.seq - 60, "no snapshot while effects wait");
}

#[test]
fn one_look_gives_up_a_few_files_and_the_next_one_goes_on() {
    let (disk, hub) = (SimDisk::default(), Hub::new());
    let mut fold = open(&disk);
    for _ in 0..200 {
        fold.keep(&fault(1)).unwrap();
    }
    let mut house = Housekeeping::new(SECOND_US, 0, OnFull::Hold, T);
    let mut now = T;
    let mut look = |fold: &mut Fold<SimDisk>| {
        now = now.plus(SECOND_US);
        let before = fold.journal().segments().len();
        house.look(fold, &hub, now).unwrap();
        // Once for a snapshot that has become durable, once by itself.
        assert!(fold.journal().segments().len() + 16 >= before, "not all at once");
    };
    while fold.journal().first() == 1 {
        fold.keep(&fault(1)).unwrap();
        look(&mut fold);
        std::thread::yield_now();
    }
    // Nothing new, so no more snapshots than the one under way: it is finished all the same.
    for _ in 0..10 {
        look(&mut fold);
    }
    assert!(fold.journal().first() > 180, "{}", fold.journal().first());
}

#[test]
fn a_settled_snapshot_sets_right_what_is_counted_as_used() {
    let (disk, hub) = (SimDisk::default(), Hub::new());
    let (mut fold, ..) = kept_house(&disk, &hub);
    let on_disk = |disk: &SimDisk| Quota::open(disk.clone(), "/d".into(), 1 << 30).unwrap().used();
    assert_eq!(fold.quota().used(), on_disk(&disk));
    // In between it is a little less than there is, never more.
    let kept = fold.keep(&fault(1)).unwrap();
    fold.project(kept, &effects()).unwrap();
    assert!(fold.quota().used() < on_disk(&disk));
    fold.recount();
    assert_eq!(fold.quota().used(), on_disk(&disk));
}
