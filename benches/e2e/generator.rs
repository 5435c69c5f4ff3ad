//! The generator as the runner sees it: a process that is told phases and how far the database is, and says what it
//! sent. I/O.

use crate::ground::Site;
use crate::plan::{Phase, Sent, Word};
use anyhow::{Context, bail, ensure};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

pub struct Generator {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Generator {
    pub fn start(site: &Site, port: u16, connections: usize) -> anyhow::Result<Generator> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["generate", "--port", &port.to_string(), "--connections", &connections.to_string(), "--district"])
            .arg(&site.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the generator")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("no output")?;
        // It says one line a phase.
        let (tell, lines) = sync_channel(4);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let generator = Generator { child, input, lines };
        let ready = generator.lines.recv_timeout(Duration::from_secs(30)).context("the generator does not start")?;
        ensure!(ready == "\"ready\"", "the generator says {ready:?}");
        Ok(generator)
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn go(&mut self, phase: &Phase) -> anyhow::Result<()> {
        self.say(&Word::Go(phase.clone()))
    }

    pub fn committed(&mut self, readings: u64) -> anyhow::Result<()> {
        self.say(&Word::Committed(readings))
    }

    /// What it sent, once the phase is over; waits for it no longer than `span`.
    pub fn sent(&mut self, span: Duration) -> anyhow::Result<Option<Sent>> {
        match self.lines.recv_timeout(span) {
            Ok(line) => Ok(Some(serde_json::from_str(&line)?)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the generator has ended: {}", self.child.wait()?),
        }
    }

    fn say(&mut self, word: &Word) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the generator is not listening")?;
        writeln!(input, "{}", serde_json::to_string(word)?).context("the generator has ended")
    }

    pub fn finish(mut self) -> anyhow::Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "the generator ended with {status}");
        Ok(())
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // After an error it may still be sending; after `finish` both calls do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
