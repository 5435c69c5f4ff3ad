//! What every test of the store stands on: a database of its own, and stand-ins for spool and journal.
//! Must not judge anything. I/O.

use alerting::alarm::{Alarm, AlarmChange, AlarmId, AlarmState, Cause, Object};
use alerting::effect::{Business, Columns, NO_TIME, StoredReadings};
use davy_tests::postgres::{Backend, Cluster};
use davy_tests::suite;
use ingest::store::archive::PostgresArchive;
use ingest::store::connection::{Connection, Purpose};
use ingest::store::lane::{Archive, Backlog, Evidence, Lane, LaneRecord, Position};
use ingest::store::memory::Memory;
use ingest::store::migrate::migrate;
use ingest::store::projector::{Advance, Doors, Projector};
use ingest::store::refusal::Ours;
use rules::reading::{Micros, PointId, Severity};
use rules::registry::Text;
use rules::view::PointKey;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use tokio::sync::watch;
use tokio_postgres::Client;

pub const T0: i64 = 1_763_900_000_000_000;
pub const SECOND: i64 = 1_000_000;
pub const JOURNAL: &str = "journal-a";

pub struct Place {
    pub cluster: Arc<Cluster>,
    pub dbname: String,
}

impl Place {
    /// A migrated database, or `None` after having said why the suite is skipped.
    pub async fn new() -> Option<Place> {
        let place = Place::bare()?;
        migrate(&place.connection("davy_owner")).await.unwrap();
        Some(place)
    }

    /// The same, for what is true of PostgreSQL alone: partitions, marks, rollups by Davy.
    pub async fn plain() -> Option<Place> {
        match Backend::asked_for() {
            Backend::Postgresql => Place::new().await,
            Backend::Timescaledb => None,
        }
    }

    pub fn bare() -> Option<Place> {
        static SAID: Once = Once::new();
        match Cluster::shared() {
            Ok(cluster) => {
                SAID.call_once(|| suite::ran("store", Backend::asked_for().name()));
                let dbname = cluster.database().unwrap();
                Some(Place { cluster, dbname })
            }
            Err(why) => {
                SAID.call_once(|| suite::skip("store", Backend::asked_for().name(), &why));
                None
            }
        }
    }

    pub fn connection(&self, role: &str) -> Connection {
        self.cluster.connection(role, &self.dbname)
    }

    pub async fn client(&self, role: &str) -> Client {
        self.connection(role).open(Purpose::Inspect).await.unwrap()
    }

    pub fn archive(&self, lane: Lane) -> PostgresArchive {
        PostgresArchive::new(self.connection("davy_writer"), lane)
    }

    /// An archive that has claimed its lane for a journal without a past.
    pub async fn claimed(&self, lane: Lane) -> (PostgresArchive, Position) {
        let mut archive = self.archive(lane);
        let position = archive.claim(&ours()).await.unwrap();
        (archive, position)
    }

    /// Points `0..count` of enterprise `e1`, numbered by a business record of seq 1.
    pub async fn with_points(&self, count: u32) -> &Place {
        let (mut archive, position) = self.claimed(Lane::Business).await;
        archive.apply(&position, &[business(1, numbering(count))]).await.unwrap();
        self
    }

    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.dbname, sql).unwrap()
    }

    pub fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }
}

/// A journal that agrees with everything.
pub fn ours() -> Ours<'static> {
    Ours { journal_id: JOURNAL, head: u64::MAX, base: 0, shed: &[], remembered: None, checksum: &|_| None }
}

pub fn numbering(count: u32) -> Vec<Business> {
    let key = |n: u32| PointKey { enterprise: "e1".to_owned(), point: format!("p{n}") };
    (0..count).map(|n| Business::PointNumbered { point: PointId(n), key: key(n) }).collect()
}

pub fn crc(seq: u64) -> u32 {
    u32::try_from(seq % 1_000_000).unwrap() + 17
}

pub fn business(seq: u64, effects: Vec<Business>) -> LaneRecord {
    let effects: Vec<(u32, Business)> = (0..).zip(effects).collect();
    LaneRecord { seq, journal_crc: crc(seq), payload: postcard::to_stdvec(&effects).unwrap() }
}

/// One reading as the fold hands it over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct R {
    pub point: u32,
    pub device: Option<i64>,
    pub event: i64,
    pub received: i64,
    pub value: f64,
    pub flags: u8,
}

/// Believed, sent at `device`, received a second later.
pub fn r(point: u32, device: i64, value: f64) -> R {
    R { point, device: Some(device), event: device, received: device + SECOND, value, flags: 0 }
}

pub fn columns(rows: &[R]) -> Columns {
    Columns {
        point: rows.iter().map(|r| r.point).collect(),
        event_us: rows.iter().map(|r| r.event).collect(),
        value: rows.iter().map(|r| r.value).collect(),
        quality: rows.iter().map(|_| 0).collect(),
        device_us: rows.iter().map(|r| r.device.unwrap_or(NO_TIME)).collect(),
        received_us: rows.iter().map(|r| r.received).collect(),
        flags: rows.iter().map(|r| r.flags).collect(),
    }
}

pub fn readings(seq: u64, fast: &[R], late: &[R]) -> LaneRecord {
    let stored = StoredReadings { fast: columns(fast), late: columns(late), duplicates: 0 };
    LaneRecord { seq, journal_crc: crc(seq), payload: postcard::to_stdvec(&stored).unwrap() }
}

pub fn alarm(id: u64, state: AlarmState) -> Alarm {
    let text = Text { zh: "可燃气体".to_owned(), en: "gas".to_owned() };
    Alarm {
        id: AlarmId(id),
        rule: "HC-11".to_owned(),
        name: text.clone(),
        object: Object { enterprise: Some("e1".to_owned()), equipment: None, point: Some(format!("p{id}")) },
        severity: Severity::Red,
        state,
        value: Some(0.1 + 0.2),
        worst: Some(51.0),
        limit: None,
        since: Micros(T0 - 1),
        raised_at: Micros(T0),
        last_at: Micros(T0 + 1),
        acked_at: None,
        acked_by: None,
        cleared_at: None,
        closed_at: (state == AlarmState::Normal).then_some(Micros(T0 + SECOND)),
        count: 1,
        rule_set: "v1".to_owned(),
        text,
    }
}

pub fn change(from: AlarmState, alarm: Alarm, cause: Cause) -> Business {
    let (at, to) = (Micros(T0), alarm.state);
    Business::Alarm(Box::new(AlarmChange { at, from, to, cause, by: None, comment: None, alarm }))
}

/// A spool in memory, shared by whoever appends and by the projector.
#[derive(Clone)]
pub struct Spool {
    records: Arc<Mutex<Vec<LaneRecord>>>,
    base: Arc<AtomicU64>,
    head: Arc<watch::Sender<u64>>,
}

impl Spool {
    pub fn new() -> Spool {
        Spool { records: Arc::default(), base: Arc::default(), head: Arc::new(watch::Sender::new(0)) }
    }

    pub fn with(records: Vec<LaneRecord>) -> Spool {
        let spool = Spool::new();
        records.into_iter().for_each(|record| spool.append(record));
        spool
    }

    pub fn append(&self, record: LaneRecord) {
        let seq = record.seq;
        self.records.lock().unwrap().push(record);
        self.head.send_replace(seq);
    }
}

impl Backlog for Spool {
    fn base(&self) -> u64 {
        self.base.load(Ordering::SeqCst)
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    fn read_after(&mut self, seq: u64, bytes_max: usize) -> io::Result<Vec<LaneRecord>> {
        let mut bytes = 0;
        let records = self.records.lock().unwrap();
        let after = records.iter().filter(|record| record.seq > seq);
        let chunk = after.take_while(|record| {
            let first = bytes == 0;
            bytes += record.payload.len();
            first || bytes <= bytes_max
        });
        Ok(chunk.cloned().collect())
    }

    fn release(&mut self, seq: u64) -> io::Result<()> {
        self.records.lock().unwrap().retain(|record| record.seq > seq);
        self.base.store(seq, Ordering::SeqCst);
        Ok(())
    }
}

/// A journal by its facts.
pub struct Journal {
    pub id: Mutex<String>,
    pub head: AtomicU64,
}

impl Journal {
    pub fn new(id: &str, head: u64) -> Arc<Journal> {
        Arc::new(Journal { id: Mutex::new(id.to_owned()), head: AtomicU64::new(head) })
    }
}

impl Evidence for Journal {
    fn journal_id(&self) -> String {
        self.id.lock().unwrap().clone()
    }

    fn head(&self) -> u64 {
        self.head.load(Ordering::SeqCst)
    }

    fn checksum(&self, seq: u64) -> Option<u32> {
        (seq > 0).then(|| crc(seq))
    }
}

/// A fresh place for `projection.json`.
pub fn memory_path() -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let number = FILES.fetch_add(1, Ordering::SeqCst);
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("projection-{}-{number}.json", std::process::id()))
}

pub type Lane1 = Projector<PostgresArchive, Spool>;

impl Place {
    pub fn projector(&self, lane: Lane, spool: &Spool, journal: &Arc<Journal>, memory: &Arc<Memory>) -> Lane1 {
        let (archive, backlog) = (self.archive(lane), spool.clone());
        Projector::new(lane, Doors { archive, backlog, evidence: journal.clone(), memory: memory.clone() })
    }
}

/// Steps until there is nothing more to apply; what stopped it.
pub async fn drain(projector: &mut Lane1) -> Advance {
    loop {
        match projector.advance().await {
            Advance::Applied => {}
            other => return other,
        }
    }
}
