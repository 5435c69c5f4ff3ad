//! From the world, to the world: all I/O of Davy. One loop of six verbs (`engine`), everything else is a leaf of it.

// The simulated disk of the tests speaks of this crate by its name.
#[cfg(test)]
extern crate self as ingest;

pub mod app;
pub mod backtest;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod codec;
pub mod config;
pub mod console;
pub mod decode;
pub mod delivery;
pub mod disk;
pub mod downlink;
pub mod engine;
pub mod fault;
pub mod hub;
pub mod inbox;
pub mod journal;
pub mod mqtt;
pub mod pace;
pub mod registry;
pub mod second_chance;
pub mod seeds;
pub mod simulate;
pub mod snapshot;
pub mod spool;
pub mod store;
pub mod telemetry;
