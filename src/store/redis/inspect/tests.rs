//! What is said of an `INFO`, without a server.

use super::*;
use crate::store::redis::info::version_fault;

fn at(port: u16) -> Address {
    Address { host: "h".to_owned(), port }
}

fn judged(info: &str, in_cluster: bool, watched: bool) -> Inspection {
    let mut findings = Findings::new(false);
    let info = ServerInfo(info.to_owned());
    info.judge(&at(1), in_cluster, watched, &mut findings);
    findings.into_inspection(server::describe([&info].into_iter()))
}

#[test]
fn an_old_redis_is_refused_and_an_unknown_one_is_not() {
    assert!(version_fault("redis_version:6.2.14\r\n").unwrap().contains("6.2.14"));
    for fine in ["redis_version:7.0.0", "redis_version:8.2.1", "redis_version:unstable", ""] {
        assert_eq!(version_fault(fine), None, "{fine}");
    }
}

#[test]
fn what_would_lose_sessions_is_a_fault() {
    let sound = "redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory:0\r\n\
                 maxmemory_policy:allkeys-lru\r\n";
    assert_eq!(judged(sound, false, false).description, "Redis 7.0.15 (standalone)");
    assert!(judged(sound, false, false).faults.is_empty());
    for (fault, word) in [
        ("maxmemory:1000000\nmaxmemory_policy:allkeys-lru", "noeviction"),
        ("role:slave", "replica"),
        ("cluster_enabled:1", "Cluster"),
        ("redis_version:6.2.0", "7.0 or newer"),
    ] {
        assert!(judged(fault, false, false).faults[0].contains(word), "{fault}");
    }
    assert!(judged("cluster_enabled:1", true, false).faults.is_empty());
    assert_eq!(judged("aof_last_write_status:err", false, false).warnings.len(), 1);
}

#[test]
fn replicas_are_missed_where_something_would_fail_over() {
    let alone = "role:master\nconnected_slaves:0\n";
    assert!(judged(alone, false, false).warnings.is_empty());
    assert!(judged(alone, true, false).warnings[0].contains("no replica"));
    let behind = "slave0:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0\nmin_slaves_good_slaves:0\n";
    assert_eq!(
        judged(behind, false, true).warnings,
        ["has a replica at 10.0.0.2:6379 that is not in sync (wait_bgsave)"]
    );
    let sound = "slave0:ip=a,port=1,state=online,offset=1,lag=0\n";
    assert!(judged(sound, true, false).warnings.is_empty());
    assert!(judged(sound, false, true).warnings[0].contains("min-replicas-to-write"));
}

#[test]
fn what_is_wrong_with_several_servers_is_said_once_with_their_names() {
    let mut findings = Findings::new(true);
    findings.warn(Some(&at(1)), "is slow");
    findings.warn(Some(&at(2)), "is slow");
    findings.fault(None, "is odd");
    let inspection = findings.into_inspection(String::new());
    assert_eq!(inspection.warnings, ["at h:1, h:2 is slow"]);
    assert_eq!(inspection.faults, ["is odd"]);
}

#[test]
fn a_cluster_is_described_by_its_primaries_and_replicas() {
    let member = |replicas: &str| ServerInfo(format!("redis_version:7.0.15\nredis_mode:cluster\n{replicas}"));
    let (with, without) = (member("slave0:ip=a,port=1,state=online"), member(""));
    assert_eq!(
        server::describe([&with, &without, &with].into_iter()),
        "Redis 7.0.15, 3 primaries, 2 replicas"
    );
    assert_eq!(server::describe([&with].into_iter()), "Redis 7.0.15, 1 primary, 1 replica");
}

#[test]
fn slots_that_nobody_serves_are_a_fault() {
    let mut findings = Findings::new(true);
    judge_slots(&Layout::single(at(1)), &mut findings);
    judge_slots(&Layout::of_ranges([(0, 16_000, at(1))]), &mut findings);
    let inspection = findings.into_inspection(String::new());
    assert_eq!(inspection.faults.len(), 1);
    assert!(inspection.faults[0].starts_with("has 383 of 16384 slots"), "{inspection:?}");
}
