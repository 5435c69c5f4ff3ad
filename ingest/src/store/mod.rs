//! The store: effects of the fold, projected into PostgreSQL or TimescaleDB in order and exactly once.
//! Judging never waits for it; it must not know the engine, MQTT or how an alarm is decided. I/O.

pub mod archive;
pub mod capability;
pub mod connection;
pub mod doors;
pub mod error;
pub mod findings;
pub mod lane;
pub mod memory;
pub mod migrate;
pub mod progress;
pub mod projector;
pub mod quarantine;
pub mod query;
pub mod recover;
pub mod refusal;
pub mod verify;

mod business;
mod late;
mod points;
mod readings;
mod stamp;
mod words;
mod work;
