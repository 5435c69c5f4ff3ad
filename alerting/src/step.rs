//! One record of the journal through the fold: the table of contents of everything that can happen, and the order in
//! which time passes in between; the only place that branches over inputs. A reading is stored and compared by the
//! time its device names, but deadlines run on receive time: within a record it goes from one receive time to the
//! next and at last to `Batch::now`, so that it does not matter how readings were cut into records. Silence and delays are
//! due in attended time, which stands still while Davy could not hear (`outage`). Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::alarm::AlarmId;
use crate::effect::Effects;
use crate::in_force::{birth_of, object_of, terms_of};
use crate::input::{Batch, Content, Decoded, Input, Link, SystemFault};
use crate::out::Out;
use crate::run::Rows;
use crate::slot::{Moment, Phase, Side, Turn};
use crate::slots::Stage;
use crate::state::State;
use crate::system::{AWAY, BROKER_LINK, Notice};
use rules::reading::{Micros, SECOND_US, Severity};

/// What happens by time alone.
enum Due {
    Slot(u32),
    Silence,
    Finding,
    Filing,
    Coverage,
    Lead,
    Nuisance,
}

/// Shorter than this, an absence of Davy is a restart that nobody needs to hear of. Microseconds.
const AWAY_SAID_US: i64 = 60 * SECOND_US;
/// Longer, and dangers may have come and gone unseen.
const AWAY_LONG_US: i64 = 600 * SECOND_US;

impl State {
    /// Steps over record `seq` of the journal. `seq` only ever grows; nothing but the batch has any influence.
    pub fn step(&mut self, seq: u64, batch: &Batch<Decoded, Content>) -> Effects {
        assert!(seq > self.seq, "record {seq} comes after record {}", self.seq);
        self.seq = seq;
        let mut out = Out::default();
        self.gateways.begin_step();
        self.out_of_service.begin_step();
        self.close_orphans();
        let mut rest = batch.inputs.as_slice();
        while let Some((input, behind)) = rest.split_first() {
            rest = behind;
            if let Input::Delivery(_) = input {
                rest = self.deliveries(input, behind, &mut out);
            } else {
                let at = self.now.max(time_of(input, behind, batch.now));
                self.input(input, at, &mut out);
            }
        }
        self.pass(batch.now);
        self.note_leads();
        self.close_step();
        out.found = std::mem::take(&mut self.found);
        out.ledger.append(&mut self.ledger);
        let changes = self.book.take_changes();
        out.arrange(changes)
    }

    /// Everything that is no delivery.
    fn input(&mut self, input: &Input<Decoded, Content>, at: Micros, out: &mut Out) {
        match input {
            // Taken in runs, by `deliveries`.
            Input::Delivery(_) => {}
            Input::Tick => self.pass(at),
            Input::Link(Link::Down) => self.link_down(at),
            Input::Link(Link::Up) => self.link_up(at),
            Input::Resumed { down_since } => self.resumed(*down_since, at),
            Input::Genesis { journal_id, alarm_id_base } => {
                // Once for a journal; again when a recovery makes it go on under another name.
                self.journal_id = Some(journal_id.clone());
                self.book.reserve(*alarm_id_base);
            }
            Input::Command(command) => {
                self.pass(at);
                let outcome = self.obey(command);
                out.outcomes.push(outcome);
            }
            Input::SystemFault(fault) => self.system_fault(fault, at),
            Input::Activate(content) => {
                self.pass(at);
                self.activate(content, out);
            }
            Input::Engine { version } => {
                self.pass(at);
                self.engine = Some(*version);
                self.restate_open();
            }
            Input::Adopted(adopted) => {
                self.pass(at);
                self.adopt(adopted, out);
            }
            Input::Skipped(skipped) => {
                self.pass(at);
                self.skip(skipped, out);
            }
            Input::Replayed(message) => {
                self.pass(at);
                self.replayed(message, out);
            }
            Input::AdoptedLedger(ledger) => {
                // Known before time goes on: what was found before must not be found anew.
                self.adopt_hazards(&ledger.hazards);
                self.pass(at);
                self.adopt_ledger(ledger);
            }
        }
    }

    /// A run of consecutive deliveries is judged together, but for what must happen in between: then what was taken in
    /// so far is settled first. Returns what is behind the run.
    fn deliveries<'a>(
        &mut self,
        first: &Input<Decoded, Content>,
        behind: &'a [Input<Decoded, Content>],
        out: &mut Out,
    ) -> &'a [Input<Decoded, Content>] {
        let len = behind.iter().take_while(|input| matches!(input, Input::Delivery(_))).count();
        let (run, behind) = behind.split_at_checked(len).unwrap_or((behind, &[]));
        let mut rows = Rows::default();
        for input in std::iter::once(first).chain(run) {
            let Input::Delivery(delivery) = input else { continue };
            let due = [self.next_between(), self.coverage.next_due()].into_iter().flatten().min();
            if due.is_some_and(|due| due <= delivery.received) {
                self.settle(&mut rows);
                self.pass(delivery.received);
            }
            let is_fresh = self.take_in(delivery, out, &mut rows);
            if is_fresh && self.outage.is_catching_up() {
                self.settle(&mut rows);
                self.go_on(self.now.max(delivery.received));
            }
        }
        self.settle(&mut rows);
        behind
    }

    /// What must not be passed over within a run, because classes depend on it: the end of standing time, and the
    /// next point to be re-anchored.
    pub(crate) fn next_between(&self) -> Option<Micros> {
        let anchor = self.anchors.next_due().and_then(|due| self.outage.comes(due));
        [self.outage.goes_on_at(), anchor].into_iter().flatten().min()
    }

    /// Lets time pass up to and with `until`: everything that falls due happens at its own time, in order.
    fn pass(&mut self, until: Micros) {
        while let Some(due) = self.next_between().filter(|due| *due <= until) {
            let at = self.now.max(due);
            self.advance(at);
            if self.outage.goes_on_at() == Some(due) { self.go_on(at) } else { self.re_anchor(at) }
        }
        self.advance(until);
    }

    /// The part of it that happens to slots, silent points and findings.
    pub(crate) fn advance(&mut self, until: Micros) {
        loop {
            self.note_leads();
            let comes = |attended| self.outage.comes(attended);
            let slot = self.slots.next_due().and_then(|(due, number)| Some((comes(due)?, Due::Slot(number))));
            let silence = self.absence.next_due().and_then(|due| Some((comes(due)?, Due::Silence)));
            let finding = self.findings.next_due().map(|due| (due, Due::Finding));
            let filing = self.filings.next_due().map(|due| (due, Due::Filing));
            let coverage = self.coverage.next_due().map(|due| (due, Due::Coverage));
            let lead = self.hazards.next_due().map(|due| (due, Due::Lead));
            let nuisance = self.nuisances.next_due(&self.limits.nuisance).map(|due| (due, Due::Nuisance));
            // Of equals the first: work that ends or begins now is heard of before what it bears on.
            let next = [filing, slot, silence, finding, lead, coverage, nuisance]
                .into_iter()
                .flatten()
                .min_by_key(|(due, _)| *due);
            match next.filter(|(due, _)| *due <= until) {
                Some((due, Due::Slot(number))) => self.slot_due(due, number),
                Some((_, Due::Silence)) => self.silence_due(until),
                Some((due, Due::Finding)) => self.finding_due(due),
                Some((due, Due::Filing)) => self.filing_due(due),
                Some((due, Due::Coverage)) => self.coverage_due(due),
                Some((due, Due::Lead)) => self.lead_due(due),
                Some((due, Due::Nuisance)) => self.nuisance_due(due),
                None => break,
            }
        }
        self.now = self.now.max(until);
    }

    fn slot_due(&mut self, due: Micros, number: u32) {
        self.now = self.now.max(due);
        let at = self.now;
        self.turn(number, at, |phase| phase.come_due(at));
    }

    fn silence_due(&mut self, until: Micros) {
        let start = State::start(&self.points, &self.limits);
        let until = self.outage.attended(until);
        let Some(silent) = self.absence.pop(until, &self.in_force.binding.instances, &start) else { return };
        let Some((instance, rule)) = self.in_force.instance(silent.number) else { return };
        let (severity, terms) = (instance.severity, terms_of(instance, rule));
        self.now = self.now.max(self.outage.comes(silent.since).unwrap_or(self.now));
        let at = self.now;
        let moment = Moment { at, event: at, heard: silent.since, value: None };
        self.turn(silent.number, at, |phase| phase.fall_silent(severity, moment, &terms));
    }

    /// Moves one slot and lets its alarm follow.
    pub(crate) fn turn(&mut self, number: u32, at: Micros, step: impl FnOnce(&mut Phase) -> Turn) {
        let Some((instance, rule)) = self.in_force.instance(number) else { return };
        let Some(view) = &self.view else { return };
        let birth = || birth_of(instance, rule, &self.in_force.version, view);
        let attended = self.outage.attended(at);
        let rise = rule.rise.map(|rise| (attended.saturating_add(rise.after_us), rise.severity));
        let filings = &self.filings;
        let silenced = || filings.silencing(rule, &object_of(&instance.object, view), at);
        let (side, latch) = (Side::of(rule.limit), rule.latch);
        let stage = Stage { number, side, latch, at, rise, birth: &birth, silenced: &silenced };
        self.slots.turn(&stage, &mut self.book, step);
    }

    fn link_down(&mut self, at: Micros) {
        self.pass(at);
        self.outage.link_down(self.now);
        let detail = "no reading arrives until the broker answers again; silence of points is not counted";
        let notice = Notice { code: BROKER_LINK, gateway: None, severity: Severity::Orange, detail, at: self.now };
        self.systems.raise(&notice, &mut self.book);
    }

    fn link_up(&mut self, at: Micros) {
        self.pass(at);
        self.outage.link_up(self.now);
        self.coverage.was_deaf(self.outage.last);
        self.systems.clear(BROKER_LINK, self.now, &mut self.book);
    }

    /// What fell due while Davy was away did so for nobody: the time between does not count.
    fn resumed(&mut self, down_since: Micros, at: Micros) {
        self.pass(down_since.min(at));
        let from = self.now.min(at);
        self.outage.resumed(from, at);
        self.coverage.was_deaf(self.outage.last);
        // A data directory restored from a copy must not give the numbers again that its lost future gave.
        self.book.reserve(AlarmId::base_at(at));
        self.advance(at);
        let away_us = at.since(from);
        if away_us >= AWAY_SAID_US {
            let severity = if away_us >= AWAY_LONG_US { Severity::Orange } else { Severity::Yellow };
            let away_s = away_us / SECOND_US;
            let detail = format!("Davy was away for {away_s} s; what came and went meanwhile was not seen live");
            let notice = Notice { code: AWAY, gateway: None, severity, detail: &detail, at: self.now };
            self.systems.raise(&notice, &mut self.book);
        }
    }

    /// The backlog is drained, or has had its time: attended time goes on.
    fn go_on(&mut self, at: Micros) {
        self.outage.go_on(at);
        self.systems.clear(AWAY, at, &mut self.book);
    }

    fn system_fault(&mut self, fault: &SystemFault, at: Micros) {
        self.pass(at);
        if fault.active {
            let SystemFault { code, severity, detail, .. } = fault;
            let notice = Notice { code, gateway: None, severity: *severity, detail, at };
            self.systems.raise(&notice, &mut self.book);
        } else {
            self.systems.clear(&fault.code, at, &mut self.book);
        }
    }

    /// What is only kept for a time goes, and the queue of silences is put right where it would wake us for nothing.
    fn close_step(&mut self) {
        self.book.forget_old(self.now);
        self.rulebook.forget_order();
        self.answers.forget_old(self.now);
        self.hazards.forget_old(self.now);
        let start = State::start(&self.points, &self.limits);
        let attended = self.outage.attended(self.now);
        self.absence.tidy(attended, &self.in_force.binding.instances, &start);
    }
}

/// The time of an input. One that carries none happened before the next that does, and before the record was closed.
fn time_of(input: &Input<Decoded, Content>, behind: &[Input<Decoded, Content>], now: Micros) -> Micros {
    let own = |input: &Input<Decoded, Content>| match input {
        Input::Delivery(delivery) => Some(delivery.received),
        Input::Command(command) => Some(command.received),
        // Seen from before it: nothing happened later than when Davy went.
        Input::Resumed { down_since } => Some(*down_since),
        _ => None,
    };
    if matches!(input, Input::Resumed { .. }) {
        return now;
    }
    own(input).or_else(|| behind.iter().find_map(own)).unwrap_or(now).min(now)
}
