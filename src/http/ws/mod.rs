//! `GET /ws`: from the handshake to the last goodbye of one WebSocket.
//!
//! Owns: who a handshake speaks for (`claim`), the upgrade, and what the two sides of a connection, enforcer and
//! socket, have to hear of each other (`visit`). Refuses to judge sessions (the enforcer's) and frames (the
//! hub's). Invariants: a connection that was attached is detached exactly once, whatever happens to its task;
//! sockets that have yet to say who they are can't pile up.
//!
//! A browser can't read why a handshake was refused. So only what no page of ours meets is refused before the
//! upgrade (a foreign page, a node that is full or going away, plain HTTP); everything else is upgraded, told
//! and closed.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use super::App;
use super::problem::Problem;
use crate::protocol::{MAX_MESSAGE_BYTES, SUBPROTOCOL};

mod claim;
#[cfg(test)]
mod tests;
mod visit;

use claim::Claim;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// How many sockets may at one time have yet to say who they are, for at most 5 s each.
const MAX_STRANGERS: usize = 1000;
/// Held by each connection for as long as it lives, and enough for what clients say; it grows for longer
/// messages. tungstenite's own choice would be 128 KiB.
const READ_BUFFER_BYTES: usize = 256;
/// The welcome is the longest message: 4 KiB of data, 16 roles of 64 characters, and a device. Each write waits
/// for the one before, so one is all that there is to hold.
const MAX_WRITE_BUFFER_BYTES: usize = 64 * 1024;

pub(crate) fn routes() -> Router<App> {
    routes_with(Arc::new(Semaphore::new(MAX_STRANGERS)))
}

/// The route, with its places for sockets that have yet to say who they are.
fn routes_with(strangers: Arc<Semaphore>) -> Router<App> {
    let connect = async move |State(app): State<App>, headers: HeaderMap, upgrade: Upgrade| match upgrade {
        Ok(upgrade) => accept(app, &headers, upgrade, strangers).unwrap_or_else(IntoResponse::into_response),
        Err(_) => upgrade_required(),
    };
    Router::new().route("/ws", get(connect))
}

fn accept(
    app: App,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
    strangers: Arc<Semaphore>,
) -> Result<Response, Problem> {
    let claim = Claim::read(&app, headers, upgrade.requested_protocols())?;
    if app.enforcer.is_draining() {
        return Err(Problem::NotReady("this node is going away; another one serves".to_owned()));
    }
    let stranger = match claim {
        Claim::ToCome => Some(strangers.try_acquire_owned().map_err(|_| Problem::Overloaded)?),
        Claim::Token(_) | Claim::Malformed => None,
    };
    Ok(upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| {
            // In a task of its own, for the one of the upgrade keeps the state of the handshake while it runs; and
            // boxed, for a future has room for its arguments twice. Both count by the idle connection.
            tokio::spawn(visit::run(app, claim, stranger, Box::new(socket)));
            ready(())
        }))
}

/// RFC 9110, 15.5.22 wants to be told which protocol; RFC 6455, 4.4 which version of it.
fn upgrade_required() -> Response {
    let mut response = Problem::UpgradeRequired.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}
