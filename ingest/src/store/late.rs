//! The late path: readings that may be stored already, compared with what is there before they are written.
//! Windows of event time with literal bounds, because only those let the planner leave other days alone. I/O.

use super::readings::Row;
use super::stamp::{DAY_US, Stamp, literal};
use alerting::effect::NO_TIME;
use std::cmp::Ordering;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};

/// The values of `flags` with `FLAG_UNBELIEVED`, as in the condition of the index `reading_unbelieved`.
const UNBELIEVED: &str = "2, 3, 6, 7";
/// One statement compares rows of so much event time at most: beyond it the scan grows and not the yield.
const WINDOW_US: i64 = 600_000_000;

/// Writes those of `rows` that are not stored yet, each once; returns how many.
pub async fn insert(tx: &Transaction<'_>, rows: &[Row]) -> Result<u64, Error> {
    // The planner has no statistics of a day that has just begun. What it must not do then: loop over the window for
    // each row of the batch, or read the whole day.
    let settings = "SET LOCAL enable_nestloop = off; SET LOCAL enable_seqscan = off; SET LOCAL work_mem = '64MB'";
    tx.batch_execute(settings).await?;
    let mut inserted = 0_u64;
    for window in windows(distinct(rows)) {
        let (timed, timeless): (Vec<Row>, Vec<Row>) = window.into_iter().partition(|row| row.device_us != NO_TIME);
        for (rows, kind) in [(timed, Kind::Timed), (timeless, Kind::Timeless)] {
            if !rows.is_empty() {
                inserted = inserted.saturating_add(compare_and_insert(tx, &rows, kind).await?);
            }
        }
    }
    Ok(inserted)
}

#[derive(Clone, Copy)]
enum Kind {
    /// Identity is (point, device time, value, quality), believed or not.
    Timed,
    /// The device sent no time: all there is to compare is (point, event time, value).
    Timeless,
}

/// Same identity within the batch: the first one stays. In the order of event time.
fn distinct(rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    let identity = |a: &Row, b: &Row| -> Ordering {
        let by_time = a.device_us.cmp(&b.device_us);
        // Adding 0.0 makes -0.0 into 0.0: PostgreSQL holds them for equal.
        let by_value = (a.value + 0.0).total_cmp(&(b.value + 0.0));
        let by_identity = a.point.cmp(&b.point).then(by_time).then(by_value);
        if a.device_us == NO_TIME && b.device_us == NO_TIME {
            by_identity.then(a.event_us.cmp(&b.event_us))
        } else {
            by_identity.then(a.quality.cmp(&b.quality))
        }
    };
    rows.sort_by(|a, b| identity(a, b).then(a.seq.cmp(&b.seq)).then(a.index.cmp(&b.index)));
    rows.dedup_by(|b, a| identity(a, b) == Ordering::Equal);
    rows.sort_by_key(|row| (row.event_us, row.seq, row.index));
    rows
}

/// Cuts rows in the order of event time into windows.
fn windows(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut windows: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match windows.last_mut() {
            Some(window)
                if window.first().is_some_and(|first| row.event_us.saturating_sub(first.event_us) < WINDOW_US) =>
            {
                window.push(row);
            }
            _ => windows.push(vec![row]),
        }
    }
    windows
}

async fn compare_and_insert(tx: &Transaction<'_>, rows: &[Row], kind: Kind) -> Result<u64, Error> {
    let first = rows.first().map_or(0, |row| row.event_us);
    let last = rows.last().map_or(0, |row| row.event_us);
    let point: Vec<i32> = rows.iter().map(|row| row.point).collect();
    let event: Vec<Stamp> = rows.iter().map(|row| Stamp(row.event_us)).collect();
    let value: Vec<f64> = rows.iter().map(|row| row.value).collect();
    let quality: Vec<i16> = rows.iter().map(|row| i16::from(row.quality)).collect();
    let device: Vec<Option<Stamp>> =
        rows.iter().map(|row| (row.device_us != NO_TIME).then_some(Stamp(row.device_us))).collect();
    let received: Vec<Stamp> = rows.iter().map(|row| Stamp(row.received_us)).collect();
    let flags: Vec<i16> = rows.iter().map(|row| i16::from(row.flags)).collect();
    let columns: [(&(dyn ToSql + Sync), Type); 7] = [
        (&point, Type::INT4_ARRAY),
        (&event, Type::TIMESTAMPTZ_ARRAY),
        (&value, Type::FLOAT8_ARRAY),
        (&quality, Type::INT2_ARRAY),
        (&device, Type::TIMESTAMPTZ_ARRAY),
        (&received, Type::TIMESTAMPTZ_ARRAY),
        (&flags, Type::INT2_ARRAY),
    ];
    tx.execute_typed(&statement(kind, first, last), &columns).await
}

/// The batch is joined to what is stored as the *small* side of a hash join; an anti-join written directly would make
/// PostgreSQL 15 hash every stored row of the window.
fn statement(kind: Kind, first: i64, last: i64) -> String {
    let within = |alias: &str, from: i64| {
        format!("{alias}.event_time >= {} AND {alias}.event_time <= {}", literal(from), literal(last))
    };
    let hits = match kind {
        Kind::Timeless => format!(
            "SELECT n.i FROM n JOIN public.reading r ON r.point = n.point AND r.event_time = n.event_time \
             AND r.value = n.value WHERE r.device_time IS NULL AND {}",
            within("r", first)
        ),
        // A reading that was not believed lies at its receive time, and may come again when its time is believed: it
        // is looked for through its own small index, a day back.
        Kind::Timed => format!(
            "SELECT n.i FROM n JOIN public.reading r ON r.point = n.point AND r.event_time = n.event_time \
             AND r.value = n.value AND r.quality = n.quality AND r.device_time = n.device_time WHERE {} \
             UNION ALL \
             SELECT n.i FROM n JOIN public.reading u ON u.point = n.point AND u.device_time = n.device_time \
             AND u.value = n.value AND u.quality = n.quality WHERE u.flags IN ({UNBELIEVED}) AND {}",
            within("r", first),
            within("u", first.saturating_sub(DAY_US))
        ),
    };
    format!(
        "WITH n AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY \
             AS n (point, event_time, value, quality, device_time, received, flags, i)), \
         hit AS MATERIALIZED ({hits}) \
         INSERT INTO public.reading (point, event_time, value, quality, device_time, received, flags) \
         SELECT point, event_time, value, quality, device_time, received, flags FROM n \
         WHERE NOT EXISTS (SELECT FROM hit WHERE hit.i = n.i)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::effect::{FLAG_NO_DEVICE_TIME, FLAG_NOT_JUDGED, FLAG_UNBELIEVED};

    fn row(seq: u64, device_us: i64, event_us: i64, value: f64) -> Row {
        let index = 0;
        Row { seq, index, number: 1, point: 1, event_us, value, device_us, received_us: 0, quality: 0, flags: 0 }
    }

    #[test]
    fn the_first_of_equal_identity_stays() {
        let rows = [row(2, 5, 5, 1.0), row(1, 5, 9, 1.0), row(1, 5, 5, 2.0), row(3, 5, 5, -0.0), row(4, 5, 5, 0.0)];
        let kept: Vec<u64> = distinct(&rows).iter().map(|r| r.seq).collect();
        assert_eq!(kept, [1, 3, 1]);
        // Without a device time the event time is part of it.
        let rows = [row(1, NO_TIME, 5, 1.0), row(2, NO_TIME, 6, 1.0), row(3, NO_TIME, 6, 1.0)];
        assert_eq!(distinct(&rows).iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn the_index_of_unbelieved_readings_covers_the_flag() {
        let all = FLAG_NO_DEVICE_TIME | FLAG_UNBELIEVED | FLAG_NOT_JUDGED;
        let marked = (0..=all).filter(|flags| flags & FLAG_UNBELIEVED != 0).map(|flags| flags.to_string());
        assert_eq!(marked.collect::<Vec<_>>().join(", "), UNBELIEVED);
    }

    #[test]
    fn windows_hold_ten_minutes_at_most() {
        let rows = [0, 1, WINDOW_US - 1, WINDOW_US, WINDOW_US + 5, 9 * WINDOW_US].map(|t| row(1, t, t, 1.0));
        let sizes: Vec<usize> = windows(rows.to_vec()).iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 2, 1]);
    }
}
