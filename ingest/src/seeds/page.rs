//! One seed file as a tree in which every value knows its line, so that whoever reads it can say where a mistake
//! stands. All mistakes go to the report; readers get `None` and carry on. Must not know what the files mean. Pure.

use crate::seeds::error::{Report, SeedError};
use crate::seeds::spell::hint;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file as it was found.
#[derive(Clone, Debug)]
pub struct SeedFile {
    /// Relative to the seed directory, with `/`: `enterprises/dust.toml`.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A file that is TOML.
pub struct Page<'a> {
    file: &'a str,
    /// Byte offset of each line feed.
    line_feeds: Vec<usize>,
    root: Spanned<DeTable<'a>>,
    report: &'a Report,
}

impl<'a> Page<'a> {
    /// `None` when the file is not TOML: the reasons are in the report, and its content is not looked at, because
    /// half a file would only draw further complaints.
    pub fn parse(file: &'a SeedFile, report: &'a Report) -> Option<Page<'a>> {
        let line_feeds: Vec<usize> = (0..).zip(&file.bytes).filter(|(_, b)| **b == b'\n').map(|(at, _)| at).collect();
        let refuse = |offset: usize, problem: String, remedy: &str| {
            let line = line_of(&line_feeds, offset);
            report.add(SeedError { file: file.name.clone(), line, problem, remedy: remedy.to_owned() });
        };
        if let Some(at) = file.bytes.iter().position(|b| *b == 0) {
            refuse(at, "there is a NUL byte in the file".to_owned(), "remove it; seed files are plain text");
            return None;
        }
        let text = match std::str::from_utf8(&file.bytes) {
            Ok(text) => text,
            Err(e) => {
                refuse(e.valid_up_to(), "the file is not UTF-8".to_owned(), "save it as UTF-8");
                return None;
            }
        };
        // Only the first: a bracket that is not closed makes every line after it look wrong.
        match DeTable::parse(text) {
            Ok(root) => Some(Page { file: &file.name, line_feeds, root, report }),
            Err(e) => {
                let problem = format!("not TOML: {}", e.message().replace('\n', ", "));
                refuse(e.span().map_or(0, |s| s.start), problem, "mend this line, or the one before it");
                None
            }
        }
    }

    #[must_use]
    pub fn file(&self) -> &str {
        self.file
    }

    /// The whole file as a table that may hold only these keys.
    pub fn root<'p>(&'p self, keys: &[&'static str]) -> Table<'p> {
        let table = Table { page: self, what: "the file".to_owned(), line: 1, entries: self.root.get_ref() };
        table.refuse_unknown(keys);
        table
    }

    fn line(&self, span: &Range<usize>) -> usize {
        line_of(&self.line_feeds, span.start)
    }
}

fn line_of(line_feeds: &[usize], offset: usize) -> usize {
    line_feeds.partition_point(|feed| *feed < offset).saturating_add(1)
}

/// A table whose keys have been compared with the ones its reader knows.
pub struct Table<'p> {
    page: &'p Page<'p>,
    /// What the table describes, for messages.
    what: String,
    line: usize,
    entries: &'p DeTable<'p>,
}

impl<'p> Table<'p> {
    pub fn get(&self, key: &str) -> Option<Node<'p>> {
        self.entries().find(|node| node.key == key)
    }

    /// Like `get`, but a missing key is a mistake.
    pub fn need(&self, key: &str) -> Option<Node<'p>> {
        let found = self.get(key);
        if found.is_none() {
            self.refuse(format!("{} has no {key:?}", self.what), format!("add {key} = …"));
        }
        found
    }

    /// For tables whose keys are names.
    pub fn entries(&self) -> impl Iterator<Item = Node<'p>> + use<'p> {
        let page = self.page;
        self.entries.iter().map(move |(key, value)| Node {
            page,
            key: key.get_ref(),
            key_line: page.line(&key.span()),
            value,
        })
    }

    pub fn refuse(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        let (problem, remedy) = (problem.into(), remedy.into());
        self.page.report.add(SeedError { file: self.page.file.to_owned(), line: self.line, problem, remedy });
    }

    fn refuse_unknown(&self, keys: &[&'static str]) {
        for node in self.entries() {
            if !keys.contains(&node.key) {
                let problem = format!("{} has an unknown key {:?}", self.what, node.key);
                node.refuse_key(problem, hint(node.key, keys.iter().copied()));
            }
        }
    }
}

/// A value with its place.
#[derive(Clone, Copy)]
pub struct Node<'p> {
    page: &'p Page<'p>,
    /// The key it stands under, for messages; an element of a list has the key of the list.
    pub key: &'p str,
    key_line: usize,
    value: &'p Spanned<DeValue<'p>>,
}

impl<'p> Node<'p> {
    pub fn refuse(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(self.line(), problem.into(), remedy.into());
    }

    /// Blames the key instead of the value.
    pub fn refuse_key(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(self.key_line, problem.into(), remedy.into());
    }

    #[must_use]
    pub fn file(&self) -> &'p str {
        self.page.file
    }

    #[must_use]
    pub fn line(&self) -> usize {
        self.page.line(&self.value.span())
    }

    pub fn text(&self) -> Option<&'p str> {
        let text = self.value.get_ref().as_str();
        self.typed(text, "a text in quotes")
    }

    pub fn number(&self) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            // A decimal integer reads the same as a float; the other radices are nobody's way to write a limit.
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
            _ => None,
        };
        self.typed(number.filter(|n: &f64| n.is_finite()), "a finite number")
    }

    pub fn whole(&self) -> Option<i64> {
        let whole = self.value.get_ref().as_integer();
        self.typed(whole.and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok()), "a whole number")
    }

    pub fn flag(&self) -> Option<bool> {
        self.typed(self.value.get_ref().as_bool(), "true or false")
    }

    pub fn list(&self) -> Option<Vec<Node<'p>>> {
        let list = self.typed(self.value.get_ref().as_array(), "a list in brackets")?;
        Some(list.iter().map(|value| Node { value, ..*self }).collect())
    }

    /// A table that may hold only these keys. `what` names it in messages.
    pub fn table(&self, what: impl Into<String>, keys: &[&'static str]) -> Option<Table<'p>> {
        let table = self.names(what)?;
        table.refuse_unknown(keys);
        Some(table)
    }

    /// A table whose keys are names.
    pub fn names(&self, what: impl Into<String>) -> Option<Table<'p>> {
        let entries = self.typed(self.value.get_ref().as_table(), "a table")?;
        Some(Table { page: self.page, what: what.into(), line: self.line(), entries })
    }

    fn typed<T>(&self, found: Option<T>, wanted: &str) -> Option<T> {
        if found.is_none() {
            let given = self.value.get_ref().type_str();
            self.refuse(format!("{:?} is not {wanted} (it is of type {given})", self.key), format!("write {wanted}"));
        }
        found
    }

    fn add(&self, line: usize, problem: String, remedy: String) {
        self.page.report.add(SeedError { file: self.page.file.to_owned(), line, problem, remedy });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str, read: impl Fn(&Page<'_>)) -> Vec<String> {
        let report = Report::default();
        let file = SeedFile { name: "x.toml".to_owned(), bytes: text.as_bytes().to_vec() };
        if let Some(page) = Page::parse(&file, &report) {
            read(&page);
        }
        report.close().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "a = 1\n\n[[row]]\nb = 'x'\n[[row]]\nc = [\n  1.5,\n  true,\n]\n";
        let found = errors(text, |page| {
            let root = page.root(&["a", "row"]);
            assert_eq!(root.need("a").and_then(|n| n.number()), Some(1.0));
            for row in root.need("row").and_then(|n| n.list()).unwrap_or_default() {
                let row = row.table("a row", &["b", "c"]).unwrap();
                row.need("b");
                for c in row.get("c").and_then(|n| n.list()).unwrap_or_default() {
                    c.number();
                }
            }
        });
        assert_eq!(
            found,
            [
                "x.toml:5: a row has no \"b\"; add b = …",
                "x.toml:8: \"c\" is not a finite number (it is of type boolean); write a finite number",
            ]
        );
    }

    #[test]
    fn numbers_as_people_write_them() {
        let text = "a = 1_000\nb = -0.5\nc = 1e3\nd = inf\ne = 0x10\nf = 99999999999999999999";
        let found = errors(text, |page| {
            let root = page.root(&["a", "b", "c", "d", "e", "f"]);
            let number = |key| root.get(key).and_then(|n| n.number());
            assert_eq!((number("a"), number("b"), number("c")), (Some(1000.0), Some(-0.5), Some(1000.0)));
            assert_eq!((number("d"), root.get("e").and_then(|n| n.whole())), (None, Some(16)));
            assert_eq!(root.get("f").and_then(|n| n.whole()), None);
        });
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn what_is_not_toml_is_said_once() {
        assert_eq!(errors("a = \nb = 2", |_| panic!("must not be read")).len(), 1);
        assert_eq!(
            errors("a = 1\nb = '\0'", |_| panic!("must not be read")),
            ["x.toml:2: there is a NUL byte in the file; remove it; seed files are plain text"]
        );
    }
}
