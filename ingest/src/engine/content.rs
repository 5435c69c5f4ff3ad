//! Content that the fold activates: canonical bytes in the blob store, named by their hash, loaded into the fold's
//! types. Must not decide what is activated. Pure but for the blob store it is given.

use crate::delivery::{ContentKind, ContentRef};
use alerting::input::{Content, FoldLimits};
use rules::registry::Registry;
use rules::set::{RuleSet, Source, Vocabulary};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// The canonical form of a rule set: its files, in order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFiles {
    pub files: Vec<RuleFile>,
    /// Hash of the registry whose tag types the rules were checked against.
    pub registry: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    pub file: String,
    pub text: String,
}

#[derive(Debug, Error)]
pub enum ContentError {
    #[error("{kind:?} {hash} is not in the blob store")]
    Missing { kind: ContentKind, hash: String },
    #[error("{kind:?} {hash} does not load: {problem}")]
    Broken { kind: ContentKind, hash: String, problem: String },
}

/// Loads the content that `reference` names; `blob` gives the bytes of a hash.
pub fn load(reference: &ContentRef, blob: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Content, ContentError> {
    let ContentRef { kind, hash } = reference;
    let broken = |problem: String| ContentError::Broken { kind: *kind, hash: hash.clone(), problem };
    let bytes = blob(hash).ok_or_else(|| ContentError::Missing { kind: *kind, hash: hash.clone() })?;
    let version = hash.clone();
    match kind {
        ContentKind::Registry => {
            let registry: Registry = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
            Ok(Content::Registry { version, registry: Arc::new(registry) })
        }
        ContentKind::Limits => {
            let limits: FoldLimits = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
            Ok(Content::Limits { version, limits: Arc::new(limits) })
        }
        ContentKind::Rules => {
            let files: RuleFiles = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
            let beside = ContentRef { kind: ContentKind::Registry, hash: files.registry.clone() };
            let Content::Registry { registry, .. } = load(&beside, blob)? else {
                return Err(broken("it was checked against something that is no registry".into()));
            };
            let rules = rule_set(&files, &registry).map_err(broken)?;
            Ok(Content::Rules { version, rules: Arc::new(rules) })
        }
    }
}

fn rule_set(files: &RuleFiles, registry: &Registry) -> Result<RuleSet, String> {
    let sources: Vec<Source> =
        files.files.iter().map(|f| Source { file: f.file.clone(), text: f.text.clone() }).collect();
    RuleSet::load(&sources, &Vocabulary::of(registry))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
