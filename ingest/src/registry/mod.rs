//! The registry as tables that people keep: rows are taken into the registry in force, all or none, and written out again
//! as the same rows. Must not know how a registry comes into force. Pure.

mod cells;
mod enterprises;
mod export;
mod points;

pub use cells::RowError;
pub use export::{enterprises_csv, points_csv};

use cells::{Cells, Report};
use rules::registry::Registry;
use serde::Serialize;
use std::collections::BTreeMap;

/// What hot state is planned for.
const POINTS_MAX: usize = 1_000_000;
/// More mistakes than anybody mends in one go.
pub const ERRORS_MAX: usize = 1_000;

/// The two kinds of tables, told apart by their headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Enterprises,
    Points,
}

/// A registry with the rows taken in, and what they changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    pub kind: Kind,
    pub registry: Registry,
    pub changes: Vec<Change>,
    pub unchanged: usize,
}

/// A row that adds or changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Line of the file.
    pub line: u64,
    /// `hc-001`, or `hc-001/T-101/T-101.level`.
    pub what: String,
    pub added: bool,
    /// The columns that say something new.
    pub columns: Vec<String>,
}

/// What a row did.
enum Taken {
    Unchanged,
    Changed(Change),
}

/// Takes the rows of `text` into `registry`; every mistake by row and column, and nothing taken, if there are any.
pub fn import(registry: &Registry, text: &[u8]) -> Result<Imported, Vec<RowError>> {
    let mut report = Report::default();
    let Some((kind, header, rows)) = read(text, &mut report) else { return Err(report.close()) };
    let mut registry = registry.clone();
    let columns: BTreeMap<&str, usize> = header.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
    let rows: Vec<Cells<'_>> = rows.iter().map(|(line, row)| Cells { columns: &columns, row, line: *line }).collect();
    let taken = match kind {
        Kind::Enterprises => enterprises::take(&mut registry, &rows, &mut report),
        Kind::Points => points::take(&mut registry, &rows, &mut report),
    };
    let points = registry.enterprises.iter().flat_map(|e| &e.equipment).map(|e| e.points.len()).sum::<usize>();
    if points > POINTS_MAX {
        report.refuse((1, ""), format!("{points} points in all"), format!("at most {POINTS_MAX}"));
    }
    let errors = report.close();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut imported = Imported { kind, registry, changes: Vec::new(), unchanged: 0 };
    for taken in taken {
        match taken {
            Taken::Unchanged => imported.unchanged = imported.unchanged.saturating_add(1),
            Taken::Changed(change) => imported.changes.push(change),
        }
    }
    Ok(imported)
}

type Rows = Vec<(u64, csv::StringRecord)>;

/// Header and rows with their lines; `None` if it is no such table.
fn read(text: &[u8], report: &mut Report) -> Option<(Kind, Vec<String>, Rows)> {
    // Spreadsheets put a mark before UTF-8.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(e) => {
            report.refuse((1, ""), format!("the header cannot be read: {e}"), "save the file as CSV in UTF-8");
            return None;
        }
    };
    let has = |name: &str| header.iter().any(|column| column == name);
    let kind = match (has("id"), has("enterprise") && has("equipment") && has("point")) {
        (true, false) => Kind::Enterprises,
        (false, true) => Kind::Points,
        _ => {
            let remedy = "a table of enterprises has a column id; one of points has enterprise, equipment and point";
            report.refuse((1, ""), "the header is of neither kind of table", remedy);
            return None;
        }
    };
    let known: &[&str] = match kind {
        Kind::Enterprises => &enterprises::COLUMNS,
        Kind::Points => &points::COLUMNS,
    };
    for (n, column) in header.iter().enumerate() {
        if !known.contains(&column.as_str()) {
            let remedy = crate::seeds::hint(column, known.iter().copied());
            report.refuse((1, column), format!("there is no column {column:?}"), remedy);
        } else if header.iter().take(n).any(|other| other == column) {
            report.refuse((1, column), format!("column {column:?} is there twice"), "remove one of them");
        }
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        match row {
            Ok(row) => {
                let line = row.position().map_or(0, csv::Position::line);
                if row.len() != header.len() {
                    let problem = format!("{} cells, the header has {}", row.len(), header.len());
                    report.refuse((line, ""), problem, "a cell that holds a comma stands in quotation marks");
                }
                rows.push((line, row));
            }
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                report.refuse((line, ""), format!("the row cannot be read: {e}"), "save the file as CSV in UTF-8");
                break;
            }
        }
    }
    if rows.is_empty() && report.is_clean() {
        report.refuse((1, ""), "there is no row below the header", "add one");
    }
    report.is_clean().then_some((kind, header, rows))
}

#[cfg(test)]
mod tests;
