//! What the tests of the hub share: evictions that count, and a WebSocket over a pipe in memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::Error;
use axum::extract::ws::{self, Message};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};

use super::{Command, Eviction};
use crate::domain::{NodeId, Partition, Reason, SessionId, Timestamp, Tombstone, UserId};
use crate::protocol::MAX_MESSAGE_BYTES;

pub(crate) const NODE: NodeId = NodeId::from_bytes([7; 8]);

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse("user_id", name).unwrap()
}

pub(crate) fn session(number: u8) -> SessionId {
    SessionId::new(Partition::of(&user("user1")), Timestamp::from_millis(1), [number; 8])
}

/// How often an eviction called back.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<[AtomicUsize; 2]>);

impl Told {
    pub(crate) fn written(&self) -> usize {
        self.0[0].load(Ordering::SeqCst)
    }

    pub(crate) fn delivered(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }
}

pub(crate) fn eviction(told: &Told) -> Arc<Eviction> {
    eviction_for(told, Reason::Takeover)
}

pub(crate) fn eviction_for(told: &Told, reason: Reason) -> Arc<Eviction> {
    let (written, delivered) = (told.clone(), told.clone());
    Arc::new(Eviction {
        end: Tombstone { reason, at: Timestamp::from_millis(1), by: None },
        on_written: Some(Box::new(move || {
            written.0[0].fetch_add(1, Ordering::SeqCst);
        })),
        on_delivered: Some(Box::new(move || {
            delivered.0[1].fetch_add(1, Ordering::SeqCst);
        })),
    })
}

pub(crate) fn notice(text: &str) -> Command {
    Command::Notice { level: "info".into(), text: text.into() }
}

/// Both ends of a WebSocket whose pipe holds `capacity` bytes each way.
pub(crate) fn pipe(capacity: usize) -> (ServerEnd, ClientEnd) {
    let (server, client) = duplex(capacity);
    let config = WebSocketConfig::default()
        .read_buffer_size(512)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    (
        ServerEnd(end(server, Role::Server, config)),
        ClientEnd(end(client, Role::Client, WebSocketConfig::default())),
    )
}

fn end(stream: DuplexStream, role: Role, config: WebSocketConfig) -> WebSocketStream<DuplexStream> {
    // Async only in name: there is no handshake to wait for.
    WebSocketStream::from_raw_socket(stream, role, Some(config)).now_or_never().unwrap()
}

/// Stands for axum's WebSocket, which can't be made without an HTTP server.
pub(crate) struct ServerEnd(WebSocketStream<DuplexStream>);

impl Stream for ServerEnd {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx).map(|item| item.map(|frame| frame.map(to_axum).map_err(Error::new)))
    }
}

impl Sink<Message> for ServerEnd {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready_unpin(cx).map_err(Error::new)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.0.start_send_unpin(from_axum(message)).map_err(Error::new)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush_unpin(cx).map_err(Error::new)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_close_unpin(cx).map_err(Error::new)
    }
}

fn to_axum(message: WsMessage) -> Message {
    match message {
        WsMessage::Text(text) => Message::text(text.as_str()),
        WsMessage::Binary(bytes) => Message::Binary(bytes),
        WsMessage::Ping(bytes) => Message::Ping(bytes),
        WsMessage::Pong(bytes) => Message::Pong(bytes),
        WsMessage::Close(frame) => {
            Message::Close(frame.map(|frame| ws::CloseFrame {
                code: frame.code.into(),
                reason: frame.reason.as_str().into(),
            }))
        }
        WsMessage::Frame(_) => unreachable!("never read"),
    }
}

fn from_axum(message: Message) -> WsMessage {
    match message {
        Message::Text(text) => WsMessage::text(text.as_str()),
        Message::Binary(bytes) => WsMessage::Binary(bytes),
        Message::Ping(bytes) => WsMessage::Ping(bytes),
        Message::Pong(bytes) => WsMessage::Pong(bytes),
        Message::Close(frame) => WsMessage::Close(
            frame.map(|frame| CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() }),
        ),
    }
}

/// A client. It answers pings and closes only while it is read, as a browser that hangs does not.
pub(crate) struct ClientEnd(pub(crate) WebSocketStream<DuplexStream>);

impl ClientEnd {
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(WsMessage::text(text)).await;
    }

    pub(crate) async fn send_frame(&mut self, frame: WsMessage) {
        self.0.send(frame).await.unwrap();
    }

    /// Everything that comes until the end: texts as they are, pings and pongs as words, the close code last.
    pub(crate) async fn read_to_end(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(frame) = self.0.next().await {
            seen.push(match frame {
                Ok(WsMessage::Text(text)) => text.to_string(),
                Ok(WsMessage::Ping(_)) => "<ping>".to_owned(),
                Ok(WsMessage::Pong(_)) => "<pong>".to_owned(),
                Ok(WsMessage::Close(Some(frame))) => format!("<close {}>", u16::from(frame.code)),
                Ok(other) => format!("<{other:?}>"),
                Err(tungstenite::Error::Protocol(_)) => "<cut>".to_owned(),
                Err(error) => format!("<{error}>"),
            });
        }
        seen
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            if let WsMessage::Text(text) = self.0.next().await.unwrap().unwrap() {
                return text.to_string();
            }
        }
    }
}
