//! Newest wins, and one always wins.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, try_send};
use crate::support::rig::whoami;
use crate::support::{Answer, Engine, Login, Node, Rig};

const LOGINS: usize = 2_000;
/// Requests that are open at once at each node. All are sent as fast as they are answered. Of many more, the last may wait
/// behind the others for longer than the three seconds after which a node gives a call up (503), on a busy machine.
const OPEN_AT_ONCE: usize = 100;
/// What a login may take behind so many others, in a debug build.
const LONG: Duration = Duration::from_secs(60);

fn generation(login: &Login) -> u64 {
    login.body["session"]["generation"].as_u64().expect("a generation")
}

/// Everybody at once, dealt out over the nodes; every one of them is answered.
async fn log_in_at_once(nodes: &[&Node]) -> Vec<Answer> {
    let services: Vec<_> = nodes.iter().map(|node| Client::service(node)).collect();
    let logins = (0..LOGINS).map(|at| {
        let service = &services[at % services.len()];
        let request = service.request(Method::POST, "/api/sessions").json(&json!({"user_id": "anna"}));
        async move { try_send(request.timeout(LONG)).await.expect("an answer") }
    });
    iter(logins).buffer_unordered(OPEN_AT_ONCE * nodes.len()).collect().await
}

async fn assert_exactly_the_newest_is_live(nodes: &[&Node]) {
    let logins: Vec<Login> = log_in_at_once(nodes).await.iter().map(Answer::seated).collect();
    let newest = logins.iter().max_by_key(|login| generation(login)).expect("logins");
    let generations: HashSet<_> = logins.iter().map(generation).collect();
    assert_eq!(generations.len(), logins.len(), "a generation was given twice");

    let list = Client::service(nodes[0]).get("/api/users/anna/sessions").await.expect(200);
    let [winner] = list["sessions"].as_array().expect("a list").as_slice() else {
        panic!("not exactly one is left: {list}");
    };
    assert_eq!(winner["id"], json!(newest.id), "the newest wins");
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
    assert_eq!(ended.len() + 1, LOGINS, "somebody was ended by nobody");
}

async fn assert_two_nodes_have_one_winner(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    assert_exactly_the_newest_is_live(&[&one, &two]).await;
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
    assert_exactly_the_newest_is_live(&[&node]).await;
}

/// Under `deny_new` the first stay: of many at once exactly N are seated, and no later one displaces them.
async fn assert_the_first_three_stay(engine: Engine) {
    let rig = Rig::new(engine).await;
    let keys = [
        ("on_full", "deny_new"),
        ("limits", r#"[{"role":"*","class":"*","max":3}]"#),
        ("ghost_after", "60s"),
    ];
    let (one, two) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let answers = log_in_at_once(&[&one, &two]).await;
    let (seated, denied): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(seated.len(), 3);
    let mut holders: Vec<_> = seated.iter().map(|answer| answer.seated().id).collect();
    holders.sort_unstable();
    for answer in denied {
        let problem = answer.expect_problem(409, "seats-full");
        let told = problem["sessions"].as_array().expect("the holders");
        let mut told: Vec<_> = told.iter().filter_map(|holder| holder["id"].as_str()).collect();
        told.sort_unstable();
        assert_eq!(told, holders, "refused for others than those who were first");
    }
    for answer in seated {
        for node in [&one, &two] {
            whoami(node, &answer.seated().token).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_deny_new_exactly_n_of_two_thousand_are_seated_the_first() {
    assert_the_first_three_stay(Engine::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_deny_new_on_a_cluster_exactly_n_of_two_thousand_are_seated_the_first() {
    assert_the_first_three_stay(Engine::Cluster).await;
}
