//! The console over a real socket: a stop with readers connected, and a reader that takes nothing. I/O: loopback.

use super::{Console, alarm, change, tell};
use crate::console::guard::Hosts;
use crate::console::serve;
use alerting::alarm::AlarmState::Unacknowledged;
use rules::reading::Severity;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a free port, the way to stop it, and its end.
async fn served(console: &Console) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let mut leans = console.leans.clone();
    leans.hosts = Hosts::new(address.port(), &[]);
    let server = serve(listener, leans, async move { stopped.await.unwrap() });
    (address, stop, tokio::spawn(server))
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Reads until `wanted` has come.
async fn read_until(socket: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let mut piece = vec![0; 64 << 10];
        let n = socket.read(&mut piece).await.unwrap();
        assert!(n > 0, "ended before {wanted}: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..n]));
    }
    text
}

#[tokio::test]
async fn a_stop_ends_streams_and_idle_connections_and_returns() {
    let console = Console::running();
    let (address, stop, server) = served(&console).await;
    let mut idle = ask(address, "/healthz").await;
    let head = read_until(&mut idle, "ok\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let mut stream = ask(address, "/api/v1/stream").await;
    read_until(&mut stream, "event: snapshot").await;
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_delays_nobody() {
    let console = Console::running();
    let (address, stop, server) = served(&console).await;
    let asleep = ask(address, "/api/v1/stream").await;
    let mut awake = ask(address, "/api/v1/stream").await;
    read_until(&mut awake, "event: snapshot").await;
    // Far more than the buffers of a socket and the ring together hold.
    for seq in 11..2011 {
        let burst = (0..10).map(|id| change(alarm(seq * 10 + id, Severity::Blue, Unacknowledged))).collect();
        tell(&console.hub, seq, burst);
        read_until(&mut awake, &format!("id: j-1-{seq}-9\n")).await;
    }
    drop(asleep);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}
