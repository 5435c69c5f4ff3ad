//! What the fold knows of coverage, hazards and figures, for boards that begin: at the start, and when a recovery has taken
//! over what a database knew. Pure.

use super::Hub;
use super::coverage::{Board, Known};
use super::ledger::Ledger;
use alerting::coverage::{AcceptanceChange, Unit};
use alerting::day::Day;
use alerting::state::State;
use rules::reading::Micros;

impl Hub {
    /// Both boards begin anew from the fold as it stands after record `seq`.
    pub fn load_books(&self, state: &State, seq: u64) {
        let limits = state.limits().coverage.clone();
        let today = Day::of(state.now());
        let (hazards, filed) = (state.hazards().iter().cloned(), state.figures().iter().cloned());
        self.load_ledger(Ledger::begin(hazards.collect(), filed.collect()));
        self.load_coverage(Board::begin(Known {
            seq,
            now: state.now(),
            figures: state.coverage_figures(Board::first_day(&limits, state.now()), today),
            filings: state.filings().iter().cloned().collect(),
            // Who signed is known to the database; that it was signed is known here.
            acceptances: state
                .acceptances()
                .map(|(unit, at, accepted)| acceptance(unit.clone(), at, accepted))
                .collect(),
            limits,
        }));
    }
}

fn acceptance(unit: Unit, at: Micros, accepted: bool) -> AcceptanceChange {
    AcceptanceChange { unit, at, by: String::new(), comment: String::new(), accepted, permille: 0 }
}
