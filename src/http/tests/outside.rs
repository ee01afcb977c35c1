//! What everybody sees: probes, documents, pages, headers.

use super::*;

#[tokio::test]
async fn probes_answer_and_metrics_are_openmetrics() {
    let node = Node::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(node.get(path, &[]).await.status, StatusCode::OK, "{path}");
    }
    let metrics = node.get("/metrics", &[]).await;
    assert!(
        metrics.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("application/openmetrics-text")
    );
}

#[tokio::test]
async fn the_document_describes_every_path_of_the_contract() {
    let node = Node::start().await;
    let document = node.get("/api/openapi.json", &[]).await.body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for (path, methods) in [
        ("/api/auth/login", &["post"][..]),
        ("/api/auth/logout", &["post"]),
        ("/api/auth/session", &["get", "patch"]),
        ("/api/auth/adopt", &["post"]),
        ("/api/auth/sessions", &["get"]),
        ("/api/auth/sessions/{id}", &["delete"]),
        ("/api/auth/sessions/end-others", &["post"]),
        ("/api/auth/active-sessions", &["get"]),
        ("/api/sessions", &["post"]),
        ("/api/sessions/{id}", &["get", "delete"]),
        ("/api/users/{id}/sessions", &["get", "delete"]),
        ("/api/introspect", &["post"]),
        ("/api/verify", &["get"]),
        ("/api/admin/users/{id}/disabled", &["put", "delete"]),
        ("/healthz", &["get"]),
        ("/readyz", &["get"]),
        ("/metrics", &["get"]),
    ] {
        for method in methods {
            assert!(document["paths"][path][method].is_object(), "{method} {path} is missing");
        }
    }
    let text = document.to_string();
    let referred = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
    for name in referred {
        assert!(document["components"]["schemas"][name].is_object(), "{name} is referred to and missing");
    }
}

#[tokio::test]
async fn the_documents_page_needs_nothing_from_elsewhere() {
    let node = Node::start().await;
    assert_eq!(node.get("/api/docs", &[]).await.headers[header::LOCATION], "/api/docs/");
    for (path, media_type) in [
        ("", "text/html"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-initializer.js", "text/javascript"),
    ] {
        let answer = node.get(&format!("/api/docs/{path}"), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], media_type, "{path}");
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self'") && !policy.contains("http"), "{policy}");
    }
}

#[tokio::test]
async fn every_answer_says_that_it_is_no_page_and_nobody_keeps_it() {
    let node = Node::start().await;
    for path in ["/healthz", "/api/auth/session", "/nothing", "/api/verify", "/api/openapi.json"] {
        let answer = node.get(path, &[]).await;
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn allowed_origins_may_read_answers_with_their_cookies_and_others_may_not() {
    let node =
        Node::with(|config| config.http.allowed_origins = vec!["https://app.example".to_owned()]).await;
    let preflight = |origin| [("origin", origin), ("access-control-request-method", "PATCH")];
    let allowed = preflight("https://app.example");
    let answer = node.call(Method::OPTIONS, "/api/auth/session", &allowed, None).await;
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    assert!(answer.headers[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("PATCH"));
    let refused = node.get("/api/auth/session", &[("origin", "https://app.example")]).await;
    assert_eq!(refused.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example", "{refused:?}");

    let foreign =
        node.call(Method::OPTIONS, "/api/auth/session", &preflight("https://evil.example"), None).await;
    assert_eq!(foreign.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
}

#[tokio::test]
async fn a_forwarded_address_is_believed_of_a_trusted_proxy_alone() {
    for (trusted, shown) in [("192.0.2.0/24", "203.0.113.9"), ("10.0.0.0/8", "192.0.2.7")] {
        let node = Node::with(|config| config.http.trusted_proxies = vec![trusted.parse().unwrap()]).await;
        let body = json!({"username": "ann", "password": PASSWORD});
        let answer = node.post("/api/auth/login", &[("x-forwarded-for", "203.0.113.9")], body).await;
        assert_eq!(answer.body["session"]["ip"], shown);
    }
}
