//! The whole product from outside: a real broker, a real PostgreSQL, a real Davy process, judged by clients and SQL
//! that share no code with it. What cannot run says so on a line `SUITE ...`. I/O.

mod backtest;
mod backtest_audit;
mod coverage;
mod coverage_audit;
mod district;
mod downlink;
mod judge;
mod kills;
mod openapi;
mod outage;
mod place;
mod python;
mod recovery;
mod refusals;
mod registry;
mod replay;
mod scenarios;
mod second_chance;
mod thingsboard;
