//! The accept loop: sockets in, requests out, bounded in number and time.
//!
//! axum's own has no time-out for a request's head and no bound on connections. Invariants: nothing that one client
//! does or leaves undone keeps another from being accepted; a connection counts against the bound until its socket
//! is closed, also after it became a WebSocket; a client that does not read its answer is cut; after shutdown no
//! request is begun, and those in flight are waited for at most `drain`.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

pub(super) use self::socket::BoundedSocket;
use self::stop::Stop;
use super::client_address::Peer;

mod socket;
mod stop;

/// How long to wait after an accept that failed for want of descriptors: until some connection has closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest request head, in bytes. Tokens, cookies and a long user agent fit many times.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// What a server allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a request's head, and for the next one on a kept connection.
    pub header_timeout: Duration,
    /// Sockets at a time, WebSockets among them.
    pub max_connections: usize,
    /// How long requests in flight are waited for after shutdown.
    pub drain: Duration,
}

/// Serves until `shutdown`, and then until the requests in flight are answered, at most `drain`. WebSockets are not
/// waited for: telling them is the hub's.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, shutdown: CancellationToken) {
    let server = Server {
        router,
        limits,
        permits: Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS))),
        tasks: TaskTracker::new(),
        shutdown,
        stop: Arc::default(),
        cut: CancellationToken::new(),
    };
    while let Some((socket, peer, permit)) = server.accept(&listener).await {
        server.tasks.spawn(server.connection(socket, peer, permit));
    }
    drop(listener);
    server.stop.give();
    server.tasks.close();
    if tokio::time::timeout(limits.drain, server.tasks.wait()).await.is_err() {
        tracing::warn!(left = server.tasks.len(), "requests were still in flight and are cut");
        server.cut.cancel();
        server.tasks.wait().await;
    }
}

struct Server {
    router: Router,
    limits: Limits,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// After the shutdown: to each connection.
    stop: Arc<Stop>,
    /// Ends what did not end by itself.
    cut: CancellationToken,
}

impl Server {
    /// The next socket; none after shutdown.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        loop {
            let next = async {
                // At the bound clients wait in the system's own queue.
                let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
                Some((listener.accept().await, permit))
            };
            let (accepted, permit) = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                next = next => next?,
            };
            match accepted {
                Ok((socket, peer)) => return Some((socket, peer, permit)),
                // The client was gone before it was accepted.
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted now");
                    tokio::select! {
                        () = self.shutdown.cancelled() => return None,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }

    /// The life of one connection until it is closed or becomes a WebSocket.
    fn connection(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + use<> {
        let router = self.router.clone();
        let (limits, stop, cut) = (self.limits, Arc::clone(&self.stop), self.cut.clone());
        async move {
            // Answers are small and wanted now; a failure only makes them later.
            let _ = socket.set_nodelay(true);
            let service = router.map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                request.map(axum::body::Body::new)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header_timeout)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(
                    TokioIo::new(BoundedSocket::new(socket, permit)),
                    TowerToHyperService::new(service),
                )
                .with_upgrades();
            let mut connection = pin!(connection);
            let outcome = match stop.before(connection.as_mut()).await {
                Some(outcome) => outcome,
                None => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        outcome = connection.as_mut() => outcome,
                        () = cut.cancelled() => return,
                    }
                }
            };
            if let Err(error) = outcome {
                // Clients that go away, send half a head or no HTTP at all: everyday, and theirs.
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests;
