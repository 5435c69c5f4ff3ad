//! The schema's versions: SQL files, embedded, forward only, under an advisory lock, run by the owner role.
//! Must not know what the tables are for. I/O.

use super::connection::{Connection, Purpose};
use super::error::{StoreError, describe};
use tokio_postgres::Client;

/// Taken while migrating, so that two `davy migrate` wait for each other.
const LOCK: i64 = 4_918_270_329;

struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "0001_business.sql", sql: include_str!("migrations/0001_business.sql") },
    Migration { version: 2, name: "0002_readings.sql", sql: include_str!("migrations/0002_readings.sql") },
    Migration { version: 3, name: "0003_rollups.sql", sql: include_str!("migrations/0003_rollups.sql") },
    Migration {
        version: 4,
        name: "0004_quarantine_replay.sql",
        sql: include_str!("migrations/0004_quarantine_replay.sql"),
    },
    Migration { version: 5, name: "0005_finding.sql", sql: include_str!("migrations/0005_finding.sql") },
    Migration { version: 6, name: "0006_coverage.sql", sql: include_str!("migrations/0006_coverage.sql") },
    Migration { version: 7, name: "0007_ledger.sql", sql: include_str!("migrations/0007_ledger.sql") },
    Migration { version: 8, name: "0008_rule_decision.sql", sql: include_str!("migrations/0008_rule_decision.sql") },
    Migration { version: 9, name: "0009_filing_kw.sql", sql: include_str!("migrations/0009_filing_kw.sql") },
];

/// The version this program works with.
#[must_use]
pub fn version_wanted() -> i32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("migration {name} was changed after it had been applied; restore the file, changes belong into a new one")]
    Changed { name: String },
    #[error("the database is at schema version {found}, this davy knows {wanted}: install a newer davy")]
    Newer { found: i32, wanted: i32 },
    #[error("migration {name} failed and was rolled back: {text}")]
    Failed { name: &'static str, text: String },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    pub from: i32,
    pub to: i32,
}

/// Brings the schema to `version_wanted()`. Each file is one transaction; running it again changes nothing.
pub async fn migrate(owner: &Connection) -> Result<Migrated, MigrateError> {
    let mut client = owner.open(Purpose::Migrate).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(StoreError::from)?;
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS public.migration (version int4 PRIMARY KEY, name text NOT NULL, \
             checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()); \
             GRANT SELECT ON public.migration TO davy_writer, davy_read",
        )
        .await
        .map_err(|e| StoreError::Wait(format!("{owner}: {}", describe(&e))))?;
    let from = check_applied(&client).await?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > from) {
        run(&mut client, migration).await?;
        tracing::info!(version = migration.version, name = migration.name, "schema migrated");
    }
    // Also when nothing was to be done: TimescaleDB may have been updated, or got its licence, since.
    client.batch_execute("SELECT public.davy_fit()").await.map_err(StoreError::from)?;
    Ok(Migrated { from, to: version_wanted() })
}

/// The version the database is at; 0 before the first migration.
pub async fn version(client: &Client) -> Result<i32, StoreError> {
    let there: bool = client.query_one("SELECT to_regclass('public.migration') IS NOT NULL", &[]).await?.try_get(0)?;
    if !there {
        return Ok(0);
    }
    Ok(client.query_one("SELECT coalesce(max(version), 0) FROM public.migration", &[]).await?.try_get(0)?)
}

/// `Wait` unless the schema is the one this program works with: another process may migrate at any time.
pub async fn require(client: &Client) -> Result<(), StoreError> {
    let found = version(client).await?;
    let wanted = version_wanted();
    if found < wanted {
        return Err(StoreError::Wait(format!(
            "the schema is at version {found}, {wanted} is needed: run davy migrate"
        )));
    }
    if found > wanted {
        return Err(StoreError::Wait(format!(
            "the schema is at version {found}, this davy knows {wanted}: install a newer davy"
        )));
    }
    Ok(())
}

fn checksum(sql: &str) -> String {
    blake3::hash(sql.as_bytes()).to_hex().to_string()
}

async fn check_applied(client: &Client) -> Result<i32, MigrateError> {
    let rows = client
        .query("SELECT version, name, checksum FROM public.migration ORDER BY version", &[])
        .await
        .map_err(StoreError::from)?;
    let mut newest = 0;
    for row in rows {
        let version: i32 = row.try_get(0).map_err(StoreError::from)?;
        let name: String = row.try_get(1).map_err(StoreError::from)?;
        let applied: String = row.try_get(2).map_err(StoreError::from)?;
        let Some(known) = MIGRATIONS.iter().find(|migration| migration.version == version) else {
            return Err(MigrateError::Newer { found: version, wanted: version_wanted() });
        };
        if checksum(known.sql) != applied {
            return Err(MigrateError::Changed { name });
        }
        newest = version;
    }
    Ok(newest)
}

async fn run(client: &mut Client, migration: &Migration) -> Result<(), MigrateError> {
    let failed = |e: tokio_postgres::Error| MigrateError::Failed { name: migration.name, text: describe(&e) };
    let tx = client.transaction().await.map_err(failed)?;
    tx.batch_execute(migration.sql).await.map_err(failed)?;
    tx.execute(
        "INSERT INTO public.migration (version, name, checksum) VALUES ($1, $2, $3)",
        &[&migration.version, &migration.name, &checksum(migration.sql)],
    )
    .await
    .map_err(failed)?;
    tx.commit().await.map_err(failed)
}
