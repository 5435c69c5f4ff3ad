//! The process as a value: started in one order, stopped in the reverse one. Holds no logic of its own. I/O.

mod activate;
mod care;
mod coverage_past;
mod history;
pub(crate) mod projection;
mod recovery;
mod reports;
mod second_chance;

use crate::cli::{ConfigArg, EXIT_BAD_INPUT, EXIT_NEEDS_PERSON};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::console::door::{Packs, SeedWord};
use crate::console::{self, guard::Hosts};
use crate::disk::RealDisk;
use crate::downlink::Downlink;
use crate::engine::fold::Fold;
use crate::engine::open::{OpenOptions, Opening};
use crate::engine::{Engine, EngineError, Surroundings};
use crate::hub::Hub;
use crate::inbox::{self, Inbox, InboxLimits, InboxSender};
use crate::journal::lock::Lock;
use crate::mqtt::{self, Feed};
use crate::pace::Standing;
use crate::seeds;
use crate::seeds::catalogue::Listed;
use crate::seeds::tasks::Task;
use crate::simulate::history::play::{NotEmpty, unfinished};
use crate::telemetry::{self, Telemetry};
use activate::Wanted;
use anyhow::Context;
use clap::Args;
use rules::reading::{Micros, SECOND_US};
use rules::registry::Registry;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The journal is ahead of this machine's clock, and that is known to be right.
    #[arg(long)]
    accept_clock: bool,
    /// Judge the tail of the journal again although another engine version wrote it; nothing is sent again.
    #[arg(long)]
    refold: bool,
    /// The seed directory comes into force although rows were imported since it was taken last; the import is dropped.
    #[arg(long)]
    take_seeds: bool,
}

/// `davy serve`: runs until SIGINT or SIGTERM, or until something is wrong with us.
pub fn serve(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(e) => {
            eprintln!("davy: {e:#}");
            return Ok(ExitCode::from(EXIT_BAD_INPUT));
        }
    };
    telemetry::start_logging(&config.log.level)?;
    let district = seeds::load(&config.district.seeds).and_then(|registry| {
        let dir = &config.district.seeds;
        Ok(District { registry, tasks: seeds::tasks(dir)?, listed: seeds::catalogue(dir)? })
    });
    let district = match district {
        Ok(district) => district,
        Err(errors) => {
            eprintln!("{}", seeds::lines(&errors));
            return Ok(ExitCode::from(EXIT_BAD_INPUT));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no async runtime")?;
    runtime.block_on(run(config, district, args))
}

/// What the seed directory holds.
struct District {
    registry: Registry,
    tasks: Vec<Task>,
    /// The rules that it wants.
    listed: Vec<Listed>,
}

/// What every part may lean on.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hub: Arc<Hub>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) clock: Clock,
    pub(crate) sender: InboxSender,
}

type EngineThread = JoinHandle<Result<(), EngineError>>;

/// Everything that runs beside the engine.
struct Parts {
    engine: EngineThread,
    shared: Shared,
    stop: watch::Sender<bool>,
    mqtt: mqtt::Running,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

async fn run(config: Config, district: District, args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(&config.http.listen)
        .await
        .with_context(|| format!("cannot listen on {} (http.listen, DAVY_HTTP_PORT)", config.http.listen))?;
    std::fs::create_dir_all(&config.data.dir)
        .with_context(|| format!("cannot make the data directory {}", config.data.dir.display()))?;
    // Held until the process ends: one process per data directory.
    let _lock = match Lock::acquire(&config.data.dir) {
        Ok(lock) => lock,
        Err(e) => {
            eprintln!("davy: {e}");
            return Ok(ExitCode::from(EXIT_NEEDS_PERSON));
        }
    };
    if unfinished(&config.data.dir).exists() {
        eprintln!("davy: {}", NotEmpty::CutOff(config.data.dir.display().to_string()));
        return Ok(ExitCode::from(EXIT_NEEDS_PERSON));
    }
    let (mut fold, opening) = match Fold::open(RealDisk, &open_options(&config, args)) {
        Ok(opened) => opened,
        Err(e) if e.needs_person() => {
            eprintln!("davy: {e}");
            return Ok(ExitCode::from(EXIT_NEEDS_PERSON));
        }
        Err(e) => return Err(e.into()),
    };
    announce(&opening, &fold);
    let clock = Clock::starting(fold.last_now());
    if args.accept_clock {
        // The journal was ahead and so are we: however far the wall is behind, it is followed now.
        // Apart from the log, which evaluates nothing that its level leaves out.
        let accepted = clock.accept();
        tracing::warn!(?accepted, "the wall's time was accepted");
    }
    let wanted =
        Wanted { registry: &district.registry, config: &config, takes_seeds: args.take_seeds, now: clock.now() };
    let seeds = match activate::activate(&mut fold, &wanted)? {
        Ok(seeds) => seeds,
        Err(problem) => {
            eprintln!("{problem}");
            return Ok(ExitCode::from(EXIT_BAD_INPUT));
        }
    };
    let (parts, engine_ended) = start((config, seeds, (district.tasks, district.listed)), fold, clock, listener)?;
    tokio::select! {
        biased;
        // Its sender is dropped when the engine thread ends, for whatever reason.
        _ = engine_ended => tracing::error!("the engine ended by itself: stopping"),
        signal = signal() => tracing::info!(signal = signal?, "stopping"),
    }
    stop(parts).await
}

fn open_options(config: &Config, args: &ServeArgs) -> OpenOptions {
    OpenOptions {
        dir: config.data.dir.clone(),
        segment_bytes: config.data.segment_bytes,
        quota_bytes: config.data.quota_bytes,
        new_journal_id: recovery::random_id(),
        wall: clock::wall(),
        accept_clock: args.accept_clock,
        refold: args.refold,
    }
}

/// For a journal that is begun at `wall`, by somebody who is not serving.
pub(crate) fn open_options_at(config: &Config, wall: Micros) -> OpenOptions {
    let args = ServeArgs { config: ConfigArg::default(), accept_clock: false, refold: false, take_seeds: false };
    OpenOptions { wall, ..open_options(config, &args) }
}

fn announce(opening: &Opening, fold: &Fold<RealDisk>) {
    tracing::info!(
        journal_id = fold.journal().identity().journal_id,
        head = fold.journal().head(),
        fresh = opening.fresh,
        snapshot = opening.snapshot_seq,
        replayed = opening.replayed,
        torn_bytes = opening.torn_bytes,
        quota_bytes = fold.quota().limit(),
        "state recovered"
    );
}

/// Starts everything, the engine first: what feeds it finds it awake.
fn start(
    (config, seeds, (task_list, listed)): (Config, SeedWord, (Vec<Task>, Vec<Listed>)),
    fold: Fold<RealDisk>,
    clock: Clock,
    listener: TcpListener,
) -> anyhow::Result<(Parts, oneshot::Receiver<()>)> {
    let limits = InboxLimits::default();
    let deliveries_max = limits.deliveries_max.max(usize::from(config.mqtt.receive_maximum));
    let (sender, inbox) = inbox::inbox(InboxLimits { deliveries_max, ..limits });
    let shared =
        Shared { hub: Arc::new(Hub::new()), telemetry: Arc::new(Telemetry::new().context("metrics")?), clock, sender };
    reports::load(&shared, &fold);
    let (stop, stopped) = watch::channel(false);
    let (projection, mut tasks) = projection::start(&config, &fold, &stopped)?;
    tasks.extend(projection::reports(&projection, &shared, &stopped));
    let (downlink, telling) = Downlink::start(&config.mqtt, shared.telemetry.downlink.clone(), stopped.clone());
    tasks.extend(telling);
    let (archive, care) = care::start(&config, &projection, &shared, &stopped)?;
    tasks.extend(care);
    let history = Arc::new(history::Database::new(&config, &fold, &projection)?);
    let points = fold.state().point_keys().to_vec();
    let packs = packs(&fold);
    let (engine, engine_ended) = start_engine(fold, inbox, &config, (&shared, downlink))?;
    tasks.push(tokio::spawn(reports::clock(shared.clone(), stopped.clone())));
    let mqtt = mqtt::start(&config.mqtt, feed(&config, &shared));
    tasks.push(tokio::spawn(reports::broker(mqtt.standing(), shared.clone(), stopped.clone())));
    let leans = console::Leans {
        hub: shared.hub.clone(),
        telemetry: shared.telemetry.clone(),
        commands: Arc::new(shared.sender.clone()),
        coverage: history.clone(),
        tasks: task_list.into(),
        listed: listed.into(),
        history,
        packs,
        imports: Arc::new(shared.sender.clone()),
        seeds,
        recovery: Arc::new(recovery::Recovery::new(&config, &projection, &shared, points)?),
        replay: Arc::new(second_chance::SecondChance::new(&config, &projection, &shared)?),
        archive,
        now: now(&shared.clock),
        clock: standing(&shared.clock),
        hosts: Hosts::new(listener.local_addr().context("http socket")?.port(), &config.http.hosts),
    };
    tracing::info!(address = config.http.listen, "listening");
    let mut http_stop = stopped.clone();
    tasks.push(tokio::spawn(async move {
        let stopping = async move {
            // An error means that the sender is gone, which is a stop too.
            drop(http_stop.wait_for(|stop| *stop).await);
        };
        if let Err(e) = console::serve(listener, leans, stopping).await {
            tracing::error!(error = %e, "http server ended");
        }
    }));
    Ok((Parts { engine, shared, stop, mqtt, tasks }, engine_ended))
}

/// What is stored by content hash, for whoever asks for the packs of a version.
fn packs(fold: &Fold<RealDisk>) -> Packs {
    let blobs = fold.blobs();
    Arc::new(move |hash| blobs.get(hash).ok().flatten())
}

fn now(clock: &Clock) -> Arc<dyn Fn() -> Micros + Send + Sync> {
    let clock = clock.clone();
    Arc::new(move || clock.now())
}

fn standing(clock: &Clock) -> Arc<dyn Fn() -> Standing + Send + Sync> {
    let clock = clock.clone();
    Arc::new(move || clock.standing())
}

fn feed(config: &Config, shared: &Shared) -> Feed {
    Feed {
        inbox: shared.sender.clone(),
        now: now(&shared.clock),
        counters: shared.telemetry.mqtt.clone(),
        memo: Some(config.data.dir.join("broker.json")),
    }
}

/// The engine's own thread. The receiver is closed when it ends.
fn start_engine(
    fold: Fold<RealDisk>,
    inbox: Inbox,
    config: &Config,
    (shared, downlink): (&Shared, Downlink),
) -> anyhow::Result<(EngineThread, oneshot::Receiver<()>)> {
    let around = Surroundings {
        inbox,
        clock: shared.clock.clone(),
        hub: shared.hub.clone(),
        downlink,
        telemetry: shared.telemetry.clone(),
        snapshot_every_us: i64::from(config.data.snapshot_every_s).saturating_mul(SECOND_US),
        backup_horizon_us: i64::from(config.data.backup_horizon_h).saturating_mul(3_600 * SECOND_US),
        on_full: config.data.on_full,
    };
    let engine = Engine::new(fold, around);
    let (ended, engine_ended) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new().name("davy-engine".into()).spawn(move || {
        // Dropped when the thread ends, also by a panic: that is the signal.
        let _ended = ended;
        engine.run()
    });
    Ok((thread.context("no thread for the engine")?, engine_ended))
}

/// In reverse: no more messages, then the engine drains what it has and leaves a snapshot, then the rest.
async fn stop(parts: Parts) -> anyhow::Result<ExitCode> {
    let Parts { engine, shared, stop, mqtt, tasks } = parts;
    mqtt.pause();
    shared.sender.stop();
    let ended = tokio::task::spawn_blocking(move || engine.join()).await.context("waiting for the engine")?;
    mqtt.stop().await;
    stop.send_replace(true);
    for task in tasks {
        if let Err(e) = task.await {
            tracing::warn!(error = %e, "a task did not end in order");
        }
    }
    match ended {
        Ok(Ok(())) => {
            tracing::info!("stopped in order");
            Ok(ExitCode::SUCCESS)
        }
        Ok(Err(e)) => Err(e.into()),
        Err(_) => {
            anyhow::bail!("the engine panicked: this is a defect; the next start recovers from journal and snapshot")
        }
    }
}

/// The name of the signal that asks us to stop.
async fn signal() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
