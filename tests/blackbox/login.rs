//! Logging in and out: who gets a token, how, and who does not.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::rig::{sign_in, sign_in_with, whoami};
use crate::support::{Engine, Rig};

crate::on_both_stores!(
    a_right_password_seats_and_sets_a_cookie_that_no_script_can_read,
    logging_out_ends_the_session_and_clears_the_cookie,
    the_same_browser_replaces_its_own_session,
    a_login_by_api_key_keeps_what_it_was_given,
);

/// RFC 3339 in UTC with milliseconds.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == "2026-01-02T03:04:05.678Z".len() && text.ends_with('Z') && &text[19..20] == "."
}

async fn a_right_password_seats_and_sets_a_cookie_that_no_script_can_read(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let browser = Client::browser(&node);

    let answer = browser.log_in("user1", json!({"device": {"name": "Desk"}})).await;
    let body = answer.expect(200);
    assert_eq!(body["replaced"], json!([]));
    assert_eq!(body["takeover"], "none");
    assert!(body.get("token").is_none_or(Value::is_null), "browsers get the token only as a cookie: {body}");

    let cookie = answer.cookie("hotseat").expect("a session cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute} in {cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP could not send it back: {cookie}");

    let session = browser.get("/api/auth/session").await.expect(200);
    assert_eq!(session["id"], body["session"]["id"]);
    assert_eq!(session["user_id"], "user1");
    assert_eq!(session["device"]["name"], "Desk");
    assert_eq!(session["device"]["class"], "desktop");
    assert_eq!(session["ip"], "127.0.0.1");
    assert_eq!(session["user_agent"], "Firefox 140 on Linux");
    assert_eq!(session["connections"], 0);
    for time in ["created_at", "last_seen_at", "expires_at"] {
        assert!(is_time(&session[time]), "{time}: {session}");
    }
    assert!(session["generation"].as_u64().is_some_and(|generation| generation < 1 << 53), "{session}");
}

async fn logging_out_ends_the_session_and_clears_the_cookie(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let browser = Client::browser(&node);
    let answer = browser.log_in("user1", json!({})).await;
    let id = answer.seated().id;
    let cookie = answer.cookie("hotseat").expect("a session cookie");
    let token = cookie["hotseat=".len()..].split(';').next().expect("a value").to_owned();

    let out = browser.request(reqwest::Method::POST, "/api/auth/logout").header("origin", node.url(""));
    let out = crate::support::client::send(out).await;
    out.expect(204);
    let cleared = out.cookie("hotseat").expect("the cookie is taken back");
    assert!(cleared.starts_with("hotseat=;") && cleared.contains("Max-Age=0"), "{cleared}");

    browser.get("/api/auth/session").await.expect_problem(401, "credentials-required");
    let problem = whoami(&node, &token).await.expect_problem(401, "session-ended");
    assert_eq!(problem["reason"], "logout");
    assert_eq!(problem["by"]["session_id"], json!(id), "the asking session: {problem}");
}

async fn the_same_browser_replaces_its_own_session(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("on_full", "deny_new")]).await;
    let browser = Client::browser(&node);
    let first = browser.log_in("user1", json!({"return_token": true})).await.seated();
    // No seat is free, and the seat is this device's own: it is not denied.
    let second = browser.log_in("user1", json!({"return_token": true})).await.seated();

    assert_eq!(second.body["replaced"][0]["id"], json!(first.id));
    let problem = whoami(&node, &first.token).await.expect_problem(401, "session-ended");
    assert_eq!(problem["reason"], "replaced");
    assert_eq!(problem["by"]["session_id"], json!(second.id));
    // Another browser is another device.
    Client::browser(&node).log_in("user1", json!({})).await.expect_problem(409, "seats-full");
}

async fn a_login_by_api_key_keeps_what_it_was_given(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let given = json!({
        "device": {"id": "tv-1", "name": "Wohnzimmer 📺", "class": "tv"},
        "ip": "203.0.113.77", "user_agent": "curl/8.5.0", "roles": ["beta", "pro"],
        "data": {"cart": [1, 2, 3]}, "ttl_s": 3600,
    });
    let login = sign_in_with(&node, "käthe@example.org", given).await;
    assert!(login.token.starts_with("hs1."), "the prefix that scanners for secrets look for");

    let session = whoami(&node, &login.token).await.expect(200);
    assert_eq!(session["user_id"], "käthe@example.org");
    assert_eq!(session["device"], json!({"id": "tv-1", "name": "Wohnzimmer 📺", "class": "tv"}));
    assert_eq!(session["ip"], "203.0.113.77");
    assert_eq!(session["roles"], json!(["beta", "pro"]));
    assert_eq!(session["data"], json!({"cart": [1, 2, 3]}));
}

#[tokio::test]
async fn data_is_replaced_whole_and_null_clears_it() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let anna = Client::bearer(&node, &login.token);
    let patched = anna.patch("/api/auth/session", &json!({"data": {"theme": "dark"}})).await.expect(200);
    assert_eq!(patched["data"], json!({"theme": "dark"}));
    anna.patch("/api/auth/session", &json!({"data": null})).await.expect(200);
    assert_eq!(whoami(&node, &login.token).await.expect(200)["data"], Value::Null);
}

#[tokio::test]
async fn https_binds_the_cookie_to_the_host() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[("public_url", "https://hotseat.example")]).await;
    let answer = Client::stranger(&node).log_in("user1", json!({})).await;
    let cookie = answer.cookie("__Host-hotseat").expect("a session cookie");
    assert!(cookie.contains("Secure") && cookie.contains("Path=/") && !cookie.contains("Domain"), "{cookie}");
    let device = answer.cookie("__Host-hotseat_device").expect("a device cookie");
    assert!(device.contains("Secure") && device.contains("HttpOnly"), "{device}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let stranger = Client::stranger(&node);
    let wrong = stranger.log_in("user1", json!({"password": "password2"})).await;
    let unknown = stranger.log_in("nobody", json!({"password": "password2"})).await;
    wrong.expect_problem(401, "invalid-credentials");
    assert_eq!(wrong.text, unknown.text);
    assert!(wrong.cookie("hotseat").is_none() && wrong.cookie("hotseat_device").is_none());
}

#[tokio::test]
async fn a_token_is_handed_out_only_when_asked_for() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let answer = Client::stranger(&node).log_in("user1", json!({"return_token": true})).await;
    let login = answer.seated();
    assert!(answer.cookie("hotseat").is_none(), "one way or the other, not both");
    assert_eq!(whoami(&node, &login.token).await.expect(200)["id"], json!(login.id));
}

#[tokio::test]
async fn no_credential_and_a_bad_one_are_told_apart() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    Client::stranger(&node).get("/api/auth/session").await.expect_problem(401, "credentials-required");
    let token = sign_in(&node, "anna").await.token;
    for bad in ["x", "hs1.", &token[..token.len() - 1], &format!("{token}A")] {
        let problem = whoami(&node, bad).await.expect_problem(401, "invalid-token");
        assert!(problem.get("reason").is_none(), "and nothing else: {problem}");
    }
    // An API key is no session.
    whoami(&node, "demo-key").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn one_changed_bit_makes_a_token_unknown_and_harms_nobody() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    for (at, character) in login.token.char_indices().skip("hs1.".len()) {
        let other = if character == 'A' { 'B' } else { 'A' };
        let mut changed = login.token.clone();
        changed.replace_range(at..=at, &other.to_string());
        whoami(&node, &changed).await.expect_problem(401, "invalid-token");
    }
    whoami(&node, &login.token).await.expect(200);
}
