//! The embedded store: what was answered is kept, whatever happens to the node.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::support::client::{Client, try_send};
use crate::support::patience::soon;
use crate::support::rig::{sign_in, whoami};
use crate::support::{Engine, Login, Rig};

/// `kill -9` in the middle of a stream of logins: each that was answered is there afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_loses_no_answered_login() {
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node().await;
    let mut answered: Vec<Login> = Vec::new();
    for round in 0..3 {
        let (service, count) = (Client::service(&node), AtomicUsize::new(0));
        let logins = iter(0..5_000)
            .map(|at| {
                let body = json!({"user_id": format!("user-{round}-{at}")});
                let request = service.request(Method::POST, "/api/sessions").json(&body);
                let count = &count;
                async move {
                    let answer = try_send(request).await.ok().filter(|answer| answer.status == 201)?;
                    count.fetch_add(1, Ordering::SeqCst);
                    Some(answer.seated())
                }
            })
            .buffer_unordered(32)
            .filter_map(async |login| login)
            .collect::<Vec<_>>();
        let killed = async {
            crate::support::eventually("a good many are answered", async || {
                (count.load(Ordering::SeqCst) >= 300).then_some(())
            })
            .await;
            node.kill().await;
        };
        let (logins, ()) = tokio::join!(logins, killed);
        assert!((300..5_000).contains(&logins.len()), "killed in the middle: {}", logins.len());
        answered.extend(logins);
        node = node.start_again().await;
    }
    let lost: Vec<_> = iter(&answered)
        .map(|login| async { (whoami(&node, &login.token).await.status != 200).then_some(&login.id) })
        .buffer_unordered(32)
        .filter_map(async |lost| lost)
        .collect()
        .await;
    assert!(lost.is_empty(), "{} of {} answered logins are lost: {lost:?}", lost.len(), answered.len());
}

#[tokio::test]
async fn data_and_logouts_survive_a_crash_too() {
    let rig = Rig::new(Engine::Embedded).await;
    let mut node = rig.node().await;
    let kept = sign_in(&node, "anna").await;
    let left = sign_in(&node, "berta").await;
    Client::bearer(&node, &kept.token).patch("/api/auth/session", &json!({"data": [1]})).await.expect(200);
    Client::bearer(&node, &left.token).post("/api/auth/logout", &json!({})).await.expect(204);
    node.kill().await;
    let node = node.start_again().await;
    assert_eq!(whoami(&node, &kept.token).await.expect(200)["data"], json!([1]));
    assert_eq!(whoami(&node, &left.token).await.expect_problem(401, "session-ended")["reason"], "logout");
}

#[tokio::test]
async fn a_second_node_on_the_same_directory_is_refused() {
    let rig = Rig::new(Engine::Embedded).await;
    let node = rig.node().await;
    let second = Command::new(env!("CARGO_BIN_EXE_hotseat"))
        .args(["serve", "--demo", "--listen", "127.0.0.1:0", "--store", rig.url()])
        .env_clear()
        .kill_on_drop(true)
        .output();
    let output = soon("the second node gives up", second).await.expect("it runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("another") || said.contains("lock") || said.contains("in use"), "{said}");
    sign_in(&node, "anna").await;
}
