//! Rules bent one place at a time, in their text: numbers, windows and delays moved a little, comparisons, severities and
//! limits exchanged, suppressions taken out. Must not know what a rule means. Pure.

mod inside;

use inside::Role;
use std::ops::Range;

/// One rule of a pack, as it is written.
pub struct Block {
    pub id: String,
    pub text: String,
}

/// The rule with one place of it changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    pub key: String,
    pub from: String,
    pub to: String,
    /// The line as it is now.
    pub line: String,
    pub text: String,
}

/// What stands behind a key says how it may be moved.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Condition,
    Numbers,
    /// Spans and severities in quotes.
    Words,
    Count,
    Slot,
    Suppress,
    Flag,
}

const KEYS: [(&str, Sort); 12] = [
    ("when", Sort::Condition),
    ("clear", Sort::Condition),
    ("limits", Sort::Numbers),
    ("delay_on", Sort::Words),
    ("delay_off", Sort::Words),
    ("rise", Sort::Words),
    // `severity_max` is not among them: less refuses to load where it bears on anything, more never does.
    ("severity", Sort::Words),
    ("count_on", Sort::Count),
    ("count_off", Sort::Count),
    ("slot", Sort::Slot),
    ("suppress", Sort::Suppress),
    ("latch", Sort::Flag),
];
/// What filed work may suppress a rule.
const WORK: [&str; 2] = ["equipment.maintenance", "point.calibration"];
/// Limits that may be taken for each other.
const LIMITS: [(&str, &str); 4] = [("h", "hh"), ("hh", "h"), ("l", "ll"), ("ll", "l")];
const SEVERITIES: [&str; 4] = ["blue", "yellow", "orange", "red"];
/// Slots that divide the day, in seconds.
const SLOTS: [u64; 9] = [60, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 86_400];
/// By what a number is moved: so much a person would notice.
const STEP: f64 = 0.01;

pub fn blocks(pack: &str) -> Vec<Block> {
    let starts: Vec<usize> = pack.match_indices("[[rule]]").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([pack.len()]);
    let block = |(start, end): (&usize, usize)| {
        let text = pack[*start..end].to_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
        Block { id: id.unwrap_or_default().to_owned(), text }
    };
    starts.iter().zip(ends).map(block).collect()
}

pub fn mutants(block: &str) -> Vec<Mutant> {
    let mut all = Vec::new();
    // A condition that gives the severity itself leaves the rule's own without any meaning.
    let is_graded = block.lines().any(|line| {
        let line = line.strip_prefix("when = ").map_or(line, |text| text.trim_start_matches(['"', '\'']));
        line.starts_with("if ")
    });
    for (key, sort, range) in values(block).into_iter().filter(|(key, ..)| !(is_graded && *key == "severity")) {
        for (place, to) in changes(sort, block, range) {
            let (before, after) = (&block[..place.start], &block[place.end..]);
            let text = format!("{before}{to}{after}");
            let from = block[place.clone()].to_owned();
            let line = text[before.rfind('\n').map_or(0, |at| at + 1)..].lines().next().unwrap_or_default().to_owned();
            all.push(Mutant { key: key.to_owned(), from, to, line, text });
        }
    }
    all
}

/// Keys that are looked at, and where their values lie.
fn values(block: &str) -> Vec<(&'static str, Sort, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < block.len() {
        let line_end = block[at..].find('\n').map_or(block.len(), |len| at + len);
        let line = &block[at..line_end];
        let mut next = line_end + 1;
        if let Some((key, _)) = line.split_once('=')
            && let Some((key, sort)) = KEYS.into_iter().find(|(known, _)| *known == key.trim())
        {
            let start = at + line.find('=').unwrap_or_default() + 1;
            let mut end = line_end;
            let value = block[start..].trim_start();
            for quotes in ["\"\"\"", "'''"] {
                if value.starts_with(quotes) {
                    let inner = start + block[start..].find(quotes).unwrap_or_default() + quotes.len();
                    end = inner + block[inner..].find(quotes).unwrap_or_default() + quotes.len();
                    next = end;
                }
            }
            found.push((key, sort, start..end));
        }
        at = next;
    }
    found
}

fn changes(sort: Sort, block: &str, range: Range<usize>) -> Vec<(Range<usize>, String)> {
    let value = &block[range.clone()];
    let moved = match sort {
        Sort::Condition => condition(value),
        Sort::Numbers => numbers(value),
        Sort::Words => quoted(value).into_iter().flat_map(|word| word_changes(value, word)).collect(),
        Sort::Count => whole(value).into_iter().flat_map(|place| stepped(value, place, 1)).collect(),
        Sort::Slot => quoted(value).into_iter().flat_map(|word| slot_changes(value, word)).collect(),
        Sort::Suppress => suppress_changes(value),
        Sort::Flag => flag_changes(value),
    };
    let shift = |(place, to): (Range<usize>, String)| (range.start + place.start..range.start + place.end, to);
    moved.into_iter().map(shift).collect()
}

/// Comparisons, numbers and severities of a condition; other words in quotes are names.
fn condition(value: &str) -> Vec<(Range<usize>, String)> {
    const COMPARISONS: [(&str, &str); 6] =
        [(">=", ">"), ("<=", "<"), ("==", "!="), ("!=", "=="), (">", ">="), ("<", "<=")];
    let mut found = Vec::new();
    // The quotes around the condition itself are no words.
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| value.trim_start().starts_with(quotes));
    let quotes = quotes.unwrap_or_default();
    let open = value.find(quotes).unwrap_or_default() + quotes.len();
    let close = value.rfind(quotes).unwrap_or(value.len()).max(open);
    let words: Vec<Range<usize>> =
        quoted(&value[open..close]).into_iter().map(|word| open + word.start..open + word.end).collect();
    let mut at = open;
    while at < close {
        if let Some(word) = words.iter().find(|word| word.contains(&at)) {
            if SEVERITIES.contains(&&value[word.clone()]) {
                found.extend(word_changes(value, word.clone()));
            }
            if inside::called_with(value, word.start) == Some("over") {
                let other = LIMITS.iter().find(|(limit, _)| *limit == &value[word.clone()]);
                found.extend(other.map(|(_, other)| (word.clone(), (*other).to_owned())));
            }
            at = word.end;
        } else if let Some((from, to)) = COMPARISONS.iter().find(|(from, _)| value[at..].starts_with(from)) {
            found.push((at..at + from.len(), (*to).to_owned()));
            at += from.len();
        } else if let Some(place) = number_at(value, at) {
            at = place.end;
            found.extend(condition_number_changes(value, place));
        } else {
            at += value[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// A number of a condition: what it is says how far it is moved.
fn condition_number_changes(value: &str, place: Range<usize>) -> Vec<(Range<usize>, String)> {
    let text = &value[place.clone()];
    match inside::role(value, place.start, text) {
        Role::Plain => number_changes(value, place),
        Role::Span => {
            let seconds: u64 = text.parse().unwrap_or_default();
            let step = (seconds / 10).max(1);
            [seconds + step, seconds.saturating_sub(step)].map(|moved| (place.clone(), moved.to_string())).into()
        }
        Role::StandIn if text == "0.0" => vec![(place, "1.0".to_owned())],
        Role::StandIn => vec![(place, "0.0".to_owned())],
        Role::Count => {
            let number: f64 = text.parse().unwrap_or_default();
            [number + 1.0, number - 1.0].map(|moved| (place.clone(), format!("{moved:?}"))).into()
        }
    }
}

/// Each kind of work that suppresses it is taken out; the last one is exchanged for the other.
fn suppress_changes(value: &str) -> Vec<(Range<usize>, String)> {
    let words = quoted(value);
    if let [only] = words.as_slice() {
        let other = WORK.into_iter().find(|work| *work != &value[only.clone()]);
        return other.map(|other| (only.clone(), other.to_owned())).into_iter().collect();
    }
    let start = value.len() - value.trim_start().len();
    let rest = |word: &Range<usize>| {
        let rest = words.iter().filter(|other| *other != word).map(|other| format!("\"{}\"", &value[other.clone()]));
        (start..value.trim_end().len(), format!("[{}]", rest.collect::<Vec<_>>().join(", ")))
    };
    words.iter().map(rest).collect()
}

fn flag_changes(value: &str) -> Vec<(Range<usize>, String)> {
    let other = |(from, to): (&str, &str)| value.find(from).map(|at| (at..at + from.len(), to.to_owned()));
    [("true", "false"), ("false", "true")].into_iter().find_map(other).into_iter().collect()
}

fn numbers(value: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < value.len() {
        match number_at(value, at) {
            Some(place) => {
                at = place.end;
                found.extend(number_changes(value, place));
            }
            None => at += value[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    found
}

/// A number that begins here, and is no part of a name.
fn number_at(value: &str, at: usize) -> Option<Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let rest = &value[at..];
    if !rest.starts_with(|c: char| c.is_ascii_digit()) || value[..at].ends_with(is_word) {
        return None;
    }
    let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    Some(at..at + len)
}

fn number_changes(value: &str, place: Range<usize>) -> Vec<(Range<usize>, String)> {
    let text = &value[place.clone()];
    let before = value[..place.start].trim_end_matches(|c: char| " <>=!".contains(c));
    let number: f64 = text.parse().unwrap_or_default();
    if before.ends_with("hazard_level") || (!text.contains('.') && number < 100.0) {
        let decimal = text.contains('.');
        let show = |number: f64| if decimal { format!("{number:?}") } else { format!("{number}") };
        return [number + 1.0, number - 1.0].into_iter().map(|moved| (place.clone(), show(moved))).collect();
    }
    let step = if number == 0.0 { STEP } else { number * STEP };
    let show = |number: f64| {
        let rounded = format!("{number:.6}").parse::<f64>().unwrap_or(number);
        if text.contains('.') { format!("{rounded:?}") } else { format!("{}", rounded.round()) }
    };
    [number + step, number - step].into_iter().map(|moved| (place.clone(), show(moved))).collect()
}

/// Words in quotes, plain or escaped, without their quotes.
fn quoted(value: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for (at, _) in value.match_indices('"') {
        match open.take() {
            Some(start) => found.push(start..value[..at].trim_end_matches('\\').len()),
            None => open = Some(at + 1),
        }
    }
    found
}

fn word_changes(value: &str, word: Range<usize>) -> Vec<(Range<usize>, String)> {
    let text = &value[word.clone()];
    if let Some(at) = SEVERITIES.iter().position(|severity| *severity == text) {
        let others = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        let others = others.filter_map(|at| SEVERITIES.get(at));
        return others.map(|other| (word.clone(), (*other).to_owned())).collect();
    }
    let Some(seconds) = seconds_of(text) else { return Vec::new() };
    let step = (seconds / 10).max(1);
    let moved = [Some(seconds + step), seconds.checked_sub(step)].into_iter().flatten();
    moved.map(|moved| (word.clone(), format!("{moved}s"))).collect()
}

fn slot_changes(value: &str, word: Range<usize>) -> Vec<(Range<usize>, String)> {
    let Some(seconds) = seconds_of(&value[word.clone()]) else { return Vec::new() };
    let shorter = SLOTS.iter().rev().find(|slot| **slot < seconds);
    let longer = SLOTS.iter().find(|slot| **slot > seconds);
    shorter.into_iter().chain(longer).map(|slot| (word.clone(), format!("{slot}s"))).collect()
}

fn seconds_of(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    Some(text[..text.len() - 1].parse::<u64>().ok()? * unit)
}

fn whole(value: &str) -> Vec<Range<usize>> {
    let start = value.len() - value.trim_start().len();
    number_at(value, start).into_iter().collect()
}

fn stepped(value: &str, place: Range<usize>, step: u32) -> Vec<(Range<usize>, String)> {
    let number: u32 = value[place.clone()].parse().unwrap_or_default();
    let moved = [Some(number + step), number.checked_sub(step).filter(|less| *less > 0)].into_iter().flatten();
    moved.map(|moved| (place.clone(), moved.to_string())).collect()
}
