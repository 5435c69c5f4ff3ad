//! The journal against a disk that loses what was not synced: what was kept is there, nothing is invented. Pure.

use davy_tests::disk::SimDisk;
use ingest::disk::{Disk, DiskFile};
use ingest::journal::verify::{Report, verify};
use ingest::journal::{Journal, JournalOptions, LogError, blobs::Blobs};
use ingest::snapshot::{self, SnapshotMeta};
use ingest::spool::Spool;
use ingest::spool::shed::{Span, covers};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rules::reading::Micros;
use std::path::{Path, PathBuf};

const SEEDS: u64 = 300;

fn open(disk: &SimDisk) -> Result<Journal<SimDisk>, LogError> {
    let options = JournalOptions { segment_bytes: 2_000, new_journal_id: "journal".into(), created: Micros(1) };
    Journal::open(disk.clone(), PathBuf::from("/d/journal"), options).map(|(journal, _)| journal)
}

fn payload(seq: u64, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let len = rng.next_u32() % 700;
    (0..len).map(|n| u8::try_from((u64::from(n) * 7 + seq) % 251).expect("below 251")).collect()
}

#[test]
fn what_was_synced_survives_any_crash() {
    for seed in 0..SEEDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let disk = SimDisk::default();
        let mut synced: Vec<Vec<u8>> = Vec::new();
        for _life in 0..6 {
            let mut journal = open(&disk).unwrap_or_else(|e| panic!("SEED={seed}: {e}"));
            let found: Vec<Vec<u8>> = journal.read(1).map(|r| r.expect("sound").2).collect();
            assert!(found.len() >= synced.len(), "SEED={seed}: {} of {} kept", found.len(), synced.len());
            assert_eq!(found[..synced.len()], synced[..], "SEED={seed}");
            assert!(found.len() <= synced.len() + 1, "SEED={seed}: at most the one record under way may appear");
            synced = found;
            for _ in 0..rng.next_u32() % 12 {
                let seq = journal.head() + 1;
                let bytes = payload(seq, &mut rng);
                journal.append(seq, &bytes).expect("room");
                if rng.next_u32().is_multiple_of(8) {
                    break;
                }
                journal.sync().expect("a sound disk");
                synced.push(bytes);
            }
            let mut chance = ChaCha8Rng::seed_from_u64(rng.next_u64());
            disk.crash(&mut || chance.next_u32().is_multiple_of(2));
        }
    }
}

#[test]
fn a_full_disk_leaves_the_journal_usable() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    journal.append(1, &[1; 100]).expect("room");
    journal.sync().expect("sound");
    disk.set_free(Some(50));
    assert!(matches!(journal.append(2, &[2; 100]), Err(LogError::NoSpace { .. })));
    assert_eq!(journal.head(), 1);
    disk.set_free(None);
    journal.append(2, &[3; 100]).expect("room again");
    journal.sync().expect("sound");
    let found: Vec<u64> = open(&disk).expect("opens").read(1).map(|r| r.expect("sound").0).collect();
    assert_eq!(found, [1, 2]);
}

#[test]
fn a_failed_sync_is_final() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    journal.append(1, b"x").expect("room");
    disk.fail_syncs(true);
    assert!(matches!(journal.sync(), Err(LogError::SyncFailed { .. })));
    disk.fail_syncs(false);
    assert!(matches!(journal.sync(), Err(LogError::Poisoned)));
    assert!(matches!(journal.append(2, b"y"), Err(LogError::Poisoned)));
}

#[test]
fn damage_before_the_end_is_no_torn_tail() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    for seq in 1..=3 {
        journal.append(seq, &[7; 60]).expect("room");
        journal.sync().expect("sound");
    }
    // Any byte of the record in the middle: its length, checksum, number, payload.
    for byte in 0..76 {
        flip(&disk, Path::new("/d/journal/00000000000000000001.log"), 24 + 76 + byte);
        let Err(LogError::Corrupt { seq, .. }) = open(&disk) else { panic!("byte {byte} was taken for a torn tail") };
        assert_eq!(seq, 2);
        assert!(!checked(&disk).is_sound(), "byte {byte}");
        flip(&disk, Path::new("/d/journal/00000000000000000001.log"), 24 + 76 + byte);
    }
}

#[test]
fn a_payload_that_looks_like_records_does_not_make_a_torn_tail_look_like_damage() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    journal.append(1, b"x").expect("room");
    journal.sync().expect("sound");
    // What a hostile gateway may send: a sound empty record of a far seq, many times over.
    let crc = crc32fast::hash(&3_000u64.to_le_bytes());
    let mut decoy = Vec::new();
    for _ in 0..20 {
        decoy.extend_from_slice(&0u32.to_le_bytes());
        decoy.extend_from_slice(&crc.to_le_bytes());
        decoy.extend_from_slice(&3_000u64.to_le_bytes());
    }
    journal.append(2, &decoy).expect("room");
    let path = Path::new("/d/journal/00000000000000000001.log");
    use ingest::disk::DiskFile;
    let file = disk.open(path).expect("there");
    file.set_len(file.len().expect("known") - 10).expect("cut");
    let journal = open(&disk).expect("a torn tail is no damage");
    assert_eq!(journal.head(), 1);
}

#[test]
fn a_spool_gives_up_what_lies_behind_the_snapshot_and_nothing_else() {
    for seed in 0..SEEDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let disk = SimDisk::default();
        let dir = PathBuf::from("/d/spool/business");
        let mut spool = Spool::open(disk.clone(), dir.clone(), 1_500, 0).expect("new");
        let mut written = Vec::new();
        let mut synced = 0;
        for seq in (1..40).filter(|seq| seq % 3 != 0) {
            spool.append(seq, 5, &payload(seq, &mut rng)).expect("room");
            written.push(seq);
            if rng.next_u32().is_multiple_of(6) {
                spool.sync_handle().expect("a handle").sync().expect("sound");
                synced = seq;
            }
        }
        let mut chance = ChaCha8Rng::seed_from_u64(rng.next_u64());
        disk.crash(&mut || chance.next_u32().is_multiple_of(2));
        let mut spool = Spool::open(disk, dir, 1_500, synced).unwrap_or_else(|e| panic!("SEED={seed}: {e}"));
        spool.cut_back_to(synced).expect("cuts");
        let mut tail = spool.tail();
        let found: Vec<u64> = tail.read_after(0, usize::MAX).expect("reads").iter().map(|r| r.seq).collect();
        let expected: Vec<u64> = written.into_iter().filter(|seq| *seq <= synced).collect();
        assert_eq!(found, expected, "SEED={seed}");
    }
}

#[test]
fn history_that_is_given_up_is_noted_whenever_the_power_goes() {
    for power in 0..40 {
        let disk = SimDisk::default();
        let dir = Path::new("/d/spool/readings");
        let open = || Spool::open(disk.clone(), dir.into(), 1_000, 100).expect("opens");
        let mut spool = open();
        for seq in 1..=100 {
            spool.append(seq, 7, &[9; 100]).expect("appends");
        }
        spool.sync_handle().and_then(|handle| handle.sync()).expect("syncs");
        assert_eq!(spool.shed(0, 0).expect("asks"), None, "what no snapshot stands for stays");
        disk.cut_power_after(power);
        // Two segments; the archive was at 3.
        let done = spool.shed(3, 100).and_then(|_| spool.shed(3, 100));
        let mut dice = ChaCha8Rng::seed_from_u64(power);
        disk.crash(&mut || dice.next_u32().is_multiple_of(2));
        let mut spool = open();
        let base = spool.base();
        assert!(base > 3 || done.is_err(), "power {power}: what was done is durable");
        let noted = spool.tail().shed().expect("a readable note");
        assert!(base <= 3 || covers(&noted, 4, base), "power {power}: {noted:?} explains a base of {base}");
        assert!(noted.iter().all(|span| span.to_seq <= base), "power {power}: {noted:?} with a base of {base}");
        let held: Vec<u64> = spool.tail().read_after(base, usize::MAX).expect("reads").iter().map(|r| r.seq).collect();
        assert_eq!(held, (base + 1..=100).collect::<Vec<_>>(), "power {power}: all behind the base is there");
        // It goes on where it was: neighbouring spans become one.
        while spool.shed(3, 100).expect("sheds").is_some() {}
        let noted = spool.tail().shed().expect("a readable note");
        assert_eq!(noted, [Span { from_seq: 4, to_seq: spool.base() }], "power {power}");
    }
}

#[test]
fn the_power_may_go_at_any_operation() {
    for seed in 0..4 * SEEDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let disk = SimDisk::default();
        let mut world = World::default();
        for life in 0..5 {
            disk.cut_power_after(u64::from(rng.next_u32() % 120));
            let cut = live(&disk, &mut rng, &mut world);
            assert!(cut.is_err(), "SEED={seed} life {life}: the power went");
            let mut chance = ChaCha8Rng::seed_from_u64(rng.next_u64());
            disk.crash(&mut || chance.next_u32().is_multiple_of(2));
            let snapshots = snapshot::valid(&disk, Path::new("/d/snapshots")).expect("readable");
            let newest = snapshots.first().map_or(0, |s| s.meta.seq);
            assert!(newest >= world.snapshot, "SEED={seed} life {life}: a durable snapshot is kept");
            world.snapshot = newest;
            let journal = open(&disk).unwrap_or_else(|e| panic!("SEED={seed} life {life}: {e}"));
            assert!(journal.head() >= world.synced, "SEED={seed} life {life}: what was synced is there");
            let report = checked(&disk);
            assert!(report.is_sound(), "SEED={seed} life {life}: {report}");
            assert!(report.records == 0 || report.last == journal.head(), "SEED={seed} life {life}: {report}");
        }
    }
}

/// What must be found again after a crash.
#[derive(Default)]
struct World {
    synced: u64,
    snapshot: u64,
}

/// A small engine: journal, then spool, now and then a snapshot and what may be given up behind it. Ends when the power
/// does.
fn live(disk: &SimDisk, rng: &mut ChaCha8Rng, world: &mut World) -> Result<(), LogError> {
    let mut journal = open(disk)?;
    let mut spool = Spool::open(disk.clone(), "/d/spool/business".into(), 1_000, world.snapshot)?;
    spool.cut_back_to(world.snapshot)?;
    let replay: Vec<u64> =
        journal.read(world.snapshot + 1).map(|r| r.map(|(seq, ..)| seq)).collect::<Result<_, _>>()?;
    for seq in replay {
        project(&mut spool, seq)?;
    }
    let expected: Vec<u64> = (spool.base() + 1..=journal.head()).filter(|seq| has_effects(*seq)).collect();
    let found = spool.tail().read_after(spool.base(), usize::MAX)?;
    assert_eq!(found.iter().map(|r| r.seq).collect::<Vec<_>>(), expected, "the spool holds each effect once");
    loop {
        let seq = journal.head() + 1;
        journal.append(seq, &payload(seq, rng))?;
        journal.sync()?;
        world.synced = seq;
        project(&mut spool, seq)?;
        if rng.next_u32().is_multiple_of(6) {
            spool.sync_handle()?.sync()?;
            snapshot::write(disk, Path::new("/d/snapshots"), &meta(seq), &[7; 300])?;
            let older = world.snapshot;
            world.snapshot = seq;
            journal.drop_before(older + 1)?;
            spool.drop_through(older)?;
        }
    }
}

fn meta(seq: u64) -> SnapshotMeta {
    let journal_id = "journal".into();
    SnapshotMeta { seq, journal_crc: 0, engine_version: 1, journal_id, spool_heads: [seq; 2] }
}

fn has_effects(seq: u64) -> bool {
    !seq.is_multiple_of(3)
}

fn project(spool: &mut Spool<SimDisk>, seq: u64) -> Result<(), LogError> {
    if has_effects(seq) { spool.append(seq, 1, &[1; 90]) } else { Ok(()) }
}

#[test]
fn what_a_killed_process_wrote_is_durable_once_it_is_acted_upon() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    journal.append(1, b"written, never synced").expect("room");
    drop(journal);
    assert_eq!(open(&disk).expect("after the kill").head(), 1);
    disk.crash(&mut || false);
    assert_eq!(open(&disk).expect("after the power cut").head(), 1);
}

#[test]
fn verify_tells_damage_from_a_torn_end_in_the_only_segment() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    for seq in 1..=3 {
        journal.append(seq, &[7; 60]).expect("room");
        journal.sync().expect("sound");
    }
    let (segment, second, third) = (Path::new("/d/journal/00000000000000000001.log"), 24 + 76, 24 + 2 * 76);
    assert!(checked(&disk).is_sound());
    flip(&disk, segment, second + 20);
    let problems = checked(&disk).problems;
    assert!(problems.len() == 1 && problems[0].contains(&format!("at byte {second} (record 2)")), "{problems:?}");
    flip(&disk, segment, second + 20);
    flip(&disk, segment, third + 20);
    let report = checked(&disk);
    assert!(report.is_sound() && report.records == 2, "a last record that is not whole was never promised: {report}");
}

#[test]
fn a_segment_just_being_created_is_the_end_and_nothing_worse() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    journal.append(1, &[7; 60]).expect("room");
    journal.sync().expect("sound");
    let unborn = disk.create(Path::new("/d/journal/00000000000000000002.log")).expect("created");
    for header in [&b""[..], b"DAVYLOG"] {
        unborn.write_at(0, header).expect("room");
        let report = checked(&disk);
        assert!(report.is_sound() && report.last == 1, "{report}");
    }
    assert_eq!(open(&disk).expect("a stump").head(), 1);
}

#[test]
fn verify_beside_a_busy_owner_is_never_alarmed() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).expect("new");
    let owner = std::thread::spawn(move || {
        for seq in 1..=3_000 {
            journal.append(seq, &[7; 200]).expect("room");
            journal.sync().expect("sound");
            if seq % 50 == 0 {
                journal.drop_before(seq - 20).expect("drops");
            }
        }
    });
    while !owner.is_finished() {
        let report = checked(&disk);
        assert!(report.is_sound(), "{report}");
    }
    owner.join().expect("the owner goes through");
}

#[test]
fn a_message_that_contains_a_record_is_no_record() {
    for seq in [2, 1_000_000u64] {
        let disk = SimDisk::default();
        let mut spool = Spool::open(disk.clone(), "/d/other".into(), 2_000, 0).expect("new");
        spool.append(seq, 5, b"planted").expect("room");
        let file = disk.open(&PathBuf::from(format!("/d/other/{seq:020}.log"))).expect("there");
        let mut planted = vec![0; usize::try_from(file.len().expect("known") - 24).expect("small")];
        file.read_at(24, &mut planted).expect("inside");
        let mut journal = open(&disk).expect("new");
        journal.append(1, &[&planted[..], &[0; 64]].concat()).expect("room");
        let torn = disk.open(Path::new("/d/journal/00000000000000000001.log")).expect("there");
        torn.set_len(torn.len().expect("known") - 10).expect("cut");
        assert!(checked(&disk).is_sound(), "{seq}");
        assert_eq!(open(&disk).expect("a torn tail").head(), 0, "{seq}");
    }
}

#[test]
fn a_snapshot_leaves_the_newest_two_and_nothing_half_written() {
    let disk = SimDisk::default();
    let dir = Path::new("/d/snapshots");
    disk.create(&dir.join("00000000000000000009.new")).expect("left by a crash");
    for seq in 1..=4 {
        snapshot::write(&disk, dir, &meta(seq), b"state").expect("room");
    }
    let names = ["00000000000000000003.snapshot", "00000000000000000004.snapshot"];
    assert_eq!(disk.list(dir).expect("lists"), names);
    flip(&disk, &dir.join(names[1]), 30);
    let seqs: Vec<u64> = snapshot::valid(&disk, dir).expect("readable").iter().map(|s| s.meta.seq).collect();
    assert_eq!(seqs, [3], "the older one serves");
}

#[test]
fn a_damaged_blob_is_refused_and_mended_by_the_same_bytes() {
    let disk = SimDisk::default();
    let blobs = Blobs::open(disk.clone(), "/d/blobs".into()).expect("new");
    let hash = blobs.put(b"a registry").expect("room");
    flip(&disk, &Path::new("/d/blobs").join(&hash), 3);
    assert!(matches!(blobs.get(&hash), Err(LogError::BadChecksum { .. })));
    assert_eq!(blobs.put(b"a registry").expect("mended"), hash);
    disk.crash(&mut || false);
    let blobs = Blobs::open(disk, "/d/blobs".into()).expect("again");
    assert_eq!(blobs.get(&hash).expect("whole").as_deref(), Some(&b"a registry"[..]));
}

fn checked(disk: &SimDisk) -> Report {
    verify(disk, Path::new("/d/journal"), &mut |_, _| Ok(())).expect("readable")
}

fn flip(disk: &SimDisk, path: &Path, offset: u64) {
    let file = disk.open(path).expect("there");
    let mut byte = [0];
    file.read_at(offset, &mut byte).expect("inside");
    file.write_at(offset, &[!byte[0]]).expect("room");
}
