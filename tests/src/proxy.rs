//! A TCP proxy on the loopback that a test can cut, freeze or close: a network with a bad day. I/O.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Dropped, it refuses everything and cuts what there is.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
}

#[derive(Clone, Copy, Debug)]
struct Weather {
    /// Connections made under an older number are cut.
    epoch: u64,
    /// New connections are closed at once.
    closed: bool,
    /// Bytes are read, and go no further.
    frozen: bool,
}

impl Proxy {
    /// Forwards to `target` on the loopback.
    pub async fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (weather, seen) = watch::channel(Weather { epoch: 0, closed: false, frozen: false });
        tokio::spawn(accept(listener, target, seen));
        Proxy { port, weather }
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection; new ones are let through.
    pub fn cut(&self) {
        self.weather.send_modify(|w| w.epoch += 1);
    }

    /// Ends every connection and lets none through until `open`.
    pub fn close(&self) {
        self.weather.send_modify(|w| {
            w.epoch += 1;
            w.closed = true;
        });
    }

    pub fn open(&self) {
        self.weather.send_modify(|w| w.closed = false);
    }

    /// Connections stay, but nothing arrives any more, on either side.
    pub fn freeze(&self) {
        self.weather.send_modify(|w| w.frozen = true);
    }

    pub fn thaw(&self) {
        self.weather.send_modify(|w| w.frozen = false);
    }
}

async fn accept(listener: TcpListener, target: u16, weather: watch::Receiver<Weather>) {
    let mut gone = weather.clone();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            // Ends with its handle.
            _ = gone.wait_for(|_| false) => return,
        };
        if !weather.borrow().closed {
            tokio::spawn(forward(stream, target, weather.clone()));
        }
    }
}

async fn forward(client: TcpStream, target: u16, weather: watch::Receiver<Weather>) {
    let address = SocketAddr::from(([127, 0, 0, 1], target));
    let Ok(Ok(server)) = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(address)).await else {
        return;
    };
    let epoch = weather.borrow().epoch;
    let mut cut = weather.clone();
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::select! {
        () = pump(client_in, server_out, weather.clone()) => {}
        () = pump(server_in, client_out, weather) => {}
        _ = cut.wait_for(|w| w.epoch != epoch) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut buffer = vec![0u8; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if weather.wait_for(|w| !w.frozen).await.is_err() || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
