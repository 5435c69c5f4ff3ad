//! Messages put together again from stored readings: those of one enterprise that were received together. Readings of one
//! point in one message lie a microsecond apart, because receive times of a point never repeat. Must not know the
//! database or the fold. Pure.

use crate::decode::READINGS_MAX;
use crate::store::received::Received;
use alerting::effect::{FLAG_NOT_JUDGED, FLAG_SIMULATED, NO_TIME};
use alerting::gateway::GatewayKey;
use alerting::input::Decoded;
use bytes::Bytes;
use rules::reading::{Micros, PointId, Quality, Reading};
use rules::view::View;
use std::collections::VecDeque;

/// Readings that came together.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Number of the enterprise among those of the database.
    pub enterprise: u32,
    pub received: Micros,
    pub rows: Vec<Received>,
}

/// Rows go in by receive time, messages come out by receive time.
#[derive(Debug, Default)]
pub struct Gathering {
    open: VecDeque<Message>,
}

impl Gathering {
    /// Takes a row; messages that are complete now go to `out`.
    pub fn take(&mut self, enterprise: u32, row: Received, out: &mut Vec<Message>) {
        // What could still belong to a message comes within a microsecond of its last row.
        while self.open.front().is_some_and(|first| !first.may_grow(row.received_us)) {
            out.extend(self.open.pop_front());
        }
        let own = self.open.iter_mut().rev().find(|message| message.enterprise == enterprise);
        match own.filter(|message| message.takes(&row)) {
            Some(message) => message.rows.push(row),
            None => {
                self.open.push_back(Message { enterprise, received: Micros(row.received_us), rows: vec![row] });
            }
        }
    }

    /// No more rows come.
    pub fn finish(&mut self, out: &mut Vec<Message>) {
        out.extend(self.open.drain(..));
    }
}

impl Message {
    fn may_grow(&self, received_us: i64) -> bool {
        let last_us = self.rows.last().map_or(self.received.0, |row| row.received_us);
        received_us <= last_us.saturating_add(1)
    }

    /// Its own receive time, or a microsecond after the reading before it of the same point.
    fn takes(&self, row: &Received) -> bool {
        if self.rows.len() >= READINGS_MAX || !self.may_grow(row.received_us) {
            return false;
        }
        let before_us = row.received_us.saturating_sub(1);
        let mut near = self.rows.iter().rev().take_while(|known| known.received_us >= before_us);
        row.received_us == self.received.0
            || near.any(|known| known.point == row.point && known.received_us == before_us)
    }

    /// Whether a row was stored without being judged, and which: (point, receive time).
    pub fn unjudged(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        let rows = self.rows.iter().filter(|row| row.flags & FLAG_NOT_JUDGED != 0);
        rows.map(|row| (row.point, row.received_us))
    }

    /// As the decoder would have given it; readings of points without a number are left out, and counted.
    #[must_use]
    pub fn decoded(&self, enterprise: &str, view: &View, number: impl Fn(i32) -> Option<PointId>) -> (Decoded, u64) {
        let readings: Vec<Reading> = self.rows.iter().filter_map(|row| reading(row, number(row.point)?)).collect();
        let unknown = self.rows.len().saturating_sub(readings.len()) as u64;
        // Which gateway sent it is not stored: as a rule there is one.
        let gateway = view.enterprise(enterprise).and_then(|enterprise| enterprise.gateways.first());
        let timeless = readings.iter().any(|reading| reading.device_time.is_none());
        let topic = match (gateway, timeless) {
            (Some(gateway), true) => format!("davy/v1/{enterprise}/{}/json", gateway.id),
            _ => String::new(),
        };
        let decoded = Decoded {
            received: self.received,
            topic,
            payload: Bytes::new(),
            redelivered: false,
            gateway: gateway
                .map(|gateway| GatewayKey { enterprise: enterprise.to_owned(), gateway: gateway.id.clone() }),
            gateway_seq: None,
            simulated: self.rows.first().is_some_and(|row| row.flags & FLAG_SIMULATED != 0),
            status: None,
            readings,
            rejects: Vec::new(),
        };
        (decoded, unknown)
    }
}

fn reading(row: &Received, point: PointId) -> Option<Reading> {
    let quality = match row.quality {
        0 => Quality::Good,
        1 => Quality::Uncertain,
        _ => Quality::Bad,
    };
    let device_time = (row.device_us != NO_TIME).then_some(Micros(row.device_us));
    row.value.is_finite().then_some(Reading { point, device_time, value: row.value, quality })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(point: i32, received_us: i64) -> Received {
        Received { received_us, event_us: 0, device_us: 0, value: 1.0, point, quality: 0, flags: 0 }
    }

    fn gathered(rows: &[(u32, i32, i64)]) -> Vec<(u32, i64, usize)> {
        let (mut gathering, mut out) = (Gathering::default(), Vec::new());
        for (enterprise, point, received_us) in rows {
            gathering.take(*enterprise, row(*point, *received_us), &mut out);
        }
        gathering.finish(&mut out);
        out.iter().map(|message| (message.enterprise, message.received.0, message.rows.len())).collect()
    }

    #[test]
    fn what_came_together_is_one_message() {
        type Case<'a> = (&'a str, &'a [(u32, i32, i64)], &'a [(u32, i64, usize)]);
        let cases: [Case<'_>; 6] = [
            ("two points at once", &[(1, 10, 100), (1, 11, 100)], &[(1, 100, 2)]),
            ("two enterprises at once", &[(1, 10, 100), (2, 20, 100), (1, 11, 100)], &[(1, 100, 2), (2, 100, 1)]),
            (
                "a buffer: several of one point",
                &[(1, 10, 100), (1, 11, 100), (1, 10, 101), (1, 11, 101), (1, 10, 102)],
                &[(1, 100, 5)],
            ),
            ("the next microsecond, another point", &[(1, 10, 100), (1, 11, 101)], &[(1, 100, 1), (1, 101, 1)]),
            ("later", &[(1, 10, 100), (1, 10, 102)], &[(1, 100, 1), (1, 102, 1)]),
            (
                "a buffer beside a message that began later and ended sooner",
                &[(1, 10, 100), (1, 10, 101), (2, 20, 101), (1, 10, 102), (1, 10, 103), (2, 20, 900)],
                &[(1, 100, 4), (2, 101, 1), (2, 900, 1)],
            ),
        ];
        for (what, rows, expected) in cases {
            assert_eq!(gathered(rows), expected, "{what}");
        }
    }

    #[test]
    fn a_message_has_no_more_readings_than_a_decoder_takes() {
        let rows: Vec<_> = (0..READINGS_MAX + 1).map(|n| (1, i32::try_from(n).unwrap(), 100)).collect();
        assert_eq!(gathered(&rows), [(1, 100, READINGS_MAX), (1, 100, 1)]);
    }
}
