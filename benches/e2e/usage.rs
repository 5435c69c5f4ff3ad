//! CPU time of processes as the kernel counts it: a process with its threads, a server with its children, those that
//! have ended included. I/O: reads /proc.

use anyhow::Context;
use std::collections::BTreeMap;
use std::fs;

/// The kernel shows CPU time in hundredths of a second, on every architecture Linux still supports.
const TICKS_PER_S: f64 = 100.0;

/// Seconds of CPU since a process began, its living and its ended children included.
pub fn of_tree(pid: u32) -> anyhow::Result<f64> {
    let own = Stat::read(&format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    let mut ticks = own.own + own.ended_children;
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // It may have ended between the two looks; then its parent has its time.
        if let Some(child) = Stat::read(&format!("/proc/{}/stat", name.to_string_lossy()))
            && child.parent == pid
        {
            ticks += child.own + child.ended_children;
        }
    }
    Ok(ticks / TICKS_PER_S)
}

/// Seconds of CPU of a process by the names of its threads.
#[must_use]
pub fn by_thread(pid: u32) -> BTreeMap<String, f64> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
        if let Some(stat) = Stat::read(&path.join("stat").to_string_lossy()) {
            *threads.entry(name.trim().to_owned()).or_insert(0.0) += stat.own / TICKS_PER_S;
        }
    }
    threads
}

/// Resident memory of a process, bytes.
#[must_use]
pub fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kb.unwrap_or_default() * 1_024
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn read(path: &str) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(path).ok()?)
    }

    /// The name in parentheses may hold anything; the fields begin behind it with the third.
    fn parse(line: &str) -> Option<Stat> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            ended_children: ticks(13)? + ticks(14)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line = "42 (a b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 5";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.own, stat.ended_children), (7, 200.0, 50.0));
    }

    #[test]
    fn we_use_time_ourselves() {
        let me = std::process::id();
        assert!(of_tree(me).unwrap() >= 0.0 && memory(me) > 0);
        assert!(!by_thread(me).is_empty());
    }
}
