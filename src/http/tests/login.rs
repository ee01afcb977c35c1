//! Logging in with a password: the seat, the cookies, the brake.

use super::*;

fn credentials(password: &str) -> Value {
    json!({"username": "ann", "password": password})
}

#[tokio::test]
async fn a_browser_gets_its_token_as_a_cookie_alone() {
    let node = Node::start().await;
    let agent = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
    let origin = ("origin", "https://hotseat.test");
    let answer = node.post("/api/auth/login", &[agent, origin], credentials(PASSWORD)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.body.get("token"), None);
    assert_eq!((&answer.body["takeover"], &answer.body["replaced"]), (&json!("none"), &json!([])));
    let session = &answer.body["session"];
    assert_eq!((&session["user_id"], &session["ip"]), (&json!("ann"), &json!("192.0.2.7")));
    assert_eq!(session["device"]["class"], "desktop");

    let (token, attributes) = answer.cookie("hotseat").unwrap();
    assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"), "{attributes}");
    let read = node.get("/api/auth/session", &[("cookie", &format!("hotseat={token}"))]).await;
    assert_eq!((read.status, &read.body["id"]), (StatusCode::OK, &session["id"]));
}

#[tokio::test]
async fn behind_https_the_cookies_are_bound_to_the_host() {
    let node = Node::with(|config| config.http.public_url = Some("https://hotseat.test".to_owned())).await;
    let answer = node.post("/api/auth/login", &[], credentials(PASSWORD)).await;
    for name in ["__Host-hotseat", "__Host-hotseat_device"] {
        let (_, attributes) = answer.cookie(name).unwrap();
        assert!(attributes.contains("Secure") && attributes.contains("Path=/"), "{attributes}");
    }
}

#[tokio::test]
async fn return_token_hands_the_token_over_and_sets_no_session_cookie() {
    let node = Node::start().await;
    let mut body = credentials(PASSWORD);
    body["return_token"] = true.into();
    let answer = node.post("/api/auth/login", &[], body).await;
    assert!(answer.body["token"].as_str().unwrap().starts_with("hs1."));
    assert_eq!(answer.cookie("hotseat"), None);
    assert!(answer.cookie("hotseat_device").is_some());
}

#[tokio::test]
async fn another_device_takes_the_seat_and_the_older_is_told_by_whom() {
    let node = Node::start().await;
    let older = node.token("ann").await;
    let mut body = credentials(PASSWORD);
    body["device"] = json!({"name": "Ann’s phone", "class": "mobile"});
    let newer = node.post("/api/auth/login", &[], body).await;
    assert_eq!(newer.body["takeover"], "sent");
    assert_eq!(newer.body["replaced"].as_array().unwrap().len(), 1);

    let told = node.get("/api/auth/session", &[("authorization", &bearer(&older))]).await;
    assert_eq!((told.word(), &told.body["reason"]), ("session-ended", &json!("takeover")));
    let by = &told.body["by"];
    assert_eq!(
        (&by["session_id"], &by["device"]["name"]),
        (&newer.body["session"]["id"], &json!("Ann’s phone"))
    );
    assert_eq!(by["ip"], "192.0.2.0", "masked");
    assert!(told.headers.contains_key(header::WWW_AUTHENTICATE));
}

#[tokio::test]
async fn the_same_browser_replaces_its_own_session() {
    let node = Node::start().await;
    let first = node.post("/api/auth/login", &[], credentials(PASSWORD)).await;
    let (device, _) = first.cookie("hotseat_device").unwrap();
    let (token, _) = first.cookie("hotseat").unwrap();
    let cookie = format!("hotseat_device={device}");
    let second = node.post("/api/auth/login", &[("cookie", &cookie)], credentials(PASSWORD)).await;
    assert_eq!(second.body["session"]["device"]["id"], first.body["session"]["device"]["id"]);
    assert_eq!(second.cookie("hotseat_device").unwrap().0, device);
    let told = node.get("/api/auth/session", &[("authorization", &bearer(&token))]).await;
    assert_eq!(told.body["reason"], "replaced");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_told_alike() {
    let node = Node::start().await;
    let wrong = node.post("/api/auth/login", &[], credentials("wrong")).await;
    let unknown = node.post("/api/auth/login", &[], json!({"username": "zoe", "password": "wrong"})).await;
    assert_eq!((wrong.word(), unknown.word()), ("invalid-credentials", "invalid-credentials"));
    assert_eq!((wrong.status, &wrong.body), (StatusCode::UNAUTHORIZED, &unknown.body));
}

/// The failed logins in the log, once there are so many.
async fn failures(node: &Node, count: usize) -> Vec<Value> {
    for _ in 0..400 {
        let log = node.get("/api/admin/events?type=failed", &[("authorization", &key())]).await;
        let events = log.body["events"].as_array().unwrap();
        if events.len() >= count {
            return events.clone();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{count} failed logins do not come into the log");
}

#[tokio::test]
async fn a_wrong_password_is_in_the_log_and_what_is_no_username_is_not() {
    let node = Node::start().await;
    let agent = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
    let device = node.post("/api/auth/login", &[agent], credentials(PASSWORD)).await;
    let (secret, _) = device.cookie("hotseat_device").unwrap();
    node.post("/api/auth/login", &[agent], json!({"username": "correct horse", "password": "ann"})).await;
    let mut named = credentials("wrong");
    named["device"] = json!({"name": "The boss’s laptop"});
    node.post("/api/auth/login", &[agent, ("cookie", &format!("hotseat_device={secret}"))], named).await;
    let [event] = &failures(&node, 1).await[..] else { panic!("one too many") };
    let text = |member: &str| event[member].as_str();
    assert_eq!((text("user"), text("ip")), (Some("ann"), Some("192.0.2.7")));
    assert_eq!((&event["actor"], &event["session"]), (&Value::Null, &Value::Null));
    assert_eq!(event["device"]["id"], device.body["session"]["device"]["id"]);
    assert_eq!(
        (event["device"]["name"].as_str(), event["device"]["class"].as_str()),
        (Some("Firefox 128 on Linux"), Some("desktop"))
    );

    assert_eq!(event["note"], Value::Null);

    // Those that are braked are not looked at, and show as one that says so, with its address.
    for _ in 0..6 {
        node.post("/api/auth/login", &[], credentials("wrong")).await;
    }
    let events = failures(&node, 4).await;
    assert_eq!(events.len(), 4);
    let held_off: Vec<_> = events.iter().filter(|event| event["note"].is_string()).collect();
    let [event] = &held_off[..] else { panic!("{held_off:?}") };
    assert_eq!((&event["user"], &event["ip"]), (&json!("ann"), &json!("192.0.2.7")));
    assert_eq!(event["note"], "held off: too many failures of this account");
}

#[tokio::test]
async fn a_search_for_accounts_shows_without_what_was_tried() {
    let rate = Rate { burst: 2, period: Duration::from_secs(3600) };
    let node = Node::with(|config| config.rate.login_address = rate).await;
    for name in ["x", "y", "hunter2", "hunter3"] {
        node.post("/api/auth/login", &[], json!({"username": name, "password": "wrong"})).await;
    }
    let [event] = &failures(&node, 1).await[..] else { panic!("one too many") };
    assert_eq!((&event["user"], &event["ip"]), (&Value::Null, &json!("192.0.2.7")));
    assert_eq!(event["note"], "held off: too many failures from this address");
    assert!(!event.to_string().contains("hunter"), "{event}");
    let metrics = node.metrics.encode();
    assert!(metrics.contains("hotseat_brakes_total{kind=\"login\"} 2"), "{metrics}");
    assert!(metrics.contains("hotseat_brakes_total{kind=\"api_key\"} 0"), "{metrics}");
}

#[tokio::test]
async fn a_log_that_is_stuck_keeps_no_login_waiting_and_what_it_misses_is_counted() {
    let (node, log, _notices) = Node::on_blank().await;
    log.is_stuck.store(true, std::sync::atomic::Ordering::Relaxed);
    let wrong = node.post("/api/auth/login", &[], credentials("wrong")).await;
    assert_eq!(wrong.word(), "invalid-credentials");
    let failed = crate::enforcer::FailedLogin {
        user: Some(UserId::parse("user", "ann").unwrap()),
        ip: None,
        device_id: None,
        user_agent: String::new(),
    };
    for _ in 0..40 {
        node.enforcer.note_failure(failed.clone());
    }
    assert_eq!(node.metrics.failures_dropped.get(), 41 - 32);
    node.token("ann").await;
}

#[tokio::test]
async fn too_many_wrong_passwords_are_braked_and_a_right_one_does_not_count() {
    let node = Node::start().await;
    for _ in 0..5 {
        node.token("ann").await;
    }
    for _ in 0..3 {
        assert_eq!(
            node.post("/api/auth/login", &[], credentials("wrong")).await.word(),
            "invalid-credentials"
        );
    }
    let braked = node.post("/api/auth/login", &[], credentials(PASSWORD)).await;
    assert_eq!((braked.word(), braked.status), ("rate-limited", StatusCode::TOO_MANY_REQUESTS));
    let wait: u64 = braked.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    node.token("bob").await;
}

#[tokio::test]
async fn parallel_guesses_do_not_slip_through_the_brake() {
    let node = Node::start().await;
    let guesses = (0..12).map(|_| node.post("/api/auth/login", &[], credentials("wrong")));
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.word() == "invalid-credentials").count();
    assert_eq!(tried, 3);
}

#[tokio::test]
async fn one_address_is_braked_over_all_accounts() {
    let rate = Rate { burst: 2, period: Duration::from_secs(3600) };
    let node = Node::with(|config| config.rate.login_address = rate).await;
    for name in ["x", "y"] {
        let answer = node.post("/api/auth/login", &[], json!({"username": name, "password": "wrong"})).await;
        assert_eq!(answer.word(), "invalid-credentials");
    }
    let braked = node.post("/api/auth/login", &[], credentials(PASSWORD)).await;
    assert_eq!(braked.word(), "rate-limited");
}

#[tokio::test]
async fn a_full_house_lists_the_holders_and_choose_takes_one() {
    let node = Node::with(|config| config.seats.on_full = crate::domain::OnFull::Choose).await;
    let older = node.token("ann").await;
    let full = node.post("/api/auth/login", &[], credentials(PASSWORD)).await;
    assert_eq!((full.word(), full.status), ("seats-full", StatusCode::CONFLICT));
    assert_eq!(full.body["on_full"], "choose");
    let holder = &full.body["sessions"][0];
    assert_eq!((holder.get("data"), holder.get("roles")), (None, None));
    assert!(full.cookie("hotseat").is_none());

    let mut body = credentials(PASSWORD);
    body["replace"] = json!([holder["id"]]);
    let seated = node.post("/api/auth/login", &[], body).await;
    assert_eq!(seated.status, StatusCode::OK, "{seated:?}");
    let told = node.get("/api/auth/session", &[("authorization", &bearer(&older))]).await;
    assert_eq!(told.body["reason"], "takeover");
}

#[tokio::test]
async fn a_disabled_user_is_refused_only_with_the_right_password() {
    let node = Node::start().await;
    let (key, token) = (key(), node.token("ann").await);
    let path = "/api/admin/users/ann/disabled";
    let disabled = node.call(Method::PUT, path, &[("authorization", &key)], None).await;
    assert_eq!(disabled.body["ended"].as_array().unwrap().len(), 1);
    let told = node.get("/api/auth/session", &[("authorization", &bearer(&token))]).await;
    assert_eq!(told.body["reason"], "disabled");
    assert_eq!(node.post("/api/auth/login", &[], credentials(PASSWORD)).await.word(), "user-disabled");
    assert_eq!(node.post("/api/auth/login", &[], credentials("wrong")).await.word(), "invalid-credentials");

    let enabled = node.call(Method::DELETE, path, &[("authorization", &key)], None).await;
    assert_eq!(enabled.status, StatusCode::NO_CONTENT);
    node.token("ann").await;
}
