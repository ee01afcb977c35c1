//! One device with its WebSocket: it comes back wherever it is cut off, and leaves when it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

use super::history::{Heard, SocketLife, Tombstone};
use super::scribe::Scribe;

/// A handshake and a welcome may wait for a store that is away.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between two attempts; the SDK would wait longer.
const BACKOFF: Duration = Duration::from_millis(150);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a device needs to come back.
#[derive(Clone)]
pub struct Ticket {
    pub session: String,
    pub token: String,
}

/// Keeps a socket of the session open, first at `nodes[first]`, until it is told that it is out, or leaves.
pub async fn stay(
    ticket: Ticket,
    nodes: Vec<SocketAddr>,
    first: usize,
    scribe: Scribe,
    leave: CancellationToken,
) {
    for turn in first.. {
        let socket = scribe.open_socket(&ticket.session);
        let visit = visit(&ticket, nodes[turn % nodes.len()], &scribe, socket);
        let comes_back = leave.run_until_cancelled(visit).await;
        match comes_back {
            Some(true) => {}
            Some(false) => return,
            None => {
                scribe.hear(socket, Heard::Left);
                return;
            }
        }
        if leave.run_until_cancelled(sleep(BACKOFF)).await.is_none() {
            return;
        }
    }
}

/// One connection from its handshake to its end; whether the device comes back.
async fn visit(ticket: &Ticket, node: SocketAddr, scribe: &Scribe, socket: usize) -> bool {
    let mut stream = match timeout(HANDSHAKE, connect(ticket, node)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(status)) => {
            scribe.hear(socket, Heard::Refused(status));
            return true;
        }
        Err(_) => {
            scribe.hear(socket, Heard::Refused(0));
            return true;
        }
    };
    let mut welcomed = false;
    loop {
        let heard = if welcomed {
            next(&mut stream).await
        } else {
            timeout(HANDSHAKE, next(&mut stream)).await.unwrap_or(Some(Heard::Cut))
        };
        let Some(heard) = heard else { continue };
        scribe.hear(socket, heard.clone());
        match heard {
            Heard::Welcome { .. } => welcomed = true,
            // 1012, 1013, 4408: the contract says to come back.
            Heard::Closed(1012 | 1013 | 4408) => return true,
            Heard::Closed(_) => return false,
            // A node that dies after it has said that the session is over can't close.
            Heard::Cut => return !scribe.is_out(socket),
            _ => {}
        }
    }
}

/// Whether a node takes a socket of the session.
pub async fn is_welcomed(ticket: &Ticket, node: SocketAddr) -> bool {
    let welcome = async {
        let mut stream = connect(ticket, node).await.ok()?;
        next(&mut stream).await
    };
    matches!(timeout(HANDSHAKE, welcome).await, Ok(Some(Heard::Welcome { .. })))
}

async fn connect(ticket: &Ticket, node: SocketAddr) -> Result<Stream, u16> {
    let mut request = format!("ws://{node}/ws").into_client_request().map_err(|_| 0_u16)?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", ticket.token)).map_err(|_| 0_u16)?;
    request.headers_mut().insert("authorization", bearer);
    match connect_async(request).await {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(_) => Err(0),
    }
}

/// The next thing that says something; `None` for a heartbeat.
async fn next(stream: &mut Stream) -> Option<Heard> {
    match stream.next().await {
        Some(Ok(Message::Text(text))) => Some(read(&text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
        Some(Ok(Message::Close(frame))) => {
            // Sends the answer that the other side waits for.
            let _ = stream.flush().await;
            Some(Heard::Closed(frame.map_or(1005, |frame| frame.code.into())))
        }
        Some(Ok(other)) => Some(Heard::Odd(format!("{other:?}"))),
        Some(Err(_)) | None => Some(Heard::Cut),
    }
}

fn read(text: &str) -> Heard {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match message["type"].as_str() {
        Some("welcome") => {
            let session = &message["session"];
            Heard::Welcome { id: field(&session["id"]), user: field(&session["user_id"]) }
        }
        Some("force_logout") => Heard::Out(tombstone(&message)),
        Some("restarting") => Heard::Restarting,
        Some("error") => Heard::Error(field(&message["code"])),
        _ => Heard::Odd(text.to_owned()),
    }
}

/// Why and by whom, wherever it is told.
pub fn tombstone(told: &Value) -> Tombstone {
    Tombstone {
        reason: told["reason"].as_str().unwrap_or_default().to_owned(),
        by: told["by"]["session_id"].as_str().map(str::to_owned),
    }
}

impl SocketLife {
    pub fn new(session: &str, opened: u64) -> Self {
        Self { session: session.to_owned(), opened, heard: Vec::new() }
    }
}
