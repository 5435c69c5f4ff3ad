//! The seed directory: one district as data (seeds/README.md), read at start and by `davy seed`. This file touches
//! the file system; every check is pure and lies in the other files. Must not know the journal or the engine. I/O.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod assemble;
mod canonical;
pub mod catalogue;
pub(crate) mod credit_code;
mod district;
mod enterprise;
mod equipment;
mod error;
mod names;
mod numbers;
mod page;
mod site;
mod spell;
mod substance;
pub mod tasks;
mod template;

pub use assemble::assemble;
pub use canonical::{NotCanonical, canonical, from_canonical};
pub use error::SeedError;
pub use page::SeedFile;
pub use spell::hint;

use rules::registry::Registry;
use rules::set::Source;
use std::io::{self, Read};
use std::path::Path;

/// A seed file is written by people; a larger one is something else under a wrong name.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The district under `dir`, or everything that is wrong with it, by file and line.
pub fn load(dir: &Path) -> Result<Registry, Vec<SeedError>> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for folder in ["", "templates/", "enterprises/"] {
        match read_folder(dir, folder, ".toml") {
            Ok(found) => files.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { assemble(&files) } else { Err(errors) }
}

/// The rule packs in `dir`, by name. They are checked by `rules::set::RuleSet::load`.
pub fn rules(dir: &Path) -> Result<Vec<Source>, Vec<SeedError>> {
    texts(dir, ".toml").map(|texts| texts.into_iter().map(|(file, text)| Source { file, text }).collect())
}

/// The plan's task list in `dir`; a district without one has no tasks.
pub fn tasks(dir: &Path) -> Result<Vec<tasks::Task>, Vec<SeedError>> {
    let name = tasks::FILE;
    match read_file(&dir.join(name)) {
        Ok(bytes) => tasks::read(&SeedFile { name: name.to_owned(), bytes }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(vec![unreadable(name.to_owned(), &format!("cannot read it: {e}"), "check the seed directory")]),
    }
}

/// The list of rules that the district wants; without one nothing is missing.
pub fn catalogue(dir: &Path) -> Result<Vec<catalogue::Listed>, Vec<SeedError>> {
    let name = catalogue::FILE;
    match read_file(&dir.join(name)) {
        Ok(bytes) => catalogue::read(&SeedFile { name: name.to_owned(), bytes }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(vec![unreadable(name.to_owned(), &format!("cannot read it: {e}"), "check the seed directory")]),
    }
}

/// The `*.cases` files beside the packs in `dir`, by name: (file, text).
pub fn case_files(dir: &Path) -> Result<Vec<(String, String)>, Vec<SeedError>> {
    texts(dir, ".cases")
}

/// All errors, one a line.
#[must_use]
pub fn lines<E: ToString>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Files are named by folder and name, not by the whole path: the names become part of a rule set's version.
fn texts(dir: &Path, ending: &str) -> Result<Vec<(String, String)>, Vec<SeedError>> {
    let folder = dir.file_name().map_or_else(String::new, |name| format!("{}/", name.to_string_lossy()));
    let mut texts = Vec::new();
    let mut errors = Vec::new();
    for file in read_folder(dir, "", ending).map_err(|error| vec![error])? {
        let name = format!("{folder}{}", file.name);
        match String::from_utf8(file.bytes) {
            Ok(text) => texts.push((name, text)),
            Err(_) => errors.push(unreadable(name, "the file is not UTF-8", "save it as UTF-8")),
        }
    }
    if errors.is_empty() { Ok(texts) } else { Err(errors) }
}

/// The files of one folder that end so, sorted by name: the order of the registry must not depend on the file system.
fn read_folder(dir: &Path, folder: &str, ending: &str) -> Result<Vec<SeedFile>, SeedError> {
    let path = dir.join(folder);
    let cannot = |name: &str, e: &io::Error| {
        unreadable(
            name.to_owned(),
            &format!("cannot read {}: {e}", dir.join(name).display()),
            "check the seed directory",
        )
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(|e| cannot(folder, &e))? {
        let name = entry.map_err(|e| cannot(folder, &e))?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.ends_with(ending) && !name.starts_with('.')) {
            names.push(format!("{folder}{name}"));
        }
    }
    names.sort();
    names
        .into_iter()
        .map(|name| match read_file(&dir.join(&name)) {
            Ok(bytes) => Ok(SeedFile { name, bytes }),
            Err(e) => Err(cannot(&name, &e)),
        })
        .collect()
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path)?.take(FILE_BYTES_MAX.saturating_add(1));
    if file.read_to_end(&mut bytes)? as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn unreadable(file: String, problem: &str, remedy: &str) -> SeedError {
    SeedError { file, line: 1, problem: problem.to_owned(), remedy: remedy.to_owned() }
}
