//! A table brought over HTTP and by command: mistakes by row, what is taken survives a kill and a start, readings of a new
//! point are stored, and changed seed files do not undo it until a person says so. I/O.

use crate::place::World;
use davy_tests::davy::{Davy, root, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::Duration;

const POINTS: &str = "enterprise,equipment,point,tag,range_lo,range_hi,period_s,hh,required\n";

fn import(world: &World, (name, table): (&str, &str), more: &[&str]) -> (Option<i32>, Value, String) {
    let file = world.place.dir.join(name);
    fs::write(&file, table).expect("written");
    let file = file.to_string_lossy().into_owned();
    let mut args = vec!["registry", "import", &file, "--by", "张三", "--json"];
    args.extend(more);
    let output = world.place.run(&args);
    let body = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), body, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn version(world: &World) -> (String, String) {
    let (status, body) = world.place.get("/api/v1/registry").expect("an answer");
    assert_eq!(status, 200, "{body}");
    let text = |key: &str| body[key].as_str().expect("a text").to_owned();
    (text("version"), text("from"))
}

fn stored(world: &World, point: &str) -> String {
    let sql = format!("SELECT count(*) FROM readings_v WHERE point = '{point}'");
    world.cluster.sql("davy", &sql).expect("the database answers").trim().to_owned()
}

#[test]
fn a_table_is_in_force_at_once_and_stays() {
    let Some(mut world) = World::new("registry", "") else { return };
    let seeds = world.place.dir.join("seeds");
    assert!(Command::new("cp").arg("-r").arg(root().join("seeds")).arg(&seeds).status().expect("cp runs").success());
    world.place.seeds = Some(seeds.clone());
    world.place.write();
    let davy = Davy::start(&world.place, None, &[]).ready();
    let (seeded, from) = version(&world);
    assert_eq!(from, "seeds");

    let wrong =
        format!("{POINTS}hc-001,X-9,X-9.level,tank.levle,0,100,5,90,true\nhc-999,X-9,X-9.level,tank.level,0,1,,,\n");
    let (code, body, said) = import(&world, ("wrong.csv", &wrong), &[]);
    assert_eq!(code, Some(2), "{body} {said}");
    assert_eq!((&body["errors"][0]["row"], &body["errors"][0]["column"]), (&json!(2), &json!("tag")), "{body}");
    assert_eq!(version(&world).0, seeded, "nothing was taken");

    let table = format!("{POINTS}hc-001,X-9,X-9.level,tank.level,0,100,5,90,true\n");
    let (code, dry, said) = import(&world, ("points.csv", &table), &["--dry-run"]);
    assert_eq!((code, &dry["added"]), (Some(0), &json!(1)), "{dry} {said}");
    assert_eq!(version(&world).0, seeded);
    let (code, body, said) = import(&world, ("points.csv", &table), &[]);
    assert_eq!((code, &body["version"]), (Some(0), &dry["version"]), "{body} {said}");
    let (imported, from) = version(&world);
    assert_eq!((json!(imported), from.as_str()), (body["version"].clone(), "import"));

    let port = world.place.mqtt_port.to_string();
    let payload = r#"{"d":[{"p":"X-9.level","v":42}]}"#;
    let topic = "davy/v1/hc-001/gw-1/json";
    let sent = Command::new("mosquitto_pub").args(["-p", &port, "-q", "1", "-t", topic, "-m", payload]).status();
    assert!(sent.expect("mosquitto_pub is installed").success());
    wait_for("the new point's reading", Duration::from_secs(20), || stored(&world, "X-9.level") == "1");

    // Killed, and its seeds changed behind its back: what was imported stays, and is not kept silent.
    davy.kill();
    let file = seeds.join("enterprises/hazchem.toml");
    let text = fs::read_to_string(&file).expect("the district has hazardous chemicals");
    fs::write(&file, text.replacen("industry = \"", "industry = \"new ", 1)).expect("written");
    let davy = Davy::start(&world.place, None, &[]).ready();
    assert_eq!(version(&world).0, imported);
    let (_, status) = world.place.get("/api/v1/status").expect("an answer");
    assert!(status["seeds_ignored"].as_str().is_some_and(|text| text.contains("--take-seeds")), "{status}");
    let (code, _, _) = import(&world, ("points.csv", &table), &["--dry-run"]);
    assert_eq!(code, Some(0));
    for table in ["enterprises", "points"] {
        let output = world.place.run(&["registry", "export", table]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let (code, body, said) = import(&world, ("again.csv", &text), &["--dry-run"]);
        assert_eq!((code, &body["changes"]), (Some(0), &json!([])), "{table}: {said}");
    }
    assert_eq!(davy.stop(), Some(0));
    let davy = Davy::start(&world.place, None, &["--take-seeds"]).ready();
    let (taken, from) = version(&world);
    assert!(taken != imported && taken != seeded && from == "seeds", "{taken} {from}");
    assert_eq!(davy.stop(), Some(0));
    crate::replay::is_identical(&world.place);
}
