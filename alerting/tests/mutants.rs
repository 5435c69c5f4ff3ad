//! Every rule of the seed packs is bent in every place that says a number, a time, a comparison, a severity or what
//! suppresses it, and its cases must notice: what no case notices, nobody has checked. I/O: reads the packs and cases.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod bend;
mod seeds;

use alerting::cases::run;
use bend::{Mutant, blocks, mutants};
use rules::registry::Registry;
use rules::set::{RuleSet, Source, Vocabulary};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Mutants that do what the rule does, whatever comes: rule, key, from, to, and why no case can tell them apart.
const EQUIVALENT: [(&str, &str, &str, &str, &str); 31] = [
    ("DU-04", "severity", "yellow", "blue", GRADED),
    ("DU-04", "severity", "yellow", "orange", GRADED),
    ("DU-06", "clear", "<", "<=", ESTIMATED),
    ("DU-06", "when", ">", ">=", ESTIMATED),
    ("DU-08", "when", "0.0", "1.0", "a second is never more than two"),
    ("DU-18", "clear", "<=", "<", "no instrument shows the last digit of a float"),
    ("DU-25", "clear", "<", "<=", ESTIMATED),
    ("DU-25", "when", ">", ">=", ESTIMATED),
    ("EL-01", "severity", "orange", "yellow", GRADED),
    ("EL-01", "severity", "orange", "red", GRADED),
    ("EL-02", "severity", "yellow", "blue", GRADED),
    ("EL-02", "severity", "yellow", "orange", GRADED),
    ("EL-02", "when", "2.0", "1.98", COUNTED),
    ("EL-04", "when", "0.0", "1.0", "one volt is no more than none"),
    ("EL-05", "severity", "yellow", "blue", GRADED),
    ("EL-05", "severity", "yellow", "orange", GRADED),
    ("EL-05", "when", "3.0", "2.97", COUNTED),
    ("EL-06", "when", "1.0", "0.99", COUNTED),
    ("EL-07", "severity", "yellow", "blue", GRADED),
    ("EL-07", "severity", "yellow", "orange", GRADED),
    ("EL-09", "clear", "0.6", "0.594", FALSE_ONLY),
    ("EL-09", "clear", ">=", ">", EXACTLY),
    ("EL-09", "when", "<", "<=", EXACTLY),
    ("EL-15", "severity", "yellow", "blue", GRADED),
    ("EL-15", "severity", "yellow", "orange", GRADED),
    ("EL-16", "severity", "yellow", "blue", GRADED),
    ("EL-16", "severity", "yellow", "orange", GRADED),
    ("EL-17", "when", "0.0", "1.0", "asked only where all three phases are metered"),
    ("EL-17", "when", "9", "8", "no plant draws as much"),
    ("HC-13", "severity", "orange", "yellow", GRADED),
    ("HC-13", "severity", "orange", "red", GRADED),
];
const FALSE_ONLY: &str = "the way back is asked only where the condition is not true";
const EXACTLY: &str = "no day of floats correlates by exactly that";
const ESTIMATED: &str = "long medians are estimates: what is met exactly is nothing that anybody asks for";
const COUNTED: &str = "nights and days are whole";
const GRADED: &str = "its condition names the severity, and the word is only what the list of rules shows";

/// A rule alone: no other one bears on its cases.
fn load(text: &str, known: &Vocabulary) -> Option<Arc<RuleSet>> {
    let source = Source { file: "mutant.toml".to_owned(), text: text.to_owned() };
    RuleSet::load(&[source], known).ok().map(Arc::new)
}

/// Each case as a file of its own, so that the first that fails is enough.
fn singly(cases: &str) -> Vec<String> {
    let (head, rest) = cases.split_at(cases.find("\ncase ").map_or(cases.len(), |at| at + 1));
    let head: Vec<&str> = head.lines().filter(|line| line.starts_with("rule ")).collect();
    let mut single: Vec<String> = Vec::new();
    for line in rest.lines() {
        if line.starts_with("case ") {
            single.push(format!("{}\n", head.join("\n")));
        }
        if let Some(case) = single.last_mut() {
            case.push_str(line);
            case.push('\n');
        }
    }
    single
}

fn passes(case: &str, rules: &Arc<RuleSet>, registry: &Registry) -> bool {
    run("mutant.cases", case, rules, registry).iter().all(Result::is_ok)
}

struct Told {
    mutants: usize,
    survivors: Vec<String>,
}

/// All mutants of one rule against its cases.
fn check(rule: &bend::Block, cases: &str, (registry, known): (&Registry, &Vocabulary)) -> Told {
    let mut cases = singly(cases);
    let sound = load(&rule.text, known).unwrap_or_else(|| panic!("{} does not load alone", rule.id));
    for case in &cases {
        assert!(passes(case, &sound, registry), "{}: a case fails as it is:\n{case}", rule.id);
    }
    let mut told = Told { mutants: 0, survivors: Vec::new() };
    for mutant in mutants(&rule.text) {
        if is_equivalent(&rule.id, &mutant) {
            continue;
        }
        told.mutants += 1;
        // What does not load never judges.
        let Some(bent) = load(&mutant.text, known) else { continue };
        match cases.iter().position(|case| !passes(case, &bent, registry)) {
            // Mutants of one place fall to the same case.
            Some(at) => cases[..=at].rotate_right(1),
            None => {
                let Mutant { key, from, to, line, .. } = &mutant;
                told.survivors.push(format!("{} {key}: {from} -> {to}: {}", rule.id, line.trim()));
            }
        }
    }
    told
}

fn is_equivalent(rule: &str, mutant: &Mutant) -> bool {
    EQUIVALENT.iter().any(|(id, key, from, to, why)| {
        assert!(!why.is_empty(), "{id}: say why");
        (*id, *key, *from, *to) == (rule, mutant.key.as_str(), mutant.from.as_str(), mutant.to.as_str())
    })
}

#[test]
fn every_case_file_notices_when_its_rule_is_bent() {
    let registry = seeds::registry();
    let known = Vocabulary::of(&registry);
    let rules: Vec<bend::Block> = seeds::files("toml").iter().flat_map(|(_, pack)| blocks(pack)).collect();
    let cases: BTreeMap<String, String> = seeds::files("cases").into_iter().collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = Vec::new();
        while let Some(rule) = rules.get(next.fetch_add(1, Ordering::Relaxed)) {
            let cases = cases.get(&format!("{}.cases", rule.id)).unwrap_or_else(|| panic!("{} has no cases", rule.id));
            all.push(check(rule, cases, (&registry, &known)));
        }
        all
    };
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
    let told: Vec<Told> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a rule without sound cases")).collect()
    });
    let mutants: usize = told.iter().map(|told| told.mutants).sum();
    let mut survivors: Vec<&String> = told.iter().flat_map(|told| &told.survivors).collect();
    survivors.sort();
    println!("{mutants} mutants of {} rules", rules.len());
    assert!(mutants >= 5 * rules.len(), "only {mutants} mutants of {} rules", rules.len());
    let list: Vec<&str> = survivors.iter().map(|survivor| survivor.as_str()).collect();
    assert!(list.is_empty(), "{} of {mutants} mutants pass all cases:\n{}", list.len(), list.join("\n"));
}

const RULE: &str = r#"[[rule]]
id = "X-1"
name = { zh = "1", en = "2" }
when = "value >= 50.0 && hazard_level <= 2.0 && tag(\"a.b2\") != 0.0"
clear = '''
(value < 5) && "red"'''
limits = { hh = 50.0, ll = -0.3 }
delay_on = "2s"
count_on = 1
slot = "15m"
severity = "yellow"
rise = { after = "20m", severity = "red" }

[rule.by_tag."a.b"]
delay_off = "0s"
"#;

#[test]
fn a_rule_is_bent_in_every_place() {
    let [rule] = blocks(RULE).try_into().unwrap_or_else(|_| panic!("one rule"));
    let told: Vec<String> =
        mutants(&rule.text).iter().map(|mutant| format!("{} {} {}", mutant.key, mutant.from, mutant.to)).collect();
    let expected = [
        "when >= >",
        "when 50.0 50.5",
        "when 50.0 49.5",
        "when <= <",
        "when 2.0 3.0",
        "when 2.0 1.0",
        "when != ==",
        "when 0.0 0.01",
        "when 0.0 -0.01",
        "clear < <=",
        "clear 5 6",
        "clear 5 4",
        "clear red orange",
        "limits 50.0 50.5",
        "limits 50.0 49.5",
        "limits 0.3 0.303",
        "limits 0.3 0.297",
        "delay_on 2s 3s",
        "delay_on 2s 1s",
        "count_on 1 2",
        "slot 15m 600s",
        "slot 15m 1200s",
        "severity yellow blue",
        "severity yellow orange",
        "rise 20m 1320s",
        "rise 20m 1080s",
        "rise red orange",
        "delay_off 0s 1s",
    ];
    assert_eq!(told, expected);
    let graded = RULE.replace("when = \"value", "when = \"if value");
    assert!(mutants(&graded).iter().all(|mutant| mutant.key != "severity"), "what `if` gives is all there is");
    let bent = &mutants(&rule.text)[0];
    assert_eq!(bent.text, RULE.replacen(">=", ">", 1));
    assert_eq!(bent.line, "when = \"value > 50.0 && hazard_level <= 2.0 && tag(\\\"a.b2\\\") != 0.0\"");
}

#[test]
fn windows_counts_stand_ins_and_suppressions_are_bent_by_what_they_are() {
    let past = r#"[[rule]]
when = 'over("h", 60) >= 2.0 && held(or(tag("a.b"), 0.0) < 0.5 || max(3600) - min("a.b", 5) < max(value, 7.0), 240)'
suppress = ["equipment.maintenance", "point.calibration"]
latch = true
"#;
    let told: Vec<String> =
        mutants(past).iter().map(|mutant| format!("{} {} {}", mutant.key, mutant.from, mutant.to)).collect();
    let expected = [
        "when h hh",
        "when 60 66",
        "when 60 54",
        "when >= >",
        "when 2.0 3.0",
        "when 2.0 1.0",
        "when 0.0 1.0",
        "when < <=",
        "when 0.5 0.505",
        "when 0.5 0.495",
        "when 3600 3960",
        "when 3600 3240",
        "when 5 6",
        "when 5 4",
        "when < <=",
        "when 7.0 7.07",
        "when 7.0 6.93",
        "when 240 264",
        "when 240 216",
        "suppress [\"equipment.maintenance\", \"point.calibration\"] [\"point.calibration\"]",
        "suppress [\"equipment.maintenance\", \"point.calibration\"] [\"equipment.maintenance\"]",
        "latch true false",
    ];
    assert_eq!(told, expected);
    let alone = mutants("[[rule]]\nsuppress = \"equipment.maintenance\"\n");
    assert_eq!(alone.iter().map(|mutant| mutant.to.as_str()).collect::<Vec<_>>(), ["point.calibration"]);
}
