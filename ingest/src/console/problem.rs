//! Errors of the API as `application/problem+json` (RFC 9457). Says what was wrong and what to do, never how Davy is
//! built inside. Pure.

use crate::console::history::HistoryError;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// The last part of `type`, stable, for programs.
    pub kind: &'static str,
    pub title: &'static str,
    /// For people: the offending name, and what would be right.
    pub detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, kind, title, detail: detail.into() }
    }

    #[must_use]
    pub fn bad_query(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-query", "the query is not understood", detail)
    }

    #[must_use]
    pub fn bad_body(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-body", "the body is not understood", detail)
    }

    #[must_use]
    pub fn not_found(kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, kind, "there is no such thing", detail)
    }

    #[must_use]
    pub fn conflict(kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, kind, "not possible as things stand", detail)
    }

    #[must_use]
    pub fn forbidden(kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, kind, "refused", detail)
    }

    /// Try again later; nothing was lost.
    #[must_use]
    pub fn unavailable(kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, "not available now", detail)
    }

    /// Before the fold has recovered nobody can say which alarms are open.
    #[must_use]
    pub fn starting() -> Problem {
        Problem::unavailable("starting", "davy is reading its journal; try again in a moment")
    }

    #[must_use]
    pub fn no_such_page() -> Problem {
        Problem::not_found("no-such-page", "this address leads nowhere; the API is under /api/v1/")
    }

    #[must_use]
    pub fn method_not_allowed() -> Problem {
        let detail = "this address does not take this method; acknowledging is POST, everything else GET";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "refused", detail)
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Problem {
        match error {
            HistoryError::Unavailable(detail) => Problem::unavailable("database-down", detail),
            HistoryError::Failed(detail) => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "database-error", "the database failed", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let r#type = format!("urn:davy:problem:{}", self.kind);
        let body = Body { r#type, title: self.title, status: self.status.as_u16(), detail: &self.detail };
        // The body is four plain strings and a number: it cannot fail to become JSON.
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
