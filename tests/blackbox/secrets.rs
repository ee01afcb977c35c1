//! The logs hold no token, no password, no cookie and no key, however chatty they are and whatever goes wrong; and
//! what lies in the store lets nobody in.

use std::path::Path;

use base64::Engine as _;
use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, DEMO_KEY, send};
use crate::support::rig::{sign_in, whoami};
use crate::support::socket::with_header;
use crate::support::{Engine, Rig, Socket};

crate::on_both_stores!(the_logs_hold_no_secret, who_steals_the_store_gets_no_token);

async fn the_logs_hold_no_secret(engine: Engine) {
    let rig = Rig::new(engine).await;
    let mut node = rig.node_with(&[("log", "trace")]).await;
    let browser = Client::browser(&node);
    let mut secrets = vec![DEMO_KEY.to_owned(), "correct horse battery".to_owned()];

    // Every way a secret comes in, right and wrong.
    let login = browser.log_in("user1", json!({})).await;
    for name in ["hotseat", "hotseat_device"] {
        let cookie = login.cookie(name).expect("a cookie");
        secrets.push(cookie[name.len() + 1..].split(';').next().expect("a value").to_owned());
    }
    browser.log_in("user1", json!({"password": "correct horse battery"})).await.expect(401);
    browser.log_in("user1", json!({"password": "correct horse battery", "nonsense": 1})).await.expect(422);
    let malformed =
        browser.request(Method::POST, "/api/auth/login").header("content-type", "application/json");
    send(malformed.body(r#"{"username":"user1","password":"correct horse battery""#)).await.expect(400);
    browser.get("/api/auth/session").await.expect(200);

    let session = sign_in(&node, "anna").await;
    let unknown = format!("{}AAAA", &session.token[..session.token.len() - 4]);
    whoami(&node, &unknown).await.expect(401);
    whoami(&node, &session.token).await.expect(200);
    let protocols = format!("hotseat.v1, bearer.{}", session.token);
    let mut socket =
        Socket::open(with_header(Socket::request(&node), "sec-websocket-protocol", &protocols)).await;
    socket.expect_welcome().await;
    let mut talker = Socket::open(Socket::request(&node)).await;
    talker.send(&json!({"type": "auth", "token": session.token})).await;
    talker.expect_welcome().await;
    talker.send_text(&format!("nonsense {}", session.token)).await;
    let in_url = format!("ws://{}/ws?token={}", node.address, session.token);
    let _ = Socket::try_open(Socket::request_to(&in_url)).await;

    let newer = sign_in(&node, "anna").await;
    socket.expect_out("takeover", 4409).await;
    whoami(&node, &session.token).await.expect(401);
    let introspection = Client::service(&node).request(Method::POST, "/api/introspect");
    let introspection = introspection.header("content-type", "application/x-www-form-urlencoded");
    send(introspection.body(format!("token={}", newer.token))).await.expect(200);
    secrets.extend([session.token, unknown, newer.token, "password1".to_owned()]);

    node.terminate();
    assert!(node.exit().await.success());
    let log = node.log();
    assert!(log.lines().count() > 10, "a trace of all this should be long:\n{log}");
    for secret in secrets {
        // Of a token not even the half that is random.
        let part = if secret.len() > 40 { &secret[secret.len() / 2..] } else { &secret[..] };
        let line = log.lines().find(|line| line.contains(part));
        assert!(line.is_none(), "{secret} stands in the log: {line:?}");
    }
}

/// Everything in the files under `directory`.
fn contents(directory: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries
        .flat_map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() { contents(&path) } else { std::fs::read(path).unwrap_or_default() }
        })
        .collect()
}

async fn who_steals_the_store_gets_no_token(engine: Engine) {
    let mut rig = Rig::new(engine).await;
    let node = rig.node().await;
    let ended = sign_in(&node, "anna").await;
    let live = sign_in(&node, "anna").await;
    let browser = Client::stranger(&node).log_in("user1", json!({})).await;
    let cookie = browser.cookie("hotseat_device").expect("a device cookie");
    let device = cookie["hotseat_device=".len()..].split(';').next().expect("a value").to_owned();

    let store = match engine {
        Engine::Embedded => contents(Path::new(rig.url().trim_start_matches("embedded:"))),
        _ => {
            let redis = rig.server();
            redis.command("CONFIG SET rdbcompression no").await;
            assert_eq!(redis.command("SAVE").await, "+OK\r\n");
            let reply = redis.command("CONFIG GET dir").await;
            contents(Path::new(reply.lines().rfind(|line| line.starts_with('/')).expect("a directory")))
        }
    };
    let holds = |part: &[u8]| store.windows(part.len()).any(|bytes| bytes == part);
    assert!(holds(b"anna"), "this is the store");
    for token in [ended.token, live.token] {
        let text = token.trim_start_matches("hs1.");
        // The first 16 bytes are the session's public id; the secret are the 32 after them.
        let secret = &base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url")[16..];
        assert!(!holds(secret) && !holds(&text.as_bytes()[24..]), "the store holds a token");
    }
    assert!(!holds(device.as_bytes()), "the store holds a device cookie");
}
