//! One line a suite and backend on standard output, from which `make test` builds its table.
//! Must not decide what a suite is. I/O.

use std::io::Write;

/// `SUITE store postgresql ran`
pub fn ran(suite: &str, backend: &str) {
    say(&format!("SUITE {suite} {backend} ran"));
}

/// `SUITE store postgresql skipped <why>`: never silently green.
pub fn skip(suite: &str, backend: &str, why: &str) {
    say(&format!("SUITE {suite} {backend} skipped {}", why.replace('\n', " ")));
}

/// Past the capture of the test harness, which swallows what `println!` writes.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(e) = writeln!(out, "{line}") {
        eprintln!("{line} (standard output: {e})");
    }
}
