//! Packs and conditions bent at random, from a seed: loading answers, by a set or by mistakes that name their place,
//! and never panics. I/O: reads the packs.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

mod seeds;

use rules::judge::{Frame, Verdict};
use rules::set::{RuleSet, Source};
use seeds::known;
use std::path::Path;

/// A small generator (xorshift), so that a failure is reproduced by its number alone.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

fn packs() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for dir in [here.join("../seeds/rules"), here.join("tests/broken")] {
        let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        paths.sort();
        texts.extend(paths.iter().map(|path| std::fs::read_to_string(path).unwrap()));
    }
    texts
}

const SPLICES: [&str; 24] = [
    "\"",
    "'",
    "\"\"\"",
    "[[rule]]",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\n",
    "\0",
    "\u{feff}",
    "中",
    "1e999",
    "-",
    "nan",
    "99999999999",
    "\\",
    "#",
    ".",
    "[rule.by_tag.x]",
    "when = ",
    "age()",
    "(((((((((((((((((((((((((((((((((((",
];

fn bend(text: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(chars.len());
        let end = (at + dice.below(12)).min(chars.len());
        match dice.below(4) {
            0 => drop(chars.drain(at..end)),
            1 => drop(chars.splice(at..end, SPLICES[dice.below(SPLICES.len())].chars())),
            2 => {
                let copy: Vec<char> = chars[at..end].to_vec();
                let to = dice.below(chars.len());
                drop(chars.splice(to..to, copy));
            }
            _ => chars.swap(at.min(end.saturating_sub(1)), end.saturating_sub(1)),
        }
    }
    chars.into_iter().collect()
}

fn load(seed: u64, text: String) -> Option<RuleSet> {
    let lines = text.lines().count() + 1;
    match RuleSet::load(&[Source { file: "bent.toml".to_owned(), text }], &known()) {
        Ok(set) => Some(set),
        Err(errors) => {
            assert!(!errors.is_empty(), "seed {seed}: refused without a word");
            for error in &errors {
                assert!((1..=lines).contains(&error.line), "seed {seed}: {error} lies outside {lines} lines");
                assert!(!error.problem.is_empty() && !error.remedy.is_empty(), "seed {seed}: {error:?}");
            }
            None
        }
    }
}

#[test]
fn bent_packs_are_answered() {
    let packs = packs();
    let mut sound = 0;
    for seed in 0..3_000 {
        let mut dice = Dice::new(seed);
        let pack = &packs[dice.below(packs.len())];
        sound += usize::from(load(seed, bend(pack, &mut dice)).is_some());
    }
    assert!(sound > 0, "no bent pack was ever sound: the bending is too rough to test anything");
}

const WORDS: [&str; 40] = [
    "value",
    "bad",
    "hh",
    "h",
    "l",
    "ll",
    "range_lo",
    "range_hi",
    "period",
    "age()",
    "tag(\"prod.run\")",
    "tag(",
    "\"red\"",
    "\"\"",
    "1",
    "0.5",
    "9223372036854775807",
    "1e308",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    ">",
    "<=",
    ">=",
    "==",
    "!=",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "if",
    "else",
    "{",
    "}",
    "max(",
    ",",
];

/// Words of the language in random order: what loads can be judged, and gives a verdict that is no failure.
#[test]
fn conditions_of_random_words_are_answered() {
    let mut sound = 0;
    for seed in 0..20_000 {
        let mut dice = Dice::new(seed);
        let words: Vec<&str> = (0..=dice.below(8)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
        let condition = words.join(" ");
        let text = format!(
            "[[rule]]\nid = \"T-1\"\nname = {{ zh = \"试\", en = \"Trial\" }}\non = [\"flame\"]\nwhen = '{condition}'\n\
             severity = \"red\"\naction = {{ zh = \"查\", en = \"Look\" }}\n"
        );
        let Some(set) = load(seed, text) else { continue };
        sound += 1;
        let program = &set.rules()[0].when;
        let mut frame = Frame::for_program(program);
        for value in [0.0, 1.0, -1.0, 1e308, 5e-324, f64::INFINITY] {
            frame.push_row(&vec![value; program.columns().len()]);
        }
        let mut verdicts = Vec::new();
        program.judge(&frame, &mut verdicts);
        let failed = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Fails(_) | Verdict::Missing));
        assert!(!failed && verdicts.len() == 6, "seed {seed}: {condition}: {verdicts:?}");
    }
    assert!(sound > 50, "only {sound} conditions were sound");
}
