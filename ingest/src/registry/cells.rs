//! Cells of a table, read strictly, and the mistakes found in them by row and column. Must not know what they say. Pure.

use super::ERRORS_MAX;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Longest id, in characters: four of them and the slashes make an MQTT topic.
const ID_MAX: usize = 48;
/// Equipment and part with a dot between.
const POINT_ID_MAX: usize = 97;
/// Longest text shown to people, in characters.
const TEXT_MAX: usize = 120;

/// One mistake, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// Line of the file; the header is line 1.
    pub row: u64,
    /// Empty: the row as a whole.
    pub column: String,
    pub problem: String,
    pub remedy: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowError { row, column, problem, remedy } = self;
        let dot = if column.is_empty() { "" } else { ", " };
        write!(f, "row {row}{dot}{column}: {problem}; {remedy}")
    }
}

#[derive(Default)]
pub(super) struct Report {
    errors: Vec<RowError>,
}

impl Report {
    pub(super) fn refuse(&mut self, (row, column): (u64, &str), problem: impl Into<String>, remedy: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            let (problem, remedy) = (problem.into(), remedy.into());
            self.errors.push(RowError { row, column: column.to_owned(), problem, remedy });
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn close(self) -> Vec<RowError> {
        self.errors
    }
}

/// One row with the names of its columns.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) columns: &'a BTreeMap<&'a str, usize>,
    pub(super) row: &'a csv::StringRecord,
    pub(super) line: u64,
}

/// What is written where a value is to be taken away.
pub(super) const NONE: &str = "-";

#[derive(Clone, Copy)]
pub(super) enum Alphabet {
    /// Enterprises and gateways: stands in MQTT topics.
    Topic,
    Equipment,
    Point,
}

impl<'a> Cells<'a> {
    /// `None`: the column is not there, or the cell is empty: nothing is said.
    pub(super) fn get(&self, column: &str) -> Option<&'a str> {
        let number = *self.columns.get(column)?;
        self.row.get(number).map(str::trim).filter(|text| !text.is_empty())
    }

    pub(super) fn refuse(&self, report: &mut Report, column: &str, (problem, remedy): (String, &str)) {
        report.refuse((self.line, column), problem, remedy);
    }

    /// What every row must say.
    pub(super) fn need(&self, column: &str, report: &mut Report) -> Option<&'a str> {
        let found = self.get(column);
        if found.is_none() {
            report.refuse((self.line, column), format!("{column} is missing"), "write it into every row");
        }
        found
    }

    pub(super) fn id(&self, column: &str, alphabet: Alphabet, report: &mut Report) -> Option<&'a str> {
        let text = self.need(column, report)?;
        let bad = text.chars().find(|c| !alphabet.allows(*c));
        if let Some(bad) = bad {
            let remedy = format!("an id here has only the characters {}", alphabet.shown());
            report.refuse((self.line, column), format!("{text:?} contains {bad:?}"), remedy);
            return None;
        }
        let (length, max) = (text.chars().count(), alphabet.max());
        if length > max {
            report.refuse((self.line, column), format!("it is {length} characters long"), format!("keep it to {max}"));
            return None;
        }
        Some(text)
    }

    /// A text for people.
    pub(super) fn text(&self, column: &str, report: &mut Report) -> Option<&'a str> {
        let text = self.get(column)?;
        if let Some(bad) = text.chars().find(|c| c.is_control()) {
            report.refuse((self.line, column), format!("it contains the control character {bad:?}"), "remove it");
            return None;
        }
        let length = text.chars().count();
        if length > TEXT_MAX {
            let remedy = format!("keep it to {TEXT_MAX}");
            report.refuse((self.line, column), format!("it is {length} characters long"), remedy);
            return None;
        }
        Some(text)
    }

    pub(super) fn number(&self, column: &str, report: &mut Report) -> Option<f64> {
        let text = self.get(column)?;
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        if number.is_none() {
            report.refuse((self.line, column), format!("{text:?} is not a number"), "write it as 12.5");
        }
        number
    }

    /// A number, or that there is none any more.
    pub(super) fn number_or_none(&self, column: &str, report: &mut Report) -> Option<Option<f64>> {
        if self.get(column)? == NONE { Some(None) } else { self.number(column, report).map(Some) }
    }

    pub(super) fn flag(&self, column: &str, report: &mut Report) -> Option<bool> {
        let text = self.get(column)?;
        let flag = match text.to_lowercase().as_str() {
            "true" | "yes" | "1" | "是" => Some(true),
            "false" | "no" | "0" | "否" => Some(false),
            _ => None,
        };
        if flag.is_none() {
            report.refuse((self.line, column), format!("{text:?} is neither yes nor no"), "write true or false");
        }
        flag
    }

    /// Words between semicolons.
    pub(super) fn list(&self, column: &str) -> Option<Vec<&'a str>> {
        let words = self.get(column)?.split([';', '；']).map(str::trim).filter(|word| !word.is_empty());
        Some(words.collect())
    }
}

impl Alphabet {
    fn allows(self, character: char) -> bool {
        match self {
            Alphabet::Topic => matches!(character, 'a'..='z' | '0'..='9' | '-'),
            Alphabet::Equipment => character.is_ascii_alphanumeric() || matches!(character, '-' | '_'),
            Alphabet::Point => character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.'),
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Alphabet::Topic => "a-z 0-9 -",
            Alphabet::Equipment => "A-Z a-z 0-9 - _",
            Alphabet::Point => "A-Z a-z 0-9 - _ .",
        }
    }

    fn max(self) -> usize {
        match self {
            Alphabet::Topic | Alphabet::Equipment => ID_MAX,
            Alphabet::Point => POINT_ID_MAX,
        }
    }
}

/// Puts a value in its place, and its column into the list if that is news.
pub(super) fn put<T: PartialEq>(place: &mut T, value: Option<T>, (column, news): (&str, &mut Vec<String>)) {
    if let Some(value) = value.filter(|value| value != place) {
        *place = value;
        if !news.iter().any(|known| known == column) {
            news.push(column.to_owned());
        }
    }
}
