//! The rule sets of the simulated worlds: what of the packs the auditor knows by heart, two rules that remember, and another
//! set that says something else of two of them. I/O: reads the rule packs.

use alerting::input::{Batch, FoldLimits, Input};
use davy_tests::disk::SimDisk;
use ingest::delivery::{ContentKind, ContentRef};
use ingest::engine::content::{RuleFile, RuleFiles};
use ingest::engine::fold::Fold;
use rules::reading::Micros;
use rules::registry::Registry;

pub const RULES: [&str; 10] =
    ["HC-01", "HC-02", "HC-10", "HC-11", "HC-23", "HC-25", "HC-29", "DU-10", "WD-01", "WD-02"];

/// Registry, limits and the real rule packs, or what is `taken` of each, come into force, as at a first start.
pub fn activate_with(fold: &mut Fold<SimDisk>, registry: &Registry, taken: &dyn Fn(&str) -> String, now: Micros) {
    let registry = ingest::seeds::canonical(registry);
    let registry = fold.store_content(ContentKind::Registry, &registry).expect("room");
    let limits = serde_json::to_vec(&FoldLimits::of_rules_alone()).expect("plain data");
    let limits = fold.store_content(ContentKind::Limits, &limits).expect("room");
    let rules = rules_of(fold, &registry, taken);
    for content in [limits, registry, rules] {
        fold.commit(&Batch { now, inputs: vec![Input::Activate(content)] }).expect("it loads");
    }
}

/// A rule set of the packs, stored beside the journal.
fn rules_of(fold: &mut Fold<SimDisk>, registry: &ContentRef, taken: &dyn Fn(&str) -> String) -> ContentRef {
    let packs = ingest::seeds::rules(&davy_tests::davy::root().join("seeds/rules")).expect("the packs are there");
    let files = packs.into_iter().map(|pack| RuleFile { file: pack.file, text: taken(&pack.text) }).collect();
    let files = RuleFiles { files, registry: registry.hash.clone() };
    fold.store_content(ContentKind::Rules, &serde_json::to_vec(&files).expect("plain")).expect("room")
}

pub fn content(fold: &mut Fold<SimDisk>, registry: &Registry, taken: &dyn Fn(&str) -> String) -> ContentRef {
    let registry = ingest::seeds::canonical(registry);
    let registry = fold.store_content(ContentKind::Registry, &registry).expect("room");
    rules_of(fold, &registry, taken)
}

/// Two rules that remember, for the auditor's world alone.
const REMEMBERING: &str = r#"
[[rule]]
id = "WD-01"
sector = "hazchem"
name = { zh = "持续高位", en = "High for long" }
on = ["tank.level"]
when = "held(value >= 60.0, 300)"
severity = "yellow"
action = { zh = "-", en = "-" }

[[rule]]
id = "WD-02"
sector = "dust"
name = { zh = "持续运行", en = "On for long" }
on = ["prod.run"]
when = "on_for() >= 300.0"
severity = "yellow"
action = { zh = "-", en = "-" }
"#;

/// The rules of a pack that the auditor knows by heart; the others have cases of their own.
pub fn audited(pack: &str) -> String {
    let is_ours = |block: &&str| RULES.iter().any(|rule| block.contains(&format!("\nid = \"{rule}\"\n")));
    let own: String = pack.split("[[rule]]").filter(is_ours).map(|block| format!("[[rule]]{block}")).collect();
    // Once: they stand in the pack of HC-01.
    if own.contains("\nid = \"HC-01\"\n") { own + REMEMBERING } else { own }
}

/// The same without HC-29, and with a lower limit of HC-10.
pub fn others(pack: &str) -> String {
    let is_kept = |block: &&str| !block.contains("\nid = \"HC-29\"\n");
    let change = |block: &str| match block.contains("\nid = \"HC-10\"\n") {
        true => block.replace("when = \"value >= h\"", "when = \"value >= h - 5.0\""),
        false => block.to_owned(),
    };
    let own = audited(pack);
    let blocks = own.split("[[rule]]").skip(1);
    blocks.filter(is_kept).map(|block| format!("[[rule]]{}", change(block))).collect()
}
