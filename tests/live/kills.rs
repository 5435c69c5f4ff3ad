//! SIGKILL at random and at fault points, under load, some with the database away before the kill and during the
//! restart. The schedule follows from a seed; `KILLS` and `KILL_SEED` change it. I/O.

use crate::district::{meters, points_of};
use crate::judge::Judge;
use crate::place::World;
use davy_tests::davy::{Davy, wait_for};
use davy_tests::publisher::{Plan, Publisher};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::time::Duration;

/// Where a kill can be aimed at; `tests/README.md` says what each stands for.
const FAULTS: [&str; 8] = [
    "journal.append.torn",
    "journal.synced",
    "mqtt.before_ack",
    "spool.append",
    "store.before_commit",
    "store.after_commit",
    "snapshot.before_rename",
    "snapshot.after_rename",
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_whatever_is_killed() {
    let kills = setting("KILLS", 20);
    let seed = setting("KILL_SEED", 20_261);
    eprintln!("KILLS={kills} KILL_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let Some(world) = World::new("kills", "[data]\nsnapshot_every_s = 1\n") else { return };
    let mut davy = Davy::start(&world.place, None, &[]).ready();
    let flames = points_of(&world.place, "flame");
    // 50 messages of 10 readings, ten times a second: 5,000 readings/s.
    let gateways = meters(&world.place, 50, 10);
    let readings: usize = gateways.iter().map(|(_, _, points)| points.len()).sum();
    let publisher = Publisher::start(Plan {
        port: world.place.mqtt_port,
        client_id: "outside-publisher".into(),
        every: Duration::from_micros(u64::try_from(readings).expect("fits") * 200),
        gateways,
        value: |n| 20.0 + (n % 10) as f64 / 10.0,
    });
    let mut lit = Vec::new();
    for (kill, flame) in (0..kills).zip(flames.iter().cycle()) {
        let database_away = rng.next_u32().is_multiple_of(4);
        if database_away {
            world.cluster.down("INT");
        }
        let aimed = rng.next_u32().is_multiple_of(2) && !database_away;
        if aimed {
            let fault = FAULTS[usize::try_from(rng.next_u32()).expect("fits") % FAULTS.len()];
            davy.stop();
            let nth = 1 + rng.next_u32() % 20;
            let nth = if fault.starts_with("snapshot") { 1 + nth % 3 } else { nth };
            davy = Davy::start(&world.place, Some(&format!("{fault}:{nth}")), &[]);
            wait_for(fault, Duration::from_secs(30), || davy.stands_still());
        } else {
            // The moment of the kill is the seed's choice.
            std::thread::park_timeout(Duration::from_millis(u64::from(rng.next_u32() % 1_200)));
        }
        // A danger that arises just before the kill, one for every kill.
        if !lit.contains(flame) {
            publisher.say(&flame.0, &flame.1, &flame.2, 1.0);
            lit.push(flame.clone());
        }
        // Before, while or after the danger is journalled: the seed decides.
        std::thread::park_timeout(Duration::from_millis(u64::from(rng.next_u32() % 40)));
        davy.kill();
        davy = Davy::start(&world.place, None, &[]).ready();
        if database_away {
            let open = || open_flames(&world) >= lit.len();
            wait_for("alarms to be live without the database", Duration::from_secs(10), open);
            world.cluster.up().expect("the database comes back");
        }
        eprintln!("kill {} of {kills} survived (database away: {database_away})", kill + 1);
    }
    let account = publisher.finish();
    eprintln!("{} readings accepted by the broker, {} unanswered", account.accepted.len(), account.unanswered.len());
    let judge = Judge::new(world.place.pg_port);
    judge.readings(&account);
    alarms_neither_lost_nor_doubled(&world, &judge, &lit);
    sound(&world, &["journal", "verify"]);
    sound(&world, &["store", "verify"]);
    assert_eq!(davy.stop(), Some(0), "a stop in order");
    crate::replay::is_identical(&world.place);
}

fn open_flames(world: &World) -> usize {
    let Ok((200, body)) = world.place.get("/api/v1/alarms?state=open") else { return 0 };
    body["alarms"].as_array().map_or(0, |all| all.iter().filter(|alarm| alarm["rule"] == "HC-29").count())
}

fn alarms_neither_lost_nor_doubled(world: &World, judge: &Judge, lit: &[(String, String, String)]) {
    assert_eq!(open_flames(world), lit.len(), "one open alarm for each danger");
    for (enterprise, _, point) in lit {
        let of = format!("FROM alarm WHERE rule = 'HC-29' AND enterprise = '{enterprise}' AND point = '{point}'");
        assert_eq!(judge.number(&format!("SELECT count(*) {of}")), 1, "{enterprise} {point}");
    }
    let raised = judge.number(
        "SELECT count(*) FROM alarm_event e JOIN alarm a ON a.id = e.alarm WHERE cause = 'raised' AND rule = 'HC-29'",
    );
    assert_eq!(usize::try_from(raised), Ok(lit.len()), "each raised once");
}

pub fn sound(world: &World, args: &[&str]) {
    let out = world.place.run(args);
    let said = [out.stdout, out.stderr].concat();
    assert!(out.status.success(), "davy {}: {}", args.join(" "), String::from_utf8_lossy(&said));
}
