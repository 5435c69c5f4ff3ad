//! A real Davy process for the live suites: started from the built binary with a configuration of its own, watched
//! from outside only (HTTP, signals, exit code). I/O.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where a Davy finds its neighbours and itself.
#[derive(Clone, Debug)]
pub struct Place {
    /// Configuration, data and logs of this Davy.
    pub dir: PathBuf,
    pub mqtt_port: u16,
    pub pg_port: u16,
    pub http_port: u16,
    /// Directory with the district's data; the committed district if `None`.
    pub seeds: Option<PathBuf>,
    /// Lines appended to the configuration file, for example `[data]\nquota_bytes = 1`.
    pub extra: String,
}

pub struct Davy {
    child: Child,
    pub place: Place,
}

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the checkout is there")
}

/// The binary under test: `DAVY_BIN`, or the one built beside this test or program.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("DAVY_BIN") {
        return path.into();
    }
    let program = std::env::current_exe().expect("a program has a path");
    let dir = program.parent().expect("a program lies in a directory");
    // Tests lie in target/<profile>/deps, programs beside davy itself.
    let target = if dir.ends_with("deps") { dir.parent().expect("deps lies in target/<profile>") } else { dir };
    let path = target.join("davy");
    assert!(path.exists(), "{} is not built: cargo build --workspace", path.display());
    path
}

impl Place {
    fn config(&self) -> PathBuf {
        self.dir.join("davy.toml")
    }

    /// Writes the configuration file.
    pub fn write(&self) {
        fs::create_dir_all(&self.dir).expect("the place can be made");
        let seeds = self.seeds.clone().unwrap_or_else(|| root().join("seeds"));
        let text = format!(
            "[district]\nseeds = {:?}\nrules = {:?}\n[mqtt]\nport = {}\n[http]\nlisten = \"127.0.0.1:{}\"\n\
             [database]\nport = {}\n{}",
            seeds,
            root().join("seeds/rules"),
            self.mqtt_port,
            self.http_port,
            self.pg_port,
            if self.extra.contains("[data]") {
                self.extra.replace("[data]", &format!("[data]\ndir = {:?}", self.data()))
            } else {
                format!("[data]\ndir = {:?}\n{}", self.data(), self.extra)
            },
        );
        fs::write(self.config(), text).expect("the configuration can be written");
    }

    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Runs one command of the CLI to its end.
    pub fn run(&self, args: &[&str]) -> std::process::Output {
        Command::new(binary())
            .args(args)
            .env("DAVY_CONFIG", self.config())
            .stdin(Stdio::null())
            .output()
            .expect("davy can be started")
    }

    pub fn get(&self, path: &str) -> Result<(u16, Value), String> {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build();
        let agent: ureq::Agent = settings.into();
        let url = format!("http://127.0.0.1:{}{path}", self.http_port);
        let mut answer = agent.get(url).call().map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_json().map_err(|e| e.to_string())?;
        Ok((status, body))
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), String> {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build();
        let agent: ureq::Agent = settings.into();
        let url = format!("http://127.0.0.1:{}{path}", self.http_port);
        let mut answer = agent.post(url).send_json(body).map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        Ok((status, answer.body_mut().read_json().unwrap_or(Value::Null)))
    }
}

impl Davy {
    /// Starts `davy serve`; `fault` is a fault point in the form `name:n`. Does not wait.
    pub fn start(place: &Place, fault: Option<&str>, args: &[&str]) -> Davy {
        let log = fs::File::options().create(true).append(true).open(place.dir.join("davy.log")).expect("a log");
        let mut command = Command::new(binary());
        command.arg("serve").args(args).env("DAVY_CONFIG", place.config()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        if let Some(fault) = fault {
            command.env("DAVY_FAULT", fault);
        }
        Davy { child: command.spawn().expect("davy can be started"), place: place.clone() }
    }

    /// Waits until readings are accepted and judged.
    pub fn ready(self) -> Davy {
        let place = self.place.clone();
        wait_for("davy to be ready", Duration::from_secs(60), || matches!(place.get("/readyz"), Ok((200, _))));
        self
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing can be prepared for it.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child ends");
    }

    /// SIGTERM, and the exit code it ends with.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("our own child can be told");
        self.child.wait().expect("our own child ends").code()
    }

    /// Whether the process stands still at a fault point (SIGSTOP), or has ended.
    pub fn stands_still(&mut self) -> bool {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return true;
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }
}

impl Drop for Davy {
    fn drop(&mut self) {
        // Only after a failed assertion: kill() and stop() have waited already, and both calls then do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Looks again every few milliseconds until `done`; panics with `what` when `limit` has passed.
pub fn wait_for(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < until, "waited {limit:?} in vain for {what}");
        // Nobody tells us: the other side is another process.
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A free port on loopback; the system does not give it again at once.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.local_addr().expect("a bound socket has an address").port()
}
