//! A registry or a rule set that people bring, with the order that does, and what comes of it. Must not know what is in
//! force. Pure.

use crate::delivery::ContentKind;
use alerting::command::{Command, Outcome};

/// An order that brings a registry or a rule set.
#[derive(Debug)]
pub struct Import {
    pub command: Command,
    /// Content hash of what was in force when it was made.
    pub base: String,
    pub brought: Brought,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Brought {
    /// Canonical bytes.
    Bytes(ContentKind, Vec<u8>),
    /// What was in force before and is stored, by its hash.
    Stored(ContentKind, String),
}

impl Brought {
    #[must_use]
    pub fn kind(&self) -> ContentKind {
        match self {
            Brought::Bytes(kind, _) | Brought::Stored(kind, _) => *kind,
        }
    }

    /// Content hash.
    #[must_use]
    pub fn version(&self) -> String {
        match self {
            Brought::Bytes(_, content) => blake3::hash(content).to_hex().to_string(),
            Brought::Stored(_, hash) => hash.clone(),
        }
    }
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    Answered(Outcome),
    /// Another one came into force meanwhile; nothing was journalled.
    Stale,
    /// It does not load, for this reason; nothing was journalled.
    Unreadable(String),
}
