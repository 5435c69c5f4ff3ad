//! The packs of the seed district load, and every kind of broken pack is refused in its own words.
//! I/O: reads the packs.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

mod seeds;

use rules::rule::{Kind, Per};
use rules::set::{LoadError, RuleSet, Source};
use seeds::{known, root};
use std::path::{Path, PathBuf};

fn read(path: &Path) -> Source {
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    Source { file, text: std::fs::read_to_string(path).unwrap() }
}

fn packs_in(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    paths
}

#[test]
fn the_seed_packs_load() {
    let sources: Vec<Source> = packs_in(&root().join("seeds/rules")).iter().map(|path| read(path)).collect();
    let set = RuleSet::load(&sources, &known()).unwrap_or_else(|errors| panic!("{}", lines(&errors)));
    let ids: Vec<&str> = set.rules().iter().map(|rule| rule.id.as_str()).collect();
    for id in ["HC-02", "HC-11", "HC-23", "HC-25", "HC-29", "DU-10"] {
        assert!(ids.contains(&id), "{id} is not among {ids:?}");
    }
    let rule = |id: &str| set.rules().iter().find(|rule| rule.id == id).unwrap();
    assert_eq!(rule("HC-23").kind, Kind::Absence);
    assert_eq!((rule("HC-23").sector.as_deref(), rule("HC-23").on.len()), (None, 0));
    assert_eq!(rule("DU-10").per, Per::Equipment);
    assert_eq!(rule("DU-10").tag_names(), ["dust.fan_run", "prod.run"]);
    assert_eq!(rule("HC-11").limits.hh, Some(50.0));
    assert_eq!(rule("HC-29").by_tag["flame"].delay_on_us, Some(0));
}

/// Each `broken/*.toml` states in its comment lines `#! …` what loading it must say, in order and in full.
#[test]
fn broken_packs_are_refused_in_so_many_words() {
    let mut seen = 0;
    let mut report = String::new();
    for path in packs_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")) {
        let source = read(&path);
        let expected: Vec<&str> = source.text.lines().filter_map(|line| line.strip_prefix("#! ")).collect();
        let said = match RuleSet::load(std::slice::from_ref(&source), &known()) {
            Ok(_) => String::new(),
            Err(errors) => lines(&errors),
        };
        if expected.is_empty() || said != expected.join("\n") {
            report.push_str(&format!("--- {}\nexpected:\n{}\nsaid:\n{said}\n", source.file, expected.join("\n")));
        }
        seen += 1;
    }
    assert!(report.is_empty(), "{report}");
    assert!(seen >= 40, "only {seen} broken packs were found");
}

/// Every place that is said lies in the pack, on the line and column that are said with it.
#[test]
fn line_column_and_bytes_of_a_mistake_agree() {
    for path in packs_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")) {
        let source = read(&path);
        for error in RuleSet::load(std::slice::from_ref(&source), &known()).unwrap_err() {
            let before = source.text.get(..error.span.start).unwrap_or_else(|| panic!("{error}"));
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            assert_eq!((before.matches('\n').count() + 1, column), (error.line, error.column), "{error}");
            assert!(error.span.end > error.span.start, "{error}");
            assert!(source.text.get(error.span.start..error.span.end.min(source.text.len())).is_some(), "{error}");
        }
    }
}

const POINTED: &str = r#"[[rule]]
id = "T-1"
name = { zh = "可燃气体高报", en = "gas" , fr = "gaz" }
action = { zh = "撤离", en = "leave" }
on = ["gas.lel", "gas.lell"]
severity = "orange"
when = """
value >= h &&
  value >= hhh"""
clear = "\u0076alue < l || tag(\"gas.le\") > 1.0"
delay_on = 5
"#;

#[test]
fn mistakes_are_pointed_at() {
    let source = Source { file: "t.toml".to_owned(), text: POINTED.to_owned() };
    let errors = RuleSet::load(std::slice::from_ref(&source), &known()).unwrap_err();
    let said: Vec<String> = errors.iter().map(|error| error.pointed(POINTED)).collect();
    // Below Chinese the caret stands one cell further right for every character.
    let wanted = [
        ("3 | name = { zh = \"可燃气体高报\", en = \"gas\" , fr = \"gaz\" }", "^^", 43),
        ("5 | on = [\"gas.lel\", \"gas.lell\"]", "^^^^^^^^^^", 17),
        ("9 |   value >= hhh\"\"\"", "^^^", 11),
        ("10 | clear = \"\\u0076alue < l || tag(\\\"gas.le\\\") > 1.0\"", "^^^", 27),
        ("11 | delay_on = 5", "^", 11),
    ];
    assert_eq!(said.len(), wanted.len(), "{}", said.join("\n"));
    for (said, (line, carets, pad)) in said.iter().zip(wanted) {
        assert!(said.contains(&format!("\n{line}\n")), "{said}");
        assert!(said.contains(&format!("| {}{carets}\n", " ".repeat(pad))), "{said}");
    }
    assert!(
        said[2].starts_with("t.toml:9:12: rule T-1: `when`: unknown name `hhh` (did you mean `hh`?)\n"),
        "{}",
        said[2]
    );
    assert!(said[2].contains("\n  = use one of value"), "{}", said[2]);
}

#[test]
fn mistakes_of_all_packs_are_told_at_once() {
    let pack = |file: &str, text: &str| Source { file: file.to_owned(), text: text.to_owned() };
    let sources = [
        pack("a.toml", "[[rule]]\nid = \"A-1\"\n"),
        pack("b.toml", "nonsense"),
        pack("c.toml", "[[rules]]\nid = \"C-1\"\n"),
    ];
    let errors = RuleSet::load(&sources, &known()).unwrap_err();
    let files: Vec<&str> = errors.iter().map(|error| error.file.as_str()).collect();
    assert_eq!(files.first(), Some(&"a.toml"));
    assert_eq!(files.iter().filter(|file| **file == "a.toml").count(), 5, "{}", lines(&errors));
    assert!(files.contains(&"b.toml") && files.contains(&"c.toml"), "{}", lines(&errors));
}

#[test]
fn an_id_used_in_two_packs_names_both_places() {
    let text = include_str!("../../seeds/rules/dust.toml");
    let sources = ["one.toml", "two.toml"].map(|file| Source { file: file.to_owned(), text: text.to_owned() });
    let errors = RuleSet::load(&sources, &known()).unwrap_err();
    let said = lines(&errors);
    assert_eq!(errors.len(), text.matches("[[rule]]").count(), "{said}");
    assert!(said.starts_with("two.toml:5:6: rule DU-01: `id` is used already at one.toml:5;"), "{said}");
}

fn lines(errors: &[LoadError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<String>>().join("\n")
}
