//! The archive's caretaker inside the running process, and what status and metrics are told of the archive. I/O.

use super::Shared;
use super::projection::{Projection, connection};
use crate::config::Config;
use crate::store::capability::Capability;
use crate::store::caretaker::{Care, Caretaker, Settings};
use rules::reading::SECOND_US;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What `/api/v1/status` shows under `archive`.
pub(super) type Told = Arc<dyn Fn() -> Value + Send + Sync>;

const HOUR_US: i64 = 3_600 * SECOND_US;

pub(super) fn start(
    config: &Config,
    projection: &Projection,
    shared: &Shared,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<(Told, Vec<JoinHandle<()>>)> {
    let settings = Settings {
        every: Duration::from_secs(config.store.rollup_every_s.into()),
        compact_after_us: i64::from(config.store.compact_after_h).saturating_mul(HOUR_US),
        retention_us: i64::from(config.fold.retention_days).saturating_mul(24 * HOUR_US),
    };
    let progress = projection.readings();
    let caretaker =
        Caretaker::new(connection(config, &config.database.user)?, settings).giving_way_to(progress.clone());
    let care = caretaker.care();
    let clock = shared.clock.clone();
    let rounds = tokio::spawn(caretaker.run(move || clock.standing(), stopped.clone()));
    let counting = tokio::spawn(count(care.clone(), progress.clone(), shared.clone(), stopped.clone()));
    let told: Told = Arc::new(move || tell(progress.borrow().capability.as_ref(), &care.borrow()));
    Ok((told, vec![rounds, counting]))
}

fn tell(capability: Option<&Capability>, care: &Care) -> Value {
    json!({ "database": capability, "care": care })
}

/// Metrics follow what the caretaker and the readings' lane say.
async fn count(
    mut care: watch::Receiver<Care>,
    mut progress: watch::Receiver<crate::store::progress::Progress>,
    shared: Shared,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        shared.telemetry.care.follow(&care.borrow_and_update());
        if let Some(capability) = &progress.borrow_and_update().capability {
            shared.telemetry.care.tier(capability.tier);
        }
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            changed = care.changed() => if changed.is_err() { return },
            changed = progress.changed() => if changed.is_err() { return },
        }
    }
}
