//! What other services ask: introspection (RFC 7662), forward-auth, and adopting a token into a browser.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, send};
use crate::support::rig::{sign_in, sign_in_with, whoami};
use crate::support::{Answer, Engine, Rig};

async fn introspect(service: &Client, token: &str) -> Answer {
    let request = service.request(Method::POST, "/api/introspect");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    send(request.body(format!("token={token}&token_type_hint=access_token"))).await
}

#[tokio::test]
async fn introspection_knows_the_live_and_says_nothing_of_others() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let service = Client::service(&node);
    let login = sign_in(&node, "anna").await;

    let live = introspect(&service, &login.token).await.expect(200);
    assert_eq!((&live["active"], &live["sub"]), (&json!(true), &json!("anna")));
    assert!(live["exp"].as_u64() > live["iat"].as_u64(), "seconds since the epoch: {live}");

    sign_in(&node, "anna").await;
    for token in [login.token.as_str(), "nonsense", ""] {
        let answer = introspect(&service, token).await;
        if token.is_empty() && answer.status == 422 {
            continue;
        }
        assert_eq!(answer.text, r#"{"active":false}"#, "exactly that, for {token}");
    }
    introspect(&Client::stranger(&node), &login.token).await.expect_problem(401, "credentials-required");
}

#[tokio::test]
async fn a_gateway_gets_exactly_200_with_who_it_is() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in_with(&node, "anna", json!({"roles": ["beta", "pro"]})).await;
    let anna = Client::bearer(&node, &login.token);
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        for path in ["/api/verify", "/api/verify/some/path?with=query"] {
            let answer = send(anna.request(method.clone(), path)).await;
            answer.expect(200);
            assert_eq!(answer.header("x-hotseat-user"), Some("anna"), "{method} {path}");
            assert_eq!(answer.header("x-hotseat-session"), Some(login.id.as_str()));
            assert_eq!(answer.header("x-hotseat-roles"), Some("beta,pro"));
            assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")));
        }
    }
    Client::stranger(&node).get("/api/verify").await.expect_problem(401, "credentials-required");
    sign_in(&node, "anna").await;
    anna.get("/api/verify").await.expect_problem(401, "session-ended");
}

#[tokio::test]
async fn a_user_with_an_odd_name_cannot_forge_a_header() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "käthe, admin%0d").await;
    let answer = Client::bearer(&node, &login.token).get("/api/verify").await;
    answer.expect(200);
    let name = answer.header("x-hotseat-user").expect("visible ASCII");
    assert!(name.is_ascii() && !name.contains(['\r', '\n']), "{name}");
    assert_ne!(name, "käthe, admin%0d");
}

#[tokio::test]
async fn a_token_of_ones_own_login_becomes_the_browsers() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let browser = Client::browser(&node);
    let adopt =
        async |token: &str| send(browser.request(Method::POST, "/api/auth/adopt").bearer_auth(token)).await;
    let adopted = adopt(&login.token).await;
    adopted.expect(204);
    assert!(adopted.cookie("hotseat").is_some_and(|cookie| cookie.contains("HttpOnly")));
    assert_eq!(browser.get("/api/auth/session").await.expect(200)["id"], json!(login.id));

    adopt("nonsense").await.expect_problem(401, "invalid-token");
    sign_in(&node, "anna").await;
    adopt(&login.token).await.expect_problem(401, "session-ended");
    whoami(&node, &login.token).await.expect_problem(401, "session-ended");
}

/// Never open: a gateway that can't be told lets nobody through.
#[tokio::test]
async fn without_the_store_a_gateway_is_told_503() {
    let mut rig = Rig::redis().await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let anna = Client::bearer(&node, &login.token);
    anna.get("/api/verify").await.expect(200);
    rig.server().kill();
    let refused = anna.get("/api/verify").await;
    refused.expect_problem(503, "store-unavailable");
    assert!(refused.header("retry-after").is_some());
}
