//! The engine on a real Redis Cluster: the whole contract, lost connections and replies, primaries that change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::chaos_proxy::{ChaosProxy, Loss};
use super::redis_cluster::{ClusterOptions, RedisCluster};
use super::redis_server::{own_host, with_bus};
use super::{Redis, connect, events_of, failover, login, seated, user};
use crate::domain::{Partition, PartitionSet, SeatLimits, UserId};
use crate::store::conformance::Bench;
use crate::store::redis::layout::slot_of;
use crate::store::{Login, Notice, Store as _, StoreError};

mod conformance {
    crate::store::conformance::conformance_suite_by_file!(crate::store::redis::tests::cluster::ground);
}

/// A Cluster that is emptied for each case, because a new one takes seconds to serve.
struct Ground(RedisCluster);

async fn ground() -> Ground {
    Ground(RedisCluster::start(3).await)
}

impl Ground {
    async fn bench(&self) -> Bench {
        for primary in 0..self.0.len() {
            self.0.server(primary).command("FLUSHALL").await;
        }
        let (store, notices) = open(&self.0).await;
        let (second, more_notices) = open(&self.0).await;
        Bench::new(store, notices, ()).with_second(second, more_notices)
    }
}

/// Where all that a user has lies.
pub(super) fn slot(user: &UserId) -> u16 {
    slot_of_partition(Partition::of(user))
}

fn slot_of_partition(partition: Partition) -> u16 {
    slot_of(format!("{{{partition}}}").as_bytes())
}

pub(super) fn partitions(is_in: impl Fn(u16) -> bool) -> PartitionSet {
    Partition::all().filter(|partition| is_in(slot_of_partition(*partition))).collect()
}

/// Users of all parts of the key space.
pub(super) fn users(count: usize) -> Vec<UserId> {
    (0..count).map(|number| user(&format!("user{number}"))).collect()
}

pub(super) fn seats(count: u32) -> SeatLimits {
    SeatLimits { of_class: None, in_all: Some(count) }
}

/// A store that has reached every primary.
pub(super) async fn open(cluster: &RedisCluster) -> (Arc<Redis>, mpsc::Receiver<Notice>) {
    let (store, notices) = connect(&cluster.url());
    recovers(&store).await;
    (store, notices)
}

pub(super) async fn recovers(store: &Redis) {
    let start = Instant::now();
    while let Err(error) = store.time_us().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Seats each user once and answers the logins.
pub(super) async fn seat(store: &Redis, users: &[UserId]) -> Vec<Login> {
    let mut logins = Vec::new();
    for user in users {
        let login = login(user);
        seated(store.login(&login).await.unwrap());
        logins.push(login);
    }
    logins
}

/// Whether a login is refused in the way of a store that is away, not answered wrongly.
fn is_away(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))
}

#[tokio::test]
async fn a_lost_connection_to_one_primary_is_made_again_and_the_others_go_on() {
    let cluster = RedisCluster::start(3).await;
    let (store, mut notices) = open(&cluster).await;
    let logins = seat(&store, &users(30)).await;
    for round in 0..6 {
        cluster.server(round % 3).command("CLIENT KILL TYPE normal").await;
        for login in &logins {
            let record = store.get(login.id, true).await.unwrap().unwrap();
            assert_eq!((record.session.id, &record.session.user), (login.id, &login.user));
        }
        let another = Login { limits: seats(2), ..login(&logins[round].user) };
        let (_, replaced) = seated(store.login(&another).await.unwrap());
        assert!(replaced.is_empty());
    }
    while let Ok(notice) = notices.try_recv() {
        assert!(!matches!(notice, Notice::Failover(_)), "the same servers");
    }
}

/// The library's cluster connection sends a command again whose reply was lost, whatever it was.
#[tokio::test]
async fn a_login_whose_reply_was_lost_counts_once() {
    let servers: Vec<SocketAddr> = (0..3).map(|_| with_bus(own_host())).collect();
    let mut proxies = Vec::new();
    for server in &servers {
        proxies.push(ChaosProxy::before(*server).await);
    }
    let fronts = proxies.iter().map(ChaosProxy::address).collect();
    let options = ClusterOptions { primaries: 3, fronts, ..ClusterOptions::default() };
    let cluster = RedisCluster::start_with(options).await;
    let (store, _notices) = open(&cluster).await;
    for (user, how) in users(6).iter().zip([Loss::Cut, Loss::Silence].into_iter().cycle()) {
        let old = login(user);
        seated(store.login(&old).await.unwrap());
        let request = login(user);
        let proxy = &proxies[cluster.primary_of(slot(user)).await];
        proxy.lose_reply_to(request.id.as_bytes(), how);
        let (session, replaced) = seated(store.login(&request).await.unwrap());
        assert!(proxy.has_lost(), "the reply was lost");
        assert_eq!(replaced.iter().map(|record| record.session.id).collect::<Vec<_>>(), [old.id]);
        assert_eq!(store.sessions_of(user, 60_000).await.unwrap(), [session]);
        assert_eq!(events_of(&*store, user, 10).await.len(), 2, "it happened once");
    }
}

#[tokio::test]
async fn a_planned_failover_is_followed_and_noticed_for_exactly_its_partitions() {
    let cluster = RedisCluster::with_replicas(2, 1).await;
    let (store, mut notices) = open(&cluster).await;
    let logins = seat(&store, &users(20)).await;
    cluster.failover(0).await;
    // What is asked meanwhile finds out.
    for old in &logins {
        let (_, replaced) = seated(store.login(&login(&old.user)).await.unwrap());
        assert_eq!(replaced[0].session.id, old.id, "it loses nothing");
    }
    assert_eq!(failover(&mut notices).await, partitions(|slot| slot < 8_192));
    assert!(notices.try_recv().is_err(), "told once");
}

#[tokio::test]
async fn a_primary_that_dies_is_followed_by_its_replica() {
    let mut cluster = RedisCluster::with_replicas(3, 1).await;
    let (store, mut notices) = open(&cluster).await;
    let of_first = users(20).into_iter().find(|user| slot(user) < 5_461).unwrap();
    let of_second = users(20).into_iter().find(|user| slot(user) >= 5_461).unwrap();
    seat(&store, &[of_first.clone(), of_second.clone()]).await;
    cluster.kill(0);
    let start = Instant::now();
    while let Err(error) = store.login(&login(&of_first)).await {
        assert!(is_away(&error), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30), "{error}");
        // The other primary is asked as ever, unless the whole Cluster refuses for a moment.
        if let Err(error) = store.login(&login(&of_second)).await {
            assert!(is_away(&error), "{error}");
        }
    }
    println!("logins are back {:?} after the death of their primary (node timeout 1 s)", start.elapsed());
    assert_eq!(failover(&mut notices).await, partitions(|slot| slot < 5_461));
    recovers(&store).await;
}

#[tokio::test]
async fn a_part_of_the_slots_that_nobody_serves_makes_the_store_unavailable() {
    let mut cluster = RedisCluster::start(3).await;
    let (store, _notices) = open(&cluster).await;
    let address = cluster.server(1).address().to_string();
    cluster.kill(1);
    let start = Instant::now();
    let refused = loop {
        match store.time_us().await {
            Ok(_) => assert!(start.elapsed() < Duration::from_secs(20), "a third of the slots is gone"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, StoreError::Unavailable(why) if why.contains(&address)), "{refused:?}");
    cluster.restart(1).await;
    recovers(&store).await;
}
