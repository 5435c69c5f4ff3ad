//! Outside input of the API, read strictly: queries with known keys only, JSON bodies, times, ids. Pure.

use crate::console::problem::Problem;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset, NaiveDateTime};
use rules::reading::Micros;
use serde::de::DeserializeOwned;

/// Times without a zone are local ones: +08:00.
const LOCAL_OFFSET_S: i32 = 8 * 3600;

/// A query string. The type names the keys (`deny_unknown_fields`): a misspelt filter must not look like "no filter".
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Params(value)),
            Err(e) => Err(Problem::bad_query(innermost(&e))),
        }
    }
}

/// For addresses that take no query at all.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// A JSON body; `guard` has looked at the content type.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|e| too_large_or_cut(&e))?;
        // A list would be taken for the fields in their order, and nobody promises an order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::bad_body("the body must be a JSON object"));
        }
        serde_json::from_slice(&bytes).map(Body).map_err(|e| Problem::bad_body(e.to_string()))
    }
}

fn too_large_or_cut(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("at most {} bytes", super::BODY_MAX);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large", detail)
        }
        _ => Problem::bad_body("the body ended early"),
    }
}

/// RFC 3339, for example `2025-06-01T08:00:00+08:00` or `...Z`; without zone it is local time.
pub fn time(key: &str, text: &str) -> Result<Micros, Problem> {
    // A plus sign that was not percent-encoded arrives as a space: `+08:00` is what people type.
    let mended: String = text.chars().enumerate().map(|(n, c)| if c == ' ' && n > 10 { '+' } else { c }).collect();
    if let Ok(zoned) = DateTime::parse_from_rfc3339(&mended) {
        return Ok(Micros(zoned.timestamp_micros()));
    }
    let local = NaiveDateTime::parse_from_str(&mended, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(&mended, "%Y-%m-%dT%H:%M"))
        .ok()
        .zip(FixedOffset::east_opt(LOCAL_OFFSET_S))
        .and_then(|(local, zone)| local.and_local_timezone(zone).single());
    match local {
        Some(zoned) => Ok(Micros(zoned.timestamp_micros())),
        None => {
            let example = "2025-06-01T08:00:00+08:00";
            Err(Problem::bad_query(format!("{key}: \"{}\" is not a time such as {example}", shorten(text))))
        }
    }
}

/// A text a person wrote: at most `max` characters, no control characters (a line break may stand in it).
pub fn prose(key: &str, text: &str, max: usize) -> Result<String, Problem> {
    if text.chars().count() > max {
        return Err(Problem::bad_body(format!("{key}: at most {max} characters")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Problem::bad_body(format!("{key}: holds control characters")));
    }
    Ok(text.trim().to_owned())
}

/// A word of a query that is looked for as it stands: not empty, at most `max` characters, one line.
pub fn word(key: &str, text: &str, max: usize) -> Result<String, Problem> {
    let wrong = |why: String| Err(Problem::bad_query(format!("{key}: {why}")));
    if text.trim().is_empty() {
        return wrong("is empty; leave it out to ask for all".to_owned());
    }
    if text.chars().count() > max {
        return wrong(format!("at most {max} characters"));
    }
    if text.chars().any(char::is_control) {
        return wrong("holds control characters".to_owned());
    }
    Ok(text.trim().to_owned())
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The rejection's own words are about Rust; the innermost cause names the key.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_zone() {
        let noon_utc = Ok(Micros(1_748_779_200_000_000));
        let same = [
            "2025-06-01T12:00:00Z",
            "2025-06-01T20:00:00+08:00",
            "2025-06-01T20:00:00 08:00",
            "2025-06-01T20:00:00",
            "2025-06-01T20:00",
            "2025-06-01T20:00:00.000",
        ];
        for text in same {
            assert_eq!(time("from", text), noon_utc, "{text}");
        }
        for text in ["", "yesterday", "2025-06-01", "2025-13-01T00:00:00Z", "1748779200", "2025-06-01T20:00:00+99:00"] {
            let problem = time("from", text).unwrap_err();
            assert!(problem.detail.starts_with("from: "), "{text}: {}", problem.detail);
        }
    }

    #[test]
    fn words_of_a_query_are_bounded_and_blamed_on_the_query() {
        assert_eq!(word("rule", " HC-11 ", 10).unwrap(), "HC-11");
        for text in ["", " ", "a\0b", "a\nb", "12345678901"] {
            let problem = word("rule", text, 10).unwrap_err();
            assert!(problem.kind == "bad-query" && problem.detail.starts_with("rule: "), "{text:?}: {problem:?}");
        }
    }

    #[test]
    fn prose_is_bounded_and_printable() {
        assert_eq!(prose("by", " 张三 ", 10).unwrap(), "张三");
        assert!(prose("by", "a\0b", 10).is_err());
        assert!(prose("by", "12345678901", 10).is_err());
    }
}
