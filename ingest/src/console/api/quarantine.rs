//! `GET /api/v1/quarantine`: what was refused and why, newest first, searched by its words; one of them whole, and its
//! bytes as they came. From memory and database together; while that is away the answer says so and shows what memory
//! holds. I/O: HTTP.

use super::page::{self, LIMIT_DEFAULT};
use super::replay::WORD_MAX;
use crate::console::Context;
use crate::console::history::{PageMark, PastRefused, RefusedPage};
use crate::console::params::{NoParams, Params, time, word};
use crate::console::problem::Problem;
use crate::console::shown::Stamp;
use crate::hub::quarantine::{KEPT_MAX, PAYLOAD_SHOWN_MAX, Refused};
use alerting::command::Search;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    reason: Option<String>,
    /// The topic begins so.
    topic: Option<String>,
    enterprise: Option<String>,
    gateway: Option<String>,
    /// Receive times, `from <= received < to`.
    from: Option<String>,
    to: Option<String>,
    /// Stands in the detail, in any case.
    text: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Answer {
    /// `null`, or why older entries are missing.
    older_missing: Option<String>,
    quarantine: Vec<RefusedShown>,
    /// `before` of the next page; `null` at the end.
    next: Option<String>,
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
    /// In a list the beginning, at most 4,096 bytes.
    payload: Payload,
    /// How many readings came of it after all; `null` = none yet.
    replayed: Option<u64>,
}

/// Text where it is UTF-8 without control characters, else hexadecimal.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Payload {
    Text(String),
    Hex(String),
}

pub async fn list(State(context): State<Context>, Params(query): Params<Query>) -> Result<Response, Problem> {
    let ask = page_of(query)?;
    let limit = ask.limit;
    let recent = context.hub().quarantined(KEPT_MAX).ok_or_else(Problem::starting)?;
    let mut found: BTreeMap<PageMark, PastRefused> = BTreeMap::new();
    for past in recent.iter().map(|refused| remembered(refused)).filter(|past| matches(past, &ask)) {
        found.insert(past.mark(), past);
    }
    let mut older_missing = None;
    match context.leans.history.quarantine(ask).await {
        // What is in both is as the database says: it knows of second chances.
        Ok(past) => found.extend(past.into_iter().map(|past| (past.mark(), past))),
        Err(e) => older_missing = Some(e.to_string()),
    }
    let newest: Vec<PastRefused> = found.into_values().rev().take(limit as usize).collect();
    let next = page::next(newest.len(), limit, newest.last().map(PastRefused::mark));
    let quarantine = newest.into_iter().map(|past| shown(past, PAYLOAD_SHOWN_MAX)).collect();
    Ok(Json(Answer { older_missing, quarantine, next }).into_response())
}

/// One entry with its whole payload, as text or hexadecimal.
pub async fn show_one(
    State(context): State<Context>,
    Path(key): Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    Ok(Json(shown(find(&context, &key).await?, usize::MAX)).into_response())
}

/// The payload as it came, to be saved to a file: a browser must not take it for a page.
pub async fn raw(
    State(context): State<Context>,
    Path(key): Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let past = find(&context, &key).await?;
    let name = format!("attachment; filename=\"quarantine-{}-{}.bin\"", past.seq, past.index);
    let headers = [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, past.payload).into_response())
}

/// The database has it whole; what it does not have yet, or while it is away, memory may.
async fn find(context: &Context, (seq, index): &(String, String)) -> Result<PastRefused, Problem> {
    let none = || Problem::not_found("no-such-entry", format!("quarantine holds no entry {seq}/{index}"));
    let (Ok(seq), Ok(index)) = (seq.parse::<u64>(), index.parse::<u32>()) else { return Err(none()) };
    let recent = context.hub().quarantined(KEPT_MAX).ok_or_else(Problem::starting)?;
    let recent = recent.iter().find(|refused| (refused.seq, refused.index) == (seq, index)).map(|r| remembered(r));
    let whole = recent.filter(|past| past.payload_len > 0 && past.payload.len() as u64 == past.payload_len);
    match (context.leans.history.refused(seq, index).await, whole) {
        (Ok(Some(past)), _) => Ok(past),
        (_, Some(remembered)) => Ok(remembered),
        (Ok(None), None) => Err(none()),
        (Err(e), None) => Err(e.into()),
    }
}

fn page_of(query: Query) -> Result<RefusedPage, Problem> {
    let short = |key: &str, text: Option<String>| text.map(|t| word(key, &t, WORD_MAX)).transpose();
    Ok(RefusedPage {
        search: Search {
            reason: short("reason", query.reason)?,
            enterprise: short("enterprise", query.enterprise)?,
            gateway: short("gateway", query.gateway)?,
            from: query.from.as_deref().map(|t| time("from", t)).transpose()?,
            to: query.to.as_deref().map(|t| time("to", t)).transpose()?,
        },
        topic: query.topic.map(|t| word("topic", &t, 1000)).transpose()?,
        text: short("text", query.text)?,
        before: query.before.as_deref().map(page::mark).transpose()?,
        limit: page::limit(query.limit.unwrap_or(LIMIT_DEFAULT))?,
    })
}

/// The same search that the database carries out, for what stands in memory.
fn matches(past: &PastRefused, ask: &RefusedPage) -> bool {
    let level = |n: usize| past.topic.split('/').nth(n).unwrap_or("");
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
    let text = |wanted: &String| past.detail.to_lowercase().contains(&wanted.to_lowercase());
    is(&ask.search.reason, &past.reason)
        && is(&ask.search.enterprise, level(2))
        && is(&ask.search.gateway, level(3))
        && ask.topic.as_deref().is_none_or(|topic| past.topic.starts_with(topic))
        && ask.search.from.is_none_or(|from| from <= past.received)
        && ask.search.to.is_none_or(|to| past.received < to)
        && ask.text.as_ref().is_none_or(text)
        && ask.before.is_none_or(|before| past.mark() < before)
}

fn remembered(refused: &Refused) -> PastRefused {
    PastRefused {
        seq: refused.seq,
        index: refused.index,
        received: refused.received,
        topic: refused.topic.clone(),
        payload: refused.payload.clone(),
        payload_len: refused.payload_len,
        reason: refused.reject.reason.name().to_owned(),
        detail: refused.reject.detail.clone(),
        reading: refused.reject.index,
        replayed: None,
    }
}

fn shown(past: PastRefused, payload_max: usize) -> RefusedShown {
    let PastRefused { seq, index, received, topic, payload, payload_len, reason, detail, reading, replayed } = past;
    let payload = show(payload.get(..payload_max).unwrap_or(&payload));
    let (received, payload_bytes) = (Stamp(received), payload_len);
    RefusedShown { seq, index, received, topic, reason, detail, reading, payload_bytes, payload, replayed }
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
