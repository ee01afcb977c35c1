//! A socket that is bounded by itself, whoever reads it: in number, and in how long its client may take nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

/// How long a client may take none of what is written to it. Its network may be bad; its memory of us is not to be
/// ours of it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A socket that holds its place among `max_connections` for as long as it is open, whoever reads it by then, and
/// whose writes fail when the client takes nothing for [`STALL_TIMEOUT`].
pub(in crate::http) struct BoundedSocket<S> {
    socket: S,
    /// Runs while a write waits; none as long as the client keeps up, so that an idle socket costs nothing.
    stall: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl<S> BoundedSocket<S> {
    pub(super) fn new(socket: S, permit: OwnedSemaphorePermit) -> Self {
        Self { socket, stall: None, _permit: permit }
    }

    /// Lets `written` through, or fails in its stead when nothing went through for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let deadline = || Box::pin(tokio::time::sleep_until(Instant::now() + STALL_TIMEOUT));
        ready!(self.stall.get_or_insert_with(deadline).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not watched: a TCP socket has nothing to flush, and its readiness would say nothing of the client.
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Semaphore;

    use super::*;

    async fn bounded<S>(socket: S) -> (BoundedSocket<S>, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        (BoundedSocket::new(socket, permit), permits)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut() {
        let (ours, _theirs) = tokio::io::duplex(4);
        let (mut socket, _permits) = bounded(ours).await;
        let began = Instant::now();
        let error = socket.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), STALL_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_is_not_cut_as_long_as_it_takes_something() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let (mut socket, _permits) = bounded(ours).await;
        let reading = async {
            for _ in 0..25 {
                tokio::time::sleep(STALL_TIMEOUT / 2).await;
                theirs.read_exact(&mut [0; 4]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(socket.write_all(&[0; 100]), reading);
        written.unwrap();
    }

    #[tokio::test]
    async fn the_place_is_free_when_the_socket_is_gone() {
        let (socket, permits) = bounded(tokio::io::empty()).await;
        assert_eq!(permits.available_permits(), 0);
        drop(socket);
        assert_eq!(permits.available_permits(), 1);
    }
}
