//! The registry over HTTP: shown, written out, taken in; errors by row. Pure.

use super::{Console, get, json_of, text_of};
use crate::console::door::Closed;
use alerting::command::{Order, Outcome};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

async fn import(console: &Console, query: &str, table: &str) -> (StatusCode, Value) {
    let path = format!("/api/v1/registry/import?{query}");
    let request = Request::post(path).header("host", "127.0.0.1:8420").header("content-type", "text/csv");
    json_of(console.ask(request.body(Body::from(table.to_owned())).unwrap()).await).await
}

#[tokio::test]
async fn a_table_is_taken_in_with_its_author() {
    let console = Console::running();
    console.prepare(Ok(Some(Outcome::Noted)));
    let table = "id,status,town\nhc-001,stopped,\n";
    let (status, dry) = import(&console, "by=a&dry_run=true", table).await;
    assert_eq!((status, &dry["changed"], &dry["dry_run"]), (StatusCode::OK, &json!(1), &json!(true)), "{dry}");
    assert!(console.door.imports.lock().unwrap().is_empty());
    let (status, body) = import(&console, "by=%E5%BC%A0%E4%B8%89&comment=x", table).await;
    assert_eq!((status, &body["version"], &body["base"]), (StatusCode::OK, &dry["version"], &json!("reg-1")));
    assert_eq!(body["changes"][0], json!({"line": 2, "what": "hc-001", "added": false, "columns": ["status"]}));
    let import = console.door.imports.lock().unwrap().pop().unwrap();
    assert_eq!((import.base.as_str(), import.command.by.name.as_str()), ("reg-1", "张三"));
    let Order::ImportRegistry { version, comment } = import.command.order else { panic!() };
    assert_eq!((json!(version), comment.as_str()), (body["version"].clone(), "x"));
    assert_eq!(import.brought.version(), version);
}

#[tokio::test]
async fn mistakes_come_back_by_row_and_nothing_is_taken() {
    let console = Console::running();
    let (status, body) = import(&console, "by=a", "id,status\nhc-001,gone\nhc-002,\n").await;
    assert_eq!((status, &body["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("urn:davy:problem:bad-rows")));
    let first = &body["errors"][0];
    assert_eq!((&first["row"], &first["column"]), (&json!(2), &json!("status")));
    assert!(first["remedy"].as_str().unwrap().contains("known:"), "{first}");
    assert!(console.door.imports.lock().unwrap().is_empty());
    assert_eq!(import(&console, "", "id\n").await.0, StatusCode::BAD_REQUEST, "who?");
    let (status, _) = console.post("/api/v1/registry/import?by=a", "{}").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    console.prepare(Err(Closed::Busy));
    assert_eq!(import(&console, "by=a", "id\nhc-001\n").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let large = format!("id,name_zh\n{}", "hc-001,x\n".repeat(2 << 20));
    assert_eq!(import(&console, "by=a", &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_registry_in_force_is_written_out() {
    let console = Console::running();
    let (_, body) = console.get("/api/v1/registry").await;
    assert_eq!((&body["version"], &body["from"], &body["points"]), (&json!("reg-1"), &json!("import"), &json!(2)));
    let points = text_of(console.ask(get("/api/v1/registry/points.csv?enterprise=hc-001")).await).await;
    assert!(points.starts_with("enterprise,equipment,point,tag,") && points.lines().count() == 3, "{points}");
    let (_, answer) = import(&console, "by=a&dry_run=true", &points).await;
    assert_eq!((&answer["unchanged"], &answer["changes"]), (&json!(2), &json!([])));
    let enterprises = text_of(console.ask(get("/api/v1/registry/enterprises.csv")).await).await;
    assert!(enterprises.contains("虚构化工一厂"));
    assert_eq!(console.get("/api/v1/registry/points.csv?enterprise=x").await.0, StatusCode::NOT_FOUND);
}
