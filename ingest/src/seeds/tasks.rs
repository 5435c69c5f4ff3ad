//! The plan's task list, row by row: what is to be done, by when, by whom, and how it is measured here. Read strictly,
//! with every mistake by file and line. Must not know figures. Pure.

use crate::seeds::district::both_languages;
use crate::seeds::error::{Report, SeedError};
use crate::seeds::names::{text, unknown};
use crate::seeds::page::{Node, Page, SeedFile, Table};
use alerting::figures::ROWS;
use rules::registry::Text;
use serde::Serialize;
use std::collections::BTreeMap;

pub const FILE: &str = "tasks.toml";

const KEYS: [&str; 9] = ["row", "task", "title", "completion", "units", "mark", "metric", "measure", "computed"];
const MARKS: [(&str, Mark); 3] =
    [("automatic", Mark::Automatic), ("entries", Mark::Entries), ("external", Mark::External)];
/// The plan's tasks, which its rows belong to.
const TASKS: i64 = 22;

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Task {
    pub row: u16,
    /// The task of the plan that the row is a part of.
    pub task: u8,
    pub title: Text,
    /// As the plan says: a year, a date, `yearly`, `long-term`.
    pub completion: String,
    /// Who answers for it.
    pub units: Vec<String>,
    pub mark: Mark,
    /// Metrics of domain.md 5.2 that measure it, for example `C-03`.
    pub metric: Vec<String>,
    pub measure: Text,
    /// Davy computes its figure; nobody files one.
    pub computed: bool,
}

/// Where a row's figure can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// From what Davy keeps anyway.
    Automatic,
    /// With what people enter into Davy.
    Entries,
    /// Only from outside (外部填报).
    External,
}

/// The rows of the file, in their order, which is complete.
pub fn read(file: &SeedFile) -> Result<Vec<Task>, Vec<SeedError>> {
    let report = Report::default();
    let tasks = Page::parse(file, &report).map(|page| rows(&page, &report)).unwrap_or_default();
    let errors = report.close();
    if errors.is_empty() { Ok(tasks) } else { Err(errors) }
}

fn rows(page: &Page<'_>, report: &Report) -> Vec<Task> {
    let nodes = page.root(&["task"]).need("task").and_then(|node| node.list()).unwrap_or_default();
    let mut places: BTreeMap<u16, usize> = BTreeMap::new();
    let mut tasks: Vec<Task> = Vec::new();
    for node in nodes {
        let Some(table) = node.table("a row", &KEYS) else { continue };
        let Some(row) = number(&table, "row", i64::from(ROWS)).and_then(|row| u16::try_from(row).ok()) else {
            continue;
        };
        if let Some(line) = places.get(&row) {
            table.refuse(format!("row {row} is there twice"), format!("the first is at line {line}; remove one"));
            continue;
        }
        places.insert(row, node.line());
        tasks.extend(task(&table, row));
    }
    if let Some(missing) = (1..=ROWS).find(|row| !places.contains_key(row)) {
        let (problem, remedy) = (format!("row {missing} is missing"), format!("the list has rows 1 to {ROWS}; add it"));
        report.add(SeedError { file: page.file().to_owned(), line: 1, problem, remedy });
    }
    tasks.sort_by_key(|task| task.row);
    tasks
}

fn task(table: &Table<'_>, row: u16) -> Option<Task> {
    let task = number(table, "task", TASKS).and_then(|task| u8::try_from(task).ok());
    let title = table.need("title").and_then(both_languages);
    let completion = table.need("completion").and_then(text);
    let units = texts(table, "units");
    if units.as_ref().is_some_and(Vec::is_empty) {
        table.refuse(format!("nobody answers for row {row}"), "name at least one in units");
    }
    let mark = table.need("mark").and_then(mark);
    let metric = texts(table, "metric");
    let measure = table.need("measure").and_then(both_languages);
    let computed = table.get("computed").map_or(Some(false), |node| node.flag());
    Some(Task {
        row,
        task: task?,
        title: title?,
        completion: completion?,
        units: units?,
        mark: mark?,
        metric: metric?,
        measure: measure?,
        computed: computed?,
    })
}

fn number(table: &Table<'_>, key: &str, max: i64) -> Option<i64> {
    let node = table.need(key)?;
    let number = node.whole()?;
    if !(1..=max).contains(&number) {
        node.refuse(format!("{key} {number} is not between 1 and {max}"), "write the number of the plan");
        return None;
    }
    Some(number)
}

fn texts(table: &Table<'_>, key: &str) -> Option<Vec<String>> {
    table.need(key)?.list()?.into_iter().map(text).collect()
}

fn mark(node: Node<'_>) -> Option<Mark> {
    let word = node.text()?;
    let mark = MARKS.iter().find(|(name, _)| *name == word).map(|(_, mark)| *mark);
    if mark.is_none() {
        unknown(node, "mark", MARKS.iter().map(|(name, _)| *name));
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: u16, more: &str) -> String {
        format!(
            "[[task]]\nrow = {row}\ntask = 19\ntitle = {{ zh = 'a', en = 'b' }}\ncompletion = '2025'\nunits = ['u']\n\
             mark = 'external'\nmetric = []\nmeasure = {{ zh = 'c', en = 'd' }}\n{more}\n"
        )
    }

    fn list(change: impl Fn(u16) -> Option<String>) -> Result<Vec<Task>, Vec<String>> {
        let text: String = (1..=ROWS).filter_map(change).collect();
        let file = SeedFile { name: FILE.to_owned(), bytes: text.into_bytes() };
        read(&file).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_whole_list_is_read_in_its_order() {
        let tasks = list(|n| Some(row(ROWS + 1 - n, ""))).expect("a whole list");
        assert!((1..=ROWS).eq(tasks.iter().map(|task| task.row)));
        assert!(list(|n| Some(row(n, "computed = true"))).expect("computed").iter().all(|task| task.computed));
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let missing = list(|n| (n != 40).then(|| row(n, "")));
        assert_eq!(missing.unwrap_err(), ["tasks.toml:1: row 40 is missing; the list has rows 1 to 82; add it"]);
        let twice = list(|n| Some(row(if n == 2 { 1 } else { n }, ""))).unwrap_err();
        assert!(twice.iter().any(|error| error.contains("row 1 is there twice")), "{twice:?}");
        let stranger = list(|n| Some(row(n, if n == 1 { "colour = 'red'" } else { "" }))).unwrap_err();
        assert!(stranger[0].starts_with("tasks.toml:10: a row has an unknown key \"colour\""), "{stranger:?}");
        let wrong = list(|n| Some(row(n, "").replace("'external'", if n == 3 { "'extrenal'" } else { "'external'" })));
        assert!(wrong.unwrap_err()[0].contains("unknown mark \"extrenal\""));
    }
}
