//! Where the database is, and a session on it set up for one purpose.
//! Must not print a password, nor know what is asked of the session. I/O.

use super::error::{StoreError, describe};
use super::lane::Lane;
use std::fmt;
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

/// A hung server must look like a dead one: the projector then waits with back-off instead of for ever.
const CONNECT_S: u64 = 5;
const TCP_SILENCE_S: u64 = 30;

#[derive(Clone)]
pub struct Connection {
    /// A host name or address, or the directory of a Unix socket (begins with `/`).
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<String>,
    pub dbname: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `user davy_writer at 127.0.0.1:54330, database davy`; never the password.
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {} at {}:{}, database {}", self.user, self.host, self.port, self.dbname)
    }
}

/// What a session is for; decides its name in `pg_stat_activity` and its time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Project(Lane),
    /// Rollups, retention, compaction: gives way to everybody else.
    Care,
    /// Questions of people: cut off after 5 s.
    Read,
    /// Recovery and verification: may take long.
    Inspect,
    Migrate,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Project(Lane::Readings) => "davy readings",
            Purpose::Project(Lane::Business) => "davy business",
            Purpose::Care => "davy care",
            Purpose::Read => "davy read",
            Purpose::Inspect => "davy inspect",
            Purpose::Migrate => "davy migrate",
        }
    }

    /// Set after connecting. `synchronous_commit` is forced: the spool is dropped on the strength of a commit.
    fn settings(self) -> &'static str {
        match self {
            Purpose::Project(_) => {
                "SET synchronous_commit = on; SET timezone = 'UTC'; SET jit = off; SET lock_timeout = '5s'; \
                 SET max_parallel_workers_per_gather = 0; SET idle_in_transaction_session_timeout = '60s'; \
                 SET statement_timeout = '5min'"
            }
            Purpose::Care => {
                "SET timezone = 'UTC'; SET jit = off; SET lock_timeout = '2s'; SET statement_timeout = '30min'; \
                 SET max_parallel_workers_per_gather = 0; SET idle_in_transaction_session_timeout = '60s'"
            }
            // Every question has bounds of time, and the index on time is the way, whatever the statistics say.
            Purpose::Read => {
                "SET timezone = 'UTC'; SET jit = off; SET enable_seqscan = off; SET lock_timeout = '5s'; \
                 SET statement_timeout = '5s'"
            }
            Purpose::Inspect => {
                "SET timezone = 'UTC'; SET jit = off; SET lock_timeout = '5s'; SET statement_timeout = 0"
            }
            Purpose::Migrate => "SET timezone = 'UTC'; SET statement_timeout = 0; SET client_min_messages = warning",
        }
    }
}

impl Connection {
    /// A session for `purpose`; it ends when the client is dropped. Any error is `Wait` and names user, host and port.
    pub async fn open(&self, purpose: Purpose) -> Result<Client, StoreError> {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(purpose.name())
            .connect_timeout(Duration::from_secs(CONNECT_S))
            .tcp_user_timeout(Duration::from_secs(TCP_SILENCE_S))
            .keepalives_idle(Duration::from_secs(TCP_SILENCE_S));
        if let Some(password) = &self.password {
            config.password(password);
        }
        let failed = |e: &tokio_postgres::Error| StoreError::Wait(format!("{self}: {}", describe(e)));
        let connected = tokio::time::timeout(Duration::from_secs(CONNECT_S), config.connect(NoTls)).await;
        let Ok(connected) = connected else {
            return Err(StoreError::Wait(format!("{self}: no answer within {CONNECT_S} s")));
        };
        let (client, session) = connected.map_err(|e| failed(&e))?;
        tokio::spawn(async move {
            // Whoever uses the client sees its next statement fail; this is only for the log.
            if let Err(e) = session.await {
                tracing::debug!(error = %describe(&e), "database session ended");
            }
        });
        client.batch_execute(purpose.settings()).await.map_err(|e| failed(&e))?;
        Ok(client)
    }
}
