//! `GET /api/v1/quarantine?limit=`: what was refused and why, newest first. The newest from memory, older ones from the
//! database; while that is away the answer says so and shows what memory holds. I/O: HTTP.

use crate::console::Context;
use crate::console::history::PastRefused;
use crate::console::params::Params;
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use crate::hub::quarantine::{PAYLOAD_SHOWN_MAX, Refused};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};

const LIMIT_DEFAULT: usize = 100;
/// With 4 KiB of payload each, as hexadecimal: at most 8 MB.
const LIMIT_MAX: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    /// `null`, or why older entries are missing.
    older_missing: Option<String>,
    quarantine: Vec<RefusedShown>,
}

#[derive(Serialize)]
struct RefusedShown {
    seq: u64,
    index: u32,
    received: Stamp,
    topic: String,
    reason: String,
    detail: String,
    /// Index of the reading in its message; `null` = the whole message.
    reading: Option<u32>,
    payload_bytes: u64,
    /// The beginning of the payload, at most 4,096 bytes.
    payload: Payload,
}

/// Text where it is UTF-8 without control characters, else hexadecimal.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Payload {
    Text(String),
    Hex(String),
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::bad_query(format!("limit: 1 to {LIMIT_MAX}")));
    }
    let recent = context.hub().quarantined(limit).ok_or_else(Problem::starting)?;
    let before = recent.last().map(|oldest| (oldest.seq, oldest.index));
    let mut quarantine: Vec<RefusedShown> = recent.iter().map(|r| remembered(r)).collect();
    let missing = u32::try_from(limit.saturating_sub(quarantine.len())).unwrap_or(0);
    let mut older_missing = None;
    if missing > 0 {
        match context.leans.history.quarantine(before, missing).await {
            Ok(past) => quarantine.extend(past.into_iter().map(stored)),
            Err(e) => older_missing = Some(e.to_string()),
        }
    }
    Ok(Json(Answer { older_missing, quarantine }).into_response())
}

fn remembered(refused: &Refused) -> RefusedShown {
    RefusedShown {
        seq: refused.seq,
        index: refused.index,
        received: Stamp(refused.received),
        topic: refused.topic.clone(),
        reason: refused.reject.reason.name().to_owned(),
        detail: refused.reject.detail.clone(),
        reading: refused.reject.index,
        payload_bytes: refused.payload_len,
        payload: show(&refused.payload),
    }
}

fn stored(past: PastRefused) -> RefusedShown {
    let PastRefused { seq, index, received, topic, payload, payload_len, reason, detail, reading } = past;
    let received: Micros = received;
    let shown: Bytes = payload.slice(..payload.len().min(PAYLOAD_SHOWN_MAX));
    let (payload_bytes, payload) = (payload_len, show(&shown));
    RefusedShown { seq, index, received: Stamp(received), topic, reason, detail, reading, payload_bytes, payload }
}

fn show(bytes: &[u8]) -> Payload {
    let printable = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        // A character cut in two at the bound is not the sender's fault.
        Err(e) if e.error_len().is_none() && bytes.len() == PAYLOAD_SHOWN_MAX => {
            bytes.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok())
        }
        Err(_) => None,
    };
    match text {
        Some(text) if printable(text) => Payload::Text(text.to_owned()),
        _ => {
            let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
            Payload::Hex(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_text_or_hexadecimal() {
        assert_eq!(show("{\"点\":1}".as_bytes()), Payload::Text("{\"点\":1}".into()));
        assert_eq!(show(b"\x00\xff"), Payload::Hex("00ff".into()));
        assert_eq!(show(b"a\x1b[2J"), Payload::Hex("611b5b324a".into()));
        let mut cut = vec![b'a'; PAYLOAD_SHOWN_MAX - 1];
        cut.push("点".as_bytes()[0]);
        assert!(matches!(show(&cut), Payload::Text(t) if t.len() == PAYLOAD_SHOWN_MAX - 1));
    }
}
