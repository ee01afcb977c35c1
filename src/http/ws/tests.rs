//! Connections from the handshake to their end, on a node in this process.

mod rig;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response, StatusCode};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use rig::{Node, SOON, bearer_header, node};

use super::claim::first_message;
use super::*;
use crate::accounts::Accounts;
use crate::chance::Chance;
use crate::domain::{NodeId, Reason, Token, UserId};
use crate::enforcer::{Enforcer, LoginAnswer, NewSession, Parts, Takeover};
use crate::http::{Limits, Services, serve, testing};
use crate::hub::testing::pipe;
use crate::hub::{Hub, Refusal};
use crate::metrics::Metrics;
use crate::store::blank::Blank;
use crate::store::embedded::{Embedded, SystemClock};
use crate::store::{Act, Store, Target};

/// A client that has got through its handshake.
fn visit(
    node: &Node,
    token: Token,
    server: WebSocketStream<DuplexStream>,
) -> impl Future<Output = ()> + use<> {
    let admission = visit::admit(node.app.clone(), Claim::Token(token), None, Box::new(server));
    visit::run(Box::pin(admission))
}

#[tokio::test]
async fn four_ways_lead_to_a_welcome() {
    let node = node().await;
    let data = r#"{"theme":"dark"}"#.to_owned();
    let (token, _) = node.login_with("user1", |new| new.data = Some(data)).await;
    let bearer = bearer_header(&token);
    let subprotocols = format!("hotseat.v1, bearer.{}", token.reveal());
    let cookie = format!("a=b; hotseat={}", token.reveal());
    for headers in [
        &[("authorization", bearer.as_str())][..],
        &[("sec-websocket-protocol", subprotocols.as_str())],
        &[("cookie", cookie.as_str())],
        &[("sec-websocket-protocol", "hotseat.v1")],
    ] {
        let (mut client, response) = node.try_open(headers).await.unwrap();
        let selected = response.headers().get("sec-websocket-protocol");
        let offered = headers[0].0 == "sec-websocket-protocol";
        assert_eq!(selected.map(|name| name.to_str().unwrap()), offered.then_some("hotseat.v1"));
        if headers[0].1 == "hotseat.v1" {
            client.say(&json!({"type": "auth", "token": token.reveal()})).await;
        }
        let welcome = client.hear().await;
        assert_eq!(welcome["type"], "welcome");
        assert_eq!(welcome["session"]["id"], token.session().to_string());
        assert_eq!(welcome["session"]["data"], json!({"theme": "dark"}));
        assert_eq!(welcome["heartbeat_s"], 30);
        assert!(welcome["server_time"].as_str().unwrap().ends_with('Z'));
    }
    node.until_empty().await;
}

#[tokio::test]
async fn the_first_credential_decides_right_or_wrong() {
    let node = node().await;
    let token = node.login("user1").await;
    let cookie = format!("hotseat={}", token.reveal());
    let mut wrong_first = node.open(&[("authorization", "Bearer demo-key"), ("cookie", &cookie)]).await;
    assert_eq!(wrong_first.told(4401).await, json!({"type": "error", "code": "invalid-token"}));
    // Another scheme is a proxy's.
    node.open(&[("authorization", "Basic eDp5"), ("cookie", &cookie)]).await.welcomed().await;
}

#[tokio::test]
async fn a_foreign_page_can_not_use_the_cookie() {
    let node = node().await;
    let token = node.login("user1").await;
    let (cookie, bearer) = (format!("hotseat={}", token.reveal()), bearer_header(&token));
    let foreign = ("origin", "https://evil.example");
    let (status, problem) = node.refused(&[("cookie", &cookie), foreign]).await;
    assert_eq!((status, &problem["type"]), (StatusCode::FORBIDDEN, &json!("/problems/origin-not-allowed")));
    node.open(&[("authorization", &bearer), foreign]).await.welcomed().await;
    let own = format!("http://{}", node.address);
    node.open(&[("cookie", &cookie), ("origin", &own)]).await.welcomed().await;
}

#[tokio::test]
async fn a_token_with_one_bit_changed_is_no_token() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut bytes = token.reveal().as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let changed = format!("Bearer {}", String::from_utf8(bytes).unwrap());
    for bearer in [changed.as_str(), "Bearer ", "Bearer hs1.", "Bearer \u{fe}"] {
        let mut client = node.open(&[("authorization", bearer)]).await;
        assert_eq!(client.told(4401).await, json!({"type": "error", "code": "invalid-token"}), "{bearer}");
    }
    assert!(node.hub.is_empty());
}

#[tokio::test]
async fn the_older_device_is_told_who_took_its_seat_and_later_uses_get_the_same() {
    let node = node().await;
    let old = node.login("user1").await;
    let mut first_tab = node.open_with(&old).await.welcomed().await;
    let mut second_tab = node.open_with(&old).await.welcomed().await;
    let begin = Instant::now();
    let (new, takeover) = node.login_with("user1", |new| new.confirm = true).await;
    assert_eq!(takeover, Takeover::Confirmed, "after {:?}", begin.elapsed());
    let told = first_tab.told(4409).await;
    assert_eq!(told["type"], "force_logout");
    assert_eq!(told["reason"], "takeover");
    assert_eq!(told["by"]["session_id"], new.session().to_string());
    assert_eq!(told["by"]["device"]["name"], "a test");
    assert_eq!(told["by"]["ip"], "192.0.2.0");
    assert_eq!(told["reconnect"], false);
    assert_eq!(second_tab.told(4409).await, told);
    // As on a reconnect after having been offline.
    assert_eq!(node.open_with(&old).await.told(4409).await, told);
    node.open_with(&new).await.welcomed().await;
}

#[tokio::test]
async fn the_17th_connection_is_one_too_many() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut tabs = Vec::new();
    for _ in 0..16 {
        tabs.push(node.open_with(&token).await.welcomed().await);
    }
    let refusal = node.open_with(&token).await.told(4429).await;
    assert_eq!(refusal, json!({"type": "error", "code": "too-many-connections"}));
    assert_eq!(node.hub.len(), 16);
    tabs.pop().unwrap().0.close(None).await.unwrap();
    let deadline = Instant::now() + SOON;
    loop {
        // The goodbye is on its way to the store.
        let mut again = node.open_with(&token).await;
        if again.hear().await["type"] == "welcome" {
            break;
        }
        assert!(Instant::now() < deadline, "the seat of a closed tab is not given back");
    }
}

#[tokio::test]
async fn who_logs_out_is_told_so_by_itself() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut client = node.open_with(&token).await.welcomed().await;
    client.say(&json!({"type": "logout"})).await;
    client.say(&json!({"type": "logout"})).await;
    let told = client.told(4440).await;
    assert_eq!((&told["reason"], &told["by"]["session_id"]), (&json!("logout"), &json!(token.session())));
    drop(client);
    node.until_empty().await;
}

#[tokio::test]
async fn an_end_by_somebody_else_has_its_own_code() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut client = node.open_with(&token).await.welcomed().await;
    node.app.enforcer.end(Target::Session(token.session()), Reason::Kicked, None, &Act::NONE).await.unwrap();
    let told = client.told(4403).await;
    assert_eq!((&told["reason"], &told["by"]), (&json!("kicked"), &Value::Null));
}

#[tokio::test]
async fn without_the_store_a_client_is_told_to_come_back() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut inside = node.open_with(&token).await.welcomed().await;
    node.store.close().await;
    let unavailable = json!({"type": "error", "code": "store-unavailable"});
    assert_eq!(node.open_with(&token).await.told(1013).await, unavailable);
    // Who is in stays in, also when it can't be logged out.
    inside.say(&json!({"type": "logout"})).await;
    assert_eq!(inside.hear().await, unavailable);
    inside.say(&json!({"type": "ping"})).await;
    assert_eq!(inside.hear().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn a_node_that_goes_away_takes_nobody_in() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut inside = node.open_with(&token).await.welcomed().await;
    node.app.enforcer.drain();
    let (status, problem) = node.refused(&[("authorization", &bearer_header(&token))]).await;
    assert_eq!((status, &problem["type"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("/problems/not-ready")));
    // Who came in between the last look and the registration is sent on as those who were in.
    let (server, mut late) = pipe(64 * 1024);
    tokio::spawn(visit(&node, token, server));
    assert_eq!(late.read_to_end().await, ["<close 1012>"]);
    inside.say(&json!({"type": "ping"})).await;
    assert_eq!(inside.hear().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn strangers_can_not_pile_up() {
    let node = node().await;
    let all = u32::try_from(MAX_STRANGERS).unwrap();
    let waiting = Arc::clone(&node.strangers).acquire_many_owned(all).await.unwrap();
    assert_eq!(node.refused(&[]).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let token = node.login("user1").await;
    node.open_with(&token).await.welcomed().await;
    drop(waiting);
    let mut stranger = node.open(&[]).await;
    stranger.say(&json!({"type": "auth", "token": token.reveal()})).await;
    stranger.welcomed().await;
    assert_eq!(node.strangers.available_permits(), MAX_STRANGERS, "who is in is no stranger");
}

#[tokio::test]
async fn plain_http_is_told_what_is_spoken_here() {
    let node = node().await;
    let response = reqwest::get(format!("http://{}/ws", node.address)).await.unwrap();
    assert_eq!(response.status().as_u16(), 426);
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    assert_eq!(response.json::<Value>().await.unwrap()["type"], "/problems/upgrade-required");
}

#[tokio::test]
async fn only_a_handshake_is_a_handshake() {
    let node = node().await;
    let token = node.login("user1").await;
    let right = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let with = |method: Method, wrong: Option<(&'static str, &'static str)>| {
        let mut request = reqwest::Client::new().request(method, format!("http://{}/ws", node.address));
        for (name, value) in right {
            let value = wrong.filter(|wrong| wrong.0 == name).map_or(value, |wrong| wrong.1);
            request = request.header(name, value);
        }
        request.bearer_auth(token.reveal()).send()
    };
    let answer = with(Method::GET, None).await.unwrap();
    assert_eq!(answer.status().as_u16(), 101);
    // The example of RFC 6455, 1.3.
    assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!answer.headers().contains_key("sec-websocket-protocol"), "none was offered");
    for wrong in [
        ("connection", "keep-alive"),
        ("connection", "no-upgrade"),
        ("upgrade", "h2c"),
        ("sec-websocket-version", "8"),
    ] {
        assert_eq!(with(Method::GET, Some(wrong)).await.unwrap().status().as_u16(), 426, "{wrong:?}");
    }
    assert_eq!(with(Method::HEAD, None).await.unwrap().status().as_u16(), 426);
}

/// It lies in the buffer of the handshake when that is over.
#[tokio::test]
async fn what_a_client_says_along_with_its_handshake_is_heard() {
    let node = node().await;
    let token = node.login("user1").await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let mut request = format!(
        "GET /ws HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        node.address,
        token.reveal()
    )
    .into_bytes();
    // `ping` as a text, masked with zeros.
    request.extend([0x81, 0x84, 0, 0, 0, 0]);
    request.extend(b"ping");
    stream.write_all(&request).await.unwrap();
    let mut heard = Vec::new();
    let answers = async {
        while !heard.ends_with(b"\x81\x04pong") {
            stream.read_buf(&mut heard).await.unwrap();
        }
    };
    timeout(SOON, answers).await.unwrap();
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.starts_with("HTTP/1.1 101 ") && heard.contains("\"welcome\""), "{heard}");
}

/// What a connection takes of its task: it counts by the idle connection, and so does the rest of docs/benchmarks.md's
/// account of its memory.
#[tokio::test]
async fn the_task_of_an_idle_connection_is_small() {
    let node = node().await;
    let token = node.login("user1").await;
    let (server, _client) = pipe(1024);
    let size = size_of_val(&visit(&node, token, server));
    assert!(size <= 256, "{size} bytes");
}

#[tokio::test]
async fn a_visit_that_breaks_off_is_uncounted() {
    let node = node().await;
    let token = node.login("user1").await;
    let (server, client) = pipe(64 * 1024);
    let token = Token::parse(token.reveal()).unwrap();
    let visit = tokio::spawn(visit(&node, token, server));
    let mut client = client;
    assert!(client.text().await.contains("welcome"));
    visit.abort();
    assert!(visit.await.unwrap_err().is_cancelled());
    node.until_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_stranger_has_five_seconds() {
    let (mut server, _client) = pipe(1024);
    let begin = Instant::now();
    assert_eq!(first_message(&mut server).await, Err(Some(Refusal::AuthTimeout)));
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert_eq!(Refusal::AuthTimeout.close_code().0, 4408);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_has_to_begin_with_auth() {
    let cases = [
        (Message::text(r#"{"type":"activity"}"#), Some(Refusal::NotAuthenticated)),
        (Message::text("ping"), Some(Refusal::NotAuthenticated)),
        (Message::text("hello"), Some(Refusal::Malformed)),
        (Message::text(r#"{"type":"auth","token":"hs1.short"}"#), Some(Refusal::InvalidToken)),
        (Message::text("x".repeat(5000)), Some(Refusal::TooLong)),
        (Message::binary(vec![0_u8]), Some(Refusal::Binary)),
        (Message::Close(None), None),
    ];
    for (message, refusal) in cases {
        let (mut server, mut client) = pipe(64 * 1024);
        client.send_frame(Message::Ping(Vec::new().into())).await;
        client.send_frame(message.clone()).await;
        let sender = tokio::spawn(async move { client.read_to_end().await });
        assert_eq!(first_message(&mut server).await, Err(refusal), "{message:?}");
        drop(server);
        sender.await.unwrap();
    }
    let (mut server, mut client) = pipe(64 * 1024);
    for _ in 0..20 {
        client.send_frame(Message::Ping(Vec::new().into())).await;
    }
    assert_eq!(first_message(&mut server).await, Err(Some(Refusal::TooManyMessages)));
}
