//! The broker's end of the inbox: a persistent MQTT 5 session that is never acknowledged ahead of the journal and
//! comes back by itself. Must not know formats, points or what becomes of a delivery. I/O.

pub mod broker_watch;
pub mod counters;
mod line;
mod reader;

use crate::config;
use crate::inbox::InboxSender;
use alerting::input::Link;
use broker_watch::BrokerWatch;
use counters::MqttCounters;
use line::Line;
use reader::Reader;
use rules::reading::{Micros, SECOND_US};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Reads the loop's clock.
pub type Now = Arc<dyn Fn() -> Micros + Send + Sync>;

/// What the broker's end leans on inside Davy.
#[derive(Clone)]
pub struct Feed {
    pub inbox: InboxSender,
    pub now: Now,
    pub counters: MqttCounters,
    /// Where to keep what was last seen of the broker, so that its losses during our absence are noticed.
    pub memo: Option<PathBuf>,
}

/// Starts the session on the current tokio runtime; it connects, and reconnects, by itself.
#[must_use]
pub fn start(broker: &config::Mqtt, feed: Feed) -> Running {
    let (phase, phase_seen) = watch::channel(Phase::Running);
    let (standing, standing_seen) = watch::channel(Standing::Down("not connected yet".to_owned()));
    let task = tokio::spawn(Session::new(broker.clone(), feed, phase_seen, standing).run());
    Running { phase, standing: standing_seen, task }
}

/// The running session.
pub struct Running {
    phase: watch::Sender<Phase>,
    standing: watch::Receiver<Standing>,
    task: JoinHandle<()>,
}

/// How we stand with the broker, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Subscribed.
    Up,
    /// Why not; worded by what failed last.
    Down(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Takes nothing in any more, but acknowledgements still go out.
    Paused,
    Stopping,
}

const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
/// A connection that held for so long was a good one: the next attempt comes at once again.
const SETTLED_US: i64 = 5 * SECOND_US;
/// So long a stop waits for the last acknowledgements and the farewell to leave.
const FAREWELL: Duration = Duration::from_secs(2);

impl Running {
    /// How we stand with the broker, now and at every change.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// First half of a stop: what comes from now on is left with the broker; what the engine still has can be
    /// acknowledged.
    pub fn pause(&self) {
        self.phase.send_replace(Phase::Paused);
    }

    /// Second half: sends the acknowledgements given so far, says farewell and ends. The broker keeps the session.
    pub async fn stop(self) {
        self.phase.send_replace(Phase::Stopping);
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "mqtt session ended badly");
        }
    }
}

/// The life of the session: one connection after another.
struct Session {
    broker: config::Mqtt,
    feed: Feed,
    phase: watch::Receiver<Phase>,
    watch: Arc<Mutex<BrokerWatch>>,
    standing: watch::Sender<Standing>,
    /// The engine has been told that the link is down, and not yet that it is up again.
    is_down: bool,
}

enum End {
    Broken(String),
    Stopped,
}

impl Session {
    fn new(
        broker: config::Mqtt,
        feed: Feed,
        phase: watch::Receiver<Phase>,
        standing: watch::Sender<Standing>,
    ) -> Session {
        let watch = BrokerWatch::open(feed.memo.clone(), (feed.now)());
        Session { broker, feed, phase, watch: Arc::new(Mutex::new(watch)), standing, is_down: false }
    }

    async fn run(mut self) {
        let mut back_off = BACK_OFF_MIN;
        loop {
            // Every connection is a new client with an event loop of its own: nothing of an old one, neither queued
            // packets nor acknowledgements on their way, can reach the next.
            let (line, events) = Line::open(&self.broker, &self.feed);
            let reader = self.reader(&line);
            let polling = tokio::spawn(reader.run(events));
            let end = self.watch_over(&line, polling).await;
            self.retire(&line, &end);
            if matches!(end, End::Stopped) {
                return;
            }
            let settled = line.up_since().is_some_and(|up| (self.feed.now)().since(up) >= SETTLED_US);
            back_off = if settled { BACK_OFF_MIN } else { back_off };
            if self.is_stopped_within(back_off).await {
                return;
            }
            back_off = back_off.saturating_mul(2).min(BACK_OFF_MAX);
        }
    }

    fn reader(&self, line: &Arc<Line>) -> Reader {
        Reader {
            line: Arc::clone(line),
            feed: self.feed.clone(),
            watch: Arc::clone(&self.watch),
            phase: self.phase.clone(),
            standing: self.standing.clone(),
        }
    }

    /// Waits for the end of one connection. Polling is never raced: it runs in its own task, and when that task has
    /// to be ended its connection ends with it.
    async fn watch_over(&mut self, line: &Arc<Line>, mut polling: JoinHandle<String>) -> End {
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                ended = &mut polling => {
                    return End::Broken(ended.unwrap_or_else(|error| format!("the reader failed: {error}")));
                }
                changed = self.phase.changed() => {
                    // Without its handle the session has nobody left to stop it, so it stops itself.
                    if changed.is_err() || *self.phase.borrow() == Phase::Stopping {
                        line.farewell();
                        if timeout(FAREWELL, &mut polling).await.is_err() {
                            end(polling).await;
                        }
                        return End::Stopped;
                    }
                }
                _ = tick.tick() => {
                    self.look_at_broker(line);
                    let silent_us = (self.feed.now)().since(line.last_packet());
                    if silent_us > i64::from(self.broker.keep_alive_s).saturating_mul(2 * SECOND_US) {
                        self.feed.counters.stalls.inc();
                        end(polling).await;
                        return End::Broken(format!("no packet for {} s", silent_us / SECOND_US));
                    }
                }
            }
        }
    }

    fn look_at_broker(&self, line: &Line) {
        let faults = lock(&self.watch).tick((self.feed.now)(), line.up_since().is_some());
        for fault in faults {
            self.feed.inbox.fault(fault);
        }
    }

    /// After a connection: nothing of it can be acknowledged any more, and the engine hears that the link is down.
    fn retire(&mut self, line: &Line, end: &End) {
        line.retire();
        let forgotten = self.feed.inbox.forget_stale();
        lock(&self.watch).save();
        self.feed.counters.connected.set(0);
        let End::Broken(reason) = end else { return };
        self.feed.counters.disconnects.inc();
        self.standing.send_replace(Standing::Down(reason.clone()));
        if line.up_since().is_some() || !self.is_down {
            tracing::warn!(reason, forgotten, "broker connection down, trying again");
            self.feed.inbox.link(Link::Down);
            self.is_down = true;
        } else {
            tracing::debug!(reason, "broker still not reached");
        }
    }

    /// Waits; `true` when the session is to stop.
    async fn is_stopped_within(&mut self, span: Duration) -> bool {
        tokio::select! {
            biased;
            // An error means that the handle is gone: nobody could stop us later.
            _ = self.phase.wait_for(|phase| *phase == Phase::Stopping) => true,
            () = sleep(span) => false,
        }
    }
}

/// Ends a polling task, and with it its connection, before another may begin.
async fn end(polling: JoinHandle<String>) {
    polling.abort();
    match polling.await {
        Ok(_) => {}
        Err(error) if error.is_cancelled() => {}
        Err(error) => tracing::warn!(%error, "the reader failed"),
    }
}

fn lock(watch: &Mutex<BrokerWatch>) -> std::sync::MutexGuard<'_, BrokerWatch> {
    // Nothing panics while it is held; were it to, the watch would still be whole.
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}
