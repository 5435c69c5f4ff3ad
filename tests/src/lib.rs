//! What the suites share: simulated and real neighbours of Davy. Nothing here is part of the product.
//! I/O, but for the disk.

pub mod davy;
pub mod disk;
pub mod mosquitto;
pub mod pglite;
pub mod postgres;
pub mod proxy;
pub mod publisher;
pub mod suite;
