//! The days of the readings table where Davy makes its partitions itself: which exist, and how much of each the index
//! on time does not know yet. I/O.

use super::capability::Parts;
use super::error::StoreError;
use super::stamp::DAY_US;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The last day a partition is made for: 2199-12-31, counted in days since 1970. Beyond it a time is an error.
const LAST_DAY: i64 = 84_005;

/// The day of an event time, in days since 1970; `None` where no reading can belong.
#[must_use]
pub fn day_of(event_us: i64) -> Option<i64> {
    let day = event_us.div_euclid(DAY_US);
    (0..=LAST_DAY).contains(&day).then_some(day)
}

/// So many new rows may lie unsummarized under the late path's window: reading them costs it about 20 ms.
const UNSUMMARIZED_MAX: u64 = 200_000;

/// Which days are known to have their partition, and about how many of their rows BRIN does not know yet.
#[derive(Debug)]
pub struct Days {
    parts: Parts,
    unsummarized: BTreeMap<i64, u64>,
}

impl Days {
    #[must_use]
    pub fn new(parts: Parts) -> Days {
        Days { parts, unsummarized: BTreeMap::new() }
    }

    /// Makes the missing partitions of `wanted`. In transactions of its own, before the rows: no lock is kept.
    pub async fn ensure(&mut self, client: &Client, wanted: &BTreeSet<i64>) -> Result<(), StoreError> {
        if self.parts == Parts::Chunks {
            return Ok(());
        }
        for day in wanted {
            if !self.unsummarized.contains_key(day) {
                let sql = "SELECT public.davy_ensure_day(DATE '1970-01-01' + $1::int4)";
                client.execute(sql, &[&i32::try_from(*day).unwrap_or(i32::MAX)]).await?;
                // Whoever wrote here before us may have left any number of rows.
                self.unsummarized.insert(*day, UNSUMMARIZED_MAX);
            }
        }
        Ok(())
    }

    /// So many rows were written to one of these days; counted for each of them.
    pub fn written(&mut self, days: &BTreeSet<i64>, rows: u64) {
        for day in days {
            if let Some(unsummarized) = self.unsummarized.get_mut(day) {
                *unsummarized = unsummarized.saturating_add(rows);
            }
        }
    }

    /// Before rows of these days are compared with what is stored: lets the index know new rows, if they are many.
    pub async fn summarize(&mut self, client: &Client, days: &BTreeSet<i64>) -> Result<(), StoreError> {
        for day in days {
            if let Some(unsummarized) = self.unsummarized.get_mut(day)
                && *unsummarized >= UNSUMMARIZED_MAX
            {
                let sql = "SELECT public.davy_summarize(DATE '1970-01-01' + $1::int4)";
                match client.execute(sql, &[&i32::try_from(*day).unwrap_or(i32::MAX)]).await {
                    Ok(_) => *unsummarized = 0,
                    // A vacuum holds the table, and does the same.
                    Err(e) if e.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => *unsummarized = 0,
                    Err(e) => return Err(e.into()),
                }
            }
        }
        Ok(())
    }

    /// Somebody dropped a partition: look again.
    pub fn forget(&mut self) {
        self.unsummarized.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc_and_bounded() {
        assert_eq!(day_of(0), Some(0));
        assert_eq!(day_of(DAY_US - 1), Some(0));
        assert_eq!(day_of(DAY_US), Some(1));
        assert_eq!(day_of(-1), None);
        assert_eq!(day_of(i64::MAX), None);
        // 2199-12-31
        assert_eq!(day_of(7_258_118_399_999_999), Some(LAST_DAY));
        assert_eq!(day_of(7_258_118_400_000_000), None);
    }
}
