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
    assert!(said.starts_with("two.toml:5: rule DU-01: `id` is used already at one.toml:5;"), "{said}");
}

fn lines(errors: &[LoadError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<String>>().join("\n")
}
