//! The endpoints under `/api/v1`, one noun per file. Each reads the hub, renders, answers; nothing is kept here.
//! I/O: HTTP.

pub mod ack;
pub mod alarms;
pub mod clock;
pub mod enterprises;
pub mod findings;
pub mod gateways;
mod order;
mod page;
pub mod points;
pub mod quarantine;
pub mod readings;
pub mod recover;
pub mod replay;
pub mod status;
