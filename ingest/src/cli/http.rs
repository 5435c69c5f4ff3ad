//! The few requests that commands make to a running Davy. I/O.

use crate::config::Config;
use anyhow::{Context, bail};
use serde_json::Value;
use std::time::Duration;

/// A command waits so long for an answer; long work (adopting a database) answers within it or says that it goes on.
const TIMEOUT: Duration = Duration::from_secs(120);

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

    fn answer(
        &self,
        path: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Answer> {
        let mut response =
            response.with_context(|| format!("no Davy answers at {} (is `davy serve` running?)", self.base))?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_json().unwrap_or(Value::Null);
        if status == 404 {
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
