//! How records lie in the journal (one format byte, then postcard) and effects in the spools (postcard; the segments
//! carry the format). Must not know files. Pure.

use crate::delivery::Record;
use alerting::effect::{Business, StoredReadings};
use serde::Serialize;
use thiserror::Error;

/// Raised when the layout of `Record` changes; the previous format must stay readable then.
const RECORD_FORMAT: u8 = 1;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    #[error("empty payload")]
    Empty,
    #[error("format {found} is unknown to this version (it writes {known})")]
    UnknownFormat { found: u8, known: u8 },
    #[error("payload does not decode: {0}")]
    Broken(String),
    #[error("{0} bytes left over behind the payload")]
    LeftOver(usize),
}

#[must_use]
pub fn encode_record(record: &Record) -> Vec<u8> {
    encode(vec![RECORD_FORMAT], record)
}

pub fn decode_record(bytes: &[u8]) -> Result<Record, CodecError> {
    let (&found, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    if found != RECORD_FORMAT {
        return Err(CodecError::UnknownFormat { found, known: RECORD_FORMAT });
    }
    let (record, rest) = postcard::take_from_bytes(body).map_err(|e| CodecError::Broken(e.to_string()))?;
    if rest.is_empty() { Ok(record) } else { Err(CodecError::LeftOver(rest.len())) }
}

/// The business lane of one step: (index, effect) in order.
#[must_use]
pub fn encode_business(effects: &[(u32, &Business)]) -> Vec<u8> {
    encode(Vec::new(), effects)
}

/// The readings lane of one step.
#[must_use]
pub fn encode_readings(readings: &StoredReadings) -> Vec<u8> {
    encode(Vec::new(), readings)
}

fn encode<T: Serialize + ?Sized>(head: Vec<u8>, value: &T) -> Vec<u8> {
    match postcard::to_extend(value, head) {
        Ok(bytes) => bytes,
        // Only types with unknown lengths can fail here, and ours have none: a programmer's error, so stop.
        Err(e) => panic!("postcard refused to encode our own type: {e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Delivery;
    use alerting::input::{Batch, Input, Link};
    use bytes::Bytes;
    use rules::reading::Micros;

    #[test]
    fn a_record_comes_back_as_it_went_in() {
        let record: Record = Batch {
            now: Micros(7),
            inputs: vec![
                Input::Delivery(Delivery {
                    received: Micros(6),
                    topic: "davy/v1/a/b/json".into(),
                    payload: Bytes::from_static(b"\x00\xff"),
                    redelivered: true,
                }),
                Input::Tick,
                Input::Link(Link::Down),
            ],
        };
        let bytes = encode_record(&record);
        assert_eq!(decode_record(&bytes), Ok(record));
        assert_eq!(decode_record(&[]), Err(CodecError::Empty));
        assert_eq!(decode_record(&[9]), Err(CodecError::UnknownFormat { found: 9, known: RECORD_FORMAT }));
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode_record(&longer), Err(CodecError::LeftOver(1)));
        for end in 1..bytes.len() {
            assert!(decode_record(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
