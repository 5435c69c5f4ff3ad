//! At start: registry, rules and limits from the district's files come into force if their content has changed. I/O.

use crate::config::Config;
use crate::delivery::{ContentKind, ContentRef};
use crate::disk::RealDisk;
use crate::engine::content::{RuleFile, RuleFiles};
use crate::engine::fold::Fold;
use crate::seeds;
use alerting::input::{Batch, Input};
use rules::reading::Micros;
use rules::registry::Registry;
use rules::set::{RuleSet, Vocabulary};

/// `Ok(Err(..))`: the packs are wrong; what was in force stays in force.
pub(super) fn activate(
    fold: &mut Fold<RealDisk>,
    registry: &Registry,
    config: &Config,
    now: Micros,
) -> anyhow::Result<Result<(), String>> {
    let sources = match seeds::rules(&config.district.rules) {
        Ok(sources) => sources,
        Err(errors) => return Ok(Err(seeds::lines(&errors))),
    };
    if let Err(errors) = RuleSet::load(&sources, &Vocabulary::of(registry)) {
        return Ok(Err(seeds::lines(&errors)));
    }
    let registry_ref = fold.store_content(ContentKind::Registry, &seeds::canonical(registry))?;
    let limits_ref = fold.store_content(ContentKind::Limits, &serde_json::to_vec(&config.fold)?)?;
    let files = sources.into_iter().map(|source| RuleFile { file: source.file, text: source.text }).collect();
    let rule_files = RuleFiles { files, registry: registry_ref.hash.clone() };
    let rules_ref = fold.store_content(ContentKind::Rules, &serde_json::to_vec(&rule_files)?)?;

    let in_force = fold.state().versions();
    let wanted = [
        (limits_ref, in_force.limits.clone()),
        (registry_ref, in_force.registry.clone()),
        (rules_ref, in_force.rules.clone()),
    ];
    for (reference, in_force) in wanted {
        if in_force.as_deref() != Some(reference.hash.as_str()) {
            put_in_force(fold, reference, now)?;
        }
    }
    Ok(Ok(()))
}

/// An activation stands alone in its record: what comes after it is decoded under what it brought.
fn put_in_force(fold: &mut Fold<RealDisk>, reference: ContentRef, now: Micros) -> anyhow::Result<()> {
    tracing::info!(kind = ?reference.kind, version = reference.hash, "activated");
    let now = now.max(fold.last_now());
    fold.commit(&Batch { now, inputs: vec![Input::Activate(reference)] })?;
    Ok(())
}
