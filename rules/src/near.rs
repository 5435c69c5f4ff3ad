//! Did you mean ...? The nearest known word to a misspelt one.
//! Must not know what the words are for. Pure.

/// Words longer than this are not compared: nobody misspells so much by accident, and the cost is the square.
const WORD_MAX: usize = 64;

/// ` (did you mean ...?)` when a known word is close, else nothing: to be put behind a problem.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(best) => format!(" (did you mean `{best}`?)"),
        None => String::new(),
    }
}

/// The known word with the fewest differences, if they are few for its length; the first of equals.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let distance = distance(word, candidate);
        let allowed = word.chars().count().max(candidate.chars().count()).div_ceil(3);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Levenshtein distance over characters, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().take(WORD_MAX).collect();
    let b: Vec<char> = b.to_lowercase().chars().take(WORD_MAX).collect();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in (1usize..).zip(&a) {
        let mut row = vec![i];
        let mut left = i;
        for (y, pair) in b.iter().zip(above.windows(2)) {
            let &[corner, over] = pair else { continue };
            let change = corner.saturating_add(usize::from(x != y));
            left = change.min(over.saturating_add(1)).min(left.saturating_add(1));
            row.push(left);
        }
        above = row;
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, distance};

    #[test]
    fn counts_differences() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "", 3), ("value", "vlaue", 2), ("Hh", "hh", 0), ("tag", "tags", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn proposes_only_what_is_close() {
        let known = ["value", "range_lo", "hh"];
        assert_eq!(did_you_mean("vaule", known), " (did you mean `value`?)");
        assert_eq!(did_you_mean("temperature", known), "");
    }
}
