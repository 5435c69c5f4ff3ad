//! Did you mean: the nearest known name to a misspelt one. Must not know what the names stand for. Pure.

/// The known name closest to `name`, if it is close enough to be meant: at most a third of its letters differ.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let close = |k: &&str| distance(name, k) <= length.max(k.chars().count()).div_ceil(3);
    known.into_iter().filter(close).min_by_key(|k| distance(name, k))
}

/// The remedy for an unknown name: what was meant, or what there is.
#[must_use]
pub fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(meant) = nearest(name, known.clone()) {
        return format!("did you mean {meant:?}?");
    }
    // A list longer than this is no help on a terminal.
    let some: Vec<&str> = known.take(20).collect();
    format!("known: {}", if some.is_empty() { "none".to_owned() } else { some.join(", ") })
}

/// Levenshtein: how many letters must be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in (1usize..).zip(a.chars()) {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i);
        let mut left = i;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal.saturating_add(usize::from(from != *to));
            diagonal = *cell;
            left = changed.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in [("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("kitten", "sitting", 3), ("", "xy", 2)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
            assert_eq!(distance(b, a), d, "{b} {a}");
        }
    }

    #[test]
    fn only_what_is_close_is_offered() {
        let known = ["tank-lpg", "tank-atmospheric", "reactor"];
        assert_eq!(nearest("tank-lgp", known), Some("tank-lpg"));
        assert_eq!(nearest("reacter", known), Some("reactor"));
        assert_eq!(nearest("furnace", known), None);
    }
}
