//! Nobody is locked out for longer than max(`ghost_after`, 2 × `heartbeat`) and one renewal, under `deny_new`, by what
//! is no longer there: a crashed node, a client that vanished without a word. Each prints what it measured.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::lag::Lag;
use crate::support::rig::{seated_at_last, sign_in, try_sign_in, whoami};
use crate::support::{Engine, Node, Rig, Socket};

crate::on_every_redis!(
    the_ghost_of_a_crashed_node_frees_its_seat_after_ghost_after,
    a_client_that_vanished_frees_its_seat_within_the_bound,
);

const GHOST_AFTER: Duration = Duration::from_secs(3);
const HEARTBEAT: Duration = Duration::from_millis(1500);
const RENEWAL: Duration = Duration::from_millis(200);
/// Every time of guarantee 6 as a key; twice the heartbeat is as long as `ghost_after`, so that their sum would show.
const KEYS: [(&str, &str); 4] =
    [("on_full", "deny_new"), ("ghost_after", "3s"), ("heartbeat", "1500ms"), ("renew_interval", "200ms")];
/// For a busy machine, beside what its timers are late by: several processes wait for their turn, one behind the other.
const SLACK: Duration = Duration::from_secs(1);

/// Until a newcomer gets the seat of a holder who left `gone_at`, which is measured and has to be within the bound.
async fn assert_freed_in_time(node: &Node, what: &str, gone_at: Instant) -> String {
    let lag = Lag::watch();
    let bound = GHOST_AFTER.max(2 * HEARTBEAT) + RENEWAL;
    let newcomer = seated_at_last(node, "anna").await;
    let waited = gone_at.elapsed();
    println!("{what}: the seat was free after {waited:?}, at most {bound:?} are promised");
    // Less than `ghost_after` in all, so that waiting for it twice fails.
    let bound = bound + SLACK + lag.allowance();
    assert!(waited < bound, "{what}: locked out for {waited:?}, not for {bound:?}");
    newcomer.id
}

async fn the_ghost_of_a_crashed_node_frees_its_seat_after_ghost_after(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (mut doomed, node) = tokio::join!(rig.node_with(&KEYS), rig.node_with(&KEYS));
    let ghost = sign_in(&doomed, "anna").await;
    let mut socket = Socket::live(&doomed, &ghost.token).await;
    socket.assert_served().await;

    doomed.kill().await;
    let crashed = Instant::now();
    // So soon after, nobody can know that the node will not be back.
    try_sign_in(&node, "anna", json!({})).await.expect_problem(409, "seats-full");
    let newcomer = assert_freed_in_time(&node, &format!("kill -9, {engine:?}"), crashed).await;

    let problem = whoami(&node, &ghost.token).await.expect_problem(401, "session-ended");
    assert_eq!((&problem["reason"], &problem["by"]["session_id"]), (&json!("takeover"), &json!(newcomer)));
}

/// A node that came back at once knows nothing of its former sockets; they do not count for it.
#[tokio::test]
async fn a_node_that_restarts_does_not_keep_the_ghosts_of_its_former_life() {
    for engine in [Engine::Embedded, Engine::Redis] {
        let rig = Rig::new(engine).await;
        let mut node = rig.node_with(&KEYS).await;
        let ghost = sign_in(&node, "anna").await;
        let socket = Socket::live(&node, &ghost.token).await;
        node.kill().await;
        let crashed = Instant::now();
        let node = node.start_again().await;
        assert_freed_in_time(&node, &format!("kill -9 and a restart, {engine:?}"), crashed).await;
        drop(socket);
    }
}

/// Silence is found by the second heartbeat. That moment is no sign of life of the client: `ghost_after` does not begin
/// again with it.
async fn a_client_that_vanished_frees_its_seat_within_the_bound(engine: Engine) {
    let rig = Rig::new(engine).await;
    let node = rig.node_with(&KEYS).await;
    let holder = sign_in(&node, "anna").await;
    // Kept open and never read: nothing answers the pings, and nothing says goodbye.
    let half_open = Socket::live(&node, &holder.token).await;
    let vanished = Instant::now();
    try_sign_in(&node, "anna", json!({})).await.expect_problem(409, "seats-full");
    assert_freed_in_time(&node, &format!("a half-open socket, {engine:?}"), vanished).await;
    drop(half_open);
}

#[tokio::test]
async fn a_client_that_vanished_from_the_embedded_store_frees_its_seat_within_the_bound() {
    a_client_that_vanished_frees_its_seat_within_the_bound(Engine::Embedded).await;
}
