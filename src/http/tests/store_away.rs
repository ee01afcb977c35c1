//! When the store can't be asked nothing is answered as allowed.

use super::*;

#[tokio::test]
async fn every_call_is_refused_with_a_time_to_come_back() {
    let node = Node::start().await;
    let (token, key) = (bearer(&node.token("ann").await), key());
    node.store.close().await;
    for (method, path, credential, body) in [
        (Method::POST, "/api/auth/login", None, Some(json!({"username": "ann", "password": PASSWORD}))),
        (Method::GET, "/api/auth/session", Some(&token), None),
        (Method::POST, "/api/auth/logout", Some(&token), None),
        (Method::GET, "/api/verify", Some(&token), None),
        (Method::POST, "/api/introspect", Some(&key), Some(json!({"token": &token["Bearer ".len()..]}))),
        (Method::POST, "/api/sessions", Some(&key), Some(json!({"user_id": "ada"}))),
        (Method::GET, "/api/users/ann/sessions", Some(&key), None),
        (Method::GET, "/api/auth/active-sessions", Some(&key), None),
        (Method::PUT, "/api/admin/users/ann/disabled", Some(&key), None),
    ] {
        let headers: Vec<_> = credential.map(|text| ("authorization", text.as_str())).into_iter().collect();
        let answer = node.call(method, path, &headers, body).await;
        assert_eq!((answer.word(), answer.status.as_u16()), ("store-unavailable", 503), "{path}");
        assert!(answer.headers.contains_key(header::RETRY_AFTER), "{path}");
    }
    assert_eq!(node.get("/readyz", &[]).await.word(), "not-ready");
    assert_eq!(node.get("/healthz", &[]).await.status, StatusCode::OK);
}
