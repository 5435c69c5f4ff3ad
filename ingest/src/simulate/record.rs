//! The log of messages the broker confirmed, one JSON object a line: what an outside judge compares with the database.
//! Written by a thread of its own. I/O.

use super::SimulateError;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// A confirmed message. Payloads that are not text stand in hex.
#[derive(Debug, Serialize)]
pub struct Confirmed {
    pub topic: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_hex: Option<String>,
}

/// Lines under way to the file: a moment of disk trouble must not slow the publishers at once.
const LINES_MAX: usize = 10_000;

pub struct Record(Option<(Sender<Confirmed>, JoinHandle<std::io::Result<()>>, PathBuf)>);

impl Record {
    /// Begins a new log at `path`, or none.
    pub fn open(path: Option<PathBuf>) -> Result<Record, SimulateError> {
        let Some(path) = path else { return Ok(Record(None)) };
        let file = File::create(&path).map_err(|source| SimulateError::Log { path: path.clone(), source })?;
        let (sender, receiver) = channel(LINES_MAX);
        let writing = std::thread::spawn(move || write(file, receiver));
        Ok(Record(Some((sender, writing, path))))
    }

    pub fn writer(&self) -> Option<Sender<Confirmed>> {
        self.0.as_ref().map(|(sender, ..)| sender.clone())
    }

    /// Waits until all is written.
    pub fn close(self) -> Result<(), SimulateError> {
        let Some((sender, writing, path)) = self.0 else { return Ok(()) };
        drop(sender);
        let ended = writing.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer failed")));
        ended.map_err(|source| SimulateError::Log { path, source })
    }
}

impl Confirmed {
    pub fn new(topic: &str, payload: &[u8]) -> Confirmed {
        let text = std::str::from_utf8(payload).ok().map(str::to_owned);
        let hex = || payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let payload_hex = if text.is_none() { Some(hex()) } else { None };
        Confirmed { topic: topic.to_owned(), payload: text, payload_hex }
    }
}

fn write(file: File, mut lines: Receiver<Confirmed>) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    while let Some(line) = lines.blocking_recv() {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
        if lines.is_empty() {
            file.flush()?;
        }
    }
    file.flush()
}
