//! At start: registry, rules and limits from the district's files come into force if their content has changed. A registry
//! that people imported is not undone by seed files: these are taken when they have changed since they were taken last and
//! nothing was imported, or when a person says so. I/O.

use crate::config::Config;
use crate::console::door::SeedWord;
use crate::delivery::{ContentKind, ContentRef};
use crate::disk::RealDisk;
use crate::engine::content::{RuleFile, RuleFiles};
use crate::engine::fold::Fold;
use crate::journal::small_file;
use crate::seeds;
use alerting::input::{Batch, Input};
use rules::reading::Micros;
use rules::registry::Registry;
use rules::set::{RuleSet, Vocabulary};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What is asked for at a start.
pub(super) struct Wanted<'a> {
    pub(super) registry: &'a Registry,
    pub(super) config: &'a Config,
    /// `--take-seeds`.
    pub(super) takes_seeds: bool,
    pub(super) now: Micros,
}

/// What becomes of the seed directory's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// It is in force, or comes into force.
    Take,
    /// Rows were imported since it was taken, and it has not changed.
    Keep,
    /// Rows were imported since, and it has changed too.
    Ignore,
}

/// `Ok(Err(..))`: the packs are wrong; what was in force stays in force.
pub(super) fn activate(fold: &mut Fold<RealDisk>, wanted: &Wanted<'_>) -> anyhow::Result<Result<SeedWord, String>> {
    let Wanted { registry, config, now, .. } = *wanted;
    let sources = match seeds::rules(&config.district.rules) {
        Ok(sources) => sources,
        Err(errors) => return Ok(Err(seeds::lines(&errors))),
    };
    let seeds_ref = fold.store_content(ContentKind::Registry, &seeds::canonical(registry))?;
    let in_force = fold.state().versions().clone();
    let taken_last = read_memo(&memo(&config.data.dir))?;
    let choice = match wanted.takes_seeds {
        true => Choice::Take,
        false => choose(&seeds_ref.hash, in_force.registry.as_deref(), taken_last.as_deref()),
    };
    let kept = if choice == Choice::Take { None } else { fold.state().view().map(|view| view.registry().clone()) };
    // Tag types come from seed files alone: rules are checked under those that will be in force.
    let judged_under = kept.as_ref().map_or(registry, |kept| kept);
    if let Err(errors) = RuleSet::load(&sources, &Vocabulary::of(judged_under)) {
        return Ok(Err(seeds::lines(&errors)));
    }
    let taken = match choice {
        Choice::Take | Choice::Keep => seeds_ref.hash.clone(),
        Choice::Ignore => taken_last.unwrap_or_else(|| seeds_ref.hash.clone()),
    };
    let limits_ref = fold.store_content(ContentKind::Limits, &serde_json::to_vec(&config.fold)?)?;
    let files = sources.into_iter().map(|source| RuleFile { file: source.file, text: source.text }).collect();
    let rule_files = RuleFiles { files, registry: taken.clone() };
    let rules_ref = fold.store_content(ContentKind::Rules, &serde_json::to_vec(&rule_files)?)?;
    let registry_ref = (choice == Choice::Take).then_some((seeds_ref.clone(), in_force.registry));
    let rules = rules_choice(fold, wanted, (&rules_ref.hash, &rule_files))?;
    let wanted_rules = (rules == Choice::Take).then_some((rules_ref.clone(), in_force.rules.clone()));
    let all = [Some((limits_ref, in_force.limits)), registry_ref, wanted_rules];
    for (reference, in_force) in all.into_iter().flatten() {
        if in_force.as_deref() != Some(reference.hash.as_str()) {
            put_in_force(fold, reference, now)?;
        }
    }
    // After it is in force: a crash in between finds it there and notes it then.
    write_memo(&memo(&config.data.dir), &taken)?;
    if rules != Choice::Ignore {
        write_memo(&rules_memo(&config.data.dir), &rules_ref.hash)?;
    }
    let is_ignored = choice == Choice::Ignore;
    if is_ignored {
        tracing::warn!(
            seeds = seeds_ref.hash,
            in_force = fold.state().versions().registry,
            "the seed directory has changed, but rows were imported since it was taken: what was imported stays in force; \
             `davy serve --take-seeds` takes the seed directory instead, and drops the import"
        );
    }
    let rules_ignored = rules == Choice::Ignore;
    if rules_ignored {
        tracing::warn!(
            files = rules_ref.hash,
            in_force = fold.state().versions().rules,
            "the rule packs on disk have changed, but another rule set was ordered since they were taken: that one stays \
             in force; `davy rules activate` or `davy serve --take-seeds` takes the packs on disk"
        );
    }
    Ok(Ok(SeedWord { version: seeds_ref.hash, is_ignored, rules: rules_ref.hash, rules_ignored }))
}

/// What becomes of the rule packs on disk: what two people ordered is not undone by files.
fn rules_choice(
    fold: &Fold<RealDisk>,
    wanted: &Wanted<'_>,
    (hash, packs): (&str, &RuleFiles),
) -> anyhow::Result<Choice> {
    if wanted.takes_seeds {
        return Ok(Choice::Take);
    }
    let taken_last = read_memo(&rules_memo(&wanted.config.data.dir))?;
    let choice = choose(hash, fold.state().versions().rules.as_deref(), taken_last.as_deref());
    // Their hash names the registry and the directory too: the same packs in another place are no news.
    let is_same = |version: String| {
        let bytes = fold.blobs().get(&version).ok().flatten();
        let stored = bytes.and_then(|bytes| serde_json::from_slice::<RuleFiles>(&bytes).ok());
        stored.is_some_and(|stored| texts(&stored).eq(texts(packs)))
    };
    let known = [taken_last, fold.state().versions().rules.clone()];
    let is_known = || known.into_iter().flatten().any(is_same);
    Ok(if choice == Choice::Ignore && is_known() { Choice::Keep } else { choice })
}

/// The packs by their names within the directory.
fn texts(packs: &RuleFiles) -> impl Iterator<Item = (Option<&OsStr>, &str)> + '_ {
    packs.files.iter().map(|pack| (Path::new(&pack.file).file_name(), pack.text.as_str()))
}

/// `taken_last`: the seeds that were taken or kept at the last start; none where no start has noted it yet, and then
/// nothing was imported either.
fn choose(seeds: &str, in_force: Option<&str>, taken_last: Option<&str>) -> Choice {
    match (in_force, taken_last) {
        (None, _) | (Some(_), None) => Choice::Take,
        (Some(in_force), Some(taken)) if in_force == taken || in_force == seeds => Choice::Take,
        (Some(_), Some(taken)) if taken == seeds => Choice::Keep,
        (Some(_), Some(_)) => Choice::Ignore,
    }
}

/// Beside journal and snapshots: which seeds were taken is known to nobody else.
fn memo(dir: &Path) -> PathBuf {
    dir.join("seeds-taken")
}

/// The same of the rule packs.
fn rules_memo(dir: &Path) -> PathBuf {
    dir.join("rules-taken")
}

fn read_memo(memo: &Path) -> anyhow::Result<Option<String>> {
    let bytes = small_file::read(&RealDisk, memo)?;
    // Anything else than a hash is no word of ours.
    let hash = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(|text| text.trim().to_owned());
    Ok(hash.filter(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())))
}

fn write_memo(memo: &Path, hash: &str) -> anyhow::Result<()> {
    if read_memo(memo)?.as_deref() != Some(hash) {
        small_file::replace(&RealDisk, memo, hash.as_bytes(), &|| ())?;
    }
    Ok(())
}

/// An activation stands alone in its record: what comes after it is decoded under what it brought.
fn put_in_force(fold: &mut Fold<RealDisk>, reference: ContentRef, now: Micros) -> anyhow::Result<()> {
    tracing::info!(kind = ?reference.kind, version = reference.hash, "activated");
    let now = now.max(fold.last_now());
    fold.commit(&Batch { now, inputs: vec![Input::Activate(reference)] })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_not_undone_by_a_start() {
        let cases = [
            ("fresh", "s1", None, None, Choice::Take),
            ("before this was noted", "s2", Some("s1"), None, Choice::Take),
            ("nothing new", "s1", Some("s1"), Some("s1"), Choice::Take),
            ("seeds changed", "s2", Some("s1"), Some("s1"), Choice::Take),
            ("killed before the note", "s2", Some("s2"), Some("s1"), Choice::Take),
            ("imported", "s1", Some("i1"), Some("s1"), Choice::Keep),
            ("imported, seeds changed", "s2", Some("i1"), Some("s1"), Choice::Ignore),
            ("imported, and the seeds say the same now", "i1", Some("i1"), Some("s1"), Choice::Take),
        ];
        for (what, seeds, in_force, taken, expected) in cases {
            assert_eq!(choose(seeds, in_force, taken), expected, "{what}");
        }
    }
}
