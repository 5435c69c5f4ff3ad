//! What was answered to whom: the same idempotency key gets the same answer and changes nothing twice. Must not know
//! what an order does. Pure.

use crate::command::{Order, Outcome, Refusal};
use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Nobody retries a command later than this.
const KEPT_US: i64 = 86_400 * SECOND_US;
/// People do not order faster; a script that does loses the oldest keys, never a fresh one.
const KEYS_MAX: usize = 10_000;

/// The answers of the last day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    by_key: BTreeMap<String, Given>,
    /// The keys in the order of their answers. One entry for each key.
    order: VecDeque<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Given {
    at: Micros,
    order: Order,
    outcome: Outcome,
}

impl Answers {
    /// What this key was answered before; a key that comes with another order is refused.
    #[must_use]
    pub fn find(&self, key: &str, order: &Order) -> Option<Outcome> {
        let given = self.by_key.get(key)?;
        if given.order == *order { Some(given.outcome.clone()) } else { Some(Outcome::Refused(Refusal::KeyReused)) }
    }

    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Keeps the first answer of a key.
    pub fn keep(&mut self, key: &str, at: Micros, (order, outcome): (&Order, &Outcome)) {
        if self.by_key.contains_key(key) {
            return;
        }
        self.by_key.insert(key.to_owned(), Given { at, order: order.clone(), outcome: outcome.clone() });
        self.order.push_back(key.to_owned());
        if self.order.len() > KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    pub fn forget_old(&mut self, now: Micros) {
        while let Some(key) = self.order.front() {
            if self.by_key.get(key).is_some_and(|given| now.since(given.at) < KEPT_US) {
                break;
            }
            self.by_key.remove(key);
            self.order.pop_front();
        }
    }

    /// Oldest first.
    #[must_use]
    pub fn save(&self) -> Vec<(String, Given)> {
        self.order.iter().filter_map(|key| Some((key.clone(), self.by_key.get(key)?.clone()))).collect()
    }

    #[must_use]
    pub fn restore(saved: Vec<(String, Given)>) -> Answers {
        let order = saved.iter().map(|(key, _)| key.clone()).collect();
        Answers { order, by_key: saved.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::AlarmId;

    fn order(id: u64) -> Order {
        Order::Acknowledge { alarm: AlarmId(id), comment: String::new() }
    }

    #[test]
    fn a_key_is_answered_once() {
        let mut answers = Answers::default();
        let done = Outcome::Done { alarm: AlarmId(7) };
        answers.keep("k", Micros(0), (&order(7), &done));
        answers.keep("k", Micros(0), (&order(7), &Outcome::Refused(Refusal::NoSuchAlarm)));
        assert_eq!(answers.find("k", &order(7)), Some(done));
        assert_eq!(answers.find("k", &order(8)), Some(Outcome::Refused(Refusal::KeyReused)));
        assert_eq!(answers.find("other", &order(7)), None);
        assert_eq!((answers.has("k"), answers.has("other")), (true, false));
    }

    #[test]
    fn keys_go_after_a_day_and_when_there_are_too_many() {
        let mut answers = Answers::default();
        let done = Outcome::Done { alarm: AlarmId(1) };
        for n in 0..10_001_u32 {
            answers.keep(&format!("k{n}"), Micros(i64::from(n)), (&order(1), &done));
        }
        assert_eq!(answers.find("k0", &order(1)), None);
        assert!(answers.find("k1", &order(1)).is_some());
        answers.forget_old(Micros(KEPT_US + 5));
        assert_eq!(answers.find("k5", &order(1)), None);
        assert!(answers.find("k6", &order(1)).is_some());
        assert_eq!(Answers::restore(answers.save()), answers);
    }
}
