//! The judge of what was stored: compares the publisher's own account with `readings_v`, by SQL alone. I/O.

use davy_tests::davy::wait_for;
use davy_tests::publisher::{Account, Sent};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_postgres::NoTls;

pub struct Judge {
    runtime: tokio::runtime::Runtime,
    port: u16,
}

impl Judge {
    pub fn new(port: u16) -> Judge {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Judge { runtime: runtime.expect("a runtime"), port }
    }

    pub fn rows(&self, sql: &str) -> Vec<tokio_postgres::Row> {
        self.runtime.block_on(async {
            let place = format!("host=127.0.0.1 port={} user=davy_read dbname=davy", self.port);
            let (client, session) = tokio_postgres::connect(&place, NoTls).await.expect("the judge may read");
            let session = tokio::spawn(session);
            let rows = client.query(sql, &[]).await.expect("the judge's question is right");
            drop(client);
            session.await.expect("the session ends").expect("in order");
            rows
        })
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0].get(0)
    }

    /// Every accepted reading exactly once, nothing twice, nothing that was never sent.
    pub fn readings(&self, account: &Account) {
        let stored = || self.number("SELECT count(*) FROM readings_v WHERE device_time IS NOT NULL");
        let accepted = i64::try_from(account.accepted.len()).expect("fits");
        wait_for("the database to catch up", Duration::from_secs(120), || stored() >= accepted);
        // Readings whose PUBACK was lost may still be on their way: wait until nothing more comes.
        let mut last = -1;
        wait_for("the database to stand still", Duration::from_secs(60), || {
            let now = stored();
            let still = now == last;
            last = now;
            // Longer than a chunk of the projection takes: two equal counts so far apart mean that it rests.
            std::thread::park_timeout(Duration::from_millis(700));
            still
        });
        let found = self.found();
        let twice: Vec<_> = found.iter().filter(|(_, count)| **count != 1).take(5).collect();
        assert!(twice.is_empty(), "stored more than once: {twice:?}");
        let lost: Vec<&Sent> = account.accepted.iter().filter(|sent| !found.contains_key(*sent)).collect();
        assert!(lost.is_empty(), "{} of {accepted} accepted readings lost, first {:?}", lost.len(), lost.first());
        let known = account.accepted.len() + account.unanswered.len();
        let surplus = found.len().saturating_sub(known);
        assert_eq!(surplus, 0, "{surplus} readings stored that nobody sent");
    }

    fn found(&self) -> BTreeMap<Sent, i64> {
        let sql = "SELECT enterprise, point, (extract(epoch FROM device_time) * 1000)::bigint, value, count(*) \
                   FROM readings_v WHERE device_time IS NOT NULL GROUP BY enterprise, point, device_time, value";
        let read = |row: tokio_postgres::Row| {
            let value: f64 = row.get(3);
            let sent =
                Sent { enterprise: row.get(0), point: row.get(1), device_ms: row.get(2), value_bits: value.to_bits() };
            (sent, row.get(4))
        };
        self.rows(sql).into_iter().map(read).collect()
    }
}
