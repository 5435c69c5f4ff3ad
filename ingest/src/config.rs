//! The configuration: one TOML file, every key in `deploy/davy.toml`, unknown keys refused by name. I/O (reads one file).

use alerting::day::Day;
use alerting::input::FoldLimits;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What was typed; defaults are those of `deploy/davy.toml` (a test compares them).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub data: Data,
    pub district: District,
    pub mqtt: Mqtt,
    pub http: Http,
    pub database: Database,
    pub store: Store,
    pub fold: FoldLimits,
    pub log: Log,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    pub dir: PathBuf,
    pub quota_bytes: u64,
    pub on_full: OnFull,
    pub segment_bytes: u64,
    pub snapshot_every_s: u32,
    pub backup_horizon_h: u32,
}

/// What gives way at the quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// New readings wait at the broker.
    #[default]
    Hold,
    /// The oldest readings that are not in the database yet are given up, as a recorded gap.
    ShedHistory,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct District {
    pub seeds: PathBuf,
    pub rules: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqtt {
    pub host: String,
    pub port: u16,
    pub client_id: String,
    pub keep_alive_s: u16,
    pub session_expiry_days: u32,
    pub receive_maximum: u16,
    pub packet_max_bytes: u32,
    pub downlink: bool,
    pub downlink_client_id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    pub listen: String,
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    pub host: String,
    pub port: u16,
    pub name: String,
    pub user: String,
    pub owner_user: String,
    pub read_user: String,
    pub password_file: String,
}

/// Care of the archive. How long readings are kept is `fold.retention_days`: older ones are not believed either.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    pub rollup_every_s: u32,
    pub compact_after_h: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: String,
}

impl Default for Data {
    fn default() -> Data {
        Data {
            dir: "./data/davy".into(),
            quota_bytes: 0,
            on_full: OnFull::Hold,
            segment_bytes: 64 << 20,
            snapshot_every_s: 60,
            backup_horizon_h: 26,
        }
    }
}

impl Default for District {
    fn default() -> District {
        District { seeds: "./seeds".into(), rules: "./seeds/rules".into() }
    }
}

impl Default for Mqtt {
    fn default() -> Mqtt {
        Mqtt {
            host: "127.0.0.1".into(),
            port: 18830,
            client_id: "davy-ingest".into(),
            keep_alive_s: 15,
            session_expiry_days: 7,
            receive_maximum: 4096,
            packet_max_bytes: 1_114_112,
            downlink: true,
            downlink_client_id: "davy-downlink".into(),
        }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http { listen: "127.0.0.1:8420".into(), hosts: Vec::new() }
    }
}

impl Default for Database {
    fn default() -> Database {
        Database {
            host: "127.0.0.1".into(),
            port: 54330,
            name: "davy".into(),
            user: "davy_writer".into(),
            owner_user: "davy_owner".into(),
            read_user: "davy_read".into(),
            password_file: String::new(),
        }
    }
}

impl Default for Store {
    fn default() -> Store {
        Store { rollup_every_s: 60, compact_after_h: 24 }
    }
}

impl Default for Log {
    fn default() -> Log {
        Log { level: "info".into() }
    }
}

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: {problem}\nevery key and its default: deploy/davy.toml")]
    Invalid { path: PathBuf, problem: String },
    #[error("environment variable {name}: {problem}")]
    Environment { name: &'static str, problem: String },
    #[error("{key} = {value}: {problem}")]
    OutOfBounds { key: &'static str, value: String, problem: &'static str },
}

impl Config {
    /// Reads `path` (defaults alone when `None`), lets the environment override, checks the bounds.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let mut config = match path {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
                Config::parse(&text).map_err(|problem| ConfigError::Invalid { path: path.into(), problem })?
            }
            None => Config::default(),
        };
        config.take_environment(&|name| std::env::var(name).ok())?;
        config.check()?;
        Ok(config)
    }

    /// The file alone; the error names line and key.
    pub fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())
    }

    /// The password of the database roles, from the environment or from `database.password_file`.
    pub fn database_password(&self) -> Result<Option<String>, ConfigError> {
        if let Ok(password) = std::env::var("DAVY_PG_PASSWORD") {
            return Ok(Some(password));
        }
        if self.database.password_file.is_empty() {
            return Ok(None);
        }
        let path = PathBuf::from(&self.database.password_file);
        let text =
            std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn take_environment(&mut self, get: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        if let Some(dir) = get("DAVY_DATA") {
            self.data.dir = dir.into();
        }
        self.mqtt.port = port_from(get, "DAVY_MQTT_PORT")?.unwrap_or(self.mqtt.port);
        self.database.port = port_from(get, "DAVY_PG_PORT")?.unwrap_or(self.database.port);
        if let Some(port) = port_from(get, "DAVY_HTTP_PORT")? {
            let host = self.http.listen.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
            self.http.listen = format!("{host}:{port}");
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("data.segment_bytes", self.data.segment_bytes, 1 << 20, 1 << 30, "between 1 MiB and 1 GiB"),
            ("data.snapshot_every_s", self.data.snapshot_every_s.into(), 1, 3_600, "between 1 and 3600"),
            ("store.rollup_every_s", self.store.rollup_every_s.into(), 1, 3_600, "between 1 and 3600"),
            ("store.compact_after_h", self.store.compact_after_h.into(), 1, 8_784, "between 1 and 8784"),
            ("fold.retention_days", self.fold.retention_days.into(), 1, 3_650, "between 1 and 3650"),
            ("mqtt.keep_alive_s", self.mqtt.keep_alive_s.into(), 5, 3_600, "between 5 and 3600"),
            ("mqtt.receive_maximum", self.mqtt.receive_maximum.into(), 16, 65_535, "between 16 and 65535"),
            ("mqtt.packet_max_bytes", self.mqtt.packet_max_bytes.into(), 1 << 16, 64 << 20, "64 KiB to 64 MiB"),
            ("mqtt.session_expiry_days", self.mqtt.session_expiry_days.into(), 1, 365, "between 1 and 365"),
        ];
        for (key, value, low, high, problem) in bounds {
            if !(low..=high).contains(&value) {
                return Err(ConfigError::OutOfBounds { key, value: value.to_string(), problem });
            }
        }
        self.check_coverage()?;
        self.check_nuisance()?;
        let Mqtt { downlink, downlink_client_id, client_id, .. } = &self.mqtt;
        if *downlink && (downlink_client_id.is_empty() || downlink_client_id == client_id) {
            // The broker lets in one client of a name; the two would put each other out for ever.
            let (key, value) = ("mqtt.downlink_client_id", format!("{downlink_client_id:?}"));
            return Err(ConfigError::OutOfBounds { key, value, problem: "a name of its own, not mqtt.client_id" });
        }
        Ok(())
    }
}

impl Config {
    fn check_nuisance(&self) -> Result<(), ConfigError> {
        let nuisance = &self.fold.nuisance;
        let bounds = [
            ("fold.nuisance.flood_off", nuisance.flood_off, 1, nuisance.flood_on.max(1), "1 to fold.nuisance.flood_on"),
            ("fold.nuisance.chatter", nuisance.chatter.into(), 2, 60, "between 2 and 60"),
            ("fold.nuisance.stale_h", nuisance.stale_h, 1, 720, "between 1 and 720"),
            ("fold.nuisance.online_min_pct", nuisance.online_min_pct.into(), 1, 100, "between 1 and 100"),
            ("fold.nuisance.low_days", nuisance.low_days.into(), 1, 100, "between 1 and 100"),
        ];
        for (key, value, low, high, problem) in bounds {
            // Where all of it is off nothing else of it matters.
            if nuisance.is_on() && !(low..=high).contains(&value) {
                return Err(ConfigError::OutOfBounds { key, value: value.to_string(), problem });
            }
        }
        Ok(())
    }

    fn check_coverage(&self) -> Result<(), ConfigError> {
        let coverage = &self.fold.coverage;
        let bounds = [
            ("fold.coverage.window_min", coverage.window_min, 1, 1_440, "between 1 and 1440"),
            ("fold.coverage.online_min_pct", coverage.online_min_pct.into(), 1, 100, "between 1 and 100"),
            ("fold.coverage.mean_days", coverage.mean_days, 1, coverage.kept_days, "1 to fold.coverage.kept_days"),
            ("fold.coverage.accept_min_pct", coverage.accept_min_pct.into(), 1, 100, "between 1 and 100"),
            ("fold.coverage.accept_hours", coverage.accept_hours, 1, 720, "between 1 and 720"),
            ("fold.coverage.close_after_min", coverage.close_after_min, 1, 1_440, "between 1 and 1440"),
            ("fold.coverage.kept_days", coverage.kept_days, 2, 366, "between 2 and 366"),
        ];
        for (key, value, low, high, problem) in bounds {
            if !(low..=high).contains(&value) {
                return Err(ConfigError::OutOfBounds { key, value: value.to_string(), problem });
            }
        }
        if let Some((sector, minutes)) = coverage.window_min_of.iter().find(|(_, m)| !(1..=1_440).contains(*m)) {
            let value = format!("{{ {sector} = {minutes} }}");
            let (key, problem) = ("fold.coverage.window_min_of", "minutes between 1 and 1440");
            return Err(ConfigError::OutOfBounds { key, value, problem });
        }
        if let Some(day) = coverage.sealed.iter().find(|day| day.parse::<Day>().is_err()) {
            let (key, value) = ("fold.coverage.sealed", format!("[{day:?}]"));
            return Err(ConfigError::OutOfBounds { key, value, problem: "days such as 2025-12-31" });
        }
        Ok(())
    }
}

fn port_from(get: &dyn Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<u16>, ConfigError> {
    let Some(text) = get(name) else { return Ok(None) };
    match text.parse() {
        Ok(port) => Ok(Some(port)),
        Err(_) => Err(ConfigError::Environment { name, problem: format!("`{text}` is not a port") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = include_str!("../../deploy/davy.toml");

    #[test]
    fn the_documented_file_is_the_default_and_lists_every_key() {
        assert_eq!(Config::parse(DOCUMENTED).unwrap(), Config::default());
        let documented: toml::Table = toml::from_str(DOCUMENTED).unwrap();
        let all = toml::Table::try_from(Config::default()).unwrap();
        for (section, keys) in &all {
            for key in keys.as_table().unwrap().keys() {
                let there = documented.get(section).and_then(|s| s.get(key));
                assert!(there.is_some(), "{section}.{key} is not in deploy/davy.toml");
            }
        }
        for key in all["fold"]["coverage"].as_table().unwrap().keys() {
            assert!(
                documented["fold"]["coverage"].get(key).is_some(),
                "fold.coverage.{key} is not in deploy/davy.toml"
            );
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_and_line() {
        let problem = Config::parse("[mqtt]\nhost = \"a\"\nprot = 1\n").unwrap_err();
        assert!(problem.contains("prot") && problem.contains("line 3"), "{problem}");
    }

    #[test]
    fn the_environment_wins_and_is_checked() {
        let mut config = Config::default();
        let env = |name: &str| match name {
            "DAVY_HTTP_PORT" => Some("9000".to_owned()),
            "DAVY_DATA" => Some("/srv/davy".to_owned()),
            _ => None,
        };
        config.take_environment(&env).unwrap();
        assert_eq!((config.http.listen.as_str(), config.data.dir.to_str()), ("127.0.0.1:9000", Some("/srv/davy")));
        let broken = config.take_environment(&|name| (name == "DAVY_PG_PORT").then(|| "x".to_owned())).unwrap_err();
        assert_eq!(broken.to_string(), "environment variable DAVY_PG_PORT: `x` is not a port");
    }

    #[test]
    fn bounds_name_the_key() {
        let mut config = Config::default();
        config.mqtt.receive_maximum = 1;
        assert!(config.check().unwrap_err().to_string().starts_with("mqtt.receive_maximum = 1: "));
        for days in [0, 3_651, u32::MAX] {
            let mut config = Config::default();
            config.fold.retention_days = days;
            assert!(config.check().unwrap_err().to_string().starts_with(&format!("fold.retention_days = {days}: ")));
        }
        for (change, key) in [
            ("mean_days = 63", "mean_days = 63"),
            ("online_min_pct = 101", "online_min_pct = 101"),
            ("sealed = [\"2025-13-01\"]", "sealed = "),
            ("window_min_of = { dust = 0 }", "window_min_of = { dust = 0 }"),
        ] {
            let problem = Config::parse(&format!("[fold.coverage]\n{change}\n")).unwrap().check().unwrap_err();
            assert!(problem.to_string().starts_with(&format!("fold.coverage.{key}")), "{problem}");
        }
        let mut config = Config::default();
        config.mqtt.downlink_client_id = config.mqtt.client_id.clone();
        assert!(config.check().unwrap_err().to_string().starts_with("mqtt.downlink_client_id = \"davy-ingest\": "));
        config.mqtt.downlink = false;
        assert!(config.check().is_ok());
    }
}
