//! The fields of a pack's tables, read with their lines: every wrong type, unknown key and missing field becomes a
//! `LoadError` and reading goes on. Must not know what a rule means. Pure.

use crate::mistake::{LoadError, Span};
use crate::near::did_you_mean;
use crate::quoted::{locate, whole, word};
use crate::reading::SECOND_US;
use crate::registry::Text;
use crate::set::Source;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Delays beyond this are a mistake: an alarm that waits longer is not an alarm.
const SPAN_MAX_US: i64 = 30 * 24 * 3_600 * SECOND_US;
/// Names and actions stand on one screen of the console.
const TEXT_MAX: usize = 500;

/// The mistakes of one pack, and whose they are at the moment.
pub(crate) struct Faults<'a> {
    source: &'a Source,
    pub rule: Option<String>,
    pub list: Vec<LoadError>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(source: &'a Source) -> Faults<'a> {
        Faults { source, rule: None, list: Vec::new() }
    }

    /// Notes a mistake at a byte of the pack.
    pub(crate) fn at(&mut self, offset: usize, problem: impl Into<String>, remedy: impl Into<String>) {
        self.at_span(word(&self.source.text, offset), problem, remedy);
    }

    /// Notes a mistake in the string value that begins at `offset`: at a line and column of it, or in the whole.
    pub(crate) fn in_text(
        &mut self,
        offset: usize,
        place: Option<(usize, usize)>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let pack = &self.source.text;
        let span = match place {
            Some((line, column)) => word(pack, locate(pack, offset, line, column)),
            None => whole(pack, offset),
        };
        self.at_span(span, problem, remedy);
    }

    fn at_span(&mut self, span: Span, problem: impl Into<String>, remedy: impl Into<String>) {
        self.list.push(LoadError {
            file: self.source.file.clone(),
            line: self.line_of(span.start),
            column: self.column_of(span.start),
            span,
            rule: self.rule.clone(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// From 1. Offsets come from the parser; one beyond the end counts as the end.
    fn line_of(&self, offset: usize) -> usize {
        let before = self.source.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count().saturating_add(1)
    }

    /// From 1, in characters.
    fn column_of(&self, offset: usize) -> usize {
        let before = self.source.text.char_indices().take_while(|(at, _)| *at < offset);
        before.fold(1, |column, (_, char)| if char == '\n' { 1 } else { column.saturating_add(1) })
    }

    /// `file:line`, to name a place in the mistake of another.
    pub(crate) fn place_of(&self, offset: usize) -> String {
        format!("{}:{}", self.source.file, self.line_of(offset))
    }
}

/// One table of a pack.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// Where the table begins, for what is missing in it.
    pub start: usize,
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct At<T> {
    pub value: T,
    pub offset: usize,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(table: &'t DeTable<'t>, start: usize) -> Fields<'t> {
        Fields { table, start }
    }

    /// Refuses every key that is not in `known`.
    pub(crate) fn refuse_unknown(&self, known: &[&str], faults: &mut Faults) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let problem = format!("unknown key `{name}`{}", did_you_mean(name, known.iter().copied()));
                faults.at(key.span().start, problem, format!("use only {}", known.join(", ")));
            }
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    /// The keys of the table, for tables whose keys are data.
    pub(crate) fn keys(&self) -> impl Iterator<Item = At<&'t str>> + 't {
        self.table.keys().map(|key| At { value: key.get_ref().as_ref(), offset: key.span().start })
    }

    pub(crate) fn missing(&self, key: &str, example: &str, faults: &mut Faults) {
        faults.at(self.start, format!("`{key}` is missing"), format!("add `{example}`"));
    }

    pub(crate) fn str(&self, key: &str, faults: &mut Faults) -> Option<At<&'t str>> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            wrong_type(key, value, "a text in quotes", faults);
        }
        text.map(|text| At { value: text, offset: value.span().start })
    }

    pub(crate) fn strs(&self, key: &str, faults: &mut Faults) -> Option<At<Vec<At<&'t str>>>> {
        let value = self.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            wrong_type(key, value, "a list of texts", faults);
            return None;
        };
        let mut list = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => list.push(At { value: text, offset: item.span().start }),
                None => wrong_type(key, item, "a list of texts", faults),
            }
        }
        Some(At { value: list, offset: value.span().start })
    }

    pub(crate) fn table(&self, key: &str, faults: &mut Faults) -> Option<Fields<'t>> {
        let value = self.get(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            wrong_type(key, value, "a table", faults);
        }
        table.map(|table| Fields { table, start: value.span().start })
    }

    /// The tables of `[[key]]`; none where the key is absent or wrong.
    pub(crate) fn tables(&self, key: &str, faults: &mut Faults) -> Vec<Fields<'t>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            wrong_type(key, value, &format!("a list of tables: `[[{key}]]`"), faults);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Fields { table, start: item.span().start }),
                None => wrong_type(key, item, &format!("a table: `[[{key}]]`"), faults),
            }
        }
        tables
    }

    /// A finite number; whole numbers count as numbers.
    pub(crate) fn number(&self, key: &str, faults: &mut Faults) -> Option<At<f64>> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            DeValue::Integer(whole) if whole.radix() == 10 => whole.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let offset = value.span().start;
        match number {
            Some(number) if number.is_finite() => return Some(At { value: number, offset }),
            Some(number) => {
                faults.at(offset, format!("`{key}` is {number}, which is no limit"), "write a finite number")
            }
            None => wrong_type(key, value, "a number", faults),
        }
        None
    }

    /// `true` or `false`; `false` where the key is absent or wrong.
    pub(crate) fn flag(&self, key: &str, faults: &mut Faults) -> bool {
        let Some(value) = self.get(key) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong_type(key, value, "true or false", faults);
        }
        flag.unwrap_or_default()
    }

    /// A count from 1 to `max`; `default` where the key is absent or wrong.
    pub(crate) fn count(&self, key: &str, max: u32, default: u32, faults: &mut Faults) -> u32 {
        let Some(value) = self.get(key) else { return default };
        let count = value.get_ref().as_integer().filter(|whole| whole.radix() == 10);
        match count.and_then(|whole| whole.as_str().parse::<u32>().ok()).filter(|n| (1..=max).contains(n)) {
            Some(count) => count,
            None => {
                let problem = format!("`{key}` is no whole number from 1 to {max}");
                faults.at(value.span().start, problem, "write such a number without quotes");
                default
            }
        }
    }

    /// A span of time such as `"2s"`, `"5m"`, `"24h"`, in microseconds; `None` where the key is absent or wrong.
    pub(crate) fn span_us(&self, key: &str, faults: &mut Faults) -> Option<i64> {
        let text = self.str(key, faults)?;
        let span = parse_span_us(text.value);
        if span.is_none() {
            let problem = format!("`{key}` is \"{}\", which is no span of time", text.value);
            faults.at(
                text.offset,
                problem,
                "write whole seconds, minutes or hours up to 30 days: \"2s\", \"5m\", \"24h\"",
            );
        }
        span
    }

    /// `{ zh = "…", en = "…" }`, both there and neither empty nor too long.
    pub(crate) fn text(&self, key: &str, faults: &mut Faults) -> Text {
        if !self.has(key) {
            self.missing(key, &format!("{key} = {{ zh = \"…\", en = \"…\" }}"), faults);
        }
        let Some(both) = self.table(key, faults) else { return Text::default() };
        both.refuse_unknown(&["zh", "en"], faults);
        let mut one = |language: &str| {
            if !both.has(language) {
                both.missing(&format!("{key}.{language}"), &format!("{language} = \"…\""), faults);
            }
            let Some(text) = both.str(language, faults) else { return String::new() };
            if text.value.trim().is_empty() || text.value.len() > TEXT_MAX {
                let problem = format!("`{key}.{language}` is empty or longer than {TEXT_MAX} bytes");
                faults.at(text.offset, problem, "write one or two sentences for the officer");
            }
            text.value.to_owned()
        };
        Text { zh: one("zh"), en: one("en") }
    }
}

fn wrong_type(key: &str, value: &Spanned<DeValue>, wanted: &str, faults: &mut Faults) {
    let given = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a bool",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    faults.at(value.span().start, format!("`{key}` is {given}, where {wanted} is needed"), format!("write {wanted}"));
}

fn parse_span_us(text: &str) -> Option<i64> {
    let digits = text.strip_suffix(|unit: char| unit.is_ascii_alphabetic())?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let span = digits.parse::<i64>().ok()?.checked_mul(seconds)?.checked_mul(SECOND_US)?;
    (span <= SPAN_MAX_US).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::parse_span_us;

    #[test]
    fn spans_of_time() {
        let table = [
            ("0s", Some(0)),
            ("2s", Some(2_000_000)),
            ("5m", Some(300_000_000)),
            ("24h", Some(86_400_000_000)),
            ("30d", Some(2_592_000_000_000)),
            ("31d", None),
            ("", None),
            ("s", None),
            ("5", None),
            ("-5s", None),
            ("5ms", None),
            ("1.5s", None),
            ("5 s", None),
            ("５s", None),
            ("99999999999999999999h", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_span_us(text), expected, "{text}");
        }
    }
}
