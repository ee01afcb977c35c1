//! What administrators see and do, on a store that is empty but for what the test did.

use std::sync::PoisonError;

use futures_util::StreamExt as _;

use super::*;

/// A node with room for many, and the credential of its API key.
async fn roomy() -> (Node, String) {
    (Node::with(|config| config.seats.limits[0].max = 100).await, key())
}

async fn create(node: &Node, body: Value) -> Value {
    let answer = node.post("/api/sessions", &[("authorization", &key())], body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.body["session"].clone()
}

/// The list of an answer that has to be there.
fn list(answer: &Answer, name: &str) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body[name].as_array().unwrap().clone()
}

/// Walks a list from page to page.
async fn walk(node: &Node, path: &str, name: &str) -> Vec<Value> {
    let (key, mut all, mut cursor) = (key(), Vec::new(), String::new());
    for _ in 0..100 {
        let page = node.get(&format!("{path}{cursor}"), &[("authorization", &key)]).await;
        all.extend(list(&page, name));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("the walk has no end: {all:?}");
}

fn texts(list: &[Value], member: &str) -> Vec<String> {
    list.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_list_walks_over_every_session_once() {
    let (node, key) = roomy().await;
    for user in 0..30 {
        let class = if user % 3 == 0 { "mobile" } else { "desktop" };
        create(&node, json!({"user_id": format!("user-{user}"), "device": {"class": class}})).await;
    }
    create(&node, json!({"user_id": "other", "data": {"a": 1}})).await;
    let mut users = texts(&walk(&node, "/api/admin/sessions?limit=4", "sessions").await, "user_id");
    users.sort_unstable();
    assert_eq!(users.len(), 31, "{users:?}");
    users.dedup();
    assert_eq!(users.len(), 31);
    assert_eq!(walk(&node, "/api/admin/sessions?q=user-1&limit=3", "sessions").await.len(), 11);
    assert_eq!(walk(&node, "/api/admin/sessions?class=mobile&limit=3", "sessions").await.len(), 10);
    let one = walk(&node, "/api/admin/sessions?user=other", "sessions").await;
    assert_eq!((one.len(), &one[0]["data"]), (1, &json!({"a": 1})));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=AAAAAAAA", "cursor"),
        ("class=fridge", "class"),
        ("node=x", "node"),
        ("user=%00", "user"),
        ("q=x&page=2", "page"),
    ] {
        let refused = node.get(&format!("/api/admin/sessions?{query}"), &[("authorization", &key)]).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn who_kicked_and_why_stands_in_the_log() {
    let (node, key) = roomy().await;
    let token = node.token("admin").await;
    let admin = bearer(&token);
    let credential = ("authorization", admin.as_str());
    let session = create(&node, json!({"user_id": "ada"})).await;
    let path = format!("/api/admin/sessions/{}", session["id"].as_str().unwrap());
    let shown = node.get(&path, &[credential]).await;
    assert_eq!((&shown.body["session"]["user_id"], &shown.body["ended"]), (&json!("ada"), &Value::Null));
    let kicked =
        node.call(Method::DELETE, &path, &[credential], Some(json!({"note": "stolen laptop"}))).await;
    assert_eq!(list(&kicked, "ended").len(), 1);
    let note = Some(json!({"note": "to be sure"}));
    let again = node.call(Method::DELETE, &path, &[credential], note).await;
    assert_eq!(list(&again, "ended").len(), 0, "what is over stays as it ended");
    let over = node.get(&path, &[credential]).await;
    assert_eq!(over.body["ended"]["reason"], "kicked");
    assert_eq!(over.body["ended"]["by"], Value::Null, "an administrator's name is not for the device");

    create(&node, json!({"user_id": "ada"})).await;
    let all = "/api/admin/users/ada/sessions";
    assert_eq!(list(&node.call(Method::DELETE, all, &[credential], None).await, "ended").len(), 1);
    create(&node, json!({"user_id": "ada"})).await;
    let own = node.call(Method::DELETE, "/api/users/ada/sessions", &[("authorization", &key)], None).await;
    assert_eq!(list(&own, "ended").len(), 1);

    let none = node.call(Method::DELETE, all, &[credential], Some(json!({"note": "nobody in"}))).await;
    assert_eq!(list(&none, "ended").len(), 0);

    // What ended nobody is in the log as well, without a session.
    let kicks = walk(&node, "/api/admin/events?user=ada&type=kicked&limit=1", "events").await;
    assert_eq!(texts(&kicks, "actor"), ["user:admin", "key:admin", "user:admin", "user:admin", "user:admin"]);
    assert_eq!(texts(&kicks, "note"), ["nobody in", "", "", "to be sure", "stolen laptop"]);
    let sessions: Vec<bool> = kicks.iter().map(|kick| kick["session"].is_string()).collect();
    assert_eq!(sessions, [false, true, true, false, true]);
    assert_eq!(kicks[4]["session"], session["id"]);
    // From where, and in which session.
    let own = crate::domain::Token::parse(&token).unwrap().session().to_string();
    for kick in &kicks {
        let of = if kick["actor"] == "user:admin" { json!(own) } else { Value::Null };
        assert_eq!((&kick["ip"], &kick["actor_session"]), (&json!("192.0.2.7"), &of), "{kick}");
    }
    let too_long = json!({"note": "x".repeat(257)});
    let refused = node.call(Method::DELETE, &path, &[credential], Some(too_long)).await;
    assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!("note")));
}

#[tokio::test]
async fn a_users_page_has_all_that_there_is_to_know() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    let path = "/api/admin/users/a%2Fb%20%C3%BC";
    let unknown = node.get(path, &[credential]).await;
    assert_eq!(unknown.body["contested"], json!({"day": null, "week": null}));
    assert_eq!((&unknown.body["sessions"], &unknown.body["disabled"]), (&json!([]), &json!(false)));
    for name in ["one", "two", "three"] {
        create(&node, json!({"user_id": "a/b ü", "device": {"name": name}, "ip": "203.0.113.9"})).await;
    }
    let page = node.get(path, &[credential]).await;
    assert_eq!(list(&page, "sessions").len(), 1);
    let events = list(&page, "events");
    assert_eq!(texts(&events, "type"), ["login", "login", "login"]);
    assert_eq!(events[0]["ended"][0]["reason"], "takeover");
    assert_eq!((&events[0]["device"]["name"], &events[0]["ip"]), (&json!("three"), &json!("203.0.113.9")));
    assert_eq!(page.body["contested"]["day"], json!({"takeovers": 2, "rank": 1}));

    let disabling = format!("{path}/disabled");
    node.call(Method::PUT, &disabling, &[credential], Some(json!({"note": "fraud"}))).await;
    let page = node.get(path, &[credential]).await;
    assert_eq!((&page.body["disabled"], &page.body["sessions"]), (&json!(true), &json!([])));
    assert!(page.body["disabled_at"].is_string());
    node.call(Method::DELETE, &disabling, &[credential], None).await;
    let page = node.get(path, &[credential]).await;
    assert_eq!((&page.body["disabled"], &page.body["disabled_at"]), (&json!(false), &Value::Null));
    assert_eq!(page.body["events"][0]["type"], "enabled");
    assert_eq!(page.body["events"][0]["actor"], "key:admin");
}

#[tokio::test]
async fn the_most_contested_are_shown_with_the_evidence() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    for (user, logins) in [("ann", 4), ("bob", 2), ("cat", 2), ("dan", 1)] {
        for at in 0..logins {
            let device = json!({"id": format!("device-{}", at % 2), "name": "Phone"});
            create(&node, json!({"user_id": user, "device": device, "ip": format!("203.0.113.{at}")})).await;
        }
    }
    for period in ["", "?period=week"] {
        let answer = node.get(&format!("/api/admin/contested{period}"), &[credential]).await;
        let users = list(&answer, "users");
        assert_eq!(texts(&users, "user_id"), ["ann", "bob", "cat"]);
        let counts: Vec<_> =
            users.iter().map(|user| (user["takeovers"].clone(), user["rank"].clone())).collect();
        assert_eq!(counts, [(json!(3), json!(1)), (json!(1), json!(2)), (json!(1), json!(2))]);
        let evidence = &users[0]["evidence"];
        assert_eq!((&evidence["devices"], &evidence["addresses"]), (&json!(2), &json!(4)));
        let newest = &evidence["pairs"][0];
        assert_eq!(
            (&newest["from"]["ip"], &newest["to"]["ip"]),
            (&json!("203.0.113.2"), &json!("203.0.113.3"))
        );
    }
    let top = node.get("/api/admin/contested?top=1", &[credential]).await;
    assert_eq!(list(&top, "users").len(), 1);
    // Evidence is dear, and shown of the first 50 alone.
    for user in 0..50 {
        for _ in 0..2 {
            create(&node, json!({"user_id": format!("many-{user}")})).await;
        }
    }
    let all = list(&node.get("/api/admin/contested?top=1000", &[credential]).await, "users");
    assert_eq!(all.iter().map(|user| user["evidence"].is_object()).filter(|shown| *shown).count(), 50);
    assert!(all.len() == 53 && all[50..].iter().all(|user| user["evidence"].is_null()));
    let refused = node.get("/api/admin/contested?period=year", &[credential]).await;
    assert_eq!(refused.body["field"], "period");
}

#[tokio::test]
async fn the_log_is_exported_line_by_line() {
    let (node, key) = roomy().await;
    for _ in 0..7 {
        create(&node, json!({"user_id": "ada"})).await;
    }
    create(&node, json!({"user_id": "bob"})).await;
    let path = "/api/admin/events/export?user=ada&type=login";
    let request = request(Method::GET, path, &[("authorization", &key)], None);
    let response = node.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    assert!(
        response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().contains("hotseat-events.ndjson")
    );
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines, walk(&node, "/api/admin/events?user=ada&type=login&limit=3", "events").await);
}

#[tokio::test]
async fn a_node_is_listed_by_what_it_says_of_itself() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    for _ in 0..3 {
        create(&node, json!({"user_id": "ada"})).await;
    }
    node.enforcer.ready().await.unwrap();
    node.enforcer.report().await.unwrap();
    let nodes = list(&node.get("/api/admin/nodes", &[credential]).await, "nodes");
    assert_eq!(nodes.len(), 1);
    assert_eq!((&nodes[0]["name"], &nodes[0]["alive"]), (&json!(HOST), &json!(true)));
    assert_eq!(nodes[0]["version"], env!("CARGO_PKG_VERSION"));
    assert!(nodes[0]["started_at"].is_string(), "{}", nodes[0]);
    let stats = node.get("/api/admin/stats", &[credential]).await;
    assert_eq!(list(&stats, "nodes").len(), 1);
    assert_eq!((&stats.body["sessions"], &stats.body["logins_total"]), (&json!(1), &json!(3)));
    assert_eq!(stats.body["takeovers_total"], 2);
    assert_eq!(stats.body["nodes"][0]["recent"][0]["logins"], 3);
    let store = node.get("/api/admin/store", &[credential]).await;
    assert_eq!(list(&store, "servers").len(), 1);
    assert!(!store.body["description"].as_str().unwrap().is_empty());
}

/// Waits until a job is over, and answers it.
async fn job_over(node: &Node, id: &str) -> Value {
    let key = key();
    for _ in 0..400 {
        let job = node.get(&format!("/api/admin/jobs/{id}"), &[("authorization", &key)]).await;
        assert_eq!(job.status, StatusCode::OK, "{job:?}");
        if job.body["state"] != "running" {
            return job.body;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the job does not end");
}

#[tokio::test]
async fn a_job_ends_the_sessions_of_a_role_and_no_others() {
    let (node, key) = roomy().await;
    for user in 0..250 {
        let roles = if user % 2 == 0 { json!(["pro"]) } else { json!([]) };
        create(&node, json!({"user_id": format!("user-{user}"), "roles": roles})).await;
    }
    let admin = bearer(&node.token("admin").await);
    let body = json!({"kind": "end-sessions", "role": "pro", "note": "maintenance"});
    let begun = node.post("/api/admin/jobs", &[("authorization", &admin)], body).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED, "{begun:?}");
    let job = job_over(&node, begun.body["id"].as_str().unwrap()).await;
    assert_eq!((&job["state"], &job["ended"], &job["progress"]), (&json!("done"), &json!(125), &json!(1.0)));
    assert_eq!((&job["actor"], &job["note"]), (&json!("user:admin"), &json!("maintenance")));
    assert_eq!(walk(&node, "/api/admin/sessions?limit=1000", "sessions").await.len(), 126);
    let kicks = walk(&node, "/api/admin/events?type=kicked&limit=1000", "events").await;
    assert_eq!(kicks.len(), 125);
    assert!(kicks.iter().all(|kick| kick["actor"] == "user:admin" && kick["note"] == "maintenance"));
    let jobs = texts(&walk(&node, "/api/admin/events?type=job", "events").await, "note");
    assert!(jobs.len() == 2 && jobs[0].starts_with("done: ") && jobs[1].starts_with("begun: "), "{jobs:?}");

    // Everybody, but for the administrator who asks.
    let body = json!({"kind": "end-sessions", "everybody": true});
    let begun = node.post("/api/admin/jobs", &[("authorization", &admin)], body).await;
    let job = job_over(&node, begun.body["id"].as_str().unwrap()).await;
    assert_eq!(job["ended"], 125, "{job}");
    let left = walk(&node, "/api/admin/sessions?limit=1000", "sessions").await;
    assert_eq!(texts(&left, "user_id"), ["admin"]);
    let jobs = node.get("/api/admin/jobs", &[("authorization", &key)]).await;
    assert_eq!(list(&jobs, "jobs").len(), 2);
}

#[tokio::test]
async fn a_job_that_is_cancelled_twice_is_cancelled_once() {
    let node = Node::start().await;
    let admin = bearer(&node.token("admin").await);
    let credential = ("authorization", admin.as_str());
    // A node that goes away takes no job up.
    node.enforcer.drain();
    let body = json!({"kind": "end-sessions", "everybody": true, "note": "a mistake"});
    let begun = node.post("/api/admin/jobs", &[credential], body).await;
    let path = format!("/api/admin/jobs/{}", begun.body["id"].as_str().unwrap());
    for _ in 0..2 {
        let cancelled = node.call(Method::DELETE, &path, &[credential], None).await;
        assert_eq!((&cancelled.body["state"], cancelled.status), (&json!("cancelled"), StatusCode::OK));
    }
    let events = walk(&node, "/api/admin/events?type=job", "events").await;
    let words: Vec<_> = texts(&events, "note").iter().map(|note| note[..6].to_owned()).collect();
    assert_eq!(words, ["cancel", "begun:"]);
    assert!(events.iter().all(|event| event["ip"] == "192.0.2.7" && event["actor_session"].is_string()));
}

/// Whoever exports and loses the session meanwhile does not get the rest, and sees that it is not all.
#[tokio::test]
async fn an_export_breaks_off_when_its_session_ends() {
    let (node, log, _notices) = Node::on_blank().await;
    for ms in 0..1_200 {
        let at = crate::domain::Timestamp::from_millis(ms);
        let event = store::Event::new(at, store::EventKind::Login, None);
        log.events.lock().unwrap_or_else(PoisonError::into_inner).insert(0, event);
    }
    for ends in [false, true] {
        let token = node.token("admin").await;
        let credential = bearer(&token);
        let request =
            request(Method::GET, "/api/admin/events/export", &[("authorization", &credential)], None);
        let response = node.router.clone().oneshot(request).await.unwrap();
        let mut body = response.into_body().into_data_stream();
        let mut lines = body.next().await.unwrap().unwrap().iter().filter(|byte| **byte == b'\n').count();
        if ends {
            let user = UserId::parse("user", "admin").unwrap();
            node.enforcer.kick(store::Target::User(user), &store::Act::NONE).await.unwrap();
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(6)).await;
        tokio::time::resume();
        let mut is_whole = true;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => lines += chunk.iter().filter(|byte| **byte == b'\n').count(),
                Err(_) => is_whole = false,
            }
        }
        assert_eq!((lines, is_whole), if ends { (500, false) } else { (1_200, true) });
    }
}

#[tokio::test]
async fn a_job_that_is_no_job_is_refused() {
    let node = Node::start().await;
    let key = key();
    for (body, field) in [
        (json!({"kind": "end-world", "everybody": true}), "kind"),
        (json!({"kind": "end-sessions"}), "everybody"),
        (json!({"kind": "end-sessions", "everybody": false}), "everybody"),
        (json!({"kind": "end-sessions", "everybody": true, "role": "pro"}), "everybody"),
        (json!({"kind": "end-sessions", "role": "a b"}), "role"),
        (json!({"kind": "end-sessions", "role": "pro", "note": "x".repeat(257)}), "note"),
        (json!({"kind": "end-sessions", "all": true}), "all"),
    ] {
        let refused = node.post("/api/admin/jobs", &[("authorization", &key)], body.clone()).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!(field)), "{body}");
    }
    let unknown = "/api/admin/jobs/01890a5d-ac96-7774-bcce-b302099a8057";
    assert_eq!(node.get(unknown, &[("authorization", &key)]).await.word(), "not-found");
    let cancelled = node.call(Method::DELETE, unknown, &[("authorization", &key)], None).await;
    assert_eq!(cancelled.word(), "not-found");
    assert_eq!(node.get("/api/admin/jobs/x", &[("authorization", &key)]).await.word(), "invalid-request");
}

#[tokio::test]
async fn a_notice_is_kept_in_the_log_and_a_wrong_one_is_not_sent() {
    let node = Node::start().await;
    let key = key();
    let credential = ("authorization", key.as_str());
    for (to, user) in [
        (json!({"user": "ann"}), json!("ann")),
        (json!({"role": "pro"}), Value::Null),
        (json!("everybody"), Value::Null),
    ] {
        let body = json!({"to": to, "level": "warning", "text": "Down at six."});
        let sent = node.post("/api/admin/notices", &[credential], body).await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{sent:?}");
        assert!(sent.body["sent_at"].is_string());
        let events = walk(&node, "/api/admin/events?type=notice", "events").await;
        assert!(
            events.iter().any(|event| {
                event["user"] == user
                    && event["actor"] == "key:admin"
                    && event["note"].as_str().unwrap().ends_with("Down at six.")
            }),
            "{events:?}"
        );
    }
    for (body, field) in [
        (json!({"to": "everybody", "level": "info", "text": ""}), "text"),
        (json!({"to": "everybody", "level": "info", "text": "x".repeat(513)}), "text"),
        (json!({"to": {"user": ""}, "level": "info", "text": "x"}), "to.user"),
        (json!({"to": {"role": "a b"}, "level": "info", "text": "x"}), "to.role"),
        (json!({"to": "everybody", "level": "loud", "text": "x"}), "level"),
        (json!({"to": "nobody", "level": "info", "text": "x"}), "to"),
    ] {
        let refused = node.post("/api/admin/notices", &[credential], body.clone()).await;
        assert_eq!((refused.word(), &refused.body["field"]), ("invalid-request", &json!(field)), "{body}");
    }
}

/// A page that reads again by itself must not keep the session of an administrator who has gone from ending as idle.
#[tokio::test]
async fn a_read_in_the_background_and_the_stream_are_no_use_of_the_session() {
    let node = Node::start().await;
    let token = node.token("auditor").await;
    let id = crate::domain::Token::parse(&token).unwrap().session();
    let seen_at = async || {
        node.enforcer.flush().await;
        node.store.get(id, false).await.unwrap().unwrap().session.seen_at
    };
    let (credential, before) = (bearer(&token), seen_at().await);
    let own = [("authorization", credential.as_str())];
    let background = [own[0], ("hotseat-background", "true")];

    // Past the millisecond of the login: a use would be seen.
    tokio::time::sleep(Duration::from_millis(20)).await;
    for path in ["stats", "nodes", "sessions", "events", "jobs", "store", "users/ann"] {
        let answer = node.get(&format!("/api/admin/{path}"), &background).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    }
    let request = request(Method::GET, "/api/admin/stream", &own, None);
    assert_eq!(node.router.clone().oneshot(request).await.unwrap().status(), StatusCode::OK);
    assert_eq!(seen_at().await, before);

    node.get("/api/admin/stats", &own).await;
    assert!(seen_at().await > before, "the same without the word is one");
}
