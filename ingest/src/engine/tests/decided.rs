//! Rule sets that two people bring into force and take back while the loop runs, and what a start makes of it. I/O.

use super::*;
use crate::engine::content::{RuleFile, RuleFiles};

fn packs(registry: &str, limit: &str) -> Vec<u8> {
    let text = format!(
        "[[rule]]\nid = \"HC-11\"\nname = {{ zh = \"x\", en = \"x\" }}\non = [\"gas.lel\"]\nwhen = \"value >= {limit}\"\n\
         severity = \"orange\"\naction = {{ zh = \"x\", en = \"x\" }}\n"
    );
    let files = vec![RuleFile { file: "x.toml".into(), text }];
    serde_json::to_vec(&RuleFiles { files, registry: registry.into() }).unwrap()
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

impl Bench {
    fn rules(&self) -> String {
        self.engine.fold.state().versions().rules.clone().unwrap_or_default()
    }

    /// One turn with one order about rules, `by` a.
    fn decide(&mut self, key: &str, (approved_by, base): (&str, &str), brought: Brought) -> Option<Imported> {
        let (version, approved_by, reason) = (brought.version(), approved_by.into(), "why".into());
        let order = match brought {
            Brought::Bytes(..) => Order::ActivateRules { version, approved_by, reason },
            Brought::Stored(..) => Order::RollbackRules { version, approved_by, reason },
        };
        let by = Actor { name: "a".into(), authenticated: false };
        let command = Command { key: key.into(), received: self.engine.clock.now(), by, order };
        let mut answer = self.sender.import(Import { command, base: base.into(), brought }).unwrap();
        let Turn { imports, .. } = self.engine.wait();
        for (import, answer) in imports {
            self.engine.import(*import, answer).unwrap();
        }
        answer.try_recv().ok()
    }
}

#[test]
fn two_people_bring_rules_into_force_and_back_and_a_bad_one_changes_nothing() {
    let mut bench = Bench::new("decided");
    let noted = Some(Imported::Answered(Outcome::Noted));
    let refused = |refusal| Some(Imported::Answered(Outcome::Refused(refusal)));
    let registry = crate::seeds::canonical(&registry());
    assert_eq!(bench.import("r", ("", &registry)), noted);
    let registry = hash(&registry);
    let bytes = |limit: &str| Brought::Bytes(ContentKind::Rules, packs(&registry, limit));
    let (first, second) = (bytes("50.0"), bytes("60.0"));
    assert_eq!(bench.decide("a", ("a", ""), first.clone()), refused(Refusal::SamePerson));
    assert_eq!(bench.rules(), "");
    assert_eq!(bench.decide("b", ("b", ""), first.clone()), noted);
    assert_eq!(bench.decide("c", ("b", ""), second.clone()), Some(Imported::Stale));
    assert_eq!(bench.decide("d", ("b", &first.version()), second.clone()), noted);
    let head = bench.engine.fold.journal().head();
    let broken = Brought::Bytes(ContentKind::Rules, packs(&registry, "\\\"x"));
    let answer = bench.decide("e", ("b", &second.version()), broken);
    assert!(matches!(answer, Some(Imported::Unreadable(_))), "{answer:?}");
    let unknown = Brought::Stored(ContentKind::Rules, "f".repeat(64));
    assert!(matches!(bench.decide("f", ("b", &second.version()), unknown), Some(Imported::Unreadable(_))));
    assert_eq!(bench.engine.fold.journal().head(), head, "nothing was journalled");
    let again = bench.decide("g", ("b", &second.version()), second.clone());
    assert_eq!(again, refused(Refusal::InForceAlready));
    let back = Brought::Stored(ContentKind::Rules, first.version());
    assert_eq!(bench.decide("h", ("b", &second.version()), back), noted);
    let shown = bench.engine.hub.rules();
    let versions: Vec<_> = shown.versions.iter().map(|known| known.version.clone()).collect();
    assert_eq!(versions, [first.version(), second.version(), first.version()]);

    let Bench { engine, disk, dir, .. } = bench;
    drop(engine);
    let (fold, _) = Fold::open(disk, &options(&dir)).unwrap();
    assert_eq!(fold.state().versions().rules.as_deref(), Some(first.version().as_str()), "out of the journal");
    assert_eq!(fold.state().rulebook().versions(), shown.versions);
}
