//! `held(condition, 60)`: a condition inside a condition, which asks whether it has been true for so long. It is a program
//! of its own, known by its text; `alerting` remembers since when it is true. Must not know points or state. Pure.

use crate::judge::Program;
use crate::past::WINDOW_MAX_S;
use rhai::{Expr, FnCallExpr, Position};
use std::sync::Arc;

pub(crate) const HELD: &str = "held";

/// One such call.
#[derive(Clone, Debug)]
pub struct Held {
    /// The whole call as it is written: its name among the columns of the condition around it.
    pub text: String,
    pub window_s: u32,
    /// The condition inside, which gives true or false.
    pub program: Arc<Program>,
}

impl Held {
    /// What its memory is kept under: the same text means the same.
    #[must_use]
    pub fn key(&self) -> u64 {
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        self.text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv)
    }
}

/// The condition inside and the seconds, or problem and remedy.
pub(crate) fn arguments(call: &FnCallExpr) -> Result<(&Expr, u32), (String, String)> {
    let [inside, Expr::IntegerConstant(window, _)] = call.args.as_slice() else {
        let problem = "`held` is not given a condition and whole seconds".to_owned();
        return Err((problem, "write for example `held(value >= h, 60)`".to_owned()));
    };
    let window_s = u32::try_from(*window).ok().filter(|window| (1..=WINDOW_MAX_S).contains(window));
    window_s.map(|window_s| (inside, window_s)).ok_or_else(|| {
        let problem = format!("`held` looks back {window} seconds");
        (problem, format!("use whole seconds from 1 to {WINDOW_MAX_S}, a week"))
    })
}

/// The text of the call that an expression is, if it is one.
pub(crate) fn text_of<'t>(expr: &Expr, source: &'t str) -> Option<&'t str> {
    match expr {
        Expr::FnCall(call, at) if call.name == HELD => text_at(source, *at),
        _ => None,
    }
}

/// The call that begins there, up to its closing bracket.
pub(crate) fn text_at(source: &str, at: Position) -> Option<&str> {
    let line = source.split_inclusive('\n').take(at.line()?.checked_sub(1)?).map(str::len).sum::<usize>();
    let column = at.position()?.checked_sub(1)?;
    let start = source.get(line..)?.char_indices().nth(column).map(|(offset, _)| line.saturating_add(offset))?;
    let call = source.get(start..)?;
    call.get(..closing(call)?)
}

/// Where the bracket that opens first is closed: behind it. Brackets in texts and remarks are none.
fn closing(call: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut chars = call.char_indices().peekable();
    while let Some((offset, char)) = chars.next() {
        let end = match (char, chars.peek().map(|(_, next)| *next)) {
            ('"', _) => Some("\""),
            ('`', _) => Some("`"),
            ('/', Some('*')) => Some("*/"),
            ('/', Some('/')) => Some("\n"),
            _ => None,
        };
        if let Some(end) = end {
            let begun = offset.saturating_add(if end.len() == 1 && end != "\n" { 1 } else { 2 });
            let behind = begun.saturating_add(call.get(begun..)?.find(end)?).saturating_add(end.len());
            while chars.peek().is_some_and(|(offset, _)| *offset < behind) {
                chars.next();
            }
            continue;
        }
        match char {
            '(' => depth = depth.saturating_add(1),
            ')' if depth <= 1 => return offset.checked_add(1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn a_call_ends_with_its_bracket() {
        let table = [
            ("held(a, 1) && b", "held(a, 1)"),
            ("held((a) > (b), 1) && c(d)", "held((a) > (b), 1)"),
            ("held(tag(\"x)\") > 1.0, 1)", "held(tag(\"x)\") > 1.0, 1)"),
            ("held(a /* ) */, 1) b", "held(a /* ) */, 1)"),
            ("held(a // )\n, 1) b", "held(a // )\n, 1)"),
            ("held(你, 1) b", "held(你, 1)"),
        ];
        for (text, expected) in table {
            assert_eq!(closing(text).and_then(|end| text.get(..end)), Some(expected), "{text}");
        }
        assert_eq!(closing("held(a"), None);
    }
}
