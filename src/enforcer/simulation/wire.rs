//! A WebSocket without bytes: what the node says is written down, and the client answers as a browser does.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use futures_util::{Sink, Stream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::hub::socket::Socket;

/// What a client was told, and when.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub told: Option<(Instant, serde_json::Value)>,
    pub closed: Option<(Instant, u16)>,
}

/// The node's end.
pub(super) struct Wire {
    from_client: mpsc::UnboundedReceiver<Option<Message>>,
    client: Client,
}

/// The client's end.
#[derive(Clone)]
pub(super) struct Client {
    to_node: mpsc::UnboundedSender<Option<Message>>,
    heard: Arc<Mutex<Heard>>,
}

impl Wire {
    pub(super) fn new() -> (Self, Client) {
        let (to_node, from_client) = mpsc::unbounded_channel();
        let client = Client { to_node, heard: Arc::default() };
        (Self { from_client, client: client.clone() }, client)
    }
}

impl Client {
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes, with a close frame.
    pub(super) fn leave(&self) {
        self.answer([Some(Message::Close(None)), None]);
    }

    /// The node may be gone.
    fn answer<const N: usize>(&self, frames: [Option<Message>; N]) {
        for frame in frames {
            let _ = self.to_node.send(frame);
        }
    }

    fn hear(&self, message: Message) {
        match message {
            Message::Text(text) => {
                let said: serde_json::Value = serde_json::from_str(&text).expect("the node speaks JSON");
                if said["type"] == "force_logout" {
                    self.heard().told.get_or_insert((Instant::now(), said));
                }
            }
            Message::Close(frame) => {
                let code = frame.map_or(0, |frame| u16::from(frame.code));
                self.heard().closed.get_or_insert((Instant::now(), code));
                self.answer([Some(Message::Close(None)), None]);
            }
            Message::Ping(_) => self.answer([Some(Message::Pong(Bytes::new()))]),
            Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

impl Stream for Wire {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(self.from_client.poll_recv(cx)).flatten();
        if frame.is_none() {
            self.from_client.close();
        }
        Poll::Ready(frame.map(Ok))
    }
}

impl Socket for Wire {}

impl Sink<Message> for Wire {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.client.hear(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}
