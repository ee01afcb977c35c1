//! Every published message lost, on connections that stay up: a takeover costs one renewal and not more.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::observed::metrics;
use crate::support::client::Client;
use crate::support::lag::Lag;
use crate::support::redis_proxy::RedisProxy;
use crate::support::rig::{sign_in, whoami};
use crate::support::{Node, NodeOptions, Rig, Socket, eventually};

const RENEWAL: Duration = Duration::from_secs(1);
/// What guarantee 2 gives beside a renewal.
const SLACK: Duration = Duration::from_secs(1);
/// For how long `confirm` waits.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(1);

/// A node that hears no message, and one that does.
async fn deaf_and_hearing(rig: &mut Rig, renewal: &str) -> (Node, Node, RedisProxy) {
    let keys = [("renew_interval", renewal), ("ghost_after", "2h")];
    let proxy = RedisProxy::start(rig.redis_address()).await;
    let deaf = NodeOptions::new(proxy.url()).set_all(&keys);
    let (deaf, hearing) = tokio::join!(Node::start(deaf), rig.node_with(&keys));
    (deaf, hearing, proxy)
}

#[tokio::test]
async fn a_device_whose_node_hears_nothing_is_out_within_one_renewal() {
    let mut rig = Rig::redis().await;
    let (deaf, hearing, proxy) = deaf_and_hearing(&mut rig, "1s").await;
    let lag = Lag::watch();
    for turn in 0..3 {
        let old = sign_in(&deaf, "anna").await;
        let mut socket = Socket::live(&deaf, &old.token).await;
        proxy.swallow_messages();

        let swallowed = proxy.swallowed();
        let new = sign_in(&hearing, "anna").await;
        let decided = Instant::now();
        // No check that begins after the login was answered accepts the old session, deaf or not.
        whoami(&deaf, &old.token).await.expect_problem(401, "session-ended");
        let told = socket.expect_out("takeover", 4409).await;
        let took = decided.elapsed();
        assert_eq!(told["by"]["session_id"], json!(new.id));
        assert!(took < RENEWAL + SLACK + lag.allowance(), "turn {turn}: out after {took:?}");
        assert!(proxy.swallowed() > swallowed, "the message got through, so nothing was proved");
    }
}

#[tokio::test]
async fn a_kick_that_nobody_heard_is_found_too() {
    let mut rig = Rig::redis().await;
    let (deaf, hearing, proxy) = deaf_and_hearing(&mut rig, "1s").await;
    let lag = Lag::watch();
    proxy.swallow_messages();
    let login = sign_in(&deaf, "anna").await;
    let mut socket = Socket::live(&deaf, &login.token).await;
    Client::service(&hearing).delete(&format!("/api/sessions/{}", login.id)).await;
    let decided = Instant::now();
    socket.expect_out("kicked", 4403).await;
    let took = decided.elapsed();
    assert!(took < RENEWAL + SLACK + lag.allowance(), "out after {took:?}");
}

/// A message that is lost on the way back must not make `confirm` lie: unconfirmed is `sent`. No renewal comes to find
/// the end within the second that is waited.
#[tokio::test]
async fn a_takeover_that_nobody_could_confirm_is_not_called_confirmed() {
    let mut rig = Rig::redis().await;
    let (deaf, hearing, proxy) = deaf_and_hearing(&mut rig, "10m").await;
    let lag = Lag::watch();
    let login = sign_in(&deaf, "anna").await;
    let mut socket = Socket::live(&deaf, &login.token).await;
    proxy.swallow_messages();
    let asked = Instant::now();
    let new = Client::service(&hearing).create("anna", json!({"confirm": true})).await.seated();
    let took = asked.elapsed();
    assert_eq!(new.body["takeover"], "sent");
    assert!(took >= CONFIRMED_WITHIN, "it has not waited: {took:?}");
    assert!(took < CONFIRMED_WITHIN + SLACK + lag.allowance(), "waits for at most a second: {took:?}");
    assert_eq!(metrics(&hearing).await["hotseat_kicks_unconfirmed_total"], 1.0);
    // That is no lie: nobody has told the older device. But no check accepts it.
    socket.assert_served().await;
    whoami(&deaf, &login.token).await.expect_problem(401, "session-ended");
}

/// Once, after a killed connection, several channels were never subscribed again, and nobody noticed: the client
/// library sent one command for all of them and dropped its error. Here no renewal would come to the rescue in
/// time, so each device is out only if its channel is listened to again, or was checked when the gap was noticed.
#[tokio::test]
async fn after_a_cut_subscription_every_channel_is_listened_to_again() {
    let mut rig = Rig::redis().await;
    let keys = [("renew_interval", "10m"), ("ghost_after", "2h")];
    let (here, there) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let users: Vec<_> = (0..40).map(|user| format!("user-{user}")).collect();
    let mut sockets = Vec::new();
    for user in &users {
        let login = sign_in(&there, user).await;
        sockets.push(Socket::live(&there, &login.token).await);
    }
    for round in 0..3 {
        let killed = rig.server().command("CLIENT KILL TYPE pubsub").await;
        assert_ne!(killed.trim(), ":0", "somebody was subscribed");
        // Some of these come into the gap, the others after it.
        let logins = join_all(users.iter().map(|user| sign_in(&here, user))).await;
        let started = Instant::now();
        join_all(sockets.iter_mut().map(|socket| socket.expect_out("takeover", 4409))).await;
        assert!(started.elapsed() < Duration::from_secs(10), "round {round} took {:?}", started.elapsed());
        sockets = join_all(logins.iter().map(|login| Socket::live(&there, &login.token))).await;
    }
    eventually("gaps are counted, and the time of a check that followed", async || {
        let samples = metrics(&there).await;
        let names = ["hotseat_pubsub_gaps_total", "hotseat_reconcile_seconds_count"];
        names.iter().all(|name| samples[*name] >= 1.0).then_some(())
    })
    .await;
}
