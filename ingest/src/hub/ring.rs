//! The newest alarm events with their numbers, so that a stream that was cut can go on where it was. Must not know
//! how events are shown. Pure.

use alerting::alarm::{Alarm, AlarmChange, AlarmState, Cause};
use bytes::Bytes;
use rules::reading::Micros;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

/// A browser that was away for a minute finds its place again even when 60 alarms change every second; about 4 MiB.
pub const RING_MAX: usize = 4096;

/// An effect's key: the record and its place among the record's business effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    pub seq: u64,
    pub index: u32,
}

/// An event's name outside: `{journal_id}-{seq}-{index}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub journal_id: Arc<str>,
    pub position: Position,
}

/// Why a stream begins with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The reader named no event.
    First,
    /// What the reader named is no event id.
    Unreadable,
    /// The event belongs to the journal of another instance, or of one that was lost.
    OtherJournal,
    /// The event is older than the ring.
    TooOld,
    /// The event is newer than the journal.
    Ahead,
}

/// The reader was too slow: the events it should read next are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun;

/// One change of an alarm.
#[derive(Debug)]
pub struct Event {
    pub position: Position,
    pub at: Micros,
    pub from: AlarmState,
    pub cause: Cause,
    pub by: Option<String>,
    pub comment: Option<String>,
    /// As it stands after the change.
    pub alarm: Arc<Alarm>,
    /// Filled by whoever shows the event first and shared by all others.
    pub shown: OnceLock<Bytes>,
}

impl Event {
    #[must_use]
    pub fn new(position: Position, change: AlarmChange) -> Event {
        let AlarmChange { at, from, to: _, cause, by, comment, alarm } = change;
        Event { position, at, from, cause, by, comment, alarm: Arc::new(alarm), shown: OnceLock::new() }
    }
}

#[derive(Debug)]
pub struct Ring {
    events: VecDeque<Arc<Event>>,
    /// The number of the first event held.
    first: u64,
    /// Everything up to here is no longer held.
    floor: Position,
}

impl Ring {
    /// An empty ring after record `seq`; its first event will have the number `first`.
    #[must_use]
    pub fn new(first: u64, seq: u64) -> Ring {
        Ring { events: VecDeque::with_capacity(RING_MAX), first, floor: Position { seq, index: u32::MAX } }
    }

    pub fn push(&mut self, event: Arc<Event>) {
        if self.events.len() >= RING_MAX
            && let Some(oldest) = self.events.pop_front()
        {
            self.first = self.first.saturating_add(1);
            self.floor = oldest.position;
        }
        self.events.push_back(event);
    }

    /// The number the next event will have.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.events.len() as u64)
    }

    /// The position of a reader who has seen everything through record `seq`, the newest.
    #[must_use]
    pub fn head(&self, seq: u64) -> Position {
        match self.events.back() {
            Some(newest) if newest.position.seq == seq => newest.position,
            _ => Position { seq, index: if self.floor.seq == seq { self.floor.index } else { 0 } },
        }
    }

    /// The number of the first event after `position`, if nothing between was lost.
    pub fn after(&self, position: Position, seq: u64) -> Result<u64, Why> {
        if position < self.floor {
            return Err(Why::TooOld);
        }
        if position > self.head(seq) {
            return Err(Why::Ahead);
        }
        let seen = self.events.partition_point(|e| e.position <= position);
        Ok(self.first.saturating_add(seen as u64))
    }

    pub fn read(&self, next: u64, limit: usize) -> Result<Vec<Arc<Event>>, Overrun> {
        if next < self.first || next > self.end() {
            return Err(Overrun);
        }
        let skip = usize::try_from(next.saturating_sub(self.first)).map_err(|_| Overrun)?;
        Ok(self.events.iter().skip(skip).take(limit).cloned().collect())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.journal_id, self.position.seq, self.position.index)
    }
}

impl FromStr for Mark {
    type Err = Why;

    /// Read from the right, because a journal id may hold hyphens itself.
    fn from_str(text: &str) -> Result<Mark, Why> {
        let (rest, index) = text.rsplit_once('-').ok_or(Why::Unreadable)?;
        let (journal_id, seq) = rest.rsplit_once('-').ok_or(Why::Unreadable)?;
        let seq = seq.parse().map_err(|_| Why::Unreadable)?;
        let index = index.parse().map_err(|_| Why::Unreadable)?;
        Ok(Mark { journal_id: journal_id.into(), position: Position { seq, index } })
    }
}
