//! `GET /ws`: from the handshake to the last goodbye of one WebSocket.
//!
//! Owns: the handshake, who it speaks for (`claim`), and what the two sides of a connection, enforcer and
//! socket, have to hear of each other (`visit`). Refuses to judge sessions (the enforcer's) and frames (the
//! hub's). Invariants: a connection that was attached is detached exactly once, whatever happens to its task;
//! sockets that have yet to say who they are can't pile up.
//!
//! A browser can't read why a handshake was refused. So only what no page of ours meets is refused before the
//! upgrade (a foreign page, a node that is full or going away, plain HTTP); everything else is upgraded, told
//! and closed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use super::App;
use super::problem::Problem;

mod claim;
mod handshake;
#[cfg(test)]
mod tests;
mod visit;

use claim::Claim;
use handshake::Handshake;

/// How many sockets may at one time have yet to say who they are, for at most 5 s each.
const MAX_STRANGERS: usize = 1000;

pub(crate) fn routes() -> Router<App> {
    routes_with(Arc::new(Semaphore::new(MAX_STRANGERS)))
}

/// The route, with its places for sockets that have yet to say who they are.
fn routes_with(strangers: Arc<Semaphore>) -> Router<App> {
    let connect = async move |State(app): State<App>, headers: HeaderMap, handshake: Handshake| {
        accept(app, &headers, handshake, strangers).unwrap_or_else(IntoResponse::into_response)
    };
    Router::new().route("/ws", get(connect))
}

fn accept(
    app: App,
    headers: &HeaderMap,
    handshake: Handshake,
    strangers: Arc<Semaphore>,
) -> Result<Response, Problem> {
    let claim = Claim::read(&app, headers, handshake::subprotocols(headers))?;
    if app.enforcer.is_draining() {
        return Err(Problem::NotReady("this node is going away; another one serves".to_owned()));
    }
    let stranger = match claim {
        Claim::ToCome => Some(strangers.try_acquire_owned().map_err(|_| Problem::Overloaded)?),
        Claim::Token(_) | Claim::Malformed => None,
    };
    let response = handshake.response(headers);
    tokio::spawn(visit::run(Box::pin(async move {
        let socket = handshake.socket().await?;
        visit::admit(app, claim, stranger, socket).await
    })));
    Ok(response)
}
