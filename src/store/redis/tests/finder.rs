//! Finding the primaries among real servers that die, are promoted, and give slots away.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::chaos_proxy::{ChaosProxy, Fault};
use super::redis_cluster::{ClusterOptions, RedisCluster};
use super::redis_sentinel::{MASTER, RedisSentinel};
use super::redis_server::RedisServer;
use crate::chance::Chance;
use crate::config::RedisUrl;
use crate::store::redis::backoff::Backoff;
use crate::store::redis::connector::Connector;
use crate::store::redis::finder::{Finder, Layouts};
use crate::store::redis::layout::{Address, Layout};

/// Elections on two busy cores take their time.
const PATIENCE: Duration = Duration::from_secs(30);

struct Found {
    layouts: Layouts,
    _stop: DropGuard,
}

fn find(url: &str) -> Found {
    let url = RedisUrl::parse(url).unwrap();
    let connector = Connector::new(url.login.as_ref(), url.database, None).unwrap();
    let (finder, layouts) = Finder::new(&url, &connector, Backoff::new(Arc::new(Chance::system())));
    let stop = CancellationToken::new();
    tokio::spawn(finder.run(stop.clone()));
    Found { layouts, _stop: stop.drop_guard() }
}

impl Found {
    /// The layout once it is as wanted; doubted again and again meanwhile, as a line without a server does.
    async fn once(&self, what: &str, wanted: impl Fn(&Layout) -> bool) -> Arc<Layout> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let fits = |layout: &Option<Arc<Layout>>| layout.as_deref().is_some_and(&wanted);
            let mut current = self.layouts.current.clone();
            if let Ok(found) = timeout(Duration::from_millis(100), current.wait_for(fits)).await {
                return found.unwrap().clone().unwrap();
            }
            let primaries = self.layouts.current.borrow().as_ref().map(|now| now.primaries().to_vec());
            let trouble = self.layouts.doubts.trouble();
            assert!(Instant::now() < deadline, "never: {what}; {primaries:?}, {trouble:?}");
            self.layouts.doubts.doubt();
        }
    }
}

fn at(address: std::net::SocketAddr) -> Address {
    Address { host: address.ip().to_string(), port: address.port() }
}

#[tokio::test]
async fn a_single_server_is_known_from_the_start() {
    let found = find("redis://nowhere.invalid:1");
    let layout = found.layouts.current.borrow().clone().unwrap();
    assert_eq!(layout.primaries()[0].to_string(), "nowhere.invalid:1");
    assert!(!found.layouts.is_cluster);
}

#[tokio::test]
async fn one_sentinel_is_enough_to_find_the_primary_and_to_learn_the_others() {
    let mut rig = RedisSentinel::start().await;
    let named = rig.sentinel(0).address();
    let found = find(&format!("redis+sentinel://{named}/{MASTER}"));
    let first = at(rig.server(0).address());
    found.once("the primary is found", |layout| layout.primaries() == [first.clone()]).await;

    rig.kill_sentinel(0);
    let old = rig.kill_primary().await;
    let died = Instant::now();
    let new = at(rig.server(rig.wait_for_another(old).await).address());
    found.once("the promoted replica is found", |layout| layout.primaries() == [new.clone()]).await;
    // Sentinel needs its second (`down_after`) and an election; the bound is for a busy machine.
    assert!(died.elapsed() < Duration::from_secs(15), "{:?}", died.elapsed());
}

#[tokio::test]
async fn a_promotion_is_heard_of_without_a_doubt() {
    let rig = RedisSentinel::start().await;
    let found = find(&rig.url());
    found.once("the primary is found", |_| true).await;
    // Long enough that the pause after the first look is over, and the finder only listens.
    sleep(Duration::from_millis(300)).await;
    let new = at(rig.server(rig.failover().await).address());
    let promoted = Instant::now();
    let fits =
        |layout: &Option<Arc<Layout>>| layout.as_ref().is_some_and(|it| it.primaries() == [new.clone()]);
    let mut current = found.layouts.current.clone();
    timeout(PATIENCE, current.wait_for(fits)).await.unwrap().unwrap();
    assert!(promoted.elapsed() < Duration::from_secs(5), "before it looks anyway: {:?}", promoted.elapsed());
}

/// The primary of before came back with the one Sentinel that had missed its end, and for as long as the others did not
/// answer the node went over to it: what was acknowledged there was gone when it was demoted.
#[tokio::test]
async fn a_sentinel_that_has_missed_a_failover_does_not_lead_back_to_the_primary_of_before() {
    let mut rig = RedisSentinel::start().await;
    let found = find(&rig.url());
    let old = rig.current_primary().await;
    found.once("the primary is found", |_| true).await;
    rig.kill_sentinel(2);
    // Asked for, because two of three often vote for themselves.
    let new = at(rig.server(rig.failover().await).address());
    found.once("the promoted replica is found", |layout| layout.primaries() == [new.clone()]).await;

    // Who knows better is silent. Alone the other one would have the new primary follow the old one only after a while.
    (0..2).for_each(|index| rig.sentinel(index).freeze());
    rig.server(old).query::<()>(cmd("REPLICAOF").arg("NO").arg("ONE")).await.unwrap();
    rig.restart_sentinel(2).await;
    let deadline = Instant::now() + PATIENCE;
    while !found.layouts.doubts.trouble().is_some_and(|trouble| trouble.contains("know of failover")) {
        assert!(Instant::now() < deadline, "{:?}", found.layouts.doubts.trouble());
        let current = found.layouts.current.borrow().clone().unwrap();
        assert_eq!(current.primaries(), std::slice::from_ref(&new));
        found.layouts.doubts.doubt();
        sleep(Duration::from_millis(10)).await;
    }
}

/// Three round trips of 400 ms each are more than a look gives a Sentinel at first, and the next one began anew: on a
/// slow line, or a machine that was too busy, the primary was never found.
#[tokio::test]
async fn a_sentinel_that_answers_slowly_is_given_more_time_with_each_look() {
    let rig = RedisSentinel::start().await;
    let proxy = ChaosProxy::before(rig.sentinel(0).address()).await;
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    // The rig's other Sentinels, which are quick, are not known to it until this one has answered.
    let found = find(&format!("redis+sentinel://{}/{MASTER}", proxy.address()));
    let primary = at(rig.server(0).address());
    found.once("the primary is found", |layout| layout.primaries() == [primary.clone()]).await;
}

#[tokio::test]
async fn a_primary_that_the_sentinels_name_and_that_is_none_is_not_believed() {
    // A "Sentinel" that names a replica: the replica itself is found out by its ROLE.
    let rig = RedisSentinel::start().await;
    let found = find(&format!("redis+sentinel://{}/unheard-of", rig.server(0).address()));
    let unknown = async || loop {
        if let Some(trouble) = found.layouts.doubts.trouble() {
            break trouble;
        }
        sleep(Duration::from_millis(10)).await;
    };
    let trouble = timeout(PATIENCE, unknown()).await.unwrap();
    assert!(trouble.contains("unknown command"), "{trouble}");
    assert!(found.layouts.current.borrow().is_none());
}

#[tokio::test]
async fn one_member_is_enough_to_find_the_primaries_of_a_cluster() {
    let mut cluster = RedisCluster::start(3).await;
    let found = find(&cluster.url_of([1]));
    assert!(found.layouts.is_cluster);
    let expected: Vec<Address> = (0..3).map(|index| at(cluster.server(index).address())).collect();
    let layout = found.once("all primaries", |layout| layout.primaries().len() == 3).await;
    for slot in [0, 5_461, 8_192, 16_383] {
        let owner = layout.owner(slot).unwrap();
        assert_eq!(*owner, expected[cluster.primary_of(slot).await], "slot {slot}");
    }
    let empty = cluster.add_primary().await;
    let empty = at(cluster.server(empty).address());
    found.once("a primary without slots", |layout| layout.primaries().contains(&empty)).await;
}

#[tokio::test]
async fn a_slot_that_moves_is_found_at_its_new_owner_and_no_other_changes() {
    let cluster = RedisCluster::start(3).await;
    let found = find(&cluster.url());
    let before = found.once("all slots", |layout| (0..16_384).all(|slot| layout.owner(slot).is_some())).await;
    let from = cluster.primary_of(7).await;
    let to = (from + 1) % 3;
    cluster.move_slot(7, to).await;
    let new = at(cluster.server(to).address());
    let after = found.once("the slot's new owner", |layout| layout.owner(7) == Some(&new)).await;
    assert!((0..16_384).all(|slot| slot == 7 || before.owner(slot) == after.owner(slot)));
}

#[tokio::test]
async fn a_primary_that_dies_is_followed_by_its_replica_though_no_named_server_lives() {
    let options = ClusterOptions { replicas_each: 1, ..ClusterOptions::default() };
    let mut cluster = RedisCluster::start_with(options).await;
    let found = find(&cluster.url_of([0]));
    found.once("all primaries", |layout| layout.primaries().len() == 3).await;
    let replica = at(cluster.server(cluster.replica_of(0).await).address());
    let slot = 0;
    cluster.kill(0);
    found.once("the promoted replica", |layout| layout.owner(slot) == Some(&replica)).await;
}

#[tokio::test]
async fn any_number_of_doubts_is_a_look_now_and_then() {
    let server = RedisServer::start_with(&["--cluster-enabled", "yes", "--save", ""]).await;
    let found = find(&format!("redis+cluster://{}", server.address()));
    found.once("a layout without owners", |layout| layout.owner(0).is_none()).await;
    let looks = async || {
        let stats: String = server.query(cmd("INFO").arg("commandstats")).await.unwrap();
        let line = stats.lines().find(|line| line.starts_with("cmdstat_cluster|shards")).unwrap().to_owned();
        let calls = line.split(['=', ',']).nth(1).unwrap();
        calls.parse::<u32>().unwrap()
    };
    let before = looks().await;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        found.layouts.doubts.doubt();
        sleep(Duration::from_millis(1)).await;
    }
    let during = looks().await - before;
    // Pauses of 0 to 50, 100, … 1,600 ms; chance may make any of them short.
    assert!((1..=30).contains(&during), "{during} looks in two seconds");
}
