//! `wait_replicas`: what was answered is there after the worst that can happen at once, the death of a primary and of
//! every node; and without its replicas a login is refused in bounded time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::lag::Lag;
use crate::support::redis_cluster::RedisCluster;
use crate::support::redis_sentinel::RedisSentinel;
use crate::support::rig::{sign_in, try_sign_in, whoami};
use crate::support::{Login, Node, NodeOptions, eventually};

/// Logins through two nodes at once, all answered: on a busy machine a replica may not acknowledge in time, and who is
/// told 503 tries again.
async fn answered_logins(nodes: &[Node; 2]) -> Vec<Login> {
    let users: Vec<_> = (0..40).map(|user| format!("user-{user}")).collect();
    join_all(users.iter().enumerate().map(async |(index, user)| {
        eventually("a login is answered", async || {
            let answer = try_sign_in(&nodes[index % 2], user, serde_json::json!({})).await;
            (answer.status != 503).then(|| answer.seated())
        })
        .await
    }))
    .await
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

const WAIT: Duration = Duration::from_secs(1);
/// For what a login takes beside its wait, on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// Replicas that do not acknowledge stop logins, each in bounded time, and nothing else; they go on with the replicas.
async fn logins_are_refused_without_their_replicas(node: &Node, freeze: impl Fn(), thaw: impl Fn()) {
    let before = sign_in(node, "anna").await;
    freeze();
    let lag = Lag::watch();
    let users: Vec<_> = (0..6).map(|user| format!("late-{user}")).collect();
    let refused = join_all(users.iter().map(|user| async {
        let asked = Instant::now();
        let answer = try_sign_in(node, user, serde_json::json!({})).await;
        answer.expect_problem(503, "store-unavailable");
        asked.elapsed()
    }));
    tokio::pin!(refused);
    let mut checks = 0;
    let took = loop {
        tokio::select! {
            took = &mut refused => break took,
            answer = whoami(node, &before.token) => checks += usize::from(answer.status == 200),
        }
    };
    let (least, most) = (took.iter().min().expect("six"), took.iter().max().expect("six"));
    println!("refused after {least:?} to {most:?}, {WAIT:?} are promised; {checks} checks meanwhile");
    assert!(*least >= WAIT / 2, "it has not waited: {least:?}");
    assert!(*most < WAIT + SLACK + lag.allowance(), "refused after {most:?}");
    assert!(checks > 0, "no check was answered meanwhile");
    thaw();
    eventually("logins are answered again", async || {
        (try_sign_in(node, "anna", serde_json::json!({})).await.status == 201).then_some(())
    })
    .await;
    whoami(node, &before.token).await.expect_problem(401, "session-ended");
}

#[tokio::test]
async fn behind_sentinels_a_login_is_refused_in_time_while_one_of_its_replicas_hangs() {
    let redis = RedisSentinel::start().await;
    let options = NodeOptions::new(redis.url()).set("wait_replicas", "2").set("wait_timeout", "1s");
    let (node, replica) = (Node::start(options).await, redis.len() - 1);
    logins_are_refused_without_their_replicas(&node, || redis.freeze(replica), || redis.thaw(replica)).await;
}

#[tokio::test]
async fn on_a_cluster_a_login_is_refused_in_time_while_the_replicas_hang() {
    const PRIMARIES: usize = 3;
    let redis = RedisCluster::with_replicas(PRIMARIES, 1).await;
    let options = NodeOptions::new(redis.url()).set("wait_replicas", "1").set("wait_timeout", "1s");
    let node = Node::start(options).await;
    let replicas = PRIMARIES..redis.len();
    let freeze = || replicas.clone().for_each(|replica| redis.freeze(replica));
    let thaw = || replicas.clone().for_each(|replica| redis.thaw(replica));
    logins_are_refused_without_their_replicas(&node, freeze, thaw).await;
}
