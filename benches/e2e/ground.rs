//! What a measurement stands on: a private PostgreSQL and directories on a real disk, with the settings of `make run`,
//! and what can be said about both. Nothing is measured before it is known that it is durable. I/O.

use crate::district::District;
use anyhow::{Context, anyhow, ensure};
use davy_tests::mosquitto::Mosquitto;
use davy_tests::postgres::{Cluster, Durability};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Kept in memory: nothing on them is durable, whatever fdatasync says.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

pub struct Ground {
    pub dir: PathBuf,
    pub cluster: Cluster,
    pub fixed: Fixed,
}

/// What is the same for every measurement of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Fixed {
    pub journal_filesystem: String,
    pub database_filesystem: String,
    pub fsync: String,
    pub synchronous_commit: String,
    pub full_page_writes: String,
    pub shared_buffers: String,
    pub postgresql: String,
    pub timescaledb: String,
}

/// A district on the disk, for Davy and for the generator.
pub struct Site {
    pub seeds: PathBuf,
    pub file: PathBuf,
    pub district: District,
}

impl Ground {
    /// Starts the database below `base`.
    ///
    /// # Errors
    /// A server is missing, or what it writes would not be durable.
    pub fn new(base: &Path) -> anyhow::Result<Ground> {
        let base = base.canonicalize().with_context(|| format!("{}", base.display()))?;
        let dir = base.join(format!("davy-bench-{}", std::process::id()));
        fs::create_dir(&dir).with_context(|| format!("{}", dir.display()))?;
        let cluster = Cluster::start_in(&dir, Durability::Real).map_err(|why| anyhow!("PostgreSQL: {why}"))?;
        let show = |name: &str| cluster.sql("davy", &format!("SHOW {name}")).map_err(|e| anyhow!(e));
        let extension = "SELECT coalesce(max(extversion), 'none') FROM pg_extension WHERE extname = 'timescaledb'";
        let fixed = Fixed {
            journal_filesystem: filesystem(&dir)?,
            database_filesystem: filesystem(&cluster.data())?,
            fsync: show("fsync")?,
            synchronous_commit: show("synchronous_commit")?,
            full_page_writes: show("full_page_writes")?,
            shared_buffers: show("shared_buffers")?,
            postgresql: show("server_version")?,
            timescaledb: cluster.sql("davy", extension).map_err(|e| anyhow!(e))?,
        };
        for (what, kind) in [("journal", &fixed.journal_filesystem), ("database", &fixed.database_filesystem)] {
            ensure!(
                !IN_MEMORY.contains(&kind.as_str()),
                "the {what} would lie on {kind}, in {}: choose a directory on a disk with --dir",
                dir.display()
            );
        }
        ensure!(fixed.fsync == "on", "fsync is {}", fixed.fsync);
        ensure!(fixed.synchronous_commit == "on", "synchronous_commit is {}", fixed.synchronous_commit);
        Ok(Ground { dir, cluster, fixed })
    }

    pub fn broker(&self) -> anyhow::Result<Mosquitto> {
        Mosquitto::deployed(&self.dir).map_err(|why| anyhow!("mosquitto: {why}"))
    }

    /// A new empty database, with TimescaleDB where it is installed.
    pub fn database(&self) -> anyhow::Result<String> {
        let name = self.cluster.database().map_err(|e| anyhow!(e))?;
        let extension = "DO $$ BEGIN \
            IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') \
                AND current_setting('shared_preload_libraries') LIKE '%timescaledb%' \
            THEN CREATE EXTENSION timescaledb; END IF; END $$";
        self.sql(&name, extension)?;
        Ok(name)
    }

    /// As the superuser.
    pub fn sql(&self, dbname: &str, sql: &str) -> anyhow::Result<String> {
        self.cluster.sql(dbname, sql).map_err(|e| anyhow!(e))
    }

    pub fn site(&self, enterprises: usize) -> anyhow::Result<Site> {
        let seeds = self.dir.join(format!("seeds-{enterprises}"));
        let file = self.dir.join(format!("district-{enterprises}.json"));
        let district = District::make(&seeds, enterprises)?;
        district.save(&file)?;
        Ok(Site { seeds, file, district })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.cluster.down("INT");
        if let Err(e) = fs::remove_dir_all(&self.dir) {
            eprintln!("{} stays: {e}", self.dir.display());
        }
    }
}

/// The kind of file system that holds `path`: that of the longest mount point above it.
fn filesystem(path: &Path) -> anyhow::Result<String> {
    let mounts = fs::read_to_string("/proc/mounts").context("/proc/mounts")?;
    // Of two mounts on one point the later one counts.
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (Path::new(fields.next()?), fields.next()?);
        path.starts_with(point).then(|| (point.components().count(), kind.to_owned()))
    });
    above.max_by_key(|(depth, _)| *depth).map(|(_, kind)| kind).context("no file system holds it")
}
