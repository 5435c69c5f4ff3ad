//! The HTTP door: live page, API, event stream, metrics. Reads the hub, hands commands to the engine, asks the
//! database for the past. Must not know the journal, MQTT or SQL. I/O.
//!
//! Everything here is reached by outside input, hence the two lints.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod api;
pub mod coverage_past;
pub mod door;
pub mod guard;
pub mod history;
mod openapi;
mod page;
mod params;
pub mod problem;
pub mod shown;
mod socket;
mod stream;

use crate::hub::Hub;
use crate::pace::Standing;
use crate::seeds::catalogue::Listed;
use crate::seeds::tasks::Task;
use crate::telemetry::Telemetry;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use coverage_past::CoveragePast;
use door::{CommandDoor, ImportDoor, Packs, RecoveryDoor, ReplayDoor, SeedWord};
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
    /// Takes registries and rule sets into the journal and into force.
    pub imports: Arc<dyn ImportDoor>,
    /// What the start made of the seed directory.
    pub seeds: SeedWord,
    /// What is stored of a rule set that was in force once, by its content hash.
    pub packs: Packs,
    /// The past, from the database.
    pub history: Arc<dyn History>,
    /// Known days of the past.
    pub coverage: Arc<dyn CoveragePast>,
    /// The plan's task list.
    pub tasks: Arc<[Task]>,
    /// The rules that the district wants.
    pub listed: Arc<[Listed]>,
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
    /// One table is taken into the registry at a time.
    imports: Arc<Semaphore>,
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
        Context {
            leans,
            started,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            imports: Arc::new(Semaphore::new(1)),
            stopping,
            keys,
        }
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

/// Every address that is served; `openapi` describes each of them.
fn routes() -> Vec<(&'static str, MethodRouter<Context>)> {
    vec![
        ("/", get(page::index)),
        ("/page.css", get(page::css)),
        ("/page.js", get(page::js)),
        ("/nav.js", get(page::nav)),
        ("/coverage", get(page::coverage)),
        ("/coverage.css", get(page::coverage_css)),
        ("/coverage.js", get(page::coverage_js)),
        ("/hazards", get(page::hazards)),
        ("/hazards.js", get(page::hazards_js)),
        ("/tasks", get(page::tasks)),
        ("/tasks.js", get(page::tasks_js)),
        ("/tables.css", get(page::tables_css)),
        ("/favicon.svg", get(page::icon)),
        ("/healthz", get(api::status::healthz)),
        ("/readyz", get(api::status::readyz)),
        ("/metrics", get(api::status::metrics)),
        ("/api/v1/status", get(api::status::status)),
        ("/api/v1/enterprises", get(api::enterprises::list)),
        ("/api/v1/openapi.json", get(openapi::show)),
        ("/api/v1/points", get(api::points::list)),
        ("/api/v1/points/{enterprise}/{point}/readings", get(api::readings::list)),
        ("/api/v1/alarms", get(api::alarms::list)),
        ("/api/v1/alarms/{id}/ack", post(api::ack::acknowledge)),
        ("/api/v1/alarms/{id}/reset", post(api::ack::reset)),
        ("/api/v1/clock", get(api::clock::status)),
        ("/api/v1/clock/accept", post(api::clock::accept)),
        ("/api/v1/coverage", get(api::coverage::show)),
        ("/api/v1/coverage/days", get(api::coverage::days::list)),
        ("/api/v1/coverage/units", get(api::coverage::units::list)),
        ("/api/v1/coverage/units/{enterprise}/{sector}", get(api::coverage::unit::show)),
        ("/api/v1/filings", get(api::filings::list).post(api::filings::file)),
        ("/api/v1/filings/{id}/withdraw", post(api::filings::withdraw)),
        ("/api/v1/acceptances", get(api::acceptances::list).post(api::acceptances::accept)),
        ("/api/v1/acceptances/revoke", post(api::acceptances::revoke)),
        ("/api/v1/findings", get(api::findings::list)),
        ("/api/v1/gateways", get(api::gateways::list)),
        ("/api/v1/hazards", get(api::hazards::list)),
        ("/api/v1/hazards/{id}", get(api::hazards::show)),
        ("/api/v1/hazards/{id}/judge", post(api::hazards::judge)),
        ("/api/v1/quarantine", get(api::quarantine::list)),
        ("/api/v1/quarantine/replay", get(api::replay::report).post(api::replay::order)),
        ("/api/v1/quarantine/{seq}/{index}", get(api::quarantine::show_one)),
        ("/api/v1/quarantine/{seq}/{index}/raw", get(api::quarantine::raw)),
        ("/api/v1/recover", get(api::recover::survey)),
        ("/api/v1/recover/adopt", post(api::recover::adopt)),
        ("/api/v1/registry", get(api::registry::show)),
        ("/api/v1/registry/enterprises.csv", get(api::registry::enterprises)),
        ("/api/v1/registry/points.csv", get(api::registry::points)),
        (guard::IMPORT, post(api::registry::import).layer(DefaultBodyLimit::max(api::registry::TABLE_MAX))),
        ("/api/v1/rules", get(api::rules::show)),
        ("/api/v1/rules/catalogue", get(api::rules::catalogue)),
        ("/api/v1/rules/versions/{version}", get(api::rules::packs)),
        ("/api/v1/rules/activate", post(api::decide::activate).layer(DefaultBodyLimit::max(api::decide::PACKS_MAX))),
        ("/api/v1/rules/rollback", post(api::decide::rollback)),
        ("/api/v1/rules/override", post(api::decide::set_limit)),
        ("/api/v1/tasks", get(api::tasks::list)),
        ("/api/v1/tasks/{row}/figure", post(api::tasks::file)),
        ("/api/v1/stream", get(stream::open)),
    ]
}

/// The whole console as a service, also for tests.
pub fn router(context: Context) -> Router {
    // Only before methods that an address takes: any other is told which ones it does, whatever it carries.
    let guarded = |method: MethodRouter<Context>| method.route_layer(from_fn(guard::check_order));
    let all = routes().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, guarded(method)));
    all.method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(|| async { Problem::no_such_page() })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(context.clone(), guard::check))
        .with_state(context)
}

// The tests count on their own figures, not on outside input.
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
pub(crate) mod tests;
