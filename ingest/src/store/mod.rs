//! The store: effects of the fold, projected into PostgreSQL or TimescaleDB in order and exactly once.
//! Judging never waits for it; it must not know the engine, MQTT or how an alarm is decided. I/O.

pub mod archive;
pub mod capability;
pub mod caretaker;
pub mod connection;
pub mod counters;
mod coverage;
pub mod coverage_past;
pub mod doors;
pub mod error;
pub mod findings;
pub mod happened;
pub mod lane;
pub mod late;
pub mod ledger;
pub mod memory;
pub mod migrate;
pub mod past;
pub mod probe;
pub mod progress;
pub mod projector;
pub mod quarantine;
pub mod query;
pub mod readings;
pub mod received;
pub mod recent;
pub mod recover;
pub mod refusal;
pub mod seam;
pub mod verify;

mod business;
mod days;
mod decisions;
mod points;
mod stamp;
mod words;
mod work;
