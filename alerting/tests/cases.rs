//! The cases beside the seed rule packs hold, and a wrong or unreadable case is told by file and line.
//! I/O: reads the packs and cases.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

mod seeds;

use alerting::cases::run;
use seeds::{files, registry, seed_rules};

fn failures(file: &str, text: &str) -> Vec<String> {
    let results = run(file, text, &seed_rules(), &registry());
    results.into_iter().filter_map(Result::err).map(|failure| failure.to_string()).collect()
}

#[test]
fn every_case_of_the_seed_rules_holds() {
    let rules = seed_rules();
    let mut passed = 0;
    let mut wrong = Vec::new();
    let files = files("cases");
    for (file, text) in &files {
        for result in run(file, text, &rules, &registry()) {
            match result {
                Ok(_) => passed += 1,
                Err(failure) => wrong.push(failure.to_string()),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(passed >= 60, "only {passed} cases");
    for rule in rules.rules() {
        let name = format!("{}.cases", rule.id);
        assert!(files.iter().any(|(file, _)| *file == name), "{} has no cases", rule.id);
    }
}

const GOOD: &str = "rule HC-11\ncase c\n  point G-1 gas.lel period=5s\n  at 10s G-1 52\n";

#[test]
fn a_case_that_does_something_else_says_what_it_saw() {
    let told = failures("x.cases", &format!("{GOOD}  expect 13s raise orange\n"));
    let expected = "x.cases:2: case `c`: with one record a line, expected\n    13s raise orange\n  but saw\n    \
                    12s raise orange on G-1 value=52 worst=52 limit=50 count=1 since=10s";
    assert_eq!(told, [expected]);
    for wrong in ["none", "12s raise red", "12s raise orange value=51", "12s raise orange on G-2", "12s again orange"] {
        assert_eq!(failures("x.cases", &format!("{GOOD}  expect {wrong}\n")).len(), 1, "{wrong} passed");
    }
    assert!(failures("x.cases", &format!("{GOOD}  expect 12s raise orange\n  expect 20s return\n")).len() == 1);
    assert_eq!(failures("x.cases", &format!("{GOOD}  expect 12s raise orange # as it should be\n")), [""; 0]);
}

#[test]
fn what_cannot_be_played_is_told_by_its_line() {
    let with = |line: &str| format!("{GOOD}  {line}\n");
    let table = [
        ("", "x.cases:1: no `rule ID` names what the cases are about"),
        ("rule HC-11\n", "x.cases:1: there is no `case`"),
        (GOOD, "x.cases:2: the case expects nothing: say what happens, or `expect none`"),
        ("at 1s G-1 2\n", "x.cases:1: `at` stands before the first `case`"),
        (&with("rule HC-12"), "x.cases:5: the rule is named already; one file is about one rule"),
        (
            &with("wait 5s"),
            "x.cases:5: `wait` means nothing; a line begins with rule, case, point, equipment, enterprise, at, every, expect or until",
        ),
        (&with("at 9s G-1 1"), "x.cases:5: time goes back: lines stand in the order in which they happen"),
        (&with("at 11 G-1 1"), "x.cases:5: `11` is no time such as 10s, 200ms, 2m, 1.5h or 1d"),
        (&with("at 11s G-2 1"), "x.cases:5: there is no point `G-2` in this case"),
        (&with("at 11s G-1 NaN"), "x.cases:5: `NaN` is no number"),
        (&with("at 11s G-1 1 q=poor"), "x.cases:5: a reading has no `q=poor`"),
        (&with("at 11s link gone"), "x.cases:5: the link goes `down` or `up`, not `gone`"),
        (&with("point G-1 gas.lel"), "x.cases:5: there is a point `G-1` already"),
        (&with("point G-2 gas.lel colour=red"), "x.cases:5: a point has no `colour`"),
        (&with("point G-2 gas.lel period=1.5s"), "x.cases:5: a period is whole seconds, which `1.5s` is not"),
        (&with("point G-2 gas.lel required=no"), "x.cases:5: `no` is neither true nor false"),
        (
            &with("point G-2 gas.lel oel=1.0"),
            "x.cases:5: `oel` and `toxic` are of a substance: name one by `substance=`",
        ),
        (&with("equipment E-1 hazard_level=5"), "x.cases:5: a hazard level is 1 to 4, not `5`"),
        (&with("equipment E-2 hazard_level=2"), "x.cases:5: no point of this case is on the equipment `E-2`"),
        (
            &with("equipment E-1 role=lamp"),
            "x.cases:5: `lamp` is no role: production, dust_removal, ventilation, env_protection, fire_pump, dcs_ups, general",
        ),
        (&with("equipment E-1 colour=red"), "x.cases:5: equipment has no `colour`"),
        (
            &with("enterprise status=gone"),
            "x.cases:5: `gone` is no status: producing, stopped, ordered_to_stop, disused, closed, banned",
        ),
        (&with("enterprise idle_kw=5"), "x.cases:5: `idle_kw` and `production_kw` are declared together"),
        (&with("enterprise size=5"), "x.cases:5: an enterprise has no `size`"),
        (
            &with("expect 12s"),
            "x.cases:5: raise, again, severity, return, latch, reset, ack, suppress or release is missing",
        ),
        (&with("expect 12s raise purple"), "x.cases:5: `purple` is no severity"),
        (
            &with("expect 12s vanish"),
            "x.cases:5: `vanish` is no transition: raise, again, severity, return, latch, reset, ack, suppress or release",
        ),
        (&with("expect 12s raise orange closed"), "x.cases:5: `closed` says nothing of a transition"),
        (&with("expect none more"), "x.cases:5: `more` is too much"),
    ];
    for (text, expected) in table {
        let told = failures("x.cases", text);
        assert!(told.iter().any(|told| told == expected), "expected {expected}, got {told:?}");
    }
}

#[test]
fn a_case_about_nothing_does_not_pass() {
    let table = [
        ("rule HC-99\ncase c\n  expect none\n", "x.cases:2: case `c`: no pack has a rule `HC-99`"),
        (
            "rule HC-11\ncase c\n  point G-1 gas.lol\n  expect none\n",
            "x.cases:3: case `c`: there is no tag type `gas.lol`",
        ),
        (
            "rule HC-11\ncase c\n  enterprise sectors=hazchem,dusty\n  point G-1 gas.lel\n  expect none\n",
            "x.cases:3: case `c`: there is no sector `dusty`",
        ),
        (
            "rule HC-11\ncase c\n  point F-1 flame\n  expect none\n",
            "x.cases:2: case `c`: the rule does not watch these points: none of them is of its tag types",
        ),
        (
            "rule HC-11\ncase c\n  point G-1 gas.lel\n  at 1s ack\n  expect none\n",
            "x.cases:4: case `c`: there is no open alarm to acknowledge or reset",
        ),
        (
            "rule HC-11\ncase c\n  point G-1 gas.lel\n  expect unbound\n",
            "x.cases:2: case `c`: the rule does watch these points",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(failures("x.cases", text), [expected]);
    }
}
