//! The rigs of Redis Cluster and Sentinel do what the tests that stand on them take for granted.

use redis::cmd;

use crate::support::redis_cluster::{ClusterOptions, RedisCluster};
use crate::support::redis_sentinel::RedisSentinel;

/// Of the key `foo`.
const SLOT: u16 = 12_182;

#[tokio::test]
async fn a_slot_moves_with_its_keys_and_a_primary_can_be_added() {
    let mut cluster = RedisCluster::start(3).await;
    let from = cluster.primary_of(SLOT).await;
    for index in 0..25 {
        let set = cmd("SET").arg(format!("{index}{{foo}}")).arg(index).to_owned();
        cluster.server(from).query::<()>(&set).await.unwrap();
    }
    let to = cluster.add_primary().await;
    cluster.move_slot(SLOT, to).await;
    assert_eq!(cluster.primary_of(SLOT).await, to);
    let got: u32 = cluster.server(to).query(cmd("GET").arg("7{foo}")).await.unwrap();
    assert_eq!(got, 7);
    let moved = cluster.server(from).query::<u32>(cmd("GET").arg("7{foo}")).await.unwrap_err();
    assert!(moved.to_string().contains(&cluster.server(to).address().to_string()), "{moved}");
}

#[tokio::test]
async fn a_dead_primary_of_a_cluster_is_replaced_and_comes_back_as_a_replica() {
    let options = ClusterOptions { replicas_each: 1, ..ClusterOptions::default() };
    let mut cluster = RedisCluster::start_with(options).await;
    let planned = cluster.failover(cluster.primary_of(SLOT).await).await;
    assert_eq!(cluster.primary_of(SLOT).await, planned);
    cluster.kill(planned);
    let next = cluster.primary_of(SLOT).await;
    assert_ne!(next, planned);
    cluster.restart(planned).await;
    cluster.wait_until_whole().await;
    assert_eq!(cluster.replica_of(next).await, planned);
}

#[tokio::test]
async fn sentinels_replace_a_dead_primary() {
    let mut rig = RedisSentinel::start().await;
    let old = rig.kill_primary().await;
    let new = rig.wait_for_another(old).await;
    rig.server(new).query::<()>(cmd("SET").arg("foo").arg("1")).await.unwrap();
    rig.restart(old).await;
    rig.wait_until_whole().await;
    assert_ne!(rig.failover().await, new);
}
