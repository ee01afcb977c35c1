//! The server's side of the handshake (RFC 6455, 4.2), and the socket that it leads to.
//!
//! axum has both. There the socket stays in the box in which hyper hands it over, within two readers: two hundred bytes
//! of each idle connection. Here it is taken out again. Refuses to know who asks, and what is said afterwards.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::http::App;
use crate::http::problem::Problem;
use crate::http::server::BoundedSocket;
use crate::protocol::{MAX_MESSAGE_BYTES, SUBPROTOCOL};

/// The only version that there is.
const VERSION: HeaderValue = HeaderValue::from_static("13");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Held by each connection for as long as it lives, and enough for what clients say; it grows for longer
/// messages. tungstenite's own choice would be 128 KiB.
const READ_BUFFER_BYTES: usize = 128;
/// What may wait for the next frame to be written with it: a last message waits for the close. Nothing is allocated for it.
const WRITE_BUFFER_BYTES: usize = 2 * 1024;
/// The longest message through it has some hundred bytes, and each write waits for the one before.
const MAX_WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// As it lies on the socket that the accept loop has taken.
pub(super) type WebSocket = WebSocketStream<BoundedSocket<TcpStream>>;

/// A request that asks for a WebSocket.
pub(super) struct Handshake {
    key: HeaderValue,
    upgrade: OnUpgrade,
}

impl FromRequestParts<App> for Handshake {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Response> {
        let headers = &parts.headers;
        let asks = parts.method == Method::GET
            && words(headers, &header::CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade"))
            && words(headers, &header::UPGRADE).any(|word| word.eq_ignore_ascii_case("websocket"))
            && headers.get(header::SEC_WEBSOCKET_VERSION) == Some(&VERSION);
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks).cloned();
        let upgrade = parts.extensions.remove();
        key.zip(upgrade).map(|(key, upgrade)| Self { key, upgrade }).ok_or_else(upgrade_required)
    }
}

impl Handshake {
    /// The answer that turns the connection into a WebSocket.
    pub(super) fn response(&self, headers: &HeaderMap) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let accept = HeaderValue::try_from(derive_accept_key(self.key.as_bytes()));
        let subprotocol = subprotocols(headers)
            .any(|offered| offered == SUBPROTOCOL)
            .then(|| HeaderValue::from_static(SUBPROTOCOL));
        let answer = response.headers_mut();
        answer.insert(header::CONNECTION, UPGRADE);
        answer.insert(header::UPGRADE, WEBSOCKET);
        // Base64, and thus always a value.
        answer.extend(accept.ok().map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
        answer.extend(subprotocol.map(|name| (header::SEC_WEBSOCKET_PROTOCOL, name)));
        response
    }

    /// The socket, once the answer has left; none if the client went away before.
    pub(super) async fn socket(self) -> Option<Box<WebSocket>> {
        let gone = |error: &hyper::Error| tracing::debug!(%error, "a client went away in its handshake");
        let upgraded = self.upgrade.await.inspect_err(gone).ok()?;
        let Ok(parts) = upgraded.downcast::<TokioIo<BoundedSocket<TcpStream>>>() else {
            tracing::error!("a WebSocket on a socket that the accept loop did not take");
            return None;
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        // A copy: what the client has said already lies in the buffer of the whole handshake.
        let (socket, said) = (parts.io.into_inner(), parts.read_buf.to_vec());
        Some(Box::new(WebSocketStream::from_partially_read(socket, said, Role::Server, Some(config)).await))
    }
}

/// The subprotocols that a client offers.
pub(super) fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    words(headers, &header::SEC_WEBSOCKET_PROTOCOL)
}

/// What stands between the commas of all headers of that name (RFC 9110, 5.6.1).
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).into_iter();
    let words = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.filter_map(|word| str::from_utf8(word.trim_ascii()).ok())
}

/// RFC 9110, 15.5.22 wants to be told which protocol; RFC 6455, 4.4 which version of it.
fn upgrade_required() -> Response {
    let mut response = Problem::UpgradeRequired.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, WEBSOCKET);
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    response
}
