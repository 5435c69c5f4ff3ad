//! Where a place of a TOML text stands in the pack: behind escapes, trimmed line ends and opening quotes. Must not
//! know what the text means. Pure.

use crate::mistake::Span;

/// Finds line and column, both from 0 and in characters, of the string value that begins at byte `offset`; the end of
/// the value if it has no such place.
pub(crate) fn locate(pack: &str, offset: usize, line: usize, column: usize) -> usize {
    let mut walk = Walk::new(pack, offset);
    let (mut at_line, mut at_column) = (0_usize, 0_usize);
    loop {
        walk.skip_trimmed();
        if (at_line, at_column) >= (line, column) || walk.at_end() {
            return walk.at;
        }
        if walk.step() == '\n' {
            (at_line, at_column) = (at_line.saturating_add(1), 0);
        } else {
            at_column = at_column.saturating_add(1);
        }
    }
}

/// What a person takes for one word at `start`: a quoted text, a name, a number, an operator or a single sign.
pub(crate) fn word(pack: &str, start: usize) -> Span {
    let rest = pack.get(start..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let named = |char: char| char.is_alphanumeric() || char == '_' || char == '.';
    let length = match line.chars().next() {
        Some(quote @ ('"' | '\'')) if line.starts_with(&String::from(quote).repeat(3)) => line.len(),
        Some(quote @ ('"' | '\'')) => {
            let mut walk = Walk::new(pack, start);
            while !walk.at_end() && !walk.rest().starts_with(['\n', '\r']) {
                walk.step();
            }
            let closed = if walk.rest().starts_with(quote) { 1 } else { 0 };
            walk.at.saturating_sub(start).saturating_add(closed)
        }
        Some(char) if named(char) => line.find(|char| !named(char)).unwrap_or(line.len()),
        Some(char) if "<>=!&|*".contains(char) => line.find(|char| !"<>=!&|*".contains(char)).unwrap_or(line.len()),
        Some(char) => char.len_utf8(),
        None => 1,
    };
    Span { start, end: start.saturating_add(length.max(1)) }
}

/// The first line of a string value, or its quotes if there is nothing between them.
pub(crate) fn whole(pack: &str, offset: usize) -> Span {
    let start = locate(pack, offset, 0, 0);
    let mut walk = Walk { at: start, ..Walk::new(pack, offset) };
    while !walk.at_end() && !walk.rest().starts_with(['\n', '\r']) {
        walk.step();
    }
    if walk.at > start { Span { start, end: walk.at } } else { word(pack, offset) }
}

/// Goes through a string value, one decoded character at a step.
struct Walk<'t> {
    pack: &'t str,
    at: usize,
    /// `"""`, `'''`, `"` or `'`.
    close: &'t str,
}

impl<'t> Walk<'t> {
    fn new(pack: &'t str, offset: usize) -> Walk<'t> {
        let rest = pack.get(offset..).unwrap_or_default();
        let close = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| rest.starts_with(quotes)).unwrap_or("\n");
        let mut walk = Walk { pack, at: offset.saturating_add(close.len()), close };
        if close.len() == 3 {
            let below = ["\r\n", "\n"].into_iter().find(|end| walk.rest().starts_with(end));
            walk.at = walk.at.saturating_add(below.map_or(0, str::len));
        }
        walk
    }

    fn rest(&self) -> &'t str {
        self.pack.get(self.at..).unwrap_or_default()
    }

    /// Quotes before the last three of a multi-line text belong to it.
    fn at_end(&self) -> bool {
        match self.rest().strip_prefix(self.close) {
            Some(behind) => self.close.len() < 3 || !behind.starts_with(self.close.get(..1).unwrap_or_default()),
            None => self.rest().is_empty(),
        }
    }

    /// A `\` at the end of a line takes the line end and the white space behind it away.
    fn skip_trimmed(&mut self) {
        while self.close == "\"\"\""
            && let Some(behind) = self.rest().strip_prefix('\\')
            && behind.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
        {
            let trimmed = behind.trim_start_matches([' ', '\t', '\r', '\n']);
            self.at = self.pack.len().saturating_sub(trimmed.len());
        }
    }

    fn step(&mut self) -> char {
        let mut chars = self.rest().chars();
        let Some(first) = chars.next() else { return '\0' };
        let (decoded, length) = match chars.next() {
            Some(kind) if first == '\\' && self.close.starts_with('"') => {
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let code: String = chars.take(digits).collect();
                let is_line_end = kind == 'n' || u32::from_str_radix(&code, 16) == Ok(0x0a);
                let length = first.len_utf8().saturating_add(kind.len_utf8()).saturating_add(code.len());
                (if is_line_end { '\n' } else { kind }, length)
            }
            _ => (first, first.len_utf8()),
        };
        self.at = self.at.saturating_add(length);
        decoded
    }
}

#[cfg(test)]
mod tests {
    use super::{locate, whole, word};

    /// The place of `X` in the decoded text, and the pack with `X` at the place that must be found.
    #[test]
    fn places_are_found_behind_quotes_escapes_and_line_ends() {
        let table = [
            ("w = \"aX\"", 0, 1),
            ("w = 'a\\X'", 0, 2),
            ("w = \"\\\"a\\\"X\"", 0, 3),
            ("w = \"\\u4e2d中X\"", 0, 2),
            ("w = \"\\U00004e2d\\tX\"", 0, 2),
            ("w = \"a\\nX\"", 1, 0),
            ("w = \"a\\u000abX\"", 1, 1),
            ("w = \"\"\"\na\n  X\"\"\"", 1, 2),
            ("w = \"\"\"\r\na\r\n  X\"\"\"", 1, 2),
            ("w = \"\"\"a\nX\"\"\"", 1, 0),
            ("w = \"\"\"a \\\n   X\"\"\"", 0, 2),
            ("w = \"\"\"\\\n   X\"\"\"", 0, 0),
            ("w = '''\na \\\n X'''", 1, 1),
            ("w = '''\n\"\" X'''", 0, 3),
            ("w = \"\"\"\n\"\" X\"\"\"", 0, 3),
        ];
        for (pack, line, column) in table {
            let found = locate(pack, 4, line, column);
            assert_eq!(Some(found), pack.find('X'), "{pack:?}");
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_the_end_of_the_text() {
        assert_eq!(locate("w = \"ab\" # c", 4, 0, 9), 7);
        assert_eq!(locate("w = \"ab", 4, 3, 0), 7);
    }

    #[test]
    fn words_end_where_a_reader_would_end_them() {
        let table = [("hhh >", "hhh"), ("\"a\\\"b\" c", "\"a\\\"b\""), (">= 1", ">="), ("[1]", "["), ("'a' b", "'a'")];
        for (pack, wanted) in table {
            let span = word(pack, 0);
            assert_eq!(pack.get(span.start..span.end), Some(wanted));
        }
        let pack = "w = \"\"\"\nvalue\n> 1\"\"\"";
        let span = whole(pack, 4);
        assert_eq!(pack.get(span.start..span.end), Some("value"));
        let span = whole("w = \"\"", 4);
        assert_eq!((span.start, span.end), (4, 6));
    }
}
