//! The world fails, Davy does not: database away under load, broker restarted, Davy frozen longer than the keep-alive.
//! I/O.

use crate::district::{meters, points_of};
use crate::judge::Judge;
use crate::kills::sound;
use crate::place::World;
use davy_tests::davy::{Davy, wait_for};
use davy_tests::publisher::{Plan, Publisher};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::time::{Duration, Instant};

fn load(world: &World) -> Publisher {
    Publisher::start(Plan {
        port: world.place.mqtt_port,
        client_id: "outside-publisher".into(),
        gateways: meters(&world.place, 50, 10),
        every: Duration::from_millis(100),
        value: |n| 20.0 + (n % 10) as f64 / 10.0,
    })
}

/// Lights one flame detector, waits for its red alarm, and says how long that took.
fn alarm_of(world: &World, publisher: &Publisher, flame: &(String, String, String)) -> (u64, Duration) {
    let begun = Instant::now();
    publisher.say(&flame.0, &flame.1, &flame.2, 1.0);
    let mut id = None;
    wait_for("the red alarm", Duration::from_secs(10), || {
        let Ok((200, body)) = world.place.get("/api/v1/alarms?state=open") else { return false };
        let open = body["alarms"].as_array().and_then(|all| {
            all.iter().find(|a| a["enterprise"] == flame.0.as_str() && a["point"] == flame.2.as_str()).cloned()
        });
        id = open.and_then(|alarm| alarm["id"].as_u64());
        id.is_some()
    });
    (id.expect("found"), begun.elapsed())
}

#[test]
fn alarms_live_and_are_acknowledged_while_the_database_is_away() {
    let Some(world) = World::new("database", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let flames = points_of(&world.place, "flame");
    let publisher = load(&world);
    wait_for("some load", Duration::from_secs(20), || publisher.accepted() > 5_000);
    world.cluster.down("INT");
    let database = |body: &serde_json::Value| body["components"]["database_readings"]["state"].clone();
    wait_for(
        "readyz to tell the truth",
        Duration::from_secs(20),
        || matches!(world.place.get("/readyz"), Ok((200, body)) if database(&body) == "down"),
    );
    let (id, took) = alarm_of(&world, &publisher, &flames[0]);
    let (status, body) = world
        .place
        .post(&format!("/api/v1/alarms/{id}/ack"), &json!({ "by": "值班员", "comment": "seen" }))
        .expect("an answer");
    assert_eq!(status, 200, "{body}");
    let away = Duration::from_secs(std::env::var("OUTAGE_S").ok().and_then(|s| s.parse().ok()).unwrap_or(10));
    // The outage itself: load goes on meanwhile.
    std::thread::park_timeout(away);
    world.cluster.up().expect("the database comes back");
    let (_, after) = alarm_of(&world, &publisher, &flames[1]);
    eprintln!("publish to alarm: {took:?} without the database, {after:?} while it catches up");
    let account = publisher.finish();
    let judge = Judge::new(world.place.pg_port);
    judge.readings(&account);
    let row = "SELECT count(*) FROM alarm WHERE rule = 'HC-29' AND acked_by = '值班员' AND state = 'acknowledged'";
    assert_eq!(judge.number(row), 1, "the acknowledgement arrived in the database");
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}

#[test]
fn a_restarted_broker_and_a_frozen_davy_lose_nothing() {
    let Some(mut world) = World::new("broker", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let publisher = load(&world);
    wait_for("some load", Duration::from_secs(20), || publisher.accepted() > 3_000);
    world.broker.stop();
    world.broker.up().expect("the broker comes back");
    let before = publisher.accepted();
    wait_for("load after the restart", Duration::from_secs(60), || publisher.accepted() > before + 3_000);
    let pid = Pid::from_raw(i32::try_from(davy.pid()).expect("fits")).expect("a pid");
    kill_process(pid, Signal::STOP).expect("our own child");
    // Longer than one and a half keep-alives of 15 s: the broker gives the connection up and keeps the session.
    std::thread::park_timeout(Duration::from_secs(26));
    kill_process(pid, Signal::CONT).expect("our own child");
    let account = publisher.finish();
    let judge = Judge::new(world.place.pg_port);
    judge.readings(&account);
    sound(&world, &["journal", "verify"]);
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}

/// How many alarms of a rule there are or were.
fn alarms_of(world: &World, rule: &str) -> usize {
    let (status, body) = world.place.get("/api/v1/alarms?state=all").expect("alarms are served");
    assert_eq!(status, 200, "{body}");
    body["alarms"].as_array().map_or(0, |all| all.iter().filter(|alarm| alarm["rule"] == rule).count())
}

#[test]
fn neither_our_own_absence_nor_the_brokers_is_anybodys_silence() {
    let Some(mut world) = World::new("silence", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let mut gateways: Vec<(String, String, Vec<String>)> = Vec::new();
    for (enterprise, gateway, point) in points_of(&world.place, "gas.lel") {
        match gateways.iter_mut().find(|known| known.0 == enterprise && known.1 == gateway) {
            Some((_, _, points)) => points.push(point),
            None => gateways.push((enterprise, gateway, vec![point])),
        }
    }
    let points: usize = gateways.iter().map(|(_, _, points)| points.len()).sum();
    let publisher = Publisher::start(Plan {
        port: world.place.mqtt_port,
        client_id: "outside-publisher".into(),
        gateways,
        every: Duration::from_secs(1),
        value: |n| 1.0 + (n % 10) as f64 / 10.0,
    });
    wait_for("every point to have spoken", Duration::from_secs(60), || publisher.accepted() > 3 * points);
    // Longer than a point that speaks every few seconds may be silent: 120 s.
    let beyond = Duration::from_secs(130);
    assert_eq!(davy.stop(), Some(0));
    // Davy is off: nothing can tell that the time has passed.
    std::thread::park_timeout(beyond);
    let davy = Davy::start(&world.place, None, &[]).ready();
    wait_for("the alarm of our absence to return", Duration::from_secs(150), || {
        let (_, body) = world.place.get("/api/v1/alarms?state=all").expect("alarms are served");
        let all = body["alarms"].as_array().cloned().unwrap_or_default();
        all.iter().any(|alarm| alarm["rule"] == "DAVY-AWAY" && alarm["state"] == "returned_unacknowledged")
    });
    world.broker.stop();
    wait_for("the alarm of the link", Duration::from_secs(60), || alarms_of(&world, "DAVY-BROKER-LINK") == 1);
    // The broker is away: the same.
    std::thread::park_timeout(beyond);
    world.broker.up().expect("the broker comes back");
    let before = publisher.accepted();
    wait_for("load after the cut", Duration::from_secs(60), || publisher.accepted() > before + 3 * points);
    wait_for("the alarm of the link to return", Duration::from_secs(60), || {
        let (_, body) = world.place.get("/api/v1/alarms?state=all").expect("alarms are served");
        let all = body["alarms"].as_array().cloned().unwrap_or_default();
        all.iter().any(|alarm| alarm["rule"] == "DAVY-BROKER-LINK" && alarm["state"] == "returned_unacknowledged")
    });
    let found = ["HC-23", "DAVY-AWAY", "DAVY-BROKER-LINK"].map(|rule| alarms_of(&world, rule));
    assert_eq!(found, [0, 1, 1], "nobody is lost, and each outage is one alarm");
    publisher.finish();
    assert_eq!(davy.stop(), Some(0));
}

#[test]
fn where_history_gives_way_judging_goes_on_and_the_gap_is_recorded() {
    let settings = "[data]\nquota_bytes = 24_000_000\nsegment_bytes = 1_048_576\non_full = \"shed_history\"\n";
    let Some(world) = World::new("shed", settings) else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let flames = points_of(&world.place, "flame");
    let publisher = load(&world);
    wait_for("some load", Duration::from_secs(20), || publisher.accepted() > 5_000);
    world.cluster.down("INT");
    wait_for("the red alarm that names the span", Duration::from_secs(90), || {
        let Ok((200, body)) = world.place.get("/api/v1/alarms?state=open") else { return false };
        let all = body["alarms"].as_array().cloned().unwrap_or_default();
        all.iter().any(|alarm| alarm["rule"] == "DAVY-HISTORY-SHED" && alarm["severity"] == "red")
    });
    // Twice as much again as it took to fill: it goes on taking and judging.
    let then = publisher.accepted();
    wait_for("as many readings again", Duration::from_secs(90), || publisher.accepted() > then * 2);
    alarm_of(&world, &publisher, &flames[0]);
    world.cluster.up().expect("the database comes back");
    wait_for("the database to have caught up", Duration::from_secs(60), || {
        let Ok((200, body)) = world.place.get("/readyz") else { return false };
        let lane = &body["components"]["database_readings"];
        lane["state"] == "up" && lane["lag_records"] == 0
    });
    let accepted = publisher.finish().accepted.len() as u64;
    wait_for("the last reading", Duration::from_secs(60), || {
        let Ok((200, body)) = world.place.get("/readyz") else { return false };
        body["components"]["database_readings"]["lag_records"] == 0
    });
    let number = |sql: &str| -> u64 { world.cluster.sql("davy", sql).expect("an answer").parse().expect("a number") };
    let gaps = number("SELECT count(*) FROM projection_gap WHERE lane = 'readings' AND to_seq >= from_seq");
    let stored = number("SELECT count(*) FROM readings_v");
    assert!(gaps >= 1, "a gap is on record");
    assert!(stored < accepted, "{stored} of {accepted} stored: something was given up");
    sound(&world, &["journal", "verify"]);
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}

#[test]
fn a_full_quota_holds_readings_at_the_broker_and_nothing_else() {
    let world = match World::new("quota", "[data]\nquota_bytes = 24_000_000\nsegment_bytes = 1_048_576\n") {
        Some(world) => world,
        None => return,
    };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let flames = points_of(&world.place, "flame");
    let publisher = load(&world);
    let (id, _) = alarm_of(&world, &publisher, &flames[0]);
    // With the database away nothing can be given up, and the quota fills.
    world.cluster.down("INT");
    wait_for("readyz to say that no reading is taken", Duration::from_secs(60), || {
        matches!(world.place.get("/readyz"), Ok((503, _)))
    });
    wait_for("the red alarm about the quota", Duration::from_secs(10), || {
        let Ok((200, body)) = world.place.get("/api/v1/alarms?state=open") else { return false };
        let all = body["alarms"].as_array().cloned().unwrap_or_default();
        all.iter().any(|alarm| alarm["rule"] == "DAVY-QUOTA" && alarm["severity"] == "red")
    });
    let order = json!({ "by": "officer", "comment": "" });
    let (status, body) = world.place.post(&format!("/api/v1/alarms/{id}/ack"), &order).expect("an answer");
    assert_eq!(status, 200, "people are heard though the quota is full: {body}");
    world.cluster.up().expect("the database comes back");
    wait_for("room again, by itself, once the database has followed", Duration::from_secs(60), || {
        matches!(world.place.get("/readyz"), Ok((200, _)))
    });
    let (_, after) = alarm_of(&world, &publisher, &flames[1]);
    eprintln!("alarm {after:?} after the quota");
    let account = publisher.finish();
    Judge::new(world.place.pg_port).readings(&account);
    sound(&world, &["journal", "verify"]);
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}
