//! One rule over one run of readings: the rows its conditions need are gathered as the readings stand at that moment,
//! then judged all at once, then asked for one by one. Must not know slots or time. Pure.

mod gather;

pub use gather::Sample;

use crate::memory::held::Helds;
use crate::slot::Sight;
use crate::surroundings::Surroundings;
use gather::{Asked, Feed, Gather, RowOf};
use rules::bind::Instance;
use rules::held::Held;
use rules::judge::{Frame, Verdict};
use rules::reading::{Quality, Severity};
use rules::rule::Rule;
use std::collections::BTreeSet;

/// The gathered rows of one rule and what its conditions say of them.
#[derive(Debug)]
pub struct Lens {
    when: Gather,
    /// Only where the rule has a `clear` of its own; the default way back reads the rows of `when`.
    clear: Option<Gather>,
    reads_bad: bool,
    /// It reads other points too: of the past nothing is known of those.
    reads_others: bool,
    /// As the rule's instances have them.
    asked: Asked,
    insides: Vec<Inside>,
    /// Rows of which a condition inside could not be evaluated, and why.
    failed: Vec<(usize, String)>,
    /// It judges the means of slots of this length.
    slot_us: Option<i64>,
    /// By row: the instance it is for.
    instances: Vec<u32>,
    /// The rows of `when` by verdict.
    verdicts: Vec<Verdict>,
    /// The rows for which the way back was asked, as verdicts, and by row of `when` where to find them.
    back: Frame,
    back_verdicts: Vec<Verdict>,
    back_of: Vec<u32>,
}

/// A condition inside the conditions of the rule, judged when its row is gathered.
#[derive(Debug)]
struct Inside {
    held: Held,
    key: u64,
    gather: Gather,
}

/// What a rule says of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// An input is missing: neither true nor false.
    Nothing,
    Seen(Sight),
    Failed(&'a str),
    /// The condition is not true, and its way back failed.
    FailedBack(&'a str),
}

/// No way back was asked for this row.
const NOT_ASKED: u32 = u32::MAX;

impl Lens {
    /// `tag_names` as the rule's instances have them: sorted, distinct.
    #[must_use]
    pub fn new(rule: &Rule, tag_names: &[String]) -> Lens {
        let asked = Asked {
            rule: rule.id.clone(),
            helds: rule.helds(),
            tag_names: tag_names.to_vec(),
            facts: rule.facts(),
            pasts: rule.pasts(),
            arounds: rule.arounds(),
        };
        let inside =
            |held: &Held| Inside { held: held.clone(), key: held.key(), gather: Gather::new(&held.program, &asked) };
        let insides: Vec<Inside> = asked.helds.iter().map(inside).collect();
        let when = Gather::new(&rule.when, &asked);
        let clear = rule.clear.as_ref().map(|clear| Gather::new(clear, &asked));
        let inside = || insides.iter().map(|inside| &inside.gather);
        let feeds = || [Some(&when), clear.as_ref()].into_iter().flatten().chain(inside()).flat_map(|one| &one.feeds);
        let reads_bad = feeds().any(|(feed, _)| *feed == Feed::Bad);
        let reads_others = feeds().any(|(feed, _)| !feed.is_own());
        Lens {
            when,
            reads_bad,
            reads_others,
            asked,
            insides,
            failed: Vec::new(),
            slot_us: rule.slot_us,
            instances: Vec::new(),
            verdicts: Vec::new(),
            back: Frame::for_program(rule.way_back()),
            clear,
            back_verdicts: Vec::new(),
            back_of: Vec::new(),
        }
    }

    /// Bad readings are shown only to rules that ask for them.
    #[must_use]
    pub fn wants(&self, quality: Quality) -> bool {
        self.reads_bad || quality != Quality::Bad
    }

    /// The length of the slots whose means it judges; `None` where it judges readings.
    #[must_use]
    pub fn slot_us(&self) -> Option<i64> {
        self.slot_us
    }

    /// Whether it asks what is usual.
    #[must_use]
    pub fn asks_what_is_usual(&self) -> bool {
        self.asked.pasts.iter().any(|past| past.what.is_usual())
    }

    /// Whether a reading alone decides, so that one of the past can be judged too.
    #[must_use]
    pub fn judges_the_past(&self) -> bool {
        !self.reads_others
    }

    /// Takes one reading of one instance down, with everything else as it stands now. Returns the number of the row.
    pub(crate) fn gather(
        &mut self,
        (number, instance): (u32, &Instance),
        sample: Sample,
        now: &Surroundings,
        helds: &mut Helds,
    ) -> u32 {
        let row = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        let mut row_of = RowOf { instance, sample, asked: &self.asked, now, helds: &[] };
        let mut inside = Vec::new();
        for Inside { held, key, gather } in &mut self.insides {
            let said = gather.once(&row_of, &held.program);
            if let Verdict::Fails(error) = &said {
                self.failed.push((self.instances.len(), error.clone()));
            }
            inside.push(helds.see(number, *key, (sample.event, held.window_s), said.is_true()));
        }
        row_of.helds = &inside;
        self.instances.push(number);
        self.when.push(&row_of);
        if let Some(clear) = &mut self.clear {
            clear.push(&row_of);
        }
        row
    }

    /// Judges all rows. The way back is asked only where an alarm may stand: `is_busy` says which instances are not
    /// quiet before the run; the others become so by a breach within it.
    pub fn judge(&mut self, rule: &Rule, instances: &[Instance], is_busy: &dyn Fn(u32) -> bool) {
        rule.when.judge(&self.when.frame, &mut self.verdicts);
        for (row, error) in self.failed.drain(..).chain(self.when.failed.drain(..)) {
            if let Some(verdict) = self.verdicts.get_mut(row) {
                *verdict = Verdict::Fails(error);
            }
        }
        let mut fired: BTreeSet<u32> = BTreeSet::new();
        for (row, verdict) in self.verdicts.iter().enumerate() {
            let Some(&number) = self.instances.get(row) else { break };
            let asked = match verdict {
                Verdict::Fires(_) => {
                    fired.insert(number);
                    false
                }
                Verdict::Quiet => is_busy(number) || fired.contains(&number),
                Verdict::Missing | Verdict::Fails(_) => false,
            };
            self.back_of.push(if asked { u32::try_from(self.back.rows()).unwrap_or(NOT_ASKED) } else { NOT_ASKED });
            if asked {
                let dead_band = instances.get(number as usize).map_or(0.0, |instance| instance.dead_band);
                let from = self.clear.as_ref().unwrap_or(&self.when);
                from.copy_row(row, &mut self.back, |value| rule.way_back_value(value, dead_band));
            }
        }
        rule.way_back().judge(&self.back, &mut self.back_verdicts);
        for (row, error) in self.clear.iter_mut().flat_map(|clear| clear.failed.drain(..)) {
            let back = self.back_of.get(row).and_then(|&at| self.back_verdicts.get_mut(at as usize));
            if let Some(verdict) = back {
                *verdict = Verdict::Fails(error);
            }
        }
    }

    /// What the rule says of a row; `severity` is what a plain `true` means on this instance.
    #[must_use]
    pub fn said(&self, row: u32, rule: &Rule, severity: Severity) -> Said<'_> {
        let row = row as usize;
        match self.verdicts.get(row) {
            Some(Verdict::Fires(graded)) => {
                Said::Seen(Sight::Breach(graded.map_or(severity, |graded| graded.min(rule.severity_max))))
            }
            Some(Verdict::Quiet) => match self.back_of.get(row).and_then(|&at| self.back_verdicts.get(at as usize)) {
                Some(Verdict::Fails(error)) => Said::FailedBack(error),
                Some(verdict) if rule.is_over(verdict) => Said::Seen(Sight::Over),
                Some(_) | None => Said::Seen(Sight::Between),
            },
            Some(Verdict::Fails(error)) => Said::Failed(error),
            Some(Verdict::Missing) | None => Said::Nothing,
        }
    }

    /// What the memory of its conditions inside is kept under.
    #[must_use]
    pub(crate) fn held_keys(&self) -> Vec<u64> {
        self.insides.iter().map(|inside| inside.key).collect()
    }

    /// The inputs of the row that was gathered last, those of `when` first.
    #[must_use]
    pub(crate) fn last_row(&self) -> Vec<(String, f64)> {
        let mut row: Vec<(String, f64)> = Vec::new();
        for gather in [Some(&self.when), self.clear.as_ref()].into_iter().flatten() {
            for (name, value) in gather.last_row() {
                if !row.iter().any(|(known, _)| known == name) {
                    row.push((name.clone(), value));
                }
            }
        }
        row
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// Forgets the run and keeps the memory.
    pub fn clear(&mut self) {
        for gather in [Some(&mut self.when), self.clear.as_mut()].into_iter().flatten() {
            gather.frame.clear();
            gather.failed.clear();
        }
        self.failed.clear();
        self.back.clear();
        self.instances.clear();
        self.verdicts.clear();
        self.back_verdicts.clear();
        self.back_of.clear();
    }
}

#[cfg(test)]
mod tests;
