//! Plays the past into a data directory through the very path that readings take live: decoder, journal, fold, spools.
//! Only the broker is left out, and the clock, which is the past's own. I/O.

use super::story::SIGNER;
use super::{Happening, Past, registry_of_the_past};
use crate::clock::Stopwatch;
use crate::delivery::{ContentKind, ContentRef, Record};
use crate::disk::RealDisk;
use crate::engine::content::{RuleFile, RuleFiles};
use crate::engine::fold::Fold;
use crate::engine::open::OpenOptions;
use crate::seeds;
use alerting::alarm::{AlarmId, AlarmState, Cause};
use alerting::command::{Actor, Command, Order};
use alerting::effect::{Business, Effects};
use alerting::input::{Batch, FoldLimits, Input};
use rules::reading::{Micros, SECOND_US, Severity};
use rules::registry::Registry;
use rules::set::Source;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Records of the past hold so much of it: the fold lets time pass within them as it does between them.
const RECORD_US: i64 = 300 * SECOND_US;
/// And so much at most, as records do live.
const RECORD_BYTES: usize = 1 << 20;
/// A little of the present is left for whoever starts Davy next.
const BEFORE_NOW_US: i64 = 10 * SECOND_US;

/// What is to be played.
pub struct HistoryOptions {
    pub open: OpenOptions,
    pub registry: Registry,
    pub rules: Vec<Source>,
    pub limits: FoldLimits,
    /// Until shortly before then.
    pub end: Micros,
    pub days: u16,
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    pub readings: u64,
    pub messages: u64,
    pub records: u64,
    pub alarms: u64,
    pub days: u16,
}

/// No past can be written here.
#[derive(Debug, thiserror::Error)]
pub enum NotEmpty {
    #[error(
        "the journal is not empty: a simulated past can only come before everything else; take a new data directory"
    )]
    Journal,
    #[error("{0} holds a simulated past that was cut off; remove the directory, and write it again")]
    CutOff(String),
}

/// Lies in the data directory while the past is being written; whoever finds it later finds half a past.
#[must_use]
pub fn unfinished(dir: &Path) -> PathBuf {
    dir.join("history-unfinished")
}

/// Plays it; `say` hears how far it is, day by day.
pub fn play(options: HistoryOptions, say: &mut dyn FnMut(&Played, f64)) -> anyhow::Result<Played> {
    let watch = Stopwatch::start();
    let HistoryOptions { open, registry, rules, limits, end, days, seed } = options;
    let past_registry = Arc::new(registry_of_the_past(&registry));
    let mut past = Past::new(&past_registry, (end.plus(-BEFORE_NOW_US), days), seed)?;
    let begun = past.begun();
    let mark = unfinished(&open.dir);
    if mark.exists() {
        return Err(NotEmpty::CutOff(open.dir.display().to_string()).into());
    }
    if open.dir.join("journal").exists() {
        return Err(NotEmpty::Journal.into());
    }
    std::fs::write(&mark, b"davy simulate --history\n")?;
    let (mut fold, _) = Fold::open(RealDisk, &OpenOptions { wall: begun, ..open })?;
    activate(&mut fold, (&past_registry, rules, &limits), begun)?;
    let mut played = Played { days, ..Played::default() };
    let mut said = 0;
    let mut gathered = Gathered::default();
    let mut duty = Duty::default();
    loop {
        let next = past.next();
        while let Some(signed) = duty.next_before(next.as_ref()) {
            gathered.push(signed);
        }
        let cut = next.as_ref().is_none_or(|next| gathered.is_full(next));
        if cut && let Some(record) = gathered.take() {
            let now = record.now;
            let (_, effects) = fold.commit(&record)?;
            played.count(&record, &effects);
            duty.hear(&effects);
            let day = now.since(begun) / (86_400 * SECOND_US);
            if day > said {
                said = day;
                say(&played, watch.seconds());
            }
        }
        match next {
            Some(next) => gathered.push(next),
            None => break,
        }
    }
    fold.snapshot()?.run()?;
    std::fs::remove_file(&mark)?;
    Ok(played)
}

/// The duty officer of the play: signs for what calls him, after a while that is longer than a record.
#[derive(Default)]
struct Duty {
    to_sign: BTreeSet<(Micros, AlarmId)>,
}

const SIGNED_AFTER_US: i64 = 600 * SECOND_US;

impl Duty {
    fn hear(&mut self, effects: &Effects) {
        for effect in &effects.business {
            let Business::Alarm(change) = effect else { continue };
            if change.to == AlarmState::Unacknowledged && change.alarm.severity >= Severity::Yellow {
                self.to_sign.insert((change.at.plus(SIGNED_AFTER_US), change.alarm.id));
            }
        }
    }

    /// What he signs before the next thing happens.
    fn next_before(&mut self, next: Option<&Happening>) -> Option<Happening> {
        let due = self.to_sign.first().copied().filter(|(due, _)| next.is_some_and(|next| *due <= next.at()))?;
        self.to_sign.remove(&due);
        let (received, alarm) = due;
        let by = Actor { name: SIGNER.to_owned(), authenticated: false };
        let order = Order::Acknowledge { alarm, comment: String::new() };
        let key = format!("history-sign-{}-{}", alarm.0, received.0);
        Some(Happening::Command(Box::new(Command { key, received, by, order })))
    }
}

/// Registry, limits and rules, as at a start.
fn activate(
    fold: &mut Fold<RealDisk>,
    (registry, rules, limits): (&Registry, Vec<Source>, &FoldLimits),
    now: Micros,
) -> anyhow::Result<()> {
    let registry = fold.store_content(ContentKind::Registry, &seeds::canonical(registry))?;
    let limits = fold.store_content(ContentKind::Limits, &serde_json::to_vec(limits)?)?;
    let files = rules.into_iter().map(|Source { file, text }| RuleFile { file, text }).collect();
    let rules = RuleFiles { files, registry: registry.hash.clone() };
    let rules = fold.store_content(ContentKind::Rules, &serde_json::to_vec(&rules)?)?;
    for reference in [limits, registry, rules] {
        commit_one(fold, reference, now)?;
    }
    Ok(())
}

fn commit_one(fold: &mut Fold<RealDisk>, reference: ContentRef, now: Micros) -> anyhow::Result<()> {
    let now = now.max(fold.last_now());
    fold.commit(&Batch { now, inputs: vec![Input::Activate(reference)] })?;
    Ok(())
}

/// Happenings on their way into one record.
#[derive(Default)]
struct Gathered {
    inputs: Vec<Input<crate::delivery::Delivery, ContentRef>>,
    from: Option<Micros>,
    last: Micros,
    bytes: usize,
}

impl Gathered {
    fn is_full(&self, next: &Happening) -> bool {
        let lasts = self.from.is_some_and(|from| next.at().since(from) >= RECORD_US);
        lasts || self.bytes >= RECORD_BYTES
    }

    fn push(&mut self, happening: Happening) {
        self.from.get_or_insert(happening.at());
        self.last = happening.at();
        self.inputs.push(match happening {
            Happening::Delivery(delivery) => {
                self.bytes = self.bytes.saturating_add(delivery.payload.len());
                Input::Delivery(delivery)
            }
            Happening::Command(command) => Input::Command(*command),
        });
    }

    fn take(&mut self) -> Option<Record> {
        self.from.take()?;
        self.bytes = 0;
        Some(Batch { now: self.last, inputs: std::mem::take(&mut self.inputs) })
    }
}

impl Played {
    fn count(&mut self, record: &Record, effects: &Effects) {
        let stored = &effects.readings;
        let readings = stored.fast.len().saturating_add(stored.late.len());
        self.readings = self.readings.saturating_add(readings as u64);
        self.messages = self.messages.saturating_add(record.inputs.len() as u64);
        self.records = self.records.saturating_add(1);
        let raised = effects.business.iter().filter(|effect| is_raised(effect)).count();
        self.alarms = self.alarms.saturating_add(raised as u64);
    }
}

fn is_raised(effect: &Business) -> bool {
    matches!(effect, Business::Alarm(change) if change.cause == Cause::Raised)
}
