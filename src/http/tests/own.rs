//! Calls of a session about itself and its user's others.

use super::*;

async fn roomy() -> Node {
    Node::with(|config| config.seats.limits[0].max = 3).await
}

#[tokio::test]
async fn a_call_without_a_credential_is_told_so() {
    let node = Node::start().await;
    for (method, path) in [
        (Method::GET, "/api/auth/session"),
        (Method::PATCH, "/api/auth/session"),
        (Method::POST, "/api/auth/logout"),
        (Method::POST, "/api/auth/adopt"),
        (Method::GET, "/api/auth/sessions"),
        (Method::POST, "/api/auth/sessions/end-others"),
        (Method::GET, "/api/auth/active-sessions"),
        (Method::POST, "/api/sessions"),
        (Method::POST, "/api/introspect"),
        (Method::GET, "/api/verify"),
        (Method::PUT, "/api/admin/users/ann/disabled"),
    ] {
        let answer = node.call(method, path, &[], None).await;
        assert_eq!((answer.word(), answer.status.as_u16()), ("credentials-required", 401), "{path}");
    }
}

#[tokio::test]
async fn a_token_never_seen_is_invalid_and_nothing_else() {
    let node = Node::start().await;
    let real = node.token("ann").await;
    let stranger = super::super::testing::token("ann");
    let mut flipped = real.clone();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    for text in ["", "x", "hs1.", stranger.reveal(), &flipped] {
        for (name, value) in [("authorization", bearer(text)), ("cookie", format!("hotseat={text}"))] {
            let answer = node.get("/api/auth/session", &[(name, &value)]).await;
            assert_eq!((answer.word(), answer.status.as_u16()), ("invalid-token", 401), "{name}: {text}");
            assert_eq!(answer.body.as_object().unwrap().len(), 3, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_api_key_is_no_session_and_a_session_no_api_key() {
    let node = Node::start().await;
    let (key, token) = (key(), bearer(&node.token("ann").await));
    for (path, credential) in
        [("/api/auth/session", &key), ("/api/verify", &key), ("/api/users/ann/sessions", &token)]
    {
        let answer = node.get(path, &[("authorization", credential)]).await;
        assert_eq!((answer.word(), answer.status.as_u16()), ("forbidden", 403), "{path}");
        assert!(answer.body["detail"].is_string());
    }
    let cookie = format!("hotseat={}", &token["Bearer ".len()..]);
    let answer = node.get("/api/users/ann/sessions", &[("cookie", &cookie)]).await;
    assert_eq!(answer.word(), "credentials-required", "a cookie is not looked at");
}

#[tokio::test]
async fn a_cookie_changes_nothing_without_an_allowed_origin() {
    let node = Node::start().await;
    let token = node.token("ann").await;
    let cookie = format!("hotseat={token}");
    let patch = async |headers: &[(&str, &str)]| {
        node.call(Method::PATCH, "/api/auth/session", headers, Some(json!({"data": 1}))).await
    };
    let (own, foreign) = (("origin", "http://hotseat.test"), ("origin", "http://evil.test"));
    assert_eq!(patch(&[("cookie", &cookie)]).await.word(), "origin-not-allowed");
    assert_eq!(patch(&[("cookie", &cookie), foreign]).await.word(), "origin-not-allowed");
    assert_eq!(patch(&[("authorization", &bearer(&token)), foreign]).await.word(), "origin-not-allowed");
    assert_eq!(patch(&[("cookie", &cookie), own]).await.status, StatusCode::OK);
    assert_eq!(patch(&[("authorization", &bearer(&token))]).await.status, StatusCode::OK);
    let read = node.get("/api/auth/session", &[("cookie", &cookie), foreign]).await;
    assert_eq!(
        read.status,
        StatusCode::OK,
        "reading changes nothing, and no foreign page can read the answer"
    );
}

#[tokio::test]
async fn data_is_replaced_as_a_whole_and_cleared_by_null() {
    let node = Node::start().await;
    let token = bearer(&node.token("ann").await);
    let credential = ("authorization", token.as_str());
    let patch = async |body| node.call(Method::PATCH, "/api/auth/session", &[credential], Some(body)).await;
    let patched = patch(json!({"data": {"level": [1, null]}})).await;
    assert_eq!(patched.body["data"], json!({"level": [1, null]}), "{patched:?}");
    assert_eq!(node.get("/api/auth/session", &[credential]).await.body["data"], json!({"level": [1, null]}));

    for (body, field) in [(json!({}), "data"), (json!({"data": "x".repeat(4_095)}), "data")] {
        let refused = patch(body).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!(field)));
    }
    assert_eq!(node.get("/api/auth/session", &[credential]).await.body["data"], json!({"level": [1, null]}));
    assert_eq!(patch(json!({"data": null})).await.body["data"], Value::Null);
    assert_eq!(node.get("/api/auth/session", &[credential]).await.body["data"], Value::Null);
}

#[tokio::test]
async fn logout_ends_the_session_and_clears_its_cookie() {
    let node = Node::start().await;
    let token = node.token("ann").await;
    let headers = [("cookie", &*format!("hotseat={token}")), ("origin", "http://hotseat.test")];
    let answer = node.call(Method::POST, "/api/auth/logout", &headers, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.cookie("hotseat").unwrap().1.contains("Max-Age=0"));
    let told = node.get("/api/auth/session", &[("authorization", &bearer(&token))]).await;
    assert_eq!((told.word(), &told.body["reason"]), ("session-ended", &json!("logout")));
    assert!(told.body["by"]["session_id"].is_string(), "the asking session: its own");
}

#[tokio::test]
async fn a_user_sees_its_devices_and_ends_one() {
    let node = roomy().await;
    let (first, second) = (node.token("ann").await, bearer(&node.token("ann").await));
    let stranger = bearer(&node.token("bob").await);
    let credential = ("authorization", second.as_str());
    let list = node.get("/api/auth/sessions", &[credential]).await;
    let ids: Vec<_> =
        list.body["sessions"].as_array().unwrap().iter().map(|session| &session["id"]).collect();
    assert_eq!(ids.len(), 2, "newest first: {list:?}");
    let path = format!("/api/auth/sessions/{}", ids[1].as_str().unwrap());

    let foreign = node.call(Method::DELETE, &path, &[("authorization", &stranger)], None).await;
    assert_eq!(foreign.word(), "not-found");
    for _ in 0..2 {
        let answer = node.call(Method::DELETE, &path, &[credential], None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "and again the same: {answer:?}");
    }
    let told = node.get("/api/auth/session", &[("authorization", &bearer(&first))]).await;
    assert_eq!((&told.body["reason"], &told.body["by"]["session_id"]), (&json!("logout"), ids[0]));
    let unknown = format!("/api/auth/sessions/{}", super::super::testing::token("zoe").session());
    assert_eq!(node.call(Method::DELETE, &unknown, &[credential], None).await.word(), "not-found");
    let malformed = node.call(Method::DELETE, "/api/auth/sessions/x", &[credential], None).await;
    assert_eq!((malformed.word(), &malformed.body["field"]), ("invalid-request", &json!("id")));
}

#[tokio::test]
async fn end_others_leaves_the_asking_one() {
    let node = roomy().await;
    let (older, own) = (bearer(&node.token("ann").await), bearer(&node.token("ann").await));
    let path = "/api/auth/sessions/end-others";
    let answer = node.call(Method::POST, path, &[("authorization", &own)], None).await;
    assert_eq!(answer.body["ended"].as_array().unwrap().len(), 1);
    assert_eq!(node.get("/api/auth/session", &[("authorization", &own)]).await.status, StatusCode::OK);
    assert_eq!(node.get("/api/auth/session", &[("authorization", &older)]).await.word(), "session-ended");
}

#[tokio::test]
async fn a_token_is_adopted_as_a_cookie() {
    let node = Node::start().await;
    let token = node.token("ann").await;
    let answer =
        node.call(Method::POST, "/api/auth/adopt", &[("authorization", &bearer(&token))], None).await;
    assert_eq!((answer.status, answer.cookie("hotseat").unwrap().0), (StatusCode::NO_CONTENT, token.clone()));
    let headers = [("cookie", &*format!("hotseat={token}")), ("origin", "http://hotseat.test")];
    assert_eq!(node.call(Method::POST, "/api/auth/adopt", &headers, None).await.word(), "forbidden");
}

#[tokio::test]
async fn the_active_sessions_are_for_administrators() {
    let node = Node::start().await;
    let (ann, admin) = (bearer(&node.token("ann").await), bearer(&node.token("admin").await));
    let path = "/api/auth/active-sessions";
    assert_eq!(node.get(path, &[("authorization", &ann)]).await.word(), "forbidden");
    for credential in [&admin, &key()] {
        let answer = node.get(path, &[("authorization", credential)]).await;
        assert_eq!((answer.status, &answer.body["count"]), (StatusCode::OK, &json!(2)), "{answer:?}");
        assert_eq!(answer.body["sessions"][0]["user_id"], "admin", "newest first");
    }
}
