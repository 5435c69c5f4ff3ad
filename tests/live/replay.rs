//! What a real run left behind, folded again: from its last snapshot and from the first record of its journal. Both
//! must give the same state to the byte, and the same effects. I/O.

use davy_tests::davy::Place;
use ingest::disk::RealDisk;
use ingest::engine::fold::Fold;
use ingest::engine::open::OpenOptions;
use ingest::spool::SpoolRecord;
use rules::reading::Micros;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `place` has stopped in order. Works on copies.
pub fn is_identical(place: &Place) {
    let from_snapshot = copy(place, "snapshot");
    let from_genesis = copy(place, "genesis");
    fs::remove_dir_all(from_genesis.join("snapshots")).expect("a stop leaves a snapshot");
    fs::remove_dir_all(from_genesis.join("spool")).expect("there are spools");
    let wall = Micros(4_102_444_800_000_000);
    let (short, short_opening) = open(&from_snapshot, wall);
    let (long, long_opening) = open(&from_genesis, wall);
    assert_eq!(short_opening.replayed, 0, "a stop in order leaves nothing to replay");
    assert!(long_opening.replayed > 10, "the journal still begins at its first record");
    assert!(short.state().save() == long.state().save(), "the state differs after a replay from the first record");
    for (kept, again) in short.spools().into_iter().zip(long.spools()) {
        let read = |spool: &ingest::spool::Spool<RealDisk>| -> Vec<SpoolRecord> {
            spool.tail().read_after(0, usize::MAX).expect("the spool is readable")
        };
        let (kept, again) = (read(kept), read(again));
        assert!(!kept.is_empty() && kept == again, "effects differ after a replay from the first record");
    }
    eprintln!("{} records folded again: same state, same effects", long_opening.replayed);
}

fn copy(place: &Place, name: &str) -> PathBuf {
    let to = place.dir.join(name);
    assert!(Command::new("cp").arg("-r").arg(place.data()).arg(&to).status().expect("cp runs").success());
    to
}

/// The wall is the same for both, and far ahead (2100), so that the record of the start is the same too.
fn open(dir: &Path, wall: Micros) -> (Fold<RealDisk>, ingest::engine::open::Opening) {
    let options = OpenOptions {
        dir: dir.into(),
        segment_bytes: 64 << 20,
        quota_bytes: 1 << 40,
        new_journal_id: "unused".into(),
        wall,
        accept_clock: false,
        refold: false,
    };
    Fold::open(RealDisk, &options).expect("it opens")
}
