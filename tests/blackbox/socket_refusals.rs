//! Bad input over WebSocket: each a named refusal or a close code, the session unharmed, nobody else touched.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::Client;
use crate::support::patience::soon;
use crate::support::rig::{sign_in, whoami};
use crate::support::socket::with_header;
use crate::support::{Engine, Heard, Login, Node, Rig, Socket};

/// A node with a victim's tab that misbehaves, another tab of the same session, and a bystander.
struct Scene {
    _rig: Rig,
    node: Node,
    login: Login,
    bad: Socket,
    good: Socket,
    bystander: Socket,
}

impl Scene {
    async fn new() -> Self {
        let rig = Rig::new(Engine::Embedded).await;
        let node = rig.node().await;
        let login = sign_in(&node, "anna").await;
        let other = sign_in(&node, "berta").await;
        Self {
            bad: Socket::live(&node, &login.token).await,
            good: Socket::live(&node, &login.token).await,
            bystander: Socket::live(&node, &other.token).await,
            _rig: rig,
            node,
            login,
        }
    }

    /// The bad tab is closed with `code`, named or not; nothing else has changed.
    async fn assert_only_this_is_closed(mut self, code: u16) {
        let closed = loop {
            match self.bad.next().await {
                Heard::Closed(code) => break code,
                // What was in time is answered; then comes the name of what is wrong.
                Heard::Message(message) if message["type"] == "error" || message["type"] == "pong" => {}
                Heard::Pong | Heard::Text(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(closed, code);
        self.good.assert_served().await;
        self.bystander.assert_served().await;
        assert_eq!(whoami(&self.node, &self.login.token).await.expect(200)["id"], json!(self.login.id));
        Socket::live(&self.node, &self.login.token).await.assert_served().await;
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_1009() {
    let mut scene = Scene::new().await;
    scene.bad.send(&json!({"type": "ping", "padding": "x".repeat(5000)})).await;
    scene.assert_only_this_is_closed(1009).await;
}

#[tokio::test]
async fn a_long_message_in_small_fragments_is_1009_too() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let mut scene = Scene::new().await;
    for part in 0..8 {
        let code = if part == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![b'x'; 1000], OpCode::Data(code), part == 7);
        scene.bad.send_frame(Message::Frame(frame)).await;
    }
    scene.assert_only_this_is_closed(1009).await;
}

#[tokio::test]
async fn a_binary_frame_is_1008() {
    let mut scene = Scene::new().await;
    scene.bad.send_frame(Message::binary(vec![0, 1, 2])).await;
    scene.assert_only_this_is_closed(1008).await;
}

#[tokio::test]
async fn what_is_not_the_protocol_is_1008() {
    for text in ["nonsense", "{", "[]", "7", r#"{"type":"nonsense"}"#, r#"{"no":"type"}"#, ""] {
        let mut scene = Scene::new().await;
        scene.bad.send_text(text).await;
        scene.assert_only_this_is_closed(1008).await;
    }
}

#[tokio::test]
async fn a_second_auth_is_1008() {
    let mut scene = Scene::new().await;
    let token = scene.login.token.clone();
    scene.bad.send(&json!({"type": "auth", "token": token})).await;
    scene.assert_only_this_is_closed(1008).await;
}

#[tokio::test]
async fn a_flood_of_messages_is_4429() {
    let mut scene = Scene::new().await;
    for _ in 0..150 {
        scene.bad.send(&json!({"type": "ping"})).await;
    }
    scene.assert_only_this_is_closed(4429).await;
}

#[tokio::test]
async fn a_flood_of_protocol_pings_is_4429() {
    let mut scene = Scene::new().await;
    for _ in 0..150 {
        scene.bad.send_frame(Message::Ping(vec![7; 125].into())).await;
    }
    scene.assert_only_this_is_closed(4429).await;
}

/// A socket that is open and dead: it answers nothing, not even the heartbeat.
#[tokio::test]
async fn a_half_open_socket_is_found_by_its_silence() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("heartbeat", "300ms")]).await;
    let login = sign_in(&node, "anna").await;
    let dead = Socket::live(&node, &login.token).await;
    let service = Client::service(&node);
    // Nobody reads from it, so nothing answers the pings.
    crate::support::eventually("the dead socket is dropped", async || {
        let session = service.get(&format!("/api/sessions/{}", login.id)).await.expect(200);
        (session["connections"] == 0).then_some(())
    })
    .await;
    let mut dead = dead;
    while dead.next_frame().await == Heard::Ping {}
    whoami(&node, &login.token).await.expect(200);
}

/// The four ways to say who one is.
#[tokio::test]
async fn a_token_may_come_four_ways() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let bearer = format!("Bearer {}", login.token);
    let protocols = format!("hotseat.v1, bearer.{}", login.token);
    let cookie = format!("hotseat={}", login.token);
    for (header, value) in
        [("authorization", &bearer), ("sec-websocket-protocol", &protocols), ("cookie", &cookie)]
    {
        let mut request = with_header(Socket::request(&node), header, value);
        if header == "cookie" {
            request = with_header(request, "origin", &node.url(""));
        }
        let mut socket = Socket::open(request).await;
        assert_eq!(socket.expect_welcome().await["id"], json!(login.id), "{header}");
        // The token must never be echoed.
        let wanted = (header == "sec-websocket-protocol").then_some("hotseat.v1");
        assert_eq!(socket.protocol.as_deref(), wanted);
    }
    let mut socket = Socket::open(Socket::request(&node)).await;
    socket.send(&json!({"type": "auth", "token": login.token})).await;
    assert_eq!(socket.expect_welcome().await["id"], json!(login.id));
}

#[tokio::test]
async fn a_token_in_the_url_is_not_looked_at() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let url = format!("ws://{}/ws?token={}&access_token={}", node.address, login.token, login.token);
    match Socket::try_open(Socket::request_to(&url)).await {
        // Nobody yet: it has to say who it is.
        Ok(mut socket) => {
            socket.send(&json!({"type": "auth", "token": "hs1.x"})).await;
            socket.expect_refused("invalid-token", 4401).await;
        }
        Err((status, _)) => assert!((400..500).contains(&status)),
    }
}

#[tokio::test]
async fn who_says_nothing_in_five_seconds_is_4408() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let mut socket = Socket::open(Socket::request(&node)).await;
    let opened = std::time::Instant::now();
    let closed = loop {
        match socket.next().await {
            Heard::Closed(code) => break code,
            Heard::Message(message) => assert_eq!(message["type"], "error"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(closed, 4408);
    assert!(opened.elapsed().as_secs_f64() > 4.5, "five seconds are promised");
}

#[tokio::test]
async fn who_speaks_before_auth_or_with_a_bad_token_is_refused_by_name() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    for (first, code) in [
        (json!({"type": "auth", "token": "nonsense"}), 4401),
        (json!({"type": "auth"}), 1008),
        (json!({"type": "auth", "token": 7}), 1008),
        (json!({"type": "activity"}), 1008),
        (json!({"type": "logout"}), 1008),
    ] {
        let mut socket = Socket::open(Socket::request(&node)).await;
        socket.send(&first).await;
        loop {
            match socket.next().await {
                Heard::Closed(closed) => break assert_eq!(closed, code, "{first}"),
                Heard::Message(message) => assert_eq!(message["type"], "error", "{first}"),
                other => panic!("{first}: {other:?}"),
            }
        }
    }
    for bad in ["nonsense".to_owned(), "hs1.".to_owned(), format!("hs1.{}", "A".repeat(64))] {
        Socket::with_token(&node, &bad).await.expect_refused("invalid-token", 4401).await;
    }
}

#[tokio::test]
async fn a_plain_request_to_the_socket_is_told_to_upgrade() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let answer = Client::stranger(&node).get("/ws").await;
    assert!(matches!(answer.status, 400 | 426), "{} {}", answer.status, answer.text);
}

/// What a server says first to these bytes; empty where it hangs up without a word.
async fn answer_to(node: &Node, head: &str) -> String {
    let mut stream = TcpStream::connect(node.address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut start = [0; "HTTP/1.1 101".len()];
    match soon("an answer or an end", stream.read_exact(&mut start)).await {
        Ok(_) => String::from_utf8_lossy(&start).into_owned(),
        Err(_) => String::new(),
    }
}

/// A handshake that is not whole is refused, one that is not finished is cut off, and nobody else waits for it.
#[tokio::test]
async fn half_a_handshake_is_refused_or_cut_off() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("header_timeout", "300ms")]).await;
    let login = sign_in(&node, "anna").await;
    let mut bystander = Socket::live(&node, &login.token).await;
    let lines = [
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-version: 13\r\n",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ];
    let start = format!("GET /ws HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n", login.token);
    let without = |missing: usize| -> String {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, line)| *line);
        format!("{start}{}\r\n", kept.collect::<String>())
    };
    let whole = without(lines.len());
    assert_eq!(answer_to(&node, &whole).await, "HTTP/1.1 101");
    for (missing, line) in lines.iter().enumerate() {
        let answer = answer_to(&node, &without(missing)).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "without {line}: {answer}");
    }
    for length in [3, start.len(), whole.len() - 2] {
        let answer = answer_to(&node, &whole[..length]).await;
        assert!(answer.is_empty() || answer == "HTTP/1.1 408", "after {length} bytes: {answer}");
    }
    bystander.assert_served().await;
}
