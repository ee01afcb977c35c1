//! The least server of Hotseat's shape, to compare it with: a login in Redis, a message to the node of the older
//! socket, a word to that socket, its end. Four hops, on the same libraries.
//!
//! It checks nothing: no key, no token, no limits, no shape of a body beyond `user_id`. It has no state but the map of
//! its sockets, repairs no lost message, and never unsubscribes. Whatever Hotseat does beyond this is what its
//! guarantees cost.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use dashmap::DashMap;
use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::redis_client;

const SEAT_TTL_S: u32 = 3_600;
const TAKEN_OVER: u16 = 4409;
/// As long as Hotseat waits for a client that is told to go.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// Held by each connection, as large as Hotseat's.
const READ_BUFFER_BYTES: usize = 128;

/// The sockets of this node, by session.
type Sockets = Arc<DashMap<String, oneshot::Sender<()>>>;

#[derive(Clone)]
struct Node {
    commands: MultiplexedConnection,
    subscriptions: MultiplexedConnection,
    seat: Arc<redis::Script>,
    sockets: Sockets,
}

pub async fn serve(listener: TcpListener, redis: &str) -> Result<(), String> {
    let sockets = Sockets::default();
    let client = redis_client::open(&format!("{redis}?protocol=resp3")).map_err(told)?;
    let arriving = Arc::clone(&sockets);
    // Where the message is read, without another task between.
    let hear = move |push: PushInfo| {
        put_out(&push, &arriving);
        Ok::<(), Infallible>(())
    };
    let hearing = redis_client::config().set_push_sender(hear);
    let node = Node {
        commands: redis_client::connect(&client, &redis_client::config()).await.map_err(told)?,
        subscriptions: redis_client::connect(&client, &hearing).await.map_err(told)?,
        seat: Arc::new(redis::Script::new(include_str!("../seat.lua"))),
        sockets,
    };
    let app = Router::new()
        .route("/api/sessions", post(login))
        .route("/api/verify", get(verify))
        .route("/ws", get(connect))
        .with_state(node);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await.map_err(told)
}

#[derive(serde::Deserialize)]
struct Login {
    user_id: String,
}

/// A token is the user and the session, so that nobody has to be asked who it is.
async fn login(
    State(mut node): State<Node>,
    Json(login): Json<Login>,
) -> Result<(StatusCode, Json<serde_json::Value>), StatusCode> {
    let (user, session) = (login.user_id, format!("{:032x}", rand::random::<u128>()));
    let mut call = node.seat.key(format!("seat:{user}"));
    call.arg(&session).arg(channel(&user)).arg(SEAT_TTL_S);
    call.invoke_async::<Option<String>>(&mut node.commands).await.map_err(unavailable)?;
    let answer = serde_json::json!({ "token": format!("{user}.{session}"), "session": { "id": session } });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// A handler that answers what `/api/verify` answers, and looks at nothing.
async fn verify() -> AppendHeaders<[(HeaderName, &'static str); 3]> {
    AppendHeaders([
        (HeaderName::from_static("x-hotseat-user"), "user"),
        (HeaderName::from_static("x-hotseat-session"), "01890000-0000-7000-8000-000000000000"),
        (HeaderName::from_static("x-hotseat-roles"), ""),
    ])
}

async fn connect(
    State(mut node): State<Node>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, StatusCode> {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let (user, session) = token.and_then(|token| token.rsplit_once('.')).ok_or(StatusCode::UNAUTHORIZED)?;
    let (over, is_over) = oneshot::channel();
    // In the map, then subscribed, then welcome: no message falls between.
    node.sockets.insert(session.to_owned(), over);
    node.subscriptions.subscribe(channel(user)).await.map_err(unavailable)?;
    let session = session.to_owned();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| {
        // The task of the upgrade keeps the state of the handshake while it runs.
        tokio::spawn(Box::pin(async move {
            let _ = attend(socket, is_over).await;
            node.sockets.remove(&session);
        }));
        std::future::ready(())
    }))
}

async fn attend(mut socket: WebSocket, mut is_over: oneshot::Receiver<()>) -> Result<(), axum::Error> {
    socket.send(Message::text(r#"{"type":"welcome"}"#)).await?;
    loop {
        tokio::select! {
            _ = &mut is_over => break,
            message = socket.recv() => if message.transpose()?.is_none() { return Ok(()) },
        }
    }
    socket.send(Message::text(r#"{"type":"force_logout","reason":"takeover","reconnect":false}"#)).await?;
    socket.send(Message::Close(Some(CloseFrame { code: TAKEN_OVER, reason: "takeover".into() }))).await?;
    let closed = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _ = tokio::time::timeout(CLOSE_WITHIN, closed).await;
    Ok(())
}

/// Each message names the session that lost its seat.
fn put_out(push: &PushInfo, sockets: &Sockets) {
    let (PushKind::Message, [_, redis::Value::BulkString(session)]) = (&push.kind, push.data.as_slice())
    else {
        return;
    };
    if let Some((_, over)) = str::from_utf8(session).ok().and_then(|session| sockets.remove(session)) {
        let _ = over.send(());
    }
}

fn channel(user: &str) -> String {
    format!("user:{user}")
}

fn unavailable(_: redis::RedisError) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
