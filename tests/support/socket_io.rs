//! A server as teams write it who take Socket.IO: one account, one seat, in the memory of this process.
//!
//! As much of Engine.IO 4 and Socket.IO 4 as a client sees that speaks WebSocket alone. It knows two calls and no other.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// By user: how many logins there were. A device is out once there is a newer one than its own.
type Seats = Arc<Mutex<HashMap<String, watch::Sender<u64>>>>;

/// Ends when it is dropped.
pub struct SocketIo {
    pub address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl SocketIo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = axum::Router::new()
            .route("/api/sessions", post(login))
            .route("/socket.io/", get(open))
            .with_state(Seats::default());
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, _serving: AbortOnDropHandle::new(serving) }
    }
}

fn seat(seats: &Seats, user: &str) -> watch::Sender<u64> {
    let mut seats = seats.lock().unwrap_or_else(PoisonError::into_inner);
    seats.entry(user.to_owned()).or_default().clone()
}

async fn login(State(seats): State<Seats>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let user = body["user_id"].as_str().expect("a user");
    let seat = seat(&seats, user);
    seat.send_modify(|logins| *logins += 1);
    let token = format!("{user} {}", *seat.borrow());
    (StatusCode::CREATED, Json(json!({"token": token, "session": {"id": token}})))
}

async fn open(State(seats): State<Seats>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        // A client that is gone needs no more words.
        let _ = serve(seats, socket).await;
    })
}

async fn serve(seats: Seats, mut socket: WebSocket) -> Option<()> {
    let opened = json!({"sid": "s", "upgrades": [], "pingInterval": 25000, "pingTimeout": 20000});
    say(&mut socket, format!("0{opened}")).await?;
    let Message::Text(hello) = socket.recv().await?.ok()? else { return None };
    let shown: Value = serde_json::from_str(hello.strip_prefix("40")?).ok()?;
    let (user, login) = shown["token"].as_str()?.split_once(' ')?;
    let login: u64 = login.parse().ok()?;
    // A heartbeat at once, and the namespace only for who answers it.
    say(&mut socket, "2".to_owned()).await?;
    let Message::Text(pong) = socket.recv().await?.ok()? else { return None };
    (pong.as_str() == "3").then_some(())?;
    say(&mut socket, format!("40{}", json!({"sid": "n"}))).await?;
    let mut newest = seat(&seats, user).subscribe();
    tokio::select! {
        newer = newest.wait_for(|newest| *newest > login) => newer.is_ok().then_some(())?,
        _ = socket.recv() => return None,
    }
    say(&mut socket, format!("42{}", json!(["force_logout", {"reason": "takeover"}]))).await?;
    say(&mut socket, "41".to_owned()).await
}

async fn say(socket: &mut WebSocket, text: String) -> Option<()> {
    socket.send(Message::text(text)).await.ok()
}
