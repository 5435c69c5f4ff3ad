//! Who may talk to the console: a browser that was sent here by our own page, not by a foreign one. Also the bounds
//! of a request and the headers every answer carries. Must not know the API. Pure but for counting.
//!
//! The console listens on loopback, but every web page that runs in the officer's browser can reach loopback too: by
//! a name that resolves to 127.0.0.1 (DNS rebinding), or by posting a form. Host and Origin tell them from ours.

use crate::clock::Stopwatch;
use crate::console::Context;
use crate::console::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Longer than any query of ours: ids of 100 characters, two times, percent-encoded.
const URI_MAX: usize = 2048;
/// A browser sends about 1 KiB.
const HEADERS_MAX: usize = 16 << 10;

const SECURITY_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// The names the console answers to: loopback with our port, and what is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    port: u16,
    names: Vec<String>,
}

impl Hosts {
    /// `names` are `name` (any port, for a proxy in front) or `name:port`; compared without regard to case.
    #[must_use]
    pub fn new(port: u16, names: &[String]) -> Hosts {
        Hosts { port, names: names.iter().map(|n| n.to_ascii_lowercase()).collect() }
    }

    fn allow(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = split_port(&host);
        if self.names.iter().any(|n| *n == host || n == name) {
            return true;
        }
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let loopback = name == "localhost" || address.parse().is_ok_and(|a: IpAddr| a.is_loopback());
        let port = match port {
            Some(port) => port.parse().ok(),
            None => Some(80),
        };
        loopback && port == Some(self.port)
    }

    /// A TLS proxy may stand before a configured name, so both schemes will do; the name and port must be Host's.
    fn same_origin(&self, origin: &str, host: &str) -> bool {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|a| a.eq_ignore_ascii_case(host))
    }
}

/// `name:port`, `[v6]:port` or a bare name.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// The first thing a request meets, and the last an answer does.
pub async fn check(State(context): State<Context>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    // The pattern, not the path: what outsiders invent must not become labels of a metric.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let mut response = match admit(&context.leans.hosts, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let telemetry = &context.leans.telemetry;
    telemetry.http_requests.with_label_values(&[route.as_str(), response.status().as_str()]).inc();
    telemetry.http_seconds.observe(watch.seconds());
    response
}

fn admit(hosts: &Hosts, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    if request.uri().path_and_query().is_some_and(|p| p.as_str().len() > URI_MAX) {
        let detail = format!("at most {URI_MAX} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", "the address is too long", detail));
    }
    let size = headers.iter().fold(0usize, |n, (k, v)| n.saturating_add(k.as_str().len()).saturating_add(v.len()));
    if size > HEADERS_MAX {
        let (status, detail) = (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, format!("at most {HEADERS_MAX} bytes"));
        return Err(Problem::new(status, "headers-too-large", "the headers are too large", detail));
    }
    let host = single(headers, &HOST)?.ok_or_else(|| Problem::bad_query("a Host header is needed"))?;
    let named_again = request.uri().authority().is_none_or(|a| a.as_str().eq_ignore_ascii_case(host));
    if !hosts.allow(host) || !named_again {
        let detail = format!("host \"{}\" is not one of ours; add it to http.hosts if it is", shorten(host));
        return Err(Problem::forbidden("foreign-host", detail));
    }
    if let Some(origin) = single(headers, &ORIGIN)?
        && !hosts.same_origin(origin, host)
    {
        let detail = format!("a page of \"{}\" may not use this console", shorten(origin));
        return Err(Problem::forbidden("foreign-origin", detail));
    }
    Ok(())
}

/// What an order must look like, asked right before the endpoint that takes it.
pub async fn check_order(request: Request, next: Next) -> Response {
    match admit_post(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Where a table is sent instead of JSON.
pub const IMPORT: &str = "/api/v1/registry/import";

/// A form of a foreign page cannot send JSON or CSV without asking first, and we never say yes.
fn admit_post(request: &Request) -> Result<(), Problem> {
    let (headers, path) = (request.headers(), request.uri().path());
    if *request.method() != Method::POST {
        return Ok(());
    }
    let content_type = single(headers, &CONTENT_TYPE)?.unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    let (wanted, kind) = if path == IMPORT { ("text/csv", "not-csv") } else { ("application/json", "not-json") };
    if !essence.eq_ignore_ascii_case(wanted) {
        let detail = format!("content-type \"{}\": send {wanted}", shorten(content_type));
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind, "refused", detail));
    }
    let site = single(headers, &HeaderName::from_static("sec-fetch-site"))?;
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(Problem::forbidden("foreign-origin", "only this console's own page may order something")),
    }
}

/// The one value of a header: two of them are how proxies and servers are made to disagree.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Problem::bad_query(format!("header {name} is unreadable or stands there twice"))),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_with_our_port_and_configured_names_are_ours() {
        let hosts = Hosts::new(8420, &["Duty.example:8443".into(), "proxy.example".into()]);
        let ours = ["localhost:8420", "LOCALHOST:8420", "127.0.0.1:8420", "127.3.2.1:8420", "[::1]:8420"];
        let named = ["duty.example:8443", "proxy.example", "proxy.example:99"];
        for host in ours.iter().chain(&named) {
            assert!(hosts.allow(host), "{host}");
        }
        let foreign = [
            "localhost",
            "127.0.0.1",
            "127.0.0.1:80",
            "evil.example:8420",
            "localhost.evil.example:8420",
            "10.0.0.1:8420",
            "duty.example",
            "127.0.0.1:8420:8420",
            "::1",
            "",
            ":8420",
            "[::1]",
            "127.0.0.1:99999",
        ];
        for host in foreign {
            assert!(!hosts.allow(host), "{host}");
        }
        assert!(Hosts::new(80, &[]).allow("localhost"));
    }

    #[test]
    fn an_origin_must_be_the_host() {
        let hosts = Hosts::new(8420, &[]);
        assert!(hosts.same_origin("http://localhost:8420", "localhost:8420"));
        for origin in ["null", "http://localhost:8421", "http://localhost", "http://evil.example", "localhost:8420"] {
            assert!(!hosts.same_origin(origin, "localhost:8420"), "{origin}");
        }
    }
}
