//! A Python of its own for one test, with packages from the package index. I/O.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python under `dir` that has the packages, or why there is none.
pub fn with(dir: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let venv = dir.join("venv");
    let run = |program: &Path, args: &[&str]| {
        let out = Command::new(program).args(args).output().map_err(|e| format!("{}: {e}", program.display()))?;
        if out.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&out.stderr);
        Err(text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").to_owned())
    };
    let made = run(Path::new("python3"), &["-m", "venv", &venv.to_string_lossy()]);
    made.unwrap_or_else(|why| panic!("no virtual environment (deploy/local/install.sh installs python3-venv): {why}"));
    let python = venv.join("bin/python");
    let install =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "2"];
    run(&python, &[&install[..], packages].concat())?;
    Ok(python)
}
