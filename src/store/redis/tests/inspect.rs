//! What `hotseat check` says of real servers.

use std::time::Duration;

use redis::cmd;
use tokio::time::{Instant, sleep};

use super::redis_cluster::{ClusterOptions, RedisCluster};
use super::redis_sentinel::{RedisSentinel, SentinelOptions};
use super::{Redis, connect};
use crate::store::{Inspection, Store as _};

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until the answer is as wanted: a store that was opened just now is not connected everywhere yet.
async fn until(store: &Redis, wanted: impl Fn(&Inspection) -> bool) -> Inspection {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = store.inspect().await;
        match answer {
            Ok(inspection) if wanted(&inspection) => return inspection,
            answer => assert!(Instant::now() < deadline, "{answer:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn says(findings: &[String], words: &str) -> bool {
    findings.iter().any(|finding| finding.contains(words))
}

#[tokio::test]
async fn a_cluster_is_described_whole_and_what_it_lacks_is_named() {
    let options = ClusterOptions { primaries: 2, replicas_each: 1, ..ClusterOptions::default() };
    let mut cluster = RedisCluster::start_with(options).await;
    let (store, _notices) = connect(&cluster.url());
    let sound = until(&store, |inspection| inspection.faults.is_empty()).await;
    let described = &sound.description;
    assert!(
        described.starts_with("Redis ") && described.ends_with(", 2 primaries, 2 replicas (Cluster)"),
        "{sound:?}"
    );
    assert!(!says(&sound.warnings, "replica"), "{sound:?}");

    let replica = cluster.replica_of(0).await;
    cluster.kill(replica);
    let lacking = until(&store, |inspection| says(&inspection.warnings, "has no replica")).await;
    let place = cluster.server(0).address().to_string();
    assert!(says(&lacking.warnings, &format!("at {place} has no replica")), "{lacking:?}");

    // Members do not tell each other that a slot is nobody's: each has to be told.
    for member in (0..cluster.len()).filter(|member| *member != replica) {
        let _: () = cluster.server(member).query(cmd("CLUSTER").arg("DELSLOTS").arg(0).arg(1)).await.unwrap();
    }
    let broken = until(&store, |inspection| !inspection.faults.is_empty()).await;
    assert!(says(&broken.faults, "has 2 of 16384 slots that no primary serves"), "{broken:?}");
}

#[tokio::test]
async fn a_primary_that_is_away_is_named_among_those_that_answer() {
    let mut cluster = RedisCluster::start(3).await;
    let (store, _notices) = connect(&cluster.url());
    until(&store, |inspection| inspection.faults.is_empty()).await;
    cluster.kill(1);
    let place = cluster.server(1).address().to_string();
    let broken = until(&store, |inspection| !inspection.faults.is_empty()).await;
    assert!(says(&broken.faults, &format!("at {place} does not answer")), "{broken:?}");
}

#[tokio::test]
async fn sentinels_that_could_not_fail_over_are_a_fault() {
    let options = SentinelOptions { replicas: 1, sentinels: 2, ..SentinelOptions::default() };
    let mut rig = RedisSentinel::start_with(options).await;
    let (store, _notices) = connect(&rig.url());
    let sound = until(&store, |inspection| inspection.faults.is_empty()).await;
    assert!(
        sound.description.ends_with("1 replica, behind 2 Sentinels (master hotseat, quorum 2)"),
        "{sound:?}"
    );
    assert!(says(&sound.warnings, "has 2 Sentinels: 3 are needed"), "{sound:?}");
    assert!(says(&sound.warnings, "set min-replicas-to-write 1"), "{sound:?}");

    rig.kill_sentinel(1);
    let broken = until(&store, |inspection| !inspection.faults.is_empty()).await;
    assert!(says(&broken.faults, "could not fail over"), "{broken:?}");
    assert!(says(&broken.warnings, "that can't be asked"), "{broken:?}");
}
