//! Which pages may speak for a browser: the Origin rule and CORS.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, send};
use crate::support::rig::{sign_in, whoami};
use crate::support::socket::with_header;
use crate::support::{Answer, Engine, Node, Rig, Socket};

const EVIL: &str = "https://evil.example";
const APP: &str = "https://app.example";

async fn log_out(browser: &Client, origin: Option<&str>) -> Answer {
    let request = browser.request(Method::POST, "/api/auth/logout");
    send(match origin {
        Some(origin) => request.header("origin", origin),
        None => request,
    })
    .await
}

/// A browser that is signed in with a cookie.
async fn signed_in(node: &Node) -> Client {
    let browser = Client::browser(node);
    browser.log_in("user1", json!({})).await.expect(200);
    browser
}

#[tokio::test]
async fn a_foreign_page_cannot_use_the_cookie() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let browser = signed_in(&node).await;
    for origin in [EVIL, "null", "http://127.0.0.1.evil.example", &format!("{}0", node.url("")), "nonsense"] {
        let refused = log_out(&browser, Some(origin)).await;
        assert_eq!(refused.status, 403, "{origin}: {}", refused.text);
    }
    // A cookie with no origin at all: not a page of ours for certain.
    assert_eq!(log_out(&browser, None).await.status, 403);
    browser.get("/api/auth/session").await.expect(200);

    // Its own page may.
    log_out(&browser, Some(&node.url(""))).await.expect(204);
}

#[tokio::test]
async fn a_foreign_page_cannot_log_a_browser_in() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let body = json!({"username": "user1", "password": "password1"});
    let request = Client::stranger(&node).request(Method::POST, "/api/auth/login").header("origin", EVIL);
    let refused = send(request.json(&body)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.cookie("hotseat").is_none());
}

#[tokio::test]
async fn without_a_cookie_an_absent_origin_passes() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    log_out(&Client::bearer(&node, &login.token), None).await.expect(204);
}

#[tokio::test]
async fn a_foreign_page_cannot_open_a_socket_with_the_cookie() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let cookie = format!("hotseat={}", login.token);
    let request = with_header(Socket::request(&node), "cookie", &cookie);
    let Err((status, _)) = Socket::try_open(with_header(request, "origin", EVIL)).await else {
        panic!("a foreign page was let in");
    };
    assert_eq!(status, 403, "before the upgrade");
    whoami(&node, &login.token).await.expect(200);
}

#[tokio::test]
async fn allowed_origins_may_send_credentials_and_others_may_not() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("allowed_origins", r#"["https://app.example"]"#)]).await;
    let stranger = Client::stranger(&node);
    let preflight = async |origin: &str| {
        let request = stranger.request(Method::OPTIONS, "/api/auth/login").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        send(request.header("access-control-request-headers", "content-type")).await
    };
    let allowed = preflight(APP).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some(APP), "{:?}", allowed.headers);
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    assert!(allowed.header("vary").is_some_and(|vary| vary.to_lowercase().contains("origin")));
    let refused = preflight(EVIL).await;
    assert_eq!(refused.header("access-control-allow-origin"), None);

    let browser = signed_in(&node).await;
    // Where origins are listed, they are all: not even the node's own host.
    assert_eq!(log_out(&browser, Some(&node.url(""))).await.status, 403);
    let out = log_out(&browser, Some(APP)).await;
    out.expect(204);
    assert_eq!(out.header("access-control-allow-origin"), Some(APP));
}
