//! What somebody would try who wants to get at administrators, or out of their sight.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// Users whose ids mean something in paths, queries, HTML, JSON, Lua patterns or glob patterns.
fn odd_users() -> Vec<String> {
    let odd = "/ % %2F a/b?c#d&e=f + \"'` \\ * a* [a-z] %d+ {0} ... ~ <img/src=x/onerror=alert(1)> __proto__ null 🦀 ﷺ";
    let odd = odd.split(' ').chain([" ", " x ", "é\u{301}", "\u{202e}nimda", "\u{feff}"]);
    let long = ["x".repeat(128), "🦀".repeat(32)];
    odd.map(str::to_owned).chain(long).collect()
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn a_user_with_an_odd_id_is_found_disabled_enabled_and_ended_as_any_other() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    let users = odd_users();
    for user in &users {
        let made = node.post("/api/sessions", &[credential], json!({"user_id": user})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{user}: {made:?}");
    }
    for user in &users {
        let id = escaped(user);
        let path = |rest: &str| format!("/api/admin/users/{id}{rest}");
        let of = |answer: &Answer, list: &str| -> Vec<Value> {
            assert_eq!(answer.status, StatusCode::OK, "{user}: {answer:?}");
            answer.body[list].as_array().unwrap().clone()
        };
        let page = node.get(&path(""), &[credential]).await;
        assert_eq!((&page.body["user_id"], of(&page, "sessions").len()), (&json!(user), 1), "{user}");
        for query in ["user", "q"] {
            let found =
                node.get(&format!("/api/admin/sessions?{query}={id}&limit=1000"), &[credential]).await;
            let found = of(&found, "sessions");
            assert!(found.iter().any(|session| session["user_id"] == *user), "{query} {user}: {found:?}");
            let is_right = |session: &Value| session["user_id"].as_str().unwrap().starts_with(user.as_str());
            assert!(found.iter().all(is_right), "{query} {user}: {found:?}");
        }
        let events = node.get(&format!("/api/admin/events?user={id}"), &[credential]).await;
        assert!(of(&events, "events").iter().all(|event| event["user"] == *user), "{user}: {events:?}");

        let disabled = node.call(Method::PUT, &path("/disabled"), &[credential], None).await;
        assert_eq!(of(&disabled, "ended").len(), 1, "{user}");
        let refused = node.post("/api/sessions", &[credential], json!({"user_id": user})).await;
        assert_eq!(refused.word(), "user-disabled", "{user}");
        let enabled = node.call(Method::DELETE, &path("/disabled"), &[credential], None).await;
        assert!(enabled.status.is_success(), "{user}: {enabled:?}");
        let made = node.post("/api/sessions", &[credential], json!({"user_id": user})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{user}: {made:?}");
        let ended = node.call(Method::DELETE, &path("/sessions"), &[credential], None).await;
        assert_eq!(of(&ended, "ended").len(), 1, "{user}");
    }
}

/// A browser takes these for "here" and "above", however they are escaped: nobody could look at such a user.
#[tokio::test]
async fn nobody_is_called_by_a_dot_or_two() {
    let node = Node::start().await;
    for user in [".", ".."] {
        let refused =
            node.post("/api/sessions", &[("authorization", &key())], json!({"user_id": user})).await;
        assert_eq!(
            (refused.word(), &refused.body["field"]),
            ("invalid-request", &json!("user_id")),
            "{user}"
        );
    }
}

/// A cursor says where to go on, not what is wanted: the filter beside it holds, whichever walk it came from.
#[tokio::test]
async fn a_cursor_of_another_filter_leads_on_under_the_filter_beside_it() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    for user in 0..20 {
        let body = json!({"user_id": format!("user-{user}"), "device": {"class": "tv"}});
        node.post("/api/sessions", &[credential], body).await;
    }
    let first = node.get("/api/admin/sessions?class=tv&limit=5", &[credential]).await;
    let cursor = first.body["next_cursor"].as_str().unwrap().to_owned();
    for (filter, most) in
        [("class=mobile", 0), ("q=user-1", 11), ("user=user-7", 1), ("node=0101010101010101", 0)]
    {
        let path = format!("/api/admin/sessions?{filter}&cursor={cursor}&limit=1000");
        let page = node.get(&path, &[credential]).await;
        let users = page.body["sessions"].as_array().unwrap_or_else(|| panic!("{filter}: {page:?}"));
        assert!(users.len() <= most, "{filter}: {page:?}");
    }
    // One list's is none of another's.
    let events = node.get(&format!("/api/admin/events?cursor={cursor}"), &[credential]).await;
    assert_eq!((events.word(), &events.body["field"]), ("invalid-request", &json!("cursor")));
    let event = node.get("/api/admin/events?limit=1", &[credential]).await.body["next_cursor"].clone();
    let path = format!("/api/admin/sessions?cursor={}", escaped(event.as_str().unwrap()));
    assert_eq!(node.get(&path, &[credential]).await.word(), "invalid-request");
}

#[tokio::test]
async fn a_note_that_is_too_long_or_no_text_ends_nobody() {
    let node = Node::start().await;
    let token = node.token("ann").await;
    let admin = bearer(&node.token("admin").await);
    let credential = ("authorization", admin.as_str());
    let id = node.get("/api/auth/session", &[("authorization", &bearer(&token))]).await.body["id"].clone();
    let session = format!("/api/admin/sessions/{}", id.as_str().unwrap());
    for note in [json!("x".repeat(10_000)), json!("x".repeat(257)), json!("a\u{0}b"), json!(["x"]), json!(7)]
    {
        let body = json!({"note": note});
        for (method, path) in [
            (Method::DELETE, session.as_str()),
            (Method::DELETE, "/api/admin/users/ann/sessions"),
            (Method::PUT, "/api/admin/users/ann/disabled"),
        ] {
            let refused = node.call(method, path, &[credential], Some(body.clone())).await;
            assert_eq!(
                (refused.word(), &refused.body["field"]),
                ("invalid-request", &json!("note")),
                "{path}"
            );
        }
        let job = json!({"kind": "end-sessions", "everybody": true, "note": note});
        let refused = node.post("/api/admin/jobs", &[credential], job).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!("note")));
    }
    let live = node.get("/api/auth/session", &[("authorization", &bearer(&token))]).await;
    assert_eq!(live.status, StatusCode::OK, "{live:?}");
    assert_eq!(node.get("/api/admin/jobs", &[credential]).await.body["jobs"], json!([]));
}

/// Two of them at the same moment: each session ends once, by one of them, and the log has both acts.
#[tokio::test]
async fn two_administrators_at_once_end_each_session_once() {
    let node = Node::with(|config| config.seats.limits[0].max = 100).await;
    let key = key();
    for _ in 0..20 {
        node.post("/api/sessions", &[("authorization", &key)], json!({"user_id": "zoe"})).await;
    }
    let tokens = [bearer(&node.token("admin").await), bearer(&node.token("admin").await)];
    let end = async |token: &str, note: &str| {
        let body = Some(json!({"note": note}));
        let answer = node
            .call(Method::DELETE, "/api/admin/users/zoe/sessions", &[("authorization", token)], body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body["ended"].as_array().unwrap().len()
    };
    let (one, two) = tokio::join!(end(&tokens[0], "one"), end(&tokens[1], "two"));
    assert_eq!(one + two, 20, "{one} and {two}");
    let path = "/api/admin/events?user=zoe&type=kicked&limit=1000";
    let events = node.get(path, &[("authorization", &key)]).await.body["events"].as_array().unwrap().clone();
    let mut ended: Vec<_> = events.iter().filter_map(|event| event["session"].as_str()).collect();
    ended.sort_unstable();
    assert_eq!(ended.len(), 20);
    ended.dedup();
    assert_eq!(ended.len(), 20, "none ended twice");
    let by = |note: &str| events.iter().filter(|event| event["note"] == note).count();
    assert!(by("one") >= 1 && by("two") >= 1, "whoever found nobody is in the log as well: {events:?}");
    // Disabled by both and enabled by one, the user is enabled.
    let disabled = "/api/admin/users/zoe/disabled";
    let disable = |token: &str| request(Method::PUT, disabled, &[("authorization", token)], None);
    let (one, two) = tokio::join!(node.send(disable(&tokens[0])), node.send(disable(&tokens[1])));
    assert_eq!((one.status, two.status), (StatusCode::OK, StatusCode::OK));
    node.call(Method::DELETE, disabled, &[("authorization", &tokens[0])], None).await;
    let page = node.get("/api/admin/users/zoe", &[("authorization", &tokens[1])]).await;
    assert_eq!(page.body["disabled"], json!(false), "{page:?}");
}
