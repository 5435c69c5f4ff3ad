//! Gateways as they are shown. Pure.

use super::{Console, NOW};
use alerting::gateway::{GatewayKey, GatewayState, GatewayStatus, SeqBook};
use axum::http::StatusCode;
use rules::reading::SECOND_US;
use serde_json::json;

fn heard(book: SeqBook) -> (GatewayKey, GatewayState) {
    let key = GatewayKey { enterprise: "hc-001".into(), gateway: "gw-1".into() };
    let status = Some((GatewayStatus::Online, NOW.plus(-60 * SECOND_US)));
    (key, GatewayState { last_received: NOW.plus(-3 * SECOND_US), seq: book, offset_us: Some(-1_500_000), status })
}

#[tokio::test]
async fn a_gateway_is_shown_with_its_account() {
    let console = Console::running();
    let (status, body) = console.get("/api/v1/gateways").await;
    let silent = &body["gateways"][0];
    assert_eq!((status, &silent["gateway"], &silent["seq"]), (StatusCode::OK, &json!("gw-1"), &json!(null)));
    assert_eq!((&silent["last_received"], &silent["status"]), (&json!(null), &json!(null)));

    let mut book = SeqBook::default();
    for (seq, ago_s) in [(1, 5), (5, 4), (6, 3)] {
        let at = NOW.plus(-ago_s * SECOND_US);
        book.take(seq, Some(at), at);
    }
    console.hub.touch_gateways(vec![heard(book)]);
    let (_, body) = console.get("/api/v1/gateways?enterprise=hc-001").await;
    let shown = &body["gateways"][0];
    assert_eq!((&shown["silent_s"], &shown["clock_offset_s"]), (&json!(3.0), &json!(-1.5)));
    assert_eq!((&shown["status"], &shown["enterprise"]), (&json!("online"), &json!("hc-001")));
    let seq = &shown["seq"];
    assert_eq!((&seq["received"], &seq["missing"], &seq["gaps_open"]), (&json!(3), &json!(3), &json!(1)));
    assert_eq!((&seq["completeness"], &seq["completeness_today"]), (&json!(0.5), &json!(0.5)));
    assert_eq!(console.hub.gateway_totals(), (3, 3));
    assert_eq!(console.get("/api/v1/gateways?enterprise=nobody").await.0, StatusCode::NOT_FOUND);
    assert_eq!(console.get("/api/v1/gateways?gateway=x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn yesterdays_account_is_not_todays() {
    let console = Console::running();
    let mut book = SeqBook::default();
    let yesterday = NOW.plus(-86_400 * SECOND_US);
    book.take(1, Some(yesterday), yesterday);
    book.take(3, Some(yesterday), yesterday);
    console.hub.touch_gateways(vec![heard(book)]);
    let seq = console.get("/api/v1/gateways").await.1["gateways"][0]["seq"].clone();
    assert_eq!((&seq["missing"], &seq["missing_today"]), (&json!(1), &json!(0)));
    assert_eq!((&seq["received_today"], &seq["completeness_today"]), (&json!(0), &json!(null)));
}
