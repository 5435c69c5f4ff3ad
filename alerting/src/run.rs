//! A run of consecutive deliveries: first every reading finds its class and every rule takes down what it needs of
//! that moment; then each rule judges all its rows at once; then the alarms follow, row by row, in time. Pure.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use crate::anchors::Waiting;
use crate::classify::{Class, Classified, Origin, classify};
use crate::day::Day;
use crate::device_clock::Skew;
use crate::effect::FLAG_SIMULATED;
use crate::findings::Growing;
use crate::gateway::{GatewayKey, GatewayStatus};
use crate::gateways::Heard;
use crate::in_force::terms_of;
use crate::input::Decoded;
use crate::lens::{Lens, Said, Sample};
use crate::out::Out;
use crate::outage::FRESH_US;
use crate::redelivery::Message;
use crate::slot::{Moment, Side, Sight};
use crate::state::State;
use crate::surroundings::Surroundings;
use crate::tally::Tally;
use rules::bind::patience_us;
use rules::reading::{Micros, PointId, Quality, Reading, SECOND_US};
use std::sync::Arc;

/// What a run has to follow up, in the order of its time.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Row>);

#[derive(Debug)]
struct Row {
    received: Micros,
    what: What,
}

#[derive(Debug)]
enum What {
    Reading(Seen),
    /// A gateway's clock was found to be wrong, or right again.
    Clock(Box<GatewayKey>, Skew, i64),
    Status(Box<GatewayKey>, GatewayStatus),
}

/// One reading as one instance sees it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    number: u32,
    point: PointId,
    event: Micros,
    about: Micros,
    heard: i64,
    value: f64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The row of its rule's lens.
    Judged(u32),
    /// The same of a historical reading.
    Past(u32),
    /// An absence rule: that it came is all.
    Heard,
}

/// A reading that is news to its point.
struct News {
    point: PointId,
    sample: Sample,
    received: Micros,
    heard: i64,
    manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Live,
    /// History: may become a finding.
    Past,
    /// History that is judged after all: its point was heard when it came.
    Anchored,
}

impl State {
    /// Classes of one message's readings, and what rules need of this moment. Says whether it is so fresh that nothing
    /// older can be on its way.
    pub(crate) fn take_in(&mut self, delivery: &Decoded, out: &mut Out, rows: &mut Rows) -> bool {
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
        let origin = Origin {
            received: delivery.received,
            heard: self.outage.attended(delivery.received),
            redelivered: delivery.redelivered,
            message_known,
            offset_us: delivery.gateway.as_ref().map_or(0, |gateway| self.gateways.offset_us(gateway)),
            limits: &limits,
        };
        let mut tally = Tally::default();
        for reading in &delivery.readings {
            assert!(reading.point.index() < self.points.len(), "point {} was never numbered", reading.point.0);
            assert!(reading.value.is_finite(), "a decoder let {} pass", reading.value);
            let mut classified = classify(&mut self.points, &mut self.anchors, reading, &origin);
            if delivery.simulated {
                classified.flags |= FLAG_SIMULATED;
            }
            out.store(reading, &classified);
            tally.take(reading, &classified);
            self.coverage.take(reading, &classified);
            let manner = match classified.class {
                Class::Duplicate => {
                    // A clock that stands still makes news look known: it may be all that comes of the point.
                    if self.anchors.is_waiting(reading.point.0) || !self.points.came_last(reading) {
                        self.let_wait(reading, &classified, (&origin, delivery.gateway.as_ref()));
                    }
                    continue;
                }
                Class::Historical => {
                    self.let_wait(reading, &classified, (&origin, delivery.gateway.as_ref()));
                    Manner::Past
                }
                Class::Live(_) => Manner::Live,
            };
            let (received, heard) = (classified.received, origin.heard);
            let event = classified.judged_as;
            let sample = Sample { value: reading.value, quality: reading.quality, event, about: event };
            if self.usual.must_wait(reading.point, event) {
                self.settle(rows);
            }
            self.gather(&News { point: reading.point, sample, received, heard, manner }, rows);
        }
        self.note_gateway(delivery, &tally, rows);
        let late_us = tally.newest_live.map(|newest| delivery.received.since(newest).saturating_sub(origin.offset_us));
        !delivery.redelivered && late_us.is_some_and(|late_us| late_us <= FRESH_US)
    }

    /// A historical reading may be all that comes of its point: then it will be judged.
    fn let_wait(
        &mut self,
        reading: &Reading,
        classified: &Classified,
        (origin, gateway): (&Origin<'_>, Option<&GatewayKey>),
    ) {
        let Some(device) = reading.device_time else { return };
        // What the broker repeats came before: it is no news of the point, whoever else has been silent since.
        if origin.redelivered {
            return;
        }
        if !self.anchors.wants(reading.point.0, device) {
            return self.anchors.came(reading.point.0, device, classified.received);
        }
        let waiting = Waiting {
            due: origin.heard.saturating_add(self.patience_with(reading.point)),
            since: origin.received,
            device,
            received: classified.received,
            last: (device, classified.received),
            heard: origin.heard,
            value: reading.value,
            quality: reading.quality,
            offset_us: origin.offset_us,
            gateway: gateway.cloned(),
        };
        self.anchors.wait(reading.point.0, waiting);
    }

    /// How long nothing live may come of a point before its clock is doubted. Microseconds.
    fn patience_with(&self, point: PointId) -> i64 {
        let period_s = self.view.as_ref().and_then(|view| view.point(point)).and_then(|point| point.period_s);
        patience_us(Some(i64::from(period_s.unwrap_or_default()).saturating_mul(SECOND_US)))
    }

    fn note_gateway(&mut self, delivery: &Decoded, tally: &Tally, rows: &mut Rows) {
        let Some(key) = &delivery.gateway else { return };
        // What comes in after an outage, or for a second time, is late for another reason than a wrong clock.
        let says_lag = !delivery.redelivered && !self.outage.is_standing();
        let lag_us = tally.newest_live.filter(|_| says_lag).map(|newest| delivery.received.since(newest));
        let before = self.gateways.status(key);
        // Who sends is not offline, whatever his last will had said.
        let sends = before == Some(GatewayStatus::Offline) && tally.judged && !delivery.redelivered;
        let status = delivery.status.or(sends.then_some(GatewayStatus::Online));
        let heard = Heard {
            received: delivery.received,
            seq: delivery.gateway_seq,
            newest: tally.newest,
            live: tally.newest_live.is_some(),
            lag_us,
            shifted: tally.shifted,
            status,
        };
        let skew = self.gateways.hear(key, &heard);
        if skew != Skew::Same {
            let what = What::Clock(Box::new(key.clone()), skew, self.gateways.offset_us(key));
            rows.0.push(Row { received: delivery.received, what });
        }
        if let Some(status) = status.filter(|status| before != Some(*status)) {
            let what = What::Status(Box::new(key.clone()), status);
            rows.0.push(Row { received: delivery.received, what });
        }
    }

    /// Lets every rule that the reading wakes take down what it needs, as things stand now.
    fn gather(&mut self, news: &News, rows: &mut Rows) {
        let News { point, received, heard, manner, .. } = *news;
        let is_good = news.sample.quality == Quality::Good;
        if is_good && manner == Manner::Live {
            self.means.take(point, news.sample.event, news.sample.value);
            self.memory.take(point, news.sample.event, news.sample.value);
            let calendar = self.view.as_deref().map(|view| &view.registry().calendar);
            let is_workday = |day: Day| calendar.is_some_and(|calendar| calendar.is_workday(day.0));
            self.usual.take(point, news.sample.event, news.sample.value, &is_workday);
        }
        let binding = &self.in_force.binding;
        let woken = binding.by_point.get(point.index()).map_or(&[][..], Vec::as_slice);
        for &number in woken {
            let Some(instance) = binding.instances.get(number as usize) else { continue };
            if self.out_of_service.is_out(number) {
                continue;
            }
            let mut sample = news.sample;
            let kind = if instance.absence_after_us.is_some() {
                if manner == Manner::Anchored || (instance.hears_good_only() && !is_good) {
                    continue;
                }
                Kind::Heard
            } else {
                let Some(lens) = self.in_force.lenses.get_mut(instance.rule) else { continue };
                let is_past = manner == Manner::Past;
                if let Some(slot_us) = lens.slot_us() {
                    let shown = self.means.shown(slot_us, instance.period_us, sample);
                    let Some(shown) = shown.filter(|_| is_good && manner == Manner::Live) else { continue };
                    sample = shown;
                }
                if !lens.wants(sample.quality) || (is_past && !lens.judges_the_past()) {
                    continue;
                }
                let now = Surroundings {
                    points: &self.points,
                    memory: &self.memory,
                    usual: &self.usual,
                    filings: &self.filings,
                    view: self.view.as_deref(),
                };
                let row = lens.gather((number, instance), sample, &now, &mut self.helds);
                if lens.asks_what_is_usual() {
                    self.usual.show(point, sample.about);
                }
                if is_past { Kind::Past(row) } else { Kind::Judged(row) }
            };
            let Sample { value, event, about, .. } = sample;
            let seen = Seen { number, point, event, about, heard, value, kind };
            rows.0.push(Row { received, what: What::Reading(seen) });
        }
    }

    /// Points that have had only history for too long are judged on receive time, each by its newest reading; `at` is
    /// when the first of them falls due. First all of them speak: none is judged beside what another had said before.
    pub(crate) fn re_anchor(&mut self, at: Micros) {
        let mut rows = Rows::default();
        let mut anchored = Vec::new();
        while let Some((number, waiting)) = self.anchors.pop(self.outage.attended(at)) {
            let (point, event) = (PointId(number), waiting.received.plus(waiting.offset_us.saturating_neg()));
            self.points.anchor(point, &waiting);
            if waiting.quality == Quality::Good {
                self.memory.take(point, event, waiting.value);
            }
            anchored.push((point, event, waiting));
        }
        for (point, event, waiting) in anchored {
            if let Some(key) = waiting.gateway
                && self.gateways.anchor(&key, waiting.since) == Skew::Found
            {
                let offset_us = self.gateways.offset_us(&key);
                rows.0.push(Row { received: at, what: What::Clock(Box::new(key), Skew::Found, offset_us) });
            }
            let sample = Sample { value: waiting.value, quality: waiting.quality, event, about: event };
            let news = News { point, sample, received: at, heard: waiting.heard, manner: Manner::Anchored };
            self.gather(&news, &mut rows);
        }
        self.settle(&mut rows);
    }

    /// Judges what was gathered, and lets alarms follow, row by row.
    pub(crate) fn settle(&mut self, rows: &mut Rows) {
        if rows.0.is_empty() {
            return;
        }
        self.judge();
        for row in rows.0.drain(..) {
            self.follow(&row);
        }
        self.in_force.lenses.iter_mut().for_each(Lens::clear);
        self.usual.judged();
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
        match &row.what {
            What::Reading(seen) => match seen.kind {
                Kind::Heard => self.hear(seen),
                Kind::Judged(at) | Kind::Past(at) => {
                    let counted = self.counted_since(seen.number).map_or(0, |since| seen.event.since(since));
                    self.see(seen, at);
                    self.keep_unusual(seen.number, seen.point, (seen.about, counted));
                }
            },
            What::Clock(gateway, skew, offset_us) => self.clock_is(gateway, *skew, *offset_us),
            What::Status(gateway, status) => self.gateway_is(gateway, *status),
        }
    }

    /// A fresh sample ends silence, and its clock starts again.
    fn hear(&mut self, seen: &Seen) {
        let Some((instance, rule)) = self.in_force.instance(seen.number) else { return };
        self.absence.see(instance, seen.point, seen.heard);
        let start = State::start(&self.points, &self.limits);
        self.absence.wait(seen.number, instance, &start);
        if self.slots.is_busy(seen.number) {
            // The way back is measured in attended time, like silence itself.
            let moment = Moment { at: self.now, event: Micros(seen.heard), heard: seen.heard, value: None };
            let terms = terms_of(instance, rule);
            self.turn(seen.number, self.now, |phase| phase.see(Sight::Over, moment, &terms));
        }
    }

    fn see(&mut self, seen: &Seen, at: u32) {
        // Rows of the same run, taken down before it went out of service.
        if self.out_of_service.is_out(seen.number) {
            return;
        }
        let Some((instance, rule)) = self.in_force.instance(seen.number) else { return };
        let Some(lens) = self.in_force.lenses.get(instance.rule) else { return };
        let said = lens.said(at, rule, instance.severity);
        let sight = match said {
            Said::Nothing => return,
            Said::Seen(sight) => sight,
            // Nobody asks for the way back of what is quiet.
            Said::FailedBack(_) if !self.slots.is_busy(seen.number) => return,
            Said::Failed(error) | Said::FailedBack(error) => {
                let error = error.to_owned();
                return self.rule_fails(seen.number, &error);
            }
        };
        self.rule_works(seen.number);
        let Some((instance, rule)) = self.in_force.instance(seen.number) else { return };
        if let Kind::Past(_) = seen.kind {
            if let Sight::Breach(severity) = sight {
                let (event, worst, at, side) = (seen.event, seen.value, self.now, Side::of(rule.limit));
                let seen_now = Growing { severity, first_event: event, last_event: event, worst, readings: 1, at };
                self.findings.note(seen.number, seen_now, |a, b| side.worse(Some(a), Some(b)).unwrap_or(b));
            }
            return;
        }
        if matches!(sight, Sight::Between | Sight::Over) && !self.slots.is_busy(seen.number) {
            return;
        }
        let moment = Moment { at: self.now, event: seen.event, heard: seen.heard, value: Some(seen.value) };
        let terms = terms_of(instance, rule);
        if self.slots.is_dwelling(seen.number) {
            let unheard = self.outage.last;
            self.turn(seen.number, self.now, |phase| phase.pass(moment, &terms, unheard));
        }
        self.turn(seen.number, self.now, |phase| phase.see(sight, moment, &terms));
    }
}
