//! Thirty-five days of a small district, played through the real path and projected: every day of every enterprise is
//! reckoned again from `readings_v`, registry, filings and acceptances alone, and must agree; then the same from outside,
//! day by day, with what is known when; at last rules are tried on the same weeks (`backtest`). I/O.

use crate::backtest;
use crate::coverage_audit::Audit;
use crate::judge::Judge;
use crate::place::World;
use crate::second_chance::own_seeds;
use davy_tests::davy::{Davy, wait_for};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// So many enterprises of each sector: enough for every fate the play knows.
const KEPT: [(&str, usize); 3] = [("dust", 16), ("electricity", 15), ("hazchem", 6)];
const DAYS: usize = 35;

fn shrink(seeds: &Path) {
    for (sector, kept) in KEPT {
        let file = seeds.join(format!("enterprises/{sector}.toml"));
        let text = fs::read_to_string(&file).expect("the district has this sector");
        let mut parts: Vec<&str> = text.split("[[enterprise]]").collect();
        parts.truncate(kept + 1);
        fs::write(file, parts.join("[[enterprise]]")).expect("written");
    }
}

fn figures(world: &World, query: &str) -> Value {
    let (status, body) = world.place.get(&format!("/api/v1/coverage?{query}")).expect("an answer");
    assert_eq!(status, 200, "{body}");
    body
}

#[test]
fn five_weeks_of_coverage_agree_with_an_auditor() {
    let Some(mut world) = World::new("coverage", "") else { return };
    shrink(&own_seeds(&mut world));
    let played = world.place.run(&["simulate", "--history", "35d", "--json"]);
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let played: Value = serde_json::from_slice(&played.stdout).expect("a summary");
    let again = world.place.run(&["simulate", "--history", "35d"]);
    assert_eq!(again.status.code(), Some(2), "a past comes before everything else");
    let davy = Davy::start(&world.place, None, &[]).ready();
    let judge = Judge::new(world.place.pg_port);
    let readings = played["readings"].as_i64().expect("a number");
    wait_for("the past in the database", Duration::from_secs(120), || {
        judge.number("SELECT count(*) FROM readings_v") >= readings
    });

    let audit = Audit::of(&judge);
    assert!(audit.days.len() >= DAYS - 1, "{} days are over", audit.days.len());
    audit.compare_days(&judge);
    for day in &audit.days {
        let body = figures(&world, &format!("as_of={day}"));
        audit.compare_figures(day, &body["figures"]);
        assert_eq!(body["simulated"], true, "{day}: it says that it is simulated");
    }
    bitemporal(&world, &judge, &audit);
    drill_down(&world, &audit);
    let leads = world.place.get("/api/v1/hazards").expect("an answer").1;
    let grounds: Vec<_> = leads["hazards"].as_array().expect("a list").iter().map(|h| h["ground"].clone()).collect();
    let gas = grounds.iter().filter(|ground| **ground == "gas-leak-standing").count();
    assert_eq!(gas, 1, "the leak of the play is one lead: {grounds:?}");
    davy.stop();
    backtest::over(&world, &judge);
}

/// The same question has the same answer for ever; with a later `known_at` it says what changed it.
fn bitemporal(world: &World, judge: &Judge, audit: &Audit) {
    let sql = "SELECT d.day::text, f.seq, d.seq FROM coverage_day d JOIN LATERAL (SELECT max(seq) AS seq FROM coverage_day c \
               WHERE c.day = d.day AND c.cause = 'closed') f ON true WHERE d.cause = 'late_readings' ORDER BY d.day, d.seq";
    let rows = judge.rows(sql);
    let late = rows.first().expect("a gateway of the play sends its buffer after midnight");
    let (day, closed, mended): (String, i64, i64) = (late.get(0), late.get(1), late.get(2));
    let then = figures(world, &format!("as_of={day}&known_at={closed}"));
    let later = figures(world, &format!("as_of={day}&known_at={mended}"));
    assert_eq!(then["figures"], figures(world, &format!("as_of={day}&known_at={closed}"))["figures"]);
    assert_ne!(then["figures"], later["figures"], "late readings mend the day");
    let is_ours = |change: &&Value| change["day"] == day.as_str() && change["cause"] == "late_readings";
    let changes = later["changes"].as_array().expect("a list");
    let ours: Vec<_> = changes.iter().filter(is_ours).collect();
    assert!(!ours.is_empty(), "{changes:?}");
    for change in ours {
        let online = |side: &str| change[side]["online"].as_f64().expect("a rate");
        assert!(online("after") > online("before"), "{change}");
    }
    assert!(audit.days.contains(&day));
}

/// Towns add up to their sector, units to their town, and a unit that lost a required point says which.
fn drill_down(world: &World, audit: &Audit) {
    let day = audit.days.last().expect("a day");
    let body = figures(world, &format!("as_of={day}"));
    let (_, units) = world.place.get(&format!("/api/v1/coverage/units?as_of={day}")).expect("an answer");
    let units = units["units"].as_array().expect("a list").clone();
    for sector in body["figures"]["sectors"].as_array().expect("sectors") {
        let towns = sector["towns"].as_array().expect("towns");
        for metric in ["C01", "C03", "C04"] {
            for part in ["num", "den"] {
                let sum: u64 = towns.iter().map(|town| town[metric][part].as_u64().expect("a number")).sum();
                assert_eq!(Some(sum), sector[metric][part].as_u64(), "{metric} {part} of {}", sector["sector"]);
            }
        }
        let of_sector = units.iter().filter(|unit| unit["sector"] == sector["sector"] && unit["in_scope"] == true);
        let effective = of_sector.filter(|unit| unit["effective"] == true).count() as u64;
        assert_eq!(Some(effective), sector["C03"]["num"].as_u64(), "{}", sector["sector"]);
    }
    let lost: Vec<&Value> = units.iter().filter(|unit| unit["reason"] == "online_too_low").collect();
    assert!(!lost.is_empty(), "a plant whose sensor is gone is not effectively covered");
    let mut silent = 0;
    for unit in lost {
        let path = format!(
            "/api/v1/coverage/units/{}/{}?as_of={day}",
            unit["enterprise"].as_str().expect("an id"),
            unit["sector"].as_str().expect("an id")
        );
        let (status, body) = world.place.get(&path).expect("an answer");
        assert_eq!(status, 200, "{body}");
        let points = body["points"].as_array().expect("points");
        silent += points.iter().filter(|point| point["reported"] == 0 && point["good"] == 0).count();
    }
    assert!(silent >= 1, "the point that is gone is named");
}
