//! The load runner runs from end to end: every scenario once, for a second, and its counts add up. It asserts no speed,
//! and of memory no figure. I/O: servers of its own.

use davy_tests::{davy, mosquitto, postgres, suite};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn every_scenario_runs_and_its_counts_add_up() {
    if let Err((backend, why)) = servers() {
        suite::skip("bench", backend, &why);
        return;
    }
    // `davy bench` runs what lies beside it.
    assert_eq!(davy::binary().with_file_name("davy-bench"), Path::new(env!("CARGO_BIN_EXE_davy-bench")));
    let dir = std::env::temp_dir().join(format!("davy-bench-test-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let files = ["run.json", "run.html", "run.md"].map(|name| dir.join(name));
    let [json, html, markdown] = &files;
    let mut command = Command::new(davy::binary());
    command
        .args(["bench", "e2e", "--quick", "--json"])
        .arg(json)
        .arg("--html")
        .arg(html)
        .arg("--markdown")
        .arg(markdown);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let measured = all_measured(&report);
    // Two sizes of message in a pair each, latency, three orders of back-fill, the loop.
    assert_eq!(measured.len(), 2 * 2 + 1 + 3 + 1, "{said}");
    for one in measured {
        let readings = one["readings"].as_u64().unwrap();
        let rows = one["counted"]["rows"].as_u64().unwrap();
        assert!(readings > 0 && rows >= readings, "{one}");
        assert_eq!(one["counted"]["distinct"], one["counted"]["rows"], "{one}");
        assert!(one["cpu_us"]["pipeline"].as_f64().unwrap() >= 0.0);
    }
    assert!(report["latency"]["alarms"].as_u64().unwrap() > 0);
    assert_eq!((&report["fixed"]["fsync"], &report["fixed"]["synchronous_commit"]), (&"on".into(), &"on".into()));
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("<svg") && !page.contains("http"), "the report is one file that needs no other");
    assert!(std::fs::read_to_string(markdown).unwrap().contains("| davy / naive, 50 readings a message |"));
    std::fs::remove_dir_all(&dir).unwrap();
    suite::ran("bench", "mosquitto");
    suite::ran("bench", "postgresql");
}

#[test]
fn memory_is_measured_and_a_healthy_district_is_calm() {
    let mut command = Command::new(davy::binary());
    let output = command.args(["bench", "memory", "--points", "1", "--minutes", "3", "--every", "1"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("after ")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    for line in lines {
        assert!(line.contains(" 0 open alarms, ") && line.ends_with(" bytes a point"), "{said}");
    }
}

fn servers() -> Result<(), (&'static str, String)> {
    mosquitto::Mosquitto::start(mosquitto::Settings::default()).map_err(|why| ("mosquitto", why))?;
    postgres::Cluster::start(postgres::Durability::Fast).map(drop).map_err(|why| ("postgresql", why))
}

fn all_measured(report: &Value) -> Vec<&Value> {
    let rates = report["rates"].as_array().into_iter().flatten();
    let of_rates = rates.filter_map(|rates| rates["measured"].as_array()).flatten();
    let of_backlogs = report["backlogs"].as_array().into_iter().flatten().map(|backlog| &backlog["measured"]);
    of_rates.chain([&report["latency"]["measured"]]).chain(of_backlogs).chain([&report["holds"]["measured"]]).collect()
}
