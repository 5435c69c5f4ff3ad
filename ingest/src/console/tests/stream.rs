//! The event stream: how it begins, resumes, keeps alive, and whom it drops. Pure: time is paused.

use super::{Console, alarm, change, get, json_of, tell};
use crate::console::STREAMS_MAX;
use crate::hub::Recovered;
use crate::hub::ring::RING_MAX;
use alerting::alarm::AlarmState::Unacknowledged;
use axum::body::BodyDataStream;
use axum::http::{HeaderValue, StatusCode};
use futures_util::StreamExt;
use rules::reading::Severity;
use serde_json::Value;

/// One event as a browser would see it; comments and `retry` are skipped.
#[derive(Debug, PartialEq)]
struct Seen {
    id: String,
    name: String,
    data: Value,
}

struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(console: &Console, last_event_id: Option<&'static str>) -> Reader {
        let mut request = get("/api/v1/stream");
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", HeaderValue::from_static(id));
        }
        let response = console.ask(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
        Reader { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next block of lines; `None` when the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Seen> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
            if let (Some(id), Some(name), Some(data)) = (field("id: "), field("event: "), field("data: ")) {
                return Some(Seen { id, name, data: serde_json::from_str(&data).unwrap() });
            }
        }
    }

    async fn why(&mut self) -> String {
        let seen = self.next().await.unwrap();
        assert_eq!(seen.name, "snapshot");
        seen.data["why"].as_str().unwrap().to_owned()
    }
}

fn raise(console: &Console, seq: u64, ids: &[u64]) {
    tell(&console.hub, seq, ids.iter().map(|id| change(alarm(*id, Severity::Red, Unacknowledged))).collect());
}

#[tokio::test]
async fn a_stream_begins_with_a_snapshot_and_follows_by_seq_and_index() {
    let console = Console::running();
    let mut reader = Reader::open(&console, None).await;
    let snapshot = reader.next().await.unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.data["why"].as_str()), ("snapshot", Some("first")));
    assert_eq!((snapshot.data["journal"].as_str(), snapshot.data["position"]["seq"].as_u64()), (Some("j-1"), Some(10)));
    assert_eq!(snapshot.data["alarms"][0]["id"], 7);
    raise(&console, 11, &[21, 22]);
    raise(&console, 12, &[23]);
    for (id, number) in [("j-1-11-0", 21), ("j-1-11-1", 22), ("j-1-12-0", 23)] {
        let seen = reader.next().await.unwrap();
        assert_eq!((seen.id.as_str(), seen.name.as_str()), (id, "alarm"));
        assert_eq!((&seen.data["alarm"]["id"], &seen.data["cause"]), (&number.into(), &"raised".into()));
    }
}

#[tokio::test]
async fn last_event_id_resumes_inside_the_ring_only() {
    let console = Console::running();
    raise(&console, 11, &[21, 22]);
    let mut resumed = Reader::open(&console, Some("j-1-11-0")).await;
    assert_eq!(resumed.next().await.unwrap().id, "j-1-11-1");
    let mut nothing_new = Reader::open(&console, Some("j-1-11-1")).await;
    raise(&console, 12, &[23]);
    assert_eq!(nothing_new.next().await.unwrap().id, "j-1-12-0");
    let cases =
        [("j-0-11-0", "other_journal"), ("j-1-9-0", "too_old"), ("j-1-99-0", "ahead"), ("rubbish", "unreadable")];
    for (id, why) in cases {
        assert_eq!(Reader::open(&console, Some(id)).await.why().await, why, "{id}");
    }
    for seq in 0..RING_MAX as u64 {
        raise(&console, 13 + seq, &[24]);
    }
    assert_eq!(Reader::open(&console, Some("j-1-11-1")).await.why().await, "too_old");
}

#[tokio::test]
async fn a_slow_reader_is_dropped_and_nobody_waits_for_it() {
    let console = Console::running();
    let mut slow = Reader::open(&console, None).await;
    assert_eq!(slow.why().await, "first");
    for seq in 0..=RING_MAX as u64 {
        raise(&console, 11 + seq, &[21]);
    }
    assert_eq!(slow.next().await, None);
    // It comes back with the last id it saw and gets everything at once.
    assert_eq!(Reader::open(&console, Some("j-1-10-4294967295")).await.why().await, "too_old");
    let page = super::text_of(console.ask(get("/metrics")).await).await;
    assert!(page.contains("davy_stream_dropped_total 1"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_15_seconds() {
    let console = Console::running();
    let mut reader = Reader::open(&console, None).await;
    let blocks = [reader.block().await.unwrap(), reader.block().await.unwrap(), reader.block().await.unwrap()];
    assert!(blocks[0].starts_with("retry:") && blocks[1].contains("event: snapshot"), "{blocks:?}");
    assert_eq!(blocks[2], ": alive");
}

#[tokio::test]
async fn streams_end_at_a_stop_and_at_another_journal() {
    let console = Console::running();
    let mut stopped = Reader::open(&console, None).await;
    stopped.next().await.unwrap();
    console.hub.load(Recovered { journal_id: "j-2".into(), seq: 1, ..Recovered::default() });
    assert_eq!(stopped.next().await, None);
    let mut stopped = Reader::open(&console, Some("j-1-10-0")).await;
    assert_eq!(stopped.why().await, "other_journal");
    console.stop.send_replace(true);
    assert_eq!(stopped.next().await, None);
}

#[tokio::test]
async fn streams_are_bounded_and_places_come_back() {
    let console = Console::running();
    let mut readers = Vec::new();
    for _ in 0..STREAMS_MAX {
        readers.push(Reader::open(&console, None).await);
    }
    let (status, problem) = json_of(console.ask(get("/api/v1/stream")).await).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("urn:davy:problem:too-many-streams"))
    );
    readers.pop();
    Reader::open(&console, None).await;
}

#[tokio::test]
async fn what_a_gateway_wrote_cannot_break_a_frame() {
    let console = Console::running();
    let mut reader = Reader::open(&console, None).await;
    reader.next().await.unwrap();
    let mut evil = alarm(9, Severity::Blue, Unacknowledged);
    evil.rule = "x\n\nevent: snapshot\ndata: {}\r\r".into();
    tell(&console.hub, 11, vec![change(evil.clone())]);
    let seen = reader.next().await.unwrap();
    assert_eq!((seen.name.as_str(), seen.data["alarm"]["rule"].as_str()), ("alarm", Some(evil.rule.as_str())));
}
