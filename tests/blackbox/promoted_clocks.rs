//! A replica that is promoted brings its own clock, and here has not had the last writes either.
//!
//! What holds then: the limit, always. The order of logins wherever a node lives that carries it across, or the two
//! clocks differ by less than the failover took. Each test asks for all that is promised in its case, and for no more.

use std::time::Instant;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::faked_clock::FakedClock;
use crate::support::redis_sentinel::RedisSentinel;
use crate::support::rig::{sign_in, try_sign_in, whoami};
use crate::support::{Client, Login, Node, NodeOptions, eventually};

const HOUR_MS: i64 = 3_600_000;
/// Less than a failover takes, which begins with a second of silence.
const HALF_A_SECOND_MS: i64 = 500;

const REPLICAS: [usize; 2] = [1, 2];

/// Servers of which the replicas have this clock, two nodes on them, and all that `anna` has been answered.
struct Story {
    redis: RedisSentinel,
    options: NodeOptions,
    answered: Vec<Login>,
    _clock: FakedClock,
}

impl Story {
    async fn begin(clock_ahead_ms: i64) -> (Self, [Node; 2]) {
        let clock = FakedClock::new();
        clock.set_ms(clock_ahead_ms);
        let mut redis = RedisSentinel::start().await;
        for replica in REPLICAS {
            redis.restart_with(replica, clock.variables()).await;
        }
        redis.wait_until_whole().await;
        for replica in REPLICAS {
            see_the_wrong_time(&redis, replica, clock_ahead_ms).await;
        }
        let options = NodeOptions::new(redis.url());
        let (one, two) = tokio::join!(Node::start(options.clone()), Node::start(options.clone()));
        let mut story = Self { redis, options, answered: Vec::new(), _clock: clock };
        story.log_in_by_turns([&one, &two]).await;
        // From here on the replicas are told nothing.
        for replica in REPLICAS {
            story.redis.server(replica).unlink_from(story.redis.server(0)).await;
        }
        story.log_in_by_turns([&one, &two]).await;
        (story, [one, two])
    }

    /// Five logins, each above the one before.
    async fn log_in_by_turns(&mut self, nodes: [&Node; 2]) {
        for turn in 0..5 {
            let login = sign_in(nodes[turn % 2], "anna").await;
            if turn > 0 {
                assert_above(&login, self.answered.last());
            }
            self.answered.push(login);
        }
    }

    /// The primary dies, and one whose clock is wrong takes its place.
    async fn promote(&mut self) {
        let began = Instant::now();
        let old = self.redis.kill_primary().await;
        let new = self.redis.wait_for_another(old).await;
        assert!(REPLICAS.contains(&new), "a replica was promoted");
        println!("a server with another clock was promoted {:?} after the death", began.elapsed());
    }

    /// The first login that is answered again.
    async fn log_in_at_last(&mut self, node: &Node) {
        let login = eventually("logins are back", async || {
            let answer = try_sign_in(node, "anna", json!({})).await;
            (answer.status == 201).then(|| answer.seated())
        });
        let login = login.await;
        self.answered.push(login);
    }

    /// Of all that were ever answered the newest alone is accepted, by every node, and is the one that is listed.
    async fn assert_limit(&self, nodes: &[&Node]) {
        for node in nodes {
            eventually("the newest alone is accepted", async || {
                let answers = self.answered.iter().map(|login| whoami(node, &login.token));
                let status: Vec<_> = join_all(answers).await.iter().map(|answer| answer.status).collect();
                let (newest, older) = status.split_last().expect("at least one login");
                (*newest == 200 && older.iter().all(|status| *status == 401)).then_some(())
            })
            .await;
            let list = Client::service(node).get("/api/users/anna/sessions").await.expect(200);
            let ids: Vec<_> =
                list["sessions"].as_array().expect("a list").iter().map(|it| &it["id"]).collect();
            assert_eq!(ids, [&json!(self.answered.last().expect("at least one login").id)], "{list}");
        }
    }
}

/// The loader starts a server without a clock that it can't load, too.
async fn see_the_wrong_time(redis: &RedisSentinel, replica: usize, ahead_ms: i64) {
    let time_ms = async |index: usize| {
        let time: (i64, i64) = redis.server(index).query(&redis::cmd("TIME")).await.expect("a time");
        time.0 * 1_000 + time.1 / 1_000
    };
    // Again, if the machine was busy between the two.
    eventually("the replica's clock is as wrong as it should be", async || {
        let (right, wrong) = (time_ms(0).await, time_ms(replica).await);
        ((wrong - right - ahead_ms).abs() < 200).then_some(())
    })
    .await;
}

fn assert_above(login: &Login, before: Option<&Login>) {
    let generation = |login: &Login| login.body["session"]["generation"].as_u64();
    let before = before.expect("a login before");
    assert!(generation(login) > generation(before), "{} after {}", login.body, before.body);
}

/// Nodes that live carry the order across: a login is above every generation that its node has seen. And nodes that
/// start afterwards find it in the store, in which the others have told all again.
async fn the_order_survives_with_the_nodes(clock_ahead_ms: i64) {
    let (mut story, [one, two]) = Story::begin(clock_ahead_ms).await;
    let before = story.answered.len();
    story.promote().await;
    story.log_in_at_last(&one).await;
    assert_above(&story.answered[before], story.answered[..before].last());
    // Which may be a little later in finding the promoted one.
    story.log_in_at_last(&two).await;
    assert_above(&story.answered[before + 1], Some(&story.answered[before]));
    story.log_in_by_turns([&two, &one]).await;
    assert_above(&story.answered[before + 2], Some(&story.answered[before + 1]));
    story.assert_limit(&[&one, &two]).await;

    let mut nodes = [one, two];
    for node in &mut nodes {
        node.kill().await;
    }
    let before = story.answered.len();
    let nodes = nodes.map(Node::start_again);
    let nodes: [Node; 2] = join_all(nodes).await.try_into().unwrap_or_else(|_| unreachable!("two of two"));
    story.log_in_by_turns([&nodes[0], &nodes[1]]).await;
    assert_above(&story.answered[before], story.answered[..before].last());
    story.assert_limit(&[&nodes[0], &nodes[1]]).await;
}

#[tokio::test]
async fn the_order_of_logins_survives_a_failover_to_a_clock_an_hour_behind() {
    the_order_survives_with_the_nodes(-HOUR_MS).await;
}

#[tokio::test]
async fn the_order_of_logins_survives_a_failover_to_a_clock_an_hour_ahead() {
    the_order_survives_with_the_nodes(HOUR_MS).await;
}

#[tokio::test]
async fn the_order_of_logins_survives_a_failover_to_a_clock_half_a_second_behind() {
    the_order_survives_with_the_nodes(-HALF_A_SECOND_MS).await;
}

/// Nobody is left who knows the last generations: the promoted server never heard of them, and the nodes are dead. The
/// time that has passed since is all there is, and it is more than the clocks differ by.
#[tokio::test]
async fn the_order_survives_primary_and_nodes_where_the_clocks_differ_by_less_than_the_failover_took() {
    let (mut story, mut nodes) = Story::begin(-HALF_A_SECOND_MS).await;
    let before = story.answered.len();
    for node in &mut nodes {
        node.kill().await;
    }
    story.promote().await;
    let node = Node::start(story.options.clone()).await;
    story.log_in_at_last(&node).await;
    for older in &story.answered[..before] {
        assert_above(&story.answered[before], Some(older));
    }
    story.assert_limit(&[&node]).await;
}

/// The order is lost with the node that knew it, if the promoted clock is behind. The limit is not: which of two
/// tokens the node that lives has to give up goes by generation, and it gives up all but one.
async fn the_limit_survives_a_node(clock_ahead_ms: i64) {
    let (mut story, [mut one, two]) = Story::begin(clock_ahead_ms).await;
    one.kill().await;
    story.promote().await;
    let three = Node::start(story.options.clone()).await;
    // Before the node that lives has told all again, or after.
    story.log_in_at_last(&three).await;
    eventually("one is accepted by both, and no more than one", async || {
        let accepted = async |node: &Node| {
            let answers = story.answered.iter().map(|login| whoami(node, &login.token));
            let status: Vec<_> = join_all(answers).await.iter().map(|answer| answer.status).collect();
            let all_known = !status.contains(&503);
            all_known && status.iter().filter(|status| **status == 200).count() == 1
        };
        (accepted(&two).await && accepted(&three).await).then_some(())
    })
    .await;
    // From here on the order is one again.
    story.log_in_by_turns([&two, &three]).await;
    story.assert_limit(&[&two, &three]).await;
}

#[tokio::test]
async fn the_limit_holds_after_a_failover_to_a_clock_an_hour_behind_that_took_a_node_with_it() {
    the_limit_survives_a_node(-HOUR_MS).await;
}

#[tokio::test]
async fn the_limit_holds_after_a_failover_to_a_clock_an_hour_ahead_that_took_a_node_with_it() {
    the_limit_survives_a_node(HOUR_MS).await;
}
