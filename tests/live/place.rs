//! One broker, one database, one directory: where a Davy under test lives. I/O.

use davy_tests::davy::{Place, free_port};
use davy_tests::mosquitto::{Mosquitto, Settings};
use davy_tests::postgres::{Cluster, Durability};
use davy_tests::suite;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

pub struct World {
    pub broker: Mosquitto,
    pub cluster: Cluster,
    pub place: Place,
}

impl World {
    /// `None` where a server is missing on this machine: said loudly, never silently green.
    pub fn new(name: &str, extra: &str) -> Option<World> {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let broker = match Mosquitto::start(Settings::default()) {
            Ok(broker) => broker,
            Err(why) => return skipped("mosquitto", &why),
        };
        let cluster = match Cluster::start(Durability::Fast) {
            Ok(cluster) => cluster,
            Err(why) => return skipped("postgresql", &why),
        };
        let number = WORLDS.fetch_add(1, Ordering::SeqCst);
        let dir = std::env::temp_dir().join(format!("davy-live-{}-{name}-{number}", std::process::id()));
        let place = Place {
            dir: PathBuf::from(&dir),
            mqtt_port: broker.port(),
            pg_port: cluster.port(),
            http_port: free_port(),
            seeds: None,
            extra: extra.to_owned(),
        };
        place.write();
        let migrated = place.run(&["migrate"]);
        assert!(migrated.status.success(), "migrate: {}", String::from_utf8_lossy(&migrated.stderr));
        suite::ran("live", "mosquitto");
        suite::ran("live", "postgresql");
        Some(World { broker, cluster, place })
    }

    /// What went wrong last, for a failing test's message.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.place.dir.join("davy.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("davy's log ends:\n{}", self.log_tail());
        } else {
            std::fs::remove_dir_all(&self.place.dir).ok();
        }
    }
}

fn skipped(backend: &str, why: &str) -> Option<World> {
    suite::skip("live", backend, why);
    None
}
