//! A connection for requests, kept open: one of each worker's own.
//!
//! hyper's connection is driven by whoever waits for the answer and not by a task of its own, so that no answer goes
//! from one thread to another before it is seen. Invariant: after an error the connection is gone, and the next call
//! makes a new one; no call is sent twice.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};

use super::fault::Fault;
use crate::commands::client::{Place, Wire};

/// A node gives up on its store earlier.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// A line that was quiet for longer may have been closed by the server meanwhile, and is not trusted.
const QUIET: Duration = Duration::from_secs(2);
/// A page of 1,000 sessions, and all metrics, are far below it.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

type Body = Full<Bytes>;

pub(super) struct Line {
    place: Place,
    open: Option<Open>,
}

struct Open {
    sender: http1::SendRequest<Body>,
    connection: Pin<Box<http1::Connection<TokioIo<Wire>, Body>>>,
    used: Instant,
}

pub(super) struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Answer {
    /// Its body, if it has this status.
    pub fn of(self, status: u16) -> Result<Bytes, Fault> {
        if self.status == status { Ok(self.body) } else { Err(Fault::Status(self.status)) }
    }
}

impl Line {
    pub fn new(place: &Place) -> Self {
        Self { place: place.clone(), open: None }
    }

    /// Sees to it that it is open, so that the next call need not.
    pub async fn ready(&mut self) -> Result<(), Fault> {
        let is_open =
            self.open.as_ref().is_some_and(|open| !open.sender.is_closed() && open.used.elapsed() < QUIET);
        if !is_open {
            self.open = None;
            let wire = self.place.connect(None).await.map_err(|_| Fault::Unreachable)?;
            let (sender, connection) =
                http1::handshake(TokioIo::new(wire)).await.map_err(|_| Fault::Unreachable)?;
            self.open = Some(Open { sender, connection: Box::pin(connection), used: Instant::now() });
        }
        Ok(())
    }

    /// Sends a request, whose URI is what stands in the request line, and reads all of the answer.
    pub async fn call(&mut self, request: Request<Body>) -> Result<Answer, Fault> {
        self.ready().await?;
        // Taken: what fails, or is left by whoever waits, is not used again.
        let Some(mut open) = self.open.take() else { return Err(Fault::Unreachable) };
        let answer = timeout(ANSWERED_WITHIN, open.call(request)).await.map_err(|_| Fault::TooLong)??;
        open.used = Instant::now();
        self.open = Some(open);
        Ok(answer)
    }
}

impl Open {
    async fn call(&mut self, request: Request<Body>) -> Result<Answer, Fault> {
        let Self { sender, connection, .. } = self;
        let mut answer = pin!(async {
            let answer = sender.send_request(request).await.map_err(|_| Fault::Cut)?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_BODY_BYTES).collect().await;
            Ok(Answer { status, body: body.map_err(|_| Fault::Cut)?.to_bytes() })
        });
        let mut is_over = false;
        poll_fn(|cx| {
            if let Poll::Ready(done) = answer.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            // How it ended is told by the answer as well, and it must not be asked again.
            is_over = is_over || connection.as_mut().poll(cx).is_ready();
            // What it has just read may be what is waited for.
            answer.as_mut().poll(cx)
        })
        .await
    }
}
