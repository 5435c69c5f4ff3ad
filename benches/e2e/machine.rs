//! The machine a figure belongs to, and the versions of everything on it. I/O: reads /proc, runs programs for their
//! version.

use davy_tests::davy::root;
use serde::Serialize;
use std::fs;
use std::process::Command;

#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    /// Load averages when the run began: what else was going on.
    pub load: String,
    pub mosquitto: String,
    pub rustc: String,
    pub commit: String,
}

impl Machine {
    #[must_use]
    pub fn look() -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib: f64 = total.and_then(|t| t.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Machine {
            cpu: cpu.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: (kib / f64::from(1 << 20) * 10.0).round() / 10.0,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            mosquitto: mosquitto(),
            rustc: said("rustc", &["--version"]),
            commit: commit(),
        }
    }
}

fn mosquitto() -> String {
    // `-h` is the only way to ask it; Debian keeps it where the PATH of a normal user does not look.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    let output = Command::new("sh").args(["-c", "mosquitto -h"]).env("PATH", path).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("mosquitto version "));
    line.map_or_else(|| "unknown".to_owned(), str::to_owned)
}

fn commit() -> String {
    let dir = root().display().to_string();
    let head = said("git", &["-C", &dir, "rev-parse", "--short=12", "HEAD"]);
    let changed = said("git", &["-C", &dir, "status", "--porcelain", "--untracked-files=no"]);
    if changed.is_empty() || changed == "unknown" { head } else { format!("{head} with changes") }
}

/// What a program answers, on one line.
fn said(program: &str, args: &[&str]) -> String {
    match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().replace('\n', " "),
        _ => "unknown".to_owned(),
    }
}
