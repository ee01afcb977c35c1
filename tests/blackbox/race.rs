//! Newest wins, and one always wins.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::iter;
use serde_json::{Value, json};

use crate::support::client::{Client, try_send};
use crate::support::rig::whoami;
use crate::support::{Engine, Login, Node, Rig};

const LOGINS: usize = 2_000;

fn generation(login: &Login) -> u64 {
    login.body["session"]["generation"].as_u64().expect("a generation")
}

/// Everybody at once, dealt out over the nodes.
async fn log_in_at_once(nodes: &[&Node]) -> Vec<Login> {
    let services: Vec<_> = nodes.iter().map(|node| Client::service(node)).collect();
    let logins = (0..LOGINS).map(|at| {
        let service = &services[at % services.len()];
        let request =
            service.request(reqwest::Method::POST, "/api/sessions").json(&json!({"user_id": "anna"}));
        async move { try_send(request).await.expect("an answer").seated() }
    });
    join_all(logins).await
}

async fn assert_exactly_the_newest_is_live(nodes: &[&Node], logins: &[Login]) {
    let newest = logins.iter().max_by_key(|login| generation(login)).expect("logins");
    let generations: HashSet<_> = logins.iter().map(generation).collect();
    assert_eq!(generations.len(), LOGINS, "a generation was given twice");

    let statuses: Vec<_> = iter(logins.iter().enumerate())
        .map(|(at, login)| async move { (login, whoami(nodes[at % nodes.len()], &login.token).await) })
        .buffer_unordered(64)
        .collect()
        .await;
    for (login, answer) in statuses {
        if login.id == newest.id {
            answer.expect(200);
        } else {
            let reason = &answer.expect_problem(401, "session-ended")["reason"];
            assert_eq!(reason, "takeover", "generation {} of {}", generation(login), generation(newest));
        }
    }
    for node in nodes {
        let list = Client::service(node).get("/api/users/anna/sessions").await.expect(200);
        let ids: Vec<_> =
            list["sessions"].as_array().expect("a list").iter().map(|held| &held["id"]).collect();
        assert_eq!(ids, [&json!(newest.id)], "exactly one is left, the newest");
    }
    // Each of the others was ended by exactly one login.
    let ended: Vec<&Value> = logins
        .iter()
        .flat_map(|login| login.body["replaced"].as_array().expect("a list"))
        .map(|session| &session["id"])
        .collect();
    assert_eq!(ended.len(), LOGINS - 1);
    assert_eq!(ended.iter().map(|id| id.to_string()).collect::<HashSet<_>>().len(), LOGINS - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logins_on_two_nodes_have_one_winner_the_newest() {
    let rig = Rig::redis().await;
    let (one, two) = tokio::join!(rig.node(), rig.node());
    let logins = log_in_at_once(&[&one, &two]).await;
    assert_exactly_the_newest_is_live(&[&one, &two], &logins).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_logins_on_the_embedded_store_have_one_winner_the_newest() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let logins = log_in_at_once(&[&node]).await;
    assert_exactly_the_newest_is_live(&[&node], &logins).await;
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
