//! The endpoints under `/api/v1`, one noun per file. Each reads the hub, renders, answers; nothing is kept here.
//! I/O: HTTP.

pub mod acceptances;
pub mod ack;
pub mod alarms;
pub mod clock;
pub mod coverage;
pub mod decide;
pub mod enterprises;
pub mod filings;
pub mod findings;
pub mod gateways;
pub mod hazards;
mod order;
mod page;
pub mod points;
pub mod quarantine;
pub mod readings;
pub mod recover;
pub mod registry;
pub mod replay;
pub mod rules;
pub mod status;
pub mod tasks;
mod tasks_computed;
