//! One MQTT 3.1.1 connection that publishes with QoS 1 and counts what the broker confirms. A confirmation out of turn
//! ends it: the count would be a guess. Must not know what is sent. I/O.

use anyhow::{Context, bail, ensure};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages on the way to the broker on one connection. Far below the number of packet ids, so that none is used twice.
pub const WINDOW: u64 = 4_096;
/// Packet ids go round here; confirmations come in the order of sending.
const IDS: u64 = 60_000;
/// A broker that confirms nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Wire {
    stream: TcpStream,
    sent: u64,
    acked: Arc<Acked>,
    reader: Option<JoinHandle<anyhow::Result<()>>>,
}

#[derive(Default)]
struct Acked {
    count: AtomicU64,
    /// Notified at every change; the lock guards nothing.
    changed: Condvar,
    lock: Mutex<()>,
}

impl Wire {
    pub fn open(port: u16, client_id: &str) -> anyhow::Result<Wire> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).context("cannot reach the broker")?;
        stream.set_nodelay(true)?;
        let id = client_id.as_bytes();
        let rest = u8::try_from(12 + id.len()).context("client id too long")?;
        // Protocol level 4, clean session, no keep-alive.
        let mut connect = vec![0x10, rest, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, u8::try_from(id.len())?];
        connect.extend_from_slice(id);
        stream.write_all(&connect)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        ensure!(answer == [0x20, 2, 0, 0], "the broker refuses us: {answer:?}");
        let acked = Arc::new(Acked::default());
        let reader = {
            let (stream, acked) = (stream.try_clone()?, Arc::clone(&acked));
            std::thread::Builder::new().name("gen-acks".to_owned()).spawn(move || read(stream, &acked))?
        };
        Ok(Wire { stream, sent: 0, acked, reader: Some(reader) })
    }

    /// The packet id of the next message.
    #[must_use]
    pub fn next_id(&self, ahead: u64) -> u16 {
        id_of(self.sent + ahead)
    }

    /// Sends `messages` messages that `bytes` holds.
    pub fn send(&mut self, bytes: &[u8], messages: u64) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("the broker has cut the connection")?;
        self.sent += messages;
        Ok(())
    }

    fn acked(&self) -> u64 {
        self.acked.count.load(Ordering::Acquire)
    }

    /// Waits until no more than `in_flight` messages are unconfirmed.
    pub fn wait(&self, in_flight: u64) -> anyhow::Result<()> {
        let mut guard = self.acked.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = self.acked();
        while self.sent.saturating_sub(self.acked()) > in_flight {
            if self.reader.as_ref().is_none_or(JoinHandle::is_finished) {
                bail!("the broker no longer confirms: the connection is gone");
            }
            let waited = self.acked.changed.wait_timeout(guard, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            guard = waited.0;
            if waited.1.timed_out() && self.acked() == before {
                bail!("the broker has confirmed nothing for {PATIENCE:?}");
            }
            before = self.acked();
        }
        Ok(())
    }

    /// Leaves the broker, which has confirmed everything.
    pub fn close(mut self) -> anyhow::Result<()> {
        self.stream.write_all(&[0xe0, 0])?;
        self.stream.shutdown(Shutdown::Both)?;
        match self.reader.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => bail!("the reader of confirmations panicked"),
            None => Ok(()),
        }
    }
}

fn id_of(n: u64) -> u16 {
    u16::try_from(n % IDS + 1).unwrap_or(1)
}

/// Counts PUBACKs until the connection ends.
fn read(mut stream: TcpStream, acked: &Acked) -> anyhow::Result<()> {
    let mut buffer = vec![0_u8; 64 << 10];
    let mut held = 0;
    let mut count = 0;
    loop {
        let room = buffer.get_mut(held..).unwrap_or_default();
        let got = match stream.read(room) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(got) => held + got,
        };
        let whole = got - got % 4;
        for packet in buffer.get(..whole).unwrap_or_default().chunks_exact(4) {
            let [a, b] = id_of(count).to_be_bytes();
            ensure!(packet == [0x40, 2, a, b], "confirmation out of turn: {packet:?}");
            count += 1;
        }
        buffer.copy_within(whole..got, 0);
        held = got - whole;
        acked.count.store(count, Ordering::Release);
        drop(acked.lock.lock().unwrap_or_else(PoisonError::into_inner));
        acked.changed.notify_all();
    }
}
