//! Newest wins, and one always wins.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::iter;
use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, try_send};
use crate::support::rig::whoami;
use crate::support::{Answer, Engine, Login, Node, Rig};

const LOGINS: usize = 2_000;
/// The last of them waits for all others, in a debug build.
const LONG: Duration = Duration::from_secs(60);

fn generation(login: &Login) -> u64 {
    login.body["session"]["generation"].as_u64().expect("a generation")
}

/// Everybody at once, dealt out over the nodes. Answers those that were seated, and how many were told that the
/// store can't say (503): on a machine that is too busy that is an honest answer, and the login may count.
async fn log_in_at_once(nodes: &[&Node]) -> (Vec<Login>, usize) {
    let services: Vec<_> = nodes.iter().map(|node| Client::service(node)).collect();
    let logins = (0..LOGINS).map(|at| {
        let service = &services[at % services.len()];
        let request = service.request(Method::POST, "/api/sessions").json(&json!({"user_id": "anna"}));
        async move { try_send(request.timeout(LONG)).await.expect("an answer") }
    });
    let (seated, others): (Vec<_>, Vec<_>) =
        join_all(logins).await.into_iter().partition(|answer| answer.status == 201);
    for answer in &others {
        answer.expect_problem(503, "store-unavailable");
    }
    assert!(others.len() < LOGINS / 2, "{} of {LOGINS} logins were refused: nothing is proved", others.len());
    (seated.iter().map(Answer::seated).collect(), others.len())
}

async fn assert_exactly_the_newest_is_live(nodes: &[&Node], logins: &[Login], unknown: usize) {
    let newest = logins.iter().max_by_key(|login| generation(login)).expect("logins");
    let generations: HashSet<_> = logins.iter().map(generation).collect();
    assert_eq!(generations.len(), logins.len(), "a generation was given twice");

    let list = Client::service(nodes[0]).get("/api/users/anna/sessions").await.expect(200);
    let [winner] = list["sessions"].as_array().expect("a list").as_slice() else {
        panic!("not exactly one is left: {list}");
    };
    if unknown == 0 {
        assert_eq!(winner["id"], json!(newest.id), "the newest wins");
    } else {
        assert!(winner["generation"].as_u64() >= Some(generation(newest)), "an older one won");
    }
    let answers = iter(logins.iter().enumerate())
        .map(|(at, login)| async move { (login, whoami(nodes[at % nodes.len()], &login.token).await) })
        .buffer_unordered(64)
        .collect::<Vec<_>>();
    for (login, answer) in answers.await {
        if winner["id"] == json!(login.id) {
            answer.expect(200);
        } else {
            assert_eq!(answer.expect_problem(401, "session-ended")["reason"], "takeover");
        }
    }
    // Each was ended by exactly one other.
    let replaced = logins.iter().flat_map(|login| login.body["replaced"].as_array().expect("a list"));
    let ended: Vec<_> = replaced.map(|session| session["id"].to_string()).collect();
    assert_eq!(ended.iter().collect::<HashSet<_>>().len(), ended.len(), "somebody was ended twice");
    assert!(ended.len() + 1 + unknown >= LOGINS, "somebody was ended by nobody: {}", ended.len());
}

async fn assert_two_nodes_have_one_winner(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let (logins, unknown) = log_in_at_once(&[&one, &two]).await;
    assert_exactly_the_newest_is_live(&[&one, &two], &logins, unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logins_on_two_nodes_have_one_winner_the_newest() {
    assert_two_nodes_have_one_winner(Engine::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logins_behind_sentinels_have_one_winner_the_newest() {
    assert_two_nodes_have_one_winner(Engine::Sentinel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logins_on_a_cluster_have_one_winner_the_newest() {
    assert_two_nodes_have_one_winner(Engine::Cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logins_on_the_embedded_store_have_one_winner_the_newest() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let (logins, unknown) = log_in_at_once(&[&node]).await;
    assert_exactly_the_newest_is_live(&[&node], &logins, unknown).await;
}

/// Under `deny_new` the first stay: of many at once exactly N are seated, and no later one displaces them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_deny_new_exactly_n_of_many_are_seated() {
    let rig = Rig::redis().await;
    let keys = [
        ("on_full", "deny_new"),
        ("limits", r#"[{"role":"*","class":"*","max":3}]"#),
        ("ghost_after", "60s"),
    ];
    let (one, two) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let services = [Client::service(&one), Client::service(&two)];
    let answers = join_all((0..300).map(|at| services[at % 2].create("anna", json!({})))).await;
    let (seated, denied): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(seated.len(), 3);
    for answer in denied {
        answer.expect_problem(409, "seats-full");
    }
    for answer in seated {
        whoami(&one, &answer.seated().token).await.expect(200);
    }
}
