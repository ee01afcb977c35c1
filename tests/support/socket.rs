//! A WebSocket client that hides nothing: every frame of the server is seen by the test.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Node;
use super::patience::soon;

/// One thing that came from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Message(Value),
    /// A text frame that is not JSON.
    Text(String),
    Ping,
    Pong,
    Binary,
    /// A close frame with this code (1005: without one).
    Closed(u16),
    /// The connection ended without a close frame.
    Cut,
}

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that the server chose.
    pub protocol: Option<String>,
}

impl Socket {
    /// A request to `/ws` of a node, to be given headers.
    pub fn request(node: &Node) -> Request {
        Self::request_to(&format!("ws://{}/ws", node.address))
    }

    pub fn request_to(url: &str) -> Request {
        url.into_client_request().expect("a URL")
    }

    /// Opens a connection that has to be upgraded.
    pub async fn open(request: Request) -> Self {
        Self::try_open(request).await.unwrap_or_else(|(status, body)| panic!("refused: {status} {body}"))
    }

    /// Opens a connection; a refusal is its status and body.
    pub async fn try_open(request: Request) -> Result<Self, (u16, String)> {
        match soon("the handshake", connect_async(request)).await {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
                Ok(Self { stream, protocol })
            }
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => Err((0, error.to_string())),
        }
    }

    /// Opens a connection with `token` in the Authorization header.
    pub async fn with_token(node: &Node, token: &str) -> Self {
        Self::open(with_header(Self::request(node), "authorization", &format!("Bearer {token}"))).await
    }

    /// A connection that has been welcomed.
    pub async fn live(node: &Node, token: &str) -> Self {
        let mut socket = Self::with_token(node, token).await;
        socket.expect_welcome().await;
        socket
    }

    pub async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send_frame(Message::text(text)).await;
    }

    pub async fn send_frame(&mut self, frame: Message) {
        // A server that has already closed is found out by what is heard next.
        let _ = soon("a frame is sent", self.stream.send(frame)).await;
    }

    /// The next frame, whatever it is.
    pub async fn next_frame(&mut self) -> Heard {
        match soon("the next frame", self.stream.next()).await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                Ok(message) => Heard::Message(message),
                Err(_) => Heard::Text(text.to_string()),
            },
            Some(Ok(Message::Ping(_))) => Heard::Ping,
            Some(Ok(Message::Pong(_))) => Heard::Pong,
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => Heard::Binary,
            Some(Ok(Message::Close(frame))) => Heard::Closed(frame.map_or(1005, |frame| frame.code.into())),
            Some(Err(_)) | None => Heard::Cut,
        }
    }

    /// The next frame that is not a heartbeat.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.next_frame().await {
                Heard::Ping => {}
                heard => return heard,
            }
        }
    }

    /// The next message, which has to be of this type.
    #[track_caller]
    pub fn expect<'a>(&'a mut self, kind: &'a str) -> impl Future<Output = Value> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            match self.next().await {
                Heard::Message(message) if message["type"] == kind => message,
                other => panic!("{caller}: expected {kind}, heard {other:?}"),
            }
        }
    }

    /// The session of the welcome.
    pub async fn expect_welcome(&mut self) -> Value {
        self.expect("welcome").await["session"].take()
    }

    /// Being put out: `force_logout` for `reason`, the close frame with `code`, and not a frame between or after.
    pub async fn expect_out(&mut self, reason: &str, code: u16) -> Value {
        let told = self.expect("force_logout").await;
        assert_eq!(told["reason"], reason, "{told}");
        assert_eq!(told["reconnect"], json!(false), "{told}");
        assert!(told["message"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
        assert_eq!(self.next_frame().await, Heard::Closed(code));
        assert_eq!(self.next_frame().await, Heard::Cut, "something was said after the close");
        told
    }

    /// Being refused by name: an `error` with this code, then the close frame.
    pub async fn expect_refused(&mut self, word: &str, code: u16) {
        assert_eq!(self.expect("error").await["code"], word);
        self.expect_closed(code).await;
    }

    pub async fn expect_closed(&mut self, code: u16) {
        assert_eq!(self.next().await, Heard::Closed(code));
    }

    /// Proves that the connection is served: a bare `ping` is answered by a bare `pong`, and nothing came before.
    pub async fn assert_served(&mut self) {
        self.send_text("ping").await;
        assert_eq!(self.next().await, Heard::Text("pong".to_owned()));
    }

    /// Leaves as browsers do.
    pub async fn close(mut self) {
        let _ = soon("a close", self.stream.close(None)).await;
        while !matches!(self.next_frame().await, Heard::Closed(_) | Heard::Cut) {}
    }
}

pub fn with_header(mut request: Request, name: &'static str, value: &str) -> Request {
    request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header value"));
    request
}
