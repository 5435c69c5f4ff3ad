//! The clock asked, and the wall accepted. Pure.

use super::{Console, NOW};
use alerting::command::{Order, Outcome, Refusal};
use axum::http::StatusCode;
use rules::reading::SECOND_US;
use serde_json::json;

const ACCEPT: &str = "/api/v1/clock/accept";

#[tokio::test]
async fn the_clock_says_where_it_stands() {
    let console = Console::running();
    let (status, body) = console.get("/api/v1/clock").await;
    assert_eq!((status, &body["offset_s"], &body["follows"]), (StatusCode::OK, &json!(0.0), &json!(true)));
    *console.wall.lock().unwrap() = NOW.plus(-90 * SECOND_US);
    let (_, body) = console.get("/api/v1/clock").await;
    assert_eq!((&body["offset_s"], &body["agrees_in_s"]), (&json!(-90.0), &json!(1800.0)));
    *console.wall.lock().unwrap() = NOW.plus(7_200 * SECOND_US);
    let (_, body) = console.get("/api/v1/clock").await;
    assert_eq!((&body["follows"], &body["agrees_in_s"]), (&json!(false), &json!(null)));
    assert!(body["text"].as_str().unwrap().contains("davy clock accept"), "{body}");
}

#[tokio::test]
async fn a_word_that_the_wall_is_right_is_journalled_with_its_author_and_reason() {
    let console = Console::running();
    console.prepare(Ok(Some(Outcome::Noted)));
    let body = r#"{"by":"张三","reason":"the machine was suspended"}"#;
    for (away_s, outcome) in [(7_200, "jumped"), (-7_200, "slewing"), (0, "in_step")] {
        *console.wall.lock().unwrap() = NOW.plus(away_s * SECOND_US);
        let (status, answer) = console.post(ACCEPT, body).await;
        assert_eq!((status, &answer["outcome"]), (StatusCode::OK, &json!(outcome)));
    }
    let command = console.door.orders.lock().unwrap().pop().unwrap();
    let order = Order::AcceptClock { comment: "the machine was suspended".into() };
    assert_eq!((command.by.name.as_str(), command.order), ("张三", order));
    for body in [r#"{"by":"张三"}"#, r#"{"by":"张三","reason":" "}"#, r#"{"by":"","reason":"x"}"#] {
        assert_eq!(console.post(ACCEPT, body).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    console.prepare(Ok(Some(Outcome::Refused(Refusal::KeyReused))));
    assert_eq!(console.post(ACCEPT, body).await.0, StatusCode::CONFLICT);
}
