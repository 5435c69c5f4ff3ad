//! Pages of long lists: how many entries, and where the next one begins. Pure.

use crate::console::history::PageMark;
use crate::console::problem::Problem;
use rules::reading::Micros;

pub(super) const LIMIT_DEFAULT: u32 = 100;
/// With 4 KiB of payload each, as hexadecimal: at most 8 MB.
const LIMIT_MAX: u32 = 1000;

pub(super) fn limit(limit: u32) -> Result<u32, Problem> {
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::bad_query(format!("limit: 1 to {LIMIT_MAX}")));
    }
    Ok(limit)
}

/// `next` of the page before, as it was given out.
pub(super) fn mark(text: &str) -> Result<PageMark, Problem> {
    let mut parts = text.splitn(3, '.');
    let mut part = || parts.next().unwrap_or("");
    let (at, seq, index) = (part().parse(), part().parse(), part().parse());
    match (at, seq, index) {
        (Ok(at), Ok(seq), Ok(index)) => Ok(PageMark { at: Micros(at), seq, index }),
        _ => Err(Problem::bad_query("before: give the `next` of the page before")),
    }
}

/// `None`: the page was not full, so it is the last one.
pub(super) fn next(len: usize, limit: u32, last: Option<PageMark>) -> Option<String> {
    let PageMark { at, seq, index } = last.filter(|_| len >= limit as usize)?;
    Some(format!("{}.{seq}.{index}", at.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back() {
        let last = PageMark { at: Micros(-5), seq: 7, index: 9 };
        assert_eq!(next(1, 2, Some(last)), None);
        let text = next(2, 2, Some(last)).unwrap();
        assert_eq!(mark(&text), Ok(last));
        for text in ["", "1.2", "1.2.x", "1.2.3.4", "1.-2.3"] {
            assert!(mark(text).is_err(), "{text}");
        }
    }
}
