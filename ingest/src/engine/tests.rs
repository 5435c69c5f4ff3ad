//! What the loop makes of a word about the clock, and what it says first and last; on a real directory. I/O.

use super::*;
use crate::clock;
use crate::console::tests::registry;
use crate::delivery::ContentKind;
use crate::disk::RealDisk;
use crate::inbox::{Brought, Import, Imported, InboxSender};
use alerting::alarm::AlarmId;
use alerting::command::{Actor, Command, Order, Outcome, Refusal};
use open::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

mod decided;

/// A real disk that can be full.
#[derive(Clone, Default)]
struct TightDisk {
    full: Arc<AtomicBool>,
}

impl Disk for TightDisk {
    type File = std::fs::File;

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Self::File> {
        RealDisk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Self::File> {
        RealDisk.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(if self.full.load(Ordering::SeqCst) { 0 } else { 1 << 30 })
    }
}

/// An engine whose clock stands ten hours ahead of the wall: too far to follow it without a person's word.
struct Bench {
    engine: Engine<TightDisk>,
    sender: InboxSender,
    disk: TightDisk,
    dir: Dir,
}

/// Gone with the test.
struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn options(dir: &Dir) -> OpenOptions {
    OpenOptions {
        dir: dir.0.clone(),
        segment_bytes: 1 << 20,
        quota_bytes: 1 << 30,
        new_journal_id: "j".into(),
        wall: clock::wall().plus(36_000 * SECOND_US),
        accept_clock: false,
        refold: false,
    }
}

impl Bench {
    fn new(name: &str) -> Bench {
        let dir = Dir(std::env::temp_dir().join(format!("davy-engine-{name}-{}", std::process::id())));
        let disk = TightDisk::default();
        let (fold, _) = Fold::open(disk.clone(), &options(&dir)).unwrap();
        let (sender, inbox) = crate::inbox::channel(16);
        let clock = Clock::starting(fold.last_now());
        let around = Surroundings {
            inbox,
            clock,
            hub: Arc::new(Hub::new()),
            downlink: Downlink::off(),
            telemetry: Arc::new(Telemetry::new().unwrap()),
            snapshot_every_us: 3_600 * SECOND_US,
            backup_horizon_us: 3_600 * SECOND_US,
            on_full: OnFull::Hold,
        };
        Bench { engine: Engine::new(fold, around), sender, disk, dir }
    }

    /// One turn with one order; `None` = it was not taken.
    fn order(&mut self, key: &str, order: Order) -> Option<Outcome> {
        let received = self.engine.clock.now();
        let by = Actor { name: "a".into(), authenticated: false };
        let mut answer = self.sender.command(Command { key: key.into(), received, by, order }).unwrap();
        let Turn { now, orders, .. } = self.engine.wait();
        self.engine.take_orders(now, orders).unwrap();
        answer.try_recv().ok()
    }

    /// One turn with one import; `None` = it was not taken.
    fn import(&mut self, key: &str, (base, content): (&str, &[u8])) -> Option<Imported> {
        let version = blake3::hash(content).to_hex().to_string();
        let order = Order::ImportRegistry { version, comment: String::new() };
        let by = Actor { name: "a".into(), authenticated: false };
        let command = Command { key: key.into(), received: self.engine.clock.now(), by, order };
        let mut answer = self
            .sender
            .import(Import {
                command,
                base: base.into(),
                brought: Brought::Bytes(ContentKind::Registry, content.to_vec()),
            })
            .unwrap();
        let Turn { imports, .. } = self.engine.wait();
        for (import, answer) in imports {
            self.engine.import(*import, answer).unwrap();
        }
        answer.try_recv().ok()
    }

    fn in_force(&self) -> String {
        self.engine.fold.state().versions().registry.clone().unwrap_or_default()
    }

    fn follows(&self) -> bool {
        self.engine.clock.standing().follows
    }

    fn fill(&mut self, full: bool) {
        self.disk.full.store(full, Ordering::SeqCst);
        self.engine.fold.look_for_room();
    }
}

fn accept() -> Order {
    Order::AcceptClock { comment: "set by hand".into() }
}

#[test]
fn a_clock_whose_word_found_no_room_stays_where_it_was() {
    let mut bench = Bench::new("room");
    bench.fill(true);
    assert_eq!(bench.order("k", accept()), None);
    assert!(!bench.follows(), "its person heard that it was not taken");
    bench.fill(false);
    assert_eq!(bench.order("k", accept()), Some(Outcome::Noted));
    assert!(bench.follows());
}

#[test]
fn an_imported_registry_is_in_force_once_and_after_a_start() {
    let mut bench = Bench::new("import");
    let noted = Some(Imported::Answered(Outcome::Noted));
    let first = crate::seeds::canonical(&registry());
    let mut changed = registry();
    changed.enterprises[0].industry = "other".into();
    let second = crate::seeds::canonical(&changed);
    let [first_version, second_version] = [&first, &second].map(|bytes| blake3::hash(bytes).to_hex().to_string());
    bench.fill(true);
    assert_eq!(bench.import("k", ("", &first)), None, "no room");
    assert_eq!(bench.in_force(), "");
    bench.fill(false);
    assert_eq!(bench.import("k", ("", &first)), noted);
    assert_eq!(bench.in_force(), first_version);
    let head = bench.engine.fold.journal().head();
    assert_eq!(bench.import("l", ("", &second)), Some(Imported::Stale), "made from another one");
    assert_eq!(bench.engine.fold.journal().head(), head, "nothing was journalled");
    assert_eq!(bench.import("k", ("", &first)), noted, "the same key, the same answer");
    let reused = Some(Imported::Answered(Outcome::Refused(Refusal::KeyReused)));
    assert_eq!(bench.import("k", (&first_version, &second)), reused);
    assert_eq!(bench.in_force(), first_version);
    assert_eq!(bench.import("m", (&first_version, &second)), noted);
    assert_eq!(bench.in_force(), second_version);
    assert_eq!(bench.import("n", (&second_version, &second)), noted, "nothing to change");
    let Bench { engine, disk, dir, .. } = bench;
    drop(engine);
    let (fold, _) = Fold::open(disk, &options(&dir)).unwrap();
    assert_eq!(fold.state().versions().registry.as_deref(), Some(second_version.as_str()), "out of the journal");
    let records = fold.journal().read(1).map(|entry| crate::codec::decode_record(&entry.unwrap().2).unwrap());
    let activations: Vec<usize> = records
        .filter(|record| record.inputs.iter().any(|input| matches!(input, Input::Activate(_))))
        .map(|record| record.inputs.len())
        .collect();
    assert_eq!(activations, [2, 2], "the order, and the activation behind it");
}

#[test]
fn a_word_under_the_key_of_another_order_is_refused_and_moves_no_clock() {
    let mut bench = Bench::new("key");
    let acknowledge = Order::Acknowledge { alarm: AlarmId(1), comment: String::new() };
    assert_eq!(bench.order("k", acknowledge), Some(Outcome::Refused(Refusal::NoSuchAlarm)));
    assert_eq!(bench.order("k", accept()), Some(Outcome::Refused(Refusal::KeyReused)));
    assert!(!bench.follows());
    assert_eq!(bench.order("l", accept()), Some(Outcome::Noted));
    assert!(bench.follows());
}

#[test]
fn the_first_word_about_room_is_said_although_it_is_normal() {
    let mut bench = Bench::new("first");
    let Engine { room, fold, .. } = &mut bench.engine;
    let first = room.change(fold.quota()).map(|fault| (fault.code, fault.active));
    assert_eq!(first, Some(("DAVY-QUOTA".to_owned(), false)), "an alarm of the run before returns");
    assert_eq!(room.change(fold.quota()), None);
    bench.fill(true);
    let Engine { room, fold, .. } = &mut bench.engine;
    let full = room.change(fold.quota()).map(|fault| (fault.severity, fault.active));
    assert_eq!(full, Some((rules::reading::Severity::Red, true)));
}

#[test]
fn what_the_stopping_turn_has_to_say_is_journalled() {
    let Bench { engine, sender, disk, dir } = Bench::new("stop");
    sender.stop();
    // The first turn is the last; looking after the house it finds that no history is given up.
    engine.run().unwrap();
    let (fold, _) = Fold::open(disk, &options(&dir)).unwrap();
    let records = fold.journal().read(1).map(|entry| crate::codec::decode_record(&entry.unwrap().2).unwrap());
    let faults: Vec<String> = records
        .flat_map(|record| record.inputs)
        .filter_map(|input| match input {
            Input::SystemFault(fault) => Some(format!("{} {}", fault.code, fault.active)),
            _ => None,
        })
        .collect();
    assert_eq!(faults, ["DAVY-QUOTA false", "DAVY-HISTORY-SHED false"]);
}
