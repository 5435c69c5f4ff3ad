//! Everything one run found out, as it goes into JSON. Must not know how it is shown. Pure.

use crate::ground::Fixed;
use crate::machine::Machine;
use crate::scenario::{Backlog, Effort, Holds, Latency, Rates};
use rules::reading::Micros;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The command line of this run.
    pub command: String,
    /// Wall clock in microseconds when it ended, and how long it took.
    pub ended_us: i64,
    pub seconds: f64,
    pub machine: Machine,
    pub fixed: Fixed,
    pub effort: Effort,
    /// Points of the district that report by themselves.
    pub points: usize,
    pub rates: Vec<Rates>,
    pub latency: Option<Latency>,
    pub backlogs: Vec<Backlog>,
    pub holds: Option<Holds>,
}

impl Report {
    #[must_use]
    pub fn begin(machine: Machine, fixed: Fixed, effort: &Effort) -> Report {
        let args: Vec<String> = std::env::args().skip(1).collect();
        Report {
            command: format!("davy bench {}", args.join(" ")),
            ended_us: 0,
            seconds: 0.0,
            machine,
            fixed,
            effort: effort.clone(),
            points: 0,
            rates: Vec::new(),
            latency: None,
            backlogs: Vec::new(),
            holds: None,
        }
    }

    pub fn finish(&mut self, now: Micros, seconds: f64) {
        self.ended_us = now.0;
        self.seconds = seconds;
    }
}
