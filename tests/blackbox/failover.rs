//! `wait_replicas`: what was answered is there after the worst that can happen at once, the death of a primary and of
//! every node.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::lag::Lag;
use crate::support::redis_cluster::RedisCluster;
use crate::support::redis_sentinel::RedisSentinel;
use crate::support::rig::{sign_in, try_sign_in, whoami};
use crate::support::{Login, Node, NodeOptions, eventually};

/// Logins through two nodes at once, all answered.
async fn answered_logins(nodes: &[Node; 2]) -> Vec<Login> {
    let users: Vec<_> = (0..40).map(|user| format!("user-{user}")).collect();
    join_all(users.iter().enumerate().map(|(index, user)| sign_in(&nodes[index % 2], user))).await
}

async fn two_nodes(options: &NodeOptions) -> [Node; 2] {
    let (one, two) = tokio::join!(Node::start(options.clone()), Node::start(options.clone()));
    [one, two]
}

/// From the death of the primary, of which down-after or node-timeout is one second.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// When it happened, and whether those who choose a primary have had to vote more than once, by their own account.
struct Death {
    at: Instant,
    lag: Lag,
    elections_lost: usize,
}

impl Death {
    fn now() -> Self {
        Self { at: Instant::now(), lag: Lag::watch(), elections_lost: 0 }
    }
}

/// Every token is good at a node that knows nothing of them but what the store has.
async fn assert_all_there(node: &Node, logins: &[Login], death: Death) {
    eventually("logins are back", async || {
        let users = ["late-1", "late-2", "late-3", "late-4", "late-5", "late-6"];
        let answers = join_all(users.map(|user| try_sign_in(node, user, serde_json::json!({})))).await;
        answers.iter().all(|answer| answer.status == 201).then_some(())
    })
    .await;
    let (back, lost) = (death.at.elapsed(), death.elections_lost);
    println!("logins were back {back:?} after the deaths; {lost} elections came to nothing");
    let limit = BACK_WITHIN + death.lag.allowance();
    assert!(back < limit || lost > 0, "logins were back after {back:?}, not within {limit:?}");
    for login in logins {
        whoami(node, &login.token).await.expect(200);
    }
}

#[tokio::test]
async fn behind_sentinels_what_all_replicas_have_survives_the_primary_and_every_node() {
    let mut redis = RedisSentinel::start().await;
    // Both: whichever is promoted has it.
    let options = NodeOptions::new(redis.url()).set("wait_replicas", "2");
    let mut nodes = two_nodes(&options).await;
    let logins = answered_logins(&nodes).await;
    let old = redis.kill_primary().await;
    let mut death = Death::now();
    for node in &mut nodes {
        node.kill().await;
    }
    redis.wait_for_another(old).await;
    let node = Node::start(options.set("wait_replicas", "1")).await;
    death.elections_lost = redis.elections_lost();
    assert_all_there(&node, &logins, death).await;
}

#[tokio::test]
async fn on_a_cluster_what_the_replica_has_survives_the_primary_and_every_node() {
    let mut redis = RedisCluster::with_replicas(3, 1).await;
    let options = NodeOptions::new(redis.url()).set("wait_replicas", "1");
    let mut nodes = two_nodes(&options).await;
    let logins = answered_logins(&nodes).await;
    redis.kill(0);
    let mut death = Death::now();
    for node in &mut nodes {
        node.kill().await;
    }
    // The primary that is left of the two has no replica any more.
    let node = Node::start(options.set("wait_replicas", "0")).await;
    death.elections_lost = redis.elections_lost();
    assert_all_there(&node, &logins, death).await;
}
