//! The whole suite once more on TimescaleDB, where it is installed; said aloud where it is not. I/O: starts this program
//! again.

use davy_tests::postgres::Backend;
use davy_tests::suite;
use ingest::store::capability::{Tier, detect};
use std::process::Command;

/// Every test by one parameter, in a process of its own: its cluster preloads the extension.
#[test]
fn the_whole_suite_on_timescaledb() {
    if Backend::asked_for() == Backend::Timescaledb {
        return;
    }
    if let Err(why) = Backend::Timescaledb.missing() {
        return suite::skip("store", "timescaledb", &why);
    }
    let me = std::env::current_exe().unwrap();
    let status = Command::new(me).arg("--nocapture").env("STORE_BACKEND", "timescaledb").status().unwrap();
    assert!(status.success(), "the suite fails on TimescaleDB: {status}");
}

/// What a native TimescaleDB is found to be: never plain without a reason, and direct only when that was proved.
#[tokio::test]
async fn a_native_timescaledb_is_found_to_be_what_it_is() {
    let Some(place) = crate::place::Place::new().await else { return };
    let mut writer = place.client("davy_writer").await;
    let mut found = detect(&writer).await.unwrap();
    found.prove_direct(&mut writer).await;
    match Backend::asked_for() {
        Backend::Postgresql => {
            assert!(found.tier == Tier::Plain && found.reason.contains("not installed"), "{found:?}")
        }
        Backend::Timescaledb => {
            let modest = found.licence.as_deref() != Some("timescale");
            assert!(found.tier > Tier::Plain || modest, "{found:?}");
            assert!(found.tier == Tier::Direct || !found.reason.is_empty(), "{found:?}");
            // The proof leaves nothing behind.
            assert_eq!(place.count("reading"), 0);
        }
    }
}
