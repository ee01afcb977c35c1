//! A device: the WebSocket of a session, of Hotseat or of what it is compared with.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::header::{self, HeaderValue};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::engine_io::{self, Packet};
use super::fault::Fault;
use super::run::Run;
use crate::cli::bench::Peer;
use crate::commands::client::{Place, Wire};

/// From the TCP connection to the welcome, as the SDK has it.
const WELCOMED_WITHIN: Duration = Duration::from_secs(15);
/// From the login to the older device's `force_logout`, and from there to its close.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// A server that was answered closes the connection.
const ENDED_WITHIN: Duration = Duration::from_secs(2);
/// A device gets short messages, and there are thousands of devices in this process.
const BUFFER_BYTES: usize = 1024;
const TAKEN_OVER: u16 = 4409;

pub(super) struct Device {
    stream: WebSocketStream<Wire>,
    peer: Peer,
}

/// What matters of what a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Welcome,
    /// `force_logout` for this reason, read at this time. Peers may give none.
    Out(Option<String>, Instant),
    /// `error` with this code.
    Refused(String),
    /// With this code, if it has one.
    Closed(Option<u16>),
    /// The connection is gone.
    Cut,
    Nothing,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
}

impl Device {
    /// Connects as the session of `token` and waits until it is welcome.
    pub async fn connect(run: &Run, node: usize, token: &str, from: Option<IpAddr>) -> Result<Self, Fault> {
        let mut device = Self::open(run, run.node(node), token, from).await?;
        let welcomed = timeout(WELCOMED_WITHIN, device.welcomed(token)).await;
        welcomed.map_err(|_| Fault::TooLong)??;
        Ok(device)
    }

    async fn open(run: &Run, place: &Place, token: &str, from: Option<IpAddr>) -> Result<Self, Fault> {
        let request = request(place, run.peer, token)?;
        let wire = place.connect(from).await.map_err(|_| Fault::Unreachable)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(16 * BUFFER_BYTES);
        let opened = timeout(WELCOMED_WITHIN, client_async_with_config(request, wire, Some(config))).await;
        use tokio_tungstenite::tungstenite::Error;
        match opened.map_err(|_| Fault::TooLong)? {
            Ok((stream, _)) => Ok(Self { stream, peer: run.peer }),
            Err(Error::Http(answer)) => Err(Fault::Status(answer.status().as_u16())),
            Err(_) => Err(Fault::Cut),
        }
    }

    async fn welcomed(&mut self, token: &str) -> Result<(), Fault> {
        loop {
            match self.hear(Some(token)).await {
                Heard::Welcome => return Ok(()),
                Heard::Nothing => {}
                // A token of a live session that is refused is a login that was lost.
                Heard::Out(..) => return Err(Fault::LoginLost),
                Heard::Refused(code) if code == "invalid-token" => return Err(Fault::LoginLost),
                Heard::Refused(_) | Heard::Closed(_) => return Err(Fault::NotWelcomed),
                Heard::Cut => return Err(Fault::Cut),
            }
        }
    }

    /// When it was told to leave for a newer login; its socket is closed by then.
    pub async fn taken_over(&mut self) -> Result<Instant, Fault> {
        let mut told = None;
        let watching = async {
            loop {
                match self.hear(None).await {
                    Heard::Out(reason, at) if reason.as_deref().is_none_or(|reason| reason == "takeover") => {
                        told = Some(at);
                    }
                    Heard::Out(..) => return Err(Fault::WrongReason),
                    Heard::Closed(code) if self.peer == Peer::SocketIo || code == Some(TAKEN_OVER) => {
                        return Ok(());
                    }
                    Heard::Closed(_) => return Err(Fault::WrongCode),
                    Heard::Cut => return Err(Fault::Cut),
                    Heard::Welcome | Heard::Refused(_) | Heard::Nothing => {}
                }
            }
        };
        let watched = timeout(TOLD_WITHIN, watching).await;
        let told = told.ok_or(Fault::NotTold);
        match watched {
            Ok(closed) => closed.and(told),
            Err(_) => told.and(Err(Fault::NotClosed)),
        }
    }

    /// Idles until it is put out, closed or cut.
    pub async fn idle(&mut self) -> Heard {
        loop {
            match self.hear(None).await {
                Heard::Nothing | Heard::Welcome => {}
                heard => return heard,
            }
        }
    }

    /// Leaves, or answers the close that it got, and waits until the server has closed the connection, so that the
    /// port is free again at once.
    pub async fn end(mut self) {
        let ending = async {
            if self.peer == Peer::SocketIo {
                let _ = self.stream.send(Message::text(engine_io::DISCONNECT)).await;
            }
            let _ = self.stream.close(None).await;
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        // Whoever does not close in time is left.
        let _ = timeout(ENDED_WITHIN, ending).await;
    }

    /// The next thing that the server says. `token` is for who has not shown it yet.
    async fn hear(&mut self, token: Option<&str>) -> Heard {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) if self.peer == Peer::Hotseat => understand(&text, Instant::now()),
            Some(Ok(Message::Text(text))) => {
                let at = Instant::now();
                let packet = engine_io::parse(&text);
                let answer = match (&packet, token) {
                    (Packet::Ping, _) => Message::text(engine_io::PONG),
                    (Packet::Open, Some(token)) => Message::text(engine_io::connect(token)),
                    _ => return translate(packet, at),
                };
                // A server that is gone is found out by what is heard next.
                let _ = self.stream.send(answer).await;
                Heard::Nothing
            }
            Some(Ok(Message::Close(frame))) => Heard::Closed(frame.map(|frame| frame.code.into())),
            // Pings of the protocol are answered by the library.
            Some(Ok(_)) => Heard::Nothing,
            Some(Err(_)) | None => Heard::Cut,
        }
    }
}

fn request(place: &Place, peer: Peer, token: &str) -> Result<Request, Fault> {
    let path = match peer {
        Peer::Hotseat => "/ws",
        Peer::SocketIo => engine_io::PATH,
    };
    let scheme = if place.base.scheme_str() == Some("https") { "wss" } else { "ws" };
    let uri: Uri = format!("{scheme}://{}{}", place.authority(), place.path(path))
        .parse()
        .map_err(|_| Fault::Strange)?;
    let mut request = uri.into_client_request().map_err(|_| Fault::Strange)?;
    if peer == Peer::Hotseat {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Fault::Strange)?;
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    Ok(request)
}

fn understand(text: &str, at: Instant) -> Heard {
    let Ok(said) = serde_json::from_str::<Said<'_>>(text) else { return Heard::Nothing };
    match said.kind.as_deref() {
        Some("welcome") => Heard::Welcome,
        Some("force_logout") => Heard::Out(said.reason.map(Cow::into_owned), at),
        Some("error") => Heard::Refused(said.code.map(Cow::into_owned).unwrap_or_default()),
        _ => Heard::Nothing,
    }
}

fn translate(packet: Packet<'_>, at: Instant) -> Heard {
    match packet {
        Packet::Connected => Heard::Welcome,
        Packet::Refused => Heard::Refused(String::new()),
        Packet::Over => Heard::Closed(None),
        Packet::Event(name, argument) if name == "force_logout" => {
            let said = argument.and_then(|json| serde_json::from_str::<Said<'_>>(json).ok());
            Heard::Out(said.and_then(|said| said.reason).map(Cow::into_owned), at)
        }
        Packet::Open | Packet::Ping | Packet::Event(..) | Packet::Other => Heard::Nothing,
    }
}
