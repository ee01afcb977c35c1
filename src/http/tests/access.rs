//! Who may call what administrators call, asked of every call that the document has: a new one without a line here
//! fails.

use super::*;
use crate::config::Scope;

/// A call of the document, with what is sent along. `None`: the test does not know the call.
fn body_of(method: &str, path: &str) -> Option<Option<Value>> {
    let body = match (method, path) {
        ("post", "/api/admin/notices") => {
            Some(json!({"to": {"user": "ann"}, "level": "info", "text": "Tea is ready."}))
        }
        ("post", "/api/admin/jobs") => Some(json!({"kind": "end-sessions", "role": "nobody"})),
        ("delete", "/api/admin/sessions/{id}" | "/api/admin/users/{id}/sessions")
        | ("put" | "delete", "/api/admin/users/{id}/disabled") => Some(json!({"note": "a test"})),
        (
            "get",
            "/api/admin/sessions"
            | "/api/admin/sessions/{id}"
            | "/api/admin/users"
            | "/api/admin/users/{id}"
            | "/api/admin/events"
            | "/api/admin/events/export"
            | "/api/admin/stream"
            | "/api/admin/contested"
            | "/api/admin/stats"
            | "/api/admin/nodes"
            | "/api/admin/store"
            | "/api/admin/jobs"
            | "/api/admin/jobs/{id}"
            | "/api/auth/active-sessions",
        )
        | ("delete", "/api/admin/jobs/{id}") => None,
        _ => return None,
    };
    Some(body)
}

/// Every call of the document that is an administrator's.
async fn calls(node: &Node) -> Vec<(Method, String, Option<Value>)> {
    let document = node.get("/api/openapi.json", &[]).await.body;
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_admins = path.starts_with("/api/admin/") || operation["tags"] == json!(["admin"]);
            if is_admins {
                assert_eq!(operation["tags"], json!(["admin"]), "{method} {path}");
                let body = body_of(method, path);
                let body = body.unwrap_or_else(|| panic!("nobody says who may {method} {path}"));
                calls.push((method.to_uppercase().parse().unwrap(), path.clone(), body));
            }
        }
    }
    assert!(calls.len() >= 20, "{calls:?}");
    // What changes something comes last, and jobs before the sessions that they look at.
    calls.sort_by_key(|(method, path, _)| (*method != Method::GET, path.clone()));
    calls
}

/// What became of a call; the body of a stream has no end, and is not waited for.
async fn status(
    node: &Node,
    (method, path, body): &(Method, String, Option<Value>),
    headers: &[(&str, &str)],
) -> u16 {
    let request = request(method.clone(), path, headers, body.clone());
    node.router.clone().oneshot(request).await.unwrap().status().as_u16()
}

/// The calls with the ids of what is there.
async fn filled(node: &Node) -> Vec<(Method, String, Option<Value>)> {
    let key = key();
    let credential = ("authorization", key.as_str());
    let session = node.post("/api/sessions", &[credential], json!({"user_id": "zoe"})).await.body;
    let job = json!({"kind": "end-sessions", "role": "nobody"});
    let job = node.post("/api/admin/jobs", &[credential], job).await;
    assert_eq!(job.status, StatusCode::ACCEPTED, "{job:?}");
    let fill = |path: &str| {
        let id = match path {
            path if path.starts_with("/api/admin/sessions/") => session["session"]["id"].as_str().unwrap(),
            path if path.starts_with("/api/admin/jobs/") => job.body["id"].as_str().unwrap(),
            _ => "zoe",
        };
        // The one call that refuses to be asked without.
        let query = if path == "/api/admin/users" { "?disabled=true" } else { "" };
        format!("{}{query}", path.replace("{id}", id))
    };
    calls(node).await.into_iter().map(|(method, path, body)| (method, fill(&path), body)).collect()
}

#[tokio::test]
async fn every_call_of_an_administrator_knows_who_may_make_it() {
    let node = Node::start().await;
    let tokens = [node.token("ann").await, node.token("auditor").await, node.token("admin").await];
    let [user, auditor, admin] = tokens.each_ref().map(|token| bearer(token));
    for call in filled(&node).await {
        let reads = call.0 == Method::GET;
        assert_eq!(status(&node, &call, &[]).await, 401, "nobody: {call:?}");
        assert_eq!(status(&node, &call, &[("authorization", "Bearer x")]).await, 401, "a stranger: {call:?}");
        assert_eq!(status(&node, &call, &[("authorization", &user)]).await, 403, "a user: {call:?}");
        let audited = status(&node, &call, &[("authorization", &auditor)]).await;
        assert_eq!(audited, if reads { 200 } else { 403 }, "an auditor: {call:?}");
        let done = status(&node, &call, &[("authorization", &admin)]).await;
        assert!((200..300).contains(&done), "an administrator: {done} {call:?}");
    }
}

#[tokio::test]
async fn every_call_of_an_administrator_goes_by_the_scopes_of_a_key() {
    for (scope, may_read, may_change) in [
        (Scope::Sessions, false, false),
        (Scope::Introspect, false, false),
        (Scope::Audit, true, false),
        (Scope::Admin, true, true),
    ] {
        let node = Node::with(|config| {
            config.api_keys.push(super::super::testing::api_key("other", "other", &[scope]));
        })
        .await;
        for call in filled(&node).await {
            let got = status(&node, &call, &[("authorization", "Bearer other")]).await;
            let may = if call.0 == Method::GET { may_read } else { may_change };
            let is_right = if may { (200..300).contains(&got) } else { got == 403 };
            assert!(is_right, "{scope:?}: {got} {call:?}");
        }
    }
}

/// A page of another origin may not use the administrator's cookie, and no page may without saying which it is.
#[tokio::test]
async fn a_cookie_changes_nothing_without_an_allowed_origin() {
    let node = Node::start().await;
    let cookie = format!("hotseat={}", node.token("admin").await);
    let own = format!("http://{HOST}");
    for call in filled(&node).await {
        if call.0 == Method::GET {
            continue;
        }
        let silent = status(&node, &call, &[("cookie", &cookie)]).await;
        let foreign = status(&node, &call, &[("cookie", &cookie), ("origin", "https://evil.example")]).await;
        assert_eq!((silent, foreign), (403, 403), "{call:?}");
        let allowed = status(&node, &call, &[("cookie", &cookie), ("origin", &own)]).await;
        assert!((200..300).contains(&allowed), "{allowed} {call:?}");
    }
}

#[tokio::test]
async fn only_a_key_with_the_scope_admin_makes_an_auditor() {
    let node = Node::with(|config| config.api_keys[0].scopes = vec![Scope::Sessions, Scope::Audit]).await;
    let key = key();
    let body = json!({"user_id": "eve", "roles": ["auditor"]});
    let refused = node.post("/api/sessions", &[("authorization", &key)], body.clone()).await;
    assert_eq!(refused.word(), "forbidden");
    let node = Node::start().await;
    let made = node.post("/api/sessions", &[("authorization", &key)], body).await;
    let token = bearer(made.body["token"].as_str().unwrap());
    assert_eq!(node.get("/api/admin/nodes", &[("authorization", &token)]).await.status, StatusCode::OK);
}
