//! What operators and tools see: health, metrics, the active-session view, the API document.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::rig::{sign_in, sign_in_with};
use crate::support::{Engine, Node, Rig, Socket, eventually, within};

#[tokio::test]
async fn a_node_says_that_it_lives_and_that_it_is_ready() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let stranger = Client::stranger(&node);
    stranger.get("/healthz").await.expect_text(200);
    stranger.get("/readyz").await.expect_text(200);
}

/// The samples of a Prometheus text exposition, by name with labels. Panics where the text is none.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut typed = Vec::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            if let Some(rest) = comment.strip_prefix("TYPE ") {
                typed.push(rest.split(' ').next().expect("a name").to_owned());
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let family = name.split('{').next().expect("a name");
        assert!(typed.iter().any(|known| family.starts_with(known.as_str())), "no type for {family}");
        // Those of the process have the names that every Prometheus client gives them.
        let is_known = ["hotseat_", "process_"].iter().any(|start| family.starts_with(start));
        assert!(is_known, "not a name of ours: {family}");
        let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {name}");
    }
    assert!(text.ends_with("# EOF\n"), "OpenMetrics ends with # EOF");
    samples
}

pub(crate) async fn metrics(node: &Node) -> BTreeMap<String, f64> {
    let answer = Client::stranger(node).get("/metrics").await;
    answer.expect_text(200);
    let kind = answer.header("content-type").expect("a type").to_owned();
    assert!(kind.starts_with("application/openmetrics-text") || kind.starts_with("text/plain"), "{kind}");
    samples(&answer.text)
}

/// The sum over all labels of the samples whose name has this start and these parts.
pub(crate) fn total(samples: &BTreeMap<String, f64>, start: &str, parts: &[&str]) -> f64 {
    let fits = |name: &&String| name.starts_with(start) && parts.iter().all(|part| name.contains(part));
    samples.keys().filter(fits).map(|name| samples[name]).sum()
}

#[tokio::test]
async fn metrics_can_be_parsed_and_count_what_happened() {
    let rig = Rig::redis().await;
    let node = rig.node().await;
    let first = sign_in(&node, "anna").await;
    let mut socket = Socket::live(&node, &first.token).await;
    let second = sign_in(&node, "anna").await;
    socket.expect_out("takeover", 4409).await;
    let _tab = Socket::live(&node, &second.token).await;

    const FAMILIES: [&str; 7] = [
        "hotseat_sessions",
        "hotseat_renewals",
        "hotseat_sweeps",
        "hotseat_store_calls",
        "hotseat_store_call_seconds",
        "hotseat_pubsub_gaps",
        "hotseat_takeover_seconds_bucket",
    ];
    let seen = eventually("the metrics tell of everything", async || {
        let samples = metrics(&node).await;
        let all = FAMILIES.iter().all(|family| samples.keys().any(|name| name.starts_with(family)));
        (all && total(&samples, "hotseat_connections", &[]) == 1.0).then_some(samples)
    })
    .await;
    assert_eq!(total(&seen, "hotseat_logins_total", &["seated"]), 2.0, "{seen:#?}");
    assert_eq!(total(&seen, "hotseat_sessions_ended_total", &["takeover"]), 1.0, "{seen:#?}");
    assert_eq!(total(&seen, "hotseat_takeover_seconds_count", &[]), 1.0, "{seen:#?}");
}

#[tokio::test]
async fn the_active_session_view_is_exact_and_at_most_five_seconds_old() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let admin = Client::stranger(&one).log_in("admin", json!({"return_token": true})).await.seated();
    let admin = Client::bearer(&one, &admin.token);
    for user in 0..30 {
        let node = if user % 2 == 0 { &one } else { &two };
        sign_in(node, &format!("user-{user}")).await;
    }
    let gone = sign_in_with(&two, "gone", json!({"ttl_s": 1})).await;
    within(Duration::from_secs(8), "the view has the 31 that are left, newest first", async || {
        let view = admin.get("/api/auth/active-sessions").await.expect(200);
        let sessions = view["sessions"].as_array().expect("a list").clone();
        let all_there = view["count"] == 31 && sessions.len() == 31;
        let is_gone = !sessions.iter().any(|session| session["id"] == json!(gone.id));
        if all_there && is_gone {
            let of = |session: &Value| session["generation"].as_u64().expect("a generation");
            assert!(sessions.is_sorted_by(|newer, older| of(newer) > of(older)), "{view}");
        }
        (all_there && is_gone).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sockets_that_come_and_go_leave_nothing_behind() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let login = sign_in(&node, "anna").await;
    for _ in 0..20 {
        Socket::live(&node, &login.token).await.close().await;
        drop(Socket::live(&node, &login.token).await);
    }
    eventually("no connection is counted", async || {
        (total(&metrics(&node).await, "hotseat_connections", &[]) == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_api_document_is_openapi_3_1_and_has_every_call() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let document = Client::stranger(&node).get("/api/openapi.json").await.expect(200);
    assert!(
        document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")),
        "{}",
        document["openapi"]
    );
    for (path, method) in [
        ("/api/auth/login", "post"),
        ("/api/auth/logout", "post"),
        ("/api/auth/session", "get"),
        ("/api/auth/session", "patch"),
        ("/api/auth/adopt", "post"),
        ("/api/auth/sessions", "get"),
        ("/api/auth/sessions/{id}", "delete"),
        ("/api/auth/sessions/end-others", "post"),
        ("/api/auth/active-sessions", "get"),
        ("/api/sessions", "post"),
        ("/api/sessions/{id}", "get"),
        ("/api/sessions/{id}", "delete"),
        ("/api/users/{id}/sessions", "get"),
        ("/api/users/{id}/sessions", "delete"),
        ("/api/introspect", "post"),
        ("/api/verify", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ] {
        let call = &document["paths"][path][method];
        assert!(call["responses"].is_object(), "{method} {path} is not in it");
    }
    assert_references_resolve(&document, &document);
}

/// Every `$ref` of an API document points to something in it.
fn assert_references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').expect("a local reference");
                assert!(document.pointer(pointer).is_some(), "{reference} points nowhere");
            }
            members.values().for_each(|member| assert_references_resolve(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references_resolve(document, item)),
        _ => {}
    }
}

#[tokio::test]
async fn the_api_page_loads_nothing_from_elsewhere() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let stranger = Client::stranger(&node);
    let page = stranger.get("/api/docs/").await;
    page.expect_text(200);
    for foreign in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
        assert!(!page.text.contains(foreign), "{foreign} in {}", page.text);
    }
}

/// The image's health check is a script over bash's own TCP: it must know the living from the dead.
#[tokio::test]
async fn the_health_check_of_the_image_knows_the_living_from_the_dead() {
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node().await;
    let check = async |node: &Node| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/healthcheck");
        let [host, port] = [node.address.ip().to_string(), node.address.port().to_string()];
        tokio::process::Command::new(script).args([host, port]).output().await.expect("bash").status.success()
    };
    assert!(check(&node).await);
    node.kill().await;
    assert!(!check(&node).await);
}

crate::on_both_stores!(every_session_that_ended_by_its_deadline_counts_as_swept_once);

/// Whoever it was that tidied up: the sweeper in its round, or a count of all, which must be exact.
async fn every_session_that_ended_by_its_deadline_counts_as_swept_once(engine: Engine) {
    const SESSIONS: u32 = 20;
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&[("sweep_interval", "1s")]).await;
    for user in 0..SESSIONS {
        sign_in_with(&node, &format!("user-{user}"), json!({"ttl_s": 1})).await;
    }
    let live = sign_in(&node, "anna").await;
    eventually("all but one have ended", async || {
        let seen = Client::service(&node).get("/api/auth/active-sessions").await.expect(200);
        (seen["count"] == 1 && seen["sessions"][0]["id"] == live.id.as_str()).then_some(())
    })
    .await;
    let swept = async || metrics(&node).await["hotseat_swept_total"];
    eventually("each is counted", async || (swept().await >= f64::from(SESSIONS)).then_some(())).await;
    // Another round and another count find nothing more.
    let rounds = async || metrics(&node).await["hotseat_sweeps_total"];
    let before = rounds().await;
    eventually("two rounds more", async || (rounds().await >= before + 2.0).then_some(())).await;
    assert!((swept().await - f64::from(SESSIONS)).abs() < f64::EPSILON, "{}", swept().await);
}
