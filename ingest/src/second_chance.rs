//! Rows of quarantine as the messages they came from, and what of each fits under the registry in force. Must not know
//! the database or the loop. Pure.

use crate::decode::decode;
use crate::delivery::Delivery;
use alerting::input::{Aside, Decoded, Reason, Replayed};
use bytes::Bytes;
use rules::reading::Micros;
use rules::view::View;
use std::collections::BTreeMap;

/// One record of the journal takes so many bytes of messages, or one message: live readings wait no longer than for it.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// One row, with the bytes of its message.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub aside: Aside,
    pub received: Micros,
    pub topic: String,
    pub payload: Bytes,
}

/// What a second look at a message shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sifted {
    /// The message with those of its rows that can be read now.
    pub fits: Option<Replayed<Delivery>>,
    pub rows: u64,
    pub readings: u64,
    /// What still cannot be read, by reason.
    pub refused: BTreeMap<Reason, u64>,
}

/// Rows in the order of (received, seq, index): those of one message follow each other.
#[must_use]
pub fn messages(rows: Vec<Row>) -> Vec<Replayed<Delivery>> {
    let mut messages: Vec<Replayed<Delivery>> = Vec::new();
    for Row { aside, received, topic, payload } in rows {
        let same = messages.last_mut().filter(|message| {
            let (delivery, first) = (&message.delivery, message.from.first());
            first.is_some_and(|first| first.journal_id == aside.journal_id && first.seq == aside.seq)
                && (delivery.received, &delivery.topic, &delivery.payload) == (received, &topic, &payload)
        });
        match same {
            Some(message) => message.from.push(aside),
            None => {
                let delivery = Delivery { received, topic, payload, redelivered: false };
                messages.push(Replayed { delivery, from: vec![aside] });
            }
        }
    }
    messages
}

/// Decodes the message as the fold will, and looks at each of its rows.
#[must_use]
pub fn sift(message: Replayed<Delivery>, view: &View) -> Sifted {
    let decoded = decode(&message.delivery, view);
    let mut sifted = Sifted::default();
    let Replayed { delivery, from } = message;
    let mut fitting = Vec::new();
    for aside in from {
        match still_refused(&decoded, aside.reading) {
            Some(reason) => sifted.refuse(reason),
            None => {
                sifted.rows = sifted.rows.saturating_add(1);
                let readings = if aside.reading.is_some() { 1 } else { decoded.readings.len() as u64 };
                sifted.readings = sifted.readings.saturating_add(readings);
                if aside.reading.is_none() {
                    // They get rows of their own.
                    decoded.rejects.iter().for_each(|reject| sifted.refuse(reject.reason));
                }
                fitting.push(aside);
            }
        }
    }
    if !fitting.is_empty() {
        sifted.fits = Some(Replayed { delivery, from: fitting });
    }
    sifted
}

/// Cuts messages, in their order, into what one record of the journal takes.
#[must_use]
pub fn records(messages: Vec<Replayed<Delivery>>) -> Vec<Vec<Replayed<Delivery>>> {
    let mut records: Vec<Vec<Replayed<Delivery>>> = Vec::new();
    let mut bytes = 0_usize;
    for message in messages {
        let own = message.delivery.payload.len();
        match records.last_mut() {
            Some(record) if bytes.saturating_add(own) <= RECORD_BYTES_MAX => record.push(message),
            _ => {
                records.push(vec![message]);
                bytes = 0;
            }
        }
        bytes = bytes.saturating_add(own);
    }
    records
}

/// `None` = that reading (or, for a message refused whole, the message) can be read now.
fn still_refused(decoded: &Decoded, reading: Option<u32>) -> Option<Reason> {
    let refuses = |index: Option<u32>| index.is_none() || (reading.is_some() && index == reading);
    if let Some(reject) = decoded.rejects.iter().find(|reject| refuses(reject.index)) {
        return Some(reject.reason);
    }
    // A decoder that finds fewer readings than its predecessor has no such reading to give.
    let all = decoded.readings.len().saturating_add(decoded.rejects.len());
    reading.filter(|index| usize::try_from(*index).is_ok_and(|index| index >= all)).map(|_| Reason::Malformed)
}

impl Sifted {
    fn refuse(&mut self, reason: Reason) {
        let count = self.refused.entry(reason).or_default();
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::reading::PointId;
    use rules::registry::Registry;
    use serde_json::json;
    use std::sync::Arc;

    /// One enterprise with one gateway and these points.
    fn view(points: &[&str]) -> View {
        let text = |name: &str| json!({"zh": name, "en": name});
        let point = |id: &&str| {
            json!({"id": id, "tag": "tank.level", "range_lo": 0.0, "range_hi": 100.0, "period_s": 1, "dead_band": 0.0,
                   "limits": {"ll": null, "l": null, "h": null, "hh": null}, "required": true, "national_code": null})
        };
        let registry: Registry = serde_json::from_value(json!({
            "district": {"code": "500120", "name": text("d")},
            "towns": [{"code": "500120101", "name": text("t")}],
            "sectors": [{"id": "hazchem", "name": text("s")}],
            "tag_types": [{"id": "tank.level", "name": text("level"), "unit": "%"}],
            "enterprises": [{
                "id": "e1", "credit_code": "915001207000000000", "name": text("e"), "sectors": ["hazchem"],
                "town": "500120101", "industry": "storage", "status": "producing", "people": [],
                "gateways": [{"id": "g1"}], "national_code": null,
                "equipment": [{
                    "id": "T", "name": text("tank"), "kind": "tank", "hazard_level": 1, "circuit_role": null,
                    "national_code": null, "points": points.iter().map(point).collect::<Vec<_>>(),
                }],
            }],
        }))
        .unwrap();
        View::new(Arc::new(registry), "r".into(), &|_, _| Some(PointId(0)))
    }

    fn row(seq: u64, index: u32, reading: Option<u32>, payload: &'static str) -> Row {
        Row {
            aside: Aside { journal_id: "j".into(), seq, index, reading },
            received: Micros(1_795_590_000_000_000),
            topic: "davy/v1/e1/g1/json".into(),
            payload: Bytes::from_static(payload.as_bytes()),
        }
    }

    const PARTS: &str = r#"{"ts":1,"d":[{"p":"a","v":1},{"p":"b","v":2},{"p":"c","v":"x"},{"p":"b","v":3}]}"#;

    #[test]
    fn rows_of_one_message_are_one_message() {
        let rows =
            vec![row(1, 0, Some(1), PARTS), row(1, 1, Some(2), PARTS), row(1, 2, None, "{"), row(2, 0, None, "{")];
        let lengths: Vec<usize> = messages(rows).iter().map(|message| message.from.len()).collect();
        assert_eq!(lengths, [2, 1, 1]);
    }

    #[test]
    fn only_rows_that_fit_now_are_read_again() {
        let parts = || messages(vec![row(1, 0, Some(1), PARTS), row(1, 1, Some(2), PARTS), row(1, 2, Some(3), PARTS)]);
        let before = sift(parts().remove(0), &view(&["a"]));
        assert_eq!((before.fits, before.rows), (None, 0));
        assert_eq!(before.refused, BTreeMap::from([(Reason::UnknownPoint, 2), (Reason::WrongType, 1)]));
        let after = sift(parts().remove(0), &view(&["a", "b", "c"]));
        assert_eq!((after.rows, after.readings), (2, 2));
        assert_eq!(after.refused, BTreeMap::from([(Reason::WrongType, 1)]));
        let taken: Vec<Option<u32>> = after.fits.unwrap().from.iter().map(|aside| aside.reading).collect();
        assert_eq!(taken, [Some(1), Some(3)]);
    }

    #[test]
    fn a_message_refused_whole_is_read_whole_or_not_at_all() {
        let mut whole = messages(vec![row(1, 0, None, PARTS)]).remove(0);
        let sifted = sift(whole.clone(), &view(&["a"]));
        assert_eq!((sifted.rows, sifted.readings), (1, 1));
        assert_eq!(sifted.refused, BTreeMap::from([(Reason::UnknownPoint, 2), (Reason::WrongType, 1)]));
        whole.delivery.topic = "davy/v1/e1/g9/json".into();
        let sifted = sift(whole, &view(&["a"]));
        assert_eq!((sifted.fits, sifted.refused), (None, BTreeMap::from([(Reason::UnknownGateway, 1)])));
    }

    #[test]
    fn a_reading_that_is_not_there_any_more_is_refused() {
        let message = messages(vec![row(1, 0, Some(7), PARTS)]).remove(0);
        assert_eq!(sift(message, &view(&["a", "b", "c"])).refused, BTreeMap::from([(Reason::Malformed, 1)]));
    }

    #[test]
    fn records_are_bounded_and_a_large_message_stands_alone() {
        let message = |bytes: usize| {
            let mut message = messages(vec![row(1, 0, None, "")]).remove(0);
            message.delivery.payload = vec![b'x'; bytes].into();
            message
        };
        let sizes = [1 << 19, 1 << 19, 1, (1 << 20) + 1, 5, 6];
        let cut: Vec<Vec<usize>> = records(sizes.into_iter().map(message).collect())
            .iter()
            .map(|record| record.iter().map(|message| message.delivery.payload.len()).collect())
            .collect();
        assert_eq!(cut, [vec![1 << 19, 1 << 19], vec![1], vec![(1 << 20) + 1], vec![5, 6]]);
        assert!(records(Vec::new()).is_empty());
    }
}
