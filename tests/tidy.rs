//! The house rules as a test: sizes, names, purity, documents that must name everything, and that nothing is left
//! behind. I/O: reads the checkout.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const CRATES: [&str; 5] = ["rules", "alerting", "ingest", "tests", "benches"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file below `dir` whose name ends so, as paths from the root, sorted; build output left out.
fn files(dir: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(dir)];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "node_modules" {
                todo.push(path);
            } else if name.ends_with(ending) {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn rust_files() -> Vec<String> {
    CRATES.iter().flat_map(|dir| files(dir, ".rs")).collect()
}

/// Files that are not Rust, at the top and below it.
fn documents(ending: &str) -> Vec<String> {
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = top.filter(|name| name.ends_with(ending) && root().join(name).is_file()).collect();
    found.extend(CRATES.iter().chain(&["seeds", "deploy"]).flat_map(|dir| files(dir, ending)));
    found
}

fn report(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut faults = Vec::new();
    for path in rust_files() {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if head.is_empty() {
            faults.push(format!("{path}: does not open with what it owns (//! lines)"));
        } else if !["Pure", "I/O"].iter().any(|word| head.contains(word)) {
            faults.push(format!("{path}: its first lines do not say `Pure` or `I/O`"));
        }
    }
    report("files", &faults);
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for path in rust_files() {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            let is_function = code.split(" fn ").next().is_some_and(|before| {
                code.starts_with("fn ")
                    || before.split(' ').all(|w| w.starts_with("pub") || ["async", "const"].contains(&w))
            });
            if !is_function || line.trim_end().ends_with(['}', ';']) {
                continue;
            }
            // rustfmt closes a function with a brace in the column where it began.
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[number..].iter().position(|l| *l == close).map_or(0, |n| n + 1);
            if length > FUNCTION_LINES_MAX {
                faults.push(format!("{path}:{}: {length} lines, at most {FUNCTION_LINES_MAX}", number + 1));
            }
        }
    }
    report("functions", &faults);
}

#[test]
fn types_are_named_after_what_they_are() {
    let mut faults = Vec::new();
    for path in rust_files() {
        for (number, line) in read(&path).lines().enumerate() {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            for pair in words.windows(2).filter(|pair| ["struct", "enum", "trait", "mod"].contains(&pair[0])) {
                let name = pair[1].to_lowercase();
                if ["manager", "handler", "helper", "util", "common"].iter().any(|word| name.contains(word)) {
                    faults.push(format!("{path}:{}: {}", number + 1, pair[1]));
                }
            }
        }
    }
    report("names that say nothing", &faults);
}

#[test]
fn tests_wait_for_time_only_with_a_reason() {
    let mut faults = Vec::new();
    let here = file!();
    for path in rust_files().into_iter().filter(|p| p.contains("tests/") && !here.ends_with(p.as_str())) {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let waits =
                line.contains("thread::sleep(") || line.contains("time::sleep(") || line.contains("park_timeout(");
            let explained = lines[number.saturating_sub(3)..=number].iter().any(|near| near.contains("// "));
            if waits && !explained {
                faults.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    report("waits for time in tests, without a comment that says why nothing else will do", &faults);
}

#[test]
fn the_code_map_is_the_tree() {
    let map = read("ARCHITECTURE.md");
    let mapped: BTreeSet<String> = map
        .lines()
        .filter_map(|line| line.strip_prefix("* `")?.split_once("` - "))
        .map(|(path, _)| path.to_owned())
        .filter(|path| path.ends_with(".rs"))
        .collect();
    let tree: BTreeSet<String> =
        ["rules/src", "alerting/src", "ingest/src", "tests", "benches"].iter().flat_map(|d| files(d, ".rs")).collect();
    let missing: Vec<String> = tree.difference(&mapped).cloned().collect();
    let gone: Vec<String> = mapped.difference(&tree).cloned().collect();
    report("not in the code map of ARCHITECTURE.md", &missing);
    report("in the code map of ARCHITECTURE.md, not in the tree", &gone);
}

#[test]
fn the_pure_crates_are_pure() {
    let allowed = [
        ("rules", &["rhai", "serde", "thiserror", "toml"][..]),
        ("alerting", &["bytes", "postcard", "rules", "serde", "serde_json", "thiserror"][..]),
    ];
    let mut faults = Vec::new();
    for (krate, allowed) in allowed {
        let manifest = read(&format!("{krate}/Cargo.toml"));
        let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap().to_owned();
        for line in section.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let name = line.split(['.', ' ', '=']).next().unwrap();
            if !allowed.contains(&name) {
                faults.push(format!("{krate} depends on {name}"));
            }
        }
        for path in files(&format!("{krate}/src"), ".rs") {
            let code = without_tests(&read(&path));
            for word in ["HashMap", "HashSet", "std::fs", "std::net", "SystemTime", "Instant", "mul_add", "rand::"] {
                if code.contains(word) {
                    faults.push(format!("{path}: {word}"));
                }
            }
        }
    }
    report("purity of rules and alerting", &faults);
}

#[test]
fn decoders_are_pure_functions() {
    let mut faults = Vec::new();
    for path in files("ingest/src/decode", ".rs") {
        let code = without_tests(&read(&path));
        for word in ["async ", "std::fs", "clock::", "tokio::", "Mutex", "static "] {
            if code.contains(word) {
                faults.push(format!("{path}: {word}"));
            }
        }
    }
    report("decode must be a pure function of (raw, registry, received)", &faults);
}

#[test]
fn only_the_clock_reads_the_clock_and_nobody_sleeps() {
    let mut faults = Vec::new();
    for path in files("ingest/src", ".rs") {
        let code = without_tests(&read(&path));
        let clock = path == "ingest/src/clock.rs";
        for word in ["SystemTime::now", "Instant::now", "thread::sleep"] {
            if code.contains(word) && !clock {
                faults.push(format!("{path}: {word}"));
            }
        }
    }
    report("the clock", &faults);
}

#[test]
fn the_auditor_shares_nothing_with_what_it_judges() {
    let mut faults = Vec::new();
    for path in files("tests/world", ".rs").iter().filter(|p| p.contains("auditor")) {
        for line in read(path).lines().filter(|l| !l.trim_start().starts_with("//")) {
            if line.contains("alerting") || line.contains("ingest") || line.contains("rules::") {
                faults.push(format!("{path}: {}", line.trim()));
            }
        }
    }
    report("the auditor of the world simulation", &faults);
}

#[test]
fn every_metric_is_explained() {
    let runbook = read("deploy/RUNBOOK.md");
    let telemetry = without_tests(&read("ingest/src/telemetry.rs"));
    let is_name = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let metrics = telemetry.split('"').filter(|word| word.starts_with("davy_") && is_name(word));
    let missing: Vec<String> = metrics.filter(|m| !runbook.contains(*m)).map(str::to_owned).collect();
    report("metrics of ingest/src/telemetry.rs that deploy/RUNBOOK.md does not explain", &missing);
}

#[test]
fn every_system_alarm_is_explained() {
    let runbook = read("deploy/RUNBOOK.md");
    let mut missing = Vec::new();
    let product = ["alerting/src", "ingest/src"].iter().flat_map(|dir| files(dir, ".rs"));
    for path in product.filter(|path| !path.contains("tests")) {
        let code = without_tests(&read(&path));
        let codes = code.split("\"DAVY-").skip(1).filter_map(|rest| rest.split_once('"'));
        missing.extend(
            codes.filter(|(code, _)| !runbook.contains(&format!("`DAVY-{code}`"))).map(|(code, _)| code.to_owned()),
        );
    }
    report("alarms of Davy itself that deploy/RUNBOOK.md does not explain", &missing);
}

#[test]
fn every_fault_point_is_listed() {
    let readme = read("tests/README.md");
    let section = readme.split("\n## Fault points").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: BTreeSet<String> =
        section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect();
    let mut placed = BTreeSet::new();
    for path in files("ingest/src", ".rs") {
        let text = read(&path);
        placed.extend(text.split("fault::point(\"").skip(1).map(|part| part.split('"').next().unwrap().to_owned()));
    }
    let missing: Vec<String> = placed.difference(&listed).cloned().collect();
    let gone: Vec<String> = listed.difference(&placed).cloned().collect();
    report("fault points that tests/README.md does not list", &missing);
    report("fault points of tests/README.md that are nowhere", &gone);
}

#[test]
fn every_dependency_has_its_reason() {
    let architecture = read("ARCHITECTURE.md");
    let tables = architecture.split("\n## Dependencies").nth(1).unwrap();
    let cells = tables.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let explained: BTreeSet<&str> = cells.flat_map(|cell| cell.split(", ")).collect();
    let mut used = BTreeSet::new();
    for krate in CRATES {
        let manifest = read(&format!("{krate}/Cargo.toml"));
        for section in manifest.split("\n[").filter(|s| s.contains("dependencies]")) {
            let lines = section.lines().skip(1).filter(|line| line.contains('=') && !line.starts_with('#'));
            used.extend(lines.map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned()));
        }
    }
    let ours = |name: &String| CRATES.contains(&name.strip_prefix("davy-").unwrap_or(name));
    let missing: Vec<String> = used.iter().filter(|n| !explained.contains(n.as_str()) && !ours(n)).cloned().collect();
    report("dependencies without a reason in ARCHITECTURE.md", &missing);
    let words = |name: &&&str| !["crate", "---"].contains(name);
    let gone: Vec<String> =
        explained.iter().filter(words).filter(|n| !used.contains(**n)).map(|n| (*n).to_owned()).collect();
    report("dependencies of ARCHITECTURE.md that nobody uses", &gone);
}

#[test]
fn documents_lead_somewhere() {
    let mut faults = Vec::new();
    for path in documents(".md") {
        let text = read(&path);
        let dir = Path::new(&path).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !root().join(&dir).join(target).exists() {
                faults.push(format!("{path}: {link}"));
            }
        }
    }
    report("links to nothing", &faults);
}

#[test]
fn both_readmes_say_the_same() {
    let commands = |path: &str| {
        let text = read(path);
        let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
        lines.map(|line| line.split("  #").next().unwrap_or_default().trim_end().to_owned()).collect::<Vec<_>>()
    };
    let sections =
        |path: &str| read(path).lines().filter(|line| line.starts_with("##") || line.starts_with('*')).count();
    assert_eq!(commands("README.md"), commands("README.zh-CN.md"), "the commands of README.md and README.zh-CN.md");
    assert_eq!(sections("README.md"), sections("README.zh-CN.md"), "sections and points of both READMEs");
}

#[test]
fn nothing_is_left_behind() {
    let mut faults = Vec::new();
    let here = file!();
    for path in rust_files().into_iter().filter(|p| !here.ends_with(p.as_str())) {
        for (number, line) in read(&path).lines().enumerate() {
            for word in ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!(", "#[ignore", "/work/", "/home/"] {
                if line.contains(word) {
                    faults.push(format!("{path}:{}: {word}", number + 1));
                }
            }
        }
    }
    let others = [".md", ".toml", ".sh", ".sql", ".yml", ".js", ".css", ".html", ".service", ".in"];
    for path in others.iter().flat_map(|ending| documents(ending)) {
        let text = read(&path);
        faults.extend(
            ["/work/", "/home/", "TODO", "FIXME"].iter().filter(|w| text.contains(**w)).map(|w| format!("{path}: {w}")),
        );
    }
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let known = [
            "Cargo.toml",
            "Cargo.lock",
            "ingest",
            "rules",
            "alerting",
            "seeds",
            "deploy",
            "benches",
            "tests",
            "README.md",
            "README.zh-CN.md",
            "ARCHITECTURE.md",
            "Makefile",
            "LICENSE",
            "clippy.toml",
            "console",
            "target",
            "data",
        ];
        if !name.starts_with('.') && !known.contains(&name.as_str()) {
            faults.push(format!("{name} does not belong at the top level"));
        }
    }
    report("left behind", &faults);
}

/// The file without its tests, which may do what the code may not.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}
