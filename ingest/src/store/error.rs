//! The fates of a store error: wait, fenced, refuse. Poison (a row PostgreSQL refuses for ever) is told apart here and
//! dealt with inside the store. Must not know lanes' contents. Pure.

use super::refusal::Refusal;
use std::error::Error as _;
use tokio_postgres::Error;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The world is wrong: try again, with back-off, over a new connection. The text names what and where.
    #[error("{0}")]
    Wait(String),
    /// Something in the other lane must come first; the connection is good.
    #[error("{0}")]
    NotYet(String),
    /// Another owner has claimed the lane, or moved it.
    #[error("lane {lane} has another owner: expected {expected}, found {found}")]
    Fenced { lane: &'static str, expected: String, found: String },
    /// What was asked for does not fit, and never will.
    #[error("{0}")]
    Unfit(String),
    /// Archive and data directory do not belong together.
    #[error("refused ({name}): {0}", name = .0.name())]
    Refuse(Refusal),
}

impl From<Error> for StoreError {
    fn from(e: Error) -> StoreError {
        StoreError::Wait(describe(&e))
    }
}

/// What becomes of a statement that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Trying again can help: connection, shutdown, lock, serialization, resources, rights, schema.
    Wait,
    /// This row will never be taken: bad data (22), constraint (23), beyond a limit of the program (54).
    Poison,
}

#[must_use]
pub fn fate(e: &Error) -> Fate {
    match e.code().map(|state| state.code()) {
        Some(state) if state.starts_with("22") || state.starts_with("23") || state.starts_with("54") => Fate::Poison,
        _ => Fate::Wait,
    }
}

/// The SQLSTATE, or empty when the server said nothing.
#[must_use]
pub fn sqlstate(e: &Error) -> &str {
    e.code().map_or("", |state| state.code())
}

/// One line for people, with the SQLSTATE; never a password, which the server does not repeat.
#[must_use]
pub fn describe(e: &Error) -> String {
    if let Some(db) = e.as_db_error() {
        let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
        if let Some(hint) = db.hint() {
            text.push_str("; ");
            text.push_str(hint);
        }
        return text;
    }
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
