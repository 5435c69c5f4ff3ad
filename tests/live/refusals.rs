//! Wrong settings and wrong input get a clear answer at the right place, and stop nothing else. I/O.

use crate::place::World;
use davy_tests::davy::{Davy, Place, wait_for};
use std::fs;
use std::process::Command;
use std::time::Duration;

fn says(place: &Place, args: &[&str]) -> (Option<i32>, String) {
    let out = place.run(args);
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let Some(world) = World::new("settings", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();

    let (code, text) = says(&world.place, &["serve"]);
    assert!(code != Some(0) && text.contains("http.listen"), "port in use: {code:?} {text}");

    let mut second = world.place.clone();
    second.dir = world.place.dir.join("second");
    second.http_port = davy_tests::davy::free_port();
    second.write();
    let config = fs::read_to_string(second.dir.join("davy.toml")).expect("written");
    let shared = config.replace(&format!("{:?}", second.data()), &format!("{:?}", world.place.data()));
    fs::write(second.dir.join("davy.toml"), shared).expect("written");
    let (code, text) = says(&second, &["serve"]);
    assert!(code == Some(3) && text.contains("in use by process"), "second process: {code:?} {text}");

    fs::write(second.dir.join("davy.toml"), "[mqtt]\nprot = 1\n").expect("written");
    let (code, text) = says(&second, &["serve"]);
    assert!(code == Some(2) && text.contains("prot"), "unknown key: {code:?} {text}");

    assert_eq!(davy.stop(), Some(0));
}

#[test]
fn what_is_not_ours_is_quarantined_and_stops_nothing() {
    let Some(world) = World::new("garbage", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let deep = "[".repeat(5_000);
    let large = format!("{{\"d\":[{}]}}", "{\"p\":\"F-101.flame\",\"v\":0},".repeat(6_000).trim_end_matches(','));
    let cases: [(&str, &str, &str); 11] = [
        ("davy/v1/hc-001/gw-1/json", "{\"d\":[", "malformed"),
        ("davy/v1/hc-001/gw-1/json", "\u{0}\u{1}", "malformed"),
        ("davy/v1/hc-001/gw-1/json", &deep, "malformed"),
        ("davy/v1/hc-001/gw-1/json", "{\"d\":[{\"p\":\"F-101.flame\",\"v\":1e999}]}", "malformed"),
        ("davy/v1/hc-001/gw-1/json", "{\"d\":[{\"p\":\"F-101.flame\",\"v\":\"1\"}]}", "wrong_type"),
        ("davy/v1/hc-001/gw-1/json", "{\"d\":[{\"p\":\"nowhere\",\"v\":1}]}", "unknown_point"),
        ("davy/v1/hc-001/gw-1/json", "{\"d\":[{\"p\":\"DC-1.fan_run\",\"v\":1}]}", "foreign_point"),
        ("davy/v1/hc-001/gw-1/json", &large, "too_many_readings"),
        ("davy/v1/nobody/gw-1/json", "{}", "unknown_enterprise"),
        ("davy/v1/hc-001/gw-1/xml", "<a/>", "unknown_format"),
        ("davy/other", "x", "unknown_topic"),
    ];
    for (topic, payload, _) in &cases {
        let file = world.place.dir.join("payload");
        fs::write(&file, payload).expect("written");
        let port = world.place.mqtt_port.to_string();
        let path = file.to_string_lossy().into_owned();
        let sent = Command::new("mosquitto_pub").args(["-p", &port, "-q", "1", "-t", topic, "-f", &path]).status();
        assert!(sent.expect("mosquitto_pub is installed").success(), "{topic}");
    }
    let mut shown = Vec::new();
    wait_for("everything to be quarantined", Duration::from_secs(20), || {
        let Ok((200, body)) = world.place.get("/api/v1/quarantine?limit=100") else { return false };
        let list = body["quarantine"].as_array().or_else(|| body["items"].as_array()).cloned().unwrap_or_default();
        shown = list.iter().map(|item| item["reason"].as_str().unwrap_or("").to_owned()).collect();
        shown.len() >= cases.len()
    });
    for (topic, _, reason) in cases {
        assert!(shown.iter().any(|found| found == reason), "{topic}: {reason} not among {shown:?}");
    }
    assert!(matches!(world.place.get("/readyz"), Ok((200, _))), "still ready");
    assert_eq!(davy.stop(), Some(0));
}
