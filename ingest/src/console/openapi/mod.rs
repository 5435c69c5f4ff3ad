//! `GET /api/v1/openapi.json`: what the HTTP door serves, as an OpenAPI document. Written by hand, one fragment for each
//! topic, put together once. Whoever adds a route adds it to a fragment; the tests compare both. Pure.

use crate::console::params::{NoParams, Params};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The first is the frame; the others bring paths and components.
const FRAGMENTS: [&str; 14] = [
    include_str!("common.json"),
    include_str!("alarms.json"),
    include_str!("clock.json"),
    include_str!("coverage.json"),
    include_str!("district.json"),
    include_str!("filings.json"),
    include_str!("hazards.json"),
    include_str!("pages.json"),
    include_str!("past.json"),
    include_str!("quarantine.json"),
    include_str!("registry.json"),
    include_str!("rules.json"),
    include_str!("state.json"),
    include_str!("tasks.json"),
];

/// What the door itself may answer in the place of any operation, and of those that take a body.
const OF_ALL: [(&str, &str); 4] =
    [("400", "BadRequest"), ("403", "Forbidden"), ("414", "UriTooLong"), ("431", "HeadersTooLarge")];
const OF_ORDERS: [(&str, &str); 2] = [("413", "BodyTooLarge"), ("415", "NotJson")];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

pub async fn show(Params(NoParams {}): Params<NoParams>) -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// All fragments together. They are compiled in, and a test reads each of them: none can fail here.
fn document() -> Value {
    let mut whole = Map::new();
    for fragment in FRAGMENTS {
        if let Ok(Value::Object(fragment)) = serde_json::from_str(fragment) {
            merge(&mut whole, fragment);
        }
    }
    for operation in whole.get_mut("paths").into_iter().flat_map(operations) {
        let orders = operation.get("requestBody").is_some();
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        for (status, name) in OF_ALL.into_iter().chain(OF_ORDERS.into_iter().filter(|_| orders)) {
            let shared = || json!({ "$ref": format!("#/components/responses/{name}") });
            responses.entry(status).or_insert_with(shared);
        }
    }
    Value::Object(whole)
}

fn operations(paths: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = paths.as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

/// Objects are merged key by key; what stands there already stays.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(there)), Value::Object(more)) => merge(there, more),
            (Some(_), _) => {}
            (None, value) => drop(into.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{routes, tests::Console};
    use axum::body::Body;
    use axum::http::{Method, Request, StatusCode};
    use std::collections::BTreeSet;

    fn keys(value: &Value) -> BTreeSet<String> {
        value.as_object().into_iter().flat_map(|o| o.keys().cloned()).collect()
    }

    #[test]
    fn fragments_are_objects_and_name_nothing_twice() {
        let mut named = BTreeSet::new();
        for text in FRAGMENTS {
            let fragment: Value = serde_json::from_str(text).unwrap();
            assert!(text.lines().count() <= 400 && fragment["paths"].is_object(), "{}", &text[..80]);
            for kind in ["schemas", "responses", "parameters"] {
                for name in keys(&fragment["components"][kind]) {
                    assert!(named.insert(format!("{kind}/{name}")), "{kind}/{name} is there twice");
                }
            }
            for path in keys(&fragment["paths"]) {
                assert!(named.insert(path.clone()), "{path} is there twice");
            }
        }
    }

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let served: BTreeSet<String> = routes().into_iter().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(keys(&document()["paths"]), served);
    }

    #[tokio::test]
    async fn every_path_takes_the_documented_methods_and_no_other() {
        let console = Console::running();
        let document = document();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let address = path.replace("{id}", "7").replace(['{', '}'], "");
                let request = Request::builder().method(&method).uri(address).header("host", "127.0.0.1:8420");
                let kind = if path.ends_with("/import") { "text/csv" } else { "application/json" };
                let request = request.header("content-type", kind).body(Body::empty()).unwrap();
                let taken = console.ask(request).await.status() != StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(taken, item.get(method.as_str().to_lowercase()).is_some(), "{method} {path}");
            }
        }
    }

    #[test]
    fn references_lead_somewhere_and_operations_have_names_of_their_own() {
        let mut whole = document();
        let mut ids = BTreeSet::new();
        for operation in operations(&mut whole["paths"]) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(ids.insert(id.clone()), "{id} is there twice");
            assert!(operation["summary"].is_string() && operation["responses"]["400"].is_object(), "{id}");
        }
        let text = whole.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(whole.pointer(reference).is_some(), "{reference}");
        }
    }

    #[tokio::test]
    async fn it_is_served() {
        let (status, body) = Console::starting().get("/api/v1/openapi.json").await;
        assert_eq!((status, &body), (StatusCode::OK, &document()));
    }
}
