//! The store against a real PostgreSQL: exactly once, late readings, refusals and their remedies, poison, outages, quarantine.
//! Skipped, loudly, where PostgreSQL is missing. I/O.

mod archive;
mod care;
mod coverage;
mod late;
mod ledger;
mod outage;
mod past;
mod pglite;
mod place;
mod poison;
mod recovery;
mod schema;
mod second_chance;
mod shed;
mod tiers;
