//! What the `type` of a refusal leads to.

use super::*;

#[tokio::test]
async fn the_type_of_a_problem_leads_to_what_it_means() {
    let node = Node::start().await;
    let refused = node.get("/api/auth/session", &[]).await;
    assert_eq!((refused.status, refused.word()), (StatusCode::UNAUTHORIZED, "credentials-required"));
    let type_of = |answer: &Answer| answer.body["type"].as_str().unwrap().to_owned();

    let asked = request(Method::GET, &type_of(&refused), &[], None);
    let page = node.router.clone().oneshot(asked).await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(page.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let text = axum::body::to_bytes(page.into_body(), 1 << 16).await.unwrap();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.starts_with("credentials-required\n\n401. "), "{text}");

    // What is none is refused as a problem itself, which can be followed.
    let unknown = node.get("/problems/nonsense", &[]).await;
    assert_eq!(type_of(&unknown), "/problems/not-found");
}
