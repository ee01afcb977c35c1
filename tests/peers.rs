//! What Hotseat is compared with really does what it is said to do (`benches/peers`); `scripts/bench --smoke` looks at
//! those that are not in Rust.

#[path = "../benches/peers/pipeline/server.rs"]
mod pipeline;
#[path = "../benches/peers/redis_client.rs"]
mod redis_client;
#[path = "support/redis_server.rs"]
mod redis_server;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use redis_server::RedisServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, http::HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const TIMEOUT: Duration = Duration::from_secs(20);

async fn node(redis: &RedisServer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let url = redis.url();
    tokio::spawn(async move { pipeline::serve(listener, &url).await.expect("it serves") });
    address
}

async fn login(node: SocketAddr, user: &str) -> String {
    let body = serde_json::json!({ "user_id": user });
    let request = reqwest::Client::new().post(format!("http://{node}/api/sessions")).json(&body);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let answer: serde_json::Value = answer.json().await.expect("JSON");
    answer["token"].as_str().expect("a token").to_owned()
}

async fn next(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Message {
    timeout(TIMEOUT, socket.next()).await.expect("in time").expect("more").expect("whole")
}

#[tokio::test]
async fn the_bare_pipeline_puts_out_the_older_socket_on_the_other_node() {
    let redis = RedisServer::start().await;
    let (one, two) = (node(&redis).await, node(&redis).await);
    let token = login(one, "ann").await;
    let mut request = format!("ws://{two}/ws").into_client_request().expect("a request");
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
    request.headers_mut().insert("authorization", bearer);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
    assert_eq!(next(&mut socket).await, Message::text(r#"{"type":"welcome"}"#));

    login(one, "ben").await;
    socket.send(Message::Ping("still here?".into())).await.expect("a socket that is open");
    assert_eq!(next(&mut socket).await, Message::Pong("still here?".into()));
    login(one, "ann").await;
    let told = next(&mut socket).await.into_text().expect("text");
    assert!(told.contains(r#""type":"force_logout","reason":"takeover""#), "{told}");
    let close = next(&mut socket).await;
    assert!(
        matches!(&close, Message::Close(Some(CloseFrame { code, .. })) if u16::from(*code) == 4409),
        "{close:?}"
    );
}
