//! A sector that nobody had thought of comes in as data alone: words, a template, an enterprise and two rules beside those of
//! the seed district, and it is judged like the others. I/O: reads the repository.

#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use alerting::alarm::Cause;
use alerting::cases;
use alerting::effect::Business;
use alerting::input::{Batch, Content, FoldLimits, Input};
use alerting::state::State;
use bytes::Bytes;
use ingest::catalogue::{Kind, catalogue};
use ingest::decode::decode;
use ingest::delivery::Delivery;
use ingest::seeds::{self, SeedFile};
use rules::reading::{Micros, SECOND_US, Severity};
use rules::registry::Registry;
use rules::rule::Rule;
use rules::set::{RuleSet, Source, Vocabulary};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files below a directory of seeds, by name.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["", "templates/", "enterprises/"] {
        for entry in fs::read_dir(dir.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let name = format!("{folder}{}", path.file_name().unwrap().to_string_lossy());
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// The seed district, and what the new sector adds to its files or beside them.
fn registry() -> Registry {
    let mut all = files(&here("../seeds"));
    for (name, more) in files(&here("tests/sector_gas")) {
        let file = all.entry(name).or_default();
        file.push(b'\n');
        file.extend(more);
    }
    let all: Vec<SeedFile> = all.into_iter().map(|(name, bytes)| SeedFile { name, bytes }).collect();
    seeds::assemble(&all).unwrap_or_else(|errors| panic!("{}", seeds::lines(&errors)))
}

fn packs() -> Vec<Source> {
    let mut packs = seeds::rules(&here("../seeds/rules")).unwrap();
    packs.extend(seeds::rules(&here("tests/sector_gas/rules")).unwrap());
    packs
}

fn rules(registry: &Registry) -> Arc<RuleSet> {
    match RuleSet::load(&packs(), &Vocabulary::of(registry)) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => panic!("{}", seeds::lines(&errors)),
    }
}

#[test]
fn its_cases_hold() {
    let registry = registry();
    let rules = rules(&registry);
    let mut passed = 0;
    for (file, text) in seeds::case_files(&here("tests/sector_gas/rules")).unwrap() {
        for result in cases::run(&file, &text, &rules, &registry) {
            assert!(result.is_ok(), "{}", result.unwrap_err());
            passed += 1;
        }
    }
    assert_eq!(passed, 4);
}

#[test]
fn its_messages_raise_its_alarms() {
    let registry = registry();
    let rules = rules(&registry);
    let version = || "v".to_owned();
    let begun = Micros(1_795_478_400 * SECOND_US);
    let mut state = State::new();
    let inputs = vec![
        Input::Genesis { journal_id: version(), alarm_id_base: 0 },
        Input::Activate(Content::Limits { version: version(), limits: Arc::new(FoldLimits::of_rules_alone()) }),
        Input::Activate(Content::Registry { version: version(), registry: Arc::new(registry) }),
        Input::Activate(Content::Rules { version: version(), rules: Arc::clone(&rules) }),
    ];
    state.step(1, &Batch { now: begun, inputs });
    let mut raised = Vec::new();
    for second in 1..=90 {
        let now = begun.plus(second * SECOND_US);
        let ts = now.0 / 1_000;
        let readings = r#"{"p":"GR-1.p","v":3.5},{"p":"GR-1.valve","v":1},{"p":"GR-1.lel","v":42.0}"#;
        let delivery = Delivery {
            received: now,
            topic: "davy/v1/gs-001/gw-1/json".into(),
            payload: Bytes::from(format!("{{\"ts\":{ts},\"d\":[{readings}]}}")),
            redelivered: false,
        };
        let decoded = decode(&delivery, state.view().unwrap());
        assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects);
        let effects = state.step(state.seq() + 1, &Batch { now, inputs: vec![Input::Delivery(decoded)] });
        for effect in effects.business {
            if let Business::Alarm(change) = effect
                && change.cause == Cause::Raised
                && change.alarm.object.enterprise.as_deref() == Some("gs-001")
            {
                raised.push((change.alarm.rule.clone(), change.alarm.severity, second));
            }
        }
    }
    let expected = [("GA-02".to_owned(), Severity::Red, 6), ("GA-01".to_owned(), Severity::Yellow, 61)];
    assert_eq!(raised, expected);
}

#[test]
fn its_rules_stand_behind_those_of_the_catalogue() {
    let registry = registry();
    let rules = rules(&registry);
    let watched: Vec<(&Rule, usize)> = rules.rules().iter().map(|rule| (rule, 1)).collect();
    let entries = catalogue(&seeds::catalogue(&here("../seeds")).unwrap(), &watched);
    let last: Vec<&str> = entries.iter().rev().take(2).map(|entry| entry.id.as_str()).collect();
    assert_eq!(last, ["GA-02", "GA-01"]);
    assert!(entries.iter().rev().take(2).all(|entry| entry.kind == Kind::Rhai && !entry.wanted));
}
