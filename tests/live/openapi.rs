//! The API as its own document promises it: schemathesis, as it comes from the package index, asks a running Davy
//! questions made from the document, right ones and wrong ones. Skipped loudly where the index cannot be reached. I/O.

use crate::place::World;
use crate::python;
use davy_tests::davy::{Davy, root};
use davy_tests::suite;
use std::process::Command;

const PACKAGES: [&str; 1] = ["schemathesis==4.32.5"];

#[test]
fn every_answer_is_one_that_the_document_promises() {
    let Some(world) = World::new("openapi", "") else { return };
    let python = match python::with(&world.place.dir, &PACKAGES) {
        Ok(python) => python,
        Err(why) => {
            return suite::skip("live", "schemathesis", &format!("not installed from the package index: {why}"));
        }
    };
    suite::ran("live", "schemathesis");
    let davy = Davy::start(&world.place, None, &[]).ready();
    let address = format!("http://127.0.0.1:{}", world.place.http_port);
    let out = Command::new(python.with_file_name("st"))
        .arg("--config-file")
        .arg(root().join("tests/live/schemathesis.toml"))
        .args(["run", &format!("{address}/api/v1/openapi.json"), "--url", &address])
        .current_dir(&world.place.dir)
        .output()
        .expect("schemathesis runs");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    // A run that selects nothing is green too.
    println!("{}", said.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(said.contains("Test cases"), "{said}");
    let (status, _) = world.place.get("/readyz").expect("davy answers after all of it");
    assert_eq!(status, 200);
    assert_eq!(davy.stop(), Some(0));
}
