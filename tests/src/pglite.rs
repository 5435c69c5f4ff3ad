//! A real TimescaleDB where none is installed: the npm build in `tests/pglite`, started with node. One connection at a
//! time, no COPY FROM STDIN, no background jobs. Must not know the schema. I/O.

use ingest::store::connection::{Connection, Purpose};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio_postgres::Client;

/// Runs until it is dropped, or until this process is gone: it ends with its standard input.
pub struct Pglite {
    server: Child,
    port: u16,
}

/// Connecting is tried so often: the server lets go of a connection a moment after its client has.
const TRIES: u32 = 40;

impl Pglite {
    /// Installs what the lock file names, if that has not been done, and starts the server. The error says what is
    /// missing.
    pub fn start() -> Result<Pglite, String> {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pglite");
        said(Command::new("node").arg("--version")).map_err(|e| format!("node does not run: {e}"))?;
        // Written by npm when it is done.
        if !dir.join("node_modules/.package-lock.json").is_file() {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-timeout=60000"]);
            said(npm.current_dir(&dir)).map_err(|e| format!("npm ci in tests/pglite failed: {e}"))?;
        }
        let mut node = Command::new("node");
        node.arg("server.mjs").current_dir(&dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = node.spawn().map_err(|e| format!("node: {e}"))?;
        let mut line = String::new();
        if let Some(out) = server.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|e| e.to_string())?;
        }
        match line.trim().strip_prefix("port ").and_then(|port| port.parse().ok()) {
            Some(port) => Ok(Pglite { server, port }),
            None => {
                drop(server.kill());
                drop(server.wait());
                Err(format!("tests/pglite/server.mjs did not start: {line}"))
            }
        }
    }

    /// Everybody is the superuser there; the password is asked for and not looked at.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: "postgres".to_owned(),
            password: Some("any".to_owned()),
            dbname: "postgres".to_owned(),
        }
    }

    /// The one connection, once the former client's has ended.
    pub async fn client(&self) -> Result<Client, String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.connection().open(Purpose::Inspect).await {
                Ok(client) => return Ok(client),
                Err(e) => last = e.to_string(),
            }
            // The server tells nobody when the connection is free: asking again is all there is.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(last)
    }
}

impl Drop for Pglite {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Runs it to its end; the error is the last line it said.
fn said(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").to_owned())
}
