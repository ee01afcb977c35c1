//! What the tests of the hub share: evictions that count, and a WebSocket over a pipe in memory.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};

use super::mailbox::Mailbox;
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

/// What the mailbox has just now, as its reader gets it.
pub(super) fn next(mailbox: &Mailbox) -> Option<Option<Command>> {
    poll_fn(|cx| mailbox.poll_recv(cx)).now_or_never()
}

/// Whether a heartbeat is due; once.
pub(super) fn is_due(mailbox: &Mailbox) -> bool {
    poll_fn(|cx| mailbox.poll_heartbeat(cx)).now_or_never().is_some()
}

/// Both ends of a WebSocket whose pipe holds `capacity` bytes each way.
pub(crate) fn pipe(capacity: usize) -> (WebSocketStream<DuplexStream>, ClientEnd) {
    let (server, client) = duplex(capacity);
    let config = WebSocketConfig::default()
        .read_buffer_size(512)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    (end(server, Role::Server, config), ClientEnd(end(client, Role::Client, WebSocketConfig::default())))
}

fn end(stream: DuplexStream, role: Role, config: WebSocketConfig) -> WebSocketStream<DuplexStream> {
    // Async only in name: there is no handshake to wait for.
    WebSocketStream::from_raw_socket(stream, role, Some(config)).now_or_never().unwrap()
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

    /// Everything that comes until the end: texts as they are, pongs as words, the close code last. Not the pings: when the
    /// first comes is up to chance, and to how long the machine takes.
    pub(crate) async fn read_to_end(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(frame) = self.0.next().await {
            seen.push(match frame {
                Ok(WsMessage::Text(text)) => text.to_string(),
                Ok(WsMessage::Ping(_)) => continue,
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
