//! The endpoints: shapes, strict questions, and what is said while something is away. Pure.

use super::{Console, alarm, change, get, post, tell, text_of};
use crate::console::door::Closed;
use crate::console::history::HistoryError;
use crate::hub::health::{Component, Condition, Report};
use alerting::alarm::{AlarmId, AlarmState};
use alerting::command::{Order, Outcome, Refusal};
use axum::http::{HeaderValue, StatusCode};
use rules::reading::{Micros, Severity};
use serde_json::json;

#[tokio::test]
async fn alarms_have_the_promised_fields() {
    let console = Console::running();
    let (status, body) = console.get("/api/v1/alarms?state=open").await;
    assert_eq!(status, StatusCode::OK);
    let shown = &body["alarms"][0];
    let expected = json!({
        "id": 7, "rule": "HC-11", "severity": "red", "state": "unacknowledged", "enterprise": "hc-001",
        "equipment": "T-101", "point": "T-101.lel", "value": 61.5, "limit": 50.0, "unit": "%LEL",
        "raised_at": "2025-01-01T00:00:07.000Z", "acked_at": null, "cleared_at": null, "rule_set": "ab12",
        "enterprise_name": {"zh": "虚构化工一厂", "en": "Fictional Chemical No. 1"},
        "town": {"zh": "青杠街道", "en": "Qinggang"},
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}");
    }
    assert_eq!((body["seq"].as_u64(), body["journal"].as_str()), (Some(10), Some("j-1")));
    assert_eq!(console.get("/api/v1/alarms?state=closed").await.1["alarms"][0]["id"], 3);
    let all = console.get("/api/v1/alarms?state=all").await.1;
    assert_eq!((all["alarms"][0]["id"].as_u64(), all["alarms"][1]["id"].as_u64()), (Some(7), Some(3)));
    assert_eq!(console.get("/api/v1/alarms?state=all&limit=1").await.1["alarms"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn questions_with_unknown_words_are_refused_by_name() {
    let console = Console::running();
    let questions = [
        ("/api/v1/alarms?status=open", "status"),
        ("/api/v1/alarms?state=opened", "opened"),
        ("/api/v1/alarms?state=open&state=all", "state"),
        ("/api/v1/alarms?limit=-1", "limit"),
        ("/api/v1/alarms?limit=100001", "limit"),
        ("/api/v1/findings?rule=a%00b", "rule"),
        ("/api/v1/findings?enterprise=", "enterprise"),
        ("/api/v1/quarantine?topic=", "topic"),
        ("/api/v1/points?tag=gas.lel", "tag"),
        ("/api/v1/status?verbose", "verbose"),
        ("/api/v1/stream?x=1", "x"),
        ("/api/v1/quarantine?limit=0", "limit"),
        ("/api/v1/quarantine?limit=100000", "limit"),
        ("/api/v1/points/hc-001/T-101.lel/readings?from=yesterday", "from"),
        ("/api/v1/points/hc-001/T-101.lel/readings?from=2025-02-01T00:00:00Z", "from"),
    ];
    for (question, word) in questions {
        let (status, problem) = console.get(question).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{question}");
        // `limit=-1` is refused as a number; the parser does not name the key then.
        let named = problem["detail"].as_str().unwrap().contains(word);
        assert!(named || question.ends_with("-1"), "{question}: {problem}");
    }
}

#[tokio::test]
async fn points_show_limits_and_the_value_held() {
    let console = Console::running();
    let (_, body) = console.get("/api/v1/points?tag_type=gas.lel&enterprise=hc-001").await;
    let point = &body["points"][0];
    assert_eq!(body["count"], 1);
    assert_eq!((point["point"].as_str(), point["gateway"].as_str()), (Some("T-101.lel"), Some("gw-1")));
    assert_eq!((point["unit"].as_str(), &point["limits"]["hh"]), (Some("%LEL"), &json!(50.0)));
    assert_eq!((&point["value"], &point["age_s"]), (&json!(61.5), &json!(1.0)));
    assert_eq!(point["event_time"], "2025-01-01T00:09:58.000Z");
    let (_, all) = console.get("/api/v1/points").await;
    assert_eq!((all["count"].as_u64(), &all["points"][1]["value"]), (Some(2), &json!(null)));
    for (path, kind) in [("?enterprise=nobody", "no-such-enterprise"), ("?tag_type=x", "no-such-tag-type")] {
        let (status, problem) = console.get(&format!("/api/v1/points{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(problem["type"].as_str().unwrap().ends_with(kind));
    }
}

#[tokio::test]
async fn enterprises_show_their_worst_open_alarm() {
    let (_, body) = Console::running().get("/api/v1/enterprises").await;
    let shown = &body["enterprises"][0];
    assert_eq!((shown["id"].as_str(), shown["worst"].as_str()), (Some("hc-001"), Some("red")));
    assert_eq!((&shown["points"], &shown["open_alarms"], &shown["gateways"]), (&json!(2), &json!(1), &json!(["gw-1"])));
}

#[tokio::test]
async fn readings_come_from_the_database_and_its_absence_is_said() {
    let console = Console::running();
    let path = "/api/v1/points/hc-001/T-101.lel/readings?from=2025-01-01T08:00:00&to=2025-01-01T00:00:03Z";
    let (status, body) = console.get(path).await;
    assert_eq!((status, body["readings"].as_array().unwrap().len()), (StatusCode::OK, 3));
    assert_eq!((body["from"].as_str(), &body["truncated"]), (Some("2025-01-01T00:00:00.000Z"), &json!(false)));
    let (_, cut) = console.get(&format!("{path}&limit=2")).await;
    assert_eq!((cut["readings"].as_array().unwrap().len(), &cut["truncated"]), (2, &json!(true)));
    assert_eq!(console.get("/api/v1/points/hc-001/nothing/readings").await.0, StatusCode::NOT_FOUND);

    *console.past.down.lock().unwrap() = Some(HistoryError::Unavailable("connection refused".into()));
    let (status, problem) = console.get(path).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("urn:davy:problem:database-down"))
    );
    assert_eq!(console.get("/api/v1/points").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_acknowledgement_is_answered_with_its_outcome() {
    let console = Console::running();
    console.prepare(Ok(Some(Outcome::Done { alarm: AlarmId(7) })));
    let mut request = post("/api/v1/alarms/7/ack", r#"{"by":" 张三 ","comment":"已到场"}"#);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_static("k-1"));
    let (status, body) = super::json_of(console.ask(request).await).await;
    assert_eq!((status, &body["id"], &body["key"]), (StatusCode::OK, &json!(7), &json!("k-1")));
    console.post("/api/v1/alarms/7/ack", r#"{"by":"a"}"#).await;
    console.post("/api/v1/alarms/7/ack", r#"{"by":"a"}"#).await;
    let orders = console.door.orders.lock().unwrap();
    assert_eq!((orders[0].by.name.as_str(), orders[0].by.authenticated), ("张三", false));
    assert_eq!(orders[0].order, Order::Acknowledge { alarm: AlarmId(7), comment: "已到场".into() });
    assert!(orders[1].key.starts_with("edge-") && orders[1].key != orders[2].key, "{}", orders[1].key);
}

#[tokio::test]
async fn an_acknowledgement_that_fails_says_why() {
    let console = Console::running();
    let cases = [
        (Ok(Some(Outcome::Refused(Refusal::NoSuchAlarm))), 404, "no-such-alarm"),
        (Ok(Some(Outcome::Refused(Refusal::NothingToAcknowledge))), 409, "nothing-to-acknowledge"),
        (Ok(Some(Outcome::Refused(Refusal::KeyReused))), 409, "key-reused"),
        (Ok(None), 503, "not-taken"),
        (Err(Closed::Busy), 503, "busy"),
        (Err(Closed::Stopping), 503, "stopping"),
    ];
    for (answer, status, kind) in cases {
        console.prepare(answer);
        let (got, problem) = console.post("/api/v1/alarms/7/ack", r#"{"by":"a"}"#).await;
        assert_eq!(
            (got.as_u16(), problem["type"].as_str().unwrap()),
            (status, format!("urn:davy:problem:{kind}").as_str())
        );
    }
    let orders = console.door.orders.lock().unwrap().len();
    let long = format!(r#"{{"by":"{}"}}"#, "x".repeat(65));
    for body in [
        "",
        "{",
        "[]",
        r#"["a"]"#,
        r#"{"by":7}"#,
        r#"{"by":""}"#,
        r#"{"by":"a","to":"b"}"#,
        r#"{"by":"a\u0000"}"#,
        &long,
    ] {
        let (status, problem) = console.post("/api/v1/alarms/7/ack", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
    }
    assert_eq!(console.post("/api/v1/alarms/-1/ack", r#"{"by":"a"}"#).await.0, StatusCode::NOT_FOUND);
    let mut request = post("/api/v1/alarms/7/ack", r#"{"by":"a"}"#);
    request.headers_mut().insert("idempotency-key", HeaderValue::from_static("two words"));
    assert_eq!(console.ask(request).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(console.door.orders.lock().unwrap().len(), orders, "nothing wrong reaches the engine");
}

#[tokio::test]
async fn a_reset_is_an_order_like_an_acknowledgement() {
    let console = Console::running();
    console.prepare(Ok(Some(Outcome::Done { alarm: AlarmId(7) })));
    let (status, body) = console.post("/api/v1/alarms/7/reset", r#"{"by":"张三","comment":"泄爆片已更换"}"#).await;
    assert_eq!((status, &body["id"]), (StatusCode::OK, &json!(7)));
    let order = console.door.orders.lock().unwrap().pop().unwrap().order;
    assert_eq!(order, Order::ResetAlarm { alarm: AlarmId(7), comment: "泄爆片已更换".into() });
    for (refusal, kind) in [(Refusal::NotLatched, "not-latched"), (Refusal::StillInBreach, "still-in-breach")] {
        console.prepare(Ok(Some(Outcome::Refused(refusal))));
        let (status, problem) = console.post("/api/v1/alarms/7/reset", r#"{"by":"a"}"#).await;
        let kind = format!("urn:davy:problem:{kind}");
        assert_eq!((status, problem["type"].as_str()), (StatusCode::CONFLICT, Some(kind.as_str())));
    }
    assert_eq!(console.post("/api/v1/alarms/7/reset", r#"{"by":""}"#).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn ready_tells_the_truth() {
    let console = Console::running();
    let (status, body) = console.get("/readyz").await;
    assert_eq!((status, &body["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    for component in Component::ALL {
        console.hub.report(component, Report::up(), Micros(1));
    }
    let refused =
        Report { condition: Condition::Refused, lag_records: 40, lag_us: 2_500_000, ..Report::down("other journal") };
    console.hub.report(Component::DatabaseBusiness, refused, Micros(2));
    console.hub.report(
        Component::DatabaseReadings,
        Report { condition: Condition::CatchingUp, ..Report::up() },
        Micros(2),
    );
    let (status, body) = console.get("/readyz").await;
    assert_eq!((status, &body["ready"]), (StatusCode::OK, &json!(true)));
    let lane = &body["components"]["database_business"];
    assert_eq!((&lane["state"], &lane["refused"], &lane["lag_s"]), (&json!("down"), &json!(true), &json!(2.5)));
    assert_eq!(body["components"]["database_readings"]["state"], "catching-up");
    assert_eq!(body["components"]["broker"]["state"], "up");
    console.hub.report(Component::Broker, Report::down("connection refused"), Micros(3));
    let (status, body) = console.get("/readyz").await;
    assert_eq!((status, &body["in_the_way"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(["broker"])));
}

#[tokio::test]
async fn before_recovery_the_api_says_starting_and_health_answers() {
    let console = Console::starting();
    let paths = ["alarms", "points", "enterprises", "quarantine", "stream", "points/a/b/readings"];
    for path in paths {
        let (status, problem) = console.get(&format!("/api/v1/{path}")).await;
        assert_eq!(
            (status, problem["type"].as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, Some("urn:davy:problem:starting"))
        );
    }
    assert_eq!(text_of(console.ask(get("/healthz")).await).await, "ok\n");
    let (status, body) = console.get("/api/v1/status").await;
    assert_eq!((status, &body["journal"]), (StatusCode::OK, &json!(null)));
}

#[tokio::test]
async fn status_counts_what_is_open() {
    let console = Console::running();
    tell(&console.hub, 11, vec![change(alarm(8, Severity::Blue, AlarmState::Acknowledged))]);
    let (_, body) = console.get("/api/v1/status").await;
    assert_eq!(body["open_alarms"], json!({"blue": 1, "yellow": 0, "orange": 0, "red": 1}));
    assert_eq!(
        (&body["journal"]["head_seq"], &body["versions"]["rules"], &body["points"]),
        (&json!(11), &json!("rules-1"), &json!(2))
    );
}

#[tokio::test]
async fn a_refused_database_is_adopted_once() {
    let console = Console::running();
    assert_eq!(console.get("/api/v1/recover").await.1, json!({"refused": false}));
    *console.recovery.0.lock().unwrap() = Ok(json!({"adopted": "other_journal"}));
    assert_eq!(console.get("/api/v1/recover").await.1, json!({"refused": true}));
    assert_eq!(console.post("/api/v1/recover/adopt", r#"{"force":true}"#).await.0, StatusCode::BAD_REQUEST);
    let (status, body) = console.post("/api/v1/recover/adopt", "{}").await;
    assert_eq!((status, &body["adopted"]), (StatusCode::OK, &json!("other_journal")));
    let (status, problem) = console.post("/api/v1/recover/adopt", "{}").await;
    assert_eq!((status, &problem["detail"]), (StatusCode::CONFLICT, &json!("nothing to adopt")));
}
