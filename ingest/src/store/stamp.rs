//! Microseconds since 1970 as PostgreSQL's `timestamptz`, both ways, in binary, and as a literal for SQL text.
//! Must not know what a time stands for. Pure.

use bytes::{BufMut, BytesMut};
use chrono::DateTime;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// 2000-01-01, where PostgreSQL counts from.
const EPOCH_US: i64 = 946_684_800_000_000;
/// PostgreSQL keeps 4714 BC to 294276 AD, counted from its epoch; its infinities lie at the ends of `i64`.
const FIRST: i64 = -211_813_488_000_000_000;
const END: i64 = 9_223_371_331_200_000_000;

pub const DAY_US: i64 = 86_400_000_000;

/// Microseconds since 1970. What PostgreSQL cannot keep becomes `-infinity` or `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl Stamp {
    /// What travels: microseconds since 2000.
    #[must_use]
    pub fn wire(self) -> i64 {
        let wire = self.0.saturating_sub(EPOCH_US);
        if wire < FIRST {
            i64::MIN
        } else if wire >= END {
            i64::MAX
        } else {
            wire
        }
    }

    #[must_use]
    pub fn from_wire(wire: i64) -> Stamp {
        Stamp(wire.saturating_add(EPOCH_US))
    }
}

/// A literal for SQL text, because the planner prunes partitions and chunks by literals. Infinite beyond chrono's years.
#[must_use]
pub fn literal(us: i64) -> String {
    match DateTime::from_timestamp_micros(us) {
        Some(time) => time.format("timestamptz '%Y-%m-%d %H:%M:%S%.6f+00'").to_string(),
        None if us < 0 => "timestamptz '-infinity'".to_owned(),
        None => "timestamptz 'infinity'".to_owned(),
    }
}

impl ToSql for Stamp {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.wire());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Stamp {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Stamp, Box<dyn Error + Sync + Send>> {
        let bytes: [u8; 8] = raw.try_into()?;
        Ok(Stamp::from_wire(i64::from_be_bytes(bytes)))
    }

    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_become_infinities_and_the_rest_is_exact() {
        for us in [0, 1, -1, EPOCH_US, 1_763_900_000_123_456] {
            assert_eq!(Stamp::from_wire(Stamp(us).wire()), Stamp(us));
        }
        assert_eq!(Stamp(EPOCH_US).wire(), 0);
        assert_eq!(Stamp(i64::MIN).wire(), i64::MIN);
        assert_eq!(Stamp(i64::MAX).wire(), i64::MAX - EPOCH_US);
        assert_eq!(Stamp(-300_000_000_000_000_000).wire(), i64::MIN);
    }

    #[test]
    fn literals_are_utc_with_microseconds() {
        assert_eq!(literal(1_763_900_000_123_456), "timestamptz '2025-11-23 12:13:20.123456+00'");
        assert_eq!(literal(i64::MAX), "timestamptz 'infinity'");
    }
}
