//! One record of the journal through the fold: the table of contents of everything that can happen, and the order in
//! which time passes in between; the only place that branches over inputs. A reading is stored and compared by the
//! time its device names, but deadlines run on receive time: within a record it goes from one receive time to the
//! next and at last to `Batch::now`, so that it does not matter how readings were cut into records. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::alarm::AlarmId;
use crate::effect::Effects;
use crate::in_force::{birth_of, terms_of};
use crate::input::{Batch, Content, Decoded, Input, Link, SystemFault};
use crate::out::Out;
use crate::slot::{Phase, Side, Turn};
use crate::slots::Stage;
use crate::state::State;
use crate::system::{BROKER_LINK, Notice};
use rules::reading::{Micros, Severity};

impl State {
    /// Steps over record `seq` of the journal. `seq` only ever grows; nothing but the batch has any influence.
    pub fn step(&mut self, seq: u64, batch: &Batch<Decoded, Content>) -> Effects {
        assert!(seq > self.seq, "record {seq} comes after record {}", self.seq);
        self.seq = seq;
        let mut out = Out::default();
        self.close_orphans();
        let mut rest = batch.inputs.as_slice();
        while let Some((input, behind)) = rest.split_first() {
            let at = self.now.max(time_of(input, behind, batch.now));
            rest = behind;
            match input {
                Input::Delivery(_) => rest = self.deliveries(input, behind, &mut out),
                Input::Command(command) => {
                    self.advance(at);
                    let outcome = self.obey(command);
                    out.outcomes.push(outcome);
                }
                Input::Tick => self.advance(at),
                Input::Link(Link::Down) => self.link_down(at),
                Input::Link(Link::Up) => self.link_up(at),
                Input::Resumed { down_since } => self.resumed(*down_since, at),
                Input::SystemFault(fault) => self.system_fault(fault, at),
                Input::Activate(content) => {
                    self.advance(at);
                    self.activate(content, &mut out);
                }
                Input::Engine { version } => {
                    self.advance(at);
                    self.engine = Some(*version);
                    self.restate_open();
                }
                Input::Genesis { journal_id, alarm_id_base } => {
                    // Once for a journal; again when a recovery makes it go on under another name.
                    self.journal_id = Some(journal_id.clone());
                    self.book.reserve(*alarm_id_base);
                }
                Input::Adopted(adopted) => {
                    self.advance(at);
                    self.adopt(adopted, &mut out);
                }
                Input::Skipped(skipped) => {
                    self.advance(at);
                    self.skip(skipped, &mut out);
                }
                Input::Replayed(message) => {
                    self.advance(at);
                    self.replayed(message, &mut out);
                }
            }
        }
        self.advance(batch.now);
        self.close_step();
        let changes = self.book.take_changes();
        out.arrange(changes)
    }

    /// A run of consecutive deliveries is judged together. Returns what is behind it.
    fn deliveries<'a>(
        &mut self,
        first: &Input<Decoded, Content>,
        behind: &'a [Input<Decoded, Content>],
        out: &mut Out,
    ) -> &'a [Input<Decoded, Content>] {
        let len = behind.iter().take_while(|input| matches!(input, Input::Delivery(_))).count();
        let (run, behind) = behind.split_at_checked(len).unwrap_or((behind, &[]));
        let run = std::iter::once(first).chain(run).filter_map(|input| match input {
            Input::Delivery(delivery) => Some(delivery),
            _ => None,
        });
        self.run(run, out);
        behind
    }

    /// Lets time pass up to and with `until`: everything that falls due happens at its own time, in order.
    pub(crate) fn advance(&mut self, until: Micros) {
        loop {
            let slot = self.slots.next_due().filter(|(due, _)| *due <= until);
            let silence = if self.outage.link_down_since.is_some() { None } else { self.absence.next_due() };
            let silence = silence.filter(|due| *due <= until);
            match (slot, silence) {
                (Some((due, number)), None) => self.slot_due(due, number),
                (Some((due, number)), Some(silent)) if due <= silent => self.slot_due(due, number),
                (_, Some(_)) => self.silence_due(until),
                (None, None) => break,
            }
        }
        self.now = self.now.max(until);
    }

    fn slot_due(&mut self, due: Micros, number: u32) {
        self.now = self.now.max(due);
        self.turn(number, self.now, Phase::come_due);
    }

    fn silence_due(&mut self, until: Micros) {
        let start = State::start(&self.points, &self.outage, &self.limits);
        let Some(silent) = self.absence.pop(until, &self.in_force.binding.instances, &start) else { return };
        let Some((instance, rule)) = self.in_force.instance(silent.number) else { return };
        let (severity, terms) = (instance.severity, terms_of(instance, rule));
        self.now = self.now.max(silent.since);
        let at = self.now;
        self.turn(silent.number, at, |phase| phase.fall_silent(severity, at, &terms));
    }

    /// Moves one slot and lets its alarm follow.
    pub(crate) fn turn(&mut self, number: u32, at: Micros, step: impl FnOnce(&mut Phase) -> Turn) {
        let Some((instance, rule)) = self.in_force.instance(number) else { return };
        let Some(view) = &self.view else { return };
        let birth = || birth_of(instance, rule, &self.in_force.version, view);
        let stage = Stage { number, side: Side::of(rule.limit), at, birth: &birth };
        self.slots.turn(&stage, &mut self.book, step);
    }

    fn link_down(&mut self, at: Micros) {
        self.advance(at);
        if self.outage.link_down_since.is_none() {
            self.outage.link_down_since = Some(at);
        }
        let detail = "no reading arrives until the broker answers again; silence of points is not counted";
        let notice = Notice { code: BROKER_LINK, severity: Severity::Orange, detail, at };
        self.systems.raise(&notice, &mut self.book);
    }

    /// The clocks of silence start again before time is let pass: what fell due meanwhile is nobody's fault.
    fn link_up(&mut self, at: Micros) {
        if let Some(from) = self.outage.link_down_since.take() {
            self.outage.last = Some((from, at));
        }
        self.outage.silence_base = at;
        self.advance(at);
        self.systems.clear(BROKER_LINK, at, &mut self.book);
    }

    fn resumed(&mut self, down_since: Micros, at: Micros) {
        self.outage.last = Some((down_since, at));
        self.outage.silence_base = at;
        // A data directory restored from a copy must not give the numbers again that its lost future gave.
        self.book.reserve(AlarmId::base_at(at));
        self.advance(at);
    }

    fn system_fault(&mut self, fault: &SystemFault, at: Micros) {
        self.advance(at);
        if fault.active {
            let notice = Notice { code: &fault.code, severity: fault.severity, detail: &fault.detail, at };
            self.systems.raise(&notice, &mut self.book);
        } else {
            self.systems.clear(&fault.code, at, &mut self.book);
        }
    }

    /// What is only kept for a time goes, and the queue of silences is put right where it would wake us for nothing.
    fn close_step(&mut self) {
        self.book.forget_old(self.now);
        self.answers.forget_old(self.now);
        let start = State::start(&self.points, &self.outage, &self.limits);
        self.absence.tidy(self.now, &self.in_force.binding.instances, &start);
    }
}

/// The time of an input. One that carries none happened before the next that does, and before the record was closed.
fn time_of(input: &Input<Decoded, Content>, behind: &[Input<Decoded, Content>], now: Micros) -> Micros {
    let own = |input: &Input<Decoded, Content>| match input {
        Input::Delivery(delivery) => Some(delivery.received),
        Input::Command(command) => Some(command.received),
        _ => None,
    };
    own(input).or_else(|| behind.iter().find_map(own)).unwrap_or(now).min(now)
}
