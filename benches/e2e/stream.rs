//! A reader of Davy's event stream, as a browser is one: notes when each red alarm was seen. I/O: HTTP.

use anyhow::Context;
use davy_tests::davy::Place;
use ingest::clock::wall;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, PoisonError};

/// By (enterprise, point): wall clock in microseconds when its red alarm came in.
pub type Seen = BTreeMap<(String, String), i64>;

pub struct Stream {
    seen: Arc<Mutex<Seen>>,
}

impl Stream {
    /// Listens until Davy ends.
    pub fn open(place: &Place) -> anyhow::Result<Stream> {
        let url = format!("http://127.0.0.1:{}/api/v1/stream", place.http_port);
        let answer = ureq::get(&url).call().context("davy's event stream")?;
        let reader = BufReader::new(answer.into_body().into_reader());
        let seen = Arc::new(Mutex::new(Seen::new()));
        let shared = Arc::clone(&seen);
        std::thread::Builder::new().name("bench-stream".to_owned()).spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let at_us = wall().0;
                if let Some(key) = line.strip_prefix("data: ").and_then(red) {
                    shared.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(at_us);
                }
            }
        })?;
        Ok(Stream { seen })
    }

    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Enterprise and point of an event that says that a red alarm was raised.
fn red(line: &str) -> Option<(String, String)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let alarm = event.get("alarm")?;
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let raised = text(&event, "cause")? == "raised" && text(alarm, "severity")? == "red";
    if raised { Some((text(alarm, "enterprise")?, text(alarm, "point")?)) } else { None }
}
