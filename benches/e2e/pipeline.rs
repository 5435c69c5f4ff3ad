//! What is measured: Davy or the naive pipeline, as a process with a database of its own. Asked how far it is and, at
//! the end, what is really in its table. Must not know the load. I/O.

use crate::ground::{Ground, Site};
use crate::naive::Standing;
use anyhow::{Context, anyhow, bail, ensure};
use davy_tests::davy::{Davy, Place, free_port};
use ingest::clock::wall;
use serde::Serialize;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Statement};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Davy,
    Naive,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Davy => "davy",
            Kind::Naive => "naive",
        }
    }
}

/// Which one, and how Davy is set up for it.
#[derive(Clone, Debug)]
pub struct Setup {
    pub kind: Kind,
    pub mqtt_port: u16,
    pub snapshot_every_s: u32,
}

pub struct Pipeline {
    dbname: String,
    running: Running,
}

enum Running {
    Davy { davy: Box<Davy>, progress: Box<Progress> },
    Naive { child: Child, input: Option<ChildStdin>, standing: Arc<Mutex<Standing>> },
}

/// What is in the table at the end.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counted {
    pub rows: u64,
    /// By (point, device time): less than `rows` when something is there twice.
    pub distinct: u64,
}

impl Pipeline {
    pub fn start(ground: &Ground, site: &Site, setup: &Setup) -> anyhow::Result<Pipeline> {
        let dbname = ground.database()?;
        let running = match setup.kind {
            Kind::Davy => Running::davy(ground, site, (setup, &dbname))?,
            Kind::Naive => Running::naive(ground, site, (setup, &dbname))?,
        };
        Ok(Pipeline { dbname, running })
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        match &self.running {
            Running::Davy { davy, .. } => davy.pid(),
            Running::Naive { child, .. } => child.id(),
        }
    }

    /// Where Davy answers HTTP.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match &self.running {
            Running::Davy { davy, .. } => Some(&davy.place),
            Running::Naive { .. } => None,
        }
    }

    /// Readings committed so far, and since when it is known (wall clock, microseconds).
    pub fn committed(&mut self) -> anyhow::Result<(u64, i64)> {
        match &mut self.running {
            Running::Davy { progress, .. } => Ok((progress.rows()?, wall().0)),
            Running::Naive { child, standing, .. } => {
                if let Some(status) = child.try_wait()? {
                    bail!("the naive pipeline has ended: {status}");
                }
                let standing = *standing.lock().unwrap_or_else(PoisonError::into_inner);
                ensure!(standing.refused == 0, "the naive pipeline refused {} of what it got", standing.refused);
                Ok((standing.rows, standing.at_us))
            }
        }
    }

    /// Ends it in order, counts what it left in its table, and drops the database.
    pub fn finish(self, ground: &Ground) -> anyhow::Result<Counted> {
        let time = match self.running {
            Running::Davy { davy, progress } => {
                drop(progress);
                let dir = davy.place.dir.clone();
                let code = davy.stop();
                ensure!(code == Some(0), "davy ended with {code:?}; its log is in {}", dir.display());
                std::fs::remove_dir_all(&dir).with_context(|| format!("{}", dir.display()))?;
                "device_time"
            }
            Running::Naive { mut child, input, .. } => {
                drop(input);
                let status = child.wait()?;
                ensure!(status.success(), "the naive pipeline ended with {status}");
                "time"
            }
        };
        let ask = |what: &str| -> anyhow::Result<u64> {
            // In memory: a sort of millions on the disk would take longer than the measurement.
            let sql = format!("SET work_mem = '2GB'; SET jit = off; SELECT count(*) FROM {what}");
            Ok(ground.sql(&self.dbname, &sql)?.parse()?)
        };
        let rows = ask("reading")?;
        let distinct = ask(&format!("(SELECT DISTINCT point, {time} FROM reading) AS once"))?;
        ground.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.dbname))?;
        Ok(Counted { rows, distinct })
    }
}

impl Running {
    fn davy(ground: &Ground, site: &Site, (setup, dbname): (&Setup, &str)) -> anyhow::Result<Running> {
        let place = Place {
            dir: ground.dir.join(dbname),
            mqtt_port: setup.mqtt_port,
            pg_port: ground.cluster.port(),
            http_port: free_port(),
            seeds: Some(site.seeds.clone()),
            // The first line still belongs to [database].
            extra: format!("name = {dbname:?}\n[data]\nsnapshot_every_s = {}\n", setup.snapshot_every_s),
        };
        place.write();
        let migrated = place.run(&["migrate"]);
        ensure!(migrated.status.success(), "davy migrate: {}", String::from_utf8_lossy(&migrated.stderr));
        let davy = Davy::start(&place, None, &[]).ready();
        let progress = Progress::open(ground.cluster.port(), dbname)?;
        Ok(Running::Davy { davy: Box::new(davy), progress: Box::new(progress) })
    }

    fn naive(ground: &Ground, site: &Site, (setup, dbname): (&Setup, &str)) -> anyhow::Result<Running> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["naive", "--mqtt-port", &setup.mqtt_port.to_string()])
            .args(["--pg-port", &ground.cluster.port().to_string(), "--dbname", dbname, "--district"])
            .arg(&site.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the naive pipeline")?;
        let input = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let ready = lines.next().transpose()?;
        ensure!(ready.as_deref() == Some("\"ready\""), "the naive pipeline does not start: {ready:?}");
        let standing = Arc::new(Mutex::new(Standing::default()));
        let shared = Arc::clone(&standing);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(standing) = serde_json::from_str(&line) {
                    *shared.lock().unwrap_or_else(PoisonError::into_inner) = standing;
                }
            }
        });
        Ok(Running::Naive { child, input, standing })
    }
}

/// Davy's own book of what each transaction wrote; `Pipeline::finish` checks it against the table.
struct Progress {
    runtime: Runtime,
    client: Client,
    ask: Statement,
}

/// The database answers at once, or the measurement is worth nothing.
const PATIENCE: Duration = Duration::from_secs(30);

impl Progress {
    fn open(port: u16, dbname: &str) -> anyhow::Result<Progress> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, ask) = runtime.block_on(async {
            let address = format!("host=127.0.0.1 port={port} user=postgres dbname={dbname}");
            let (client, connection) = tokio_postgres::connect(&address, NoTls).await?;
            tokio::spawn(connection);
            let ask =
                client.prepare("SELECT coalesce(sum(fast + late_inserted), 0)::int8 FROM projection_batch").await?;
            Ok::<_, tokio_postgres::Error>((client, ask))
        })?;
        Ok(Progress { runtime, client, ask })
    }

    fn rows(&self) -> anyhow::Result<u64> {
        let asked = async { tokio::time::timeout(PATIENCE, self.client.query_one(&self.ask, &[])).await };
        let row = self.runtime.block_on(asked).map_err(|_| anyhow!("the database does not answer"))??;
        Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
    }
}
