//! History out of a journal: every message as it arrived, every order, every outage. Read beside a running Davy, without
//! its lock. Must not know the fold. I/O.

use super::version::blob;
use super::{Course, Named, Portion, Source, Thing};
use crate::clock::Stopwatch;
use crate::codec;
use crate::delivery::{ContentKind, ContentRef, Delivery, Record};
use crate::disk::RealDisk;
use crate::engine::content;
use crate::journal::Reader;
use alerting::command::Order;
use alerting::input::{Content, Input};
use anyhow::{Context, bail};
use rules::reading::Micros;
use rules::registry::Registry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many records a portion, as far as they are there.
const PORTION_RECORDS: usize = 64;

/// What a journal says of itself.
pub struct Prelude {
    pub dir: PathBuf,
    pub first: Micros,
    /// In the order in which they came into force.
    pub registries: Vec<(Micros, Arc<Named<Registry>>)>,
    pub rule_sets: Vec<(String, Micros)>,
    /// People's signatures name alarms by numbers that only the fold of then knows.
    pub signatures: u64,
    /// Recoveries and records passed over.
    pub mended: u64,
}

/// The directory of the journal itself: `dir`, or below it where `dir` is a data directory.
#[must_use]
pub fn directory(dir: &Path) -> PathBuf {
    let below = dir.join("journal");
    if below.is_dir() { below } else { dir.to_owned() }
}

/// Reads every record once, for what came into force.
pub fn prelude(dir: &Path, to: Micros) -> anyhow::Result<Prelude> {
    let dir = directory(dir);
    let mut prelude = Prelude {
        dir: dir.clone(),
        first: Micros::MAX,
        registries: Vec::new(),
        rule_sets: Vec::new(),
        signatures: 0,
        mended: 0,
    };
    for entry in Reader::new(RealDisk, dir.clone(), 0) {
        let (seq, _, payload) = entry?;
        let record = codec::decode_record(&payload).with_context(|| format!("journal record {seq}"))?;
        if record.now >= to {
            break;
        }
        prelude.first = prelude.first.min(record.now);
        for input in &record.inputs {
            prelude.note(input, record.now)?;
        }
    }
    if prelude.first == Micros::MAX {
        bail!("{} holds no journal record of that time", dir.display());
    }
    Ok(prelude)
}

impl Prelude {
    fn note(&mut self, input: &Input<Delivery, ContentRef>, now: Micros) -> anyhow::Result<()> {
        match input {
            Input::Activate(ContentRef { kind: ContentKind::Rules, hash }) => self.rule_sets.push((hash.clone(), now)),
            Input::Activate(named @ ContentRef { kind: ContentKind::Registry, .. }) => {
                if let Content::Registry { version, registry } = load(&self.dir, named)? {
                    let content = Registry::clone(&registry);
                    self.registries.push((now, Arc::new(Named { version, content })));
                }
            }
            Input::Command(command) if matches!(command.order, Order::Acknowledge { .. }) => {
                self.signatures = self.signatures.saturating_add(1);
            }
            Input::Adopted(_) | Input::AdoptedLedger(_) | Input::Skipped(_) => {
                self.mended = self.mended.saturating_add(1);
            }
            _ => {}
        }
        Ok(())
    }
}

fn load(dir: &Path, named: &ContentRef) -> anyhow::Result<Content> {
    Ok(content::load(named, &|hash| blob(&dir.join("blobs"), hash))?)
}

/// Records from the first one of the course on.
pub struct JournalSource {
    reader: Reader<RealDisk>,
    dir: PathBuf,
    course: Course,
}

impl JournalSource {
    #[must_use]
    pub fn new(prelude: &Prelude, course: Course) -> JournalSource {
        JournalSource { reader: Reader::new(RealDisk, prelude.dir.clone(), 0), dir: prelude.dir.clone(), course }
    }
}

/// What of a record happened within the course.
fn things(dir: &Path, course: &Course, record: Record, portion: &mut Portion) -> anyhow::Result<()> {
    let now = record.now;
    for input in record.inputs {
        let (at, thing) = match input {
            Input::Delivery(delivery) => (delivery.received, Thing::Delivery(delivery)),
            Input::Replayed(message) => (now, Thing::Replayed(Box::new(message))),
            Input::Activate(named) => match load(dir, &named)? {
                Content::Registry { version, registry } => {
                    let content = Registry::clone(&registry);
                    (now, Thing::Registry(Arc::new(Named { version, content })))
                }
                Content::Limits { version, limits } => {
                    let content = alerting::input::FoldLimits::clone(&limits);
                    (now, Thing::Limits(Arc::new(Named { version, content })))
                }
                // Which rules judge is what is tried.
                Content::Rules { .. } => continue,
            },
            Input::Command(command) if matches!(command.order, Order::Acknowledge { .. }) => continue,
            Input::Command(command) => (command.received, Thing::Command(Box::new(command))),
            Input::Link(link) => (now, Thing::Link(link)),
            Input::Resumed { down_since } => (now, Thing::Back { down_since: Some(down_since) }),
            // The fold tried names itself, wakes itself, and is not mended.
            Input::Genesis { .. }
            | Input::Engine { .. }
            | Input::Tick
            | Input::SystemFault(_)
            | Input::Adopted(_)
            | Input::AdoptedLedger(_)
            | Input::Skipped(_) => continue,
        };
        if at >= course.begin && at < course.to {
            portion.things.push((at, thing));
        }
    }
    Ok(())
}

impl Source for JournalSource {
    fn portion(&mut self) -> anyhow::Result<Option<Portion>> {
        let watch = Stopwatch::start();
        let mut portion = Portion::default();
        let mut records: usize = 0;
        for entry in self.reader.by_ref().take(PORTION_RECORDS) {
            let (seq, _, payload) = entry?;
            let record = codec::decode_record(&payload).with_context(|| format!("journal record {seq}"))?;
            records = records.saturating_add(1);
            portion.until = record.now;
            if record.now >= self.course.begin {
                things(&self.dir, &self.course, record, &mut portion)?;
            }
            if portion.until >= self.course.to {
                break;
            }
        }
        portion.seconds = watch.seconds();
        let is_over = records == 0 || portion.until >= self.course.to;
        if is_over && portion.things.is_empty() {
            return Ok(None);
        }
        Ok(Some(portion))
    }
}
