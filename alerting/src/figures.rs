//! Figures that people file for rows of the plan's task list that nothing here can compute. Must not know the list. Pure.

use crate::command::{Outcome, Refusal};
use crate::effect::Business;
use crate::state::State;
use rules::reading::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One figure as it was filed. The newest of a row stands; the others are history, in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureFiled {
    pub row: u16,
    /// As people write it: `37 of 41`, `done`.
    pub figure: String,
    /// The time it speaks of.
    pub as_of: Micros,
    pub comment: String,
    pub by: String,
    pub at: Micros,
}

/// The newest figure of each row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    by_row: BTreeMap<u16, FigureFiled>,
}

/// The rows of the plan's task list.
pub const ROWS: u16 = 82;

impl Figures {
    pub fn iter(&self) -> impl Iterator<Item = &FigureFiled> + '_ {
        self.by_row.values()
    }
}

impl State {
    pub(crate) fn file_figure(&mut self, filed: FigureFiled) -> Outcome {
        if !(1..=ROWS).contains(&filed.row) {
            return Outcome::Refused(Refusal::NoSuchRow);
        }
        self.figures.by_row.insert(filed.row, filed.clone());
        self.ledger.push(Business::Figure(Box::new(filed)));
        Outcome::Noted
    }

    /// From recovery: what is not known here.
    pub(crate) fn adopt_figures(&mut self, figures: &[FigureFiled]) {
        for figure in figures {
            self.figures.by_row.entry(figure.row).or_insert_with(|| figure.clone());
        }
    }
}
