//! A private PostgreSQL for tests: own data directory, own port on loopback, gone with the value.
//! Must not know the schema. I/O.

use ingest::store::connection::Connection;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread::JoinHandle;
use std::{env, fs, process};

/// Runs until it is dropped, or until this process is gone.
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    bin: PathBuf,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
    durability: Durability,
    backend: Backend,
}

/// What the databases of a cluster are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL alone, whatever else is installed.
    Postgresql,
    /// With the extension, which must be installed on this machine.
    Timescaledb,
}

impl Backend {
    /// `STORE_BACKEND`: `timescaledb`, or PostgreSQL alone.
    #[must_use]
    pub fn asked_for() -> Backend {
        match env::var("STORE_BACKEND").as_deref() {
            Ok("timescaledb") => Backend::Timescaledb,
            _ => Backend::Postgresql,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Backend::Postgresql => "postgresql",
            Backend::Timescaledb => "timescaledb",
        }
    }

    /// Why it cannot be had here.
    pub fn missing(self) -> Result<(), String> {
        let bin = binaries()?;
        let major = bin.parent().and_then(Path::file_name).unwrap_or_default();
        let control = Path::new("/usr/share/postgresql").join(major).join("extension/timescaledb.control");
        match self {
            Backend::Timescaledb if !control.is_file() => {
                Err(format!("TimescaleDB is not installed: no {}", control.display()))
            }
            Backend::Postgresql | Backend::Timescaledb => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No fsync: survives a killed server, not a power cut. What tests need.
    Fast,
    /// With the settings of `make run`, for measuring.
    Real,
}

struct Server {
    pid: u32,
    waiter: JoinHandle<()>,
}

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

impl Cluster {
    /// One cluster for all tests of a process that run at the same time; each takes its own database.
    pub fn shared() -> Result<Arc<Cluster>, String> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Cluster::start(Durability::Fast)?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// A cluster of one's own, with the roles and the database of `deploy/postgres/bootstrap.sql`. The error says what
    /// is missing on this machine.
    pub fn start(durability: Durability) -> Result<Cluster, String> {
        Cluster::start_in(&env::temp_dir(), durability)
    }

    /// The same with its data below `base`, which the user it runs as must be able to reach.
    pub fn start_in(base: &Path, durability: Durability) -> Result<Cluster, String> {
        static CLUSTERS: AtomicU32 = AtomicU32::new(0);
        Backend::asked_for().missing()?;
        let bin = binaries()?;
        let number = CLUSTERS.fetch_add(1, Ordering::SeqCst);
        let dir = base.join(format!("davy-test-postgres-{}-{number}", process::id()));
        fs::create_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let mut initdb = server_command(&bin.join("initdb"), &dir)?;
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        run(initdb.arg("--pgdata").arg(dir.join("data")))?;
        let port = free_port()?;
        let server = Mutex::new(None);
        let (databases, backend) = (AtomicU32::new(0), Backend::asked_for());
        let cluster = Cluster { dir, port, bin, server, databases, durability, backend };
        if durability == Durability::Real {
            cluster.deploy()?;
        }
        cluster.up()?;
        cluster.bootstrap()?;
        Ok(cluster)
    }

    /// The settings of `make run`: `deploy/local/postgresql.conf.in`, filled in as deploy/local/postgres.sh does.
    fn deploy(&self) -> Result<(), String> {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/postgresql.conf.in");
        let text = fs::read_to_string(&template).map_err(|e| format!("{}: {e}", template.display()))?;
        let libraries = fs::read_dir(self.bin.join("../lib")).into_iter().flatten().flatten();
        let names = libraries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let timescaledb = names.into_iter().any(|name| name.starts_with("timescaledb") && name.ends_with(".so"));
        let text = text.replace("@PORT@", &self.port.to_string());
        let text = text.replace("@PRELOAD@", if timescaledb { "timescaledb" } else { "" });
        let file = self.dir.join("data/postgresql.conf");
        let mut conf = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        conf.push_str(&text);
        fs::write(&file, conf).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// Runs `deploy/postgres/bootstrap.sql` as the superuser; may be done again.
    pub fn bootstrap(&self) -> Result<(), String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/postgres/bootstrap.sql");
        let mut psql = self.psql("postgres");
        run(psql.arg("-f").arg(script)).map(drop)
    }

    /// Starts the server and waits until it answers.
    pub fn up(&self) -> Result<(), String> {
        let mut slot = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = server_command(&self.bin.join("postgres"), &self.dir)?;
        command.arg("-D").arg(self.dir.join("data"));
        let port = self.port.to_string();
        if self.backend == Backend::Timescaledb {
            command.args(["-c", "shared_preload_libraries=timescaledb", "-c", "timescaledb.telemetry_level=off"]);
        }
        // What is measured runs with the settings of its file and no others.
        if self.durability == Durability::Fast {
            for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=50"] {
                command.args(["-c", setting]);
            }
            command.args(["-c", &format!("port={port}"), "-c", "max_wal_size=4GB", "-c", "shared_buffers=256MB"]);
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        let log =
            fs::File::options().create(true).append(true).open(self.dir.join("log")).map_err(|e| e.to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let (tell, told) = mpsc::sync_channel(1);
        // The thread that starts the server stays with it: the server is told to stop when *that thread* ends.
        let waiter = std::thread::spawn(move || {
            let started = command.spawn();
            let sent = tell.send(started.as_ref().map(process::Child::id).map_err(ToString::to_string));
            if let (Ok(mut child), Ok(())) = (started, sent) {
                drop(child.wait());
            }
        });
        let pid = told.recv().map_err(|e| e.to_string())??;
        *slot = Some(Server { pid, waiter });
        let mut ready = Command::new(self.bin.join("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &port, "-t", "1"]);
        for _ in 0..600 {
            if ready.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            // pg_isready returns at once while nothing listens; this is the pause between two questions.
            drop(Command::new("sleep").arg("0.1").status());
        }
        Err(format!("PostgreSQL does not answer; see {}", self.dir.join("log").display()))
    }

    /// Stops the server with a signal: `INT` cuts sessions and stops in order, `QUIT` is a crash. Waits for its end.
    pub fn down(&self, signal: &str) {
        let mut slot = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = slot.take() {
            self.signal_pid(signal, server.pid);
            drop(server.waiter.join());
        }
    }

    /// Sends the postmaster a signal, for instance `STOP` and `CONT`.
    pub fn signal(&self, signal: &str) {
        let slot = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = slot.as_ref() {
            self.signal_pid(signal, server.pid);
        }
    }

    fn signal_pid(&self, signal: &str, pid: u32) {
        drop(Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status());
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|server| server.pid)
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A new empty database with the rights of `davy`, not migrated.
    pub fn database(&self) -> Result<String, String> {
        let name = format!("davy_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER davy_owner ENCODING 'UTF8' TEMPLATE template0"))?;
        self.sql(&name, "GRANT CREATE, USAGE ON SCHEMA public TO davy_owner")?;
        if self.backend == Backend::Timescaledb {
            self.sql(&name, "CREATE EXTENSION timescaledb")?;
        }
        Ok(name)
    }

    /// Runs SQL as the superuser and returns psql's unaligned output.
    pub fn sql(&self, dbname: &str, sql: &str) -> Result<String, String> {
        run(self.psql(dbname).args(["-At", "-c", sql]))
    }

    /// A role that must give a password, as a cluster beyond loopback demands it.
    pub fn role_with_password(&self, role: &str, password: &str) -> Result<(), String> {
        self.sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"))?;
        let hba = self.dir.join("data/pg_hba.conf");
        let rules = fs::read_to_string(&hba).map_err(|e| e.to_string())?;
        // The first rule that fits counts.
        let rules = format!("host all {role} 127.0.0.1/32 scram-sha-256\n{rules}");
        fs::write(&hba, rules).map_err(|e| e.to_string())?;
        self.sql("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// What `pg_dump` makes of a database, for `restore`.
    pub fn dump(&self, dbname: &str) -> Result<String, String> {
        let port = self.port.to_string();
        let mut dump = Command::new(self.bin.join("pg_dump"));
        run(dump.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", dbname]))
    }

    /// Sets a database back to a dump, with whoever is connected to it thrown out.
    pub fn restore(&self, dbname: &str, dump: &str) -> Result<(), String> {
        let file = self.dir.join("restore.sql");
        fs::write(&file, dump).map_err(|e| format!("{}: {e}", file.display()))?;
        self.sql("postgres", &format!("DROP DATABASE {dbname} WITH (FORCE)"))?;
        self.sql("postgres", &format!("CREATE DATABASE {dbname} OWNER davy_owner ENCODING 'UTF8' TEMPLATE template0"))?;
        run(self.psql(dbname).arg("-f").arg(file)).map(drop)
    }

    /// For one of `davy_owner`, `davy_writer`, `davy_read`.
    #[must_use]
    pub fn connection(&self, role: &str, dbname: &str) -> Connection {
        Connection {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: role.to_owned(),
            password: None,
            dbname: dbname.to_owned(),
        }
    }

    fn psql(&self, dbname: &str) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        let port = self.port.to_string();
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-d",
            dbname,
        ]);
        psql
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.down("INT");
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// The newest PostgreSQL of this machine.
fn binaries() -> Result<PathBuf, String> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin).ok_or_else(|| "no PostgreSQL under /usr/lib/postgresql".to_owned())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

/// PostgreSQL refuses to run as root: then it runs as `postgres`, who is given the directory. It is told to stop when
/// the thread that started it ends, so that a test run that is killed leaves no server behind.
fn server_command(program: &Path, dir: &Path) -> Result<Command, String> {
    let mut command = Command::new("setpriv");
    let me = fs::metadata("/proc/self").map_err(|e| e.to_string())?.uid();
    if me == 0 {
        let (uid, gid) = user("postgres").ok_or("running as root, and there is no user postgres")?;
        chown(dir, Some(uid), Some(gid)).map_err(|e| format!("{}: {e}", dir.display()))?;
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program).current_dir(dir);
    Ok(command)
}

fn user(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{:?}: {e}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(format!("{:?}: {}", command.get_program(), String::from_utf8_lossy(&output.stderr).trim_end()))
}
