//! Database and data directory that do not belong together: refused by name, judging goes on, `davy recover adopt`
//! mends it. I/O.

use crate::district::{meters, points_of};
use crate::judge::Judge;
use crate::kills::sound;
use crate::place::World;
use davy_tests::davy::{Davy, wait_for};
use davy_tests::publisher::{Account, Plan, Publisher};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn some_load(world: &World, readings: usize) -> Account {
    let publisher = Publisher::start(Plan {
        port: world.place.mqtt_port,
        client_id: "outside-publisher".into(),
        gateways: meters(&world.place, 20, 10),
        every: Duration::from_millis(50),
        value: |n| 20.0 + (n % 10) as f64 / 10.0,
    });
    wait_for("some load", Duration::from_secs(30), || publisher.accepted() > readings);
    publisher.finish()
}

fn refused_as(world: &World, name: &str) {
    wait_for(&format!("a refusal named {name}"), Duration::from_secs(30), || {
        let Ok((_, body)) = world.place.get("/readyz") else { return false };
        // One lane is enough: a lane without new effects may still fit.
        ["database_readings", "database_business"].iter().any(|lane| {
            let component = &body["components"][lane];
            component["refused"] == true && component["text"].as_str().is_some_and(|text| text.starts_with(name))
        })
    });
    let (status, body) = world.place.get("/api/v1/recover").expect("an answer");
    assert_eq!((status, &body["refused"], &body["name"]), (200, &true.into(), &name.into()), "{body}");
}

fn judging_goes_on(world: &World, number: usize) {
    let flame = &points_of(&world.place, "flame")[number];
    let payload = r#"{"d":[{"p":"POINT","v":1}]}"#.replace("POINT", &flame.2);
    let topic = format!("davy/v1/{}/{}/json", flame.0, flame.1);
    let port = world.place.mqtt_port.to_string();
    let sent = Command::new("mosquitto_pub").args(["-p", &port, "-q", "1", "-t", &topic, "-m", &payload]).status();
    assert!(sent.expect("mosquitto_pub is installed").success());
    wait_for("the red alarm", Duration::from_secs(10), || {
        let Ok((200, body)) = world.place.get("/api/v1/alarms?state=open") else { return false };
        let all = body["alarms"].as_array().cloned().unwrap_or_default();
        all.iter().any(|a| a["enterprise"] == flame.0.as_str() && a["point"] == flame.2.as_str())
    });
}

fn adopt(world: &World) {
    let out = world.place.run(&["recover", "adopt"]);
    assert!(out.status.success(), "adopt: {}", String::from_utf8_lossy(&out.stderr));
    wait_for("the projection to go on", Duration::from_secs(30), || {
        let Ok((200, body)) = world.place.get("/readyz") else { return false };
        ["database_business", "database_readings"].iter().all(|lane| body["components"][lane]["state"] == "up")
    });
}

fn joined(mut first: Account, second: Account) -> Account {
    first.accepted.extend(second.accepted);
    first.unanswered.extend(second.unanswered);
    first
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp runs").success());
}

#[test]
fn a_lost_data_directory_is_refused_as_another_journal_and_adopted() {
    let Some(world) = World::new("lost", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let first = some_load(&world, 2_000);
    judging_goes_on(&world, 0);
    Judge::new(world.place.pg_port).readings(&first);
    assert_eq!(davy.stop(), Some(0));
    fs::remove_dir_all(world.place.data()).expect("the data directory is gone");
    let davy = Davy::start(&world.place, None, &[]).ready();
    refused_as(&world, "other_journal");
    judging_goes_on(&world, 1);
    let second = some_load(&world, 2_000);
    adopt(&world);
    let judge = Judge::new(world.place.pg_port);
    judge.readings(&joined(first, second));
    assert_eq!(judge.number("SELECT count(*) FROM alarm WHERE rule = 'HC-29' AND closed_at IS NULL"), 2);
    let (_, body) = world.place.get("/api/v1/alarms?state=open").expect("an answer");
    let open = body["alarms"].as_array().expect("a list").iter().filter(|a| a["rule"] == "HC-29").count();
    assert_eq!(open, 2, "the alarm of the lost journal is open again, beside the new one");
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}

#[test]
fn a_database_restored_from_a_backup_is_refused_as_a_hole_and_catches_up() {
    let Some(world) = World::new("restored", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let first = some_load(&world, 2_000);
    let judge = Judge::new(world.place.pg_port);
    judge.readings(&first);
    let backup = world.cluster.dump("davy").expect("pg_dump");
    let second = some_load(&world, 2_000);
    let both = joined(first, second);
    judge.readings(&both);
    world.cluster.restore("davy", &backup).expect("psql");
    refused_as(&world, "hole");
    judging_goes_on(&world, 0);
    adopt(&world);
    judge.readings(&both);
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}

#[test]
fn an_older_copy_of_the_journal_is_refused_as_beyond_the_head_and_adopted() {
    let Some(world) = World::new("older", "") else { return };
    let davy = Davy::start(&world.place, None, &[]).ready();
    let first = some_load(&world, 1_000);
    assert_eq!(davy.stop(), Some(0));
    let aside = world.place.dir.join("copy");
    copy(&world.place.data(), &aside);
    let davy = Davy::start(&world.place, None, &[]).ready();
    let second = some_load(&world, 2_000);
    let judge = Judge::new(world.place.pg_port);
    let both = joined(first, second);
    judge.readings(&both);
    assert_eq!(davy.stop(), Some(0));
    fs::remove_dir_all(world.place.data()).expect("gone");
    copy(&aside, &world.place.data());
    let davy = Davy::start(&world.place, None, &[]).ready();
    refused_as(&world, "beyond_head");
    judging_goes_on(&world, 0);
    adopt(&world);
    let third = some_load(&world, 1_000);
    judge.readings(&joined(both, third));
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0));
}
