//! The console's listener: a bound on connections, and an end for those that stand still. A reader that takes
//! nothing is cut off by its socket, so that nobody above ever waits for it. Must not know HTTP. I/O.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// More than the streams allowed, so that the API answers while all streams are taken. Others wait in the kernel.
const CONNECTIONS_MAX: usize = 512;
/// A browser that takes no byte for so long is asleep or gone; it comes back with Last-Event-ID.
const STALL_MAX: Duration = Duration::from_secs(20);
/// A connection over which nothing is asked and nothing is sent. Streams send something every 15 s.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// Out of file descriptors: look again a little later instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A listening socket with a bound.
pub struct Door {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Door {
    pub fn new(listener: TcpListener) -> Door {
        Door { listener, room: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

impl Listener for Door {
    type Io = Watched<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Watched<TcpStream>, SocketAddr) {
        loop {
            // The semaphore is never closed; should it be, there is no room to count and the bound is off.
            let permit = Arc::clone(&self.room).acquire_owned().await.ok();
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Events are small and urgent. A socket that refuses is only slower.
                    drop(stream.set_nodelay(true));
                    return (Watched::new(stream, permit), address);
                }
                Err(e) => {
                    tracing::warn!(error = %e, "could not accept an HTTP connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails by itself when it stands still.
pub struct Watched<S> {
    stream: S,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs while nothing is read; when it ends, `sent` tells whether anything was written meanwhile.
    idle: Option<Pin<Box<Sleep>>>,
    sent: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<S> Watched<S> {
    pub fn new(stream: S, permit: Option<OwnedSemaphorePermit>) -> Watched<S> {
        Watched { stream, stalled: None, idle: None, sent: false, _permit: permit }
    }

    /// Passes on what the stream said; while it says "wait", an alarm clock runs.
    fn written<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_pending() {
            return rings(&mut self.stalled, STALL_MAX, cx);
        }
        self.stalled = None;
        self.sent = true;
        poll
    }
}

/// Starts the clock if it does not run yet; an error when it has run out.
fn rings<T>(clock: &mut Option<Pin<Box<Sleep>>>, after: Duration, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
    let running = clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
    match running.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        Poll::Pending => Poll::Pending,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => match rings(&mut self.idle, IDLE_MAX, cx) {
                Poll::Ready(_) if self.sent => {
                    self.sent = false;
                    self.idle = None;
                    rings(&mut self.idle, IDLE_MAX, cx)
                }
                other => other,
            },
            done => {
                self.idle = None;
                done
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(poll, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(poll, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        match poll {
            // Nothing to flush is no sign of life.
            Poll::Ready(Ok(())) => poll,
            other => self.written(other, cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_cut_off() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours = Watched::new(ours, None);
        let writing = tokio::spawn(async move { ours.write_all(&[7; 1000]).await });
        let mut some = [0; 100];
        theirs.read_exact(&mut some).await.unwrap();
        // From here on the reader stands still; paused time runs as soon as everybody waits.
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends_but_one_that_is_written_to_does_not() {
        let (ours, _theirs) = tokio::io::duplex(1 << 20);
        let (mut reading, mut writing) = tokio::io::split(Watched::new(ours, None));
        let beats = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(IDLE_MAX / 3).await;
                writing.write_all(b":\n\n").await.unwrap();
            }
        });
        let mut byte = [0];
        let mut read = std::pin::pin!(reading.read(&mut byte));
        tokio::select! {
            biased;
            done = beats => done.unwrap(),
            ended = &mut read => panic!("ended while alive: {ended:?}"),
        }
        assert_eq!(read.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
