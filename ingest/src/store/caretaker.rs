//! What the archive needs beside rows: rollups made right, old days dropped, closed days compacted. One connection, one
//! small piece at a time through the owner's functions. Must not know when readings come, nor read a clock. I/O.

use super::connection::{Connection, Purpose};
use super::error::StoreError;
use super::migrate;
use super::progress::Progress;
use super::stamp::Stamp;
use super::words::from_sql;
use crate::pace::Standing;
use rules::reading::{Micros, SECOND_US};
use serde::Serialize;
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::Client;

/// One call makes so many minutes right: a second's work at the planned rate.
const MINUTES_MAX: i32 = 60;
const HOURS_MAX: i32 = 24;
/// An hour is rolled up once it has been over for so long: most of what comes late has come by then.
const HOUR_RESTS_US: i64 = 300 * SECOND_US;
/// In one round so many calls of each kind at most, so that none of them keeps the others waiting.
const CALLS_MAX: usize = 64;
/// A round drops so many parts at most: each takes a lock on the whole table for a moment.
const DROPS_MAX: usize = 8;
/// So many days of readings go at most within so many hours, whatever a clock says: one that was set years ahead must not
/// empty the archive before somebody sees it. Twice as fast as days come, so that a backlog goes too.
const DAYS_MAX: u64 = 2;
const DAYS_MAX_H: f64 = 20.0;
/// A failing round is tried again after this, doubled each time, up to the second figure.
const BACKOFF_MIN: Duration = Duration::from_secs(5);
const BACKOFF_MAX: Duration = Duration::from_secs(600);

/// While the readings' lane is behind, so many rounds are left out in a row, or broken off: the database's time is worth
/// more there, and what is not rolled up is answered from the readings.
const GIVES_WAY_MAX: u32 = 15;
/// So many records behind is behind: half a second.
const BEHIND: u64 = 50;

/// From `[store]` and `[fold]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub every: Duration,
    /// A day is compacted once it has been over for so long.
    pub compact_after_us: i64,
    /// What is older is dropped; no younger than what the fold still believes.
    pub retention_us: i64,
}

/// How the care goes, for status and metrics. Counts are since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Care {
    /// Why the last round failed; empty when it did not.
    pub problem: String,
    pub rounds: u64,
    /// Rounds left out or broken off because the readings' lane was behind.
    pub gave_way: u64,
    pub minutes: u64,
    pub hours: u64,
    /// Minutes that are marked and not made right yet.
    pub pending_minutes: u64,
    pub dropped: u64,
    pub last_dropped: Option<String>,
    pub compacted: u64,
    pub last_compacted: Option<String>,
    /// When the last good round ended.
    pub done_us: Option<i64>,
}

pub struct Caretaker {
    connection: Connection,
    settings: Settings,
    client: Option<Client>,
    /// The readings' lane, if there is one, and how many rounds in a row gave way to it.
    lane: Option<watch::Receiver<Progress>>,
    in_a_row: u32,
    care: watch::Sender<Care>,
}

impl Caretaker {
    /// `connection` names the writer role. Connects at the first round.
    #[must_use]
    pub fn new(connection: Connection, settings: Settings) -> Caretaker {
        Caretaker {
            connection,
            settings,
            client: None,
            lane: None,
            in_a_row: 0,
            care: watch::Sender::new(Care::default()),
        }
    }

    /// The readings' lane goes first.
    #[must_use]
    pub fn giving_way_to(mut self, lane: watch::Receiver<Progress>) -> Caretaker {
        self.lane = Some(lane);
        self
    }

    #[must_use]
    pub fn care(&self) -> watch::Receiver<Care> {
        self.care.subscribe()
    }

    /// Rounds until `stop` is true or its sender is gone; `clock` is the loop's.
    pub async fn run(mut self, clock: impl Fn() -> Standing + Send, mut stop: watch::Receiver<bool>) {
        let mut backoff = BACKOFF_MIN;
        loop {
            if self.gives_way() {
                self.gave_way();
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(self.settings.every) => continue,
                }
            }
            let done = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                done = self.round_by(clock()) => done,
            };
            let pause = if done.is_ok() {
                backoff = BACKOFF_MIN;
                self.settings.every
            } else {
                let pause = backoff;
                backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
                pause
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round at a time that is known to be right.
    pub async fn round(&mut self, now: Micros) -> Result<(), StoreError> {
        self.round_by(Standing { now, wall: now, follows: true }).await
    }

    /// One round: everything that is due. A step that fails does not keep the later ones from their turn; the first
    /// failure is the round's.
    pub async fn round_by(&mut self, clock: Standing) -> Result<(), StoreError> {
        let now = clock.now;
        let done = self.steps(clock).await;
        if done.is_err() && self.client.as_ref().is_some_and(Client::is_closed) {
            self.client = None;
        }
        let problem = done.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let before = self.care.borrow().problem.clone();
        match (before.is_empty(), problem.is_empty()) {
            // Said once; from then on the gauge tells.
            (true, false) => tracing::warn!(problem = %problem, "the archive is not cared for: tried again"),
            (false, true) => tracing::info!("the archive is cared for again"),
            _ => {}
        }
        self.care.send_modify(|care| {
            care.rounds = care.rounds.saturating_add(1);
            care.problem = problem;
            if done.is_ok() {
                care.done_us = Some(now.0);
            }
        });
        done
    }

    async fn steps(&mut self, clock: Standing) -> Result<(), StoreError> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => {
                let client = self.connection.open(Purpose::Care).await?;
                migrate::require(&client).await?;
                client
            }
        };
        let rolled = self.roll_up(&client, clock.now).await;
        let dropped = if self.gives_way() { Ok(()) } else { self.drop_old(&client, clock).await };
        // What takes longest waits for a lane that has nothing left.
        let compacted = if self.lag() > 0 { Ok(()) } else { self.compact(&client, clock.now).await };
        self.client = Some(client);
        if self.gives_way() {
            self.gave_way();
        } else {
            self.in_a_row = 0;
        }
        rolled.and(dropped).and(compacted)
    }

    fn lag(&self) -> u64 {
        self.lane.as_ref().map_or(0, |lane| lane.borrow().lag)
    }

    /// Asked before a round, and before each piece of one.
    fn gives_way(&self) -> bool {
        gives_way(self.lag(), self.in_a_row)
    }

    fn gave_way(&mut self) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.care.send_modify(|care| care.gave_way = care.gave_way.saturating_add(1));
    }

    async fn roll_up(&self, client: &Client, now: Micros) -> Result<(), StoreError> {
        for _ in 0..CALLS_MAX {
            if self.gives_way() {
                return Ok(());
            }
            let row = client.query_one("SELECT public.davy_rollup($1)", &[&MINUTES_MAX]).await?;
            let minutes = from_sql(row.try_get(0)?);
            self.care.send_modify(|care| care.minutes = care.minutes.saturating_add(minutes));
            if minutes < MINUTES_MAX.unsigned_abs().into() {
                break;
            }
        }
        let closed = Stamp(now.0.saturating_sub(HOUR_RESTS_US));
        for _ in 0..CALLS_MAX {
            if self.gives_way() {
                return Ok(());
            }
            let row = client.query_one("SELECT public.davy_rollup_hours($1, $2)", &[&closed, &HOURS_MAX]).await?;
            let hours = from_sql(row.try_get(0)?);
            self.care.send_modify(|care| care.hours = care.hours.saturating_add(hours));
            if hours < HOURS_MAX.unsigned_abs().into() {
                break;
            }
        }
        let row = client.query_one("SELECT count(DISTINCT bucket) FROM rollup_dirty", &[]).await?;
        let pending = from_sql(row.try_get(0)?);
        self.care.send_modify(|care| care.pending_minutes = pending);
        Ok(())
    }

    /// What was dropped is gone, so the clock must be sure, and a wrong one finds a limit that outlives a restart.
    async fn drop_old(&self, client: &Client, clock: Standing) -> Result<(), StoreError> {
        let Some(cutoff) = cutoff(clock, self.settings.retention_us) else { return Ok(()) };
        for _ in 0..DROPS_MAX {
            if self.gives_way() {
                return Ok(());
            }
            let gone =
                "SELECT count(*) FROM retention_drop WHERE abs(extract(epoch FROM now() - at)) < $1::float8 * 3600";
            let gone: u64 = from_sql(client.query_one(gone, &[&DAYS_MAX_H]).await?.try_get(0)?);
            if gone >= DAYS_MAX {
                return Ok(());
            }
            let row = client.query_one("SELECT public.davy_retain($1)", &[&Stamp(cutoff.0)]).await?;
            let Some(part) = row.try_get::<_, Option<String>>(0)? else { return Ok(()) };
            if gone + 1 == DAYS_MAX {
                tracing::warn!(part, "dropped for its age, the second within a day: more waits; is the clock right?");
            } else {
                tracing::info!(part, "dropped for its age");
            }
            self.care.send_modify(|care| {
                care.dropped = care.dropped.saturating_add(1);
                care.last_dropped = Some(part);
            });
        }
        Ok(())
    }

    /// One part a round: in a columnstore it may take minutes.
    async fn compact(&self, client: &Client, now: Micros) -> Result<(), StoreError> {
        let closed = Stamp(now.0.saturating_sub(self.settings.compact_after_us));
        let row = client.query_one("SELECT public.davy_compact($1)", &[&closed]).await?;
        if let Some(part) = row.try_get::<_, Option<String>>(0)? {
            tracing::info!(part, "compacted");
            self.care.send_modify(|care| {
                care.compacted = care.compacted.saturating_add(1);
                care.last_compacted = Some(part);
            });
        }
        Ok(())
    }
}

/// What is older may go; `None` while the clock is in doubt.
fn cutoff(clock: Standing, retention_us: i64) -> Option<Micros> {
    clock.follows.then(|| clock.now.min(clock.wall).plus(retention_us.saturating_neg()))
}

fn gives_way(lag: u64, in_a_row: u32) -> bool {
    lag > BEHIND && in_a_row < GIVES_WAY_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_is_behind_goes_first_but_not_for_ever() {
        assert!(!gives_way(0, 0) && !gives_way(BEHIND, 0));
        assert!(gives_way(BEHIND + 1, 0) && gives_way(u64::MAX, GIVES_WAY_MAX - 1));
        assert!(!gives_way(u64::MAX, GIVES_WAY_MAX));
    }

    #[test]
    fn nothing_is_old_by_a_clock_in_doubt() {
        let clock = |now, wall, follows| Standing { now: Micros(now), wall: Micros(wall), follows };
        assert_eq!(cutoff(clock(900, 900, true), 100), Some(Micros(800)));
        assert_eq!(cutoff(clock(900, 700, true), 100), Some(Micros(600)), "the earlier of both");
        assert_eq!(cutoff(clock(700, 900, true), 100), Some(Micros(600)));
        assert_eq!(cutoff(clock(900, 900, false), 100), None);
    }
}
