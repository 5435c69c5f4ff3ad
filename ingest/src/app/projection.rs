//! Two projectors, one for each lane, between the spools and PostgreSQL; what they may know of spool and journal. I/O.

use super::Shared;
use crate::config::Config;
use crate::disk::RealDisk;
use crate::engine::fold::Fold;
use crate::store::archive::PostgresArchive;
use crate::store::connection::Connection;
use crate::store::doors::JournalEvidence;
use crate::store::lane::{Evidence, Lane};
use crate::store::memory::Memory;
use crate::store::progress::{LaneState, Progress};
use crate::store::projector::{Doors, Projector};
use std::io;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What the rest of the process may ask of the projectors.
#[derive(Clone)]
pub(crate) struct Projection {
    pub(crate) progress: Vec<watch::Receiver<Progress>>,
    nudges: Vec<Arc<Notify>>,
    memory: Arc<Memory>,
    evidence: Arc<JournalEvidence<RealDisk>>,
    /// From where each spool still holds everything, in the order of `Lane::ALL`.
    bases: [Base; 2],
    /// The newest effect in the spool of the business lane.
    business_head: watch::Receiver<u64>,
}

type Base = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A session of that role, as configured.
pub(crate) fn connection(config: &Config, user: &str) -> anyhow::Result<Connection> {
    Ok(Connection {
        host: config.database.host.clone(),
        port: config.database.port,
        user: user.to_owned(),
        password: config.database_password()?,
        dbname: config.database.name.clone(),
    })
}

pub(super) fn start(
    config: &Config,
    fold: &Fold<RealDisk>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<(Projection, Vec<JoinHandle<()>>)> {
    let writer = connection(config, &config.database.user)?;
    let memory = Arc::new(Memory::open(&config.data.dir.join("projection.json")));
    let evidence = Arc::new(JournalEvidence::new(RealDisk, config.data.dir.join("journal"), fold.head_watch()));
    let bases = fold.spools().map(|spool| Arc::new(spool.base_reader()) as Base);
    let (progress, nudges) = (Vec::new(), Vec::new());
    let [_, business] = fold.spools();
    let business_head = business.tail().head();
    let mut projection = Projection { progress, nudges, memory, evidence: evidence.clone(), bases, business_head };
    let mut tasks = Vec::new();
    for (lane, spool) in Lane::ALL.into_iter().zip(fold.spools()) {
        let doors = Doors {
            archive: PostgresArchive::new(writer.clone(), lane),
            backlog: spool.tail(),
            evidence: evidence.clone(),
            memory: projection.memory.clone(),
        };
        let projector = Projector::new(lane, doors);
        projection.progress.push(projector.progress());
        projection.nudges.push(projector.nudge());
        tasks.push(tokio::spawn(projector.run(stopped.clone())));
    }
    Ok((projection, tasks))
}

impl Projection {
    /// After a recovery: what was remembered of the former database is void, and the lanes claim anew.
    pub(super) fn claim_anew(&self) -> io::Result<()> {
        self.memory.forget()?;
        for nudge in &self.nudges {
            nudge.notify_one();
        }
        Ok(())
    }

    pub(super) fn bases(&self) -> [(Lane, u64); 2] {
        let [readings, business] = &self.bases;
        [(Lane::Readings, readings()), (Lane::Business, business())]
    }

    /// How the readings' lane is.
    pub(super) fn readings(&self) -> watch::Receiver<Progress> {
        let readings = self.progress.iter().find(|progress| progress.borrow().lane == Lane::Readings).cloned();
        // Both lanes are started together; without them a channel that never changes.
        readings.unwrap_or_else(|| watch::Sender::new(Progress::new(Lane::Readings)).subscribe())
    }

    pub(super) fn journal_id(&self) -> String {
        self.evidence.journal_id()
    }

    /// Waits until the database holds every business effect through `seq`, and through all that is in the spool now.
    /// `Err`: a lane is refused, or the projector has ended.
    pub(super) async fn settled(&self, seq: u64) -> Result<(), String> {
        let head = (*self.business_head.borrow()).max(seq);
        let business = |progress: &&watch::Receiver<Progress>| progress.borrow().lane == Lane::Business;
        let mut progress = self.progress.iter().find(business).cloned().ok_or("there is no projector")?;
        let settled = |p: &Progress| matches!(p.state, LaneState::Refused { .. }) || p.applied_seq >= head;
        let now = progress.wait_for(settled).await.map_err(|_| "the projector has ended")?;
        match &now.state {
            LaneState::Refused { name, text } => Err(format!("the projection is refused ({name}): {text}")),
            _ => Ok(()),
        }
    }

    /// The newest record of the journal.
    pub(super) fn journal_head(&self) -> u64 {
        self.evidence.head()
    }

    /// The first refusal among the lanes: its name and text.
    pub(super) fn refusal(&self) -> Option<(&'static str, String)> {
        self.progress.iter().find_map(|progress| match &progress.borrow().state {
            LaneState::Refused { name, text } => Some((*name, text.clone())),
            _ => None,
        })
    }
}

/// The lanes tell the hub how they are, and raise or clear the system alarms that speak of them.
pub(super) fn reports(
    projection: &Projection,
    shared: &Shared,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let watchers = projection.progress.iter().cloned();
    let spawn = |progress| tokio::spawn(super::reports::lane(progress, shared.clone(), stopped.clone()));
    watchers.map(spawn).collect()
}
