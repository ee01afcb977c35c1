//! Servers that may have forgotten, and how the node is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::{open, partitions, slot};
use super::redis_cluster::RedisCluster;
use super::redis_sentinel::RedisSentinel;
use super::redis_server::RedisServer;
use super::{Chance, Redis, connect, failover, login, seated, user};
use crate::config::{RedisConfig, RedisUrl};
use crate::domain::{Partition, PartitionSet};
use crate::store::redis::layout::slot_of;
use crate::store::{Notice, Store as _, StoreError};

/// Waits until the line to the only server leads to another life, or leads there anew.
async fn reconnects(store: &Redis, disturb: impl Future<Output = String>) {
    let life = || store.commands.routes.borrow().owner(0).and_then(|line| line.life());
    let before = life();
    disturb.await;
    let start = Instant::now();
    while life().is_none_or(|now| before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &now))) {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not connect again");
        let _ = store.time_us().await;
        sleep(Duration::from_millis(5)).await;
    }
}

/// A node that looks so often whether the server remembers.
fn connect_looking(server: &RedisServer, every: Duration) -> (Arc<Redis>, mpsc::Receiver<Notice>) {
    let config =
        RedisConfig { look_every: every, ..RedisConfig::of(RedisUrl::parse(&server.url()).unwrap()) };
    Redis::open_with(&config, Arc::new(Chance::system())).unwrap()
}

async fn hears_of_no_failover(notices: &mut mpsc::Receiver<Notice>) {
    let heard = timeout(Duration::from_secs(1), failover(notices)).await;
    assert!(heard.is_err(), "nothing was forgotten");
}

#[tokio::test]
async fn an_emptied_database_is_noticed_by_every_node() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    let (other, mut others) = connect(&server.url());
    let user = user("user1");
    for store in [&store, &other] {
        seated(store.login(&login(&user)).await.unwrap());
    }
    server.command("FLUSHALL").await;
    // Whoever comes first writes the mark again; it is another one.
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
    assert_eq!(failover(&mut others).await, PartitionSet::ALL);
    hears_of_no_failover(&mut notices).await;
}

/// Until the next heartbeat tokens were called unknown that some node was about to restore.
#[tokio::test]
async fn who_asks_for_what_is_missing_notices_an_emptied_database_at_once() {
    let server = RedisServer::start().await;
    let every = Duration::from_secs(3600);
    let (store, mut notices) = connect_looking(&server, every);
    let (other, mut others) = connect_looking(&server, every);
    let partition = Partition::of(&user("user1"));
    for store in [&store, &other] {
        store.time_us().await.unwrap();
        assert!(store.remembers(partition).await.unwrap());
    }
    server.command("FLUSHALL").await;
    assert!(!store.remembers(partition).await.unwrap());
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
    assert!(!store.remembers(partition).await.unwrap(), "the node may not have acted on it yet");
    // By now there is another mark.
    assert!(!other.remembers(partition).await.unwrap());
    assert_eq!(failover(&mut others).await, PartitionSet::ALL);
    let start = Instant::now();
    while !store.remembers(partition).await.unwrap() || !other.remembers(partition).await.unwrap() {
        assert!(start.elapsed() < Duration::from_secs(20), "it is suspected for ever");
        sleep(Duration::from_millis(10)).await;
    }
    hears_of_no_failover(&mut notices).await;
}

/// Of a node without sockets no renewal finds anything missing.
#[tokio::test]
async fn an_emptied_database_is_noticed_as_often_as_the_node_renews() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect_looking(&server, Duration::from_millis(200));
    store.time_us().await.unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        server.command("FLUSHALL").await;
        assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
        let noticed = start.elapsed();
        assert!(noticed < Duration::from_secs(3), "after {noticed:?}");
    }
}

#[tokio::test]
async fn a_restarted_redis_is_noticed_even_if_it_has_forgotten_nothing() {
    let mut server = RedisServer::durable().await;
    let (store, mut notices) = connect(&server.url());
    seated(store.login(&login(&user("user1"))).await.unwrap());
    server.kill();
    server.restart().await;
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
}

#[tokio::test]
async fn a_new_connection_to_the_same_redis_is_nothing_to_notice() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    store.time_us().await.unwrap();
    reconnects(&store, server.command("CLIENT KILL TYPE normal")).await;
    hears_of_no_failover(&mut notices).await;
}

/// It has taken over what another primary knew, and the writes that this one did not have are gone; its process,
/// its address and the mark are the same as before.
#[tokio::test]
async fn a_primary_that_was_a_replica_in_between_is_noticed() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    store.time_us().await.unwrap();
    server.command("REPLICAOF 127.0.0.1 1").await;
    server.command("REPLICAOF NO ONE").await;
    reconnects(&store, server.command("CLIENT KILL TYPE normal")).await;
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
}

/// A Cluster that fails over and back within one heartbeat: no command need have met the replica, and neither closes
/// the connection.
#[tokio::test]
async fn a_primary_that_was_a_replica_for_a_moment_is_noticed_on_the_same_connection() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect_looking(&server, Duration::from_millis(500));
    store.time_us().await.unwrap();
    // In one packet: nobody meets the replica.
    server.command("REPLICAOF 127.0.0.1 1\r\nREPLICAOF NO ONE").await;
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
    hears_of_no_failover(&mut notices).await;
}

#[tokio::test]
async fn a_redis_that_does_not_say_which_one_it_is_is_suspected_at_every_contact() {
    let server = RedisServer::start().await;
    server.command("ACL SETUSER node on >secret ~* &* +@all -info").await;
    let (store, mut notices) = connect(&server.url().replace("//", "//node:secret@"));
    store.time_us().await.unwrap();
    hears_of_no_failover(&mut notices).await;
    reconnects(&store, server.command("CLIENT KILL TYPE normal")).await;
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
}

#[tokio::test]
async fn a_primary_that_is_short_of_replicas_still_answers_checks() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let old = login(&user("user1"));
    seated(store.login(&old).await.unwrap());
    server.command("CONFIG SET min-replicas-to-write 1").await;
    // A node that starts now, too.
    let (late, _notices) = connect(&server.url());
    for store in [&store, &late] {
        let refused = store.login(&login(&user("user1"))).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(store.get(old.id, false).await.unwrap().unwrap().is_live());
    }
}

#[tokio::test]
async fn an_emptied_primary_of_a_cluster_is_noticed_for_exactly_its_partitions() {
    let cluster = RedisCluster::start(3).await;
    let (_store, mut notices) = open(&cluster).await;
    let (_other, mut others) = open(&cluster).await;
    // The rig shares the slots out evenly.
    for (primary, slots) in [(2, 10_922..16_384), (0, 0..5_461)] {
        cluster.server(primary).command("FLUSHALL").await;
        let its = partitions(|slot| slots.contains(&slot));
        assert_eq!(failover(&mut notices).await, its);
        assert_eq!(failover(&mut others).await, its);
    }
}

#[tokio::test]
async fn slots_that_moved_are_noticed_and_the_marks_follow() {
    let cluster = RedisCluster::start(2).await;
    let (store, mut notices) = open(&cluster).await;
    // The mark's own slot, which is that of a partition as well; its first owner needs another mark then.
    let meta = slot_of(b"hs:meta");
    let from = cluster.primary_of(meta).await;
    cluster.move_slot(meta, 1 - from).await;
    let user = user("user1");
    assert_ne!(slot(&user), meta);
    store.commands.doubts.doubt();
    assert_eq!(failover(&mut notices).await, partitions(|slot| slot == meta));
    seated(store.login(&login(&user)).await.unwrap());

    let kept =
        |slot: u16| if from == 0 { slot < 8_192 && slot != meta } else { slot >= 8_192 && slot != meta };
    cluster.server(from).command("FLUSHALL").await;
    assert_eq!(failover(&mut notices).await, partitions(kept));
    cluster.server(1 - from).command("FLUSHALL").await;
    assert_eq!(failover(&mut notices).await, partitions(|slot| !kept(slot)));
}

#[tokio::test]
async fn a_failover_behind_sentinels_is_followed_and_noticed() {
    let sentinels = RedisSentinel::start().await;
    let (store, mut notices) = connect(&sentinels.url());
    let user = user("user1");
    let old = login(&user);
    let start = Instant::now();
    while let Err(error) = store.login(&old).await {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
    }
    sentinels.failover().await;
    let start = Instant::now();
    let (_, replaced) = loop {
        // The demoted primary answers READONLY or not at all: neither is a decision, and both are followed up.
        match store.login(&login(&user)).await {
            Ok(outcome) => break seated(outcome),
            Err(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "no login after a planned failover");
    };
    println!("logins are back {:?} after the promotion", start.elapsed());
    assert!(replaced.len() <= 1);
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
}
