//! What a step gives out, gathered while it works and brought into its final order at the end: the index of an
//! effect is its place in that order. Pure.

use crate::alarm::AlarmChange;
use crate::classify::{Class, Classified, Path};
use crate::command::Outcome;
use crate::effect::{Business, Effects, Finding, NO_TIME, Quarantined, Receipt, StoredReadings};
use crate::gateway::GatewayKey;
use crate::input::{Decoded, Reason, Reject};
use bytes::Bytes;
use rules::reading::{Micros, Reading, Severity};

use std::collections::BTreeMap;

/// A message full of mistakes must not be stored once for each of them: beyond so many bytes of copies, its further
/// mistakes are stored without the payload, which the first one carries.
const QUARANTINED_COPIES_MAX: usize = 1 << 20;
const DETAIL_CHARS_MAX: usize = 200;

#[derive(Debug, Default)]
pub struct Out {
    /// Numbers and versions: everything else of the step may lean on them.
    pub first: Vec<Business>,
    pub quarantined: Vec<Business>,
    pub found: Vec<Finding>,
    /// Filings, acceptances, coverage, hazards and figures, in the order in which they came about.
    pub ledger: Vec<Business>,
    pub readings: StoredReadings,
    pub outcomes: Vec<Outcome>,
    /// By gateway, the highest number of the step.
    receipts: BTreeMap<GatewayKey, u64>,
}

impl Out {
    pub fn store(&mut self, reading: &Reading, classified: &Classified) {
        if classified.class == Class::Duplicate {
            self.readings.duplicates = self.readings.duplicates.saturating_add(1);
            return;
        }
        let columns = match classified.path {
            Path::Fast => &mut self.readings.fast,
            Path::Compared => &mut self.readings.late,
        };
        columns.point.push(reading.point.0);
        columns.event_us.push(classified.event.0);
        columns.value.push(reading.value);
        columns.quality.push(reading.quality as u8);
        columns.device_us.push(reading.device_time.map_or(NO_TIME, |time| time.0));
        columns.received_us.push(classified.received.0);
        columns.flags.push(classified.flags);
    }

    /// Notes the number a gateway gave its message, for its receipt.
    pub fn receipt(&mut self, delivery: &Decoded) {
        let (Some(seq), Some(gateway)) = (delivery.gateway_seq, &delivery.gateway) else { return };
        match self.receipts.get_mut(gateway) {
            Some(highest) => *highest = seq.max(*highest),
            None => drop(self.receipts.insert(gateway.clone(), seq)),
        }
    }

    /// Puts aside what the decoder could not read of a message.
    pub fn quarantine(&mut self, delivery: &Decoded) {
        let mut copied = 0_usize;
        for reject in &delivery.rejects {
            let payload = if copied == 0 || copied.saturating_add(delivery.payload.len()) <= QUARANTINED_COPIES_MAX {
                copied = copied.saturating_add(delivery.payload.len().max(1));
                delivery.payload.clone()
            } else {
                Bytes::new()
            };
            let (received, topic) = (delivery.received, delivery.topic.clone());
            self.quarantined.push(Business::Quarantined(Quarantined {
                received,
                topic,
                payload,
                reject: reject.clone(),
            }));
        }
    }

    /// Puts aside a delivery of a record that could not be digested.
    pub fn quarantine_skipped(&mut self, at: Micros, (topic, payload): &(String, Bytes), reason: &str) {
        let detail = reason.chars().take(DETAIL_CHARS_MAX).collect();
        let reject = Reject { index: None, reason: Reason::Skipped, detail };
        let (topic, payload) = (topic.clone(), payload.clone());
        self.quarantined.push(Business::Quarantined(Quarantined { received: at, topic, payload, reject }));
    }

    /// Numbers and versions first, then alarms from red to blue, then what was put aside. Changes of one rule on one
    /// object stay together in their order, at the worst severity any of them has: an alarm's later state must never
    /// be written before an earlier one, nor its successor before its end.
    #[must_use]
    pub fn arrange(self, mut changes: Vec<AlarmChange>) -> Effects {
        let mut worst: BTreeMap<Owner, Severity> = BTreeMap::new();
        for change in &changes {
            let severity = worst.entry(Owner::of(change)).or_insert(change.alarm.severity);
            *severity = change.alarm.severity.max(*severity);
        }
        let rank = |change: &AlarmChange| worst.get(&Owner::of(change)).copied().unwrap_or(change.alarm.severity);
        changes.sort_by_cached_key(|change| std::cmp::Reverse(rank(change)));
        let mut business = self.first;
        business.sort_by_key(|first| match first {
            Business::PointNumbered { .. } => 0_u8,
            Business::Registered { .. } => 1,
            Business::RulesActivated { .. }
            | Business::Alarm(_)
            | Business::Quarantined(_)
            | Business::Replayed { .. }
            | Business::Finding(_)
            | Business::Filing(_)
            | Business::Acceptance(_)
            | Business::CoverageDay(_)
            | Business::Sealed(_)
            | Business::Hazard(_)
            | Business::Figure(_)
            | Business::RuleDecision(_) => 2,
        });
        business.extend(changes.into_iter().map(|change| Business::Alarm(Box::new(change))));
        business.extend(self.found.into_iter().map(|finding| Business::Finding(Box::new(finding))));
        business.extend(self.ledger);
        business.extend(self.quarantined);
        let receipt = |(key, seq)| {
            let GatewayKey { enterprise, gateway } = key;
            Receipt { enterprise, gateway, seq }
        };
        let receipts = self.receipts.into_iter().map(receipt).collect();
        Effects { business, readings: self.readings, outcomes: self.outcomes, receipts }
    }
}

/// What has at most one open alarm at a time: a rule on an object, where a failing rule is named in the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Owner {
    rule: String,
    enterprise: Option<String>,
    equipment: Option<String>,
    point: Option<String>,
}

impl Owner {
    fn of(change: &AlarmChange) -> Owner {
        let object = &change.alarm.object;
        Owner {
            rule: change.alarm.rule.clone(),
            enterprise: object.enterprise.clone(),
            equipment: object.equipment.clone(),
            point: object.point.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{Alarm, AlarmId, AlarmState, Birth, Cause, Object};
    use crate::slot::{Breach, Side};
    use rules::registry::Text;

    fn change(rule: &str, id: u64, severity: Severity) -> AlarmChange {
        let birth = Birth {
            rule: rule.to_owned(),
            name: Text::default(),
            object: Object::default(),
            limit: None,
            rule_set: String::new(),
            text: Text::default(),
        };
        let breach = Breach::plain(severity, Micros(0));
        Alarm::raise(AlarmId(id), birth, &breach, Micros(0)).1
    }

    fn ids(effects: &Effects) -> Vec<(u64, Cause)> {
        let alarm = |business: &Business| match business {
            Business::Alarm(change) => Some((change.alarm.id.0, change.cause)),
            _ => None,
        };
        effects.business.iter().filter_map(alarm).collect()
    }

    #[test]
    fn red_comes_first_and_an_alarms_own_changes_keep_their_order() {
        let blue = change("R-1", 1, Severity::Blue);
        let mut alarm = blue.alarm.clone();
        let risen = alarm.hold(Severity::Red, (Micros(1), None), Side::Unknown).expect("a rise is an event");
        let orange = change("R-2", 2, Severity::Orange);
        assert_eq!(blue.to, AlarmState::Unacknowledged);
        let effects = Out::default().arrange(vec![orange, blue, risen]);
        assert_eq!(ids(&effects), [(1, Cause::Raised), (1, Cause::SeverityRaised), (2, Cause::Raised)]);
    }

    #[test]
    fn a_message_of_mistakes_is_not_copied_for_each() {
        let payload = Bytes::from(vec![b'x'; 600_000]);
        let reject = |n| Reject { index: Some(n), reason: Reason::WrongType, detail: String::new() };
        let delivery = Decoded {
            received: Micros(0),
            topic: "t".to_owned(),
            payload,
            redelivered: false,
            gateway: None,
            gateway_seq: None,
            status: None,
            readings: Vec::new(),
            rejects: (0..5_000).map(reject).collect(),
            simulated: false,
        };
        let mut out = Out::default();
        out.quarantine(&delivery);
        let bytes: usize =
            out.quarantined.iter().map(|q| if let Business::Quarantined(q) = q { q.payload.len() } else { 0 }).sum();
        assert_eq!((out.quarantined.len(), bytes), (5_000, 600_000));
    }

    #[test]
    fn the_highest_number_of_each_gateway_is_receipted() {
        let mut out = Out::default();
        let key = |names: Option<(&str, &str)>| {
            names.map(|(enterprise, gateway)| GatewayKey { enterprise: enterprise.into(), gateway: gateway.into() })
        };
        for (names, gateway_seq) in [
            (Some(("b", "g")), Some(3)),
            (Some(("a", "h")), Some(8)),
            (Some(("b", "g")), Some(7)),
            (Some(("b", "g")), Some(5)),
            (Some(("a", "g")), None),
            (None, Some(1)),
        ] {
            out.receipt(&Decoded {
                received: Micros(0),
                topic: String::new(),
                payload: Bytes::new(),
                redelivered: false,
                gateway: key(names),
                gateway_seq,
                status: None,
                readings: Vec::new(),
                rejects: Vec::new(),
                simulated: false,
            });
        }
        let receipt = |enterprise: &str, gateway: &str, seq| Receipt {
            enterprise: enterprise.to_owned(),
            gateway: gateway.to_owned(),
            seq,
        };
        assert_eq!(out.arrange(Vec::new()).receipts, [receipt("a", "h", 8), receipt("b", "g", 7)]);
    }
}
