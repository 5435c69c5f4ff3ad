//! One point's past out of two places: what the database has applied, and what is still in the spool behind it. No row
//! twice, none missing at the seam; thinned out so that extremes stay and gaps stay gaps. Pure.

use super::query::{Bucket, StoredReading};
use alerting::effect::NO_TIME;
use rules::reading::Micros;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// How closely the past is looked at. Widths in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Every,
    /// Of each piece the lowest and the highest.
    Sampled(i64),
    /// Rolled up: whole minutes or hours.
    Buckets(i64),
}

/// Which part comes from where: records up to `applied_seq` from the database, those behind it from the journal's spool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sources {
    /// Null: the database has not answered; then `problem` says why, and all there is comes from the spool.
    pub applied_seq: Option<u64>,
    pub problem: String,
    /// Records after this one, up to `spool_to_seq`, were looked for in the spool.
    pub spool_after_seq: u64,
    pub spool_to_seq: u64,
    /// False: the spool reaches further back than was looked, or, without the database, than it is held.
    pub complete: bool,
}

/// (device time, value, quality) as everywhere; without a device time (event time, value).
fn identity(row: &StoredReading) -> (i64, i64, u64, i16) {
    // Adding 0.0 makes -0.0 into 0.0: PostgreSQL holds them for equal.
    let value = (row.value + 0.0).to_bits();
    match row.device_time {
        Some(device) => (device.0, NO_TIME, value, row.quality),
        None => (NO_TIME, row.event_time.0, value, 0),
    }
}

/// Both in the order of event time, each reading once: a late row in the spool may be stored already.
#[must_use]
pub fn join(stored: Vec<StoredReading>, waiting: Vec<StoredReading>) -> Vec<StoredReading> {
    let mut rows = stored;
    if !waiting.is_empty() {
        let mut known: HashSet<_> = rows.iter().map(identity).collect();
        rows.extend(waiting.into_iter().filter(|row| known.insert(identity(row))));
        rows.sort_by_key(|row| (row.event_time, row.received));
    }
    rows
}

/// At most two rows for each `width_us`: the lowest and the highest, as they are. Rows that are bad stand aside for
/// better ones. Rows come in the order of event time and stay in it.
#[must_use]
pub fn sample(rows: Vec<StoredReading>, from: Micros, width_us: i64) -> Vec<StoredReading> {
    let place = |row: &StoredReading| row.event_time.since(from).div_euclid(width_us.max(1));
    let mut kept = Vec::new();
    for piece in rows.chunk_by(|a, b| place(a) == place(b)) {
        let usable = piece.iter().any(|row| row.quality < 2);
        let rows = || piece.iter().enumerate().filter(|(_, row)| row.quality < 2 || !usable);
        let lowest = rows().min_by(|a, b| a.1.value.total_cmp(&b.1.value)).map(|(i, _)| i);
        // Of equal ones the first: a flat piece is one row.
        let highest = rows().rev_max().map(|(i, _)| i);
        let mut places: Vec<usize> = lowest.into_iter().chain(highest).collect();
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().filter_map(|i| piece.get(i)).cloned());
    }
    kept
}

/// The largest of (place, row), the first among equals.
trait RevMax<'a> {
    fn rev_max(self) -> Option<(usize, &'a StoredReading)>;
}

impl<'a, I: Iterator<Item = (usize, &'a StoredReading)>> RevMax<'a> for I {
    fn rev_max(self) -> Option<(usize, &'a StoredReading)> {
        self.fold(None, |best, next| match best {
            Some((_, row)) if next.1.value.total_cmp(&row.value).is_le() => best,
            _ => Some(next),
        })
    }
}

/// Adds rows that are not in the buckets yet. A late row that is stored already is counted once more until it is
/// applied; extremes are right at any time.
#[must_use]
pub fn add(buckets: Vec<Bucket>, waiting: &[StoredReading], width_us: i64) -> Vec<Bucket> {
    let mut by_time: BTreeMap<Micros, Bucket> = buckets.into_iter().map(|bucket| (bucket.at, bucket)).collect();
    let mut rows: Vec<&StoredReading> = waiting.iter().collect();
    rows.sort_by_key(|row| (row.event_time, row.received));
    for row in rows {
        // Whole minutes or hours since 1970 are whole ones since 2000 too, which the database counts from.
        let at = Micros(
            row.event_time.0.saturating_sub(row.event_time.0.wrapping_sub(ORIGIN_US).rem_euclid(width_us.max(1))),
        );
        by_time.entry(at).or_insert_with(|| Bucket::empty(at)).take(row);
    }
    by_time.into_values().collect()
}

/// 2000-01-01: where buckets are counted from, here and in the database.
pub const ORIGIN_US: i64 = 946_684_800_000_000;

impl Bucket {
    fn empty(at: Micros) -> Bucket {
        Bucket { at, count: 0, good_count: 0, used_count: 0, min: None, max: None, sum: None, last: None }
    }

    fn take(&mut self, row: &StoredReading) {
        self.count = self.count.saturating_add(1);
        self.good_count = self.good_count.saturating_add(u64::from(row.quality == 0));
        if row.quality < 2 {
            self.used_count = self.used_count.saturating_add(1);
            self.min = Some(self.min.map_or(row.value, |min| min.min(row.value)));
            self.max = Some(self.max.map_or(row.value, |max| max.max(row.value)));
            self.sum = Some(self.sum.unwrap_or(0.0) + row.value);
            // What waits is newer than what is stored, as a rule; where it is late, the next answer knows better.
            self.last = Some(row.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: i64, value: f64) -> StoredReading {
        let time = Micros(at);
        StoredReading { event_time: time, device_time: Some(time), received: time, value, quality: 0, flags: 0 }
    }

    fn show(rows: &[StoredReading]) -> Vec<(i64, f64)> {
        rows.iter().map(|row| (row.event_time.0, row.value)).collect()
    }

    #[test]
    fn a_row_that_is_in_both_places_is_told_once() {
        let timeless = StoredReading { device_time: None, flags: 1, ..row(5, 7.0) };
        let stored = vec![row(1, 1.0), row(3, 0.0), timeless.clone()];
        let waiting = vec![row(4, 4.0), row(3, -0.0), row(2, 2.0), timeless, row(4, 4.0), row(4, 5.0)];
        let joined = join(stored, waiting);
        assert_eq!(show(&joined), [(1, 1.0), (2, 2.0), (3, 0.0), (4, 4.0), (4, 5.0), (5, 7.0)]);
    }

    #[test]
    fn extremes_stay_gaps_stay_and_bad_ones_stand_aside() {
        let mut rows: Vec<StoredReading> =
            (0..100).map(|i| row(i, f64::from(i32::try_from(i % 10).unwrap()))).collect();
        rows.retain(|row| !(20..40).contains(&row.event_time.0));
        rows[50].value = 900.0;
        rows[51] = StoredReading { quality: 2, ..row(rows[51].event_time.0, -1e9) };
        let kept = sample(rows, Micros(0), 20);
        assert_eq!(
            show(&kept),
            [(0, 0.0), (9, 9.0), (40, 0.0), (49, 9.0), (60, 0.0), (70, 900.0), (80, 0.0), (89, 9.0)]
        );
        assert_eq!(show(&sample(vec![row(1, 4.0), row(2, 4.0)], Micros(0), 60)), [(1, 4.0)]);
    }

    #[test]
    fn waiting_rows_go_into_their_buckets_and_no_others() {
        let minute = 60_000_000;
        let at = Micros(ORIGIN_US);
        let first =
            Bucket { count: 2, used_count: 2, min: Some(1.0), max: Some(2.0), sum: Some(3.0), ..Bucket::empty(at) };
        let waiting = [row(at.0 + 3 * minute + 1, 8.0), row(at.0 + 1, 0.5), row(at.0 + 3 * minute + 2, 7.0)];
        let buckets = add(vec![first], &waiting, minute);
        let told: Vec<_> =
            buckets.iter().map(|b| (b.at.since(at) / minute, b.count, b.min, b.max, b.sum, b.last)).collect();
        assert_eq!(
            told,
            [(0, 3, Some(0.5), Some(2.0), Some(3.5), Some(0.5)), (3, 2, Some(7.0), Some(8.0), Some(15.0), Some(7.0))]
        );
    }
}
