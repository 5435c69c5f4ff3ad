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
mod device_clock;
pub mod effect;
mod findings;
pub mod gateway;
mod gateways;
mod in_force;
pub mod input;
mod intern;
mod lens;
mod orders;
mod out;
mod outage;
mod points;
mod redelivery;
mod run;
pub mod save;
mod second_chance;
mod slot;
mod slots;
pub mod state;
mod step;
pub mod system;

/// Raised when a golden journal's effects change. Another version refuses to replay a journal's tail unless told to.
pub const ENGINE_VERSION: u32 = 2;
