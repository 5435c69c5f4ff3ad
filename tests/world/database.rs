//! A database as Davy may meet it: transactional, sometimes away, sometimes committing and losing the answer. Holds
//! rows the way an archive must: late ones compared, fast ones taken without a look. In memory, deterministic. Pure.

use alerting::alarm::AlarmChange;
use alerting::effect::{Business, Columns, NO_TIME};
use ingest::store::error::StoreError;
use ingest::store::lane::{Applied, Archive, Counts, Lane, LaneRecord, Position};
use ingest::store::refusal::{Ours, judge};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// (point number, device time, value bits, quality): the identity of a reading.
type Row = (u32, i64, u64, u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// Refuses connections and fails every transaction.
    Away,
    /// Fails before it commits.
    FailsBefore,
    /// Commits, and the answer is lost.
    LosesReply,
}

#[derive(Debug)]
pub struct Tables {
    pub mood: Mood,
    pub rows: BTreeMap<Row, u32>,
    pub findings: u32,
    pub points: BTreeMap<u32, String>,
    pub changes: BTreeMap<(u64, u32), AlarmChange>,
    /// (seq, index) of every quarantined message, with its payload.
    pub quarantine: BTreeMap<(u64, u32), Vec<u8>>,
    positions: BTreeMap<Lane, Position>,
}

#[derive(Clone)]
pub struct Database(pub Arc<Mutex<Tables>>);

/// One lane's session.
pub struct Session {
    database: Database,
    lane: Lane,
}

impl Database {
    pub fn new() -> Database {
        let position = |lane| Position {
            lane,
            journal_id: String::new(),
            applied_seq: 0,
            record_crc: None,
            late_until: 0,
            owner_epoch: 0,
        };
        Database(Arc::new(Mutex::new(Tables {
            mood: Mood::Well,
            findings: 0,
            rows: BTreeMap::new(),
            points: BTreeMap::new(),
            changes: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            positions: Lane::ALL.into_iter().map(|lane| (lane, position(lane))).collect(),
        })))
    }

    pub fn session(&self, lane: Lane) -> Session {
        Session { database: self.clone(), lane }
    }

    pub fn with<T>(&self, act: impl FnOnce(&mut Tables) -> T) -> T {
        act(&mut self.0.lock().expect("one thread"))
    }
}

impl Archive for Session {
    async fn claim(&mut self, ours: &Ours<'_>) -> Result<Position, StoreError> {
        self.database.with(|tables| {
            if tables.mood == Mood::Away {
                return Err(StoreError::Wait("simulated: away".into()));
            }
            let stored = tables.positions.get_mut(&self.lane).expect("both lanes");
            let mut agreed = judge(stored, ours).map_err(StoreError::Refuse)?;
            agreed.owner_epoch += 1;
            *stored = agreed.clone();
            Ok(agreed)
        })
    }

    async fn apply(&mut self, from: &Position, chunk: &[LaneRecord]) -> Result<Applied, StoreError> {
        self.database.with(|tables| {
            if matches!(tables.mood, Mood::Away | Mood::FailsBefore) {
                return Err(StoreError::Wait("simulated: before the commit".into()));
            }
            let stored = &tables.positions[&self.lane];
            assert_eq!(stored, from, "a projector applies from where it stands");
            let last = chunk.last().expect("not empty");
            for record in chunk {
                assert!(record.seq > from.applied_seq, "nothing is applied twice");
                match self.lane {
                    Lane::Readings => tables.store(record),
                    Lane::Business => tables.keep(record),
                }
            }
            let position = Position { applied_seq: last.seq, record_crc: Some(last.journal_crc), ..from.clone() };
            tables.positions.insert(self.lane, position.clone());
            if tables.mood == Mood::LosesReply {
                return Err(StoreError::Wait("simulated: the answer was lost".into()));
            }
            Ok(Applied { position, counts: Counts::default(), rejected: None })
        })
    }

    async fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Tables {
    fn store(&mut self, record: &LaneRecord) {
        let stored = record.readings().expect("the spool is readable");
        for row in rows(&stored.fast) {
            *self.rows.entry(row).or_default() += 1;
        }
        for row in rows(&stored.late) {
            self.rows.entry(row).or_insert(1);
        }
    }

    fn keep(&mut self, record: &LaneRecord) {
        for (index, effect) in record.business().expect("the spool is readable") {
            let key = (record.seq, index);
            match effect {
                Business::Alarm(change) => assert!(self.changes.insert(key, *change).is_none(), "{key:?} twice"),
                Business::Quarantined(q) => {
                    assert!(self.quarantine.insert(key, q.payload.to_vec()).is_none(), "{key:?} twice");
                }
                Business::PointNumbered { point, key } => {
                    self.points.insert(point.0, key.point);
                }
                Business::Finding(_) => self.findings += 1,
                Business::Filing(_)
                | Business::Acceptance(_)
                | Business::CoverageDay(_)
                | Business::Sealed(_)
                | Business::Hazard(_)
                | Business::Figure(_) => {}
                Business::Registered { .. }
                | Business::RulesActivated { .. }
                | Business::Replayed { .. }
                | Business::RuleDecision(_) => {}
            }
        }
    }
}

fn rows(columns: &Columns) -> impl Iterator<Item = Row> + '_ {
    (0..columns.len()).map(|n| {
        assert_ne!(columns.device_us[n], NO_TIME, "the plants always send a time");
        (columns.point[n], columns.device_us[n], columns.value[n].to_bits(), columns.quality[n])
    })
}
