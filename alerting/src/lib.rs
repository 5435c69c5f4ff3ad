//! So what, over time? A pure, deterministic fold of journalled inputs into alarms and stored readings.
//!
//! No I/O, no clock, no randomness: the only time is `Batch::now`.

mod absence;
mod activate;
mod adopt;
pub mod alarm;
mod anchors;
mod answers;
mod book;
pub mod cases;
mod classify;
pub mod command;
pub mod coverage;
pub mod day;
mod device_clock;
pub mod effect;
pub mod figures;
pub mod filings;
mod findings;
pub mod gateway;
mod gateways;
pub mod hazard;
mod hazards;
mod in_force;
pub mod input;
mod intern;
mod lens;
mod means;
mod memory;
mod nuisance;
mod orders;
mod out;
pub mod out_of_service;
mod outage;
mod points;
mod redelivery;
pub mod rulebook;
mod run;
pub mod save;
mod second_chance;
mod slot;
mod slots;
pub mod state;
mod step;
mod surroundings;
pub mod system;
mod tally;
mod usual;
pub mod why;

/// Raised when a golden journal's effects change. Another version refuses to replay a journal's tail unless told to.
pub const ENGINE_VERSION: u32 = 4;
