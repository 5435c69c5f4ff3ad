//! Which rules are tried: a directory of packs, or a version that was in force, found by its hash among the contents that
//! the data directory keeps. Reads files. Must not know what is done with the rules. I/O.

use super::Named;
use crate::delivery::{ContentKind, ContentRef};
use crate::engine::content::{self, RuleFile, RuleFiles};
use crate::seeds;
use alerting::input::Content;
use anyhow::{Context, bail};
use rules::reading::Micros;
use rules::registry::Registry;
use rules::set::{RuleSet, Vocabulary};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One of the two rule sets.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Content hash.
    pub version: String,
    /// Where it comes from, for people.
    pub origin: String,
    pub rules: Arc<RuleSet>,
}

/// The packs of a directory are wrong; everything that is wrong with them, pointed at.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadPacks(pub String);

/// Where versions are looked for.
pub struct Shelf {
    /// Directory of contents by hash.
    pub blobs: PathBuf,
    /// Rule sets that came into force, in the order of their first time.
    pub known: Vec<(String, Micros)>,
}

/// The packs of a directory, checked under a registry.
pub fn of_directory(dir: &Path, registry: &Named<Registry>) -> anyhow::Result<Tried> {
    let sources = seeds::rules(dir).map_err(|errors| BadPacks(seeds::lines(&errors)))?;
    let rules = RuleSet::load(&sources, &Vocabulary::of(&registry.content)).map_err(|errors| {
        let text = |file: &str| sources.iter().find(|source| source.file == file).map_or("", |source| &source.text);
        let pointed: Vec<String> = errors.iter().map(|error| error.pointed(text(&error.file))).collect();
        BadPacks(format!("{}\n\n{} errors in {}", pointed.join("\n\n"), errors.len(), dir.display()))
    })?;
    let files = sources.into_iter().map(|source| RuleFile { file: source.file, text: source.text }).collect();
    let bytes = serde_json::to_vec(&RuleFiles { files, registry: registry.version.clone() })?;
    let version = blake3::hash(&bytes).to_hex().to_string();
    Ok(Tried { version, origin: dir.display().to_string(), rules: Arc::new(rules) })
}

impl Shelf {
    /// The rule set that came into force last.
    pub fn in_force(&self) -> anyhow::Result<Tried> {
        let Some((version, at)) = self.known.last() else {
            bail!("no rule set has been in force yet: name a directory to compare with (--against DIR)");
        };
        self.load(version, &format!("in force since {}", super::report::local(*at)))
    }

    /// A version by its hash, or by the beginning of it if that is enough.
    pub fn version(&self, wanted: &str) -> anyhow::Result<Tried> {
        let found: Vec<&(String, Micros)> =
            self.known.iter().filter(|(version, _)| version.starts_with(wanted)).collect();
        match found.as_slice() {
            [(version, at)] => self.load(version, &format!("first in force {}", super::report::local(*at))),
            [] => bail!("{wanted} is neither a directory nor a rule set that has been in force"),
            _ => bail!("{wanted} is the beginning of {} rule sets that have been in force", found.len()),
        }
    }

    fn load(&self, version: &str, origin: &str) -> anyhow::Result<Tried> {
        let named = ContentRef { kind: ContentKind::Rules, hash: version.to_owned() };
        let content = content::load(&named, &|hash| blob(&self.blobs, hash)).with_context(|| {
            format!(
                "rule set {version} is not to be had: contents are kept in {}; name its packs instead (--against DIR)",
                self.blobs.display()
            )
        })?;
        match content {
            Content::Rules { version, rules } => Ok(Tried { version, origin: origin.to_owned(), rules }),
            Content::Registry { .. } | Content::Limits { .. } => bail!("{version} is no rule set"),
        }
    }
}

/// The bytes of that hash, if they are there and whole. Looks without opening the store, which may belong to others.
#[must_use]
pub fn blob(dir: &Path, hash: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(dir.join(hash)).ok()?;
    (blake3::hash(&bytes).to_hex().as_str() == hash).then_some(bytes)
}
