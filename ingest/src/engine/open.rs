//! Start-up: from what a crash left on the disk to a fold that may go on. Newest valid snapshot, spools cut back to
//! it, journal replayed behind it; never needs the database. I/O.

use super::content::ContentError;
use super::fold::{Cost, Fold, FoldError, Kept, snapshot_dir};
use crate::codec::{self, CodecError};
use crate::delivery::{ContentKind, ContentRef};
use crate::disk::Disk;
use crate::journal::blobs::Blobs;
use crate::journal::quota::{Level, Quota};
use crate::journal::{Journal, JournalOptions, LogError};
use crate::snapshot::{self, Snapshot, SnapshotMeta};
use crate::spool::Spool;
use alerting::ENGINE_VERSION;
use alerting::alarm::AlarmId;
use alerting::input::{Batch, Input};
use alerting::save::RestoreError;
use alerting::state::State;
use rules::reading::{Micros, SECOND_US};
use std::collections::BTreeSet;
use std::path::PathBuf;
use thiserror::Error;
use tokio::sync::watch;

/// A journal further ahead of the wall than this stops the start: somebody set a clock. Microseconds.
const AHEAD_MAX_US: i64 = 60 * SECOND_US;

/// What start-up needs from the edge: everything random, slow or of the wall.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub dir: PathBuf,
    pub segment_bytes: u64,
    /// 0 = the default of `deploy/davy.toml`.
    pub quota_bytes: u64,
    /// For a journal that is begun now; random.
    pub new_journal_id: String,
    pub wall: Micros,
    /// The person at the console says that the wall is wrong, or that the journal's future does not matter.
    pub accept_clock: bool,
    /// Judge the tail again although another engine version wrote it.
    pub refold: bool,
}

/// What start-up found, for the log and for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// A new journal was begun.
    pub fresh: bool,
    pub snapshot_seq: u64,
    pub replayed: u64,
    pub torn_bytes: u64,
    /// The last time in the journal: Davy was away from then on. `None` for a new journal.
    pub down_since: Option<Micros>,
    /// Records passed over because the fold cannot digest them.
    pub skipped: Vec<u64>,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Fold(#[from] FoldError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("snapshot at seq {seq}: {source}; move it away to start from an older one")]
    Restore { seq: u64, source: RestoreError },
    #[error("journal record {seq}: {source}")]
    Record { seq: u64, source: CodecError },
    #[error(
        "the journal ends at seq {head}, its newest snapshot stands at {snapshot}: the journal lost its end; restore \
         it, or move the data directory away and run `davy recover adopt` after the next start"
    )]
    BehindSnapshot { head: u64, snapshot: u64 },
    #[error(
        "the journal begins at seq {first}, but no snapshot reaches up to it; restore the snapshots directory, or move \
         the data directory away and run `davy recover adopt` after the next start"
    )]
    NoSnapshot { first: u64 },
    #[error(
        "spool {lane} ends at seq {found}, the snapshot says it held {promised}: effects were lost that the database may \
         not have; restore the spool directory, or move the data directory away and run `davy recover adopt` after the \
         next start"
    )]
    SpoolLost { lane: &'static str, found: u64, promised: u64 },
    #[error(
        "the journal is {ahead_s} s ahead of this machine's clock; set the clock, or, if it is right, start once with \
         --accept-clock (what `davy clock accept` is while Davy runs: its time then goes slower, never back, until both \
         agree; `davy clock status` says how long)"
    )]
    ClockBehind { ahead_s: i64 },
    #[error(
        "records after seq {seq} were judged by engine version {found}, this is version {ENGINE_VERSION}; start that \
         version once and stop it in order, or start with --refold (the tail is judged again and nothing is sent)"
    )]
    OtherEngine { seq: u64, found: u32 },
    #[error(
        "the fold panicked at seq {seq}: {message}; start again: a record that panics twice is quarantined and passed over"
    )]
    Panicked { seq: u64, message: String },
}

impl OpenError {
    /// Starting again would end the same way until somebody has decided something.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        match self {
            OpenError::Log(e) => {
                matches!(e, LogError::Corrupt { .. } | LogError::BadSegment { .. } | LogError::BadChecksum { .. })
            }
            OpenError::Fold(_) | OpenError::Panicked { .. } => false,
            _ => true,
        }
    }
}

/// What one attempt at replaying came to.
enum Replay {
    Done { replayed: u64 },
    Panicked { seq: u64, message: String },
}

impl<D: Disk> Fold<D> {
    /// Opens the data directory (the caller holds its lock) and brings the state up to the head of the journal.
    pub fn open(disk: D, options: &OpenOptions) -> Result<(Fold<D>, Opening), OpenError> {
        let mut skip = BTreeSet::new();
        loop {
            let (mut fold, mut opening) = Self::at_snapshot(disk.clone(), options)?;
            fold.make_room()?;
            match fold.replay(options, &skip)? {
                Replay::Panicked { seq, message } => {
                    if !fold.may_skip(seq)? {
                        fold.remember_panic(seq)?;
                        return Err(OpenError::Panicked { seq, message });
                    }
                    tracing::error!(seq, message, "record passed over: it made the fold panic");
                    skip.insert(seq);
                }
                Replay::Done { replayed } => {
                    opening.replayed = replayed;
                    opening.skipped = skip.iter().copied().collect();
                    fold.begin(options, &opening, &skip)?;
                    return Ok((fold, opening));
                }
            }
        }
    }

    /// Everything opened, the state as the newest valid snapshot has it, the spools cut back to that point.
    fn at_snapshot(disk: D, options: &OpenOptions) -> Result<(Fold<D>, Opening), OpenError> {
        let dir = options.dir.clone();
        let journal_options = JournalOptions {
            segment_bytes: options.segment_bytes,
            new_journal_id: options.new_journal_id.clone(),
            created: options.wall,
        };
        let (journal, found) = Journal::open(disk.clone(), dir.join("journal"), journal_options)?;
        let blobs = Blobs::open(disk.clone(), dir.join("journal").join("blobs"))?;
        let quota = Quota::open(disk.clone(), dir.clone(), options.quota_bytes)?;
        let snapshot = fitting_snapshot(&disk, &dir, &journal)?;
        let seq = snapshot.as_ref().map_or(0, |s| s.meta.seq);
        let spool = |lane| Spool::open(disk.clone(), dir.join("spool").join(lane), options.segment_bytes, seq);
        let (mut readings, mut business) = (spool("readings")?, spool("business")?);
        readings.cut_back_to(seq)?;
        business.cut_back_to(seq)?;
        let promised = snapshot.as_ref().map_or([0; 2], |s| s.meta.spool_heads);
        for (lane, found, promised) in [("readings", &readings, promised[0]), ("business", &business, promised[1])] {
            if found.head() < promised {
                return Err(OpenError::SpoolLost { lane, found: found.head(), promised });
            }
        }
        let mut fold = Fold {
            disk,
            dir,
            journal,
            readings,
            business,
            blobs,
            quota,
            state: State::new(),
            last_now: Micros::MIN,
            snapshot_seq: seq,
            head: watch::Sender::new(seq),
            cost: Cost::default(),
        };
        fold.head.send_replace(fold.journal.head());
        if let Some(snapshot) = snapshot {
            fold.restore(&snapshot)?;
        }
        let opening = Opening {
            fresh: fold.journal.head() == 0,
            snapshot_seq: seq,
            torn_bytes: found.torn_bytes,
            ..Opening::default()
        };
        Ok((fold, opening))
    }

    /// A start needs room too, and nobody else makes it then: on a full disk what the snapshot stands for can go.
    fn make_room(&mut self) -> Result<(), LogError> {
        if self.quota.level() == Level::Full {
            let freed = self.journal.drop_before(self.snapshot_seq.saturating_add(1))?;
            self.quota.freed(freed);
        }
        Ok(())
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), OpenError> {
        let mut failed = None;
        let mut load = |kind: &str, version: &str| {
            let kind = ContentKind::parse(kind)?;
            match self.content(&ContentRef { kind, hash: version.to_owned() }) {
                Ok(content) => Some(content),
                Err(e) => {
                    failed = Some(e);
                    None
                }
            }
        };
        let state = State::restore(&snapshot.state, &mut load);
        if let Some(e) = failed {
            return Err(e.into());
        }
        self.state = state.map_err(|source| OpenError::Restore { seq: snapshot.meta.seq, source })?;
        self.last_now = self.state.now();
        Ok(())
    }

    fn replay(&mut self, options: &OpenOptions, skip: &BTreeSet<u64>) -> Result<Replay, OpenError> {
        let from = self.snapshot_seq.saturating_add(1);
        let mut replayed: u64 = 0;
        for entry in self.journal.read(from) {
            let (seq, crc, payload) = entry?;
            let record = codec::decode_record(&payload).map_err(|source| OpenError::Record { seq, source })?;
            self.last_now = self.last_now.max(record.now);
            replayed = replayed.saturating_add(1);
            self.refuse_other_engine(seq, &record, options)?;
            if skip.contains(&seq) {
                continue;
            }
            let kept = Kept { seq, crc };
            match self.think(kept, &record) {
                Ok(effects) => self.project(kept, &effects)?,
                Err(FoldError::Panicked { seq, message }) => return Ok(Replay::Panicked { seq, message }),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(Replay::Done { replayed })
    }

    /// Records belong to the version that the last `Engine` input before them named.
    fn refuse_other_engine(
        &self,
        seq: u64,
        record: &crate::delivery::Record,
        options: &OpenOptions,
    ) -> Result<(), OpenError> {
        // Before the first record no version has judged anything.
        let found = self.state.engine_version().unwrap_or(ENGINE_VERSION);
        let names_version = record.inputs.iter().any(|i| matches!(i, Input::Engine { .. } | Input::Genesis { .. }));
        if found == ENGINE_VERSION || names_version || options.refold {
            return Ok(());
        }
        Err(OpenError::OtherEngine { seq: seq.saturating_sub(1), found })
    }

    /// The first records of this run: genesis of a new journal, a change of version, how long we were away.
    fn begin(&mut self, options: &OpenOptions, opening: &Opening, skip: &BTreeSet<u64>) -> Result<(), OpenError> {
        let ahead_us = if opening.fresh { 0 } else { self.last_now.since(options.wall) };
        if ahead_us > AHEAD_MAX_US && !options.accept_clock {
            return Err(OpenError::ClockBehind { ahead_s: ahead_us / SECOND_US });
        }
        let now = options.wall.max(self.last_now);
        let mut inputs = Vec::new();
        // Also when a crash came between a recovery's new name and the record that tells it to the fold.
        let journal_id = self.journal.identity().journal_id.clone();
        if self.state.journal_id() != Some(journal_id.as_str()) {
            inputs.push(Input::Genesis { journal_id, alarm_id_base: AlarmId::base_at(now) });
        }
        if self.state.engine_version() != Some(ENGINE_VERSION) {
            inputs.push(Input::Engine { version: ENGINE_VERSION });
        }
        for seq in self.unannounced(skip)? {
            inputs.push(Input::Skipped(self.skipped(seq)?));
        }
        if !opening.fresh {
            inputs.push(Input::Resumed { down_since: self.last_now });
        }
        self.commit(&Batch { now, inputs })?;
        Ok(())
    }
}

/// The newest readable snapshot that this journal continues.
fn fitting_snapshot<D: Disk>(
    disk: &D,
    dir: &std::path::Path,
    journal: &Journal<D>,
) -> Result<Option<Snapshot>, OpenError> {
    let (first, head) = (journal.first(), journal.head());
    for snapshot in snapshot::valid(disk, &snapshot_dir(dir))? {
        let SnapshotMeta { seq, journal_crc, .. } = snapshot.meta;
        if seq > head {
            return Err(OpenError::BehindSnapshot { head, snapshot: seq });
        }
        let continued = match journal.checksum(seq)? {
            Some(crc) => crc == journal_crc,
            // Given up already: the first record held must be the next one.
            None => first == seq.saturating_add(1),
        };
        if continued {
            return Ok(Some(snapshot));
        }
        tracing::error!(seq, "snapshot belongs to another journal: passed over");
    }
    if first > 1 { Err(OpenError::NoSnapshot { first }) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    /// A start at a wall of so many seconds, and whether it is let in.
    fn start(dir: &std::path::Path, wall_s: i64, accept_clock: bool) -> Result<Micros, OpenError> {
        let options = OpenOptions {
            dir: dir.into(),
            segment_bytes: 1 << 20,
            quota_bytes: 1 << 30,
            new_journal_id: "j".into(),
            wall: Micros(wall_s * SECOND_US),
            accept_clock,
            refold: false,
        };
        Fold::open(RealDisk, &options).map(|(fold, _)| fold.last_now())
    }

    #[test]
    fn a_journal_far_ahead_of_the_wall_waits_for_a_person() {
        let dir = std::env::temp_dir().join(format!("davy-open-{}", std::process::id()));
        let s = 1_795_590_000;
        assert_eq!(start(&dir, s, false).unwrap(), Micros(s * SECOND_US));
        assert_eq!(start(&dir, s - 60, false).unwrap(), Micros(s * SECOND_US), "a minute is slewed, never gone back");
        let refused = start(&dir, s - 61, false).unwrap_err();
        assert!(refused.needs_person());
        let text = refused.to_string();
        assert!(
            text.contains("61 s ahead") && text.contains("--accept-clock") && text.contains("davy clock"),
            "{text}"
        );
        assert_eq!(start(&dir, s - 7_200, true).unwrap(), Micros(s * SECOND_US), "its word: never back");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
