//! Filed work silences alarms by design, visibly, and no longer than it lasts. Pure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that finds nothing has failed")]

use alerting::cases::run;
use rules::registry::{Region, Registry, Sector, TagType, Text};
use rules::set::{RuleSet, Source, Vocabulary};
use std::sync::Arc;

const RULES: &str = r#"
[[rule]]
id = "T-GAS"
sector = "hazchem"
on = ["gas.lel"]
name = { zh = "气", en = "Gas" }
when = 'if value >= 50.0 { "red" } else if value >= 25.0 { "orange" } else { "" }'
severity = "orange"
severity_max = "red"
suppress = ["equipment.maintenance", "point.calibration"]
action = { zh = "撤", en = "Leave" }

[[rule]]
id = "T-FLAME"
sector = "hazchem"
on = ["flame"]
name = { zh = "火", en = "Flame" }
when = "value >= 1.0"
severity = "red"
action = { zh = "119", en = "119" }
"#;

const GAS: &str = r"
rule T-GAS

case raised while it is calibrated, and over before that ends
  point G gas.lel period=5s
  at 0s   file calibration G from=60s to=1h
  at 70s  G 30.0
  expect 70s suppress orange
  at 80s  G 0.0
  expect 80s return closed
  until 2h

case still in breach when the work is over
  point G gas.lel period=5s
  at 0s   file maintenance E-1 from=60s to=10m
  at 70s  G 30.0
  expect 70s suppress orange
  expect 10m release orange
  until 12m

case the work begins while the alarm stands
  point G gas.lel period=5s
  at 0s   file maintenance enterprise from=60s to=10m
  at 10s  G 30.0
  expect 10s raise orange
  expect 60s suppress orange
  at 100s G 0.0
  expect 100s return closed

case a rise under the work is on record and calls nobody
  point G gas.lel period=5s
  at 0s   file calibration G from=60s to=10m
  at 70s  G 30.0
  expect 70s suppress orange
  at 80s  G 60.0
  expect 80s severity red
  expect 10m release red
  until 11m

case nobody can sign for what nobody was called for
  point G gas.lel period=5s
  at 0s   file calibration G from=60s to=10m
  at 70s  G 30.0
  expect 70s suppress orange
  at 80s  ack
  expect 10m release orange
  at 11m ack
  expect 11m ack

case work on something else silences nothing
  point G gas.lel period=5s
  point H gas.lel period=5s equipment=E-2
  at 0s  file calibration H from=60s to=10m
  at 0s  file maintenance E-2 from=60s to=10m
  at 70s G 30.0
  expect 70s raise orange on G

case a stop silences nothing
  point G gas.lel period=5s
  at 0s  file stop enterprise from=60s to=10m
  at 70s G 30.0
  expect 70s raise orange

case the beginning counts and the end does not
  point G gas.lel period=5s
  at 0s   file calibration G from=60s to=120s
  at 60s  G 30.0
  expect 60s suppress orange
  at 90s  G 0.0
  expect 90s return closed
  at 120s G 30.0
  expect 120s raise orange

case work filed for the past is not taken
  point G gas.lel period=5s
  at 30s  file calibration G from=10s to=10m
  at 70s  G 30.0
  expect 70s raise orange

case one that came back unseen is raised again under the work
  point G gas.lel period=5s
  at 0s   file calibration G from=60s to=10m
  at 10s  G 30.0
  expect 10s raise orange
  at 20s  G 0.0
  expect 20s return
  at 70s  G 30.0
  expect 70s suppress orange count=2
  at 80s  G 0.0
  expect 80s return closed
";

const FLAME: &str = r"
rule T-FLAME

case a rule that does not say so is not silenced
  point F flame range=0..1
  at 0s  file maintenance enterprise from=60s to=10m
  at 70s F 1
  expect 70s raise red
";

#[test]
fn filed_work_silences_by_design() {
    let region = || Region { code: "d".to_owned(), name: Text::default() };
    let tag = |id: &str| TagType { id: id.to_owned(), name: Text::default(), unit: String::new() };
    let registry = Registry {
        district: region(),
        towns: vec![region()],
        sectors: vec![Sector { id: "hazchem".to_owned(), name: Text::default() }],
        tag_types: ["gas.lel", "flame"].map(tag).into(),
        enterprises: Vec::new(),
        substances: Vec::new(),
        calendar: rules::site::Calendar::default(),
    };
    let source = Source { file: "t.toml".to_owned(), text: RULES.to_owned() };
    let rules = Arc::new(RuleSet::load(&[source], &Vocabulary::of(&registry)).unwrap());
    let results: Vec<_> = [GAS, FLAME].iter().flat_map(|text| run("t.cases", text, &rules, &registry)).collect();
    let failures: Vec<String> = results.iter().filter_map(|r| r.as_ref().err()).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(results.len(), 11);
}
