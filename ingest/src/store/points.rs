//! The journal's point numbers and the database's own: learned from `point_number`, which the business lane fills.
//! Must not know readings' values. I/O.

use super::error::StoreError;
use std::collections::BTreeSet;
use tokio_postgres::Client;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The business lane has not come to this number yet.
    Unknown,
    Placed(i32),
    /// Its key could not be stored: its readings are set aside.
    Unplaceable,
}

/// Indexed by the journal's number; belongs to one journal and one session.
#[derive(Debug, Default)]
pub struct PointMap {
    slots: Vec<Slot>,
}

impl PointMap {
    /// Everything known for a journal.
    pub async fn load(client: &Client, journal_id: &str) -> Result<PointMap, StoreError> {
        let mut map = PointMap::default();
        let rows =
            client.query("SELECT number, point_id FROM point_number WHERE journal_id = $1", &[&journal_id]).await?;
        for row in rows {
            map.put(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(map)
    }

    #[must_use]
    pub fn get(&self, number: u32) -> Slot {
        self.slots.get(number as usize).copied().unwrap_or(Slot::Unknown)
    }

    /// Looks up the `missing` numbers once more; those still unknown are `NotYet`.
    pub async fn learn(
        &mut self,
        client: &Client,
        journal_id: &str,
        missing: &BTreeSet<u32>,
    ) -> Result<(), StoreError> {
        if missing.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i64> = missing.iter().map(|number| i64::from(*number)).collect();
        let rows = client
            .query(
                "SELECT number, point_id FROM point_number WHERE journal_id = $1 AND number = ANY($2)",
                &[&journal_id, &numbers],
            )
            .await?;
        for row in rows {
            self.put(row.try_get(0)?, row.try_get(1)?);
        }
        match missing.iter().find(|number| self.get(**number) == Slot::Unknown) {
            None => Ok(()),
            Some(number) => {
                Err(StoreError::NotYet(format!("point number {number} has not come through the business lane yet")))
            }
        }
    }

    fn put(&mut self, number: i64, point: Option<i32>) {
        // Numbers are u32 in the journal; a row that is not cannot be asked for.
        let Ok(index) = u32::try_from(number) else { return };
        let index = index as usize;
        if self.slots.len() <= index {
            self.slots.resize(index.saturating_add(1), Slot::Unknown);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = point.map_or(Slot::Unplaceable, Slot::Placed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_unplaceable_and_placed_are_three_things() {
        let mut map = PointMap::default();
        map.put(3, Some(30));
        map.put(1, None);
        map.put(-1, Some(9));
        assert_eq!([map.get(0), map.get(1), map.get(3)], [Slot::Unknown, Slot::Unplaceable, Slot::Placed(30)]);
        assert_eq!(map.get(u32::MAX), Slot::Unknown);
    }
}
