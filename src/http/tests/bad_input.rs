//! Each named refusal leaves everything as it was.

use super::*;

#[tokio::test]
async fn a_wrong_field_is_named_and_nobody_is_seated() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    let names = |count: usize| (0..count).map(|at| format!("role{at}")).collect::<Vec<_>>();
    for (field, member) in [
        ("user_id", json!({"user_id": ""})),
        ("user_id", json!({"user_id": "x".repeat(129)})),
        ("user_id", json!({"user_id": "a\u{0}b"})),
        ("user_id", json!({"user_id": 7})),
        ("user_id", json!({"user_id": null})),
        ("device.id", json!({"device": {"id": ""}})),
        ("device.id", json!({"device": {"id": "x".repeat(129)}})),
        ("device.name", json!({"device": {"name": "x".repeat(65)}})),
        ("device.class", json!({"device": {"class": "fridge"}})),
        ("device", json!({"device": ["laptop-1", "Ada's laptop", "desktop"]})),
        ("device.colour", json!({"device": {"colour": "red"}})),
        ("ip", json!({"ip": "not an address"})),
        ("user_agent", json!({"user_agent": "x".repeat(513)})),
        ("roles", json!({"roles": names(17)})),
        ("roles", json!({"roles": ["a b"]})),
        ("roles[0]", json!({"roles": [1]})),
        ("data", json!({"data": "x".repeat(4_095)})),
        ("ttl_s", json!({"ttl_s": 0})),
        ("ttl_s", json!({"ttl_s": 30 * 86_400 + 1})),
        ("ttl_s", json!({"ttl_s": -1})),
        ("ttl_s", json!({"ttl_s": 1.5})),
        ("replace", json!({"replace": []})),
        ("confirm", json!({"confirm": "yes"})),
        ("return_token", json!({"return_token": true})),
    ] {
        let mut body = json!({"user_id": "ada"});
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let refused = node.post("/api/sessions", &[credential], body.clone()).await;
        assert_eq!((refused.word(), refused.status.as_u16()), ("invalid-request", 422), "{body}");
        assert_eq!(refused.body["field"], field, "{refused:?}");
    }
    assert_eq!(node.get("/api/users/ada/sessions", &[credential]).await.body, json!({"sessions": []}));
}

#[tokio::test]
async fn a_wrong_login_is_refused_before_the_password_is_looked_at() {
    let node = Node::start().await;
    for (field, body) in [
        ("username", json!({"password": "x"})),
        ("username", json!({"username": "a\u{7}", "password": "x"})),
        ("password", json!({"username": "ann"})),
        ("password", json!({"username": "ann", "password": "x".repeat(1_025)})),
        ("password", json!({"username": "ann", "password": ["x"]})),
        ("device.id", json!({"username": "ann", "password": "x", "device": {"id": "mine"}})),
        ("device.name", json!({"username": "ann", "password": "x", "device": {"name": "\u{1b}"}})),
        ("replace", json!({"username": "ann", "password": "x", "replace": []})),
        ("otp", json!({"username": "ann", "password": "x", "otp": "1"})),
    ] {
        for _ in 0..2 {
            let refused = node.post("/api/auth/login", &[], body.clone()).await;
            assert_eq!(
                (refused.word(), &refused.body["field"]),
                ("invalid-request", &json!(field)),
                "{body}"
            );
        }
    }
    node.token("ann").await;
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let node = Node::start().await;
    let send = async |body: &'static str, media_type: &str| {
        let mut request = request(Method::POST, "/api/auth/login", &[("content-type", media_type)], None);
        *request.body_mut() = Body::from(body);
        node.send(request).await
    };
    assert_eq!(send("{\"username\": ", "application/json").await.status.as_u16(), 400);
    assert_eq!(send("{}", "text/plain").await.word(), "unsupported-media-type");
    let huge: &'static str = Box::leak(format!("\"{}\"", "x".repeat(16 * 1024)).into_boxed_str());
    assert_eq!(send(huge, "application/json").await.word(), "payload-too-large");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let node = Node::start().await;
    for path in ["/", "/api", "/api/auth/nothing", "/sdk/nothing.js", "/api/docs/nothing.js", "/demo/demo.js"]
    {
        assert_eq!(node.get(path, &[]).await.word(), "not-found", "{path}");
    }
    let answer = node.call(Method::DELETE, "/api/auth/session", &[], None).await;
    assert_eq!((answer.word(), answer.status.as_u16()), ("method-not-allowed", 405));
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD,PATCH");
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_by_its_field() {
    let node = Node::start().await;
    let key = key();
    for path in ["/api/sessions/x", "/api/users/a%00b/sessions", "/api/users/%ff/sessions"] {
        let refused = node.get(path, &[("authorization", &key)]).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!("id")), "{path}");
    }
}
