//! ThingsBoard's own client library, as it comes from the package index, publishes through a listener with a mount
//! point and arrives right: as a device and as a gateway. Skipped loudly where the index cannot be reached. I/O.

use crate::judge::Judge;
use crate::place::World;
use crate::python;
use davy_tests::davy::{Davy, root, wait_for};
use davy_tests::suite;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The library, and what it would otherwise install for itself when it is first imported.
const PACKAGES: [&str; 2] = ["tb-mqtt-client==1.13.14", "mmh3==5.3.1"];

#[test]
fn its_own_client_publishes_unchanged_and_arrives_right() {
    let Some(mut world) = World::new("thingsboard", "") else { return };
    let python = match python::with(&world.place.dir, &PACKAGES) {
        Ok(python) => python,
        Err(why) => {
            return suite::skip("live", "tb-mqtt-client", &format!("not installed from the package index: {why}"));
        }
    };
    suite::ran("live", "tb-mqtt-client");
    let device = world.broker.mount("davy/v1/hc-001/gw-1/tb/").expect("the broker starts again");
    let gateway = world.broker.mount("davy/v1/hc-002/gw-1/tb/").expect("the broker starts again");
    let davy = Davy::start(&world.place, None, &[]).ready();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let ts = now_ms - 5_000;
    let script = root().join("tests/live/thingsboard_publisher.py");
    let out = Command::new(python)
        .arg(script)
        .args([device.to_string(), gateway.to_string(), ts.to_string()])
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && out.stdout.ends_with(b"published\n"), "the publisher failed: {said}");

    let judge = Judge::new(world.place.pg_port);
    let stored = || judge.number("SELECT count(*) FROM readings_v WHERE enterprise IN ('hc-001', 'hc-002')");
    wait_for("all readings in the database", Duration::from_secs(60), || stored() >= 10);
    let sql = "SELECT enterprise, point, (extract(epoch FROM device_time) * 1000)::bigint, value FROM readings_v \
               WHERE enterprise IN ('hc-001', 'hc-002')";
    let rows = judge.rows(sql);
    let found: BTreeSet<(String, String, Option<i64>, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get::<_, f64>(3).to_string())).collect();
    let expected: BTreeSet<(String, String, Option<i64>, String)> = [
        ("hc-001", "T-101.level", None, 61.5),
        ("hc-001", "F-101.flame", None, 0.0),
        ("hc-001", "T-101.temp", Some(ts), 21.25),
        ("hc-001", "T-102.temp", Some(ts), 22.0),
        ("hc-001", "T-101.temp", Some(ts + 1_000), 21.5),
        ("hc-001", "T-101.temp", Some(ts + 2_000), 21.75),
        ("hc-002", "T-101.level", Some(ts), 55.5),
        ("hc-002", "T-101.temp", Some(ts), 30.0),
        ("hc-002", "T-101.level", Some(ts + 1_000), 55.75),
        ("hc-002", "T-102.level", Some(ts), 44.5),
    ]
    .into_iter()
    .map(|(enterprise, point, time, value)| (enterprise.to_owned(), point.to_owned(), time, value.to_string()))
    .collect();
    assert_eq!(found, expected);
    assert_eq!(rows.len(), expected.len(), "nothing twice");
    // The text was not taken for a number, and nothing else of what a client says was refused.
    let (_, body) = world.place.get("/api/v1/quarantine?limit=100").expect("quarantine is served");
    let list = body["quarantine"].as_array().or_else(|| body["items"].as_array()).cloned().unwrap_or_default();
    let reasons: Vec<&str> = list.iter().filter_map(|item| item["reason"].as_str()).collect();
    assert_eq!(reasons, ["wrong_type"], "{body}");
    let level = world.place.get("/api/v1/points?tag_type=tank.level").expect("points are served").1;
    let shown =
        level["points"].as_array().expect("a list").iter().find(|point| {
            (point["enterprise"].as_str(), point["point"].as_str()) == (Some("hc-002"), Some("T-101.level"))
        });
    assert_eq!(shown.and_then(|point| point["value"].as_f64()), Some(55.75), "{shown:?}");
    assert_eq!(davy.stop(), Some(0));
}
