//! The HTTP door: live page, API, event stream, metrics. Reads the hub, hands commands to the engine, asks the
//! database for the past. Must not know the journal, MQTT or SQL. I/O.
//!
//! Everything here is reached by outside input, hence the two lints.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod api;
pub mod door;
pub mod guard;
pub mod history;
mod page;
mod params;
pub mod problem;
pub mod shown;
mod socket;
mod stream;

use crate::hub::Hub;
use crate::pace::Standing;
use crate::telemetry::Telemetry;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use door::{CommandDoor, RecoveryDoor, ReplayDoor};
use guard::Hosts;
use history::History;
use problem::Problem;
use rules::reading::Micros;
use socket::Door;
use std::future::Future;
use std::hash::RandomState;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// A command is a few hundred bytes: an acknowledgement with a comment.
const BODY_MAX: usize = 16 << 10;
/// A stream costs a task, a socket and a snapshot of the open alarms: 256 is far more than a district has screens.
pub const STREAMS_MAX: usize = 256;
/// After a stop, requests under way get so long; streams end at once.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// What the console leans on, made by `app`.
#[derive(Clone)]
pub struct Leans {
    pub hub: Arc<Hub>,
    pub telemetry: Arc<Telemetry>,
    /// Takes commands into the journal.
    pub commands: Arc<dyn CommandDoor>,
    /// The past, from the database.
    pub history: Arc<dyn History>,
    /// For when database and journal do not belong together.
    pub recovery: Arc<dyn RecoveryDoor>,
    /// A second chance for what lies in quarantine.
    pub replay: Arc<dyn ReplayDoor>,
    /// What the status page shows of the archive.
    pub archive: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// The loop's clock.
    pub now: Arc<dyn Fn() -> Micros + Send + Sync>,
    /// Where it stands against the wall.
    pub clock: Arc<dyn Fn() -> Standing + Send + Sync>,
    /// Names under which the console may be called.
    pub hosts: Hosts,
}

/// What every request sees.
#[derive(Clone)]
pub struct Context {
    leans: Leans,
    started: Micros,
    streams: Arc<Semaphore>,
    /// Becomes true when the console stops: streams end then.
    stopping: watch::Receiver<bool>,
    /// For idempotency keys of requests that bring none.
    keys: Arc<(RandomState, AtomicU64)>,
}

impl Context {
    #[must_use]
    pub fn new(leans: Leans, stopping: watch::Receiver<bool>) -> Context {
        let started = (leans.now)();
        let keys = Arc::new((RandomState::new(), AtomicU64::new(0)));
        Context { leans, started, streams: Arc::new(Semaphore::new(STREAMS_MAX)), stopping, keys }
    }

    fn hub(&self) -> &Hub {
        &self.leans.hub
    }

    fn now(&self) -> Micros {
        (self.leans.now)()
    }
}

/// Answers on `listener` until `shutdown` is done, then ends streams, lets requests under way finish and returns.
pub async fn serve(
    listener: TcpListener,
    leans: Leans,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let mut stopped = stopping.clone();
    let app = router(Context::new(leans, stopping));
    let server = axum::serve(Door::new(listener), app).with_graceful_shutdown(async move {
        shutdown.await;
        stop.send_replace(true);
    });
    let cut = async move {
        // An error means that the sender is gone, which is a stop too.
        drop(stopped.wait_for(|stop| *stop).await);
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        biased;
        done = std::future::IntoFuture::into_future(server) => done,
        () = cut => Ok(()),
    }
}

/// The whole console as a service, also for tests.
pub fn router(context: Context) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::js))
        .route("/favicon.svg", get(page::icon))
        .route("/healthz", get(api::status::healthz))
        .route("/readyz", get(api::status::readyz))
        .route("/metrics", get(api::status::metrics))
        .route("/api/v1/status", get(api::status::status))
        .route("/api/v1/enterprises", get(api::enterprises::list))
        .route("/api/v1/points", get(api::points::list))
        .route("/api/v1/points/{enterprise}/{point}/readings", get(api::readings::list))
        .route("/api/v1/alarms", get(api::alarms::list))
        .route("/api/v1/alarms/{id}/ack", post(api::ack::acknowledge))
        .route("/api/v1/clock", get(api::clock::status))
        .route("/api/v1/clock/accept", post(api::clock::accept))
        .route("/api/v1/findings", get(api::findings::list))
        .route("/api/v1/gateways", get(api::gateways::list))
        .route("/api/v1/quarantine", get(api::quarantine::list))
        .route("/api/v1/quarantine/replay", get(api::replay::report).post(api::replay::order))
        .route("/api/v1/quarantine/{seq}/{index}", get(api::quarantine::show_one))
        .route("/api/v1/quarantine/{seq}/{index}/raw", get(api::quarantine::raw))
        .route("/api/v1/recover", get(api::recover::survey))
        .route("/api/v1/recover/adopt", post(api::recover::adopt))
        .route("/api/v1/stream", get(stream::open))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(|| async { Problem::no_such_page() })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(context.clone(), guard::check))
        .with_state(context)
}

// The tests count on their own figures, not on outside input.
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
