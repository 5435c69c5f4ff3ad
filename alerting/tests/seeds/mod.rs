//! The rule packs of the seed district, their cases, and the registry's words that both may use. I/O: reads the seeds.

#![allow(dead_code, reason = "no test uses all of it")]

use rules::registry::{Region, Registry, Sector, TagType, Text};
use rules::set::{RuleSet, Source, Vocabulary};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds")
}

/// Tag types and sectors, read line by line.
pub fn registry() -> Registry {
    let quoted = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let read = |file: &str| std::fs::read_to_string(seeds().join(file)).unwrap();
    let mut tag_types: Vec<TagType> = Vec::new();
    for line in read("tags.toml").lines() {
        if let Some(id) = quoted(line, "id") {
            tag_types.push(TagType { id, name: Text::default(), unit: String::new() });
        } else if let (Some(unit), Some(tag)) = (quoted(line, "unit"), tag_types.last_mut()) {
            tag.unit = unit;
        }
    }
    let sectors = read("sectors.toml").lines().filter_map(|line| quoted(line, "id")).collect::<Vec<_>>();
    let region = || Region { code: "d".to_owned(), name: Text::default() };
    Registry {
        district: region(),
        towns: vec![region()],
        sectors: sectors.into_iter().map(|id| Sector { id, name: Text::default() }).collect(),
        tag_types,
        enterprises: Vec::new(),
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    }
}

/// Name and text of every file of `seeds/rules` with this ending.
pub fn files(ending: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(seeds().join("rules")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    let read = |path: &PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

pub fn seed_rules() -> Arc<RuleSet> {
    let sources: Vec<Source> = files("toml").into_iter().map(|(file, text)| Source { file, text }).collect();
    match RuleSet::load(&sources, &Vocabulary::of(&registry())) {
        Ok(rules) => Arc::new(rules),
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}
