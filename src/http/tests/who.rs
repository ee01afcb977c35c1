//! Who may call everything else: every call of the document that is no administrator's (those are in `access.rs`), and
//! that there is no call beside the document.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::config::Scope;

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Anyones,
    /// Of a live session, by token or cookie.
    Sessions,
    /// Of a live session as well, and by its token alone.
    Tokens,
    /// Of an API key with this scope.
    Keys(Scope),
}

/// Whose a call of the document is, and what is sent along. `None`: the test does not know the call.
fn known(method: &str, path: &str) -> Option<(Whose, Option<Value>)> {
    use Whose::{Anyones, Keys, Sessions, Tokens};
    Some(match (method, path) {
        ("post", "/api/auth/login") => (Anyones, Some(json!({"username": "bob", "password": PASSWORD}))),
        ("get", "/healthz" | "/readyz" | "/metrics") => (Anyones, None),
        ("post", "/api/auth/logout" | "/api/auth/sessions/end-others") => (Sessions, None),
        ("get", "/api/auth/session" | "/api/auth/sessions" | "/api/verify") => (Sessions, None),
        ("patch", "/api/auth/session") => (Sessions, Some(json!({"data": 1}))),
        ("delete", "/api/auth/sessions/{id}") => (Sessions, None),
        ("post", "/api/auth/adopt") => (Tokens, None),
        ("post", "/api/sessions") => (Keys(Scope::Sessions), Some(json!({"user_id": "zoe"}))),
        ("get" | "delete", "/api/sessions/{id}" | "/api/users/{id}/sessions") => {
            (Keys(Scope::Sessions), None)
        }
        ("post", "/api/introspect") => (Keys(Scope::Introspect), Some(json!({"token": "x"}))),
        _ => return None,
    })
}

/// The calls of the document that are no administrator's.
async fn calls(node: &Node) -> Vec<(Method, String, Whose, Option<Value>)> {
    let document = node.get("/api/openapi.json", &[]).await.body;
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["tags"] != json!(["admin"]) {
                let (whose, body) =
                    known(method, path).unwrap_or_else(|| panic!("nobody says who may {method} {path}"));
                calls.push((method.to_uppercase().parse().unwrap(), path.clone(), whose, body));
            }
        }
    }
    assert!(calls.len() >= 17, "{calls:?}");
    calls
}

/// A session of `zoe`'s: its id and its token.
async fn session(node: &Node) -> (String, String) {
    let made = node.post("/api/sessions", &[("authorization", &key())], json!({"user_id": "zoe"})).await.body;
    (made["session"]["id"].as_str().unwrap().to_owned(), bearer(made["token"].as_str().unwrap()))
}

#[tokio::test]
async fn every_other_call_knows_who_may_make_it() {
    let node = Node::with(|config| {
        let key = |name: &str, scope| super::super::testing::api_key(name, name, &[scope]);
        config.api_keys.push(key("sessions", Scope::Sessions));
        config.api_keys.push(key("introspect", Scope::Introspect));
        config.api_keys.push(key("audit", Scope::Audit));
    })
    .await;
    for (method, path, whose, body) in calls(&node).await {
        // What one call ends the next one needs.
        let (id, token) = session(&node).await;
        let id = if path.starts_with("/api/users/") { "zoe" } else { &id };
        let path = path.replace("{id}", id);
        let status = async |credential: &[(&str, &str)]| {
            node.call(method.clone(), &path, credential, body.clone()).await.status.as_u16()
        };
        let of = async |credential: &str| status(&[("authorization", credential)]).await;
        let what = format!("{method} {path}");
        let is_done = |status: u16| (200..300).contains(&status);
        if whose == Whose::Anyones {
            assert!(is_done(status(&[]).await), "nobody: {what}");
            continue;
        }
        assert_eq!(status(&[]).await, 401, "nobody: {what}");
        assert_eq!(of("Bearer x").await, 401, "a stranger: {what}");
        match whose {
            Whose::Keys(scope) => {
                assert_eq!(of(&token).await, 403, "a session: {what}");
                let other = if scope == Scope::Sessions { "Bearer introspect" } else { "Bearer sessions" };
                assert_eq!(of(other).await, 403, "a key with another scope: {what}");
                assert_eq!(of("Bearer audit").await, 403, "a key that only looks: {what}");
                let own = if scope == Scope::Sessions { "Bearer sessions" } else { "Bearer introspect" };
                assert!(is_done(of(own).await), "a key: {what}");
            }
            _ => {
                assert_eq!(of(&key()).await, 403, "a key: {what}");
                if whose == Whose::Sessions && method != Method::GET {
                    let cookie = token.replace("Bearer ", "hotseat=");
                    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
                    assert_eq!(status(&foreign).await, 403, "a foreign page: {what}");
                    assert_eq!(status(&[("cookie", &cookie)]).await, 403, "a page that hides: {what}");
                }
                assert!(is_done(of(&token).await), "its session: {what}");
            }
        }
    }
}

/// The tests of access go by the document. What is routed by hand escapes them, so all of it stands here.
#[test]
fn what_is_routed_beside_the_document_is_no_call() {
    let mut routed = BTreeSet::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                waiting.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let routes = text.split(".route(").skip(1);
                routed.extend(routes.map(|rest| rest.split(',').next().unwrap().trim().to_owned()));
            }
        }
    }
    let pages =
        ["/", "/admin", "/admin/", "/admin/{*view}", "/console/{*path}", "/demo/{*path}", "/sdk/{*path}"];
    let docs = ["/api/docs", "/api/docs/", "/api/docs/{*path}"];
    // What a problem's type leads to is open to all, and the same for all.
    let problems = "&format!(\"{TYPE_BASE}{{word}}\")";
    // Forward-auth takes any method and path; the document has it once. The socket has tests of its own.
    let others = ["/api/verify", "/api/verify/", "/api/verify/{*rest}", "/ws"];
    let known = pages.into_iter().chain(docs).chain(others).map(|path| format!("\"{path}\""));
    let known: BTreeSet<String> = known.chain(["DOCUMENT", problems].map(str::to_owned)).collect();
    assert_eq!(routed, known);
}
