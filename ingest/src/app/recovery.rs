//! `davy recover` inside the running process: what the database says, and the remedy for each refusal. Judging goes on
//! meanwhile. I/O.

use super::Shared;
use super::projection::{Projection, connection};
use crate::config::Config;
use crate::console::door::RecoveryDoor;
use crate::store::connection::{Connection, Purpose};
use crate::store::recover::{self, Remedy, Reset};
use alerting::coverage::CoverageDay;
use alerting::day::Day;
use anyhow::Context;
use futures_util::future::BoxFuture;
use rules::reading::PointId;
use rules::view::PointKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use tokio::sync::Mutex;

pub(super) struct Recovery {
    writer: Connection,
    projection: Projection,
    shared: Shared,
    /// Every number the fold had given at the start; those that an import gave since stand in the registry in force.
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
        let points = self.points();
        let reset = Reset { remedy, journal_id: &journal_id, bases, points: &points, reason: &text };
        let lanes = recover::reset(&mut client, &reset).await?;
        self.projection.claim_anew().context("the memory of the former database stays behind")?;
        tracing::warn!(name, text, "projection adopted the database");
        Ok(json!({ "adopted": name, "was": text, "lanes": lanes }))
    }

    /// Every number the fold has given.
    fn points(&self) -> Vec<(PointId, PointKey)> {
        let mut points: BTreeMap<PointId, PointKey> = self.points.iter().cloned().collect();
        let view = self.shared.hub.standing().and_then(|standing| standing.view);
        let view = view.as_deref();
        let now = view.into_iter().flat_map(|view| view.points().map(move |(id, place)| (view, id, place)));
        points.extend(now.filter_map(|(view, id, place)| {
            let (enterprise, point) = (view.enterprise_at(place)?, view.point_at(place)?);
            Some((id, PointKey { enterprise: enterprise.id.clone(), point: point.id.clone() }))
        }));
        points.into_iter().collect()
    }

    /// The fold learns what the database knew; under another name where the old one would be ambiguous.
    async fn take_over(&self, client: &tokio_postgres::Client, name: &str) -> anyhow::Result<Remedy> {
        let adopted = recover::adopted(client).await?;
        let limits = self.shared.hub.coverage(|board| board.limits().clone());
        let from = Day::of(self.shared.clock.now()).plus(i32::from(limits.kept_days).saturating_neg());
        let mut ledger = recover::ledger(client, from).await?;
        keep_newest(&mut ledger.days);
        let fork = (name != "other_journal").then(random_id);
        let answer = self.shared.sender.adopt(Box::new(adopted), Box::new(ledger), fork)?;
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

/// One record of the journal takes all of it: of a district too large for that the oldest days stay in the database alone.
fn keep_newest(days: &mut Vec<CoverageDay>) {
    const BYTES_MAX: usize = 32 << 20;
    let mut bytes = 0_usize;
    let weigh = |day: &CoverageDay| day.points.len().saturating_mul(64).saturating_add(800);
    // They come in the order of days.
    let fits = days.iter().rev().take_while(|day| {
        bytes = bytes.saturating_add(weigh(day));
        bytes <= BYTES_MAX
    });
    let dropped = days.len().saturating_sub(fits.count());
    if dropped > 0 {
        tracing::warn!(
            dropped,
            "the oldest days of coverage are not adopted; late readings do not change them any more"
        );
        days.drain(..dropped);
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
