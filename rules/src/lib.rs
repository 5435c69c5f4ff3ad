//! Is it bad? Readings, the registry, and rules written in rhai.
//!
//! Pure: no I/O, no clock, no randomness; `Cargo.toml` and `clippy.toml` keep it so.

// Everything here reads what people wrote: an index or a sum that could panic is no way to refuse it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod absence;
pub mod around;
mod beside;
pub mod bind;
mod binder;
mod bound;
mod bounds;
mod check;
mod condition;
mod conditions;
pub mod fact;
mod fields;
pub mod held;
mod inputs;
pub mod judge;
mod load;
mod mistake;
mod near;
mod over;
pub mod past;
mod quoted;
pub mod reading;
pub mod registry;
pub mod rule;
mod sandbox;
pub mod set;
pub mod site;
pub mod view;
mod words;
pub mod written;
