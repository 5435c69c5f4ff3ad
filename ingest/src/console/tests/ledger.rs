//! The hazard ledger and the task list asked, judged and filled. Pure.

use super::{Console, NOW};
use crate::hub::ledger::Ledger;
use alerting::alarm::{AlarmId, Object};
use alerting::command::{Order, Outcome, Refusal};
use alerting::figures::FigureFiled;
use alerting::hazard::{Evidence, Hazard, HazardId, HazardState, Verdict};
use axum::http::StatusCode;
use rules::reading::Severity;
use rules::registry::{Limits, Text};
use rules::view::PointKey;
use serde_json::{Value, json};

fn hazard(id: u64, state: HazardState) -> Hazard {
    let point = "G-1.gas".to_owned();
    let object =
        Object { enterprise: Some("hc-001".into()), equipment: Some("G-1".into()), point: Some(point.clone()) };
    Hazard {
        id: HazardId(id),
        no: format!("500120-2025-{:04}", id % 1_000_000),
        enterprise: "hc-001".to_owned(),
        equipment: Some("G-1".to_owned()),
        ground: "gas-standing".to_owned(),
        title: Text { zh: "气体长时间超限".to_owned(), en: "Gas stands over its limit".to_owned() },
        state,
        opened_at: NOW,
        last_at: NOW,
        repeats: 0,
        evidence: vec![Evidence {
            alarm: AlarmId(7),
            rule: "HC-11".to_owned(),
            rule_set: "v1".to_owned(),
            registry: "r1".to_owned(),
            severity: Severity::Orange,
            object,
            value: Some(61.0),
            worst: Some(62.0),
            limit: Some(50.0),
            limits: Limits { hh: Some(50.0), ..Limits::default() },
            since: NOW,
            raised_at: NOW,
            at: NOW,
            points: vec![PointKey { enterprise: "hc-001".to_owned(), point }],
            from: NOW,
            to: NOW,
        }],
        judged_at: None,
        judged_by: None,
        comment: None,
    }
}

fn console() -> Console {
    let console = Console::running();
    let figure = FigureFiled {
        row: 46,
        figure: "16 of 16".to_owned(),
        as_of: NOW,
        comment: String::new(),
        by: "li".to_owned(),
        at: NOW,
    };
    let hazards = vec![hazard(2_025_000_001, HazardState::Lead), hazard(2_025_000_002, HazardState::NotFounded)];
    console.hub.load_ledger(Ledger::begin(hazards, vec![figure]));
    console
}

fn ids(body: &Value) -> Vec<u64> {
    body["hazards"].as_array().unwrap().iter().map(|hazard| hazard["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_ledger_shows_leads_with_their_evidence() {
    let console = console();
    let (status, body) = console.get("/api/v1/hazards").await;
    assert_eq!((status, ids(&body)), (StatusCode::OK, vec![2_025_000_001]));
    let shown = &body["hazards"][0];
    assert_eq!((&shown["no"], &shown["state"]), (&json!("500120-2025-0001"), &json!("lead")));
    assert_eq!(shown["evidence"][0]["limits"]["hh"], json!(50.0));
    assert_eq!(shown["evidence"][0]["points"], json!(["G-1.gas"]));
    assert_eq!(ids(&console.get("/api/v1/hazards?state=all").await.1), [2_025_000_002, 2_025_000_001]);
    assert_eq!(ids(&console.get("/api/v1/hazards?state=not_founded").await.1), [2_025_000_002]);
    assert!(ids(&console.get("/api/v1/hazards?enterprise=hc-002").await.1).is_empty());
    assert_eq!(console.get("/api/v1/hazards?state=closed").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(console.get("/api/v1/hazards/2025000002").await.1["state"], json!("not_founded"));
    for missing in ["/api/v1/hazards/7", "/api/v1/hazards/x"] {
        assert_eq!(console.get(missing).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_lead_is_judged_by_somebody_with_a_reason() {
    let console = console();
    let id = HazardId(2_025_000_001);
    console.prepare(Ok(Some(Outcome::Judged { hazard: id })));
    let path = "/api/v1/hazards/2025000001/judge";
    let (status, body) = console.post(path, r#"{"by":"王五","verdict":"major","comment":"到场核实"}"#).await;
    assert_eq!((status, &body["outcome"]), (StatusCode::OK, &json!("judged")));
    let order = console.door.orders.lock().unwrap().pop().unwrap().order;
    assert_eq!(order, Order::Judge { hazard: id, verdict: Verdict::Major, comment: "到场核实".to_owned() });
    for body in [
        r#"{"by":"王五","verdict":"huge","comment":"x"}"#,
        r#"{"by":"王五","verdict":"major","comment":" "}"#,
        r#"{"by":"","verdict":"major","comment":"x"}"#,
        r#"{"by":"王五","verdict":"major"}"#,
    ] {
        assert_eq!(console.post(path, body).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    for (refusal, status) in
        [(Refusal::AlreadyJudged, StatusCode::CONFLICT), (Refusal::NoSuchHazard, StatusCode::NOT_FOUND)]
    {
        console.prepare(Ok(Some(Outcome::Refused(refusal))));
        assert_eq!(console.post(path, r#"{"by":"王五","verdict":"general","comment":"x"}"#).await.0, status);
    }
}

#[tokio::test]
async fn the_task_list_has_all_rows_and_a_place_for_figures() {
    let console = console();
    let (status, body) = console.get("/api/v1/tasks").await;
    let rows = body["tasks"].as_array().unwrap();
    assert_eq!((status, rows.len()), (StatusCode::OK, 82));
    assert_eq!(rows[45]["filed"]["figure"], json!("16 of 16"));
    assert_eq!((&rows[57]["computed"], &rows[57]["figures"]), (&json!(true), &json!([])), "nothing is known yet");
    console.prepare(Ok(Some(Outcome::Noted)));
    let ask = r#"{"by":"li","figure":"37 of 41","as_of":"2025-12-31T00:00"}"#;
    assert_eq!(console.post("/api/v1/tasks/5/figure", ask).await.0, StatusCode::OK);
    let order = console.door.orders.lock().unwrap().pop().unwrap().order;
    assert!(matches!(&order, Order::FileFigure { row: 5, figure, .. } if figure == "37 of 41"), "{order:?}");
    for (path, status) in [
        ("/api/v1/tasks/58/figure", StatusCode::CONFLICT),
        ("/api/v1/tasks/83/figure", StatusCode::NOT_FOUND),
        ("/api/v1/tasks/x/figure", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(console.post(path, ask).await.0, status, "{path}");
    }
    assert_eq!(
        console.post("/api/v1/tasks/5/figure", r#"{"by":"li","figure":"","as_of":"2025-12-31T00:00"}"#).await.0,
        StatusCode::BAD_REQUEST
    );
}
