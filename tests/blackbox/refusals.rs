//! Bad input over HTTP: each a refusal with a name, nothing changed, nobody else touched.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{Client, send};
use crate::support::patience::soon;
use crate::support::rig::{sign_in, try_sign_in, whoami};
use crate::support::{Engine, Node, Rig};

/// Nobody has logged in, whatever was tried.
async fn assert_nothing_happened(node: &Node) {
    let view = Client::service(node).get("/api/auth/active-sessions").await.expect(200);
    assert_eq!((&view["count"], &view["sessions"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let service = Client::service(&node);
    let post = |body: &'static [u8], kind: &str| {
        send(service.request(Method::POST, "/api/sessions").header("content-type", kind).body(body))
    };
    for body in [&b""[..], b"{", b"nonsense", b"{\"user_id\":\"a\"", b"\xff\xfe", b"{\"user_id\":\"a\"}}"] {
        post(body, "application/json").await.expect_problem(400, "malformed-body");
    }
    post(b"user_id=anna", "application/x-www-form-urlencoded")
        .await
        .expect_problem(415, "unsupported-media-type");
    post(b"{\"user_id\":\"anna\"}", "text/plain").await.expect_problem(415, "unsupported-media-type");
    assert_nothing_happened(&node).await;
}

#[tokio::test]
async fn a_field_that_is_not_what_it_has_to_be_is_refused_by_name() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let long = |length: usize| "x".repeat(length);
    let cases = [
        ("user_id", json!({"user_id": ""})),
        ("user_id", json!({"user_id": long(129)})),
        ("user_id", json!({"user_id": "ä".repeat(65)})),
        ("user_id", json!({"user_id": "a\u{0}b"})),
        ("user_id", json!({"user_id": "\u{1b}[2J"})),
        ("user_id", json!({"user_id": "a\u{85}b"})),
        ("user_id", json!({"user_id": 7})),
        ("user_id", json!({"user_id": null})),
        ("nonsense", json!({"nonsense": 1})),
        ("device", json!({"device": "phone"})),
        ("device.nonsense", json!({"device": {"nonsense": 1}})),
        ("device.name", json!({"device": {"name": long(65)}})),
        ("device.class", json!({"device": {"class": "fridge"}})),
        ("device.id", json!({"device": {"id": "a\nb"}})),
        ("ip", json!({"ip": "300.1.1.1"})),
        ("roles", json!({"roles": vec!["r"; 17]})),
        ("roles", json!({"roles": ["a b"]})),
        ("data", json!({"data": long(4096)})),
        ("ttl_s", json!({"ttl_s": 0})),
        ("ttl_s", json!({"ttl_s": -1})),
        ("ttl_s", json!({"ttl_s": 1.5})),
        ("ttl_s", json!({"ttl_s": 31 * 24 * 3600})),
        ("ttl_s", json!({"ttl_s": 1e300})),
        ("confirm", json!({"confirm": "yes"})),
    ];
    for (field, more) in cases {
        let problem = try_sign_in(&node, "anna", more.clone()).await.expect_problem(422, "invalid-request");
        let named = problem["field"].as_str().unwrap_or_default();
        assert!(named == field || named.starts_with(&format!("{field}[")), "{more}: {problem}");
    }
    assert_nothing_happened(&node).await;
}

#[tokio::test]
async fn the_fields_of_a_password_login_are_bounded_too() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let stranger = Client::stranger(&node);
    for (field, more) in [
        ("username", json!({"username": 1})),
        ("password", json!({"password": ["password1"]})),
        ("nonsense", json!({"nonsense": 1})),
        // Only callers with an API key say which device it is.
        ("device.id", json!({"device": {"id": "mine"}})),
        ("device.name", json!({"device": {"name": "x".repeat(65)}})),
        ("return_token", json!({"return_token": 1})),
    ] {
        let problem = stranger.log_in("user1", more.clone()).await.expect_problem(422, "invalid-request");
        assert_eq!(problem["field"], field, "{more}: {problem}");
    }
    // Not a name that anybody can have, so the credentials are wrong, or the field is.
    for name in ["", "a\u{0}b", &"x".repeat(129)] {
        let status = stranger.log_in("user1", json!({"username": name})).await.status;
        assert!(matches!(status, 401 | 422), "{name:?}: {status}");
    }
    assert_nothing_happened(&node).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let service = Client::service(&node);
    let body = json!({"user_id": "anna", "data": "x".repeat(20_000)});
    service.post("/api/sessions", &body).await.expect_problem(413, "payload-too-large");

    // Announced as larger than any memory: answered without waiting for it.
    let mut stream = TcpStream::connect(node.address).await.expect("a connection");
    let head = "POST /api/sessions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer demo-key\r\n\
        content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut start = [0; 12];
    soon("an answer", stream.read_exact(&mut start)).await.expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 413");
    assert_nothing_happened(&node).await;
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_refused_by_name() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let service = Client::service(&node);
    service.get("/api/nonsense").await.expect_problem(404, "not-found");
    service.get("/api/sessions").await.expect_problem(405, "method-not-allowed");
    service.delete("/api/auth/login").await.expect_problem(405, "method-not-allowed");
    for id in ["x", "%00", "00000000-0000-0000-0000-000000000000", "../../etc/passwd"] {
        let status = service.get(&format!("/api/sessions/{id}")).await.status;
        assert!(matches!(status, 404 | 422), "{id}: {status}");
    }
    for user in ["a%00b", &"x".repeat(129), "%ff"] {
        let status = service.get(&format!("/api/users/{user}/sessions")).await.status;
        assert!(matches!(status, 400 | 404 | 422), "{user}: {status}");
    }
}

#[tokio::test]
async fn bad_data_leaves_the_old_data() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let anna = Client::bearer(&node, &login.token);
    anna.patch("/api/auth/session", &json!({"data": {"a": 1}})).await.expect(200);
    for body in [json!({"data": "x".repeat(4096)}), json!({"data": 1, "more": 2}), json!({}), json!([])] {
        anna.patch("/api/auth/session", &body).await.expect_problem(422, "invalid-request");
    }
    assert_eq!(whoami(&node, &login.token).await.expect(200)["data"], json!({"a": 1}));
}

#[tokio::test]
async fn half_a_request_is_cut_off_and_holds_up_nobody() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("header_timeout", "300ms")]).await;
    let mut half = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(node.address).await.expect("a connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await.expect("sent");
        half.push(stream);
    }
    sign_in(&node, "anna").await;
    for mut stream in half {
        let mut rest = Vec::new();
        // Either it is told 408 or it is just cut.
        let _ = soon("the half request is cut off", stream.read_to_end(&mut rest)).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn what_is_no_http_is_hung_up_on() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("header_timeout", "300ms")]).await;
    let long_head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(1 << 20));
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"SSH-2.0-x\r\n", b"\0\0\0\0", long_head.as_bytes()] {
        let mut stream = TcpStream::connect(node.address).await.expect("a connection");
        // The peer may hang up while we still talk.
        let _ = soon("sending", stream.write_all(bytes)).await;
        let mut rest = Vec::new();
        let _ = soon("being hung up on", stream.read_to_end(&mut rest)).await;
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    }
    tokio::time::timeout(Duration::from_secs(5), sign_in(&node, "anna")).await.expect("others are served");
}

#[tokio::test]
async fn a_refused_replacement_is_refused_by_name() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("on_full", "choose")]).await;
    let holder = sign_in(&node, "anna").await;
    for replace in [json!(["nonsense"]), json!("x"), json!([1]), Value::from(vec![holder.id.clone(); 1000])] {
        let status = try_sign_in(&node, "anna", json!({"replace": replace})).await.status;
        assert!(matches!(status, 413 | 422), "{status}");
    }
    whoami(&node, &holder.token).await.expect(200);
}
