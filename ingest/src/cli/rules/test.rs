//! `davy rules test`: every case beside the packs, run by the runner of the test suite. Must not know how packs are
//! loaded. I/O.

use crate::cli::bad_input;
use crate::seeds;
use alerting::cases;
use rules::registry::Registry;
use rules::set::RuleSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(dir: &Path, rules: &Arc<RuleSet>, registry: &Registry) -> ExitCode {
    let mut failed: usize = 0;
    let mut passed: usize = 0;
    let files = match seeds::case_files(dir) {
        Ok(files) => files,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return bad_input();
        }
    };
    for (file, text) in files {
        for outcome in cases::run(&file, &text, rules, registry) {
            match outcome {
                Ok(_) => passed = passed.saturating_add(1),
                Err(failure) => {
                    failed = failed.saturating_add(1);
                    eprintln!("{failure}");
                }
            }
        }
    }
    println!("{passed} cases passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { bad_input() }
}
