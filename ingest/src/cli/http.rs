//! The few requests that commands make to a running Davy. I/O.

use crate::config::Config;
use anyhow::{Context, bail};
use serde_json::Value;
use std::time::Duration;

/// A command waits so long for an answer; long work (adopting a database) answers within it or says that it goes on.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A table of a million points is smaller.
const BYTES_MAX: u64 = 256 << 20;

pub(crate) struct Running {
    base: String,
    agent: ureq::Agent,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Running {
    pub(crate) fn at(config: &Config) -> Running {
        let settings = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        Running { base: format!("http://{}", config.http.listen), agent: settings.build().into() }
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.answer(path, self.agent.get(format!("{}{path}", self.base)).call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.answer(path, self.agent.post(format!("{}{path}", self.base)).send_json(body))
    }

    /// Sends a table.
    pub(crate) fn table(&self, path: &str, table: &[u8]) -> anyhow::Result<Answer> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("content-type", "text/csv");
        self.answer(path, request.send(table))
    }

    /// What is not JSON, whole.
    pub(crate) fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        let mut response =
            response.with_context(|| format!("no Davy answers at {} (is `davy serve` running?)", self.base))?;
        let bytes = response.body_mut().with_config().limit(BYTES_MAX).read_to_vec()?;
        if response.status().as_u16() != 200 {
            let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            bail!("{}", Answer { status: response.status().as_u16(), body }.problem());
        }
        Ok(bytes)
    }

    fn answer(
        &self,
        path: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Answer> {
        let mut response =
            response.with_context(|| format!("no Davy answers at {} (is `davy serve` running?)", self.base))?;
        let status = response.status().as_u16();
        let body: Value = response.body_mut().read_json().unwrap_or(Value::Null);
        // A page that does not exist says so; a thing that does not exist is an answer.
        if status == 404 && body.get("type").and_then(Value::as_str).is_none_or(|t| t.ends_with(":no-such-page")) {
            bail!("{}{path} is not known there: another version of Davy, or another program", self.base);
        }
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The sentence of a problem answer (RFC 9457), for people.
    pub(crate) fn problem(&self) -> String {
        let part = |key: &str| self.body.get(key).and_then(Value::as_str).map(str::to_owned);
        part("detail").or_else(|| part("title")).unwrap_or_else(|| format!("status {}", self.status))
    }
}

/// `key=value&...`, percent-encoded.
pub(crate) fn query(pairs: &[(&str, String)]) -> String {
    let encode = |text: &str| {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    pairs.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_any_text() {
        let pairs = [("a", "x y+08:00".to_owned()), ("b", "点&=".to_owned())];
        assert_eq!(query(&pairs), "a=x%20y%2B08%3A00&b=%E7%82%B9%26%3D");
    }
}
