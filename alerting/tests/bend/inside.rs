//! What stands around a number or a word of a condition: the call that it is an argument of, and the call that it is
//! compared with. Must not know what a call means beyond its name. Pure.

/// Calls whose whole numbers are seconds they look back, or degrees.
const SPANS: [&str; 13] = [
    "rate",
    "delta",
    "mean",
    "median",
    "min",
    "max",
    "stddev",
    "count",
    "events",
    "over",
    "held",
    "lee_targets",
    "gap",
];
/// Calls that give whole numbers.
const COUNTS: [&str; 6] = ["over", "count", "events", "lee_targets", "days_below", "workdays_below"];

/// What a number is, by the call around it or before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Plain,
    /// Seconds or degrees of a call.
    Span,
    /// What `or` puts in the place of an input that is missing.
    StandIn,
    /// What something that is counted is compared with.
    Count,
}

pub fn role(value: &str, at: usize, text: &str) -> Role {
    let around = around(&value[..at]).map(|(name, _)| name);
    if around == Some("or") {
        return Role::StandIn;
    }
    if !text.contains('.') && around.is_some_and(|name| SPANS.contains(&name)) {
        return Role::Span;
    }
    let compared = value[..at].trim_end_matches(|c: char| " <>=!".contains(c));
    let is_count =
        compared.len() < value[..at].trim_end().len() && before(compared).is_some_and(|n| COUNTS.contains(&n));
    if is_count { Role::Count } else { Role::Plain }
}

/// The name of the call whose first argument is the word in quotes that begins here.
pub fn called_with(value: &str, word: usize) -> Option<&str> {
    let before = value[..word].trim_end_matches(['"', '\\']);
    around(before).filter(|(_, inside)| inside.is_empty()).map(|(name, _)| name)
}

/// The name of the call that is still open at the end of the text, and what it was given so far.
fn around(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (at, char) in text.char_indices().rev() {
        match char {
            ')' => depth += 1,
            '(' if depth == 0 => return Some((name_before(&text[..at]), &text[at + 1..])),
            '(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The name of the call that ends with the text.
fn before(text: &str) -> Option<&str> {
    let inside = text.strip_suffix(')')?;
    around(inside).map(|(name, _)| name)
}

fn name_before(text: &str) -> &str {
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    &text[start..]
}
