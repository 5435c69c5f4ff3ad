//! A private mosquitto for one test: its own port, directory and settings, restarted in order or killed by its own id.
//! Nothing of it outlives the test. I/O.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub struct Mosquitto {
    program: PathBuf,
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
    log: Arc<Mutex<Vec<String>>>,
}

/// What a test may want otherwise; the rest is as Davy's own broker is set up.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub queued_messages_max: u32,
    pub message_bytes_max: u32,
    /// Every packet stands in its log: for tests that look at the wire, not for those that send much.
    pub logs_packets: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { queued_messages_max: 1_000_000, message_bytes_max: 2 << 20, logs_packets: false }
    }
}

/// A broker that is not ready after this is not going to be.
const READY_MAX: Duration = Duration::from_secs(20);
/// It has a store of many messages to write down.
const END_MAX: Duration = Duration::from_secs(60);

impl Mosquitto {
    /// Starts a broker on a free port of the loopback.
    ///
    /// # Errors
    /// There is no mosquitto on this machine, or it would not start: for `SUITE ... skipped`.
    pub fn start(settings: Settings) -> Result<Mosquitto, String> {
        Mosquitto::configured(&std::env::temp_dir(), |broker| Ok(broker.config(settings)))
    }

    /// A broker as `make run` has it, with `deploy/mosquitto/mosquitto.conf.in` and its store below `base`: for
    /// measuring.
    ///
    /// # Errors
    /// There is no mosquitto on this machine, or it would not start.
    pub fn deployed(base: &Path) -> Result<Mosquitto, String> {
        Mosquitto::configured(base, |broker| {
            let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/mosquitto/mosquitto.conf.in");
            let text = fs::read_to_string(&template).map_err(|e| format!("{}: {e}", template.display()))?;
            // Only a root gives up its rights, and here it does not: the directory is its own.
            let text = text.replace("@PORT@", &broker.port.to_string()).replace("@USER@", "root");
            let text = text.replace("@DIR@", &broker.dir.display().to_string());
            // It says that it is ready at this level, and with `connection_messages false` little more.
            Ok(text + "log_type information\n")
        })
    }

    fn configured(base: &Path, config: impl Fn(&Mosquitto) -> Result<String, String>) -> Result<Mosquitto, String> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let program = program().ok_or("mosquitto is not installed")?;
        let number = STARTED.fetch_add(1, Ordering::SeqCst);
        let dir = base.join(format!("davy-mosquitto-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?;
        let mut broker = Mosquitto { program, dir, port: free.port(), child: None, log: Arc::default() };
        fs::write(broker.dir.join("mosquitto.conf"), config(&broker)?).map_err(|e| e.to_string())?;
        broker.up()?;
        Ok(broker)
    }

    /// The broker's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Opens another port, all of whose topics lie below `mount_point`; restarts it for that.
    ///
    /// # Errors
    /// It would not start again.
    pub fn mount(&mut self, mount_point: &str) -> Result<u16, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?;
        self.set(&format!("listener {} 127.0.0.1\nmount_point {mount_point}\n", free.port()))?;
        Ok(free.port())
    }

    /// Lets everybody do only what an access list says; names are believed without a password. Restarts it for that.
    ///
    /// # Errors
    /// It would not start again.
    pub fn restrict(&mut self, acl: &Path) -> Result<(), String> {
        let copy = self.dir.join("acl");
        fs::copy(acl, &copy).map_err(|e| e.to_string())?;
        self.set(&format!("acl_file {}\n", copy.display()))
    }

    fn set(&mut self, lines: &str) -> Result<(), String> {
        self.stop();
        let path = self.dir.join("mosquitto.conf");
        let config = fs::read_to_string(&path).map_err(|e| e.to_string())? + lines;
        fs::write(&path, config).map_err(|e| e.to_string())?;
        self.up()
    }

    /// Stops it in order: it writes down what it keeps.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Starts it again after `stop` or `kill`, with what it kept.
    pub fn up(&mut self) -> Result<(), String> {
        let mut child = Command::new(&self.program)
            .arg("-c")
            .arg(self.dir.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot run {}: {e}", self.program.display()))?;
        let stderr = child.stderr.take().ok_or("no log")?;
        self.child = Some(child);
        let ready = follow(stderr, Arc::clone(&self.log));
        ready.recv_timeout(READY_MAX).map_err(|_| format!("mosquitto does not start: {}", self.log().join(" | ")))
    }

    /// Forgets every session and message, as after the loss of its disk. Only while it is stopped.
    pub fn forget(&mut self) {
        assert!(self.child.is_none(), "only a stopped broker can be made to forget");
        fs::remove_file(self.dir.join("mosquitto.db")).expect("it kept something");
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("not poisoned").clone()
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        // More than once: what comes between its word that it runs and the beginning of its loop goes unheard.
        let until = Instant::now() + END_MAX;
        while child.try_wait().expect("it is ours").is_none() {
            assert!(Instant::now() < until, "mosquitto goes on after {signal:?} for {END_MAX:?}");
            kill_process(Pid::from_child(&child), signal).expect("it is ours and not waited for");
            // A process that is not ours to hear from: all that is left is to look again.
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn config(&self, settings: Settings) -> String {
        let Settings { queued_messages_max, message_bytes_max, logs_packets } = settings;
        let packets = if logs_packets { "log_type debug\n" } else { "" };
        format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\npersistence_location {}/\n\
             autosave_interval 1\nmax_inflight_messages 0\nmax_queued_messages {queued_messages_max}\n\
             max_queued_bytes 1073741824\nmessage_size_limit {message_bytes_max}\nsys_interval 1\n\
             log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n\
             log_type information\n{packets}connection_messages true\n",
            self.port,
            self.dir.display()
        )
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Either may fail only because it is gone already.
            drop(child.kill());
            drop(child.wait());
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    dirs.map(|dir: PathBuf| Path::join(&dir, "mosquitto")).find(|program| program.is_file())
}

/// Collects the log, and says when the broker is ready.
fn follow(stderr: std::process::ChildStderr, log: Arc<Mutex<Vec<String>>>) -> Receiver<()> {
    let (ready, is_ready) = sync_channel(1);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.ends_with(" running") {
                // A second word finds nobody waiting.
                ready.try_send(()).ok();
            }
            log.lock().expect("not poisoned").push(line);
        }
    });
    is_ready
}
