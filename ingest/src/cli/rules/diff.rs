//! `davy rules diff`: two rule sets compared rule by rule and field by field; each a directory of packs or a version that
//! a running Davy knows. Must not know what a field means. I/O.

use crate::cli::http::Running;
use crate::cli::{ConfigArg, bad_input};
use crate::config::Config;
use crate::seeds;
use clap::Args;
use rules::set::{RuleSet, Source, Vocabulary};
use rules::written::{Differences, Field};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// A directory of packs, a version (its hash, or the beginning of it), or `in-force`.
    before: String,
    after: String,
    /// Machine-readable.
    #[arg(long)]
    json: bool,
}

/// 0: the same, 1: they differ.
pub(super) fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = match seeds::load(&config.district.seeds) {
        Ok(registry) => registry,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(bad_input());
        }
    };
    let known = Vocabulary::of(&registry);
    let (Some(before), Some(after)) = (set(&args.before, &config, &known)?, set(&args.after, &config, &known)?) else {
        return Ok(bad_input());
    };
    let found = Differences::between(before.rules(), after.rules());
    if args.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&found))?);
    } else {
        print!("{}", told(&found));
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `None`: what is wrong has been said.
fn set(name: &str, config: &Config, known: &Vocabulary) -> anyhow::Result<Option<RuleSet>> {
    let sources = if Path::new(name).is_dir() {
        match seeds::rules(Path::new(name)) {
            Ok(sources) => sources,
            Err(errors) => {
                eprintln!("{}", seeds::lines(&errors));
                return Ok(None);
            }
        }
    } else {
        match of_version(name, &Running::at(config))? {
            Some(sources) => sources,
            None => return Ok(None),
        }
    };
    match RuleSet::load(&sources, known) {
        Ok(set) => Ok(Some(set)),
        Err(errors) => {
            for error in &errors {
                eprintln!("{name}: {error}");
            }
            Ok(None)
        }
    }
}

fn of_version(name: &str, running: &Running) -> anyhow::Result<Option<Vec<Source>>> {
    let answer = running.get("/api/v1/rules")?;
    let versions = answer.body.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
    let hashes = versions.iter().filter_map(|version| version.get("version")?.as_str());
    let is_meant = |hash: &&str| if name == "in-force" { true } else { hash.starts_with(name) };
    // The newest first: the first of them is in force.
    let Some(hash) = hashes.clone().find(is_meant) else {
        eprintln!(
            "davy: `{name}` is neither a directory nor a version that Davy knows; `davy rules versions` lists them"
        );
        return Ok(None);
    };
    if hashes.filter(is_meant).any(|other| name != "in-force" && other != hash) {
        eprintln!("davy: several versions begin with `{name}`: write more of it");
        return Ok(None);
    }
    let answer = running.get(&format!("/api/v1/rules/versions/{hash}"))?;
    if answer.status != 200 {
        eprintln!("davy: {}", answer.problem());
        return Ok(None);
    }
    let files = answer.body.get("files").and_then(Value::as_array).into_iter().flatten();
    let text = |file: &Value, key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Some(files.map(|file| Source { file: text(file, "file"), text: text(file, "text") }).collect()))
}

fn told(found: &Differences) -> String {
    let mut lines = String::new();
    for id in &found.added {
        lines.push_str(&format!("+ {id}\n"));
    }
    for id in &found.removed {
        lines.push_str(&format!("- {id}\n"));
    }
    for (id, fields) in &found.changed {
        lines.push_str(&format!("~ {id}\n"));
        for Field { key, before, after } in fields {
            let say = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not written)".to_owned());
            lines.push_str(&format!("    {key}\n      - {}\n      + {}\n", say(before), say(after)));
        }
    }
    let (added, removed, changed) = (found.added.len(), found.removed.len(), found.changed.len());
    lines.push_str(&match found.is_empty() {
        true => "no difference\n".to_owned(),
        false => format!("{added} added, {removed} removed, {changed} changed\n"),
    });
    lines
}

fn as_json(found: &Differences) -> Value {
    let field = |field: &Field| json!({ "key": field.key, "before": field.before, "after": field.after });
    let changed = found
        .changed
        .iter()
        .map(|(id, fields)| json!({ "rule": id, "fields": fields.iter().map(field).collect::<Vec<_>>() }));
    json!({ "added": found.added, "removed": found.removed, "changed": changed.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_readable() {
        let field = |key: &str, before: Option<&str>, after: Option<&str>| Field {
            key: key.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let found = Differences {
            added: vec!["A-2".to_owned()],
            removed: vec!["A-3".to_owned()],
            changed: vec![("A-1".to_owned(), vec![field("delay_on", Some("\"2s\""), None)])],
        };
        let expected = "+ A-2\n- A-3\n~ A-1\n    delay_on\n      - \"2s\"\n      + (not written)\n\
                        1 added, 1 removed, 1 changed\n";
        assert_eq!(told(&found), expected);
        assert_eq!(as_json(&found)["changed"][0]["fields"][0]["after"], Value::Null);
        assert_eq!(told(&Differences::default()), "no difference\n");
    }
}
