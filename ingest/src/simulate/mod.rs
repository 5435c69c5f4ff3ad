//! `davy simulate`: the district's gateways as MQTT clients that play normal operation and what goes wrong. Seeded: the
//! same seed and registry give the same values in the same order. Must not know the inside of Davy. I/O.

mod fleet;
mod habit;
pub mod history;
pub mod load;
mod plant;
pub mod profile;
mod publisher;
mod record;
pub mod scenario;
mod schedule;

use crate::clock::Clock;
use fleet::Fleet;
use record::Record;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use scenario::Scenario;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// What to play, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    pub registry: Arc<Registry>,
    pub host: String,
    pub port: u16,
    /// Readings a second over all gateways; `None` = every point at its own period, event points silent.
    pub rate: Option<f64>,
    /// Readings a message carries at most, 1 to 5,000.
    pub batch: usize,
    /// What goes wrong; nothing = normal operation.
    pub scenarios: Vec<Scenario>,
    pub seed: u64,
    /// `None` = until stopped.
    pub duration: Option<Duration>,
    /// Connections the gateways share, at least 1.
    pub connections: usize,
    /// Where to write every message the broker confirmed, one JSON object a line.
    pub log: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub messages: u64,
    pub readings: u64,
    /// Messages the broker confirmed.
    pub accepted: u64,
    pub accepted_readings: u64,
    /// Messages the broker confirmed with a refusal.
    pub refused: u64,
    /// Messages not sent because the broker was away for too long.
    pub skipped: u64,
    /// Messages sent and never confirmed.
    pub unanswered: u64,
    pub reconnects: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("the registry has no gateway with points")]
    NoGateways,
    #[error("batch {0} is not between 1 and 5000")]
    Batch(usize),
    #[error("rate {0} is not above 0 and at most 10,000,000 readings/s")]
    Rate(f64),
    #[error("scenario {scenario} finds no point of tag type {tag} in the registry")]
    NoTarget { scenario: Scenario, tag: &'static str },
    #[error("cannot write {path}: {source}")]
    Log { path: PathBuf, source: std::io::Error },
}

/// A message of the simulated district, and when its gateway would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    pub at: Micros,
    pub topic: String,
    pub payload: bytes::Bytes,
}

/// The whole play without a broker: what all gateways send in so many seconds from `begun` on, in the order of time.
///
/// # Errors
/// The options cannot be played.
pub fn script(options: &Options, begun: Micros, seconds: i64) -> Result<Vec<Scripted>, SimulateError> {
    check(options)?;
    let mut sent: Vec<Scripted> = Vec::new();
    for mut fleet in Fleet::muster(options)? {
        let scripted = |at: i64, message: fleet::Message| Scripted {
            at: begun.plus(at),
            topic: message.topic,
            payload: message.payload,
        };
        sent.extend(fleet.hello().into_iter().map(|message| scripted(0, message)));
        while let Some((at, due)) = fleet.schedule.next()
            && at < seconds.saturating_mul(SECOND_US)
        {
            sent.extend(fleet.messages(at, due, begun.0 / 1_000).into_iter().map(|message| scripted(at, message)));
        }
    }
    // Stable: what one gateway sends at one moment stays in its order.
    sent.sort_by_key(|message| message.at);
    Ok(sent)
}

/// Counts while it runs.
#[derive(Debug, Default)]
struct Counts {
    messages: AtomicU64,
    readings: AtomicU64,
    accepted: AtomicU64,
    accepted_readings: AtomicU64,
    refused: AtomicU64,
    skipped: AtomicU64,
    unanswered: AtomicU64,
    reconnects: AtomicU64,
}

/// Progress is printed so often.
const PROGRESS: Duration = Duration::from_secs(10);

/// Plays until the duration is over or `stop` turns true, then waits a moment for the last confirmations.
///
/// # Errors
/// The options cannot be played, or the log cannot be written.
pub async fn run(options: Options, mut stop: watch::Receiver<bool>) -> Result<Summary, SimulateError> {
    check(&options)?;
    let counts = Arc::new(Counts::default());
    let record = Record::open(options.log.clone())?;
    let (ended, is_ended) = watch::channel(false);
    let clock = Clock::starting(Micros::MIN);
    let begun = clock.now();
    let mut playing = Vec::new();
    for fleet in Fleet::muster(&options)? {
        let player = publisher::Player {
            host: options.host.clone(),
            port: options.port,
            clock: clock.clone(),
            begun,
            counts: Arc::clone(&counts),
            record: record.writer(),
            stop: is_ended.clone(),
        };
        playing.push(tokio::spawn(player.play(fleet)));
    }
    let until = options.duration.map(|span| begun.plus(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)));
    let mut progress = interval(PROGRESS);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    progress.reset();
    loop {
        let left = until.map_or(Duration::from_secs(86_400), |until| clock.until(until));
        tokio::select! {
            biased;
            // An error means that nobody is left to stop us later.
            _ = stop.wait_for(|stop| *stop) => break,
            () = tokio::time::sleep(left), if until.is_some() => break,
            _ = progress.tick() => say(&counts, clock.now().since(begun)),
        }
    }
    ended.send_replace(true);
    for player in playing {
        if let Err(error) = player.await {
            tracing::warn!(%error, "a connection ended badly");
        }
    }
    record.close()?;
    say(&counts, clock.now().since(begun));
    Ok(counts.summary())
}

fn check(options: &Options) -> Result<(), SimulateError> {
    if !(1..=crate::decode::READINGS_MAX).contains(&options.batch) {
        return Err(SimulateError::Batch(options.batch));
    }
    match options.rate {
        Some(rate) if !(rate > 0.0 && rate <= 1e7) => Err(SimulateError::Rate(rate)),
        _ => Ok(()),
    }
}

fn say(counts: &Counts, elapsed_us: i64) {
    let Summary { messages, readings, accepted, refused, skipped, reconnects, .. } = counts.summary();
    let waiting = messages.saturating_sub(accepted).saturating_sub(refused);
    println!(
        "simulate: {:>4} s  {readings} readings in {messages} messages, {accepted} confirmed, {waiting} under way, \
         {refused} refused, {skipped} skipped, {reconnects} reconnects",
        elapsed_us / SECOND_US
    );
}

impl Counts {
    fn summary(&self) -> Summary {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Summary {
            messages: read(&self.messages),
            readings: read(&self.readings),
            accepted: read(&self.accepted),
            accepted_readings: read(&self.accepted_readings),
            refused: read(&self.refused),
            skipped: read(&self.skipped),
            unanswered: read(&self.unanswered),
            reconnects: read(&self.reconnects),
        }
    }
}

#[cfg(test)]
mod tests;
