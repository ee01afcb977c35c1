//! Subscriptions on real Clusters and behind real Sentinels: killed connections, slots and primaries that move.
//!
//! Of the faults of the client library that are listed in `docs/adr/0002`, those that concern messages.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::redis_cluster::{ClusterOptions, RedisCluster};
use super::redis_sentinel::RedisSentinel;
use super::redis_server::RedisServer;
use super::{connect, gap, next, user};
use crate::domain::{Generation, Partition, UserId};
use crate::store::keys::Keys;
use crate::store::redis::Redis;
use crate::store::redis::layout::slot_of;
use crate::store::{Message, Notice, Store as _, StoreError};

/// Elections on two busy cores take their time.
const PATIENCE: Duration = Duration::from_secs(30);

fn channel(user: &UserId) -> Vec<u8> {
    Keys::new(0).channel(user)
}

fn slot(user: &UserId) -> u16 {
    slot_of(&channel(user))
}

fn users(count: usize) -> Vec<UserId> {
    (0..count).map(|number| user(&format!("user{number}"))).collect()
}

/// Some users of one slot.
fn neighbours(of: &UserId, count: usize) -> Vec<UserId> {
    let all = (0..).map(|number| user(&format!("neighbour{number}")));
    all.filter(|user| Partition::of(user) == Partition::of(of)).take(count).collect()
}

/// A message about a user, as a server publishes it.
fn message(about: &UserId) -> String {
    let user = about.as_str().to_owned();
    let ack = Message::Ack { user, generation: Generation(1), node: "0".repeat(16) };
    serde_json::to_string(&ack).unwrap()
}

/// Publishes where the slot is. What is subscribed must have settled: a member that is told twice that it owns a slot
/// drops its channels the second time, too, and what is published before they are back is lost (with a gap told).
async fn heard(cluster: &RedisCluster, notices: &mut mpsc::Receiver<Notice>, about: &UserId) {
    let owner = cluster.server(cluster.primary_of(slot(about)).await);
    let _: i64 = owner.query(cmd("SPUBLISH").arg(channel(about)).arg(message(about))).await.unwrap();
    acknowledged(notices, about).await;
}

async fn acknowledged(notices: &mut mpsc::Receiver<Notice>, about: &UserId) {
    loop {
        if let Notice::Message(Message::Ack { user, .. }) = next(notices).await
            && user == about.as_str()
        {
            return;
        }
    }
}

/// Subscribes as soon as there are connections.
async fn subscribe(store: &Redis, user: &UserId) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = store.subscribe(user).await {
        assert!(Instant::now() < deadline, "{error}");
    }
}

async fn hears(store: &Redis) {
    let deadline = Instant::now() + PATIENCE;
    while !store.is_hearing() {
        assert!(Instant::now() < deadline, "never hears");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The users' channels that are subscribed at some members.
async fn subscribed(cluster: &RedisCluster, members: impl IntoIterator<Item = usize>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for member in members.into_iter().filter(|member| cluster.server(*member).is_running()) {
        let channels: Vec<Vec<u8>> =
            cluster.server(member).query(cmd("PUBSUB").arg("SHARDCHANNELS").arg("*:u:*")).await.unwrap();
        all.extend(channels);
    }
    all
}

/// Waits until exactly these are subscribed, each once, over all members.
async fn settles(cluster: &RedisCluster, wanted: &[UserId]) {
    let wanted: HashSet<Vec<u8>> = wanted.iter().map(channel).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let there = subscribed(cluster, 0..cluster.len()).await;
        if there.len() == wanted.len() && there.iter().all(|channel| wanted.contains(channel)) {
            return;
        }
        assert!(Instant::now() < deadline, "{} channels, not {}", there.len(), wanted.len());
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn all_channels_of_a_member_are_subscribed_again_after_its_connection_was_killed() {
    let cluster = RedisCluster::start(3).await;
    let (store, mut notices) = connect(&cluster.url());
    hears(&store).await;
    let users = users(60);
    let slots: HashSet<u16> = users.iter().map(slot).collect();
    assert!(slots.len() > 50, "several slots at each member");
    for user in &users {
        subscribe(&store, user).await;
    }
    for round in 0..2 {
        let before = subscribed(&cluster, [round]).await;
        assert!(before.len() > 5);
        cluster.server(round).command("CLIENT KILL TYPE pubsub").await;
        gap(&mut notices, false).await;
        gap(&mut notices, true).await;
        assert_eq!(subscribed(&cluster, [round]).await.len(), before.len());
    }
    settles(&cluster, &users).await;
    for user in &users {
        heard(&cluster, &mut notices, user).await;
    }
}

#[tokio::test]
async fn a_slot_that_moves_takes_its_channels_along_and_nobody_elses() {
    let cluster = RedisCluster::start(2).await;
    let (store, mut notices) = connect(&cluster.url());
    hears(&store).await;
    let mover = user("mover");
    let (moving, staying) = (neighbours(&mover, 3), users(20));
    for user in moving.iter().chain(&staying) {
        subscribe(&store, user).await;
    }
    let from = cluster.primary_of(slot(&mover)).await;
    cluster.move_slot(slot(&mover), 1 - from).await;
    gap(&mut notices, false).await;
    gap(&mut notices, true).await;
    assert!(store.is_hearing(), "all connections are there, and were");
    let all = [moving, staying].concat();
    settles(&cluster, &all).await;
    for user in &all {
        heard(&cluster, &mut notices, user).await;
    }
}

#[tokio::test]
async fn a_word_of_the_server_that_nobody_asked_for_is_taken_for_nobodys_answer() {
    let cluster = RedisCluster::start(2).await;
    let (store, mut notices) = connect(&cluster.url());
    hears(&store).await;
    let mover = user("mover");
    let moving = neighbours(&mover, 20);
    for user in &moving {
        subscribe(&store, user).await;
    }
    // Others come and go all the time: there is always something in flight that the word could be taken for.
    let done = CancellationToken::new();
    let mut others = JoinSet::new();
    for user in users(32) {
        assert_ne!(slot(&user), slot(&mover));
        let (store, done) = (Arc::clone(&store), done.clone());
        others.spawn(async move {
            while !done.is_cancelled() {
                store.unsubscribe(&user);
                sleep(Duration::from_millis(2)).await;
                store.subscribe(&user).await.unwrap();
            }
            user
        });
    }
    for _ in 0..6 {
        let from = cluster.primary_of(slot(&mover)).await;
        cluster.move_slot(slot(&mover), 1 - from).await;
    }
    done.cancel();
    let others = others.join_all().await;
    let all = [moving, others].concat();
    settles(&cluster, &all).await;
    for user in &all {
        heard(&cluster, &mut notices, user).await;
    }
}

#[tokio::test]
async fn who_subscribes_while_the_slot_moves_is_answered_by_its_new_owner() {
    let cluster = RedisCluster::start(2).await;
    let (store, mut notices) = connect(&cluster.url());
    hears(&store).await;
    let mover = user("mover");
    let done = CancellationToken::new();
    let coming_and_going = async {
        let mut times = 0;
        while !done.is_cancelled() {
            store.subscribe(&mover).await.expect("within the patience of a caller");
            store.unsubscribe(&mover);
            // Long enough to have left: a channel that is still held is no question to anybody.
            sleep(Duration::from_millis(2)).await;
            times += 1;
        }
        times
    };
    let moving = async {
        for _ in 0..6 {
            let from = cluster.primary_of(slot(&mover)).await;
            cluster.move_slot(slot(&mover), 1 - from).await;
        }
        done.cancel();
    };
    let (times, ()) = tokio::join!(coming_and_going, moving);
    assert!(times > 6, "{times} subscriptions");
    store.subscribe(&mover).await.unwrap();
    settles(&cluster, std::slice::from_ref(&mover)).await;
    heard(&cluster, &mut notices, &mover).await;
}

#[tokio::test]
async fn a_member_that_dies_is_a_gap_until_its_replica_is_heard() {
    let mut cluster = RedisCluster::with_replicas(3, 1).await;
    let (store, mut notices) = connect(&cluster.url());
    hears(&store).await;
    let users = users(30);
    for user in &users {
        subscribe(&store, user).await;
    }
    let dies = cluster.primary_of(slot(&users[0])).await;
    cluster.kill(dies);
    gap(&mut notices, false).await;
    assert!(!store.is_hearing());
    // A caller of the meantime is told soon, or is confirmed by the replica: never left hanging.
    let late = neighbours(&users[0], 1).remove(0);
    let asked = Instant::now();
    let answer = store.subscribe(&late).await;
    assert!(matches!(answer, Ok(()) | Err(StoreError::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    gap(&mut notices, true).await;
    subscribe(&store, &late).await;
    let users = [users, vec![late]].concat();
    settles(&cluster, &users).await;
    for user in &users {
        heard(&cluster, &mut notices, user).await;
    }
}

#[tokio::test]
async fn a_planned_failover_moves_the_channels_to_the_promoted_replica() {
    let options = ClusterOptions { primaries: 1, replicas_each: 1, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let (store, mut notices) = connect(&cluster.url());
    hears(&store).await;
    let users = users(10);
    for user in &users {
        subscribe(&store, user).await;
    }
    let promoted = cluster.failover(0).await;
    gap(&mut notices, false).await;
    gap(&mut notices, true).await;
    settles(&cluster, &users).await;
    assert_eq!(subscribed(&cluster, [promoted]).await.len(), users.len());
    for user in &users {
        heard(&cluster, &mut notices, user).await;
    }
}

#[tokio::test]
async fn behind_sentinels_the_promoted_replica_is_heard() {
    let mut rig = RedisSentinel::start().await;
    let (store, mut notices) = connect(&rig.url());
    hears(&store).await;
    let users = users(10);
    for user in &users {
        subscribe(&store, user).await;
    }
    let old = rig.kill_primary().await;
    gap(&mut notices, false).await;
    let new = rig.wait_for_another(old).await;
    gap(&mut notices, true).await;
    for user in &users {
        let publish = cmd("PUBLISH").arg(channel(user)).arg(message(user)).to_owned();
        let receivers: i64 = rig.server(new).query(&publish).await.unwrap();
        assert_eq!(receivers, 1);
        acknowledged(&mut notices, user).await;
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_asked_again_until_it_is_confirmed() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    hears(&store).await;
    let users = users(5);
    for user in &users {
        subscribe(&store, user).await;
    }
    // Redis closes the connections of those who lose a right that they use.
    server.command("ACL SETUSER default resetchannels").await;
    gap(&mut notices, false).await;
    let refused = store.subscribe(&user("late")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(timeout(Duration::from_millis(300), gap(&mut notices, true)).await.is_err());
    server.command("ACL SETUSER default allchannels").await;
    gap(&mut notices, true).await;
    for user in &users {
        let publish = cmd("PUBLISH").arg(channel(user)).arg(message(user)).to_owned();
        let _: i64 = server.query(&publish).await.unwrap();
        acknowledged(&mut notices, user).await;
    }
}
