//! One mistake in the seed files, said so that it can be mended without asking: file, line, what is wrong, what to
//! do. And the list in which a load collects all of them. Must not know the shapes of the files. Pure.

use std::cell::RefCell;

/// Displayed as `enterprises/dust.toml:12: problem; remedy`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}: {problem}; {remedy}")]
pub struct SeedError {
    /// Relative to the seed directory, with `/`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// Lower case, with the offending name.
    pub problem: String,
    /// What to write instead, or where to look.
    pub remedy: String,
}

/// Everything found so far. Shared by all readers of one load, so that the first mistake does not hide the rest.
#[derive(Debug, Default)]
pub struct Report {
    errors: RefCell<Vec<SeedError>>,
}

impl Report {
    pub fn add(&self, error: SeedError) {
        self.errors.borrow_mut().push(error);
    }

    /// All errors by file and line, each once.
    #[must_use]
    pub fn close(&self) -> Vec<SeedError> {
        let mut errors = self.errors.take();
        errors.sort();
        errors.dedup();
        errors
    }
}
