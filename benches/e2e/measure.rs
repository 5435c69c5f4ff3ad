//! One measurement: fresh broker, fresh database, one pipeline, one generator; warmed up, loaded, drained, counted.
//! Everything the broker confirmed must be in the table once, or there is no figure. I/O.

use crate::generator::Generator;
use crate::ground::{Ground, Site};
use crate::metrics::Page;
use crate::pipeline::{Counted, Kind, Pipeline, Setup};
use crate::plan::{Lag, Phase, Sent};
use crate::stream::{Seen, Stream};
use crate::usage;
use anyhow::{Context, bail, ensure};
use davy_tests::mosquitto::Mosquitto;
use ingest::clock::{Stopwatch, wall};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often we look how far the pipeline is: an error of so much in some ten seconds, to the disadvantage of Davy
/// alone (the naive pipeline says itself when it committed).
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A pipeline that commits nothing for so long hangs.
const STALL_S: f64 = 120.0;
/// After the last reading is stored the last alarm is on its way at most so long.
const ALARMS_S: f64 = 30.0;

/// What is done to a pipeline.
#[derive(Clone, Debug)]
pub struct Load {
    pub kind: Kind,
    pub snapshot_every_s: u32,
    pub connections: usize,
    pub warm_up: Option<Phase>,
    pub phase: Phase,
}

#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub kind: Kind,
    pub messages: u64,
    pub readings: u64,
    pub counted: Counted,
    /// From the first message to the last commit, draining included.
    pub seconds: f64,
    pub readings_per_s: f64,
    /// While the load lasted, without its first quarter.
    pub sustained_per_s: f64,
    pub send_lag: Lag,
    /// Microseconds of CPU a reading by process.
    pub cpu_us: BTreeMap<&'static str, f64>,
    /// Of Davy, by thread: microseconds of CPU a reading.
    pub thread_us: BTreeMap<String, f64>,
    /// Of Davy, by verb: microseconds of wall time a reading; waiting in fdatasync apart.
    pub verb_us: BTreeMap<String, f64>,
    pub memory_bytes: u64,
    #[serde(skip)]
    pub pages: Option<[Page; 2]>,
    #[serde(skip)]
    pub sent: Sent,
    #[serde(skip)]
    pub seen: Seen,
}

struct Scene {
    broker: Mosquitto,
    pipeline: Pipeline,
    generator: Generator,
    stream: Option<Stream>,
}

/// CPU seconds of everybody at one moment.
struct Usage {
    processes: BTreeMap<&'static str, f64>,
    threads: BTreeMap<String, f64>,
}

/// What became of one phase.
struct Course {
    sent: Sent,
    /// Wall clock in microseconds, readings committed in this phase.
    curve: Vec<(i64, u64)>,
}

pub fn measure(ground: &Ground, site: &Site, load: &Load) -> anyhow::Result<Measured> {
    let broker = ground.broker()?;
    let setup = Setup { kind: load.kind, mqtt_port: broker.port(), snapshot_every_s: load.snapshot_every_s };
    let pipeline = Pipeline::start(ground, site, &setup)?;
    let generator = Generator::start(site, broker.port(), load.connections)?;
    let stream = match (pipeline.place(), load.phase.flames_per_s) {
        (Some(place), Some(_)) => Some(Stream::open(place)?),
        _ => None,
    };
    let mut scene = Scene { broker, pipeline, generator, stream };
    let warm = match &load.warm_up {
        Some(phase) => scene.play(phase, 0)?.sent.accepted_readings,
        None => 0,
    };
    // Every measurement begins with clean buffers, whatever the one before left.
    ground.sql("postgres", "CHECKPOINT")?;
    let before = scene.usage(ground)?;
    let page = scene.page()?;
    let course = scene.play(&load.phase, warm)?;
    let after = scene.usage(ground)?;
    let pages = page.zip(scene.page()?).map(|(before, after)| [before, after]);
    let memory_bytes = usage::memory(scene.pipeline.pid());
    let seen = scene.alarms(&course.sent)?;
    let Scene { broker, pipeline, generator, .. } = scene;
    generator.finish()?;
    let counted = pipeline.finish(ground)?;
    drop(broker);
    let accepted = warm + course.sent.accepted_readings;
    ensure!(
        counted.rows == accepted && counted.distinct == accepted,
        "{}: the broker confirmed {accepted} readings, the table has {} rows and {} different ones",
        load.kind.name(),
        counted.rows,
        counted.distinct
    );
    Ok(Measured::new(load.kind, course, (counted, memory_bytes))
        .with_usage(&before, &after)
        .with_verbs(pages)
        .with_seen(seen))
}

impl Scene {
    /// Plays a phase until all of it is in the database. `base` = readings committed before it.
    fn play(&mut self, phase: &Phase, base: u64) -> anyhow::Result<Course> {
        self.generator.go(phase)?;
        let mut curve = vec![(wall().0, 0)];
        let mut sent: Option<Sent> = None;
        let mut progress = (Stopwatch::start(), 0);
        loop {
            match &sent {
                None => sent = self.generator.sent(LOOK_EVERY)?,
                // Nobody tells us when the last one is stored.
                Some(_) => std::thread::park_timeout(LOOK_EVERY),
            }
            let (rows, at_us) = self.pipeline.committed()?;
            let committed = rows.saturating_sub(base);
            if committed > progress.1 {
                progress = (Stopwatch::start(), committed);
                curve.push((at_us, committed));
                if sent.is_none() {
                    self.generator.committed(committed)?;
                }
            }
            if let Some(sent) = sent.take_if(|sent| committed >= sent.accepted_readings) {
                return Ok(Course { sent, curve });
            }
            if progress.0.seconds() > STALL_S {
                bail!("nothing was committed for {STALL_S} s, {committed} readings so far; sent: {sent:?}");
            }
        }
    }

    fn usage(&self, ground: &Ground) -> anyhow::Result<Usage> {
        let pipeline = self.pipeline.pid();
        let pids = [
            ("generator", self.generator.pid()),
            ("broker", self.broker.pid().context("the broker has ended")?),
            ("pipeline", pipeline),
            ("postgres", ground.cluster.pid().context("the database has ended")?),
        ];
        let processes = pids.into_iter().map(|(name, pid)| Ok((name, usage::of_tree(pid)?)));
        Ok(Usage { processes: processes.collect::<anyhow::Result<_>>()?, threads: usage::by_thread(pipeline) })
    }

    fn page(&self) -> anyhow::Result<Option<Page>> {
        self.pipeline.place().map(Page::read).transpose()
    }

    /// Waits until every flame has been seen as a red alarm.
    fn alarms(&self, sent: &Sent) -> anyhow::Result<Seen> {
        let Some(stream) = &self.stream else { return Ok(Seen::new()) };
        let waiting = Stopwatch::start();
        loop {
            let seen = stream.seen();
            if seen.len() >= sent.flames.len() {
                return Ok(seen);
            }
            if waiting.seconds() > ALARMS_S {
                bail!("{} flames were sent, {} red alarms seen", sent.flames.len(), seen.len());
            }
            // The next event is noted by another thread.
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

impl Measured {
    #[allow(clippy::cast_precision_loss)]
    fn new(kind: Kind, course: Course, (counted, memory_bytes): (Counted, u64)) -> Measured {
        let Course { sent, curve } = course;
        let span = |from: i64, to: i64| (to - from).max(1) as f64 / 1e6;
        let end_us = curve.last().map_or(sent.last_us, |(at_us, _)| *at_us);
        let seconds = span(sent.first_us, end_us);
        // Between the look after a quarter of the load and the last one before its end.
        let quarter_us = sent.first_us + (sent.last_us - sent.first_us) / 4;
        let from = curve.iter().find(|(at_us, _)| *at_us >= quarter_us);
        let to = curve.iter().rev().find(|(at_us, _)| *at_us <= sent.last_us);
        let sustained_per_s = match (from, to) {
            (Some((from_us, from)), Some((to_us, to))) if to_us > from_us => {
                (to - from) as f64 / span(*from_us, *to_us)
            }
            _ => 0.0,
        };
        Measured {
            kind,
            messages: sent.accepted_messages,
            readings: sent.accepted_readings,
            counted,
            seconds,
            readings_per_s: sent.accepted_readings as f64 / seconds,
            sustained_per_s,
            send_lag: sent.lag,
            cpu_us: BTreeMap::new(),
            thread_us: BTreeMap::new(),
            verb_us: BTreeMap::new(),
            memory_bytes,
            pages: None,
            sent,
            seen: Seen::new(),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn with_usage(mut self, before: &Usage, after: &Usage) -> Measured {
        let readings = self.readings.max(1) as f64;
        let grown =
            |after: f64, before: Option<&f64>| (after - before.copied().unwrap_or(0.0)).max(0.0) * 1e6 / readings;
        for (name, seconds) in &after.processes {
            self.cpu_us.insert(name, grown(*seconds, before.processes.get(name)));
        }
        if self.kind == Kind::Davy {
            for (name, seconds) in &after.threads {
                self.thread_us.insert(name.clone(), grown(*seconds, before.threads.get(name)));
            }
        }
        self
    }

    #[allow(clippy::cast_precision_loss)]
    fn with_verbs(mut self, pages: Option<[Page; 2]>) -> Measured {
        if let Some([before, after]) = &pages {
            let readings = self.readings.max(1) as f64;
            for (name, metric, labels) in VERBS {
                let spread = after.since(before, metric, labels);
                self.verb_us.insert(name.to_owned(), spread.sum_s * 1e6 / readings);
            }
        }
        self.pages = pages;
        self
    }

    fn with_seen(mut self, seen: Seen) -> Measured {
        self.seen = seen;
        self
    }
}

/// What the loop does, by its name here, and where Davy counts its time.
pub const VERBS: [(&str, &str, &str); 7] = [
    ("keep", "davy_verb_seconds", "verb=\"keep\""),
    ("fdatasync", "davy_journal_fsync_seconds", ""),
    ("answer", "davy_verb_seconds", "verb=\"answer\""),
    ("think", "davy_verb_seconds", "verb=\"think\""),
    ("tell", "davy_verb_seconds", "verb=\"tell\""),
    ("project", "davy_verb_seconds", "verb=\"project\""),
    ("tidy", "davy_housekeeping_seconds", ""),
];
