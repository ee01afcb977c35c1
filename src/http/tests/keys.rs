//! Calls of other services.

use super::*;
use crate::config::Scope;

#[tokio::test]
async fn a_login_api_gets_a_session_with_all_that_it_named() {
    let node = Node::start().await;
    let body = json!({"user_id": "ada", "device": {"id": "laptop-1", "name": "Ada’s laptop", "class": "desktop"},
        "ip": "203.0.113.9", "user_agent": "curl/8.5.0", "roles": ["pro", "pro"], "data": {"a": 1}, "ttl_s": 60,
        "confirm": true});
    let answer = node.post("/api/sessions", &[("authorization", &key())], body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(answer.headers.get(header::SET_COOKIE), None);
    let session = &answer.body["session"];
    assert_eq!(session["device"], json!({"id": "laptop-1", "name": "Ada’s laptop", "class": "desktop"}));
    assert_eq!((&session["ip"], &session["roles"]), (&json!("203.0.113.9"), &json!(["pro"])));
    assert_eq!((&session["data"], &session["user_agent"]), (&json!({"a": 1}), &json!("curl/8.5.0")));

    let token = bearer(answer.body["token"].as_str().unwrap());
    let read = node.get("/api/auth/session", &[("authorization", &token)]).await;
    assert_eq!(read.body["data"], json!({"a": 1}));
}

#[tokio::test]
async fn the_callers_own_address_is_not_taken_for_the_clients() {
    let node = Node::start().await;
    let answer = node.post("/api/sessions", &[("authorization", &key())], json!({"user_id": "ada"})).await;
    assert_eq!(
        (&answer.body["session"]["ip"], &answer.body["session"]["user_agent"]),
        (&Value::Null, &json!(""))
    );
}

#[tokio::test]
async fn a_service_reads_and_ends_sessions() {
    let node = Node::with(|config| config.seats.limits[0].max = 2).await;
    let (key, path) = (key(), "/api/users/a%2Fb%20%C3%BC/sessions");
    let credential = ("authorization", key.as_str());
    let first = node.post("/api/sessions", &[credential], json!({"user_id": "a/b ü"})).await;
    node.post("/api/sessions", &[credential], json!({"user_id": "a/b ü"})).await;
    let list = node.get(path, &[credential]).await;
    assert_eq!(list.body["sessions"].as_array().unwrap().len(), 2, "{list:?}");

    let one = format!("/api/sessions/{}", first.body["session"]["id"].as_str().unwrap());
    assert_eq!(node.get(&one, &[credential]).await.body, first.body["session"]);
    for _ in 0..2 {
        let ended = node.call(Method::DELETE, &one, &[credential], None).await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT, "{ended:?}");
    }
    let gone = node.get(&one, &[credential]).await;
    assert_eq!((gone.word(), &gone.body["ended"]["reason"]), ("not-found", &json!("kicked")));
    assert_eq!(gone.body["ended"]["by"], Value::Null);

    let ended = node.call(Method::DELETE, path, &[credential], None).await;
    assert_eq!(ended.body["ended"].as_array().unwrap().len(), 1);
    assert_eq!(node.get(path, &[credential]).await.body, json!({"sessions": []}));
    let unknown = format!("/api/sessions/{}", super::super::testing::token("zoe").session());
    assert_eq!(node.get(&unknown, &[credential]).await.word(), "not-found");
    assert_eq!(node.call(Method::DELETE, &unknown, &[credential], None).await.word(), "not-found");
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let node = Node::with(|config| config.api_keys[0].scopes = vec![Scope::Introspect]).await;
    let key = key();
    let credential = ("authorization", key.as_str());
    for (method, path) in [
        (Method::POST, "/api/sessions"),
        (Method::GET, "/api/users/ann/sessions"),
        (Method::GET, "/api/auth/active-sessions"),
        (Method::PUT, "/api/admin/users/ann/disabled"),
    ] {
        assert_eq!(node.call(method, path, &[credential], None).await.word(), "forbidden", "{path}");
    }
    assert_eq!(
        node.post("/api/introspect", &[credential], json!({"token": "x"})).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_key_without_the_scope_admin_makes_nobody_an_administrator() {
    let node = Node::with(|config| config.api_keys[0].scopes = vec![Scope::Sessions]).await;
    let key = key();
    let credential = ("authorization", key.as_str());
    let body = json!({"user_id": "eve", "roles": ["pro", "admin"]});
    assert_eq!(node.post("/api/sessions", &[credential], body).await.word(), "forbidden");
    let others = json!({"user_id": "eve", "roles": ["pro", "administrator"]});
    assert_eq!(node.post("/api/sessions", &[credential], others).await.status, StatusCode::CREATED);

    let node = Node::start().await;
    let body = json!({"user_id": "eve", "roles": ["admin"]});
    let admin = node.post("/api/sessions", &[credential], body).await;
    let token = bearer(admin.body["token"].as_str().unwrap());
    let count = node.get("/api/auth/active-sessions", &[("authorization", &token)]).await;
    assert_eq!(count.body["count"], 1);
}

#[tokio::test]
async fn calls_of_a_key_are_limited_where_configured() {
    let rate = Rate { burst: 1, period: Duration::from_secs(3600) };
    let node = Node::with(|config| config.rate.api_key = Some(rate)).await;
    let key = key();
    let credential = ("authorization", key.as_str());
    assert_eq!(node.get("/api/users/ann/sessions", &[credential]).await.status, StatusCode::OK);
    let braked = node.get("/api/users/ann/sessions", &[credential]).await;
    assert_eq!(braked.word(), "rate-limited");
    assert!(braked.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn introspection_tells_a_live_token_from_all_others() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    let older = node.token("bob").await;
    let token = node.token("bob").await;
    let ask =
        async |token: &str| node.post("/api/introspect", &[credential], json!({"token": token})).await.body;
    let live = ask(&token).await;
    assert_eq!((&live["active"], &live["sub"]), (&json!(true), &json!("bob")));
    assert_eq!((&live["roles"], &live["token_type"]), (&json!(["pro"]), &json!("Bearer")));
    for dead in [older.as_str(), "", "x", &token[1..]] {
        assert_eq!(ask(dead).await, json!({"active": false}), "{dead}");
    }

    let mut form = request(Method::POST, "/api/introspect", &[credential], None);
    *form.body_mut() = Body::from(format!("token={token}&token_type_hint=access_token"));
    let urlencoded = HeaderValue::from_static("application/x-www-form-urlencoded");
    form.headers_mut().insert(header::CONTENT_TYPE, urlencoded);
    assert_eq!(node.send(form).await.body["active"], true);
}

#[tokio::test]
async fn a_gateway_hears_who_it_is_by_any_method() {
    let node = Node::start().await;
    let token = node.token("bob").await;
    let cookie = format!("hotseat={token}");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        for path in ["/api/verify", "/api/verify/", "/api/verify/app/page?x=1"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let foreign = ("origin", "https://app.example");
            let right = node.call(method.clone(), path, &[("cookie", &cookie), foreign], None).await;
            assert_eq!(right.status, StatusCode::OK, "{method} {path}");
            assert_eq!(right.headers["x-hotseat-user"], "bob");
            assert_eq!(right.headers["x-hotseat-roles"], "pro");
            assert_eq!(right.headers[header::CACHE_CONTROL], "no-store");
            let wrong = node.call(method.clone(), path, &[], None).await;
            assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_gateway_can_ask_for_a_role() {
    let node = Node::start().await;
    let token = bearer(&node.token("bob").await);
    let credential = ("authorization", token.as_str());
    for (query, status) in [
        ("?role=pro", 200),
        ("?role=admin&role=pro", 200),
        ("?role=admin", 403),
        ("?role=", 403),
        ("?role=%ff", 403),
    ] {
        let answer = node.get(&format!("/api/verify{query}"), &[credential]).await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
    }
}

#[tokio::test]
async fn preflights_of_other_origins_do_not_open_the_gateway() {
    let node =
        Node::with(|config| config.http.allowed_origins = vec!["https://app.example".to_owned()]).await;
    let headers = [("origin", "https://app.example"), ("access-control-request-method", "GET")];
    assert_eq!(
        node.call(Method::OPTIONS, "/api/verify", &headers, None).await.status,
        StatusCode::UNAUTHORIZED
    );
}
