//! A node that stands still for longer than `ghost_after` (a suspended machine, SIGSTOP) and wakes up: it counts as dead
//! meanwhile, and what it says when it wakes undoes nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::Client;
use crate::support::lag::Lag;
use crate::support::rig::{seated_at_last, sign_in, sign_in_with, whoami};
use crate::support::{Engine, Node, Rig, Socket, eventually};

crate::on_every_redis!(who_was_taken_over_while_its_node_stood_still_is_out_when_it_wakes);

/// A renewal is the third of `ghost_after`; heartbeats are none of these tests' business.
const KEYS: [(&str, &str); 3] =
    [("ghost_after", "1500ms"), ("renew_interval", "500ms"), ("heartbeat", "60s")];
/// A renewal, and the second that guarantee 2 allows.
const OUT_WITHIN: Duration = Duration::from_millis(1500);

/// Waits until the other node counts nothing that the sleeper holds.
async fn counts_as_dead(awake: &Node, user: &str) {
    eventually("the sleeper counts as dead", async || {
        let list = Client::service(awake).get(&format!("/api/users/{user}/sessions")).await.expect(200);
        (list["sessions"][0]["connections"] == 0).then_some(())
    })
    .await;
}

/// Wakes the sleeper, whose socket has to hear of its end in time.
async fn is_out_in_time(sleeper: &Node, socket: &mut Socket, by: &str) {
    let lag = Lag::watch();
    let woken = Instant::now();
    sleeper.thaw();
    let told = socket.expect_out("takeover", 4409).await;
    let took = woken.elapsed();
    println!("awake again, the socket was out after {took:?}, at most {OUT_WITHIN:?} are promised");
    assert_eq!(told["by"]["session_id"], by);
    assert!(took < OUT_WITHIN + lag.allowance(), "out after {took:?}");
}

async fn who_was_taken_over_while_its_node_stood_still_is_out_when_it_wakes(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (sleeper, awake) = tokio::join!(rig.node_with(&KEYS), rig.node_with(&KEYS));
    let (old, bystander) = (sign_in(&sleeper, "anna").await, sign_in(&sleeper, "berta").await);
    let mut socket = Socket::live(&sleeper, &old.token).await;
    let mut bystanding = Socket::live(&sleeper, &bystander.token).await;

    sleeper.freeze();
    // What the older device says meanwhile is heard when the node wakes, and comes too late.
    socket.send(&json!({"type": "activity"})).await;
    let client = Client::bearer(&sleeper, &old.token);
    let late = tokio::spawn(async move {
        let patch = json!({"data": {"late": true}});
        client.patch("/api/auth/session", &patch).await
    });
    let new = sign_in_with(&awake, "anna", json!({"confirm": true})).await;
    assert_ne!(new.body["takeover"], "none", "{}", new.body);
    whoami(&awake, &old.token).await.expect_problem(401, "session-ended");
    counts_as_dead(&awake, "berta").await;

    is_out_in_time(&sleeper, &mut socket, &new.id).await;
    late.await.expect("no panic").expect_problem(401, "session-ended");
    for node in [&sleeper, &awake] {
        let problem = whoami(node, &old.token).await.expect_problem(401, "session-ended");
        assert_eq!(problem["by"]["session_id"], new.id);
        whoami(node, &new.token).await.expect(200);
    }
    let list = Client::service(&awake).get("/api/users/anna/sessions").await.expect(200);
    assert_eq!(list["sessions"].as_array().map(Vec::len), Some(1), "{list}");
    bystanding.assert_served().await;
    eventually("the bystander counts again", async || {
        let list = Client::service(&awake).get("/api/users/berta/sessions").await.expect(200);
        (list["sessions"][0]["connections"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whose_seat_was_given_away_while_its_node_stood_still_does_not_take_it_back() {
    let rig = Rig::redis().await;
    let keys = [&KEYS[..], &[("on_full", "deny_new")]].concat();
    let (sleeper, awake) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let holder = sign_in(&sleeper, "anna").await;
    let mut socket = Socket::live(&sleeper, &holder.token).await;

    sleeper.freeze();
    let newcomer = seated_at_last(&awake, "anna").await;
    let mut seated = Socket::live(&awake, &newcomer.token).await;

    is_out_in_time(&sleeper, &mut socket, &newcomer.id).await;
    whoami(&sleeper, &holder.token).await.expect_problem(401, "session-ended");
    whoami(&sleeper, &newcomer.token).await.expect(200);
    seated.assert_served().await;
}
