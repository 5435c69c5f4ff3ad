//! A run of consecutive deliveries: first every reading finds its class and every rule takes down what it needs of
//! that moment; then each rule judges all its rows at once; then the alarms follow, row by row, in time. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::classify::{Origin, classify, replay};
use crate::in_force::terms_of;
use crate::input::Decoded;
use crate::lens::{Said, Sample};
use crate::out::Out;
use crate::redelivery::Message;
use crate::slot::{Moment, Sight};
use crate::state::State;
use crate::system::{Notice, RULE_ERROR};
use rules::reading::{Micros, PointId, Reading, Severity};
use std::sync::Arc;

/// One reading as one instance sees it.
#[derive(Clone, Copy, Debug)]
struct Row {
    number: u32,
    point: PointId,
    received: Micros,
    value: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The row of its rule's lens.
    Judged(u32),
    /// An absence rule: that it came is all.
    Heard,
}

/// A reading that was classified and is not known.
struct News<'a> {
    reading: &'a Reading,
    received: Micros,
    is_judged: bool,
}

impl State {
    /// Takes in, judges and follows up the deliveries of one run.
    pub(crate) fn run<'a>(&mut self, deliveries: impl Iterator<Item = &'a Decoded>, out: &mut Out) {
        let mut rows: Vec<Row> = Vec::new();
        for delivery in deliveries {
            self.take_in(delivery, out, &mut rows);
        }
        self.judge();
        for row in &rows {
            self.follow(row);
        }
        self.in_force.lenses.iter_mut().for_each(crate::lens::Lens::clear);
    }

    fn take_in(&mut self, delivery: &Decoded, out: &mut Out, rows: &mut Vec<Row>) {
        out.receipt(delivery);
        out.quarantine(delivery);
        let timeless = delivery.readings.iter().any(|reading| reading.device_time.is_none());
        let message = Message {
            topic: &delivery.topic,
            gateway_seq: delivery.gateway_seq,
            payload: &delivery.payload,
            redelivered: delivery.redelivered,
        };
        let message_known = timeless && self.redeliveries.is_known(&message, delivery.received);
        let limits = Arc::clone(&self.limits);
        let origin =
            Origin { received: delivery.received, redelivered: delivery.redelivered, message_known, limits: &limits };
        for reading in &delivery.readings {
            assert!(reading.point.index() < self.points.len(), "point {} was never numbered", reading.point.0);
            assert!(reading.value.is_finite(), "a decoder let {} pass", reading.value);
            let classified = classify(&mut self.points, reading, &origin);
            out.store(reading, &classified);
            if classified.class != crate::classify::Class::Duplicate {
                let is_judged = classified.class.is_judged();
                self.gather(&News { reading, received: classified.received, is_judged }, rows);
            }
        }
    }

    /// Lets every rule that the reading wakes take down what it needs, as things stand now.
    fn gather(&mut self, news: &News<'_>, rows: &mut Vec<Row>) {
        let Reading { point, value, quality, .. } = *news.reading;
        let binding = &self.in_force.binding;
        let woken = binding.by_point.get(point.index()).map_or(&[][..], Vec::as_slice);
        for &number in woken {
            let Some(instance) = binding.instances.get(number as usize) else { continue };
            let kind = if instance.absence_after_us.is_some() {
                Kind::Heard
            } else {
                let Some(lens) = self.in_force.lenses.get_mut(instance.rule) else { continue };
                if !news.is_judged || !lens.wants(quality) {
                    continue;
                }
                Kind::Judged(lens.gather(number, instance, Sample { value, quality }, &self.points))
            };
            rows.push(Row { number, point, received: news.received, value, kind });
        }
    }

    /// A message out of quarantine: what it holds is stored under its old receive time and judged by nobody. What
    /// cannot be read of it lies in quarantine already.
    pub(crate) fn replayed(&mut self, delivery: &Decoded, out: &mut Out) {
        for reading in &delivery.readings {
            assert!(reading.point.index() < self.points.len(), "point {} was never numbered", reading.point.0);
            out.store(reading, &replay(&mut self.points, reading, delivery.received, &self.limits));
        }
    }

    fn judge(&mut self) {
        let slots = &self.slots;
        let in_force = &mut self.in_force;
        for (lens, rule) in in_force.lenses.iter_mut().zip(in_force.rules.rules()) {
            if !lens.is_empty() {
                lens.judge(rule, &in_force.binding.instances, &|number| slots.is_busy(number));
            }
        }
    }

    /// Time passes up to the row, then its slot hears what the rule says.
    fn follow(&mut self, row: &Row) {
        self.advance(self.now.max(row.received));
        match row.kind {
            Kind::Heard => self.hear(row),
            Kind::Judged(at) => self.see(row, at),
        }
    }

    /// A fresh sample ends silence, and its clock starts again.
    fn hear(&mut self, row: &Row) {
        self.absence.see(row.point, row.received);
        let Some((instance, rule)) = self.in_force.instance(row.number) else { return };
        let start = State::start(&self.points, &self.outage, &self.limits);
        self.absence.wait(row.number, instance, &start);
        if self.slots.is_busy(row.number) {
            let (terms, moment) = (terms_of(instance, rule), Moment { at: self.now, value: None });
            self.turn(row.number, self.now, |phase| phase.see(Sight::Over, moment, &terms));
        }
    }

    fn see(&mut self, row: &Row, at: u32) {
        let Some((instance, rule)) = self.in_force.instance(row.number) else { return };
        let Some(lens) = self.in_force.lenses.get(instance.rule) else { return };
        let said = lens.said(at, rule, instance.severity);
        if self.systems.has_rule_errors() && matches!(said, Said::Seen(_)) {
            self.systems.rule_worked(&rule.id, &instance.object, self.now, &mut self.book);
        }
        match said {
            Said::Seen(Sight::Between | Sight::Over) if !self.slots.is_busy(row.number) => {}
            Said::Seen(sight) => {
                let (terms, moment) = (terms_of(instance, rule), Moment { at: self.now, value: Some(row.value) });
                self.turn(row.number, self.now, |phase| phase.see(sight, moment, &terms));
            }
            Said::Failed(error) => {
                let detail = format!("{} on {}: {error}", rule.id, name_of(&instance.object));
                let notice = Notice { code: RULE_ERROR, severity: Severity::Yellow, detail: &detail, at: self.now };
                self.systems.rule_failed(&rule.id, &instance.object, &notice, &mut self.book);
            }
            Said::Nothing => {}
        }
    }
}

fn name_of(object: &rules::bind::ObjectKey) -> String {
    use rules::bind::ObjectKey;
    match object {
        ObjectKey::Point(key) => format!("{}/{}", key.enterprise, key.point),
        ObjectKey::Equipment { enterprise, equipment } => format!("{enterprise}/{equipment}"),
        ObjectKey::Enterprise(name) | ObjectKey::System(name) => name.clone(),
    }
}
