//! What people and administrators do with accounts and their sessions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, send};
use crate::support::rig::{sign_in, sign_in_with, try_sign_in, whoami};
use crate::support::{Engine, Node, Rig, Socket};

crate::on_both_stores!(
    people_see_and_end_their_own_sessions_and_nobody_elses,
    a_disabled_user_is_out_and_stays_out,
);

const THREE_SEATS: (&str, &str) = ("limits", r#"[{"role":"*","class":"*","max":3}]"#);

fn ids(list: &Value) -> Vec<String> {
    let sessions = list["sessions"].as_array().or_else(|| list.as_array()).expect("a list of sessions");
    sessions.iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect()
}

async fn people_see_and_end_their_own_sessions_and_nobody_elses(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[THREE_SEATS]).await;
    let mut mine = Vec::new();
    for _ in 0..3 {
        mine.push(sign_in(&node, "anna").await);
    }
    let berta = sign_in(&node, "berta").await;
    let anna = Client::bearer(&node, &mine[2].token);

    let listed = ids(&anna.get("/api/auth/sessions").await.expect(200));
    assert_eq!(listed, [&mine[2].id, &mine[1].id, &mine[0].id].map(String::clone), "newest first");

    let foreign = anna.delete(&format!("/api/auth/sessions/{}", berta.id)).await;
    foreign.expect_problem(404, "not-found");
    whoami(&node, &berta.token).await.expect(200);

    let mut socket = Socket::live(&node, &mine[0].token).await;
    let ended = anna.delete(&format!("/api/auth/sessions/{}", mine[0].id)).await;
    assert!(matches!(ended.status, 200 | 204), "{}", ended.text);
    let told = socket.expect_out("logout", 4440).await;
    assert_eq!(told["by"]["session_id"], json!(mine[2].id), "the asking session: {told}");

    let others = anna.post("/api/auth/sessions/end-others", &json!({})).await;
    assert!(matches!(others.status, 200 | 204), "{}", others.text);
    assert_eq!(ids(&anna.get("/api/auth/sessions").await.expect(200)), [mine[2].id.clone()]);
    assert_eq!(whoami(&node, &mine[1].token).await.expect_problem(401, "session-ended")["reason"], "logout");
}

async fn admin_of(node: &Node) -> Client {
    let login = Client::stranger(node).log_in("admin", json!({"return_token": true})).await.seated();
    Client::bearer(node, &login.token)
}

async fn a_disabled_user_is_out_and_stays_out(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node().await;
    let admin = admin_of(&node).await;
    let login = sign_in(&node, "user1").await;
    let mut socket = Socket::live(&node, &login.token).await;

    let answer = send(admin.request(Method::PUT, "/api/admin/users/user1/disabled")).await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
    socket.expect_out("disabled", 4403).await;
    assert_eq!(whoami(&node, &login.token).await.expect_problem(401, "session-ended")["reason"], "disabled");
    Client::stranger(&node).log_in("user1", json!({})).await.expect_problem(403, "user-disabled");
    try_sign_in(&node, "user1", json!({})).await.expect_problem(403, "user-disabled");

    let answer = admin.delete("/api/admin/users/user1/disabled").await;
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
    Client::stranger(&node).log_in("user1", json!({})).await.expect(200);
    whoami(&node, &login.token).await.expect_problem(401, "session-ended");
}

#[tokio::test]
async fn what_is_an_administrators_is_refused_to_others() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    let anna = Client::bearer(&node, &login.token);
    anna.get("/api/auth/active-sessions").await.expect_problem(403, "forbidden");
    let disable = send(anna.request(Method::PUT, "/api/admin/users/berta/disabled")).await;
    disable.expect_problem(403, "forbidden");
    Client::stranger(&node)
        .get("/api/auth/active-sessions")
        .await
        .expect_problem(401, "credentials-required");
    // A session is no API key.
    anna.create("berta", json!({})).await.expect_problem(403, "forbidden");
    try_sign_in(&node, "berta", json!({})).await.expect(201);
}

#[tokio::test]
async fn an_api_key_sees_and_ends_sessions_by_id_and_by_user() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node_with(&[THREE_SEATS]).await;
    let service = Client::service(&node);
    let first = sign_in_with(&node, "anna b/c", json!({"data": {"n": 1}})).await;
    let second = sign_in(&node, "anna b/c").await;

    let session = service.get(&format!("/api/sessions/{}", first.id)).await.expect(200);
    assert_eq!(session["data"], json!({"n": 1}));
    let listed = service.get("/api/users/anna%20b%2Fc/sessions").await.expect(200);
    assert_eq!(ids(&listed), [second.id.clone(), first.id.clone()]);

    let ended = service.delete(&format!("/api/sessions/{}", first.id)).await;
    assert!(matches!(ended.status, 200 | 204), "{}", ended.text);
    assert_eq!(whoami(&node, &first.token).await.expect_problem(401, "session-ended")["reason"], "kicked");
    let ended = service.delete("/api/users/anna%20b%2Fc/sessions").await;
    assert!(matches!(ended.status, 200 | 204), "{}", ended.text);
    let problem = whoami(&node, &second.token).await.expect_problem(401, "session-ended");
    assert_eq!((&problem["reason"], &problem["by"]), (&json!("kicked"), &Value::Null));

    service.get("/api/sessions/0199a000-0000-7000-8000-000000000000").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn guessing_passwords_is_braked_for_the_account_and_not_for_others() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let guesser = Client::stranger(&node);
    let mut tries = 0;
    let braked = loop {
        let answer = guesser.log_in("user1", json!({"password": "wrong"})).await;
        if answer.status == 429 {
            break answer;
        }
        answer.expect_problem(401, "invalid-credentials");
        tries += 1;
        assert!(tries < 50, "no brake");
    };
    braked.expect_problem(429, "rate-limited");
    let wait: u64 = braked.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!(wait >= 1, "a time to wait for: {wait}");
    // The right password does not get through either: the answer must not tell that it is right.
    guesser.log_in("user1", json!({})).await.expect_problem(429, "rate-limited");
    guesser.log_in("user2", json!({})).await.expect(200);
}
