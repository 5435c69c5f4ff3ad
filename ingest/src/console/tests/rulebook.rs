//! The rules over HTTP: shown, brought, taken back, limits of points; mistakes of packs. Pure.

use super::Console;
use crate::hub::rulebook::Rules;
use crate::inbox::Brought;
use alerting::command::{Order, Outcome, Refusal};
use alerting::out_of_service::Trouble;
use alerting::rulebook::{How, Override, Signed, Version};
use alerting::state::SlotKey;
use axum::http::StatusCode;
use rules::bind::ObjectKey;
use rules::registry::LimitName;
use rules::set::{RuleSet, Source, Vocabulary};
use rules::view::PointKey;
use serde_json::{Value, json};

const PACK: &str = "[[rule]]\nid = \"HC-11\"\nsector = \"hazchem\"\nname = { zh = \"x\", en = \"x\" }\non = [\"gas.lel\"]\n\
                    when = \"value >= 50.0\"\nlatch = true\nseverity = \"orange\"\naction = { zh = \"x\", en = \"x\" }\n";

fn known() -> Rules {
    let source = Source { file: "x.toml".into(), text: PACK.into() };
    let set = RuleSet::load(&[source], &Vocabulary::of(&super::registry())).unwrap();
    let signed = || Signed { by: "张三".into(), approved_by: "李四".into(), reason: "why".into() };
    let version =
        |version: &str, how, signed| Version { version: version.into(), since: super::NOW, how, signed, rules: 1 };
    let point = PointKey { enterprise: "hc-001".into(), point: "T-101.lel".into() };
    let key = SlotKey { rule: "HC-11".into(), object: ObjectKey::Point(point.clone()) };
    let trouble = Trouble { fails: 3, error: "overflow".into(), out_since: Some(super::NOW) };
    Rules {
        set: set.into(),
        watched: vec![1],
        versions: vec![version(&"a".repeat(64), How::Start, None), version("rules-1", How::Activated, Some(signed()))],
        overrides: vec![(point, LimitName::Hh, Override { value: 40.0, signed: signed(), at: super::NOW })],
        out_of_service: vec![(key, trouble)],
        out_of_service_count: 1,
    }
}

fn console() -> Console {
    let console = Console::running();
    console.hub.load_rules(known());
    console.prepare(Ok(Some(Outcome::Noted)));
    console
}

fn signed(more: &Value) -> String {
    let mut body = json!({ "by": "张三", "approved_by": "李四", "reason": "复核" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string()
}

#[tokio::test]
async fn the_rules_in_force_are_shown_with_whose_word_they_stand_on() {
    let console = console();
    let (status, body) = console.get("/api/v1/rules").await;
    assert_eq!((status, &body["version"]), (StatusCode::OK, &json!("rules-1")));
    assert_eq!(body["rules"][0]["watches"], 1);
    assert_eq!((&body["rules"][0]["id"], &body["rules"][0]["latch"]), (&json!("HC-11"), &json!(true)));
    let newest = &body["versions"][0];
    assert_eq!(
        (&newest["how"], &newest["by"], &newest["in_force"]),
        (&json!("activated"), &json!("张三"), &json!(true))
    );
    assert_eq!((&body["versions"][1]["by"], &body["versions"][1]["in_force"]), (&json!(null), &json!(false)));
    let set = &body["overrides"][0];
    assert_eq!((&set["value"], &set["design"], &set["approved_by"]), (&json!(40.0), &json!(50.0), &json!("李四")));
    let out = &body["out_of_service"][0];
    assert_eq!(
        (&out["rule"], &out["point"], &out["error"]),
        (&json!("HC-11"), &json!("T-101.lel"), &json!("overflow"))
    );
    assert_eq!(console.get("/api/v1/status").await.1["rules_out_of_service"], 1);

    let (status, packs) = console.get(&format!("/api/v1/rules/versions/{}", "a".repeat(64))).await;
    assert_eq!((status, &packs["files"][0]["file"]), (StatusCode::OK, &json!("x.toml")));
    for version in ["b".repeat(64), "..%2Fx".into(), "rules-1".into()] {
        assert_eq!(console.get(&format!("/api/v1/rules/versions/{version}")).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn packs_are_tried_first_and_brought_by_two_people() {
    let console = console();
    let pack = PACK.replace("50.0", "40.0");
    let files = json!([{ "file": "b.toml", "text": pack }, { "file": "a.toml", "text": "" }]);
    let tried = signed(&json!({ "files": files, "dry_run": true }));
    let (status, body) = console.post("/api/v1/rules/activate", &tried).await;
    assert_eq!((status, &body["changed"], &body["added"]), (StatusCode::OK, &json!(["HC-11"]), &json!([])), "{body}");
    assert!(console.door.imports.lock().unwrap().is_empty());

    let (status, done) = console.post("/api/v1/rules/activate", &signed(&json!({ "files": files }))).await;
    assert_eq!((status, &done["version"], &done["base"]), (StatusCode::OK, &body["version"], &json!("rules-1")));
    let import = console.door.imports.lock().unwrap().pop().unwrap();
    assert_eq!((json!(import.brought.version()), import.base.as_str()), (done["version"].clone(), "rules-1"));
    let Order::ActivateRules { version, approved_by, reason } = import.command.order else { panic!() };
    assert_eq!((json!(version), approved_by.as_str(), reason.as_str()), (done["version"].clone(), "李四", "复核"));

    let broken = json!([{ "file": "b.toml", "text": PACK.replace("value", "vaule") }]);
    let (status, body) = console.post("/api/v1/rules/activate", &signed(&json!({ "files": broken }))).await;
    assert_eq!((status, &body["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("urn:davy:problem:bad-rules")));
    let first = &body["errors"][0];
    assert_eq!((&first["file"], &first["line"], &first["rule"]), (&json!("b.toml"), &json!(6), &json!("HC-11")));
    assert!(first["pointed"].as_str().unwrap().contains("^^^^^"), "{first}");
    for wrong in
        [json!({ "files": [] }), json!({ "files": files, "reason": "" }), json!({ "files": files, "approved_by": "" })]
    {
        assert_eq!(console.post("/api/v1/rules/activate", &signed(&wrong)).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    console.prepare(Ok(Some(Outcome::Refused(Refusal::SamePerson))));
    let (status, body) = console.post("/api/v1/rules/activate", &signed(&json!({ "files": files }))).await;
    assert_eq!((status, &body["type"]), (StatusCode::CONFLICT, &json!("urn:davy:problem:same-person")));
}

#[tokio::test]
async fn a_rollback_goes_to_the_version_before() {
    let console = console();
    let (status, body) = console.post("/api/v1/rules/rollback", &signed(&json!({}))).await;
    assert_eq!((status, &body["version"]), (StatusCode::OK, &json!("a".repeat(64))), "{body}");
    let import = console.door.imports.lock().unwrap().pop().unwrap();
    assert!(matches!(import.brought, Brought::Stored(_, hash) if hash == "a".repeat(64)));
    let unknown = signed(&json!({ "version": "b".repeat(64) }));
    assert_eq!(console.post("/api/v1/rules/rollback", &unknown).await.0, StatusCode::NOT_FOUND);
    console.hub.load_rules(Rules::default());
    let (status, body) = console.post("/api/v1/rules/rollback", &signed(&json!({}))).await;
    assert_eq!((status, &body["type"]), (StatusCode::CONFLICT, &json!("urn:davy:problem:no-version-before")));
}

#[tokio::test]
async fn a_limit_is_set_by_two_people() {
    let console = console();
    let limit = json!({ "enterprise": "hc-001", "point": "T-101.lel", "limit": "hh", "value": 45.5 });
    assert_eq!(console.post("/api/v1/rules/override", &signed(&limit)).await.0, StatusCode::OK);
    let command = console.door.orders.lock().unwrap().pop().unwrap();
    let Order::OverrideLimit { point, limit: name, value, approved_by, .. } = command.order else { panic!() };
    assert_eq!(
        (point.point.as_str(), name, value, approved_by.as_str()),
        ("T-101.lel", LimitName::Hh, Some(45.5), "李四")
    );
    let weaker = Refusal::WeakerThanCeiling { rule: "HC-11".into(), ceiling: "50".into() };
    let refusals = [
        (weaker, 409, "weaker-than-ceiling"),
        (Refusal::SamePerson, 409, "same-person"),
        (Refusal::BadLimit, 409, "bad-limit"),
        (Refusal::NoSuchOverride, 404, "no-such-override"),
    ];
    for (refusal, status, kind) in refusals {
        console.prepare(Ok(Some(Outcome::Refused(refusal))));
        let (got, body) = console.post("/api/v1/rules/override", &signed(&limit)).await;
        assert_eq!((got.as_u16(), &body["type"]), (status, &json!(format!("urn:davy:problem:{kind}"))));
    }
}
