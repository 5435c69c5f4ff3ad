//! `davy recover` inside the running process: what the database says, and the remedy for each refusal. Judging goes on
//! meanwhile. I/O.

use super::Shared;
use super::projection::{Projection, connection};
use crate::config::Config;
use crate::console::door::RecoveryDoor;
use crate::store::connection::{Connection, Purpose};
use crate::store::recover::{self, Remedy, Reset};
use anyhow::Context;
use futures_util::future::BoxFuture;
use rules::reading::PointId;
use rules::view::PointKey;
use serde_json::{Value, json};
use std::io::Read;
use tokio::sync::Mutex;

pub(super) struct Recovery {
    writer: Connection,
    projection: Projection,
    shared: Shared,
    /// Every number the fold has given. A registry comes into force at start only, so there are no more meanwhile.
    points: Vec<(PointId, PointKey)>,
    /// One recovery at a time.
    under_way: Mutex<()>,
}

impl Recovery {
    /// `points` = the names of all points ever numbered, in the order of their numbers.
    pub(super) fn new(
        config: &Config,
        projection: &Projection,
        shared: &Shared,
        points: Vec<PointKey>,
    ) -> anyhow::Result<Recovery> {
        Ok(Recovery {
            writer: connection(config, &config.database.user)?,
            projection: projection.clone(),
            shared: shared.clone(),
            points: numbered(points),
            under_way: Mutex::new(()),
        })
    }

    async fn survey(&self) -> anyhow::Result<Value> {
        let client = self.writer.open(Purpose::Inspect).await?;
        let survey = recover::survey(&client).await?;
        let refusal = self.projection.refusal();
        Ok(json!({
            "refused": refusal.is_some(),
            "name": refusal.as_ref().map(|(name, _)| *name),
            "text": refusal.map(|(_, text)| text),
            "database": survey,
        }))
    }

    async fn adopt(&self) -> anyhow::Result<Value> {
        let _one_at_a_time = self.under_way.lock().await;
        let (name, text) = self.projection.refusal().context("the projection is not refused: nothing to adopt")?;
        let mut client = self.writer.open(Purpose::Inspect).await?;
        let remedy = match name {
            "hole" => Remedy::GoOn,
            "unreadable" => anyhow::bail!("{text}; run the version of davy that wrote the spool until it is applied"),
            _ => self.take_over(&client, name).await?,
        };
        let bases = self.projection.bases();
        let journal_id = self.projection.journal_id();
        let reset = Reset { remedy, journal_id: &journal_id, bases, points: &self.points, reason: &text };
        let lanes = recover::reset(&mut client, &reset).await?;
        self.projection.claim_anew().context("the memory of the former database stays behind")?;
        tracing::warn!(name, text, "projection adopted the database");
        Ok(json!({ "adopted": name, "was": text, "lanes": lanes }))
    }

    /// The fold learns what the database knew; under another name where the old one would be ambiguous.
    async fn take_over(&self, client: &tokio_postgres::Client, name: &str) -> anyhow::Result<Remedy> {
        let adopted = recover::adopted(client).await?;
        let fork = (name != "other_journal").then(random_id);
        let answer = self.shared.sender.adopt(Box::new(adopted), fork)?;
        let late_until = answer.await.context("the engine stopped before it answered")?;
        Ok(Remedy::TakeOver { late_until })
    }
}

impl RecoveryDoor for Recovery {
    fn survey(&self) -> BoxFuture<'_, Result<Value, String>> {
        Box::pin(async { self.survey().await.map_err(|e| format!("{e:#}")) })
    }

    fn adopt(&self) -> BoxFuture<'_, Result<Value, String>> {
        Box::pin(async { self.adopt().await.map_err(|e| format!("{e:#}")) })
    }
}

fn numbered(points: Vec<PointKey>) -> Vec<(PointId, PointKey)> {
    (0..).map(PointId).zip(points).collect()
}

/// 128 random bits, hex: the name of a journal.
pub(super) fn random_id() -> String {
    let mut bytes = [0u8; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if let Err(e) = read {
        // Without it two journals could share a name, and a database could be written by both.
        panic!("no randomness from /dev/urandom: {e}");
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
