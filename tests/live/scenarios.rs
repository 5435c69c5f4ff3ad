//! Each scenario of the simulator against the whole product: every alarm that must come is there once, and nothing else
//! of orange or red. What must come is asked of `davy simulate --expects`. I/O.

use crate::judge::Judge;
use crate::place::World;
use davy_tests::davy::{Davy, wait_for};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SCENARIOS: [&str; 15] = [
    "flame",
    "gas-leak",
    "dust-collector-stops",
    "garbage",
    "gateway-outage:oldest-first",
    "gateway-outage:newest-first",
    "gateway-outage:mixed",
    "clock-skew:slow",
    "clock-skew:fast",
    "clock-skew:set-back",
    "clock-skew:wild-future",
    "clock-skew:wild-past",
    "duplicates",
    "same-second-values",
    "overfill",
];
/// Not played here, and why.
const SKIPPED: [(&str, &str); 2] = [
    ("suspended-plant-produces", "two quarter hours must pass: tests/world plays it in virtual time"),
    ("calibration", "what is suppressed is told apart alarm by alarm where tests/world plays it in virtual time"),
];
/// After the last expected alarm: what is raised wrongly is raised by then. The buffer of a gateway is sent within a few
/// seconds, and the longest delay of a rule that a scenario touches is 30 s.
const AFTERWARDS: Duration = Duration::from_secs(45);

/// The simulator as a process of its own; ended with the test.
struct Simulator(Child);

impl Drop for Simulator {
    fn drop(&mut self) {
        // Either may fail only because it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What makes an alarm this one and no other.
fn name(alarm: &Value) -> [String; 5] {
    ["rule", "severity", "enterprise", "equipment", "point"].map(|key| alarm[key].as_str().unwrap_or("-").to_owned())
}

fn is_serious([_, severity, ..]: &[String; 5]) -> bool {
    severity == "orange" || severity == "red"
}

/// All alarms of orange and red, open or closed.
fn serious(world: &World) -> Vec<[String; 5]> {
    let (status, body) = world.place.get("/api/v1/alarms?state=all").expect("alarms are served");
    assert_eq!(status, 200, "{body}");
    let mut all: Vec<[String; 5]> = body["alarms"].as_array().expect("a list").iter().map(name).collect();
    all.retain(is_serious);
    all.sort();
    all
}

/// The alarms that must come, by when, and whose gateway repeats everything.
fn expected(world: &World, scenario: &str) -> (Vec<[String; 5]>, u64, Option<String>) {
    let out = world.place.run(&["simulate", "--scenario", scenario, "--expects"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let body: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let alarms = body["alarms"].as_array().expect("a list");
    let within_s = alarms.iter().filter_map(|alarm| alarm["within_s"].as_u64()).max().unwrap_or(20);
    let mut names: Vec<[String; 5]> = alarms.iter().map(name).collect();
    names.retain(is_serious);
    names.sort();
    let repeats = alarms.iter().find(|alarm| alarm["scenario"] == "duplicates");
    (names, within_s, repeats.and_then(|alarm| alarm["enterprise"].as_str().map(str::to_owned)))
}

/// `gateway-outage` and the like change how a gateway sends; no two scenarios strike the same one, so all can be played
/// at once, and each is told apart by its enterprise.
#[test]
fn every_scenario_raises_what_it_must_and_nothing_else() {
    let Some(world) = World::new("scenarios", "") else { return };
    for (scenario, reason) in SKIPPED {
        println!("skipped {scenario}: {reason}");
    }
    let scenarios = std::env::var("SCENARIO").unwrap_or_else(|_| SCENARIOS.join(","));
    let davy = Davy::start(&world.place, None, &[]).ready();
    let (expected, within_s, repeating) = expected(&world, &scenarios);
    let log = std::fs::File::create(world.place.dir.join("simulate.log")).expect("a log");
    let config = world.place.dir.join("davy.toml");
    let mut simulator = Command::new(davy_tests::davy::binary());
    simulator.args(["simulate", "--scenario", &scenarios, "--duration", &format!("{}s", within_s + 60)]);
    simulator.env("DAVY_CONFIG", config).stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
    let _simulator = Simulator(simulator.spawn().expect("davy can be started"));
    let missing = |found: &[[String; 5]]| -> Vec<[String; 5]> {
        expected.iter().filter(|alarm| !found.contains(alarm)).cloned().collect()
    };
    let until = Instant::now() + Duration::from_secs(within_s);
    while !missing(&serious(&world)).is_empty() && Instant::now() < until {
        // Nobody tells us: the other side is another process.
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let until = Instant::now() + AFTERWARDS;
    wait_for("the time in which something wrong would be raised", AFTERWARDS * 2, || Instant::now() >= until);
    let found = serious(&world);
    let mut surplus = found.clone();
    for alarm in &expected {
        if let Some(at) = surplus.iter().position(|found| found == alarm) {
            surplus.remove(at);
        }
    }
    let missing = missing(&found);
    if let Some(repeating) = &repeating {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM readings_v WHERE enterprise = '{repeating}' AND device_time IS NOT NULL \
             GROUP BY point, device_time, value HAVING count(*) > 1) AS twice"
        );
        let judge = Judge::new(world.place.pg_port);
        assert!(judge.number(&format!("SELECT count(*) FROM readings_v WHERE enterprise = '{repeating}'")) > 100);
        assert_eq!(judge.number(&sql), 0, "a reading that was repeated is stored once");
    }
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:?}\nnot expected, or twice: {surplus:?}");
    assert_eq!(davy.stop(), Some(0));
}
