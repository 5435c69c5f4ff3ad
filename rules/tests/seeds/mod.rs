//! The words of the seed district that packs may use, read line by line, so that nothing is said twice.
//! I/O: reads the seeds.

#![allow(dead_code, reason = "no test uses all of it")]

use rules::set::Vocabulary;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn known() -> Vocabulary {
    let quoted = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let read = |file: &str| std::fs::read_to_string(root().join("seeds").join(file)).unwrap();
    let mut known = Vocabulary::default();
    let mut tag = String::new();
    for line in read("tags.toml").lines() {
        if let Some(id) = quoted(line, "id") {
            tag = id;
        } else if let Some(unit) = quoted(line, "unit") {
            known.tag_types.insert(std::mem::take(&mut tag), unit);
        }
    }
    known.sectors = read("sectors.toml").lines().filter_map(|line| quoted(line, "id")).collect();
    assert!(known.tag_types.len() > 50 && known.sectors.len() >= 3, "{known:?}");
    known
}
