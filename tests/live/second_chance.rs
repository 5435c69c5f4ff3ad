//! A point nobody knew yet: its readings lie in quarantine, the registry is changed, and they are read after all, under
//! their old receive time and exactly once, also when that is ordered twice and Davy is killed in between. I/O.

use crate::place::World;
use davy_tests::davy::{Davy, root, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The committed district, its own copy to be edited.
pub fn own_seeds(world: &mut World) -> PathBuf {
    let seeds = world.place.dir.join("seeds");
    let copied = Command::new("cp").arg("-r").arg(root().join("seeds")).arg(&seeds).status();
    assert!(copied.expect("cp runs").success());
    world.place.seeds = Some(seeds.clone());
    world.place.write();
    seeds
}

/// The enterprise has a new tank, X-1.
fn register(seeds: &Path) {
    let file = seeds.join("enterprises/hazchem.toml");
    let text = fs::read_to_string(&file).expect("the district has hazardous chemicals");
    let before = r#"  { id = "CR-1", template = "control-room" },"#;
    let tank = r#"  { id = "X-1", template = "tank-atmospheric", name = { zh = "新罐", en = "New tank" }, hazard_level = 4 },"#;
    let changed = text.replacen(before, &format!("{tank}\n{before}"), 1);
    assert_ne!(text, changed, "the first enterprise has a control room");
    fs::write(file, changed).expect("written");
}

fn publish(world: &World, payload: &str) {
    let port = world.place.mqtt_port.to_string();
    let topic = "davy/v1/hc-001/gw-1/json";
    let sent = Command::new("mosquitto_pub").args(["-p", &port, "-q", "1", "-t", topic, "-m", payload]).status();
    assert!(sent.expect("mosquitto_pub is installed").success());
}

fn sql(world: &World, text: &str) -> String {
    world.cluster.sql("davy", text).expect("the database answers").trim().to_owned()
}

fn stored(world: &World) -> String {
    sql(world, "SELECT count(*) FROM readings_v WHERE point = 'X-1.level'")
}

/// Orders a replay and waits for its end.
fn replay(world: &World, body: &Value) -> Value {
    let (status, report) = world.place.post("/api/v1/quarantine/replay", body).expect("an answer");
    assert_eq!(status, 202, "{report}");
    let mut last = Value::Null;
    wait_for("the replay to end", Duration::from_secs(30), || {
        let Ok((200, report)) = world.place.get("/api/v1/quarantine/replay") else { return false };
        last = report;
        last["state"] != "running"
    });
    assert_eq!(last["state"], "done", "{last}");
    last
}

#[test]
fn what_was_refused_is_read_after_all_exactly_once() {
    let Some(mut world) = World::new("second-chance", "") else { return };
    let seeds = own_seeds(&mut world);
    let davy = Davy::start(&world.place, None, &[]).ready();
    let now_ms: i64 = sql(&world, "SELECT (extract(epoch FROM now()) * 1000)::int8").parse().expect("a number");
    // With a device time and without one; beside a good reading without one, which must not be stored again; and
    // one that will never fit.
    publish(&world, &format!(r#"{{"ts":{now_ms},"d":[{{"p":"X-1.level","v":1}},{{"p":"nowhere","v":9}}]}}"#));
    publish(&world, r#"{"d":[{"p":"F-101.flame","v":0},{"p":"X-1.level","v":2}]}"#);
    wait_for("three rows of quarantine", Duration::from_secs(20), || {
        sql(&world, "SELECT count(*) FROM quarantine WHERE reason = 'unknown_point'") == "3"
    });
    let dry = replay(&world, &json!({ "by": "张三", "dry_run": true }));
    assert_eq!((&dry["rows"], &dry["replayed"]), (&json!(3), &json!(0)), "nothing fits yet: {dry}");
    assert_eq!(dry["refused"], json!({ "unknown_point": 3 }));
    let received = sql(
        &world,
        "SELECT string_agg(received::text, ',' ORDER BY received) FROM quarantine WHERE detail LIKE '%X-1.level%'",
    );
    assert_eq!(davy.stop(), Some(0));

    register(&seeds);
    let mut davy = Davy::start(&world.place, Some("replay.kept:1"), &[]).ready();
    let dry = replay(&world, &json!({ "by": "张三", "dry_run": true }));
    assert_eq!((&dry["replayed"], &dry["readings"]), (&json!(2), &json!(2)), "{dry}");
    assert_eq!(stored(&world), "0", "a rehearsal changes nothing");

    // In the journal, and nothing else: then it is killed.
    let (status, _) = world.place.post("/api/v1/quarantine/replay", &json!({ "by": "张三" })).expect("an answer");
    assert_eq!(status, 202);
    wait_for("the fault point", Duration::from_secs(30), || davy.stands_still());
    davy.kill();
    let davy = Davy::start(&world.place, None, &[]).ready();
    wait_for("the readings", Duration::from_secs(30), || stored(&world) == "2");
    let again = replay(&world, &json!({ "by": "李四", "reason": "unknown_point", "enterprise": "hc-001" }));
    assert_eq!((&again["rows"], &again["replayed"]), (&json!(1), &json!(0)), "only what never fits is left: {again}");
    replay(&world, &json!({ "by": "李四" }));
    let output = world.place.run(&["quarantine", "replay", "--by", "王五"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("still refused: 1 unknown_point"), "{text}");

    let rows = sql(
        &world,
        "SELECT string_agg(value::text, ',' ORDER BY value) || ' ' || string_agg(received::text, ',' ORDER BY value) \
         FROM readings_v WHERE point = 'X-1.level'",
    );
    assert_eq!(rows, format!("1,2 {received}"), "each once, under its old receive time");
    assert_eq!(sql(&world, "SELECT count(*) FROM readings_v WHERE point = 'F-101.flame'"), "1", "it was good at once");
    let list = world.place.run(&["quarantine", "list", "--text", "nowhere"]);
    assert!(String::from_utf8_lossy(&list.stdout).contains("unknown_point"), "{list:?}");
    assert_eq!(davy.stop(), Some(0));
    crate::replay::is_identical(&world.place);
}
