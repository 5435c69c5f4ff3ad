//! `davy quarantine replay` inside the running process: reads quarantine from the database page by page, sifts it under
//! the registry in force and puts what fits through the inbox, so that it is journalled and folded like everything
//! else. Exactly once: it begins when the database knows of every replay before it, and one runs at a time. I/O.

use super::Shared;
use super::history::filter;
use super::projection::{Projection, connection};
use crate::config::Config;
use crate::console::door::{ReplayAsk, ReplayDoor, ReplayReport, ReplayState, UnderWay};
use crate::delivery::Delivery;
use crate::inbox::{Again, InboxError};
use crate::second_chance::{Row, Sifted, messages, records, sift};
use crate::store::error::StoreError;
use crate::store::quarantine::{QuarantineFilter, QuarantineMark, QuarantinedMessage};
use crate::store::query::Reader;
use alerting::input::{Aside, Reason, Replayed};
use anyhow::{Context, bail};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A page holds whole payloads of up to 1 MiB each.
const PAGE_ROWS: u32 = 64;
/// The database is away, or the inbox full: look again after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// While the database is away for longer a person has to look anyway, and can order it again.
const LOOKS_MAX: u32 = 240;

/// The business lane is small: a database that does not catch up within this needs a person first.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// Cheap to clone: a replay at work holds one.
#[derive(Clone)]
pub(super) struct SecondChance(Arc<Inner>);

struct Inner {
    reader: Reader,
    projection: Projection,
    shared: Shared,
    newest: Mutex<Option<ReplayReport>>,
}

/// Which part of quarantine a replay goes through.
struct Part {
    filter: QuarantineFilter,
    is_skipped_meant: bool,
    journal_id: String,
    /// Nothing from records after this one.
    until: u64,
}

impl SecondChance {
    pub(super) fn new(config: &Config, projection: &Projection, shared: &Shared) -> anyhow::Result<SecondChance> {
        Ok(SecondChance(Arc::new(Inner {
            reader: Reader::new(connection(config, &config.database.read_user)?),
            projection: projection.clone(),
            shared: shared.clone(),
            newest: Mutex::new(None),
        })))
    }
}

impl ReplayDoor for SecondChance {
    fn begin(&self, ask: ReplayAsk) -> Result<(), UnderWay> {
        let mut newest = self.0.newest();
        if is_begun(newest.as_ref(), &ask)? {
            return Ok(());
        }
        let begun = ReplayReport { key: ask.key.clone(), dry_run: ask.is_rehearsal, ..ReplayReport::default() };
        *newest = Some(begun);
        drop(newest);
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let outcome = inner.run(&ask).await;
            inner.end(&outcome);
        });
        Ok(())
    }

    fn report(&self) -> Option<ReplayReport> {
        self.0.newest().clone()
    }
}

/// Whether the newest replay is this very one. A rehearsal is another than what it rehearses, under the same key too.
fn is_begun(newest: Option<&ReplayReport>, ask: &ReplayAsk) -> Result<bool, UnderWay> {
    let Some(report) = newest else { return Ok(false) };
    if report.answers(&ask.key, ask.is_rehearsal) && report.state != ReplayState::Failed {
        return Ok(true);
    }
    if report.state == ReplayState::Running { Err(UnderWay) } else { Ok(false) }
}

impl Inner {
    fn newest(&self) -> MutexGuard<'_, Option<ReplayReport>> {
        // Nobody panics while holding it; were it so, the report would still be whole.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut ReplayReport)) {
        if let Some(report) = self.newest().as_mut() {
            change(report);
        }
    }

    fn end(&self, outcome: &anyhow::Result<()>) {
        self.note(|report| match outcome {
            Ok(()) => report.state = ReplayState::Done,
            Err(e) => (report.state, report.error) = (ReplayState::Failed, Some(format!("{e:#}"))),
        });
        if let Some(ReplayReport { key, state, error, rows, replayed, readings, dry_run, .. }) = self.newest().clone() {
            tracing::info!(key, ?state, error, rows, replayed, readings, dry_run, "second chance ended");
        }
    }

    async fn run(&self, ask: &ReplayAsk) -> anyhow::Result<()> {
        self.settle(0).await?;
        let part = Part {
            is_skipped_meant: ask.search.reason.as_deref() == Some(Reason::Skipped.name()),
            filter: filter(ask.search.clone()),
            journal_id: self.projection.journal_id(),
            until: self.projection.journal_head(),
        };
        let mut after = None;
        let mut newest_seq = 0;
        loop {
            let rows = self.page(&part, after).await?;
            let Some(last) = rows.last().map(QuarantinedMessage::mark) else { break };
            after = Some(last);
            let rows = self.without_skipped(rows, &part);
            let mut fits = Vec::new();
            for message in messages(self.with_bytes(rows).await?) {
                if let Some(message) = self.look_at(message, ask)? {
                    fits.push(message);
                }
            }
            newest_seq = self.push(fits).await?.max(newest_seq);
        }
        // Not before the database knows may the next one begin: it would find the same rows.
        self.settle(newest_seq).await
    }

    /// What made the fold panic is read again only when a person names it.
    fn without_skipped(&self, rows: Vec<QuarantinedMessage>, part: &Part) -> Vec<QuarantinedMessage> {
        let skipped = Reason::Skipped.name();
        let (left, rows): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| !part.is_skipped_meant && row.reason == skipped);
        if !left.is_empty() {
            self.note(|report| {
                report.rows = report.rows.saturating_add(left.len() as u64);
                let all = report.refused.entry(skipped).or_default();
                *all = all.saturating_add(left.len() as u64);
            });
        }
        rows
    }

    async fn settle(&self, seq: u64) -> anyhow::Result<()> {
        match tokio::time::timeout(SETTLE_MAX, self.projection.settled(seq)).await {
            Ok(settled) => settled.map_err(anyhow::Error::msg),
            Err(_) => bail!("the database is behind or away: order it again when it has caught up"),
        }
    }

    /// Waits for a database that is away.
    async fn page(&self, part: &Part, after: Option<QuarantineMark>) -> anyhow::Result<Vec<QuarantinedMessage>> {
        let mut looks = 0;
        loop {
            let bounds = (part.journal_id.as_str(), part.until, PAGE_ROWS);
            match self.reader.waiting(&part.filter, after, bounds).await {
                Ok(rows) => return Ok(rows),
                Err(StoreError::Wait(_)) if looks < LOOKS_MAX => looks += 1,
                Err(e) => return Err(e.into()),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// A message full of mistakes carries its bytes in its first row only.
    async fn with_bytes(&self, rows: Vec<QuarantinedMessage>) -> anyhow::Result<Vec<Row>> {
        let mut with_bytes: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            let aside = Aside {
                journal_id: row.journal_id.clone(),
                seq: row.seq,
                index: u32::try_from(row.index).unwrap_or(u32::MAX),
                reading: row.reading_index.and_then(|index| u32::try_from(index).ok()),
            };
            let carried = with_bytes.last().filter(|last| {
                let key = (&last.aside.journal_id, last.aside.seq, last.received, &last.topic);
                row.payload.is_empty() && key == (&aside.journal_id, aside.seq, row.received, &row.topic)
            });
            let payload = match carried {
                Some(last) if aside.reading.is_some() => last.payload.clone(),
                _ => Bytes::from(self.reader.bytes_of(&row).await?),
            };
            with_bytes.push(Row { aside, received: row.received, topic: row.topic, payload });
        }
        Ok(with_bytes)
    }

    /// Counts what a message is worth now; gives it back if something of it is to be read again.
    fn look_at(&self, message: Replayed<Delivery>, ask: &ReplayAsk) -> anyhow::Result<Option<Replayed<Delivery>>> {
        let standing = self.shared.hub.standing();
        let view =
            standing.as_ref().and_then(|standing| standing.view.as_deref()).context("no registry is in force")?;
        let rows = message.from.len() as u64;
        let Sifted { fits, rows: fitting, readings, refused } = sift(message, view);
        let taken = fits.filter(|_| !ask.is_rehearsal);
        self.note(|report| {
            report.rows = report.rows.saturating_add(rows);
            for (reason, count) in refused {
                let all = report.refused.entry(reason.name()).or_default();
                *all = all.saturating_add(count);
            }
            if ask.is_rehearsal {
                report.replayed = report.replayed.saturating_add(fitting);
                report.readings = report.readings.saturating_add(readings);
            }
        });
        Ok(taken)
    }

    /// Puts messages through the inbox in bounded records; the seq of the last one that the database will hear of.
    async fn push(&self, messages: Vec<Replayed<Delivery>>) -> anyhow::Result<u64> {
        let mut newest_seq = 0;
        for batch in records(messages) {
            newest_seq = self.replay(batch).await?.max(newest_seq);
        }
        Ok(newest_seq)
    }

    async fn replay(&self, batch: Vec<Replayed<Delivery>>) -> anyhow::Result<u64> {
        let answer = loop {
            match self.shared.sender.replay(batch.clone()) {
                Ok(answer) => break answer,
                Err(InboxError::Full) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(e) => return Err(e.into()),
            }
        };
        let Again { seq, rows, readings } =
            answer.await.context("not taken: the data directory is full, or davy is stopping; order it again")?;
        self.note(|report| {
            report.replayed = report.replayed.saturating_add(rows);
            report.readings = report.readings.saturating_add(readings);
        });
        // A record that had nothing to say to the database is not waited for.
        Ok(if rows > 0 { seq } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::command::Search;

    #[test]
    fn a_rehearsal_is_no_answer_to_the_order_itself() {
        let ask = |key: &str, is_rehearsal| ReplayAsk { key: key.into(), search: Search::default(), is_rehearsal };
        let report = |state, dry_run| ReplayReport { key: "k".into(), state, dry_run, ..ReplayReport::default() };
        let begun = |state, dry_run, asked: &ReplayAsk| is_begun(Some(&report(state, dry_run)), asked);
        use ReplayState::{Done, Failed, Running};
        assert_eq!(is_begun(None, &ask("k", false)), Ok(false));
        assert_eq!(begun(Done, true, &ask("k", false)), Ok(false), "rehearsed, and now meant");
        assert_eq!(begun(Running, true, &ask("k", false)), Err(UnderWay));
        for dry_run in [true, false] {
            assert_eq!(begun(Done, dry_run, &ask("k", dry_run)), Ok(true), "asked twice");
            assert_eq!(begun(Running, dry_run, &ask("k", dry_run)), Ok(true));
            assert_eq!(begun(Failed, dry_run, &ask("k", dry_run)), Ok(false), "tried again");
        }
        assert_eq!(begun(Running, false, &ask("l", false)), Err(UnderWay));
        assert_eq!(begun(Done, false, &ask("l", false)), Ok(false));
    }
}
