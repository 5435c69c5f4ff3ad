//! `GET /api/v1/stream`: alarms as they change, as server-sent events. A snapshot or a resume, then one event for each
//! (seq, index). Reads the hub's ring at its own pace; who falls out of the ring is dropped. I/O: HTTP.

use crate::console::params::{NoParams, Params};
use crate::console::problem::Problem;
use crate::console::shown::{AlarmShown, Stamp, event_frame, frame};
use crate::console::{Context, STREAMS_MAX};
use crate::hub::ring::{Event, Mark, Position, Why};
use crate::hub::{Snapshot, Start};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Proxies and browsers take silence for death after 30 s or more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events in one piece of the body: about 60 KiB, so that a burst does not copy the whole ring for each reader.
const PIECE_MAX: usize = 64;
/// How long a browser waits before it comes back.
const RETRY: &str = "retry: 1000\n\n";

#[derive(Serialize)]
struct SnapshotShown<'a> {
    why: Why,
    journal: &'a str,
    position: Position,
    now: Stamp,
    alarms: Vec<AlarmShown<'a>>,
}

/// One reader.
struct Reader {
    context: Context,
    journal_id: Arc<str>,
    /// Number of the event to read next.
    next: u64,
    /// What goes out before any event.
    first: Option<Bytes>,
    wake: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.context.leans.telemetry.stream_clients.dec();
    }
}

pub async fn open(
    State(context): State<Context>,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let permit = Arc::clone(&context.streams).try_acquire_owned().map_err(|_| {
        Problem::unavailable("too-many-streams", format!("{STREAMS_MAX} streams are open, and more are not served"))
    })?;
    let after = match headers.get("last-event-id") {
        None => Err(Why::First),
        Some(id) => id.to_str().map_err(|_| Why::Unreadable).and_then(str::parse),
    };
    let standing = context.hub().standing().ok_or_else(Problem::starting)?;
    // Subscribed before the snapshot is taken, so that no event falls between the two.
    let wake = context.hub().wake();
    let start = context.hub().subscribe(after).ok_or_else(Problem::starting)?;
    context.leans.telemetry.stream_clients.inc();
    let (journal_id, next, first) = match start {
        Start::Resumed { next } => (standing.journal_id, next, Bytes::from_static(RETRY.as_bytes())),
        Start::Fresh { why, snapshot, next } => {
            let frame = snapshot_frame(&snapshot, why);
            (snapshot.standing.journal_id, next, [RETRY.as_bytes(), &frame].concat().into())
        }
    };
    let stopping = context.stopping.clone();
    let reader = Reader { context, journal_id, next, first: Some(first), wake, stopping, _permit: permit };
    let headers = [(CONTENT_TYPE, "text/event-stream; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(pieces(reader))).into_response())
}

fn pieces(reader: Reader) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        let piece = reader.piece().await?;
        Some((Ok(piece), reader))
    })
}

impl Reader {
    /// The next bytes for the reader; `None` ends the stream, and the browser comes back by itself.
    async fn piece(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            // Marked as seen before the ring is read: an event that comes after the look wakes us again.
            self.wake.borrow_and_update();
            match self.context.hub().events(self.next, PIECE_MAX) {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(self.frames(&events)),
                Err(_) => {
                    self.context.leans.telemetry.stream_dropped.inc();
                    tracing::info!(next = self.next, "event stream dropped: its reader is too slow");
                    return None;
                }
            }
            tokio::select! {
                biased;
                // Either way the loop looks again; a closed channel cannot be, since we hold the hub.
                _ = self.stopping.changed() => {}
                _ = self.wake.changed() => {}
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b": alive\n\n")),
            }
        }
    }

    fn frames(&mut self, events: &[Arc<Event>]) -> Bytes {
        self.next = self.next.saturating_add(events.len() as u64);
        let standing = self.context.hub().standing();
        let view = standing.as_ref().and_then(|s| s.view.as_deref());
        let mut piece = BytesMut::new();
        for event in events {
            piece.extend_from_slice(&event_frame(event, &self.journal_id, view));
        }
        piece.freeze()
    }
}

fn snapshot_frame(snapshot: &Snapshot, why: Why) -> Bytes {
    let Snapshot { standing, mark, open } = snapshot;
    let Mark { journal_id, position } = mark;
    let view = standing.view.as_deref();
    let alarms = open.iter().map(|a| AlarmShown::new(a, view)).collect();
    let shown = SnapshotShown { why, journal: journal_id, position: *position, now: Stamp(standing.now), alarms };
    frame("snapshot", mark, &shown)
}
