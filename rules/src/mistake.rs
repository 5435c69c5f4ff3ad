//! One mistake of a rule pack, said in one line or, given the text of the pack, below the line that it is about.
//! Must not know what rules mean or how packs are read. Pure.

/// One mistake of one pack: where it is, what is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error(
    "{file}:{line}:{column}: {}{problem}; {remedy}",
    self.rule.as_ref().map(|id| format!("rule {id}: ")).unwrap_or_default()
)]
pub struct LoadError {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The bytes of the pack that are at fault; never empty, and may end behind the last byte.
    pub span: Span,
    /// `None` where no rule could be named yet.
    pub rule: Option<String>,
    pub problem: String,
    pub remedy: String,
}

/// Bytes from `start` up to `end`, without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl LoadError {
    /// Several lines as a compiler writes them, for people. `text` is the pack.
    #[must_use]
    pub fn pointed(&self, text: &str) -> String {
        let line = text.split('\n').nth(self.line.saturating_sub(1)).unwrap_or_default().trim_end_matches('\r');
        let before = self.column.saturating_sub(1);
        let bytes = line.char_indices().nth(before).map_or(line.len(), |(at, _)| at);
        let wanted = self.span.end.saturating_sub(self.span.start);
        let mut shown = String::new();
        let (mut pad, mut carets) = (0_usize, 0_usize);
        for (at, char) in line.char_indices() {
            let (glyph, width) = glyph(char);
            shown.push_str(glyph.encode_utf8(&mut [0; 4]));
            if at < bytes {
                pad = pad.saturating_add(width);
            } else if at < bytes.saturating_add(wanted) {
                carets = carets.saturating_add(width);
            }
        }
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let (pad, carets) = (" ".repeat(pad), "^".repeat(carets.max(1)));
        let rule = self.rule.as_ref().map(|id| format!("rule {id}: ")).unwrap_or_default();
        let head = format!("{}:{}:{}: {rule}{}", self.file, self.line, self.column, self.problem);
        format!(
            "{head}
{margin} |
{number} | {shown}
{margin} | {pad}{carets}
{margin} = {}",
            self.remedy
        )
    }
}

/// How a terminal is given a character, and how many cells it takes there. A tab is a single cell, so that the caret
/// does not depend on tab stops; what would steer the terminal is not sent to it.
fn glyph(char: char) -> (char, usize) {
    match u32::from(char) {
        0x09 => (' ', 1),
        0x00..=0x1f | 0x7f..=0x9f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2066..=0x2069 => ('\u{fffd}', 1),
        0x0300..=0x036f | 0xfe00..=0xfe0f => (char, 0),
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => (char, 2),
        _ => (char, 1),
    }
}
