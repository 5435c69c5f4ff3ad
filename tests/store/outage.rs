//! The database goes away under a running projection and comes back: nothing lost, nothing twice, states told.
//! Against a PostgreSQL of its own. I/O.

use crate::place::{JOURNAL, Journal, Place, SECOND, Spool, T0, business, memory_path, numbering, r, readings};
use davy_tests::postgres::{Cluster, Durability};
use ingest::store::connection::Purpose;
use ingest::store::lane::Lane;
use ingest::store::memory::Memory;
use ingest::store::migrate::migrate;
use ingest::store::progress::Progress;
use ingest::store::verify::verify;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

async fn until(progress: &mut watch::Receiver<Progress>, what: impl Fn(&Progress) -> bool) -> Progress {
    let wait = progress.wait_for(|p| what(p));
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("within a minute").unwrap().clone()
}

fn append(spool: &Spool, seqs: std::ops::Range<u64>) {
    for seq in seqs {
        spool.append(readings(seq, &[r(0, T0 + i64::try_from(seq).unwrap() * SECOND, 1.0)], &[]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lanes_survive_a_crash_of_the_database_and_drain_afterwards() {
    let Some(_said) = Place::bare() else { return };
    let cluster = Arc::new(Cluster::start(Durability::Fast).unwrap());
    let place = Place { cluster: cluster.clone(), dbname: "davy".to_owned() };
    migrate(&place.connection("davy_owner")).await.unwrap();
    let (spool, business_spool, journal) = (Spool::new(), Spool::new(), Journal::new(JOURNAL, 1_000_000));
    let memory = Arc::new(Memory::open(&memory_path()));
    let (stop, stopped) = watch::channel(false);
    let readings_lane = place.projector(Lane::Readings, &spool, &journal, &memory);
    let business_lane = place.projector(Lane::Business, &business_spool, &journal, &memory);
    let (mut progress, mut business_progress) = (readings_lane.progress(), business_lane.progress());
    let tasks = [tokio::spawn(readings_lane.run(stopped.clone())), tokio::spawn(business_lane.run(stopped))];
    // Readings first: they wait for the business lane.
    append(&spool, 2..100);
    until(&mut progress, |p| p.state.name() == "catching-up").await;
    business_spool.append(business(1, numbering(1)));
    until(&mut progress, |p| p.applied_seq == 99 && p.state.name() == "up" && p.lag == 0).await;
    cluster.down("QUIT");
    append(&spool, 100..2_000);
    until(&mut progress, |p| p.state.name() == "down" && p.lag == 1_900).await;
    // The idle lane notices as well.
    until(&mut business_progress, |p| p.state.name() == "down").await;
    cluster.up().unwrap();
    let up = until(&mut progress, |p| p.applied_seq == 1_999).await;
    assert_eq!(up.counts.fast, 1_998);
    until(&mut business_progress, |p| p.state.name() == "up").await;
    assert_eq!(memory.remembered(JOURNAL, Lane::Readings), Some(1_999));
    stop.send(true).unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    let mut client = place.connection("davy_read").open(Purpose::Inspect).await.unwrap();
    let report = verify(&mut client).await.unwrap();
    assert!(report.is_sound() && report.readings == 1_998, "{report:?}");
}
