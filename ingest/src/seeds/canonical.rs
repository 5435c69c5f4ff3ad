//! The bytes of a registry as the journal keeps them: the same registry always gives the same bytes, so that their
//! hash names a version. Must not know files. Pure.

use rules::registry::Registry;

/// Bytes that are not a registry of this version of Davy.
#[derive(Debug, thiserror::Error)]
#[error("not the canonical bytes of a registry: {0}")]
pub struct NotCanonical(String);

/// JSON without blanks, fields in the order of the structs, lists in the order of the seed files. Empty when the
/// registry holds what JSON cannot say, which a loaded one never does.
#[must_use]
pub fn canonical(registry: &Registry) -> Vec<u8> {
    serde_json::to_vec(registry).unwrap_or_default()
}

pub fn from_canonical(bytes: &[u8]) -> Result<Registry, NotCanonical> {
    serde_json::from_slice(bytes).map_err(|e| NotCanonical(e.to_string()))
}
