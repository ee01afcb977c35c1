//! The list of the disabled users.

use super::*;

#[tokio::test]
async fn disabled_users_are_listed_page_by_page_until_they_are_enabled() {
    let node = Node::start().await;
    let key = key();
    let credential = [("authorization", key.as_str())];
    for number in 0..7 {
        let path = format!("/api/admin/users/user%2F{number}/disabled");
        assert_eq!(node.call(Method::PUT, &path, &credential, None).await.status, StatusCode::OK);
    }
    node.call(Method::PUT, "/api/admin/users/zo%C3%AB/disabled", &credential, None).await;
    node.call(Method::DELETE, "/api/admin/users/user%2F3/disabled", &credential, None).await;

    let walk = async |query: &str| -> Vec<String> {
        let (mut users, mut cursor) = (Vec::new(), String::new());
        for _ in 0..20 {
            let path = format!("/api/admin/users?disabled=true{query}{cursor}");
            let page = node.get(&path, &credential).await;
            assert_eq!(page.status, StatusCode::OK, "{page:?}");
            for user in page.body["users"].as_array().unwrap() {
                assert!(user["disabled_at"].as_str().unwrap().ends_with('Z'), "{user}");
                users.push(user["user_id"].as_str().unwrap().to_owned());
            }
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        users.sort_unstable();
        users
    };
    let six = ["user/0", "user/1", "user/2", "user/4", "user/5", "user/6"];
    assert_eq!(walk("&q=user%2F&limit=2").await, six);
    assert_eq!(walk("&q=zo&cursor=").await, ["zoë"]);
    assert_eq!(walk("").await.len(), 7);
    assert!(walk("&q=nobody").await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_in_a_question_for_users_is_told_by_its_field() {
    let node = Node::start().await;
    let key = key();
    let too_long = format!("disabled=true&q={}", "x".repeat(129));
    for (query, field) in [
        ("", "disabled"),
        ("disabled=false", "disabled"),
        ("q=ann", "disabled"),
        ("disabled=true&limit=0", "limit"),
        ("disabled=true&limit=1001", "limit"),
        ("disabled=true&cursor=x", "cursor"),
        ("disabled=true&user=ann", "user"),
        (&too_long, "q"),
    ] {
        let refused = node.get(&format!("/api/admin/users?{query}"), &[("authorization", &key)]).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!(field)), "{query}");
    }
}
