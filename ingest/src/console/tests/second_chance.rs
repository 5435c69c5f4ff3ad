//! Quarantine searched and read whole, its second chance ordered, findings in pages. Pure.

use super::{Console, get, json_of, post, refused, tell, text_of};
use crate::console::door::ReplayState;
use crate::console::history::HistoryError;
use alerting::command::{Order, Outcome, Refusal, Search};
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

fn seqs(body: &Value) -> Vec<u64> {
    body["quarantine"].as_array().unwrap().iter().map(|q| q["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn quarantine_joins_memory_and_database() {
    let console = Console::running();
    tell(&console.hub, 11, vec![refused(b"{\"seq\":"), refused(b"\xff\x00")]);
    let (_, body) = console.get("/api/v1/quarantine?limit=4").await;
    assert_eq!(seqs(&body), [11, 11, 10, 9]);
    assert_eq!(body["quarantine"][0]["payload"], json!({"hex": "ff00"}));
    assert_eq!(body["quarantine"][1]["payload"], json!({"text": "{\"seq\":"}));
    assert_eq!(body["quarantine"][1]["reason"], "malformed");
    let next = body["next"].as_str().unwrap();
    let (_, body) = console.get(&format!("/api/v1/quarantine?limit=8&before={next}")).await;
    assert_eq!((seqs(&body), &body["next"]), (vec![8, 7, 6, 5, 4, 3, 2, 1], &body["next"]));
    *console.past.down.lock().unwrap() = Some(HistoryError::Unavailable("connection refused".into()));
    let (status, body) = console.get("/api/v1/quarantine").await;
    assert_eq!((status, body["quarantine"].as_array().unwrap().len()), (StatusCode::OK, 2));
    assert!(body["older_missing"].as_str().unwrap().contains("connection refused"));
}

#[tokio::test]
async fn a_search_reaches_memory_and_database_alike() {
    let console = Console::running();
    tell(&console.hub, 11, vec![refused(b"{")]);
    let (_, body) = console.get("/api/v1/quarantine?reason=wrong_type").await;
    assert!(!seqs(&body).contains(&11), "memory holds another reason");
    let asked = console.past.asked.lock().unwrap().pop().unwrap();
    assert_eq!(asked.search.reason.as_deref(), Some("wrong_type"));
    let path = "/api/v1/quarantine?enterprise=hc-001&gateway=gw-1&topic=davy/v1&text=NO&from=2025-01-01T08:00&limit=2";
    assert_eq!(console.get(path).await.0, StatusCode::OK);
    let asked = console.past.asked.lock().unwrap().pop().unwrap();
    assert_eq!((asked.text.as_deref(), asked.topic.as_deref(), asked.limit), (Some("NO"), Some("davy/v1"), 2));
    assert!(asked.search.from.is_some() && asked.search.to.is_none());
    for bad in ["reson=x", "from=yesterday", "before=7", "limit=1001"] {
        assert_eq!(console.get(&format!("/api/v1/quarantine?{bad}")).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn an_entry_is_shown_whole_and_its_bytes_are_no_page() {
    let console = Console::running();
    tell(&console.hub, 11, vec![refused(b"<script>")]);
    let (status, body) = console.get("/api/v1/quarantine/7/0").await;
    assert_eq!((status, &body["payload"]), (StatusCode::OK, &json!({"hex": "0001"})));
    assert_eq!(console.get("/api/v1/quarantine/11/0").await.1["payload"], json!({"text": "<script>"}), "from memory");
    let raw = console.ask(get("/api/v1/quarantine/11/0/raw")).await;
    assert_eq!(raw.headers()["content-type"], "application/octet-stream");
    assert_eq!(raw.headers()["content-disposition"], "attachment; filename=\"quarantine-11-0.bin\"");
    assert_eq!(text_of(raw).await, "<script>");
    for path in ["99/0", "7/1", "x/0", "7/x"] {
        assert_eq!(console.get(&format!("/api/v1/quarantine/{path}")).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    *console.past.down.lock().unwrap() = Some(HistoryError::Unavailable("away".into()));
    assert_eq!(console.get("/api/v1/quarantine/7/0").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(console.get("/api/v1/quarantine/11/0").await.0, StatusCode::OK);
}

const PATH: &str = "/api/v1/quarantine/replay";

#[tokio::test]
async fn a_replay_is_journalled_with_its_author_and_begun() {
    let console = Console::running();
    assert_eq!(console.get(PATH).await.0, StatusCode::NOT_FOUND);
    console.prepare(Ok(Some(Outcome::Noted)));
    let mut request = post(PATH, r#"{"by":"张三","reason":"unknown_point","enterprise":"hc-001"}"#);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_static("k-1"));
    let (status, body) = json_of(console.ask(request).await).await;
    assert_eq!((status, &body["key"], &body["state"]), (StatusCode::ACCEPTED, &json!("k-1"), &json!("running")));
    let search =
        Search { reason: Some("unknown_point".into()), enterprise: Some("hc-001".into()), ..Search::default() };
    let command = console.door.orders.lock().unwrap().pop().unwrap();
    assert_eq!((command.by.name.as_str(), command.order), ("张三", Order::ReplayQuarantine(search.clone())));
    assert_eq!(console.replay.asks.lock().unwrap()[0].search, search);
    assert_eq!(console.get(PATH).await.1["rows"], 7);

    let (status, problem) = console.post(PATH, r#"{"by":"李四"}"#).await;
    assert_eq!((status, problem["type"].as_str()), (StatusCode::CONFLICT, Some("urn:davy:problem:replay-under-way")));
    assert!(console.door.orders.lock().unwrap().is_empty(), "refused before it was journalled");
}

#[tokio::test]
async fn a_rehearsal_changes_nothing_and_wrong_orders_are_refused() {
    let console = Console::running();
    *console.replay.state.lock().unwrap() = ReplayState::Done;
    let (status, _) = console.post(PATH, r#"{"by":"张三","dry_run":true}"#).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(console.door.orders.lock().unwrap().is_empty());
    assert!(console.replay.asks.lock().unwrap()[0].is_rehearsal);
    for body in [r#"{}"#, r#"{"by":" "}"#, r#"{"by":"a","from":"yesterday"}"#, r#"{"by":"a","reson":"x"}"#] {
        assert_eq!(console.post(PATH, body).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    console.prepare(Ok(Some(Outcome::Refused(Refusal::KeyReused))));
    assert_eq!(console.post(PATH, r#"{"by":"张三"}"#).await.0, StatusCode::CONFLICT);
    assert_eq!(console.replay.asks.lock().unwrap().len(), 1, "nothing was begun");
}

#[tokio::test]
async fn findings_come_in_pages() {
    let console = Console::running();
    let (status, body) = console.get("/api/v1/findings?limit=2&enterprise=hc-001").await;
    assert_eq!((status, body["findings"].as_array().unwrap().len()), (StatusCode::OK, 2));
    let first = &body["findings"][0];
    assert_eq!(
        (&first["rule"], &first["severity"], &first["readings"]),
        (&json!("HC-11"), &json!("orange"), &json!(3))
    );
    assert_eq!(first["enterprise"], "hc-001");
    let next = body["next"].as_str().unwrap();
    let (_, body) = console.get(&format!("/api/v1/findings?limit=2&before={next}")).await;
    assert_eq!((body["findings"].as_array().unwrap().len(), &body["next"]), (1, &json!(null)));
    assert_eq!(console.get("/api/v1/findings?point=x").await.0, StatusCode::BAD_REQUEST);
}
