//! Who is let in, and what is refused before any endpoint sees it. Pure.

use super::{Console, get, json_of, post, text_of};
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};

async fn refusal(request: Request<Body>) -> (u16, String) {
    let (status, problem) = json_of(Console::running().ask(request).await).await;
    let kind = problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    (status.as_u16(), kind)
}

fn with(mut request: Request<Body>, name: &'static str, value: &'static str) -> Request<Body> {
    request.headers_mut().insert(name, HeaderValue::from_static(value));
    request
}

#[tokio::test]
async fn a_foreign_host_is_refused_everywhere() {
    for path in ["/", "/healthz", "/metrics", "/api/v1/alarms", "/api/v1/stream", "/nowhere"] {
        for host in ["evil.example:8420", "127.0.0.1:8421", "127.0.0.1.nip.example:8420", "192.168.0.9:8420"] {
            assert_eq!(refusal(with(get(path), "host", host)).await, (403, "foreign-host".into()), "{path} {host}");
        }
    }
    let bare = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(refusal(bare).await, (400, "bad-query".into()));
    let mut twice = get("/");
    twice.headers_mut().append("host", HeaderValue::from_static("127.0.0.1:8420"));
    assert_eq!(refusal(twice).await, (400, "bad-query".into()));
    let two_names = Request::get("http://evil.example/").header("host", "127.0.0.1:8420").body(Body::empty()).unwrap();
    assert_eq!(refusal(two_names).await, (403, "foreign-host".into()));
}

#[tokio::test]
async fn a_foreign_origin_is_refused_and_ours_is_not() {
    for origin in ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8420"] {
        let request = with(get("/api/v1/alarms"), "origin", origin);
        assert_eq!(refusal(request).await, (403, "foreign-origin".into()), "{origin}");
    }
    let own = with(get("/api/v1/alarms"), "origin", "http://127.0.0.1:8420");
    assert_eq!(Console::running().ask(own).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_post_needs_json_and_our_own_page() {
    let ack = || post("/api/v1/alarms/7/ack", r#"{"by":"a"}"#);
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/json-seq", ""] {
        assert_eq!(refusal(with(ack(), "content-type", wrong)).await, (415, "not-json".into()), "{wrong}");
    }
    assert_eq!(refusal(with(ack(), "sec-fetch-site", "cross-site")).await, (403, "foreign-origin".into()));
    let charset = with(ack(), "content-type", "application/json; charset=utf-8");
    assert_eq!(refusal(with(charset, "sec-fetch-site", "same-origin")).await, (404, "no-such-alarm".into()));
}

#[tokio::test]
async fn bounds_of_a_request() {
    let long = format!("/api/v1/alarms?state={}", "x".repeat(3000));
    assert_eq!(refusal(get(&long)).await, (414, "uri-too-long".into()));
    let mut heavy = get("/");
    heavy.headers_mut().insert("cookie", HeaderValue::from_str(&"c".repeat(20_000)).unwrap());
    assert_eq!(refusal(heavy).await, (431, "headers-too-large".into()));
    let body = format!(r#"{{"by":"a","comment":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(refusal(post("/api/v1/alarms/7/ack", &body)).await, (413, "body-too-large".into()));
    assert_eq!(refusal(get("/api/v1/nothing")).await, (404, "no-such-page".into()));
    assert_eq!(refusal(post("/api/v1/alarms", "{}")).await, (405, "method-not-allowed".into()));
    assert_eq!(refusal(get("/api/v1/alarms/7/ack")).await, (405, "method-not-allowed".into()));
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let console = Console::running();
    for (path, allowed) in [("/api/v1/alarms", "GET,HEAD"), ("/api/v1/quarantine/replay", "GET,HEAD,POST")] {
        for method in ["PUT", "TRACE", "POST"].into_iter().filter(|method| !allowed.contains(method)) {
            // Without a content type: what an order must look like does not matter where none is taken.
            let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8420");
            let response = console.ask(request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(response.headers()["allow"], allowed, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let console = Console::running();
    for path in ["/", "/page.js", "/page.css", "/favicon.svg", "/api/v1/status", "/nowhere"] {
        let response = console.ask(get(path)).await;
        let csp = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(csp.starts_with("default-src 'none'") && !csp.contains("unsafe"), "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    let page = text_of(console.ask(get("/")).await).await;
    // What the policy would refuse must not be in the page.
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("<script>"), "inline code");
}

#[tokio::test]
async fn metrics_do_not_take_labels_from_outside() {
    let console = Console::running();
    for path in ["/evil1", "/evil2", "/api/v1/points/a/b/readings"] {
        console.ask(get(path)).await;
    }
    let page = text_of(console.ask(get("/metrics")).await).await;
    assert!(page.contains(r#"davy_http_requests_total{route="none",status="404"} 2"#), "{page}");
    assert!(page.contains(r#"route="/api/v1/points/{enterprise}/{point}/readings",status="404"} 1"#), "{page}");
    assert!(page.contains(r#"davy_open_alarms{severity="red"} 1"#), "{page}");
}
