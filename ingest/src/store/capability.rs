//! What the database can do, found by looking and never by asking for names: one of three tiers, logged and shown.
//! With the migrations from `0002` on the only place that knows the difference. I/O.

use super::error::{StoreError, describe};
use super::lane::READINGS_BYTES_MAX;
use super::probe;
use serde::Serialize;
use tokio_postgres::{Client, Transaction};

/// How readings get into the archive, and how they lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Rows, in native daily partitions, or in chunks of a TimescaleDB that has no columnstore for us.
    Plain,
    /// TimescaleDB: rows at first, columns once a day is closed.
    Columnstore,
    /// The same, and large batches go into the columnstore at once.
    Direct,
}

impl Tier {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tier::Plain => "plain",
            Tier::Columnstore => "columnstore",
            Tier::Direct => "direct",
        }
    }
}

/// Who makes the parts that the table of readings consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    /// Native range partitions, one a day (UTC), made by us before the first row of the day.
    Days,
    /// TimescaleDB makes its chunks itself.
    Chunks,
}

/// Who keeps the rollups of 1 minute and 1 hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollups {
    /// Tables that the caretaker makes right, minute by minute, where transactions have left a mark.
    Davy,
    /// Continuous aggregates, which TimescaleDB's workers refresh.
    Aggregates,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capability {
    pub tier: Tier,
    pub parts: Parts,
    pub rollups: Rollups,
    /// Why it is not a better tier; empty when it is the best.
    pub reason: String,
    /// `15.20`
    pub server: String,
    /// TimescaleDB's version where the extension is installed.
    pub timescaledb: Option<String>,
    /// `timescale` or `apache`, as the server says.
    pub licence: Option<String>,
    /// Whether the server loads TimescaleDB at its start; `None` when this role may not see it.
    pub preloaded: Option<bool>,
    /// Background workers TimescaleDB may use: they refresh the continuous aggregates.
    pub workers: Option<i64>,
}

/// The oldest TimescaleDB that is used as more than a table of chunks: older ones skip rows in silence.
const COLUMNSTORE_SINCE: [u32; 3] = [2, 18, 1];
/// Direct COPY came with this one.
const DIRECT_SINCE: [u32; 3] = [2, 21, 0];
/// Smaller batches go to the row store: in the columnstore each would be a batch of its own, badly compressed.
const DIRECT_ROWS_MIN: usize = 20_000;

/// `shared_preload_libraries` is for those who may read all settings.
const LOOK: &str = "SELECT current_setting('server_version'), \
    (SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('public.reading')), \
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), \
    current_setting('timescaledb.license', true), \
    CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') \
         THEN position('timescaledb' in current_setting('shared_preload_libraries')) > 0 END, \
    current_setting('timescaledb.max_background_workers', true), \
    (SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass('public.reading_1m'))";
const LOOK_COLUMNSTORE: &str = "SELECT coalesce(bool_or(compression_enabled), false) \
    FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND hypertable_name = 'reading'";

/// Looks at the table itself, not at the extension: it may have been installed after the table was made. Without the
/// proof that `direct` needs: that one is the writer's (`prove_direct`).
pub async fn detect(client: &Client) -> Result<Capability, StoreError> {
    let row = client.query_one(LOOK, &[]).await?;
    let partitioned: Option<bool> = row.try_get(1)?;
    let workers: Option<String> = row.try_get(5)?;
    let aggregates: Option<bool> = row.try_get(6)?;
    let mut capability = Capability {
        tier: Tier::Plain,
        parts: if partitioned.unwrap_or(true) { Parts::Days } else { Parts::Chunks },
        rollups: if aggregates.unwrap_or(false) { Rollups::Aggregates } else { Rollups::Davy },
        reason: String::new(),
        server: row.try_get(0)?,
        timescaledb: row.try_get(2)?,
        licence: row.try_get(3)?,
        preloaded: row.try_get(4)?,
        workers: workers.and_then(|workers| workers.parse().ok()),
    };
    let columnstore = match (&capability.timescaledb, capability.parts) {
        (Some(_), Parts::Chunks) => client.query_one(LOOK_COLUMNSTORE, &[]).await?.try_get(0)?,
        _ => false,
    };
    (capability.tier, capability.reason) = judge(&capability, columnstore);
    Ok(capability)
}

fn judge(found: &Capability, columnstore: bool) -> (Tier, String) {
    let plain = |why: String| (Tier::Plain, why);
    let Some(text) = &found.timescaledb else { return plain("TimescaleDB is not installed".to_owned()) };
    if found.parts == Parts::Days {
        return plain("the table of readings was made before TimescaleDB was there".to_owned());
    }
    let version = version(text);
    if version < COLUMNSTORE_SINCE {
        return plain(format!("TimescaleDB {text} is older than 2.18.1"));
    }
    match found.licence.as_deref() {
        Some("timescale") => {}
        Some(other) => return plain(format!("timescaledb.license is {other}, the columnstore needs timescale")),
        None => return plain("TimescaleDB is not loaded (shared_preload_libraries)".to_owned()),
    }
    if !columnstore {
        return plain("the columnstore is not switched on: run davy migrate".to_owned());
    }
    if version < DIRECT_SINCE {
        return (Tier::Columnstore, format!("TimescaleDB {text} has no direct COPY, 2.21 has"));
    }
    (Tier::Columnstore, "direct COPY is not proved yet".to_owned())
}

/// `2.23-dev` is 2.23.0; what is no number is 0.
fn version(text: &str) -> [u32; 3] {
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    let mut parts = text.split('.').map(number);
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

impl Capability {
    /// Tries direct COPY with one batch and looks where its rows went, since TimescaleDB falls back in silence. Rolled
    /// back. Whatever goes wrong leaves the tier below, with the reason.
    pub async fn prove_direct(&mut self, client: &mut Client) {
        let supported = self.timescaledb.as_deref().is_some_and(|text| version(text) >= DIRECT_SINCE);
        if self.tier != Tier::Columnstore || !supported {
            return;
        }
        match probe::direct_copy(client, DIRECT_ROWS_MIN).await {
            Ok(probe::Landed::Columnstore) => (self.tier, self.reason) = (Tier::Direct, String::new()),
            Ok(probe::Landed::Rows { rows }) => {
                self.reason = format!("direct COPY fell back: {rows} of {DIRECT_ROWS_MIN} rows went to the row store");
            }
            Err(e) => self.reason = format!("direct COPY failed: {}", describe(&e)),
        }
    }

    /// Before a COPY of so many rows, in its transaction.
    pub async fn before_copy(&self, tx: &Transaction<'_>, rows: usize) -> Result<(), tokio_postgres::Error> {
        if self.tier == Tier::Direct {
            tx.batch_execute(if rows >= DIRECT_ROWS_MIN { probe::DIRECT_ON } else { probe::DIRECT_OFF }).await?;
        }
        Ok(())
    }

    /// So many bytes of the spool make a good transaction of readings. For direct COPY 50,000 rows, so that late ones
    /// among them do not make the batch too small for the columnstore.
    #[must_use]
    pub fn readings_bytes_max(&self) -> usize {
        if self.tier == Tier::Direct { 2_000 * 1024 } else { READINGS_BYTES_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(timescaledb: Option<&str>, licence: Option<&str>, parts: Parts) -> Capability {
        Capability {
            tier: Tier::Plain,
            parts,
            rollups: Rollups::Davy,
            reason: String::new(),
            server: "17.5".to_owned(),
            timescaledb: timescaledb.map(str::to_owned),
            licence: licence.map(str::to_owned),
            preloaded: None,
            workers: None,
        }
    }

    #[test]
    fn each_tier_needs_what_it_needs_and_says_what_is_missing() {
        let tier = |version, licence, parts, columnstore| judge(&found(version, licence, parts), columnstore);
        let chunks = Parts::Chunks;
        for (version, licence, parts, columnstore, wanted, why) in [
            (None, None, Parts::Days, false, Tier::Plain, "not installed"),
            (Some("2.28.3"), Some("timescale"), Parts::Days, false, Tier::Plain, "before TimescaleDB"),
            (Some("2.18.0"), Some("timescale"), chunks, true, Tier::Plain, "older than 2.18.1"),
            (Some("2.28.3"), Some("apache"), chunks, false, Tier::Plain, "apache"),
            (Some("2.28.3"), None, chunks, false, Tier::Plain, "shared_preload_libraries"),
            (Some("2.28.3"), Some("timescale"), chunks, false, Tier::Plain, "davy migrate"),
            (Some("2.18.1"), Some("timescale"), chunks, true, Tier::Columnstore, "no direct COPY"),
            (Some("2.23-dev"), Some("timescale"), chunks, true, Tier::Columnstore, "not proved"),
        ] {
            let (found, reason) = tier(version, licence, parts, columnstore);
            assert!(found == wanted && reason.contains(why), "{version:?} {licence:?}: {found:?}, {reason}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("2.18.1"), [2, 18, 1]);
        assert_eq!(version("2.23-dev"), [2, 23, 0]);
        assert!(version("2.9.3") < COLUMNSTORE_SINCE && version("2.100.0") > DIRECT_SINCE);
        assert_eq!(version("nonsense"), [0, 0, 0]);
    }
}
