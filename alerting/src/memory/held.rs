//! Since when the conditions inside conditions are true, by rule and object. Looked at only when a reading wakes the rule:
//! between two of them nothing is known, and nothing is doubted. A condition of which nothing can be said changes
//! nothing. Must not know how conditions are judged. Pure.

use super::kept::BACK_MAX_US;
use crate::state::SlotKey;
use rules::reading::{Micros, SECOND_US};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Only those that are true now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Helds {
    /// By instance of the binding in force.
    instances: BTreeMap<u32, Vec<Since>>,
}

/// All of them by name: what survives a change of rules, and lies in a snapshot.
pub(crate) type Named = Vec<(SlotKey, Vec<Since>)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Since {
    /// Which condition of the rule.
    pub key: u64,
    pub since: i64,
    /// The newest reading at which it was true.
    pub newest: i64,
}

impl Helds {
    /// What a condition says at a reading of this time, `None` where nothing can be said. Whether it has been true for so
    /// long, as a column has it.
    pub fn see(&mut self, number: u32, key: u64, (event, window_s): (Micros, u32), is_true: Option<bool>) -> f64 {
        let known = |list: &Vec<Since>| list.iter().position(|since| since.key == key);
        match is_true {
            None => f64::NAN,
            Some(false) => {
                if let Some(list) = self.instances.get_mut(&number)
                    && let Some(at) = known(list)
                {
                    list.remove(at);
                    if list.is_empty() {
                        self.instances.remove(&number);
                    }
                }
                0.0
            }
            Some(true) => {
                let list = self.instances.entry(number).or_default();
                let begun = Since { key, since: event.0, newest: event.0 };
                match known(list).and_then(|at| list.get_mut(at)) {
                    Some(since) => {
                        // A clock that is set back begins anew, as every memory does.
                        if since.newest.saturating_sub(event.0) > BACK_MAX_US {
                            *since = begun;
                        }
                        since.newest = since.newest.max(event.0);
                        let held_us = since.newest.saturating_sub(since.since);
                        f64::from(u8::from(held_us >= i64::from(window_s).saturating_mul(SECOND_US)))
                    }
                    None => {
                        let at = list.partition_point(|since| since.key < key);
                        list.insert(at, begun);
                        0.0
                    }
                }
            }
        }
    }

    pub fn named(&self, name: impl Fn(u32) -> Option<SlotKey>) -> Named {
        let mut named: Named =
            self.instances.iter().filter_map(|(number, list)| Some((name(*number)?, list.clone()))).collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named
    }

    /// Puts back what an instance has of it: the conditions that its rule still asks.
    pub fn put(&mut self, number: u32, list: Vec<Since>, asked: &[u64]) {
        let list: Vec<Since> = list.into_iter().filter(|since| asked.contains(&since.key)).collect();
        if !list.is_empty() {
            self.instances.insert(number, list);
        }
    }
}

/// What a snapshot must hold.
pub(crate) fn is_whole(named: &Named) -> bool {
    named.is_sorted_by(|(a, _), (b, _)| a < b)
        && named.iter().all(|(_, list)| {
            !list.is_empty()
                && list.is_sorted_by(|a, b| a.key < b.key)
                && list.iter().all(|since| since.since <= since.newest)
        })
}
